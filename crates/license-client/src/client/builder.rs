//! The builder of a client.

use std::path::PathBuf;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use license_core::matrix::ProductFileError;
use license_core::policy::UsageType;
use license_core::time::TimeError;
use license_core::{FeatureMatrix, TrustSet, Version, time};
use thiserror::Error;

use super::Client;
use super::application::Application;
use super::setting::Setting;
use crate::manager::LicenseManager;
use crate::paths::Paths;
use crate::sources::Sources;
use crate::state_dir::StateDir;

/// Sets up a [`Client`]: the vendor's keys, the product, and what the application knows about
/// itself.
///
/// Only [`product`](Self::product) is required. [`app_version`](Self::app_version),
/// [`build_date`](Self::build_date) and [`user`](Self::user) matter for licenses that restrict
/// these values. If such a license is installed and the value is missing, every call of the client
/// that decides returns [`ClientError::MissingContext`](super::ClientError::MissingContext).
///
/// ```
/// use license_client::{Client, TrustSet, UsageType};
///
/// # const TRUST: &str = include_str!(concat!(
/// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
/// # ));
/// # const PRODUCT: &str = license_client::FeatureMatrix::built_in_text();
/// # let scratch = tempfile::tempdir()?;
/// // const TRUST: &str = include_str!("trust.jwks");
/// // const PRODUCT: &str = include_str!("product.toml");
/// let client = Client::builder(TrustSet::parse(TRUST)?)
///     .product(PRODUCT)
///     .app_version(env!("CARGO_PKG_VERSION"))
///     .build_date("2027-03-01")
///     .usage_type(UsageType::Builder)
///     .user("ann")
///     .state_dir(scratch.path())
///     .build()?;
/// assert_eq!(client.matrix().product().as_str(), "CODITECT");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct ClientBuilder {
    trust: TrustSet,
    product: Option<Setting<FeatureMatrix>>,
    app_version: Option<Setting<Version>>,
    build_date: Option<Setting<DateTime<Utc>>>,
    usage_type: UsageType,
    user: Option<String>,
    paths: Option<Paths>,
    sources: Sources,
    #[cfg(feature = "online")]
    pub(super) online: Option<crate::online::OnlineSettings>,
}

/// The reason why a client cannot be built. Each reason is a mistake in the program, and none
/// depends on the installed license or on the machine.
///
/// ```
/// # const TRUST: &str = include_str!(concat!(
/// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
/// # ));
/// use license_client::{Client, FeatureMatrix, TrustSet, with_causes};
///
/// let mistake = Client::builder(TrustSet::parse(TRUST)?)
///     .product(FeatureMatrix::built_in())
///     .build_date("March 2027")
///     .build();
/// let error = mistake.err().ok_or("expected an error")?;
/// assert_eq!(
///     error.to_string(),
///     r#"expected a build date such as 2027-03-01, found "March 2027""#
/// );
/// println!("{}", with_causes(&error));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The trust set is empty, so that no license would verify.
    #[error("the trust set has no keys; parse the file that `keygen trust` wrote")]
    NoKeys,
    /// No product is set.
    #[error("no product is set; call `product` with the text of the product file")]
    NoProduct,
    /// The text is not a product file.
    #[error("cannot use the product file")]
    Product(#[source] ProductFileError),
    /// The text is not a version.
    #[error("expected an application version such as 2.4.0, found {found:?}")]
    AppVersion {
        /// The text.
        found: String,
        /// The reason.
        source: <Version as FromStr>::Err,
    },
    /// The text is not a date, or the date is not between the years 1970 and 9999.
    #[error("expected a build date such as 2027-03-01, found {found:?}")]
    BuildDate {
        /// The text, or the date as text.
        found: String,
        /// The reason.
        source: TimeError,
    },
}

impl Client {
    /// Starts to build a client that verifies only with these keys.
    ///
    /// The keys are those that the vendor compiles into the program. Keys that are installed on the
    /// machine have no effect.
    ///
    /// ```
    /// # const TRUST: &str = include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
    /// # ));
    /// # let scratch = tempfile::tempdir()?;
    /// use license_client::{Client, FeatureMatrix, TrustSet};
    ///
    /// // const TRUST: &str = include_str!("trust.jwks");
    /// let client = Client::builder(TrustSet::parse(TRUST)?)
    ///     .product(FeatureMatrix::built_in())
    /// #   .state_dir(scratch.path())
    ///     .build()?;
    /// assert_eq!(client.matrix().product().as_str(), "CODITECT");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn builder(trust: TrustSet) -> ClientBuilder {
        ClientBuilder::new(trust)
    }
}

impl ClientBuilder {
    fn new(trust: TrustSet) -> Self {
        Self {
            trust,
            product: None,
            app_version: None,
            build_date: None,
            usage_type: UsageType::default(),
            user: None,
            paths: None,
            sources: Sources::default(),
            #[cfg(feature = "online")]
            online: None,
        }
    }

    /// Sets the product: the text of the product file, which the program compiles in with
    /// `include_str!`, or a [`FeatureMatrix`]. Required.
    ///
    /// The product decides which licenses count, where they are installed, and which features and
    /// quotas are available without a license. There is no default:
    /// `product(FeatureMatrix::built_in())` selects the tiers of CODITECT.
    ///
    /// ```
    /// # const TRUST: &str = include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
    /// # ));
    /// # let scratch = tempfile::tempdir()?;
    /// use license_client::{Client, TrustSet};
    ///
    /// // const PRODUCT: &str = include_str!("product.toml");
    /// const PRODUCT: &str = r#"
    ///     product = "SHOP"
    ///     issuer = "Shop Ltd"
    ///     base_tier = "FREE"
    ///
    ///     [[tiers]]
    ///     name = "FREE"
    ///     features = ["edit"]
    ///
    ///     [[tiers]]
    ///     name = "PRO"
    ///     extends = "FREE"
    ///     features = ["export"]
    /// "#;
    /// let client = Client::builder(TrustSet::parse(TRUST)?)
    ///     .product(PRODUCT)
    /// #   .state_dir(scratch.path())
    ///     .build()?;
    /// assert!(client.allows("edit")?);
    /// assert!(!client.allows("export")?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn product(mut self, product: impl Into<Setting<FeatureMatrix>>) -> Self {
        self.product = Some(product.into());
        self
    }

    /// Sets the version of the application: a text such as `env!("CARGO_PKG_VERSION")`, or a
    /// [`Version`].
    ///
    /// Licenses with a maximum version (`keygen issue --max-version`) need the version.
    ///
    /// ```
    /// # const TRUST: &str = include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
    /// # ));
    /// # let scratch = tempfile::tempdir()?;
    /// # use license_client::{Client, FeatureMatrix, TrustSet};
    /// let client = Client::builder(TrustSet::parse(TRUST)?)
    ///     .product(FeatureMatrix::built_in())
    ///     .app_version(env!("CARGO_PKG_VERSION"))
    /// #   .state_dir(scratch.path())
    ///     .build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn app_version(mut self, version: impl Into<Setting<Version>>) -> Self {
        self.app_version = Some(version.into());
        self
    }

    /// Sets the date on which the application was built: a text such as `2027-03-01`, a
    /// [`NaiveDate`](chrono::NaiveDate) or a [`DateTime`].
    ///
    /// Licenses with maintenance (`keygen issue --maintenance-until`) need the date. Set the date
    /// of the release and not the current date, which would end such a license for old builds too.
    ///
    /// ```
    /// # const TRUST: &str = include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
    /// # ));
    /// # let scratch = tempfile::tempdir()?;
    /// # use license_client::{Client, FeatureMatrix, TrustSet};
    /// // A build script or the release job sets the variable: .build_date(env!("BUILD_DATE"))
    /// let client = Client::builder(TrustSet::parse(TRUST)?)
    ///     .product(FeatureMatrix::built_in())
    ///     .build_date("2027-03-01")
    /// #   .state_dir(scratch.path())
    ///     .build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn build_date(mut self, date: impl Into<Setting<DateTime<Utc>>>) -> Self {
        self.build_date = Some(date.into());
        self
    }

    /// Sets how the application uses the product. The default is [`UsageType::Builder`].
    ///
    /// [`detect_usage`](crate::usage::detect_usage) detects the usage type of a project.
    ///
    /// ```
    /// # const TRUST: &str = include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
    /// # ));
    /// # let scratch = tempfile::tempdir()?;
    /// # use license_client::{Client, FeatureMatrix, TrustSet};
    /// use license_client::UsageType;
    ///
    /// let client = Client::builder(TrustSet::parse(TRUST)?)
    ///     .product(FeatureMatrix::built_in())
    ///     .usage_type(UsageType::Runtime)
    /// #   .state_dir(scratch.path())
    ///     .build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn usage_type(self, usage_type: UsageType) -> Self {
        Self { usage_type, ..self }
    }

    /// Sets the user of the application.
    ///
    /// Licenses for named users (`keygen issue --user`) need the user. A server whose requests have
    /// different users calls [`Client::decide_in`] instead.
    ///
    /// ```
    /// # const TRUST: &str = include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
    /// # ));
    /// # let scratch = tempfile::tempdir()?;
    /// # use license_client::{Client, FeatureMatrix, TrustSet};
    /// let client = Client::builder(TrustSet::parse(TRUST)?)
    ///     .product(FeatureMatrix::built_in())
    ///     .user("ann@acme.example")
    /// #   .state_dir(scratch.path())
    ///     .build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// Uses this state directory instead of that of the current user, and no directory of an
    /// administrator. The directory need not exist.
    ///
    /// Without this call, the directory is the value of the environment variable `{PRODUCT}_HOME`,
    /// such as `SHOP_HOME`, if it is set. Otherwise it is `.{product}` in the home directory. The
    /// licensee can change the variable, and each new directory starts with unused quotas. A client
    /// with a fixed `state_dir` ignores the variable.
    ///
    /// The program `license` has no option for the directory. To install a license for a client
    /// with a fixed `state_dir`, set the variable for the command:
    ///
    /// ```sh
    /// export SHOP_HOME=/var/lib/shop
    /// license --product-file product.toml install --trust trust.jwks acme.lic
    /// ```
    ///
    /// ```
    /// # const TRUST: &str = include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
    /// # ));
    /// # use license_client::{Client, FeatureMatrix, TrustSet};
    /// // A test uses a temporary directory, so that it finds no license of the developer.
    /// let scratch = tempfile::tempdir()?;
    /// let client = Client::builder(TrustSet::parse(TRUST)?)
    ///     .product(FeatureMatrix::built_in())
    ///     .state_dir(scratch.path().join("state"))
    ///     .build()?;
    /// assert!(client.snapshot().installed().is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn state_dir(self, path: impl Into<PathBuf>) -> Self {
        self.paths(StateDir::at(path))
    }

    /// Uses these paths instead of those of the current user. The last call of this method or of
    /// [`state_dir`](Self::state_dir) counts.
    ///
    /// ```
    /// # const TRUST: &str = include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
    /// # ));
    /// # let scratch = tempfile::tempdir()?;
    /// # use license_client::{Client, FeatureMatrix, TrustSet};
    /// use license_client::{Paths, StateDir};
    ///
    /// let user = StateDir::at(scratch.path().join("user"));
    /// let administrator = StateDir::at(scratch.path().join("system"));
    /// let client = Client::builder(TrustSet::parse(TRUST)?)
    ///     .product(FeatureMatrix::built_in())
    ///     .paths(Paths::at(user).system_dir(administrator))
    ///     .build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn paths(mut self, paths: impl Into<Paths>) -> Self {
        self.paths = Some(paths.into());
        self
    }

    /// Replaces everything that depends on the vendor and on the machine.
    #[cfg(feature = "testing")]
    pub(crate) fn replace(self, trust: TrustSet, paths: Paths, sources: Sources) -> Self {
        Self {
            trust,
            paths: Some(paths),
            sources,
            ..self
        }
    }

    /// Builds the client, and reads the installed license.
    ///
    /// A missing or damaged license, or an unknown home directory, is not an error: the base tier
    /// is then in effect. [`Client::problems`] describes a damaged license and an unknown home
    /// directory.
    ///
    /// # Blocking
    ///
    /// Reads up to ten small files and verifies their signatures, usually in less than a
    /// millisecond. Waits for no lock. The first read of a client also identifies the machine. If
    /// the time was last written ten minutes ago or earlier, a read also writes the time durably,
    /// which takes a few milliseconds on most disks.
    ///
    /// # Errors
    ///
    /// Returns [`BuildError`] if the product is not set, if a text is not a product file, a version
    /// or a date, or if there are no keys. All are mistakes in the program.
    ///
    /// ```
    /// use license_client::{BuildError, Client, TrustSet};
    ///
    /// # const TRUST: &str = include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
    /// # ));
    /// let forgotten = Client::builder(TrustSet::parse(TRUST)?).build();
    /// assert!(matches!(forgotten, Err(BuildError::NoProduct)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn build(self) -> Result<Client, BuildError> {
        if self.trust.is_empty() {
            return Err(BuildError::NoKeys);
        }
        let matrix = self.product.ok_or(BuildError::NoProduct)?.value()?;
        let build_date = self.build_date.map(Setting::value).transpose()?;
        let application = Application {
            version: self.app_version.map(Setting::value).transpose()?,
            build_date: build_date.map(in_range).transpose()?,
            usage_type: self.usage_type,
            user: self.user,
        };
        let manager = match self.paths {
            Some(paths) => LicenseManager::at(matrix.product(), paths),
            None => LicenseManager::for_current_user(matrix.product()),
        };
        let manager = manager.trust_only(&self.trust).sources(self.sources);
        #[cfg_attr(not(feature = "online"), allow(unused_mut, reason = "for `online`"))]
        let mut client = Client::new(manager, matrix, application);
        #[cfg(feature = "online")]
        {
            client.online = self.online;
            client.start_online();
        }
        Ok(client)
    }
}

/// Returns the date, if it is in the range of [`time`].
fn in_range(date: DateTime<Utc>) -> Result<DateTime<Utc>, BuildError> {
    if (time::MIN..=time::MAX).contains(&date) {
        return Ok(date);
    }
    Err(BuildError::BuildDate {
        found: date.to_string(),
        source: TimeError::OutOfRange,
    })
}
