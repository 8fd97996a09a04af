//! A machine in a temporary directory.

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use license_core::chrono::{DateTime, TimeDelta, Utc};
use license_core::issue::ActivationDraft;
use license_core::license::Activation;
use license_core::machine::Machine;
use license_core::requests::MachineRequest;
use license_core::{Context, FeatureMatrix, License, VerifiedLicenses};

use super::clock::TestClock;
use super::license::unverified;
use super::{Artifact, Installed, KEY, TRUST, TimeArgument, next_id, next_number, trust, unwrap};
use crate::client::{Client, ClientBuilder, Setting};
use crate::clock::Clock;
use crate::installation::{Candidate, Installation, Replace};
use crate::machine::{Platform, System};
use crate::manager::{InstallReport, LicenseManager, Moment, PendingRequestPolicy};
use crate::paths::Paths;
use crate::sources::Sources;
use crate::state_dir::StateDir;

/// After this time, a client checks whether files have changed.
const CHECK: Duration = Duration::from_secs(1);
/// After this time, a client reads the files again and records the time.
const READ: Duration = Duration::from_secs(600);

/// A machine for tests, with its own state directory, machine id and clock.
///
/// The state directory is temporary, and is removed when the machine is dropped. Clients of the
/// machine do not read the home directory, the environment or the directory of an administrator.
/// The clock starts at [`START`](super::START), and stands still until the test changes it. Each
/// machine has its own id, so that a test of a node lock can use two machines.
///
/// The next call of a client detects each change that was made through a method of its machine.
///
/// ```
/// use license_client::testing::{self, TestMachine, TimeDelta};
///
/// const PRODUCT: &str = r#"
///     product = "WIDGET"
///     issuer = "Widget Works"
///     base_tier = "BASE"
///
///     [[tiers]]
///     name = "BASE"
///     features = ["view"]
///     quotas = { prints_per_day = 3 }
///
///     [[tiers]]
///     name = "SHOP"
///     extends = "BASE"
///     features = ["edit"]
///     quotas = { prints_per_day = 50 }
/// "#;
///
/// let machine = TestMachine::new(PRODUCT);
/// let client = machine.client();
/// assert!(!client.allows("edit")?);
/// assert!(client.use_quota("prints_per_day", 3)?.granted);
/// assert!(!client.use_quota("prints_per_day", 1)?.granted);
///
/// machine.install(testing::license("SHOP"));
/// assert!(client.allows("edit")?);
/// assert_eq!(client.use_quota("prints_per_day", 1)?.used, 4);
///
/// machine.advance(TimeDelta::hours(12));
/// assert_eq!(client.use_quota("prints_per_day", 1)?.used, 1, "it is the next day in UTC");
/// # Ok::<(), license_client::ClientError>(())
/// ```
pub struct TestMachine {
    directory: tempfile::TempDir,
    product: FeatureMatrix,
    id: String,
    clock: TestClock,
}

impl TestMachine {
    /// Creates a machine for a product: the text of a product file, or a [`FeatureMatrix`]. No
    /// license is installed.
    ///
    /// # Panics
    ///
    /// Panics if the text is not a product file, or if no temporary directory can be created.
    #[track_caller]
    pub fn new(product: impl Into<Setting<FeatureMatrix>>) -> Self {
        Self {
            directory: unwrap("cannot create a temporary directory", tempfile::tempdir()),
            product: unwrap("cannot use the product", product.into().value()),
            id: format!("test-machine-{}", next_number()),
            clock: TestClock::new(),
        }
    }

    /// Starts to build a client of this machine, with the product of the machine and the trust set
    /// of the test vendor. All values can be replaced.
    ///
    /// ```
    /// use license_client::{BuildError, Client, ClientBuilder, testing};
    ///
    /// # const PRODUCT: &str = license_client::FeatureMatrix::built_in_text();
    /// // const PRODUCT: &str = include_str!("product.toml");
    ///
    /// /// A function of the application. Its `main` passes `Client::builder` with its own keys.
    /// fn client(builder: ClientBuilder) -> Result<Client, BuildError> {
    ///     builder
    ///         .product(PRODUCT)
    ///         .app_version(env!("CARGO_PKG_VERSION"))
    ///         .build()
    /// }
    ///
    /// let machine = testing::TestMachine::new(PRODUCT);
    /// let client = client(machine.builder())?;
    /// assert!(client.problems().is_empty());
    /// # Ok::<(), BuildError>(())
    /// ```
    pub fn builder(&self) -> ClientBuilder {
        let builder = Client::builder(trust()).product(&self.product);
        builder.on_test_machine(self)
    }

    /// Builds a client without a version, a build date or a user.
    pub fn client(&self) -> Client {
        let client = self.builder().build();
        unwrap("cannot build the client", client)
    }

    /// Returns a license manager of this machine, which trusts only the test vendor.
    pub fn manager(&self) -> LicenseManager {
        let manager = LicenseManager::at(self.product.product(), self.paths());
        manager.trust_only(&TRUST).sources(self.sources())
    }

    /// Signs a license, a revocation list or a validation token at the time of the machine, and
    /// installs it. A license replaces the installed license, even if the new one is worse.
    ///
    /// Returns the license, the list or the token.
    ///
    /// # Panics
    ///
    /// Panics if the artifact cannot be signed or installed, for example because the license of a
    /// validation token is not installed, or the artifact is for another product.
    #[track_caller]
    pub fn install<A: Artifact>(&self, artifact: A) -> Installed<A::Verified> {
        let (token, verified) = artifact.sign_at(&self.product, self.now());
        self.install_text(&token);
        Installed::new(verified)
    }

    /// Installs a text from a vendor, such as the result of
    /// [`TestLicense::file`](super::TestLicense::file). A license replaces the installed license,
    /// even if the new one is worse.
    ///
    /// # Panics
    ///
    /// Panics if the text does not verify or cannot be installed.
    #[track_caller]
    pub fn install_text(&self, text: &str) -> Installed<InstallReport> {
        let installed = Installation::load(&self.paths(), &TRUST, &self.product);
        let known = installed.as_ref().ok().and_then(Option::as_ref);
        let known = known
            .map(|found| found.verified().licenses())
            .unwrap_or_default();
        let verified = VerifiedLicenses::verify_with_licenses(text, &TRUST, &self.product, known);
        let candidate = Candidate {
            verified: &unwrap("the text does not verify", verified),
            trust: &TRUST,
            matrix: &self.product,
        };
        let manager = self.manager();
        let context = Context::at(self.now());
        let report = manager.install(&candidate, &context, Replace::Always, Moment::Now);
        self.clock.pass(CHECK);
        Installed::new(unwrap("cannot install the text", report))
    }

    /// Activates a license on this machine: requests the activation, answers the request as the
    /// vendor, and installs the answer.
    ///
    /// ```
    /// use license_client::{FeatureMatrix, testing};
    ///
    /// let machine = testing::TestMachine::new(FeatureMatrix::built_in());
    /// let client = machine.client();
    /// let license = machine.install(testing::license("PRO").must_activate());
    /// assert_eq!(client.decide()?.code().as_str(), "NOT_ACTIVATED");
    /// machine.activate(&license);
    /// assert_eq!(client.decide()?.code().as_str(), "VALID");
    /// # Ok::<(), license_client::ClientError>(())
    /// ```
    ///
    /// # Panics
    ///
    /// Panics if the license is not installed.
    #[track_caller]
    pub fn activate(&self, license: &License) -> Installed<Activation> {
        let now = self.now();
        let policy = PendingRequestPolicy::Replace;
        let prepared = self.manager().request_activation(license.id(), now, policy);
        let prepared = unwrap("cannot request an activation", prepared);
        let MachineRequest::Activation(request) = prepared.request else {
            panic!("expected an activation request");
        };
        let draft = ActivationDraft {
            issuer: self.product.issuer().to_owned(),
            id: next_id(now),
            issued_at: now,
            request: &request,
        };
        let token = unwrap("cannot sign the activation", draft.sign(&*KEY));
        self.install_text(&token);
        let activation = unverified(&token).verify_activation(&TRUST);
        Installed::new(unwrap("the activation does not verify", activation))
    }

    /// Removes the installed license, as `license remove` does.
    ///
    /// # Panics
    ///
    /// Panics if a file cannot be removed.
    #[track_caller]
    pub fn remove_license(&self) {
        let removed = self.manager().remove();
        self.clock.pass(CHECK);
        let _ = unwrap("cannot remove the license", removed);
    }

    /// Returns the time of the machine.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Sets the clock to any time, even an earlier one. A date means its first instant in UTC.
    ///
    /// A client remembers the latest time that it has seen, as on a customer's machine. Therefore,
    /// setting the clock back does not extend a license.
    ///
    /// # Panics
    ///
    /// Panics if the text is not a time.
    #[track_caller]
    pub fn set_clock(&self, now: impl Into<TimeArgument>) {
        self.clock.set(now.into().start(), READ);
    }

    /// Advances the clock.
    pub fn advance(&self, duration: TimeDelta) {
        self.clock.advance(duration);
    }

    /// Returns the id of this machine, for [`TestLicense::machine`](super::TestLicense::machine).
    pub fn id(&self) -> Machine {
        let machine = self.manager().machine().cloned();
        machine.expect("the configured id identifies the machine")
    }

    /// Returns the product.
    pub fn product(&self) -> &FeatureMatrix {
        &self.product
    }

    /// Returns the state directory, which exists only if a file was written. A change that a test
    /// makes to a file takes effect within a second, or after [`Client::reload`].
    pub fn state_dir(&self) -> PathBuf {
        self.directory.path().join("state")
    }

    fn paths(&self) -> Paths {
        StateDir::at(self.state_dir()).into()
    }

    fn sources(&self) -> Sources {
        Sources {
            clock: Box::new(self.clock.clone()),
            system: Box::new(NamedSystem {
                id: self.id.clone(),
            }),
        }
    }
}

impl fmt::Debug for TestMachine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = f.debug_struct("TestMachine");
        fields.field("id", &self.id).field("now", &self.now());
        fields.field("state_dir", &self.state_dir()).finish()
    }
}

impl ClientBuilder {
    /// Replaces the trust set, the state directory, the machine id and the clock with those of a
    /// test machine. Requires the feature `testing`.
    ///
    /// Use this method to test a function of the application that returns a complete builder.
    /// Otherwise, [`TestMachine::builder`] is shorter.
    ///
    /// ```
    /// use license_client::testing::{self, TestMachine};
    /// use license_client::{Client, ClientBuilder, FeatureMatrix, TrustError, TrustSet};
    ///
    /// # const TRUST: &str = include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
    /// # ));
    /// /// A function of the application. Its `main` calls `build` on the result.
    /// fn client_builder() -> Result<ClientBuilder, TrustError> {
    ///     Ok(Client::builder(TrustSet::parse(TRUST)?)
    ///         .product(FeatureMatrix::built_in())
    ///         .app_version(env!("CARGO_PKG_VERSION")))
    /// }
    ///
    /// let machine = TestMachine::new(FeatureMatrix::built_in());
    /// machine.install(testing::license("PRO"));
    /// let client = client_builder()?.on_test_machine(&machine).build()?;
    /// assert!(client.allows("cloud_sync")?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn on_test_machine(self, machine: &TestMachine) -> Self {
        self.replace(trust(), machine.paths(), machine.sources())
    }
}

/// A system whose only component is a configured id.
struct NamedSystem {
    id: String,
}

impl System for NamedSystem {
    fn platform(&self) -> Platform {
        Platform::Other
    }

    /// Returns the id as the value of the variable `{PRODUCT}_MACHINE_ID`. No other variable is
    /// set.
    fn variable(&self, name: &str) -> Option<OsString> {
        let is_id = name.ends_with("_MACHINE_ID");
        is_id.then(|| self.id.clone().into())
    }

    fn read(&self, _: &Path) -> io::Result<String> {
        not_found()
    }

    fn list(&self, _: &Path) -> io::Result<Vec<String>> {
        not_found()
    }

    fn read_link(&self, _: &Path) -> io::Result<PathBuf> {
        not_found()
    }

    fn exists(&self, _: &Path) -> bool {
        false
    }

    fn product_uuid(&self) -> io::Result<String> {
        not_found()
    }

    fn product_serial_number(&self) -> io::Result<String> {
        not_found()
    }

    fn cpu_brand(&self) -> io::Result<String> {
        not_found()
    }

    fn registry(&self, _: &str, _: &str) -> io::Result<String> {
        not_found()
    }

    fn run(&self, _: &str, _: &[&str]) -> io::Result<String> {
        not_found()
    }
}

fn not_found<T>() -> io::Result<T> {
    Err(io::ErrorKind::NotFound.into())
}
