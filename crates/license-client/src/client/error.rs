//! The reasons why a client cannot answer.

use license_core::evaluate::{ContextValue, MissingContext};
use license_core::session::ProjectError;
use license_core::{Code, LicenseId, ProductCode};
use thiserror::Error;

use crate::manager::QuotaError;

/// The reason why a [`Client`](super::Client) cannot answer.
///
/// A license that is missing, damaged, expired or denied is never an error: it is a decision with
/// the base tier. The first three variants are mistakes in the program, which its developer sees at
/// the first call. A program that must not stop can treat them as a refusal.
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
/// use license_client::{Client, ClientError};
///
/// /// Returns whether a feature may be used. A mistake stops the tests, but not the program.
/// fn may_use(client: &Client, feature: &str) -> bool {
///     match client.allows(feature) {
///         Ok(is_allowed) => is_allowed,
///         Err(error @ ClientError::UnknownFeature { .. }) if cfg!(test) => panic!("{error}"),
///         Err(error) => {
///             eprintln!("{error}");
///             false
///         }
///     }
/// }
/// assert!(!may_use(&client, "ssso"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ClientError {
    /// An installed license restricts a value that the program has not set. With the value, the
    /// license could be valid.
    #[error(
        "license {license} restricts `{value}`, which the program has not set; \
         call `{value}` on the builder of the client, or on the context"
    )]
    MissingContext {
        /// The missing value.
        value: ContextValue,
        /// The license.
        license: LicenseId,
    },
    /// No tier of the product has the feature, and no installed license has it.
    #[error("product {product} has no feature {feature:?}")]
    UnknownFeature {
        /// The feature.
        feature: String,
        /// The product.
        product: ProductCode,
    },
    /// No tier of the product has the quota, and no installed license has it.
    #[error("product {product} has no quota {quota:?}")]
    UnknownQuota {
        /// The quota.
        quota: String,
        /// The product.
        product: ProductCode,
    },
    /// A use of a finite quota cannot be counted, and is therefore refused. The system is not at
    /// fault: a read-only or full file system is no error. The cause names the file and the reason,
    /// such as missing permissions, or other processes that held the lock for ten seconds.
    #[error("cannot use the quota counters")]
    Counters(#[source] QuotaError),
    /// No readable project contains the path of the session.
    #[error("cannot open a session")]
    Project(#[source] ProjectError),
}

impl ClientError {
    /// Returns the reason code of a license that is denied because a value is missing, or of a
    /// quota that cannot be counted. Returns `None` for the other errors.
    ///
    /// ```
    /// # use license_client::{FeatureMatrix, testing};
    /// # let machine = testing::TestMachine::new(FeatureMatrix::built_in());
    /// # machine.install(testing::license("PRO").without_check_in().user("ann"));
    /// # let client = machine.client();
    /// use license_client::Code;
    ///
    /// // The installed license is for named users, and the program has not set a user.
    /// let missing = client.decide().err().ok_or("expected an error")?;
    /// assert_eq!(missing.code(), Some(Code::UserMismatch));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn code(&self) -> Option<Code> {
        match self {
            Self::MissingContext { value, .. } => Some(value.code()),
            Self::Counters(_) => Some(Code::QuotaNotCounted),
            _ => None,
        }
    }
}

impl From<MissingContext> for ClientError {
    fn from(missing: MissingContext) -> Self {
        Self::MissingContext {
            value: missing.value,
            license: missing.license,
        }
    }
}
