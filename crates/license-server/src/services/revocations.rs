//! Revocation lists.

use std::sync::Arc;

use license_core::license::RevocationList;
use license_core::{Code, LicenseId, VerifiedLicenses};
use serde_json::json;

use super::licenses::refused;
use super::site::Site;
use super::vendor;
use crate::domain::{Actor, Refusal, RefusalKind, RevocationRecord, ServerCode};

/// Imports revocation lists and passes them on.
#[derive(Clone)]
pub struct RevocationService {
    site: Arc<Site>,
}

impl RevocationService {
    pub(super) fn new(site: Arc<Site>) -> Self {
        Self { site }
    }

    /// Imports the newest revocation list of a file.
    ///
    /// # Errors
    ///
    /// Returns `STALE_LIST` if the server has the same or a newer list, and other refusals if the
    /// list does not verify.
    pub async fn import(&self, actor: &Actor, text: &str) -> Result<RevocationRecord, Refusal> {
        let advice = "record a list in the ledger with `keygen ledger import`";
        vendor::refuse_import(&self.site, advice)?;
        let content = self.site.content();
        let matrix = &self.site.matrix;
        let verified = VerifiedLicenses::verify_with_licenses(text, content.keys(), matrix, &[])
            .map_err(|error| refused(&error))?;
        let newest = verified.revocations().iter().max_by_key(|list| list.seq());
        let list = newest.ok_or_else(|| {
            let detail = "expected a block `LICENSE REVOCATIONS`, found none";
            Refusal::of_license(RefusalKind::BadRequest, Code::Malformed, detail)
        })?;
        if !store(&self.site, actor, list).await? {
            return Err(self.stale(list).await?);
        }
        self.site.reload().await?;
        Ok(record(&self.site, list))
    }

    async fn stale(&self, list: &RevocationList) -> Result<Refusal, Refusal> {
        let known = self.list().await?;
        let is_same = |known: &&RevocationRecord| {
            known.product == list.product().as_str() && known.issuer == list.issuer()
        };
        let seq = known.iter().find(is_same).map_or(0, |known| known.seq);
        let detail = "the server has this revocation list or a newer one";
        Ok(
            Refusal::of_license(RefusalKind::Conflict, Code::StaleList, detail)
                .values(
                    format!("a list after number {seq}"),
                    format!("number {}", list.seq()),
                )
                .hint("ask the vendor for the newest list"),
        )
    }

    /// Returns the newest revocation list of a product, or of the only product.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` if the server has no list of this product, or lists of several products
    /// and no product is named.
    pub async fn newest(&self, product: Option<&str>) -> Result<RevocationRecord, Refusal> {
        let lists = self.list().await?;
        let mut found = lists
            .into_iter()
            .filter(|list| product.is_none_or(|product| list.product == product));
        match (found.next(), found.next()) {
            (Some(list), None) => Ok(list),
            (Some(_), Some(_)) => Err(Refusal::new(
                RefusalKind::NotFound,
                ServerCode::NotFound,
                "the server has several revocation lists",
            )
            .hint("name the product with the parameter `product`")),
            (None, _) => Err(Refusal::new(
                RefusalKind::NotFound,
                ServerCode::NotFound,
                "the server has no revocation list",
            )
            .hint("an administrator imports a list with `license-server install FILE`")),
        }
    }

    /// Returns the newest revocation list of each product.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be read.
    pub async fn list(&self) -> Result<Vec<RevocationRecord>, Refusal> {
        Ok(self.site.store.revocations(&self.site.tenant).await?)
    }
}

/// Stores a list. Returns `false` if the stored list is as new.
pub(super) async fn store(
    site: &Site,
    actor: &Actor,
    list: &RevocationList,
) -> Result<bool, Refusal> {
    let details = json!({ "seq": list.seq(), "entries": list.len() });
    let audit = site.audit(
        actor,
        "revocations.import",
        list.product().as_str(),
        details,
    );
    let revoked = ids(list);
    let stored = site
        .store
        .import_revocations(&site.tenant, record(site, list), revoked, audit);
    Ok(stored.await?)
}

/// Returns the ids of a list.
pub(super) fn ids(list: &RevocationList) -> Vec<LicenseId> {
    let ids = list.licenses().into_iter().map(|(id, _)| id);
    ids.collect()
}

fn record(site: &Site, list: &RevocationList) -> RevocationRecord {
    RevocationRecord {
        product: list.product().as_str().to_owned(),
        issuer: list.issuer().to_owned(),
        seq: list.seq(),
        armor: list.to_armor(),
        digest: list.digest(),
        imported_at: site.wall(),
    }
}
