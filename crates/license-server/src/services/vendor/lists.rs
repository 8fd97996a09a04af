//! Revocation lists of the ledger.
//!
//! A list is due after each revocation and reinstatement, whichever program recorded it. An ended
//! activation alone does not need a new list at once, because each list has all entries.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use license_core::LicenseFile;
use license_core::issue::VerifyingSigner;
use license_issuer::clock::{Clock, SystemClock};
use license_issuer::delivery::{ArtifactDestination, StreamDelivery};
use license_issuer::ledger::sqlite::{LedgerFile, SqliteLedger};
use license_issuer::ledger::{LedgerEntry, LedgerEntryKind, LedgerReader};
use license_issuer::services::issue::{DraftContext, IssueRequest, IssueService, Mode};
use license_issuer::services::revocation_lists::{
    EarlierList, Omission, RevocationListOrder, SignedRevocationList,
};

use super::ledger::{VendorLedger, check_clock};
use super::refusals::{OrderError, ledger_refused, not_issued};
use crate::domain::{Actor, Refusal, RefusalKind, RevocationRecord};
use crate::services::site::Site;

/// The time until the next list is due.
const VALID_FOR: TimeDelta = TimeDelta::days(30);

/// The age at which a list is replaced, even without a change.
const RENEW_AFTER: TimeDelta = TimeDelta::days(15);

/// How often the age of the list is checked.
const CHECK_EVERY: TimeDelta = TimeDelta::hours(1);

/// The time after which a list that could not be signed is tried again.
const RETRY: TimeDelta = TimeDelta::seconds(10);

/// The time after a list in which ended activations wait for the next one.
const RELEASES_WAIT: TimeDelta = TimeDelta::hours(1);

/// The time of the next check whether a list is due.
#[derive(Debug)]
pub(super) struct ListCheck {
    next: Mutex<Instant>,
    /// One list is signed at a time.
    signing: tokio::sync::Mutex<()>,
}

impl Default for ListCheck {
    fn default() -> Self {
        Self {
            next: Mutex::new(Instant::now()),
            signing: tokio::sync::Mutex::default(),
        }
    }
}

impl ListCheck {
    /// Lets the next call of [`refresh`] check whether a list is due.
    pub(super) fn check_now(&self) {
        *self.lock() = Instant::now();
    }

    /// Begins a check, unless it is too early. Returns the time of the next check.
    fn begin(&self) -> Option<Instant> {
        let mut next = self.lock();
        if *next > Instant::now() {
            return None;
        }
        *next = after(RETRY);
        Some(*next)
    }

    /// Ends a check that found no list to be due, unless the ledger has changed since its begin.
    fn end(&self, begun: Instant) {
        let mut next = self.lock();
        if *next == begun {
            *next = after(CHECK_EVERY);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Instant> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn after(time: TimeDelta) -> Instant {
    let now = Instant::now();
    let next = now.checked_add(time.to_std().unwrap_or_default());
    next.unwrap_or(now)
}

/// Signs and stores a list if one is due. Returns whether there is a new list.
pub(super) async fn refresh(site: &Site, vendor: &Arc<VendorLedger>) -> Result<bool, Refusal> {
    // A list that another request signs now may have the change of this request.
    let _signing = vendor.lists.signing.lock().await;
    let Some(begun) = vendor.lists.begin() else {
        return Ok(false);
    };
    let stored = stored_list(site).await?;
    let product = site.matrix.product().to_string();
    let (seq, now) = (stored.as_ref().map(|list| list.seq), SystemClock.now());
    let imported_at = stored.as_ref().map(|list| list.imported_at);
    let is_due = vendor
        .read(move |ledger| {
            let statements = Statements::read(ledger, &product)?;
            Ok(statements.is_list_due(seq, imported_at, now))
        })
        .await?;
    if !is_due {
        vendor.lists.end(begun);
        return Ok(false);
    }
    let matrix = Arc::clone(&site.matrix);
    let earlier: Vec<_> = stored.iter().filter_map(earlier).collect();
    let signed = vendor.write(move |vendor, ledger| {
        let order = RevocationListOrder {
            matrix: &matrix,
            valid_for: VALID_FOR,
            issued_at: None,
            clock_micros: SystemClock.unix_micros(),
            earlier: &earlier,
        };
        sign(vendor, ledger, &order)
    });
    let signed = signed.await?;
    let is_new = super::super::revocations::store(site, &Actor::Server, &signed.list).await?;
    site.reload().await?;
    Ok(is_new)
}

/// The last entries about revocations in the ledger.
#[derive(Debug, Default)]
struct Statements {
    /// The last revocation or reinstatement.
    statement: i64,
    /// The last end of an activation.
    release: i64,
    /// The entry of the last list, with its number.
    list: i64,
    list_seq: u64,
}

impl Statements {
    fn read(ledger: &SqliteLedger, product: &str) -> Result<Self, Refusal> {
        let mut found = Self::default();
        let mut visit = |kind, each: &mut dyn FnMut(&mut Self, LedgerEntry)| {
            let visited = ledger.visit_entries_of_kind(kind, &mut |entry| each(&mut found, entry));
            visited.map_err(ledger_refused)
        };
        let is_own = |entry: &LedgerEntry| entry.member("product").as_deref() == Some(product);
        for kind in [LedgerEntryKind::Revocation, LedgerEntryKind::Reinstatement] {
            visit(kind, &mut |found, entry| {
                found.statement = found.statement.max(entry.seq);
            })?;
        }
        visit(LedgerEntryKind::Release, &mut |found, entry| {
            if is_own(&entry) {
                found.release = found.release.max(entry.seq);
            }
        })?;
        visit(LedgerEntryKind::RevocationList, &mut |found, entry| {
            if is_own(&entry) {
                let seq = entry.member("seq").and_then(|seq| seq.parse().ok());
                found.list = found.list.max(entry.seq);
                found.list_seq = found.list_seq.max(seq.unwrap_or(0));
            }
        })?;
        Ok(found)
    }

    /// Decides whether a list is due. `seq` and `imported_at` are those of the list that this
    /// server has.
    fn is_list_due(
        &self,
        seq: Option<u64>,
        imported_at: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> bool {
        let age = imported_at.map(|at| now.signed_duration_since(at));
        let is_missing = seq.unwrap_or(0) < self.list_seq;
        let is_old = age.is_some_and(|age| age > RENEW_AFTER);
        let must_wait = age.is_some_and(|age| age < RELEASES_WAIT);
        let has_releases = self.release > self.list && !must_wait;
        self.statement > self.list || is_missing || is_old || has_releases
    }
}

/// Returns the list of the product that this server has.
async fn stored_list(site: &Site) -> Result<Option<RevocationRecord>, Refusal> {
    let lists = site.store.revocations(&site.tenant).await?;
    let (product, issuer) = (site.matrix.product(), site.matrix.issuer());
    let mut lists = lists.into_iter();
    Ok(lists.find(|list| list.product == product.as_str() && list.issuer == issuer))
}

/// Returns the list of this server, which the new list is compared with. After the restoration of
/// an old backup of the ledger, the list shows what the ledger does not know.
fn earlier(record: &RevocationRecord) -> Option<EarlierList> {
    let file = LicenseFile::parse(&record.armor).ok()?;
    let token = file.blocks().first()?.token.clone().into_owned();
    Some(EarlierList {
        name: format!("list {} of this server", record.seq),
        token,
    })
}

fn sign(
    vendor: &VendorLedger,
    ledger: LedgerFile,
    order: &RevocationListOrder<'_>,
) -> Result<SignedRevocationList, Refusal> {
    let request = IssueRequest {
        draft: &|context: &DraftContext<'_, VerifyingSigner>| {
            check_clock(context.ledger, context.now)?;
            let plan = order.plan(context).map_err(ledger_refused)?;
            match &plan.omission {
                None | Some(Omission::NoEarlierList | Omission::NoCopy) => Ok(plan),
                Some(omission) => Err(OrderError::from(shorter(omission))),
            }
        },
        signer: vendor,
        destination: ArtifactDestination::Stream,
        delivery: &mut StreamDelivery::new("the database".as_ref(), || {
            Ok(Box::new(std::io::sink()))
        }),
        render: &|_, signed: &SignedRevocationList| Ok(signed.list.to_armor().into_bytes()),
    };
    let report = IssueService::new(Some(ledger)).issue(request, Mode::Commit);
    let signed = report.map_err(not_issued)?.signed;
    signed.ok_or_else(super::refusals::failed_task)
}

fn shorter(omission: &Omission) -> Refusal {
    tracing::error!(?omission, "the ledger lacks revocations of an earlier list");
    let detail = "the ledger lacks revocations of the list that this server has";
    Refusal::with_code(RefusalKind::Conflict, "SHORTER_LIST", detail)
        .hint("record the list: save GET /api/v1/revocations to a file, and import it with `keygen ledger import FILE`")
}

#[cfg(test)]
mod tests {
    use license_core::time;

    use super::*;

    #[test]
    fn a_list_is_due_after_statements_and_when_it_is_missing_or_old() {
        let now = time::parse_instant("2027-01-15").unwrap();
        let statements = |statement, release, list, list_seq| Statements {
            statement,
            release,
            list,
            list_seq,
        };
        let ago = |delta| Some(time::saturating_sub(now, delta));
        let (minute, day) = (ago(TimeDelta::minutes(1)), ago(TimeDelta::days(1)));
        for (found, seq, imported_at, expected) in [
            (statements(0, 0, 0, 0), None, None, false),
            (statements(5, 0, 0, 0), None, None, true),
            (statements(5, 0, 6, 9), Some(9), minute, false),
            (statements(5, 0, 6, 9), Some(8), minute, true),
            (statements(5, 0, 6, 9), None, None, true),
            (statements(7, 0, 6, 9), Some(9), minute, true),
            (statements(5, 7, 6, 9), Some(9), minute, false),
            (statements(5, 7, 6, 9), Some(9), day, true),
            (
                statements(5, 0, 6, 9),
                Some(9),
                ago(TimeDelta::days(16)),
                true,
            ),
        ] {
            let is_due = found.is_list_due(seq, imported_at, now);
            assert_eq!(is_due, expected, "{found:?} {seq:?} {imported_at:?}");
        }
    }
}
