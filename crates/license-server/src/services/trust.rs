//! Trust statements: changes of the vendor's keys.

use std::sync::Arc;

use license_core::license::StatementResult;
use license_core::{Code, LicenseFile, TokenKind, TrustSet};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::licenses::refused;
use super::site::Site;
use super::vendor;
use crate::domain::{Actor, Refusal, RefusalKind, StatementRecord};

/// Imports trust statements and passes them on.
#[derive(Clone)]
pub struct TrustService {
    site: Arc<Site>,
}

impl TrustService {
    pub(super) fn new(site: Arc<Site>) -> Self {
        Self { site }
    }

    /// Imports the trust statements of a file. Returns how many are new.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the file has no statement, or if a statement does not verify.
    pub async fn import(&self, actor: &Actor, text: &str) -> Result<usize, Refusal> {
        let advice = "record a trust statement in the ledger with `keygen rotate`";
        vendor::refuse_import(&self.site, advice)?;
        let file = LicenseFile::parse(text).ok();
        let count = file.map_or(0, |file| {
            file.blocks_of_kind(TokenKind::TrustStatement).count()
        });
        if count == 0 {
            let detail = "expected a trust statement, found none";
            return Err(
                Refusal::of_license(RefusalKind::BadRequest, Code::Malformed, detail)
                    .hint("import the file that `keygen rotate` wrote"),
            );
        }
        let new = store(&self.site, actor, text).await?;
        self.site.reload().await?;
        Ok(new)
    }

    /// Records in the audit trail that the operator has installed public keys of the vendor. The
    /// server reads the keys again.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store fails.
    pub async fn record_keys(&self, actor: &Actor, kids: &[String]) -> Result<(), Refusal> {
        record_keys(&self.site, actor, kids).await
    }

    /// Returns the trust statements, in the order of import.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be read.
    pub async fn list(&self) -> Result<Vec<StatementRecord>, Refusal> {
        Ok(self.site.store.statements(&self.site.tenant).await?)
    }

    /// Returns a digest of all trust statements, for the header `ETag`.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be read.
    pub async fn digest(&self) -> Result<[u8; 32], Refusal> {
        let mut digest = Sha256::new();
        for statement in self.list().await? {
            digest.update(Sha256::digest(statement.armor.as_bytes()));
        }
        Ok(digest.finalize().into())
    }

    /// Returns the vendor's keys after all statements.
    pub fn current(&self) -> TrustSet {
        self.site.content().keys().clone()
    }
}

/// Records that public keys were installed, and reads them again.
pub(super) async fn record_keys(
    site: &Site,
    actor: &Actor,
    kids: &[String],
) -> Result<(), Refusal> {
    let audit = site.audit(actor, "trust.install", "trust", json!({ "kids": kids }));
    site.store.trust_changed(&site.tenant, audit).await?;
    site.reload().await
}

/// Stores the statements of a file that have an effect. Returns how many are new.
pub(super) async fn store(site: &Site, actor: &Actor, text: &str) -> Result<usize, Refusal> {
    let mut rotation = site.content().rotation.clone();
    let known = rotation.statements().len();
    let results = rotation.apply_file(text).map_err(|error| refused(&error))?;
    if !results.contains(&StatementResult::Applied) {
        return Ok(0);
    }
    let new = rotation.statements().iter().skip(known);
    let armors: Vec<_> = new.map(|statement| statement.to_armor()).collect();
    let details = json!({ "statements": armors.len() });
    let audit = site.audit(actor, "trust.import", "trust", details);
    Ok(site
        .store
        .import_statements(&site.tenant, armors, audit)
        .await?)
}
