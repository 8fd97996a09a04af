//! serde functions for instants as Unix seconds (`NumericDate` of RFC 7519 in whole seconds).
//!
//! The functions work for required members and for optional members, which must not be `null`.

use serde::{Deserializer, Serialize, Serializer};

use super::Timestamp;
use crate::encoding::strict_json::IntegerVisitor;

pub(crate) fn serialize<T: Copy + Into<Option<Timestamp>>, S: Serializer>(
    instant: &T,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let instant: Option<Timestamp> = (*instant).into();
    instant.map(Timestamp::unix_seconds).serialize(serializer)
}

pub(crate) fn deserialize<'de, T: From<Timestamp>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    let instant = deserializer.deserialize_u64(IntegerVisitor {
        expected: "whole seconds from 0 to 253402300799",
        convert: |seconds| Timestamp::from_unix_seconds(u64::try_from(seconds).ok()?),
    })?;
    Ok(T::from(instant))
}
