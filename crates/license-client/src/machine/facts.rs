//! The components that identify a machine.

use std::path::Path;

use license_core::ProductCode;
use license_core::machine::ComponentKind::{
    self, AssignedId, Cpu, Mac, MachineId, ProductUuid, RootDisk,
};
use license_core::machine::{Fingerprint, MachineDigest};

use super::component::{FoundComponent, MissingComponent, MissingReason};
use super::configured_id::configured_id;
use super::container::Environment;
use super::{LocalSystem, Platform, Scope, Survey, System, linux, macos, windows};

/// The components that identify a machine, for one product.
///
/// ```
/// use license_client::MachineFacts;
/// use license_core::ProductCode;
/// use std::path::Path;
///
/// let product = ProductCode::parse("CODITECT")?;
/// let facts = MachineFacts::collect(product, Some(Path::new("/etc/coditect")));
/// for found in facts.found() {
///     println!("{} from {}", found.kind(), found.source());
/// }
/// for missing in facts.missing() {
///     println!("no {}: {}", missing.kind(), missing.reason());
/// }
/// println!("{}: {}", facts.stability(), facts.explain());
/// # Ok::<(), license_core::ids::NameError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineFacts {
    product: ProductCode,
    environment: Environment,
    found: Vec<FoundComponent>,
    missing: Vec<MissingComponent>,
}

impl MachineFacts {
    /// Collects all components of this machine.
    ///
    /// The configured id is the value of `{PRODUCT}_MACHINE_ID`, or else the first line of the file
    /// that `{PRODUCT}_MACHINE_ID_FILE` names, or else the first line of the file `machine-id` in
    /// `system_dir`, the administrator's directory. The id has 8 to 128 characters of printable
    /// ASCII.
    ///
    /// On Linux, this reads a few dozen small files. On macOS and Windows, it also starts system
    /// programs, and waits up to ten seconds for each program.
    ///
    /// ```
    /// use license_client::{MachineFacts, ProductCode};
    ///
    /// let facts = MachineFacts::collect(ProductCode::parse("CODITECT")?, None);
    /// println!("{}", facts.explain());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn collect(product: ProductCode, system_dir: Option<&Path>) -> Self {
        Self::collect_from(&LocalSystem, product, system_dir)
    }

    /// Collects only the components that identify the machine by themselves: the configured id and
    /// the system's machine id.
    ///
    /// This reads a few small files on Linux, and one value on other systems.
    ///
    /// ```
    /// use license_client::{MachineFacts, ProductCode};
    ///
    /// let facts = MachineFacts::identify(ProductCode::parse("CODITECT")?, None);
    /// match facts.digest() {
    ///     Some(digest) => println!("this machine is {digest}"),
    ///     None => println!("this machine has no id"),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn identify(product: ProductCode, system_dir: Option<&Path>) -> Self {
        Self::identify_from(&LocalSystem, product, system_dir)
    }

    /// Collects all components of another system, as [`MachineFacts::collect`] does.
    ///
    /// ```
    /// use license_client::{LocalSystem, MachineFacts, ProductCode};
    ///
    /// // A test passes its own implementation of `System`.
    /// let facts = MachineFacts::collect_from(&LocalSystem, ProductCode::parse("CODITECT")?, None);
    /// println!("{}", facts.stability());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn collect_from(
        system: &dyn System,
        product: ProductCode,
        system_dir: Option<&Path>,
    ) -> Self {
        Self::collect_in(system, product, system_dir, Scope::All)
    }

    /// Collects the ids of another system, as [`MachineFacts::identify`] does.
    ///
    /// ```
    /// use license_client::{LocalSystem, MachineFacts, ProductCode};
    ///
    /// let product = ProductCode::parse("CODITECT")?;
    /// let facts = MachineFacts::identify_from(&LocalSystem, product, None);
    /// println!("{:?}", facts.digest());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn identify_from(
        system: &dyn System,
        product: ProductCode,
        system_dir: Option<&Path>,
    ) -> Self {
        Self::collect_in(system, product, system_dir, Scope::Identity)
    }

    /// Returns the hashes of the found components, which may leave the machine. Returns `None` if
    /// no component was found.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let vendor = fixture::Vendor::new()?;
    /// # let machine = fixture::Workstation::with_license(&vendor, "PRO")?;
    /// # let manager = &machine.manager;
    /// let fingerprint = manager.facts().fingerprint().ok_or("nothing identifies this machine")?;
    /// println!("{fingerprint}");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        let values = self.found.iter().map(|found| (found.kind(), found.value()));
        (!self.found.is_empty()).then(|| Fingerprint::new(self.product, values))
    }

    /// Returns the digest that identifies the machine, or `None` if too few components were found.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let vendor = fixture::Vendor::new()?;
    /// # let machine = fixture::Workstation::with_license(&vendor, "PRO")?;
    /// # let manager = &machine.manager;
    /// let digest = manager.facts().digest().ok_or("nothing identifies this machine")?;
    /// assert_eq!(Some(digest), manager.digest());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn digest(&self) -> Option<MachineDigest> {
        self.fingerprint()?.digest()
    }

    /// Returns the normalized configured id, or else the system's machine id. This id is the key
    /// material of sealed files and is never shown.
    pub(crate) fn machine_id(&self) -> Option<&str> {
        let value = |kind| self.found.iter().find(|found| found.kind() == kind);
        [AssignedId, MachineId]
            .into_iter()
            .find_map(value)
            .map(FoundComponent::value)
    }

    /// Returns the found components, in the order of [`ComponentKind::ALL`].
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let vendor = fixture::Vendor::new()?;
    /// # let machine = fixture::Workstation::with_license(&vendor, "PRO")?;
    /// # let manager = &machine.manager;
    /// let facts = manager.facts();
    /// let kinds: Vec<_> = facts.found().map(|found| found.kind().to_string()).collect();
    /// println!("found: {}", kinds.join(", "));
    /// # assert!(!kinds.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn found(&self) -> impl Iterator<Item = &FoundComponent> {
        self.found.iter()
    }

    /// Returns the missing components, in the order of [`ComponentKind::ALL`].
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let vendor = fixture::Vendor::new()?;
    /// # let machine = fixture::Workstation::with_license(&vendor, "PRO")?;
    /// # let manager = &machine.manager;
    /// for missing in manager.facts().missing() {
    ///     println!("no {}: {}", missing.kind(), missing.reason());
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn missing(&self) -> impl Iterator<Item = &MissingComponent> {
        self.missing.iter()
    }

    /// Returns the kind of container in which this process runs, such as `docker`, or `container`
    /// if the kind is unknown. Returns `None` outside a container.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let vendor = fixture::Vendor::new()?;
    /// # let machine = fixture::Workstation::with_license(&vendor, "PRO")?;
    /// # let manager = &machine.manager;
    /// println!("container: {}", manager.facts().container().unwrap_or("none"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn container(&self) -> Option<&'static str> {
        self.environment.container()
    }

    pub(super) fn environment(&self) -> Environment {
        self.environment
    }

    /// Returns the product for which the components are hashed. A machine has another fingerprint
    /// for each product.
    ///
    /// ```
    /// use license_client::MachineFacts;
    /// use license_core::ProductCode;
    ///
    /// let product = ProductCode::parse("CODITECT")?;
    /// assert_eq!(MachineFacts::identify(product, None).product(), product);
    /// # Ok::<(), license_core::ids::NameError>(())
    /// ```
    pub fn product(&self) -> ProductCode {
        self.product
    }

    fn collect_in(
        system: &dyn System,
        product: ProductCode,
        system_dir: Option<&Path>,
        scope: Scope,
    ) -> Self {
        let configured = (AssignedId, configured_id(system, product, system_dir));
        let survey = survey(system, scope);
        let mut facts = Self {
            product,
            environment: survey.environment,
            found: Vec::new(),
            missing: Vec::new(),
        };
        for (kind, outcome) in [configured].into_iter().chain(survey.outcomes) {
            match outcome {
                Ok(observation) => facts.found.push(FoundComponent::new(kind, observation)),
                Err(absence) => facts.missing.push(MissingComponent::new(kind, absence)),
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
        Platform::Other => unsupported_platform(scope),
    }
}

/// Returns the components of a platform that supports only a configured id: all are missing.
fn unsupported_platform(scope: Scope) -> Survey {
    let kinds: &[ComponentKind] = match scope {
        Scope::Identity => &[MachineId],
        Scope::All => &[MachineId, ProductUuid, Mac, Cpu, RootDisk],
    };
    let none = |kind: &ComponentKind| (*kind, Err(MissingReason::NotApplicable.into()));
    Survey {
        environment: Environment::Machine,
        outcomes: kinds.iter().map(none).collect(),
    }
}
