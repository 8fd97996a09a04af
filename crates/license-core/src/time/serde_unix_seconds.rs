//! serde functions for instants as Unix seconds (`NumericDate` of RFC 7519 in whole seconds).
//!
//! The functions work for `DateTime<Utc>` and for `Option<DateTime<Utc>>`. `None` is written as
//! `null`, but reading `null` is an error. An optional member with `#[serde(default)]` may be
//! absent.
//!
//! ```
//! use license_core::chrono::{DateTime, Utc};
//! use license_core::time::{self, serde_unix_seconds};
//!
//! #[derive(serde::Serialize, serde::Deserialize)]
//! struct Order {
//!     #[serde(with = "serde_unix_seconds")]
//!     placed_at: DateTime<Utc>,
//! }
//!
//! let order: Order = serde_json::from_str(r#"{"placed_at":1798761600}"#)?;
//! assert_eq!(order.placed_at, time::parse_instant("2027-01-01")?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use chrono::{DateTime, Utc};
use serde::ser::Error;
use serde::{Deserializer, Serialize, Serializer};

use super::{TimeError, from_unix_timestamp};
use crate::encoding::strict_json::IntegerVisitor;

/// Writes the Unix time in whole seconds. A fraction of a second is omitted.
///
/// # Errors
///
/// Returns an error if the instant is before 1970 or after 9999.
pub fn serialize<T: Copy + Into<Option<DateTime<Utc>>>, S: Serializer>(
    instant: &T,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let instant: Option<DateTime<Utc>> = (*instant).into();
    let seconds = instant.map(|at| at.timestamp());
    if seconds.is_some_and(|seconds| from_unix_timestamp(seconds).is_none()) {
        return Err(S::Error::custom(TimeError::OutOfRange));
    }
    seconds.serialize(serializer)
}

/// Reads a Unix time in whole seconds, from 0 to 253402300799.
///
/// # Errors
///
/// Returns an error if the value is not such an integer.
pub fn deserialize<'de, T: From<DateTime<Utc>>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    let instant = deserializer.deserialize_u64(IntegerVisitor {
        expected: "whole seconds from 0 to 253402300799",
        convert: from_unix_timestamp,
    })?;
    Ok(T::from(instant))
}
