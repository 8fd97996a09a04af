//! Numbers of requests. The document states the same bounds.

use license_seats::Seq;
use serde::de::{Error as _, Unexpected};
use serde::{Deserialize, Deserializer};

/// The maximum of a number in JSON that every implementation represents exactly, 2^53 - 1.
const MAX_EXACT: u64 = (1 << 53) - 1;

/// Reads a number from 0 to 2^53 - 1.
pub(super) fn exact<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    bounded(deserializer, 0, &"a number from 0 to 2^53 - 1")
}

/// Reads a fencing number, from 1 to 2^53 - 1.
pub(super) fn seq<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Seq, D::Error> {
    bounded(deserializer, 1, &"a number from 1 to 2^53 - 1").map(Seq)
}

fn bounded<'de, D: Deserializer<'de>>(
    deserializer: D,
    min: u64,
    expected: &&'static str,
) -> Result<u64, D::Error> {
    let number = u64::deserialize(deserializer)?;
    if (min..=MAX_EXACT).contains(&number) {
        Ok(number)
    } else {
        Err(D::Error::invalid_value(
            Unexpected::Unsigned(number),
            expected,
        ))
    }
}
