//! What depends on a signing key, out of the entries.

use std::collections::BTreeMap;

use license_core::{Timestamp, Unverified};
use serde_json::Value;

use super::entry::{Entry, Kind};
use super::{Ledger, LedgerError, Standing};

impl Ledger {
    /// The ids of the keys that a key introduced, in the order in which that was entered.
    pub(crate) fn introduced_by(&self, key: &str) -> Result<Vec<String>, LedgerError> {
        let mut ids: Vec<String> = Vec::new();
        for entry in self.about_of_kind(key, Kind::TrustStatement)? {
            let body: Value = serde_json::from_str(&entry.body).unwrap_or_default();
            let introduced = body.get("introduces").and_then(Value::as_array);
            for id in introduced.into_iter().flatten().filter_map(Value::as_str) {
                if !ids.iter().any(|known| known == id) {
                    ids.push(id.to_owned());
                }
            }
        }
        Ok(ids)
    }

    /// How many licenses and enterprise keys a key has signed that have not ended, were not revoked, and were not replaced.
    pub(crate) fn signed_by(&self, key: &str, now: Timestamp) -> Result<u64, LedgerError> {
        let sql = "SELECT count(*) FROM entries e
                   WHERE e.kind IN ('license', 'enterprise_key') AND json_extract(e.body, '$.kid') = ?1
                     AND coalesce(json_extract(e.body, '$.expires_at') > ?2, 1)
                     AND NOT EXISTS (SELECT 1 FROM replaced r WHERE r.old = e.subject)
                     AND NOT EXISTS (SELECT 1 FROM entries r WHERE r.subject = e.subject AND r.kind = 'revocation')";
        let count: i64 = self
            .db
            .query_row(sql, [key, &now.to_string()], |row| row.get(0))?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// How many activations a key has signed that have not ended and were not signed anew, of licenses that hold or were replaced: of
    /// those they count for what came after.
    pub(crate) fn activations_signed_by(
        &self,
        key: &str,
        now: Timestamp,
    ) -> Result<u64, LedgerError> {
        let mut last: BTreeMap<Option<String>, Entry> = BTreeMap::new();
        self.of_kind(Kind::Activation, |entry| {
            last.insert(entry.fact("nonce"), entry);
        })?;
        let mut count = 0;
        for entry in last.into_values().filter(|entry| is_signed_by(entry, key)) {
            let counts = self.is_of_use(&entry.subject, now)?;
            if counts && self.with_release(entry)?.release.is_none() {
                count += 1;
            }
        }
        Ok(count)
    }

    /// Whether a license may hold anywhere, itself or by what replaces it.
    fn is_of_use(&self, license: &str, now: Timestamp) -> Result<bool, LedgerError> {
        let standing = self.license(license, now)?.map(|row| row.standing);
        let is_over = matches!(standing, Some(Standing::Revoked | Standing::Expired));
        Ok(!is_over)
    }
}

fn is_signed_by(entry: &Entry, key: &str) -> bool {
    Unverified::parse(&entry.artefact).is_ok_and(|token| token.unverified_key_id() == key)
}
