//! serde functions for durations as whole seconds.

use chrono::TimeDelta;
use serde::{Deserializer, Serializer};

use super::{seconds, whole_seconds};
use crate::encoding::strict_json::count;

pub(crate) fn serialize<S: Serializer>(
    duration: &TimeDelta,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(whole_seconds(*duration))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<TimeDelta, D::Error> {
    count(deserializer).map(seconds)
}
