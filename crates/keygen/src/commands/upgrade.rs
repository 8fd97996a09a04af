//! `keygen upgrade`.

use std::num::NonZeroU32;

use license_cli_support::Failure;
use license_core::issue::LicenseDraft;
use license_core::{License, Matrix, Quota, TierTerms};
use license_issuer::ledger::LedgerReader;

use super::context::AppContext;
use super::drafting::{TierChanges, tier_terms};
use super::former::{Former, Given};
use super::issuing::Issuing;
use super::mint::{self, Order};
use super::successor::{Change, begin_at_once, refuse_followed};
use crate::args::{Dry, Upgrade};
use crate::failures;
use crate::inputs::matrix;

pub(crate) fn run(arguments: &Dry<Upgrade>, app: AppContext<'_>) -> Result<(), Failure> {
    let Dry { order, dry_run } = arguments;
    let matrix = matrix(order.former.product_file.as_ref())?;
    let given = Given::read(&order.former)?;
    let issuing = Issuing::new(app, &order.out, *dry_run);
    mint::run(issuing, &order.key, &matrix, |ledger| {
        upgraded(order, &given, &matrix, ledger)
    })
}

/// An upgrade begins at once and ends when the license would have.
fn upgraded<'m>(
    order: &Upgrade,
    given: &Given<'_>,
    matrix: &'m Matrix,
    ledger: Option<&dyn LedgerReader>,
) -> Result<Order<'m>, Failure> {
    let former = Former::find(given, matrix, ledger)?;
    if let Some(ledger) = ledger {
        refuse_followed(&former.license, Change::Terms, ledger, former.issued_at)?;
    }
    if let Some(end) = former.license.expires_at()
        && end <= former.issued_at
    {
        return Err(Failure::usage(format!("the license ended at {end}"))
            .hint("`keygen renew` gives it a new term; upgrade that"));
    }
    if former.license.is_trial() {
        return Err(Failure::usage("a trial is not upgraded")
            .hint("`keygen issue --convert LICENSE_ID` makes it a paid license of any tier"));
    }
    let mut draft = former.successor()?;
    if let Some(tier) = order.tier {
        raise(
            &mut draft,
            &former.license,
            tier_terms(tier, matrix)?,
            matrix,
        )?;
    }
    refuse_lower(&draft, order, matrix)?;
    let changes = TierChanges {
        seats: order.seats,
        devices: order.devices,
        added: &order.add_feature,
        removed: &[],
        quotas: &order.quota,
    };
    changes.apply(&mut draft, matrix)?;
    let at_once = begin_at_once(&mut draft, &former.license, ledger)?;
    let mut changes = former.changes(&draft, matrix)?;
    if changes.is_empty() && !order.anew {
        return Err(Failure::usage("the license says all of that already").hint(
            "`keygen inspect LICENSE` shows what it says; --anew signs it again all the same",
        ));
    }
    changes.notes.extend(at_once);
    Ok(changes.order(draft, matrix))
}

/// Refuses to lower what is asked for in so many words: an upgrade allows more. What a higher tier itself has less of is warned of.
fn refuse_lower(draft: &LicenseDraft, order: &Upgrade, matrix: &Matrix) -> Result<(), Failure> {
    let facts = draft.read_back();
    let facts = facts.map_err(|error| failures::not_verified("license", &error))?;
    for (flag, name, quota) in asked(order, matrix) {
        let had = facts.quotas.get(name).copied().filter(|had| quota < *had);
        let Some(had) = had.filter(|_| flag == "--seats" || !order.out.force) else {
            continue;
        };
        let message =
            format!("{flag}: expected at least what the license has, {name} {had}, found {quota}");
        return Err(Failure::usage(message).hint(match flag {
            "--seats" => "an upgrade allows more; `keygen issue` mints a license of fewer",
            _ => "an upgrade allows more; --force lowers it all the same",
        }));
    }
    Ok(())
}

/// The quotas that are asked for, each with its flag.
fn asked<'o>(
    order: &'o Upgrade,
    matrix: &'o Matrix,
) -> impl Iterator<Item = (&'static str, &'o str, Quota)> {
    let of_count = |flag, count: Option<NonZeroU32>, name: Option<&'o str>| {
        let quota = |count: NonZeroU32| Quota::Limit(count.get().into());
        count
            .zip(name)
            .map(|(count, name)| (flag, name, quota(count)))
    };
    let seats = of_count("--seats", order.seats, matrix.seats_quota());
    let devices = of_count("--devices", order.devices, matrix.devices_quota());
    let quotas = order.quota.iter();
    let quotas = quotas.map(|(name, quota)| ("--quota", name.as_str(), *quota));
    quotas.chain(seats).chain(devices)
}

/// Gives it what a higher tier has, and leaves what the license had beside its own: a feature more, a quota of its own, other check-in terms.
fn raise(
    draft: &mut LicenseDraft,
    license: &License,
    tier: &TierTerms,
    matrix: &Matrix,
) -> Result<(), Failure> {
    let place = |name| matrix.tiers().iter().position(|terms| terms.name() == name);
    let from = matrix.tier(license.tier());
    if place(tier.name()) < place(license.tier()) {
        return Err(Failure::usage(format!(
            "expected a tier of {} or more, found {}",
            license.tier(),
            tier.name()
        ))
        .hint("`keygen issue` mints a lower one; it does not replace this license"));
    }
    draft.tier = tier.name();
    let own = from.map(TierTerms::entitlements);
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
        let had = license.entitlements().quota(name);
        let is_own = had != own.and_then(|own| own.quota(name));
        // A quota that was sold apart is not taken away.
        let quota = had.filter(|had| is_own && *had > quota).unwrap_or(quota);
        draft
            .set_quota(name, quota)
            .map_err(|error| failures::draft_refused(&error))?;
    }
    if license.check_in() == from.and_then(TierTerms::check_in) {
        draft.check_in = tier.check_in();
    }
    if license.renewal() == from.and_then(TierTerms::renewal) {
        draft.renewal = tier.renewal();
    }
    Ok(())
}
