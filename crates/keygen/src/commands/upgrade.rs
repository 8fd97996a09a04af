//! `keygen upgrade`.

use license_cli_support::Failure;
use license_core::issue::LicenseDraft;
use license_core::matrix::TierPolicy;
use license_core::time::rfc3339;
use license_core::{FeatureMatrix, License};
use license_issuer::ledger::LedgerReader;
use license_issuer::services::entitlements::{is_lower_tier, raise_tier};
use license_issuer::services::licenses::LicenseOrder;

use super::context::AppContext;
use super::draft::find_tier;
use super::entitlements::{EntitlementChanges, refresh};
use super::named_users::UserChanges;
use super::previous_license::{PreviousLicense, replace};
use super::server_key::{self, ServerKeyChange};
use super::successor::{Replacement, refuse_replaced, start_at_once};
use crate::args::Upgrade;
use crate::failures;
use crate::inputs::one_stdin;

pub(crate) fn run(arguments: &Upgrade, app: AppContext<'_>) -> Result<(), Failure> {
    let (previous, signing) = (&arguments.previous, &arguments.changes.signing);
    let (license, trust) = (&previous.license, &previous.trust);
    let sources = std::iter::once(license).chain(&arguments.changes.server_key);
    one_stdin(signing.key.stdin_count(), sources)?;
    let server = ServerKeyChange::read(&arguments.changes)?;
    replace(app, license, trust, signing, |previous, matrix, ledger| {
        order(arguments, &server, previous, matrix, ledger)
    })
}

/// Returns the order of an upgrade, which starts at once and keeps the end of the license.
fn order<'m>(
    arguments: &Upgrade,
    server: &ServerKeyChange<'_>,
    previous: &PreviousLicense,
    matrix: &'m FeatureMatrix,
    ledger: Option<&dyn LedgerReader>,
) -> Result<LicenseOrder<'m>, Failure> {
    let (license, issued_at) = (&previous.license, previous.issued_at);
    if let Some(ledger) = ledger {
        refuse_replaced(license, Replacement::Amendment, ledger, issued_at)?;
    }
    if let Some(end) = license.expires_at().filter(|end| *end <= issued_at) {
        return Err(
            Failure::usage(format!("the license ended at {}", rfc3339(end))).hint(
                "renew the license with `keygen renew LICENSE --days N`, then upgrade the renewal",
            ),
        );
    }
    if license.is_trial() {
        return Err(Failure::usage("a trial cannot be upgraded")
            .hint("convert the trial to any tier with `keygen issue --convert LICENSE_ID --tier TIER --days N`"));
    }
    let mut draft = previous.successor(matrix)?;
    if let Some(tier) = arguments.tier {
        change_tier(&mut draft, license, find_tier(tier, matrix)?, matrix)?;
    }
    if arguments.changes.refresh {
        refresh(&mut draft, matrix)?;
    }
    EntitlementChanges::of_successor(&arguments.changes, license).apply(&mut draft, matrix)?;
    let users = UserChanges {
        added: &arguments.user,
        removed: &arguments.remove_user,
        is_loss_accepted: arguments.changes.signing.output.force,
    };
    let user_notes = users.apply(&mut draft)?;
    if let Some(ledger) = ledger {
        users.check_cool_down(license, matrix, ledger, issued_at)?;
    }
    let server = server.apply(&mut draft)?;
    let start_note = start_at_once(&mut draft, license, ledger)?;
    let mut changes = previous.changes(&draft, matrix)?;
    if changes.is_empty() && !arguments.reissue {
        return Err(Failure::usage("the license already has the requested terms").hint(
            "add --reissue to issue it again without changes; `keygen inspect LICENSE` shows its content",
        ));
    }
    changes.notes.extend(user_notes);
    changes.notes.extend(start_note);
    let mut order = changes.order(draft, matrix);
    if let Some(server) = server {
        server_key::describe(&server, &mut order, ledger)?;
    }
    Ok(order)
}

/// Changes a draft to a higher tier.
fn change_tier(
    draft: &mut LicenseDraft,
    license: &License,
    tier: &TierPolicy,
    matrix: &FeatureMatrix,
) -> Result<(), Failure> {
    if is_lower_tier(tier, license, matrix) {
        return Err(Failure::usage(format!(
            "--tier: expected {} or a higher tier, found {}",
            license.tier(),
            tier.name()
        ))
        .hint("issue a separate license of a lower tier with `keygen issue --tier TIER --customer NAME --days N`"));
    }
    raise_tier(draft, license, tier, matrix).map_err(|error| failures::draft_refused(&error))
}
