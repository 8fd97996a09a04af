//! `keygen upgrade`.

use license_cli_support::Failure;
use license_core::issue::LicenseDraft;
use license_core::matrix::TierPolicy;
use license_core::time::rfc3339;
use license_core::{FeatureMatrix, License};
use license_issuer::ledger::LedgerReader;
use license_issuer::services::licenses::LicenseOrder;

use super::context::AppContext;
use super::draft::find_tier;
use super::entitlements::{EntitlementChanges, raise_quota, refresh};
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
        raise_tier(&mut draft, license, find_tier(tier, matrix)?, matrix)?;
    }
    if arguments.changes.refresh {
        refresh(&mut draft, matrix)?;
    }
    EntitlementChanges::of_successor(&arguments.changes, license).apply(&mut draft, matrix)?;
    if arguments.changes.no_floating {
        draft.requires_seat = false;
    }
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
///
/// Keeps the differences between the license and its tier: added and removed features, its numbers
/// of seats and devices, higher quotas, and its check-in and renewal policies.
fn raise_tier(
    draft: &mut LicenseDraft,
    license: &License,
    tier: &TierPolicy,
    matrix: &FeatureMatrix,
) -> Result<(), Failure> {
    let rank = |name| matrix.tiers().iter().position(|tier| tier.name() == name);
    let from = matrix.tier(license.tier());
    if rank(tier.name()) < rank(license.tier()) {
        return Err(Failure::usage(format!(
            "--tier: expected {} or a higher tier, found {}",
            license.tier(),
            tier.name()
        ))
        .hint("issue a separate license of a lower tier with `keygen issue --tier TIER --customer NAME --days N`"));
    }
    draft.tier = tier.name();
    let own = from.map(TierPolicy::entitlements);
    for feature in tier.entitlements().features() {
        let was_removed =
            own.is_some_and(|own| own.allows(feature)) && !license.entitlements().allows(feature);
        if !was_removed {
            draft
                .add_feature(feature)
                .map_err(|error| failures::draft_refused(&error))?;
        }
    }
    for (name, quota) in tier.entitlements().quotas() {
        let present = license.entitlements().quota(name);
        let is_own = present != own.and_then(|own| own.quota(name));
        raise_quota(draft, name, quota, is_own, matrix)?;
    }
    if license.check_in() == from.and_then(TierPolicy::check_in) {
        draft.check_in = tier.check_in();
    }
    if license.renewal() == from.and_then(TierPolicy::renewal) {
        draft.renewal = tier.renewal();
    }
    Ok(())
}
