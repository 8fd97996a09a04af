//! `keygen revocations`.

use license_cli_support::{Failure, Terminal};
use license_core::issue::CheckedKey;
use license_core::{Span, Timestamp};
use license_issuer::services::issue::DraftContext;
use license_issuer::services::revocation_lists::{
    Omission, RevocationListOrder, RevocationListPlan, SignedRevocationList,
};
use serde_json::json;

use super::context::AppContext;
use super::issuing::{Issuing, IssuingReport};
use super::lookup;
use super::signer::KeyFile;
use crate::args::{Dry, Revocations};
use crate::failures;
use crate::inputs::{matrix, now};

const SECONDS_PER_DAY: u64 = 24 * 3600;

/// The maximum time by which a list may be postdated. Wherever it is installed, time counts from its
/// date, and cannot be set back by a correct list.
const MAX_AHEAD: u64 = SECONDS_PER_DAY;

pub(crate) fn run(arguments: &Dry<Revocations>, app: AppContext<'_>) -> Result<(), Failure> {
    let AppContext { place, terminal } = app;
    let Dry { order, dry_run } = arguments;
    let issuing = Issuing::new(app, &order.out, *dry_run);
    lookup::required(place, "what is revoked")?;
    issuing.out.check()?;
    order.issued_at.map_or(Ok(()), refuse_future)?;
    let matrix = matrix(order.product_file.as_ref())?;
    // Without a ledger, nothing was revoked. A list that says so would belong to another ledger.
    drop(lookup::open(place)?);
    let list = RevocationListOrder {
        matrix: &matrix,
        valid_seconds: u64::from(order.valid_days.get()).saturating_mul(SECONDS_PER_DAY),
        issued_at: order.issued_at,
    };
    let signer = KeyFile::new(&order.key, terminal);
    let issued = issuing.run(
        &signer,
        &|context: &DraftContext<'_, CheckedKey>| {
            let plan = list.plan(context);
            plan.map_err(|error| failures::ledger_not_written(&error))
        },
        &|plan: &RevocationListPlan| {
            warn_of_omission(plan.omission, terminal);
            issuing.warn(&plan.warnings);
        },
        &|plan, signed: &SignedRevocationList| {
            Ok(match issuing.is_in_report() {
                true => Terminal::json_text(&report(plan, Some(signed), &issuing).json),
                false => signed.list.to_armor(),
            }
            .into_bytes())
        },
    )?;
    issuing.print(&report(&issued.draft, issued.signed.as_ref(), &issuing))
}

fn refuse_future(issued_at: Timestamp) -> Result<(), Failure> {
    let latest = now().plus(MAX_AHEAD);
    match issued_at > latest {
        true => Err(Failure::usage(format!("--issued-at: expected {latest} at the latest, found {issued_at}"))
            .hint("wherever such a list is installed, time would count from then on and licenses would end: leave --issued-at away")),
        false => Ok(()),
    }
}

/// Warns of a list that may omit licenses of an earlier one. Where it is installed, those licenses
/// are valid again.
fn warn_of_omission(omission: Option<Omission>, terminal: &Terminal) {
    let message = match omission {
        None => return,
        Some(Omission::NoEarlierList) => "the ledger knows no earlier list of this key; if there is one, licenses that only that one names are given back: `keygen ledger import LIST` enters them".to_owned(),
        Some(Omission::Shorter { earlier, found }) => format!(
            "an earlier list of this key named {earlier} licenses, and this one {found}: the others are given back to customers; `keygen ledger import LIST` enters what is missing"
        ),
    };
    terminal.warning("SHORTER_LIST", &message);
}

fn report(
    plan: &RevocationListPlan,
    signed: Option<&SignedRevocationList>,
    issuing: &Issuing<'_>,
) -> IssuingReport {
    let draft = &plan.draft;
    let list = signed.map(|signed| &signed.list);
    let kid = list.map(|list| list.key_id().as_str());
    let json = json!({
        "seq": list.map(|list| list.seq()),
        "product": draft.product.as_str(),
        "revoked": draft.revoked.len(),
        "issued_at": draft.issued_at.to_string(),
        "next_update": draft.next_update.to_string(),
        "kid": kid,
        "path": issuing.path(),
        "token": signed.map(|signed| &signed.token).filter(|_| issuing.shows_token()),
        "dry_run": issuing.dry_run,
    });
    let valid = Span(draft.next_update.seconds_since(draft.issued_at));
    let mut lines = Vec::new();
    lines.extend(list.map(|list| format!("list       {}", list.seq())));
    lines.push(format!("product    {}", draft.product));
    lines.push(format!("revoked    {}", draft.revoked.len()));
    lines.push(format!("issued     {}", draft.issued_at));
    lines.push(format!(
        "next due   {}, {valid} after its issue",
        draft.next_update
    ));
    lines.extend(kid.map(|kid| format!("key        {kid}")));
    IssuingReport { json, lines }
}
