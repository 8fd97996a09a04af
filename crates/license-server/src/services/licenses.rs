//! Installed licenses.

mod unshared;

use std::sync::Arc;

use license_core::encoding::TextKind;
use license_core::license::{CanonicalText, VerifiedLicensesError};
use license_core::{
    Code, CodeKind, License, LicenseFile, LicenseId, LicenseKey, TokenKind, Unverified,
    VerifiedLicenses, with_causes,
};
use serde_json::json;

use super::pool_terms;
use super::site::Site;
use super::vendor;
use super::verdict::Verdict;
use crate::domain::{
    Actor, LicenseRecord, MachineList, MachineRecord, Page, PageRequest, PoolId, Refusal,
    RefusalKind, ServerCode,
};

/// A license that is installed on the server.
#[derive(Clone, Debug)]
pub struct InstalledLicense {
    /// The stored license.
    pub record: LicenseRecord,
    /// The verified license.
    pub license: License,
    /// The newest license that replaces this one. Lists do not have it.
    pub renewal: Option<Arc<InstalledLicense>>,
}

/// Whether the server can use a license, with the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LicenseState {
    /// Whether the license is in effect, and certifies the key of the server.
    pub is_valid: bool,
    /// Whether the license is in a grace period.
    pub is_grace: bool,
    /// The reason code.
    pub code: &'static str,
}

impl InstalledLicense {
    /// Returns the number of seats that the server lends for the license, if it is the newest one
    /// of its pool.
    pub fn seats(&self) -> LentSeats {
        match pool_terms::capacity(&self.license) {
            None => LentSeats::None,
            Some(u32::MAX) => LentSeats::Unlimited,
            Some(seats) => LentSeats::Limit(seats),
        }
    }
}

/// The number of seats that the server lends for a license.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LentSeats {
    /// The license has no floating seats.
    None,
    /// The number has no limit.
    Unlimited,
    /// This number.
    Limit(u32),
}

impl LentSeats {
    /// Returns the number, if there is one.
    pub fn limit(self) -> Option<u64> {
        match self {
            Self::Limit(seats) => Some(u64::from(seats)),
            Self::None | Self::Unlimited => None,
        }
    }
}

/// The result of an installation.
#[derive(Clone, Debug, Default)]
pub struct LicenseInstallReport {
    /// The licenses of the file, whether they are new or not.
    pub licenses: Vec<InstalledLicense>,
    /// How many of them are new.
    pub new_licenses: usize,
    /// The numbers of new revocation lists.
    pub revocations: Vec<u64>,
    /// The number of new trust statements.
    pub statements: usize,
    /// The ids of the first public keys of the vendor.
    pub keys: Vec<String>,
}

/// Installs licenses and finds them.
#[derive(Clone)]
pub struct LicenseService {
    site: Arc<Site>,
}

impl LicenseService {
    pub(super) fn new(site: Arc<Site>) -> Self {
        Self { site }
    }

    pub(super) fn site(&self) -> &Site {
        &self.site
    }

    /// Installs everything in a file of the vendor: licenses, revocation lists and trust
    /// statements, or the first public keys. Nothing is installed if a part of the file is refused.
    ///
    /// # Errors
    ///
    /// Returns `UNTRUSTED_KEY` if the server has other public keys than those of the file.
    /// Returns `NOT_CERTIFIED` if a license does not certify the key of this server, and
    /// `INSTALLED_ELSEWHERE` if another organization of the server has it. Returns other refusals if
    /// a part does not verify, or if the file has nothing to install.
    pub async fn install(
        &self,
        actor: &Actor,
        text: &str,
    ) -> Result<LicenseInstallReport, Refusal> {
        let site = &self.site;
        let advice = "record a license in the ledger with `keygen ledger import`";
        vendor::refuse_import(site, advice)?;
        if TextKind::detect(text) == Some(TextKind::PublicKeys) {
            return self.install_keys(actor, text).await;
        }
        let mut rotation = site.content().rotation.clone();
        if !LicenseKey::is_likely(text) {
            rotation.apply_file(text).map_err(|error| refused(&error))?;
        }
        let verified =
            VerifiedLicenses::verify_with_licenses(text, rotation.keys(), &site.matrix, &[])
                .map_err(|error| refused(&error))?;
        for license in verified.licenses() {
            self.check_certified(license)?;
        }
        self.check_unshared(verified.licenses()).await?;
        let statements = super::trust::store(site, actor, text).await?;
        let mut revocations = Vec::new();
        for list in verified.revocations() {
            if super::revocations::store(site, actor, list).await? {
                revocations.push(list.seq());
            }
        }
        let (licenses, new_licenses) = self.store(actor, &verified).await?;
        site.reload().await?;
        Ok(LicenseInstallReport {
            licenses,
            new_licenses,
            revocations,
            statements,
            keys: Vec::new(),
        })
    }

    /// Installs the first public keys of the vendor.
    async fn install_keys(
        &self,
        actor: &Actor,
        text: &str,
    ) -> Result<LicenseInstallReport, Refusal> {
        let keys = self.site.add_roots(text).await?;
        if !keys.is_empty() {
            super::trust::record_keys(&self.site, actor, &keys).await?;
        }
        Ok(LicenseInstallReport {
            keys,
            ..LicenseInstallReport::default()
        })
    }

    /// Refuses a license for which the server could not sign anything.
    fn check_certified(&self, license: &License) -> Result<(), Refusal> {
        let hint = "send the vendor the request of this server: the file `server.request` of the data \
                    directory, which the page Install a file has too";
        self.site.check_certified(license, hint)
    }

    /// Stores the licenses of a verified file. The text is the canonical one, because the text of
    /// the file may have been changed by a mail program.
    async fn store(
        &self,
        actor: &Actor,
        verified: &VerifiedLicenses,
    ) -> Result<(Vec<InstalledLicense>, usize), Refusal> {
        let CanonicalText::File(text) = verified.canonical() else {
            return Ok((Vec::new(), 0));
        };
        let file = LicenseFile::parse(text).ok();
        let tokens = file
            .iter()
            .flat_map(|file| file.blocks_of_kind(TokenKind::License));
        let (mut installed, mut count) = (Vec::new(), 0);
        for (license, block) in verified.licenses().iter().zip(tokens) {
            let record = record(&self.site, license, block.token.as_str()).await?;
            let details = json!({
                "customer": record.customer,
                "product": record.product,
                "tier": license.tier().as_str(),
                "seats": license.seats(),
                "expires_at": license.expires_at().map(|end| license_core::time::rfc3339(end).to_string()),
                "pool": record.pool.as_str(),
            });
            let audit = self
                .site
                .audit(actor, "license.install", record.id.as_str(), details);
            count += self.store_one(record.clone(), audit).await?;
            installed.push(InstalledLicense {
                record,
                license: license.clone(),
                renewal: None,
            });
        }
        Ok((installed, count))
    }

    /// Returns licenses, in the order of their installation.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be read.
    pub async fn list(&self, page: &PageRequest) -> Result<Page<InstalledLicense>, Refusal> {
        let page = self.site.store.licenses(&self.site.tenant, page).await?;
        let verified = |record| self.site.verified(record);
        // A license whose key the vendor has retired cannot be shown as valid.
        let items = page
            .items
            .into_iter()
            .filter_map(|record| verified(record).ok());
        Ok(Page {
            items: items.collect(),
            next: page.next,
        })
    }

    /// Returns a license.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` if the license is not installed.
    pub async fn get(&self, id: &LicenseId) -> Result<InstalledLicense, Refusal> {
        let found = self.site.store.license(&self.site.tenant, id).await?;
        self.site.verified(found.ok_or_else(|| not_found(id))?)
    }

    /// Returns the file of a license, as the vendor sent it.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` if the license is not installed.
    pub async fn file(&self, id: &LicenseId) -> Result<String, Refusal> {
        let license = self.get(id).await?;
        let token = Unverified::parse(&license.record.token);
        Ok(token.map_or(license.record.token.clone(), |token| token.to_armor()))
    }

    /// Removes a license. Its seats stay with their holders until the leases end.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` if the license is not installed.
    pub async fn remove(&self, actor: &Actor, id: &LicenseId) -> Result<(), Refusal> {
        vendor::refuse_import(&self.site, "revoke the license")?;
        let audit = self
            .site
            .audit(actor, "license.remove", id.as_str(), json!({}));
        let store = &self.site.store;
        if !store.remove_license(&self.site.tenant, id, audit).await? {
            return Err(not_found(id));
        }
        self.site.reload().await
    }

    /// Returns the installed license that a license key or a token names.
    ///
    /// # Errors
    ///
    /// Returns `UNKNOWN_LICENSE` if the license is not installed, and `NOT_READY` if no license is
    /// installed. Returns other refusals if the credential is malformed or does not verify.
    pub async fn resolve(&self, credential: &str) -> Result<Arc<InstalledLicense>, Refusal> {
        self.site.resolve(credential).await
    }

    /// Returns whether a credential was resolved before, and nothing has changed since.
    pub(super) fn is_cached(&self, credential: &str) -> bool {
        self.site.is_cached(credential)
    }

    /// Returns whether no license is installed.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be read.
    pub async fn is_empty(&self) -> Result<bool, Refusal> {
        let any = PageRequest::new(None, Some(1));
        let page = self.site.store.licenses(&self.site.tenant, &any).await?;
        Ok(page.items.is_empty())
    }

    /// Returns whether the server can use a license now, with the reason code.
    pub fn state(&self, license: &License) -> LicenseState {
        let Verdict { code, is_valid, .. } = self.site.decide_for_all(license);
        if !self.site.is_vendor && !self.site.is_certified(license) {
            return LicenseState {
                is_valid: false,
                is_grace: false,
                code: ServerCode::NotCertified.as_str(),
            };
        }
        LicenseState {
            is_valid,
            is_grace: code.kind() == CodeKind::Grace,
            code: code.as_str(),
        }
    }

    /// Returns the machines that used a license.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` if the license is not installed.
    pub async fn machines(
        &self,
        license: &LicenseId,
        page: &PageRequest,
    ) -> Result<Page<MachineRecord>, Refusal> {
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        if store.license(tenant, license).await?.is_none() {
            return Err(not_found(license));
        }
        Ok(store.machines(tenant, Some(license), page).await?)
    }

    /// Returns the machines that used any license: those whose digest begins with a text, or all by
    /// their latest use.
    ///
    /// # Errors
    ///
    /// Returns `BAD_CURSOR` if the cursor belongs to another list, and other refusals if the store
    /// cannot be read.
    pub async fn all_machines(
        &self,
        name: Option<&str>,
        page: &PageRequest,
    ) -> Result<Page<MachineRecord>, Refusal> {
        let name = name.map(str::trim).filter(|name| !name.is_empty());
        let list = name.map_or(MachineList::Recent, |name| {
            MachineList::Named(name.to_lowercase())
        });
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        Ok(store.list_machines(tenant, &list, page).await?)
    }
}

/// Returns the record of a new license.
pub(super) async fn record(
    site: &Site,
    license: &License,
    token: &str,
) -> Result<LicenseRecord, Refusal> {
    let short_key = license.short_enterprise_key(&site.matrix);
    Ok(LicenseRecord {
        id: license.id().clone(),
        pool: pool_of(site, license).await?,
        key: license.standard_key().map(|key| key.to_string()),
        short_key: short_key.map(|key| key.to_string()),
        product: license.product().as_str().to_owned(),
        customer: license.customer().to_owned(),
        token: token.to_owned(),
        supersedes: license.supersedes().to_vec(),
        is_superseded: false,
        installed_at: site.wall(),
        number: 0,
    })
}

/// Returns the pool of a license: that of an installed predecessor or successor, or the first
/// license of its chain. The pool therefore does not depend on the order of installation.
async fn pool_of(site: &Site, license: &License) -> Result<PoolId, Refusal> {
    let (store, tenant) = (&site.store, &site.tenant);
    for id in license.supersedes() {
        if let Some(previous) = store.license(tenant, id).await? {
            return Ok(previous.pool);
        }
    }
    let successors = store.successors(tenant, license.id()).await?;
    if let Some(successor) = successors.into_iter().next() {
        return Ok(successor.pool);
    }
    let first = license.supersedes().first();
    Ok(PoolId::new(first.unwrap_or_else(|| license.id())))
}

pub(super) fn not_found(id: &LicenseId) -> Refusal {
    let detail = format!("license {} is not installed", id.as_str());
    Refusal::new(RefusalKind::NotFound, ServerCode::NotFound, detail)
}

/// Converts the error of a file of the vendor.
pub(super) fn refused(error: &VerifiedLicensesError) -> Refusal {
    let detail = with_causes(error).to_string();
    Refusal::of_license(RefusalKind::BadRequest, error.code(), detail).hint(match error.code() {
        Code::UntrustedKey => {
            "install the newest public keys of the vendor (trust.jwks, or a trust statement) with the \
             file, or before it"
        }
        _ => "install a file that the vendor sent, and copy it completely",
    })
}
