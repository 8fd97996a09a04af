//! Whether a site server can serve clients.

use super::site::Site;
use crate::domain::{PageRequest, Refusal};

/// Whether the server can serve clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// The server can serve clients.
    Ready,
    /// No license is installed.
    NoLicense,
    /// The server has licenses, but no public key of the vendor.
    NoTrust,
    /// No public key of the vendor verifies a license.
    NotTrusted,
    /// Each license certifies the key of another server.
    NotCertified,
}

impl Readiness {
    /// Returns whether the server can serve clients.
    pub fn is_ready(self) -> bool {
        self == Self::Ready
    }

    /// Returns the state as `/readyz` shows it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::NoLicense => "no license",
            Self::NoTrust => "no trust set",
            Self::NotTrusted => "no trusted license",
            Self::NotCertified => "no certified license",
        }
    }

    /// Returns the reason code, and a sentence for the operator, of a server with licenses that it
    /// cannot use.
    pub const fn problem(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Ready | Self::NoLicense => None,
            Self::NoTrust => Some((
                "UNTRUSTED_KEY",
                "the server has licenses, but no public keys of the vendor: restore trust.jwks, or \
                 run `license-server install trust.jwks`",
            )),
            Self::NotTrusted => Some((
                "UNTRUSTED_KEY",
                "the vendor's public keys do not verify any license: install the newest trust \
                 statement and licenses of the vendor",
            )),
            Self::NotCertified => Some((
                "NOT_CERTIFIED",
                "no license certifies the key of this server: restore the server.key that belongs to \
                 the database, or send server.request to the vendor for new licenses",
            )),
        }
    }
}

/// The number of licenses that are read first. The first one is usable on most servers, and a
/// check of the readiness, which comes every few seconds, then reads little.
const FIRST: usize = 10;

/// Returns whether a site server has a license that it can use.
pub(super) async fn of_site(site: &Site) -> Result<Readiness, Refusal> {
    let mut page = PageRequest::new(None, Some(FIRST));
    let mut found = Readiness::NoLicense;
    loop {
        let records = site.store.licenses(&site.tenant, &page).await?;
        for record in records.items {
            match site.verified(record) {
                Ok(installed) if site.is_certified(&installed.license) => {
                    return Ok(Readiness::Ready);
                }
                Ok(_) => found = Readiness::NotCertified,
                Err(_) if found == Readiness::NoLicense => found = Readiness::NotTrusted,
                Err(_) => {}
            }
        }
        match records.next {
            Some(next) => page = PageRequest::new(Some(next), Some(PageRequest::MAX_LIMIT)),
            None => break,
        }
    }
    if found == Readiness::NoLicense && has_others(site).await? {
        return Ok(Readiness::Ready);
    }
    if found == Readiness::NotTrusted && site.content().keys().is_empty() {
        return Ok(Readiness::NoTrust);
    }
    Ok(found)
}

/// Returns whether other organizations of the server have or had licenses.
async fn has_others(site: &Site) -> Result<bool, Refusal> {
    let licensed = site.store.licensed_tenants().await?;
    Ok(licensed.iter().any(|tenant| *tenant != site.tenant))
}
