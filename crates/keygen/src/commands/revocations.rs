//! `keygen revocations`.

use license_cli_support::{Failure, Terminal, plural};
use license_core::chrono::{DateTime, TimeDelta, Utc};
use license_core::issue::VerifyingSigner;
use license_core::time::{self, rfc3339};
use license_issuer::services::issue::DraftContext;
use license_issuer::services::revocation_lists::{
    Omission, RevocationListOrder, RevocationListPlan, SignedRevocationList,
};
use serde_json::json;

use super::context::AppContext;
use super::issuance::{Issuance, IssuanceReport};
use super::lookup;
use super::signer::KeyFile;
use crate::args::Revocations;
use crate::inputs::{matrix, now};
use crate::{failures, output};

/// Maximum time by which a list may be postdated.
///
/// A list raises the clock high-water mark of each machine that installs it. A later list cannot
/// lower the mark.
const MAX_AHEAD: TimeDelta = TimeDelta::days(1);

pub(crate) fn run(arguments: &Revocations, app: AppContext<'_>) -> Result<(), Failure> {
    let AppContext { location, terminal } = app;
    let signing = &arguments.signing;
    let issuance = Issuance::from_args(app, signing);
    lookup::require_ledger(location, "a revocation list")?;
    output::check(issuance.output)?;
    signing.issued_at.map_or(Ok(()), refuse_future)?;
    let matrix = matrix(signing.product_file.as_ref())?;
    // A missing ledger would result in an empty list, which makes revoked licenses valid again.
    drop(lookup::open(location)?);
    let list = RevocationListOrder {
        matrix: &matrix,
        valid_for: TimeDelta::days(arguments.valid_days.get().into()),
        issued_at: signing.issued_at,
    };
    let signer = KeyFile::new(&signing.key, terminal);
    let issued = issuance.run(
        &signer,
        &|context: &DraftContext<'_, VerifyingSigner>| {
            let plan = list.plan(context);
            plan.map_err(|error| failures::ledger_not_written(location, &error))
        },
        &|plan: &RevocationListPlan| {
            warn_of_omission(plan.omission, terminal);
            issuance.warn(&plan.warnings);
        },
        &|plan, signed: &SignedRevocationList| {
            let text = if issuance.is_in_report() {
                Terminal::json_text(&report(plan, Some(signed), &issuance).json)
            } else {
                signed.list.to_armor()
            };
            Ok(text.into_bytes())
        },
    )?;
    issuance.print(&report(&issued.draft, issued.signed.as_ref(), &issuance))
}

fn refuse_future(issued_at: DateTime<Utc>) -> Result<(), Failure> {
    let latest = time::saturating_add(now(), MAX_AHEAD);
    if issued_at <= latest {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "--issued-at: expected {latest} at the latest, found {issued_at}", latest = rfc3339(latest), issued_at = rfc3339(issued_at)
    ))
    .hint(
        "omit --issued-at: machines that install such a list would treat its date as the present, and licenses would end too early",
    ))
}

/// Warns about a list that may omit licenses of an earlier list.
///
/// Omitted licenses become valid again.
fn warn_of_omission(omission: Option<Omission>, terminal: &Terminal) {
    let message = match omission {
        None => return,
        Some(Omission::NoEarlierList) => "the ledger has no earlier list of this key. If one exists, record it first with `keygen ledger import LIST --trust FILE`: without it, licenses that only that list revokes become valid again".to_owned(),
        Some(Omission::Shorter { earlier, found }) => format!(
            "an earlier list of this key revokes {earlier} licenses, and this list revokes {found}: the other licenses become valid again; record the earlier list with `keygen ledger import LIST --trust FILE`"
        ),
    };
    terminal.warning("SHORTER_LIST", &message);
}

fn report(
    plan: &RevocationListPlan,
    signed: Option<&SignedRevocationList>,
    issuance: &Issuance<'_>,
) -> IssuanceReport {
    let draft = &plan.draft;
    let list = signed.map(|signed| &signed.list);
    let kid = list.map(|list| list.key_id().as_str());
    let json = json!({
        "seq": list.map(|list| list.seq()),
        "product": draft.product.as_str(),
        "revoked": draft.revoked.len(),
        "issued_at": rfc3339(draft.issued_at).to_string(),
        "next_update": rfc3339(draft.next_update).to_string(),
        "kid": kid,
        "path": issuance.path(),
        "token": signed.map(|signed| &signed.token).filter(|_| issuance.shows_token()),
        "dry_run": issuance.dry_run,
    });
    let valid = time::humanize(time::duration_since(draft.next_update, draft.issued_at));
    let mut lines = Vec::new();
    lines.extend(list.map(|list| format!("list       {}", list.seq())));
    lines.push(format!("product    {}", draft.product));
    let revoked = plural(
        draft.revoked.len(),
        "license or released machine",
        "licenses or released machines",
    );
    lines.push(format!("revoked    {revoked}"));
    lines.push(format!("issued     {}", rfc3339(draft.issued_at)));
    lines.push(format!(
        "next due   {}, {valid} after the issue date",
        rfc3339(draft.next_update)
    ));
    lines.extend(kid.map(|kid| format!("key        {kid}")));
    IssuanceReport { json, lines }
}
