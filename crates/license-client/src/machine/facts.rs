//! Everything that was found on a machine.

use std::path::Path;

use license_core::ComponentKind::{self, Cpu, GivenId, Mac, MachineId, ProductUuid, RootDisk};
use license_core::{Fingerprint, MachineDigest, ProductCode};

use super::container::Surroundings;
use super::finding::{Found, Missing, MissingReason};
use super::given::given_id;
use super::{Platform, Scope, Survey, System, ThisSystem, linux, macos, windows};

/// What tells a machine from others, for one product.
///
/// ```
/// use license_client::MachineFacts;
/// use license_core::ProductCode;
/// use std::path::Path;
///
/// let product = ProductCode::parse("CODITECT")?;
/// let facts = MachineFacts::collect(product, Some(Path::new("/etc/coditect")));
/// for found in facts.found() {
///     println!("{} by {}", found.kind(), found.source());
/// }
/// for missing in facts.missing() {
///     println!("no {}: {}", missing.kind(), missing.reason());
/// }
/// println!("{}: {}", facts.stability(), facts.explain());
/// # Ok::<(), license_core::NameError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineFacts {
    product: ProductCode,
    surroundings: Surroundings,
    found: Vec<Found>,
    missing: Vec<Missing>,
}

impl MachineFacts {
    /// Looks for everything on the machine that this process runs on.
    ///
    /// An id that was given is taken from the variable `{PRODUCT}_MACHINE_ID`, else from the first line of the file that
    /// `{PRODUCT}_MACHINE_ID_FILE` names, else from the file `machine-id` in `system_dir`, the administrator's folder. It is 8 to
    /// 128 characters of printable ASCII.
    ///
    /// It reads a few dozen small files on Linux. On macOS and Windows it starts programs of the
    /// system too, and waits up to ten seconds for each.
    pub fn collect(product: ProductCode, system_dir: Option<&Path>) -> Self {
        Self::collect_from(&ThisSystem, product, system_dir)
    }

    /// Looks for what names the machine by itself alone: an id that was given, and the system's.
    ///
    /// It reads a few small files on Linux, and one value elsewhere.
    pub fn identify(product: ProductCode, system_dir: Option<&Path>) -> Self {
        Self::identify_from(&ThisSystem, product, system_dir)
    }

    /// [`MachineFacts::collect`] on another system.
    pub fn collect_from(
        system: &dyn System,
        product: ProductCode,
        system_dir: Option<&Path>,
    ) -> Self {
        Self::look(system, product, system_dir, Scope::All)
    }

    /// [`MachineFacts::identify`] on another system.
    pub fn identify_from(
        system: &dyn System,
        product: ProductCode,
        system_dir: Option<&Path>,
    ) -> Self {
        Self::look(system, product, system_dir, Scope::Identity)
    }

    /// The hashes of what was found, which may leave the machine; none if nothing was.
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        let values = self.found.iter().map(|found| (found.kind(), found.value()));
        (!self.found.is_empty()).then(|| Fingerprint::of(self.product, values))
    }

    /// The digest that names the machine; none if too little was found.
    pub fn digest(&self) -> Option<MachineDigest> {
        self.fingerprint()?.digest()
    }

    /// The id that was given, else the system's, in the form in which it is compared. It is what state is sealed with, and is
    /// never shown.
    pub(crate) fn machine_id(&self) -> Option<&str> {
        let value = |kind| self.found.iter().find(|found| found.kind() == kind);
        [GivenId, MachineId]
            .into_iter()
            .find_map(value)
            .map(Found::value)
    }

    /// What was found, in the order of [`ComponentKind::ALL`].
    pub fn found(&self) -> impl Iterator<Item = &Found> {
        self.found.iter()
    }

    /// What was looked for in vain, in the order of [`ComponentKind::ALL`].
    pub fn missing(&self) -> impl Iterator<Item = &Missing> {
        self.missing.iter()
    }

    /// Which kind of container this process is in, such as `docker`; `container` if it is none that is known by name.
    pub fn container(&self) -> Option<&'static str> {
        self.surroundings.container()
    }

    pub(super) fn surroundings(&self) -> Surroundings {
        self.surroundings
    }

    pub(super) fn product(&self) -> ProductCode {
        self.product
    }

    fn look(
        system: &dyn System,
        product: ProductCode,
        system_dir: Option<&Path>,
        scope: Scope,
    ) -> Self {
        let given = (GivenId, given_id(system, product, system_dir));
        let survey = survey(system, scope);
        let mut facts = Self {
            product,
            surroundings: survey.surroundings,
            found: Vec::new(),
            missing: Vec::new(),
        };
        for (kind, outcome) in [given].into_iter().chain(survey.outcomes) {
            match outcome {
                Ok(evidence) => facts.found.push(Found::new(kind, evidence)),
                Err(absence) => facts.missing.push(Missing::new(kind, absence)),
            }
        }
        facts
    }
}

fn survey(system: &dyn System, scope: Scope) -> Survey {
    match system.platform() {
        Platform::Linux => linux::survey(system, scope),
        Platform::MacOs => macos::survey(system, scope),
        Platform::Windows => windows::survey(system, scope),
        Platform::Other => nothing_known(scope),
    }
}

/// A platform where only an id that was given counts.
fn nothing_known(scope: Scope) -> Survey {
    let kinds: &[ComponentKind] = match scope {
        Scope::Identity => &[MachineId],
        Scope::All => &[MachineId, ProductUuid, Mac, Cpu, RootDisk],
    };
    let none = |kind: &ComponentKind| (*kind, Err(MissingReason::NotApplicable.into()));
    Survey {
        surroundings: Surroundings::Machine,
        outcomes: kinds.iter().map(none).collect(),
    }
}
