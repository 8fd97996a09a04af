//! Settings of a client, given as values or as text.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use license_core::{FeatureMatrix, Version, time};

use super::builder::BuildError;

/// The argument of a setter of [`ClientBuilder`](super::ClientBuilder): a value, or the text of a
/// value.
///
/// A text that cannot be parsed is an error of
/// [`ClientBuilder::build`](super::ClientBuilder::build), so that calls of setters can be chained.
///
/// - `Setting<FeatureMatrix>` accepts the text of a product file (TOML), or a [`FeatureMatrix`].
/// - `Setting<Version>` accepts a text such as `2.4.0`, or a [`Version`].
/// - `Setting<DateTime<Utc>>` accepts a text such as `2027-03-01` or `2027-03-01T12:00:00Z`, a
///   [`NaiveDate`] or a [`DateTime`].
///
/// ```
/// # const TRUST: &str = include_str!(concat!(
/// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
/// # ));
/// # let scratch = tempfile::tempdir()?;
/// use license_client::license_core::chrono::NaiveDate;
/// use license_client::{Client, FeatureMatrix, TrustSet, Version};
///
/// let date = NaiveDate::from_ymd_opt(2027, 3, 1).ok_or("not a date")?;
/// let client = Client::builder(TrustSet::parse(TRUST)?)
///     .product(FeatureMatrix::built_in())
///     .app_version(Version::new(2, 4, 0))
///     .build_date(date)
/// #   .state_dir(scratch.path())
///     .build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Setting<T>(Result<T, BuildError>);

impl<T> Setting<T> {
    /// Returns the value, or the reason why the text cannot be parsed.
    pub(crate) fn value(self) -> Result<T, BuildError> {
        self.0
    }
}

impl<T> From<T> for Setting<T> {
    fn from(value: T) -> Self {
        Self(Ok(value))
    }
}

impl From<&FeatureMatrix> for Setting<FeatureMatrix> {
    fn from(matrix: &FeatureMatrix) -> Self {
        Self(Ok(matrix.clone()))
    }
}

impl From<&str> for Setting<FeatureMatrix> {
    fn from(text: &str) -> Self {
        Self(FeatureMatrix::parse(text).map_err(BuildError::Product))
    }
}

impl From<&str> for Setting<Version> {
    fn from(text: &str) -> Self {
        Self(
            Version::parse(text).map_err(|source| BuildError::AppVersion {
                found: text.to_owned(),
                source,
            }),
        )
    }
}

impl From<&str> for Setting<DateTime<Utc>> {
    fn from(text: &str) -> Self {
        let date = time::parse_instant(text).map_err(|source| BuildError::BuildDate {
            found: text.to_owned(),
            source,
        });
        Self(date)
    }
}

/// Uses the first instant of the day in UTC.
impl From<NaiveDate> for Setting<DateTime<Utc>> {
    fn from(date: NaiveDate) -> Self {
        Self(Ok(date.and_time(NaiveTime::MIN).and_utc()))
    }
}
