//! Search in the licenses of the ledger.

use license_core::{LicenseId, Unverified};
use license_issuer::clock::{Clock, SystemClock};
use license_issuer::ledger::{LedgerEntryKind, LedgerReader, LicenseFilter, LicenseStatus};

use super::ledger;
use super::refusals::{bad_request, failed_task, ledger_refused};
use crate::domain::{Page, PageRequest, Refusal, RefusalKind, ServerCode};
use crate::services::licenses::InstalledLicense;
use crate::services::site::Site;

/// A selection of licenses. A member that is not set selects all licenses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LicenseSearch {
    /// A part of the name of the customer or company.
    pub customer: Option<String>,
    /// A part of any id, key or name.
    pub text: Option<String>,
    /// The state in the ledger: `active`, `future`, `expired`, `superseded` or `revoked`.
    pub status: Option<String>,
}

impl LicenseSearch {
    /// Returns whether all licenses are selected.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn status(&self) -> Result<Option<LicenseStatus>, Refusal> {
        let Some(name) = &self.status else {
            return Ok(None);
        };
        let status = LicenseStatus::parse(name);
        status.map(Some).ok_or_else(|| {
            let names = LicenseStatus::ALL.map(LicenseStatus::as_str).join(", ");
            bad_request("`status` is unknown").values(names, shown(name))
        })
    }
}

/// Returns the start of a value of a request, for an error.
fn shown(text: &str) -> String {
    text.chars().take(60).collect()
}

/// Finds licenses, in the order of recording.
pub(super) async fn search(
    site: &Site,
    search: LicenseSearch,
    page: &PageRequest,
) -> Result<Page<InstalledLicense>, Refusal> {
    let vendor = ledger(site)?;
    let after = page.after_number(0).ok_or_else(|| {
        let detail = "the cursor does not belong to this list";
        Refusal::new(RefusalKind::BadRequest, ServerCode::BadCursor, detail)
    })?;
    super::copy_changes(site).await?;
    let limit = page.limit();
    let mut filter = LicenseFilter {
        status: search.status()?,
        customer: search.customer,
        text: search.text,
        product: Some(site.matrix.product().to_string()),
        after: Some(after),
        limit: Some(1),
        ..LicenseFilter::default()
    };
    let found = vendor.read(move |ledger| {
        let (mut found, now) = (Vec::new(), SystemClock.now());
        // Enterprise keys are skipped, so a page can need several queries.
        while found.len() <= limit {
            let missing = limit.saturating_add(1).saturating_sub(found.len());
            filter.limit = u64::try_from(missing).ok();
            let mut last = None;
            let visited = ledger.visit_licenses(&filter, now, &mut |row| {
                last = Some(row.entry.seq);
                let id = LicenseId::parse(&row.entry.subject);
                let is_license = row.entry.kind == LedgerEntryKind::License.as_str();
                found.extend(id.filter(|_| is_license).map(|id| (row.entry.seq, id)));
            });
            visited.map_err(ledger_refused)?;
            if last.is_none() {
                break;
            }
            filter.after = last;
        }
        Ok(found)
    });
    let found = Page::from_excess(found.await?, limit, |(seq, _)| seq.to_string());
    let mut items = Vec::new();
    for (_, id) in found.items {
        // A license that does not verify has no copy.
        if let Some(record) = site.store.license(&site.tenant, &id).await? {
            items.extend(site.verified(record).ok());
        }
    }
    Ok(Page {
        items,
        next: found.next,
    })
}

/// Returns the file of a license.
pub(super) async fn file(site: &Site, license: &LicenseId) -> Result<String, Refusal> {
    let vendor = ledger(site)?;
    let id = license.to_string();
    let found = vendor
        .read(move |ledger| ledger.first_license_entry(&id).map_err(ledger_refused))
        .await?;
    let entry = found.ok_or_else(|| not_found(license))?;
    let token = Unverified::parse(&entry.artifact).map_err(|_| failed_task())?;
    Ok(token.to_armor())
}

pub(super) fn not_found(license: &LicenseId) -> Refusal {
    let detail = format!("the ledger does not have license {license}");
    Refusal::new(RefusalKind::NotFound, ServerCode::NotFound, detail)
        .hint("search with GET /api/v1/licenses?text=…")
}
