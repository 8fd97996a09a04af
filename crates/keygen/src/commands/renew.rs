//! `keygen renew`.

mod bulk;
mod list;
mod plan;

use license_cli_support::Failure;
use license_core::chrono::{DateTime, TimeDelta, Utc};
use license_core::issue::LicenseDraft;
use license_core::time::rfc3339;
use license_core::{FeatureMatrix, time};
use license_issuer::ledger::LedgerReader;
use license_issuer::services::licenses::LicenseOrder;

use super::context::AppContext;
use super::draft::{after_days, last_second};
use super::entitlements::{EntitlementChanges, newer_in_tier, refresh};
use super::previous_license::{PreviousLicense, replace};
use super::server_key::{self, ServerKeyChange};
use super::successor::{Replacement, refuse_replaced};
use crate::args::{ChangeArgs, Renew};
use crate::inputs::one_stdin;

pub(crate) fn run(arguments: &Renew, app: AppContext<'_>) -> Result<(), Failure> {
    let signing = &arguments.changes.signing;
    match (&arguments.from, &arguments.license) {
        (Some(list), _) => bulk::run(arguments, list, app),
        (None, Some(license)) => {
            list::refuse(license)?;
            let trust = &arguments.trust;
            let sources = std::iter::once(license).chain(&arguments.changes.server_key);
            one_stdin(signing.key.stdin_count(), sources)?;
            let server = ServerKeyChange::read(&arguments.changes)?;
            replace(app, license, trust, signing, |previous, matrix, ledger| {
                order(arguments, &server, previous, matrix, ledger)
            })
        }
        // The command line requires one of the two.
        (None, None) => Err(
            Failure::usage("expected a license or a list, found neither")
                .hint("name a license, or add --from LIST"),
        ),
    }
}

/// Returns the order of a renewal, which extends the term or the maintenance of a license.
fn order<'m>(
    arguments: &Renew,
    server: &ServerKeyChange<'_>,
    previous: &PreviousLicense,
    matrix: &'m FeatureMatrix,
    ledger: Option<&dyn LedgerReader>,
) -> Result<LicenseOrder<'m>, Failure> {
    let issued_at = previous.issued_at;
    if previous.license.is_trial() {
        return Err(Failure::usage("a trial cannot be renewed").hint(
            "convert the trial with `keygen issue --convert LICENSE_ID --tier TIER --days N`, or issue another trial with `keygen trial --customer NAME --again`",
        ));
    }
    if let Some(ledger) = ledger {
        refuse_replaced(&previous.license, Replacement::Renewal, ledger, issued_at)?;
    }
    let RenewalDraft { mut draft, newer } = RenewalDraft::new(arguments, previous, matrix)?;
    let server = server.apply(&mut draft)?;
    let mut changes = previous.changes(&draft, matrix)?;
    changes.notes.extend(newer);
    let end = previous.license.expires_at();
    if let Some(end) = end.filter(|end| *end < issued_at) {
        let gap = time::humanize(time::duration_since(issued_at, end));
        changes.notes.push(format!(
            "the license ended at {}; the renewal does not cover the {gap} since then",
            rfc3339(end)
        ));
    }
    let mut order = changes.order(draft, matrix);
    if let Some(server) = server {
        server_key::describe(&server, &mut order, ledger)?;
    }
    Ok(order)
}

/// Draft of a renewal.
struct RenewalDraft {
    draft: LicenseDraft,
    /// Note if the tier now has more than the license.
    newer: Option<String>,
}

impl RenewalDraft {
    /// Creates the draft of a renewal with the terms of the command line.
    ///
    /// A renewal with a new term starts when the license ends, so the customer loses no paid day.
    /// Changes take effect when the renewal starts.
    fn new(
        arguments: &Renew,
        previous: &PreviousLicense,
        matrix: &FeatureMatrix,
    ) -> Result<Self, Failure> {
        let issued_at = previous.issued_at;
        let mut draft = previous.successor(matrix)?;
        let newer = change(&mut draft, previous, &arguments.changes, matrix)?;
        let maintenance = arguments.maintenance_until.map(last_second);
        check_maintenance(previous.license.maintenance_until(), maintenance)?;
        draft.maintenance_until = maintenance.or(draft.maintenance_until);
        match previous.license.expires_at() {
            None if arguments.maintenance_until.is_none() => return Err(perpetual()),
            None => {}
            Some(end) => {
                let start = end.max(issued_at);
                if let Some(new_end) = new_end(arguments, end, issued_at)? {
                    draft.expires_at = new_end;
                    draft.not_before = (start > issued_at).then_some(start);
                }
            }
        }
        Ok(Self { draft, newer })
    }
}

/// Changes the content of the draft. Returns a note if the tier now has more than the license.
fn change(
    draft: &mut LicenseDraft,
    previous: &PreviousLicense,
    arguments: &ChangeArgs,
    matrix: &FeatureMatrix,
) -> Result<Option<String>, Failure> {
    let note = if arguments.refresh {
        refresh(draft, matrix)?;
        None
    } else {
        newer_in_tier(draft, matrix)
    };
    EntitlementChanges::of_successor(arguments, &previous.license).apply(draft, matrix)?;
    if arguments.no_server_key {
        draft.confirmation = None;
    }
    if arguments.no_floating {
        draft.requires_seat = false;
    }
    Ok(note)
}

/// Returns the new end, which is `Some(None)` for a perpetual license and `None` if the end stays.
fn new_end(
    arguments: &Renew,
    end: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Option<Option<DateTime<Utc>>>, Failure> {
    if arguments.perpetual {
        return Ok(Some(None));
    }
    if let Some(days) = arguments.days {
        let last_day = time::saturating_sub(end, TimeDelta::seconds(1)).max(now);
        return after_days(last_day, TimeDelta::days(days.get().into())).map(|end| Some(Some(end)));
    }
    let Some(until) = arguments.until.map(time::end_of_day) else {
        return Ok(None);
    };
    let latest = end.max(now);
    if until == time::MAX {
        let message = "--until: expected a last day before 9999-12-31, found 9999-12-31";
        return Err(
            Failure::usage(message).hint("use --perpetual for a license that never expires")
        );
    }
    if until <= latest {
        return Err(Failure::usage(format!(
            "expected an end after {latest}, found {until}",
            latest = rfc3339(latest),
            until = rfc3339(until)
        ))
        .hint("choose a later day with --until; a renewal cannot shorten a license"));
    }
    Ok(Some(Some(until)))
}

fn check_maintenance(
    before: Option<DateTime<Utc>>,
    after: Option<DateTime<Utc>>,
) -> Result<(), Failure> {
    match (before, after) {
        (None, Some(after)) => Err(Failure::usage(format!(
            "--maintenance-until: the license covers all versions, not only those built until {}",
            rfc3339(after)
        ))
        .hint("omit --maintenance-until; a renewal cannot restrict a license")),
        (Some(before), Some(after)) if after < before => Err(Failure::usage(format!(
            "--maintenance-until: expected an end after {before}, found {after}",
            before = rfc3339(before),
            after = rfc3339(after)
        ))
        .hint("choose a later day with --maintenance-until; a renewal cannot shorten a license")),
        _ => Ok(()),
    }
}

fn perpetual() -> Failure {
    Failure::usage("the license never expires")
        .hint("extend its maintenance with --maintenance-until; its term needs no renewal")
}
