//! serde functions for instants as RFC 3339 text, such as `2027-03-01T12:00:00Z`.
//!
//! The functions work for `DateTime<Utc>` and for `Option<DateTime<Utc>>`. `None` is written as
//! `null`, but reading `null` is an error. An optional member with `#[serde(default)]` may be
//! absent.
//!
//! ```
//! use license_core::chrono::{DateTime, Utc};
//! use license_core::time::serde_rfc3339;
//!
//! #[derive(serde::Serialize, serde::Deserialize)]
//! struct Order {
//!     #[serde(with = "serde_rfc3339")]
//!     placed_at: DateTime<Utc>,
//! }
//!
//! let json = r#"{"placed_at":"2027-03-01T12:00:00Z"}"#;
//! let order: Order = serde_json::from_str(json)?;
//! assert_eq!(serde_json::to_string(&order)?, json);
//! # Ok::<(), serde_json::Error>(())
//! ```

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserializer, Serialize, Serializer};

use super::{parse_instant, rfc3339};
use crate::encoding::strict_json::TextVisitor;

/// Writes the form of [`rfc3339`].
///
/// # Errors
///
/// Returns an error only if the serializer does.
pub fn serialize<T: Copy + Into<Option<DateTime<Utc>>>, S: Serializer>(
    instant: &T,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let instant: Option<DateTime<Utc>> = (*instant).into();
    instant.map(rfc3339).map(Text).serialize(serializer)
}

/// Value whose serialized form is its text.
struct Text<T>(T);

impl<T: fmt::Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// An instant or an optional instant that is written by [`serialize`].
pub(crate) struct Rfc3339<'a, T>(pub(crate) &'a T);

impl<T: Copy + Into<Option<DateTime<Utc>>>> Serialize for Rfc3339<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize(self.0, serializer)
    }
}

/// Reads a text that [`parse_instant`] accepts.
///
/// # Errors
///
/// Returns an error if the value is not such a text.
pub fn deserialize<'de, T: From<DateTime<Utc>>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    let instant = deserializer.deserialize_str(TextVisitor {
        expected: "an instant such as 2027-03-01T12:00:00Z",
        parse: |text| parse_instant(text).ok(),
    })?;
    Ok(T::from(instant))
}
