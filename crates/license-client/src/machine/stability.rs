//! Expected lifetime of the machine's identity.

use license_core::machine::ComponentKind::{self, AssignedId, MachineId, ProductUuid};

use super::configured_id::id_variable;
use super::container::Environment;
use super::{FoundComponent, MachineFacts};
use crate::value::named_value;

/// How well the identity survives changes to the machine.
///
/// ```
/// use license_client::Stability;
///
/// let stability: Stability = "fair".parse()?;
/// assert_eq!(stability, Stability::Fair);
/// # Ok::<(), license_core::encoding::ValueError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stability {
    /// A configured id, or the system's machine id with enough other components to recognize the
    /// machine after a reinstallation.
    Stable,
    /// Only one id: the system's machine id or the UUID of the board.
    Fair,
    /// No id, only hardware components that may be replaced.
    Weak,
    /// Nothing identifies the machine.
    None,
}

impl Stability {
    /// All values, from the best to the worst.
    pub const ALL: &'static [Self] = &[Self::Stable, Self::Fair, Self::Weak, Self::None];

    /// Returns the value with this name.
    ///
    /// ```
    /// use license_client::Stability;
    ///
    /// assert_eq!(Stability::parse("weak"), Some(Stability::Weak));
    /// assert_eq!(Stability::parse("strong"), None);
    /// ```
    pub fn parse(name: &str) -> Option<Self> {
        let mut all = Self::ALL.iter().copied();
        all.find(|stability| stability.as_str() == name)
    }

    /// Returns the name in reports.
    ///
    /// ```
    /// use license_client::Stability;
    ///
    /// assert_eq!(Stability::Fair.as_str(), "fair");
    /// ```
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stable => "stable",
            Self::Fair => "fair",
            Self::Weak => "weak",
            Self::None => "none",
        }
    }
}

named_value!(Stability, "`stable`, `fair`, `weak` or `none`");

impl MachineFacts {
    /// Returns how well the identity survives changes, according to the collected components.
    /// [`MachineFacts::identify`] collects too few components for [`Stability::Stable`], unless an
    /// id is configured.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let vendor = fixture::Vendor::new()?;
    /// # let machine = fixture::Workstation::with_license(&vendor, "PRO")?;
    /// # let manager = &machine.manager;
    /// let facts = manager.facts();
    /// println!("{}: {}", facts.stability(), facts.explain());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn stability(&self) -> Stability {
        let has = |kind| self.found().any(|found| found.kind() == kind);
        if has(AssignedId) {
            return Stability::Stable;
        }
        match self.machine_id() {
            Some(_) if self.is_recognized_without_id() => Stability::Stable,
            Some(_) => Stability::Fair,
            None if has(ProductUuid) => Stability::Fair,
            None if self.digest().is_some() => Stability::Weak,
            None => Stability::None,
        }
    }

    /// Returns an explanation for the user. The last sentence is advice, if the stability can be
    /// improved.
    ///
    /// ```
    /// use license_client::{MachineFacts, Stability};
    /// use license_core::ProductCode;
    ///
    /// let facts = MachineFacts::collect(ProductCode::parse("CODITECT")?, None);
    /// let advises = facts.explain().contains("CODITECT_MACHINE_ID");
    /// assert_eq!(advises, facts.stability() != Stability::Stable);
    /// # Ok::<(), license_core::ids::NameError>(())
    /// ```
    pub fn explain(&self) -> String {
        match self.stability() {
            Stability::Stable => self.explain_stable(),
            Stability::Fair => self.explain_fair(),
            Stability::Weak => format!(
                "No machine id was found, so replacing two hardware components makes this a different machine. {}",
                self.advice("this machine, such as its asset number")
            ),
            Stability::None => self.explain_none(),
        }
    }

    fn explain_stable(&self) -> String {
        let is_configured = |found: &&FoundComponent| found.kind() == AssignedId;
        if self.found().any(|found| is_configured(&found)) {
            return "The machine id is configured, so hardware changes do not change the identity of this machine.".into();
        }
        let others = self.count_others();
        format!(
            "The system's machine id identifies this machine, and {others} other components identify it after a reinstallation."
        )
    }

    fn explain_fair(&self) -> String {
        if self.machine_id().is_none() {
            return format!(
                "No machine id can be used here, so the board's UUID identifies this machine. A new board makes it a different machine. {}",
                self.advice("this machine, such as its asset number")
            );
        }
        match self.environment() {
            Environment::Machine => format!(
                "Only the machine id identifies this machine, so reinstalling the system makes it a different machine. {}",
                self.advice("this machine, such as its asset number")
            ),
            Environment::Wsl => format!(
                "Under WSL each distribution has a machine id, which changes with a reinstallation and is the same in a copy. {}",
                self.advice("this machine, such as its asset number")
            ),
            Environment::Container(kind) => format!(
                "The machine id was mounted into this {kind} container, so all containers with it count as one machine. {}",
                self.advice("this container to distinguish them")
            ),
            Environment::SystemContainer(kind) => format!(
                "Only the machine id identifies this {kind} container, so a copy of it counts as the same machine. {}",
                self.advice("this container, such as its name")
            ),
        }
    }

    fn explain_none(&self) -> String {
        match self.container() {
            Some(kind) => format!(
                "Nothing identifies this {kind} container. {}",
                self.advice("this container, such as the name of its workload")
            ),
            None => format!(
                "Nothing was found that identifies this machine. {}",
                self.advice("this machine, such as its asset number")
            ),
        }
    }

    fn advice(&self, of: &str) -> String {
        let variable = id_variable(self.product());
        format!("Set {variable} to an id of {of}.")
    }

    /// Returns whether the other components suffice to recognize the machine if its id changes.
    fn is_recognized_without_id(&self) -> bool {
        self.environment() == Environment::Machine && self.count_others() >= 2
    }

    fn count_others(&self) -> usize {
        let is_other = |kind: ComponentKind| !matches!(kind, AssignedId | MachineId);
        self.found().filter(|found| is_other(found.kind())).count()
    }
}
