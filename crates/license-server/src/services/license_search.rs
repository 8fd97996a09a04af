//! Searches in the licenses of the server.

use chrono::{DateTime, TimeDelta, Utc};
use license_core::time;
use license_issuer::ledger::LicenseStatus;

use super::licenses::{InstalledLicense, LicenseService};
use super::vendor;
use crate::domain::{
    LicenseOrdering, LicenseSelection, Page, PageRequest, Refusal, RefusalKind, ServerCode,
};

/// The longest period in which licenses end, in days.
const MAX_DAYS: u32 = 3660;

/// A search in licenses. A member that is not set selects all licenses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LicenseSearch {
    /// The beginnings of words in the name of the customer or company.
    pub customer: Option<String>,
    /// The beginnings of words: of the customer, the company and the users, the id and the keys.
    pub text: Option<String>,
    /// The tier.
    pub tier: Option<String>,
    /// The status: `active`, `future`, `expired`, `superseded` or `revoked`.
    pub status: Option<String>,
    /// The number of days from now in which an active license ends.
    pub expires_within: Option<u32>,
    /// The order: `installed`, `customer`, `expires` or `issued`.
    pub sort: Option<String>,
    /// Whether the order is reversed.
    pub is_descending: bool,
}

impl LicenseSearch {
    /// Returns the selection of the store.
    fn selection(&self, now: DateTime<Utc>) -> Result<LicenseSelection, Refusal> {
        let mut selection = LicenseSelection::all(now);
        if let Some(text) = &self.text {
            selection = selection.text(text);
        }
        if let Some(customer) = &self.customer {
            selection = selection.customer(customer);
        }
        let tier = self
            .tier
            .as_ref()
            .map(|tier| tier.trim().to_ascii_uppercase());
        selection.tier = tier.filter(|tier| !tier.is_empty());
        if let Some(name) = &self.status {
            let names = LicenseStatus::ALL.map(LicenseStatus::as_str);
            let status = LicenseStatus::parse(name);
            selection.status = Some(status.ok_or_else(|| unknown("status", &names, name))?);
        }
        if let Some(name) = &self.sort {
            let names = LicenseOrdering::ALL.map(LicenseOrdering::as_str);
            let order = LicenseOrdering::parse(name);
            selection.order = order.ok_or_else(|| unknown("sort", &names, name))?;
        }
        selection.is_descending = self.is_descending;
        if let Some(days) = self.expires_within {
            selection.ends_by = Some(end_of_period(days, now)?);
            match selection.status {
                None => selection.status = Some(LicenseStatus::Active),
                Some(LicenseStatus::Active) => {}
                Some(status) => {
                    let detail = "`expires_within` selects active licenses";
                    return Err(refused(detail).values("the status active, or none", status));
                }
            }
        }
        Ok(selection)
    }
}

fn end_of_period(days: u32, now: DateTime<Utc>) -> Result<DateTime<Utc>, Refusal> {
    if !(1..=MAX_DAYS).contains(&days) {
        return Err(refused("`expires_within` is out of range")
            .values(format!("1 to {MAX_DAYS} days"), days));
    }
    Ok(time::saturating_add(now, TimeDelta::days(days.into())))
}

fn unknown(name: &str, names: &[&str], found: &str) -> Refusal {
    let shown: String = found.chars().take(60).collect();
    refused(format!("`{name}` is unknown")).values(names.join(", "), shown)
}

fn refused(detail: impl Into<String>) -> Refusal {
    Refusal::new(RefusalKind::BadRequest, ServerCode::BadRequest, detail)
}

impl LicenseService {
    /// Finds licenses. A vendor's server has the licenses of its ledger, without enterprise keys.
    ///
    /// # Errors
    ///
    /// Returns `BAD_REQUEST` if a member of the search is not acceptable, `BAD_CURSOR` if the
    /// cursor belongs to another list, and other refusals if the ledger or the store cannot be
    /// read.
    pub async fn search(
        &self,
        search: &LicenseSearch,
        page: &PageRequest,
    ) -> Result<Page<InstalledLicense>, Refusal> {
        let site = self.site();
        let selection = search.selection(site.wall())?;
        vendor::copy_changes(site).await?;
        let found = site.store.search_licenses(&site.tenant, &selection, page);
        let found = found.await?;
        // A license whose key the vendor has retired cannot be shown as valid.
        let items = found.items.into_iter();
        let items = items.filter_map(|record| site.verified(record).ok());
        Ok(Page {
            items: items.collect(),
            next: found.next,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unacceptable_searches_are_refused_with_the_accepted_values() {
        let now = time::parse_instant("2027-01-15").unwrap();
        let search = |change: fn(&mut LicenseSearch)| {
            let mut search = LicenseSearch::default();
            change(&mut search);
            search.selection(now)
        };
        for (refused, expected) in [
            (
                search(|search| search.status = Some("lost".to_owned())),
                "active, future, expired, superseded, revoked",
            ),
            (
                search(|search| search.sort = Some("name".to_owned())),
                "installed, customer, expires, issued",
            ),
            (
                search(|search| search.expires_within = Some(0)),
                "1 to 3660 days",
            ),
            (
                search(|search| search.expires_within = Some(3661)),
                "1 to 3660 days",
            ),
            (
                search(|search| {
                    search.expires_within = Some(30);
                    search.status = Some("revoked".to_owned());
                }),
                "the status active, or none",
            ),
        ] {
            let refusal = refused.unwrap_err();
            assert_eq!(refusal.code, "BAD_REQUEST");
            assert_eq!(refusal.expected.as_deref(), Some(expected));
        }
        let found = search(|search| search.expires_within = Some(3660)).unwrap();
        assert_eq!(found.status, Some(LicenseStatus::Active));
    }
}
