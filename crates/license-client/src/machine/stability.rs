//! How long the machine keeps its name.

use std::fmt;

use license_core::ComponentKind::{self, GivenId, MachineId, ProductUuid};

use super::container::Surroundings;
use super::given::id_variable;
use super::{Found, MachineFacts};

/// How well what was found stands up to changes of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stability {
    /// An id that was given, or the system's with enough beside it to know the machine after the system is installed anew.
    Stable,
    /// One id alone.
    Fair,
    /// No id, only parts that are exchanged now and then.
    Weak,
    /// Nothing that names the machine.
    None,
}

impl Stability {
    /// The name in a report.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stable => "stable",
            Self::Fair => "fair",
            Self::Weak => "weak",
            Self::None => "none",
        }
    }
}

impl fmt::Display for Stability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl MachineFacts {
    /// How long the machine keeps its name, by what was looked for: [`MachineFacts::identify`] never looks for enough to call
    /// a system's own id stable.
    pub fn stability(&self) -> Stability {
        let has = |kind| self.found().any(|found| found.kind() == kind);
        if has(GivenId) {
            return Stability::Stable;
        }
        match self.machine_id() {
            Some(_) if self.can_lose_its_id() => Stability::Stable,
            Some(_) => Stability::Fair,
            None if has(ProductUuid) => Stability::Fair,
            None if self.digest().is_some() => Stability::Weak,
            None => Stability::None,
        }
    }

    /// What that means here, for a person: a sentence, and another on what to do if there is something to gain.
    ///
    /// ```
    /// use license_client::{MachineFacts, Stability};
    /// use license_core::ProductCode;
    ///
    /// let facts = MachineFacts::collect(ProductCode::parse("CODITECT")?, None);
    /// let advises = facts.explain().contains("CODITECT_MACHINE_ID");
    /// assert_eq!(advises, facts.stability() != Stability::Stable);
    /// # Ok::<(), license_core::NameError>(())
    /// ```
    pub fn explain(&self) -> String {
        match self.stability() {
            Stability::Stable => self.explain_stable(),
            Stability::Fair => self.explain_fair(),
            Stability::Weak => format!(
                "No id was found, so this becomes another machine when two of its parts are exchanged. {}",
                self.advice("this machine's own, such as its asset number")
            ),
            Stability::None => self.explain_none(),
        }
    }

    fn explain_stable(&self) -> String {
        let is_given = |found: &&Found| found.kind() == GivenId;
        if self.found().any(|found| is_given(&found)) {
            return "An id was given, so this stays the same machine whatever else changes.".into();
        }
        let others = self.others();
        format!(
            "The system's machine id names this machine, and {others} other components know it after a new installation."
        )
    }

    fn explain_fair(&self) -> String {
        if self.machine_id().is_none() {
            return format!(
                "No machine id counts here, so the board's UUID names this machine, and a new board makes it another. {}",
                self.advice("this machine's own, such as its asset number")
            );
        }
        match self.surroundings() {
            Surroundings::Machine => format!(
                "Only the machine id names this machine, so installing the system anew makes it another. {}",
                self.advice("this machine's own, such as its asset number")
            ),
            Surroundings::Wsl => format!(
                "Under WSL each distribution has a machine id, which is new after a reinstallation and the same in a copy. {}",
                self.advice("this machine's own, such as its asset number")
            ),
            Surroundings::Container(kind) => format!(
                "The machine id was mounted into this {kind} container, so all containers that have it count as one machine. {}",
                self.advice("this container's own to tell them apart")
            ),
            Surroundings::SystemContainer(kind) => format!(
                "Only the machine id names this {kind} container, so a copy of it counts as the same machine. {}",
                self.advice("this container's own, such as its name")
            ),
        }
    }

    fn explain_none(&self) -> String {
        match self.container() {
            Some(kind) => format!(
                "Nothing in this {kind} container tells it from others. {}",
                self.advice("this container's own, such as its workload's name")
            ),
            None => format!(
                "Nothing was found that tells this machine from others. {}",
                self.advice("this machine's own, such as its asset number")
            ),
        }
    }

    fn advice(&self, of: &str) -> String {
        let variable = id_variable(self.product());
        format!("Set {variable} to an id of {of}.")
    }

    /// Whether enough else was found to know the machine by.
    fn can_lose_its_id(&self) -> bool {
        self.surroundings() == Surroundings::Machine && self.others() >= 2
    }

    fn others(&self) -> usize {
        let is_other = |kind: ComponentKind| !matches!(kind, GivenId | MachineId);
        self.found().filter(|found| is_other(found.kind())).count()
    }
}
