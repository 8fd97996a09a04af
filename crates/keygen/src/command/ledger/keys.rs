//! The public halves of the signing keys that were entered.

use license_core::TrustSet;
use license_terminal::Failure;
use serde_json::Value;

use crate::books::not_kept;
use crate::ledger::{Kind, Ledger};

/// The signing keys that the ledger has entered. One that can't be read as it stands there is left out: whatever it has signed is then
/// not trusted. Of one that was entered with two algorithms the first counts.
pub(crate) fn signing_keys(ledger: &Ledger) -> Result<TrustSet, Failure> {
    let mut keys = TrustSet::default();
    let read = ledger.of_kind(Kind::SigningKey, |entry| {
        let body: Value = serde_json::from_str(&entry.body).unwrap_or_default();
        let jwk = body.get("jwk").map(Value::to_string);
        let key = jwk.and_then(|jwk| TrustSet::parse(&jwk).ok());
        // The id under which it was entered is its thumbprint.
        let key = key.filter(|key| key.get(&entry.subject).is_some());
        keys = keys.joined(&key.unwrap_or_default());
    });
    read.map_err(|error| not_kept(ledger.path(), &error))?;
    Ok(keys)
}
