//! The installed license that a license key or a token names.

use std::sync::Arc;

use license_core::{Code, LicenseFile, LicenseId, LicenseKey, TokenKind, Unverified, with_causes};

use super::Site;
use crate::domain::{LicenseRecord, Refusal, RefusalKind, ServerCode};
use crate::services::licenses::InstalledLicense;
use crate::services::vendor;

impl Site {
    /// Returns the installed license that a license key or a token names.
    pub(in crate::services) async fn resolve(
        &self,
        credential: &str,
    ) -> Result<Arc<InstalledLicense>, Refusal> {
        let credential = credential.trim();
        let version = self.content().version;
        match self.credentials.get(credential) {
            Some((of, found)) if of == version => return Ok(found),
            _ => {}
        }
        let found = match self.find(credential).await {
            // The copy may have changed since the search, even if this call copies nothing.
            Err(refusal) if is_unknown(&refusal) && self.is_vendor => {
                vendor::copy_changes(self).await?;
                self.find(credential).await?
            }
            found => found?,
        };
        let hint = if self.is_vendor {
            "renew or upgrade the license with the vendor's server, which certifies its current key"
        } else {
            "ask the administrator of the license server to run `license-server status`, which shows the reason"
        };
        self.check_certified(&found.license, hint)?;
        let renewal = self.renewal(&found).await?;
        let found = Arc::new(InstalledLicense { renewal, ..found });
        let cached = (version, Arc::clone(&found));
        self.credentials.insert(credential.into(), cached);
        Ok(found)
    }

    /// Returns whether a credential was resolved before, and nothing has changed since.
    pub(in crate::services) fn is_cached(&self, credential: &str) -> bool {
        let version = self.content().version;
        let cached = self.credentials.get(credential);
        cached.is_some_and(|(of, _)| of == version)
    }

    async fn find(&self, credential: &str) -> Result<InstalledLicense, Refusal> {
        if LicenseKey::is_likely(credential) {
            self.find_by_key(credential).await
        } else {
            self.find_by_token(credential).await
        }
    }

    async fn find_by_key(&self, text: &str) -> Result<InstalledLicense, Refusal> {
        let key = parse_key(text)?;
        let name = key_name(&key);
        let records = self.store.licenses_by_key(&self.tenant, &name).await?;
        let mut refused = None;
        let installed = records.into_iter().filter_map(|record| {
            // A renewal can have the key of a license whose signing key the vendor has retired.
            let verified = self.verified(record);
            verified.map_err(|refusal| refused = Some(refusal)).ok()
        });
        let newest = installed.max_by_key(|found| found.license.issued_at());
        match (newest, refused) {
            (Some(found), _) => Ok(found),
            (None, Some(refusal)) => Err(refusal),
            (None, None) => Err(self.unknown(&key.to_string()).await),
        }
    }

    /// Finds the license of a token. A token of a license that is installed proves the possession
    /// of the license, so another token of the same license must verify.
    async fn find_by_token(&self, text: &str) -> Result<InstalledLicense, Refusal> {
        let file = parse_file(text)?;
        let (token, id) = named_token(&file)?;
        let Some(record) = self.store.license(&self.tenant, &id).await? else {
            return Err(self.unknown(id.as_str()).await);
        };
        if record.token != token.as_str() {
            let verified = token.verify(self.content().keys()).map_err(|error| {
                let detail = with_causes(&error).to_string();
                Refusal::of_license(RefusalKind::Unauthorized, error.code(), detail)
            })?;
            if verified.id() != &record.id {
                return Err(self.unknown(verified.id().as_str()).await);
            }
        }
        self.verified(record)
    }

    /// Returns the refusal of a license that is not installed.
    async fn unknown(&self, name: &str) -> Refusal {
        if self.is_vendor {
            let detail = "the ledger does not have the license";
            return Refusal::new(
                RefusalKind::Unauthorized,
                ServerCode::UnknownLicense,
                detail,
            )
            .values("a license of this vendor", name)
            .hint("check the license key; an enterprise key is valid without a server");
        }
        match self.has_any_license().await {
            Ok(false) => Refusal::new(
                RefusalKind::Unavailable,
                ServerCode::NotReady,
                "the server has no license yet",
            )
            .hint("install the license on the server with `license-server install FILE`"),
            Err(refusal) => refusal,
            Ok(true) => Refusal::new(
                RefusalKind::Unauthorized,
                ServerCode::UnknownLicense,
                "the license is not installed on this server",
            )
            .values("a license that is installed on this server", name)
            .hint(
                "an administrator installs licenses with `license-server install FILE`, or on the page \
                 Licenses of their organization",
            ),
        }
    }

    /// Returns whether the server has or had a license of any organization.
    async fn has_any_license(&self) -> Result<bool, Refusal> {
        let store = &self.store;
        let had_own = store.had_license(&self.tenant).await?;
        Ok(had_own || !store.licensed_tenants().await?.is_empty())
    }

    /// Verifies the token of a stored license.
    pub(in crate::services) fn verified(
        &self,
        record: LicenseRecord,
    ) -> Result<InstalledLicense, Refusal> {
        let content = self.content();
        let token = Unverified::parse(&record.token).map_err(|error| {
            Refusal::of_license(
                RefusalKind::Conflict,
                error.code(),
                with_causes(&error).to_string(),
            )
        })?;
        let license = self.signatures.verify(&token, content.keys());
        let license = license.map_err(|error| {
            Refusal::of_license(
                RefusalKind::Conflict,
                error.code(),
                with_causes(&error).to_string(),
            )
            .hint(if content.keys().is_empty() {
                "the trust set of the server is missing; ask its administrator to run \
                 `license-server install trust.jwks`"
            } else {
                "ask the vendor for a license that a current key has signed"
            })
        })?;
        if let Some(at) = license.issued_at() {
            self.clock.record_signed(at);
        }
        Ok(InstalledLicense {
            record,
            license,
            renewal: None,
        })
    }

    /// Returns the newest license that replaces this one.
    async fn renewal(
        &self,
        installed: &InstalledLicense,
    ) -> Result<Option<Arc<InstalledLicense>>, Refusal> {
        if !installed.record.is_superseded {
            return Ok(None);
        }
        let id = &installed.record.id;
        let successors = self.store.successors(&self.tenant, id).await?;
        let verified = successors
            .into_iter()
            .filter_map(|record| self.verified(record).ok());
        let newest = verified.max_by_key(|found| found.license.issued_at());
        Ok(newest.map(Arc::new))
    }
}

/// Returns the id or the key by which a credential names its license. The credential is not
/// verified.
pub(in crate::services) fn license_name(credential: &str) -> Result<String, Refusal> {
    let credential = credential.trim();
    if LicenseKey::is_likely(credential) {
        return Ok(key_name(&parse_key(credential)?));
    }
    let file = parse_file(credential)?;
    Ok(named_token(&file)?.1.to_string())
}

fn parse_key(text: &str) -> Result<LicenseKey, Refusal> {
    LicenseKey::parse(text).map_err(|error| {
        let detail = with_causes(&error).to_string();
        Refusal::of_license(RefusalKind::BadRequest, error.code(), detail)
            .hint("copy the whole license key")
    })
}

/// Returns the key under which a license with this key is stored.
fn key_name(key: &LicenseKey) -> String {
    match key {
        LicenseKey::Enterprise(key) => key.short().to_string(),
        key => key.to_string(),
    }
}

fn parse_file(text: &str) -> Result<LicenseFile<'_>, Refusal> {
    LicenseFile::parse(text).map_err(|error| {
        let detail = with_causes(&error).to_string();
        Refusal::of_license(RefusalKind::BadRequest, error.code(), detail)
            .hint("send a license key or the token of the license file")
    })
}

/// Returns the first license token of a file, and the id that it states.
fn named_token<'a>(file: &'a LicenseFile<'a>) -> Result<(&'a Unverified<'a>, LicenseId), Refusal> {
    let block = file.blocks_of_kind(TokenKind::License).next();
    let token = &block.ok_or_else(no_license_token)?.token;
    let claims = token.unverified_license_claims().map_err(|error| {
        let detail = with_causes(&error).to_string();
        Refusal::of_license(RefusalKind::BadRequest, error.code(), detail)
    })?;
    Ok((token, claims.id))
}

/// Returns whether a license is unknown, which can be because the ledger has changed.
fn is_unknown(refusal: &Refusal) -> bool {
    refusal.code == ServerCode::UnknownLicense.as_str()
}

/// Returns whether no license with the name is installed. The server may have no license at all.
pub(in crate::services) fn is_not_installed(refusal: &Refusal) -> bool {
    is_unknown(refusal) || refusal.code == ServerCode::NotReady.as_str()
}

fn no_license_token() -> Refusal {
    Refusal::of_license(
        RefusalKind::BadRequest,
        Code::NeedsLicenseFile,
        "expected a license token, found another token",
    )
    .hint("send a license key or the token of the license file")
}
