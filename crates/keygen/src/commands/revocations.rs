//! `keygen revocations`.

mod omission;
pub(super) mod signed_lists;

use license_cli_support::{Destination, Failure, OutputFile, Terminal, plural};
use license_core::FeatureMatrix;
use license_core::chrono::{DateTime, TimeDelta, Utc};
use license_core::issue::VerifyingSigner;
use license_core::time::{self, rfc3339};
use license_issuer::clock::{Clock, SystemClock};
use license_issuer::ledger::LedgerReader;
use license_issuer::services::issue::DraftContext;
use license_issuer::services::revocation_lists::{
    EarlierList, RevocationListOrder, RevocationListPlan, SignedRevocationList,
};
use serde_json::json;
use signed_lists::SignedLists;

use super::context::AppContext;
use super::issuance::{Issuance, IssuanceReport};
use super::lookup;
use super::precautions::Precautions;
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
    let AppContext {
        location, terminal, ..
    } = app;
    let signing = &arguments.signing;
    let signer = KeyFile::new(app, &signing.key)?;
    let ledger = lookup::require_ledger(location, "a revocation list")?;
    signing.issued_at.map_or(Ok(()), refuse_future)?;
    let matrix = matrix(app.settings, signing.product_file.as_ref())?;
    // A missing ledger would result in an empty list, which makes revoked licenses valid again.
    let recorded = lookup::open(location)?;
    let copies = SignedLists::new(ledger.path(), matrix.product())?;
    let replaced = replaced_list(&signing.output, &recorded, &matrix)?;
    drop(recorded);
    let output = OutputFile {
        force: signing.output.force || replaced.is_some(),
        ..signing.output.clone()
    };
    output::check(&output)?;
    // Replacing the earlier list needs no `--force`, and does not waive the precautions.
    let precautions = Precautions::new(
        app.settings.names_product(signing.product_file.as_ref()),
        signing.output.force,
    );
    let issuance = Issuance::new(app, &output, signing.dry_run, precautions);
    let mut earlier = copies.read()?;
    let is_copy = |found: &EarlierList| earlier.iter().any(|copy| copy.token == found.token);
    let replaced = replaced.filter(|found| !is_copy(found));
    earlier.extend(replaced);
    let list = RevocationListOrder {
        matrix: &matrix,
        valid_for: TimeDelta::days(arguments.valid_days.get().into()),
        issued_at: signing.issued_at,
        clock_micros: SystemClock.unix_micros(),
        earlier: &earlier,
    };
    let issued = issuance.run(
        &signer,
        &|context: &DraftContext<'_, VerifyingSigner>| {
            let plan = list.plan(context);
            let plan = plan.map_err(|error| failures::ledger_not_written(location, &error))?;
            match &plan.omission {
                Some(found) if !signing.output.force => omission::refuse(found, &earlier)?,
                _ => {}
            }
            Ok(plan)
        },
        &|plan: &RevocationListPlan| {
            if let Some(found) = &plan.omission {
                omission::warn(found, terminal);
            }
            issuance.warn(&plan.warnings);
        },
        &|plan, signed: &SignedRevocationList| {
            // The copy comes first, so that every delivered list has one.
            copies.keep(&signed.list)?;
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

/// Returns the list in the output file, which the new list replaces without `--force`.
///
/// Any other file is replaced only with `--force`, and so is a list for another product or of a key
/// that the ledger does not contain.
fn replaced_list(
    output: &OutputFile,
    ledger: &dyn LedgerReader,
    matrix: &FeatureMatrix,
) -> Result<Option<EarlierList>, Failure> {
    let Destination::File(path) = &output.out else {
        return Ok(None);
    };
    let Ok(Some(found)) = signed_lists::read_list(path) else {
        return Ok(None);
    };
    let list = found
        .token
        .verify_revocations(&lookup::signing_keys(ledger)?);
    let is_own = list.is_ok_and(|list| list.product() == matrix.product());
    Ok(Some(found).filter(|_| is_own))
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
        "activations": plan.ended_activations,
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
    let licenses = draft.revoked.len().saturating_sub(plan.ended_activations);
    let licenses = plural(licenses, "license", "licenses");
    lines.push(match plan.ended_activations {
        0 => format!("revoked    {licenses}"),
        count => {
            let activations = plural(count, "ended activation", "ended activations");
            format!("revoked    {licenses}, {activations}")
        }
    });
    lines.push(format!("issued     {}", rfc3339(draft.issued_at)));
    lines.push(format!(
        "next due   {}, {valid} after the issue date",
        rfc3339(draft.next_update)
    ));
    lines.extend(kid.map(|kid| format!("key        {kid}")));
    IssuanceReport { json, lines }
}
