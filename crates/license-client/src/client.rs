//! The client that an application links.

mod application;
mod builder;
mod current;
mod error;
mod evaluation;
mod feature;
#[cfg(feature = "online")]
mod online;
mod problems;
mod quota;
mod seats;
mod session;
mod setting;

use std::sync::{Arc, PoisonError, RwLock};

use license_core::evaluate::Outcome;
use license_core::usage::UsageCounts;
use license_core::{Code, Context, Decision, FeatureMatrix};

use self::application::Application;
pub use self::builder::{BuildError, ClientBuilder};
use self::current::Current;
pub use self::error::ClientError;
use self::seats::ClientSeats;
pub use self::setting::Setting;
use crate::events::{DecisionEvents, ReadReason};
use crate::manager::{LicenseManager, Snapshot, depends_on_machine};

/// Evaluates the installed license on this machine.
///
/// A missing or damaged license never keeps a program from starting: the base tier is then in
/// effect. [`Client::problem`] describes a damaged license. An installation, renewal or removal
/// while the program runs takes effect within a second.
///
/// An application creates one client with [`Client::builder`] and keeps it. Threads can share the
/// client, for example in an [`Arc`]. The client starts no threads, except one that renews floating
/// seats while there are any (feature `online`).
///
/// ```
/// use license_client::{Client, FeatureMatrix, TrustSet};
///
/// # const TRUST: &str = include_str!(concat!(
/// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
/// # ));
/// # let scratch = tempfile::tempdir()?;
/// let client = Client::builder(TrustSet::parse(TRUST)?)
///     .product(FeatureMatrix::built_in())
///     .app_version(env!("CARGO_PKG_VERSION"))
/// #   .state_dir(scratch.path())
///     .build()?;
/// assert!(client.allows("local_execution")?, "the base tier needs no license");
/// assert!(!client.allows("sso")?);
/// assert!(client.allows("ssso").is_err(), "the product has no such feature");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Blocking
///
/// No method uses the network, except those of the feature `online`: `validate`, `refresh_online`,
/// `seat`, and [`ClientBuilder::build`] after `ClientBuilder::online`. The documentation of each
/// method that may block states for how long.
/// The times are for a local disk. A file system on a network adds its own waits.
///
/// - [`decide`](Self::decide), [`allows`](Self::allows) and [`context`](Self::context): usually
///   microseconds. Once a second, they check ten files. After a change, and every ten minutes, they
///   take as long as [`ClientBuilder::build`]. If the license depends on the machine, the first
///   call takes longer: see [`context`](Self::context).
/// - [`use_quota`](Self::use_quota): a durable write; before it, a wait of at most ten seconds
///   while other processes write.
/// - [`session`](Self::session): a read of the directories of the project, the creation of a file,
///   and a write of the usage counts.
/// - Dropping the client: a write of the usage counts, if there are any.
///
/// In an asynchronous program, call `decide` and `allows` directly, because they usually take
/// microseconds. Move `use_quota`, `session` and [`ClientBuilder::build`] to a thread that may
/// block:
///
/// ```
/// use license_client::Client;
/// use std::sync::Arc;
///
/// async fn take_command(client: Arc<Client>) -> Result<bool, Box<dyn std::error::Error>> {
///     let task = move || client.use_quota("commands_per_day", 1);
///     let used = tokio::task::spawn_blocking(task).await??;
///     Ok(used.granted)
/// }
/// # const TRUST: &str = include_str!(concat!(
/// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
/// # ));
/// # let scratch = tempfile::tempdir()?;
/// # let client = Client::builder(license_client::TrustSet::parse(TRUST)?)
/// #     .product(license_client::FeatureMatrix::built_in())
/// #     .state_dir(scratch.path())
/// #     .build()?;
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # assert!(runtime.block_on(take_command(Arc::new(client)))?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Client {
    manager: LicenseManager,
    matrix: FeatureMatrix,
    application: Application,
    current: RwLock<Current>,
    decisions: DecisionEvents,
    seats: ClientSeats,
    #[cfg(feature = "online")]
    online: Option<crate::online::OnlineSettings>,
    #[cfg(feature = "online")]
    online_status: RwLock<Arc<crate::online::OnlineStatus>>,
}

impl Client {
    fn new(manager: LicenseManager, matrix: FeatureMatrix, application: Application) -> Self {
        let current = Current::read(&manager, &matrix, ReadReason::Start);
        Self {
            seats: ClientSeats::new(matrix.product()),
            manager,
            matrix,
            application,
            current: RwLock::new(current),
            decisions: DecisionEvents::default(),
            #[cfg(feature = "online")]
            online: None,
            #[cfg(feature = "online")]
            online_status: RwLock::new(Arc::new(crate::online::OnlineStatus::NotRequired)),
        }
    }

    /// Evaluates the license at the current time, with the values of the builder.
    ///
    /// For a license that requires a floating seat, a valid seat of this client counts, and the
    /// seat of the parent process if this process was started with `license run`. A context with a
    /// lease of its own replaces both.
    ///
    /// The denial of an installed license is counted for usage reports: in memory at first, and on
    /// disk with the next use of a quota or when the client is dropped.
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
    /// use license_client::Outcome;
    ///
    /// let decision = client.decide()?;
    /// match decision.outcome() {
    ///     Outcome::Licensed => println!("licensed"),
    ///     Outcome::Grace => println!("licensed until the grace period ends"),
    ///     Outcome::Denied => println!("the base tier, because of {}", decision.code()),
    /// }
    /// // A decision answers any number of questions, in nanoseconds.
    /// assert!(decision.allows("local_execution"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Blocking
    ///
    /// Usually returns in less than a microsecond. Once a second, the call checks whether one of
    /// ten files has changed, which takes a few microseconds. After a change, and every ten
    /// minutes, the call reads the license again as [`ClientBuilder::build`] does. Other threads
    /// then wait for the result. If the license depends on the machine, the first call also
    /// identifies the machine, see [`Client::context`].
    ///
    /// # Errors
    ///
    /// Returns [`ClientError::MissingContext`] if an installed license restricts users, versions or
    /// build dates, and the builder has no such value. There is no other error: a missing or denied
    /// license results in a decision.
    pub fn decide(&self) -> Result<Decision, ClientError> {
        self.decide_in(&self.context())
    }

    /// Evaluates the license in the context that the caller provides.
    ///
    /// The context is usually [`Client::context`] with another value, such as the user of a
    /// request:
    ///
    /// ```
    /// use license_client::{Client, ClientError};
    ///
    /// /// Returns whether the user of a request may sign in.
    /// fn may_sign_in(client: &Client, user: &str) -> Result<bool, ClientError> {
    ///     let context = client.context().user(user);
    ///     Ok(client.decide_in(&context)?.allows("sso"))
    /// }
    /// # const TRUST: &str = include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
    /// # ));
    /// # let scratch = tempfile::tempdir()?;
    /// # let client = Client::builder(license_client::TrustSet::parse(TRUST)?)
    /// #     .product(license_client::FeatureMatrix::built_in())
    /// #     .state_dir(scratch.path())
    /// #     .build()?;
    /// # assert!(!may_sign_in(&client, "ann")?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Blocking
    ///
    /// Same as [`Client::decide`].
    ///
    /// # Errors
    ///
    /// Returns [`ClientError::MissingContext`] if an installed license restricts a value that the
    /// context lacks. A server passes the empty name for a request without a user. No license names
    /// this user, so a license for named users is denied, and the base tier is in effect.
    pub fn decide_in(&self, context: &Context<'_>) -> Result<Decision, ClientError> {
        let decision = self.evaluate(context)?;
        let is_reported =
            decision.outcome() == Outcome::Denied && decision.code() != Code::NoLicense;
        if is_reported {
            self.count(&decision, context, UsageCounts::denied(decision.code()));
        }
        Ok(decision)
    }

    /// Returns the context of this application at the current time: the values of the builder, this
    /// machine and the clock high-water mark. A caller can replace each value.
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
    /// // The version of a plug-in decides instead of the version of the application.
    /// let context = client.context().app_version(license_client::Version::new(2, 4, 0));
    /// let decision = client.decide_in(&context)?;
    /// assert_eq!(decision.evaluated_at(), context.clock());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Blocking
    ///
    /// Same as [`Client::decide`]. For a license that depends on the machine, the first call also
    /// collects the components of the machine, which takes milliseconds on Linux. On macOS and
    /// Windows, the call starts programs of the system, which usually takes less than a second. A
    /// program that runs for more than ten seconds is stopped.
    pub fn context(&self) -> Context<'_> {
        let current = self.snapshot();
        let context = self.application.context(self.manager.clock().now());
        let context = context.high_water(current.high_water);
        // Collecting all components of a machine takes time, so it is done only for a license that
        // depends on the machine.
        let machine = current
            .installed()
            .filter(|installed| depends_on_machine(installed.verified()))
            .and_then(|_| self.manager.machine());
        match machine {
            Some(machine) => context.machine(machine),
            None => context,
        }
    }

    /// Reads the installed license immediately instead of within a second.
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
    /// // A license dialog reloads after it has installed a license, and shows the result at once.
    /// client.reload();
    /// println!("{}", client.decide()?.code());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Blocking
    ///
    /// Same as [`ClientBuilder::build`].
    pub fn reload(&self) {
        let read = Current::read(&self.manager, &self.matrix, ReadReason::Request);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = read;
        self.seats.forget();
    }

    /// Returns the feature matrix: the tiers, features and quotas of the product.
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
    /// for tier in client.matrix().tiers() {
    ///     println!("{} has the tier {}", client.matrix().product(), tier.name());
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn matrix(&self) -> &FeatureMatrix {
        &self.matrix
    }

    /// Returns the license manager of this machine.
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
    /// if let Some(machine) = client.manager().digest() {
    ///     println!("this machine is {machine}");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn manager(&self) -> &LicenseManager {
        &self.manager
    }

    /// Returns the result of the last read: the installed license, the state and their problems.
    /// Reads again when [`Client::decide`] would.
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
    /// let snapshot = client.snapshot();
    /// match snapshot.installed() {
    ///     Some(installed) => println!("{} licenses", installed.verified().licenses().len()),
    ///     None => println!("no license"),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Blocking
    ///
    /// Same as [`Client::decide`].
    pub fn snapshot(&self) -> Arc<Snapshot> {
        let now = self.manager.clock().instant();
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(snapshot) = current.snapshot_if_fresh(now) {
            return snapshot;
        }
        drop(current);
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        // Another thread may have refreshed the snapshot while this one waited.
        if let Some(snapshot) = current.snapshot_if_fresh(now) {
            return snapshot;
        }
        current.refresh(&self.manager, &self.matrix);
        current.snapshot()
    }
}

/// Writes to disk the usage counts that are in memory. The counts are lost if the write fails, or
/// if another process is writing.
impl Drop for Client {
    fn drop(&mut self) {
        self.manager.flush_if_free();
    }
}
