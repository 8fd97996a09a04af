//! What a revocation list says, out of the entries.

use std::collections::BTreeMap;

use license_core::issue::Revoked;
use license_core::{LicenseId, LicenseKey, ProductCode, Timestamp};
use rusqlite::OptionalExtension;

use super::entry::{Entry, Kind};
use super::{Ledger, LedgerError};

impl Ledger {
    /// The licenses of a product that are revoked, in the order of their ids, each since it was first revoked. One of which the ledger does
    /// not know the product is on every list: its id is nobody else's.
    pub(crate) fn revoked(&self, product: ProductCode) -> Result<Vec<Revoked>, LedgerError> {
        let mut revoked = BTreeMap::new();
        self.of_kind(Kind::Revocation, |entry| {
            let Some(one) = revocation(&entry) else {
                return;
            };
            let known: &mut Revoked = revoked
                .entry(one.license.clone())
                .or_insert_with(|| one.clone());
            if one.at < known.at {
                *known = one;
            }
        })?;
        let mut of_product = Vec::with_capacity(revoked.len());
        for one in revoked.into_values() {
            if self
                .product_of(&one.license)?
                .is_none_or(|own| own == product)
            {
                of_product.push(one);
            }
        }
        Ok(of_product)
    }

    /// The activations of a product that have ended, in the order of their ids, each since it first did.
    pub(crate) fn released(&self, product: ProductCode) -> Result<Vec<Revoked>, LedgerError> {
        let mut released: BTreeMap<LicenseId, Revoked> = BTreeMap::new();
        self.of_kind(Kind::Release, |entry| {
            let of_product = entry.fact("product").as_deref() == Some(product.as_str());
            let id = entry.fact("activation_id");
            let id = id.and_then(|id| LicenseId::parse(&id));
            if let Some(one) = id.filter(|_| of_product).and_then(|id| ended(id, &entry)) {
                // The chain has them in the order in which they came.
                released.entry(one.license.clone()).or_insert(one);
            }
        })?;
        Ok(released.into_values().collect())
    }

    fn product_of(&self, license: &LicenseId) -> Result<Option<ProductCode>, LedgerError> {
        if let Ok(LicenseKey::EnterpriseShort(key)) = LicenseKey::parse(license.as_str()) {
            return Ok(Some(key.unverified_terms().product));
        }
        let sql = "SELECT json_extract(body, '$.product') FROM entries WHERE subject = ?1 AND kind = 'license'";
        let mut statement = self.db.prepare_cached(sql)?;
        let code: Option<Option<String>> = statement
            .query_row([license.as_str()], |row| row.get(0))
            .optional()?;
        Ok(code
            .flatten()
            .and_then(|code| ProductCode::parse(&code).ok()))
    }

    /// How many licenses of a product the longest list of a key names; none if it has signed none for it.
    pub(crate) fn most_revoked(
        &self,
        key: &str,
        product: ProductCode,
    ) -> Result<Option<u64>, LedgerError> {
        let lists = self.about_of_kind(key, Kind::RevocationList)?.into_iter();
        let of_product =
            lists.filter(|list| list.fact("product").as_deref() == Some(product.as_str()));
        Ok(of_product
            .filter_map(|list| list.fact("revoked")?.parse().ok())
            .max())
    }

    /// The highest number of the lists that a key has signed; none if it has signed none.
    pub(crate) fn last_list(&self, key: &str) -> Result<Option<u64>, LedgerError> {
        let entries = self.about(key)?.into_iter();
        let lists = entries.filter(|entry| entry.kind == Kind::RevocationList.as_str());
        Ok(lists
            .filter_map(|list| list.fact("seq")?.parse().ok())
            .max())
    }
}

fn revocation(entry: &Entry) -> Option<Revoked> {
    ended(LicenseId::parse(&entry.subject)?, entry)
}

/// That what has this id holds no longer, as the entry says.
fn ended(id: LicenseId, entry: &Entry) -> Option<Revoked> {
    let at = entry.fact("at").and_then(|at| Timestamp::parse(&at).ok());
    let recorded = u64::try_from(entry.at).ok();
    let recorded = recorded.and_then(Timestamp::from_unix_seconds);
    Some(Revoked {
        license: id,
        at: at.or(recorded)?,
        reason: entry.fact("reason").filter(|reason| !reason.is_empty())?,
    })
}
