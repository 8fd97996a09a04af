//! The identity of the machine.

use std::path::Path;

use license_core::machine::{ComponentKind, Machine, MachineDigest};

use super::LicenseManager;
use crate::machine::{MachineFacts, MissingReason};

impl LicenseManager {
    /// Collects everything that identifies this machine. Each call collects it again, which may
    /// take seconds on macOS and Windows. See [`MachineFacts::collect`].
    ///
    /// ```
    /// # const TRUST: &str = include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
    /// # ));
    /// # let scratch = tempfile::tempdir()?;
    /// # let client = license_client::Client::builder(license_client::TrustSet::parse(TRUST)?)
    /// #     .product(license_client::FeatureMatrix::built_in())
    /// #     .state_dir(scratch.path().join("state"))
    /// #     .build()?;
    /// let facts = client.manager().facts();
    /// for found in facts.found() {
    ///     println!("{} from {}", found.kind(), found.source());
    /// }
    /// println!("{}", facts.explain());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn facts(&self) -> MachineFacts {
        MachineFacts::collect_from(&*self.sources.system, self.product, self.system_dir())
    }

    /// Returns the fingerprint of this machine, which is collected once. Returns `None` if nothing
    /// identifies the machine.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let vendor = fixture::Vendor::new()?;
    /// # let machine = fixture::Workstation::with_license(&vendor, "PRO")?;
    /// # let manager = &machine.manager;
    /// use license_client::license_core::machine::Machine;
    ///
    /// if let Some(Machine::Fingerprint(fingerprint)) = manager.machine() {
    ///     // It contains hashes only. They are pseudonymous: short values can be guessed.
    ///     println!("{fingerprint}");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn machine(&self) -> Option<&Machine> {
        let machine = self.machine.get_or_init(|| {
            let fingerprint = self.facts().fingerprint();
            fingerprint.map(Machine::Fingerprint)
        });
        machine.as_ref()
    }

    /// Returns the digest that identifies this machine, or `None` if nothing identifies it.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let vendor = fixture::Vendor::new()?;
    /// # let machine = fixture::Workstation::with_license(&vendor, "PRO")?;
    /// # let manager = &machine.manager;
    /// let digest = manager.digest().ok_or("nothing identifies this machine")?;
    /// println!("give this to the vendor: {digest}");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn digest(&self) -> Option<MachineDigest> {
        *self.digest.get_or_init(|| {
            let by_id = self.identity().digest();
            by_id.or_else(|| self.machine()?.digest())
        })
    }

    /// Returns the kind of container in which this process runs, or `None` outside a container.
    ///
    /// ```
    /// # const TRUST: &str = include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
    /// # ));
    /// # let scratch = tempfile::tempdir()?;
    /// # let client = license_client::Client::builder(license_client::TrustSet::parse(TRUST)?)
    /// #     .product(license_client::FeatureMatrix::built_in())
    /// #     .state_dir(scratch.path().join("state"))
    /// #     .build()?;
    /// if let Some(kind) = client.manager().container() {
    ///     println!("in a {kind} container, the machine may need a configured id");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn container(&self) -> Option<String> {
        self.identity().container().map(|kind| kind.to_string())
    }

    /// Returns why the id that an administrator set for this machine is ignored. Returns `None` if
    /// the id is used, or if no id is set.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let vendor = fixture::Vendor::new()?;
    /// # let machine = fixture::Workstation::with_license(&vendor, "PRO")?;
    /// # let manager = &machine.manager;
    /// if let Some(reason) = manager.rejected_id() {
    ///     eprintln!("{reason}");
    /// }
    /// # assert_eq!(manager.rejected_id(), None, "the configured id is used");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn rejected_id(&self) -> Option<String> {
        let mut missing = self.identity().missing();
        let given = missing.find(|missing| missing.kind() == ComponentKind::AssignedId)?;
        let reason = given.reason();
        let source = given.source().unwrap_or("the configured id");
        (reason != MissingReason::NotFound)
            .then(|| format!("{source} is not used as this machine's id: {reason}"))
    }

    pub(super) fn identity(&self) -> &MachineFacts {
        let identify =
            || MachineFacts::identify_from(&*self.sources.system, self.product, self.system_dir());
        self.identity.get_or_init(identify)
    }

    fn system_dir(&self) -> Option<&Path> {
        let system = self.paths.system()?;
        Some(system.dir().path())
    }
}
