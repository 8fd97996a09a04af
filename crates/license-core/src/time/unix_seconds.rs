//! Instants as whole seconds since 1970-01-01T00:00:00Z (`NumericDate` of RFC 7519).

use serde::{Deserializer, Serializer};

use crate::encoding::strict_json::IntegerVisitor;
use crate::time::Timestamp;

const EXPECTED: &str = "whole seconds from 0 to 253402300799";

pub(super) fn serialize<S: Serializer>(
    instant: &Timestamp,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(instant.unix_seconds())
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Timestamp, D::Error> {
    deserializer.deserialize_u64(IntegerVisitor {
        expected: EXPECTED,
        convert: |seconds| Timestamp::from_unix_seconds(u64::try_from(seconds).ok()?),
    })
}

/// The same for an optional claim that is present.
pub(super) mod present {
    use super::{Deserializer, Serializer, Timestamp};

    pub(in super::super) fn serialize<S: Serializer>(
        instant: &Option<Timestamp>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match instant {
            Some(instant) => super::serialize(instant, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Timestamp>, D::Error> {
        super::deserialize(deserializer).map(Some)
    }
}
