//! The machine rule: machine lock, activation and deactivation.

use super::rules::{Evaluation, OptionalResult, require};
use super::{Evidence, RuleOutcome};
use crate::code::Code;
use crate::key::LicenseId;
use crate::license::{Activation, License};
use crate::machine::{FingerprintComparison, Machine};

/// Checks that the license is not deactivated on this machine, is not locked to other machines, and
/// is activated if necessary.
///
/// The first of these checks that fails determines the result.
pub(super) fn check(evaluation: &Evaluation<'_>) -> OptionalResult {
    let activation = activation(evaluation);
    if evaluation.context.is_any_application {
        return activation
            .filter(|(outcome, _)| *outcome == RuleOutcome::Denied(Code::Deactivated));
    }
    match (lock(evaluation), activation) {
        (locked, None) => locked,
        (_, activated @ Some((RuleOutcome::Denied(Code::Deactivated), _))) => activated,
        (locked @ Some((RuleOutcome::Denied(_), _)), _) => locked,
        (_, activated) => activated,
    }
}

/// Checks the activation of the license or of a license that it replaces.
///
/// An activation does not count if a revocation list has ended the activation, or if the license
/// was deactivated on the machine afterwards.
fn activation(evaluation: &Evaluation<'_>) -> OptionalResult {
    let license = evaluation.license;
    let here = evaluation.context.machine;
    let deactivated = evaluation.context.all_deactivated();
    let matches = |activation: &&Activation| {
        covers(license, activation.license_id())
            && activation.product() == license.product()
            && here.is_some_and(|here| activation.machine().matches(here))
            && !deactivated
                .clone()
                .any(|(_, nonce)| *nonce == activation.nonce())
    };
    let matching = || evaluation.context.all_activations().filter(matches);
    let ended = |activation: &Activation| {
        let revocations = evaluation.revocations(activation.id());
        let ended = revocations.map(|revocation| (revocation.at, revocation.seq));
        ended.min().filter(|(at, _)| *at <= evaluation.now)
    };
    let current = matching().filter(|activation| ended(activation).is_none());
    let newest = current.max_by_key(|activation| activation.issued_at());
    let deactivation = deactivated.clone().find(|(id, _)| covers(license, id));
    let last_ended = matching()
        .filter_map(ended)
        .max()
        .filter(|_| newest.is_none());
    let evidence = |newest: Option<&Activation>| Evidence::Activation {
        at: newest.map(Activation::issued_at),
        ended_at: last_ended.map(|(at, _)| at),
        ended_by: last_ended.map(|(_, seq)| seq),
        machine: here.cloned(),
    };
    match (newest, deactivation) {
        (Some(_), _) => Some((RuleOutcome::Passed, evidence(newest))),
        // The license was activated again after the deactivation.
        (None, Some(_)) if last_ended.is_some() => {
            require(false, Code::Deactivated, evidence(None))
        }
        (None, Some((license, _))) => {
            let license = license.clone();
            require(false, Code::Deactivated, Evidence::Deactivated { license })
        }
        (None, None) if license.must_activate() => {
            require(false, Code::NotActivated, evidence(None))
        }
        (None, None) => None,
    }
}

/// Returns whether `id` is the id of the license or of a license that it replaces.
pub(super) fn covers(license: &License, id: &LicenseId) -> bool {
    license.id() == id || license.supersedes().contains(id)
}

fn lock(evaluation: &Evaluation<'_>) -> OptionalResult {
    let machines = evaluation.license.machines()?;
    let actual = evaluation.context.machine;
    let met = actual.is_some_and(|actual| machines.iter().any(|named| named.matches(actual)));
    let evidence = Evidence::Machine {
        named: machines.len(),
        only: match machines {
            [only] => Some(only.clone()),
            _ => None,
        },
        actual: actual.cloned(),
        nearest: actual.and_then(|actual| nearest(machines, actual)),
    };
    require(met, Code::MachineMismatch, evidence)
}

/// Compares this machine with the most similar fingerprint in the license.
fn nearest(named: &[Machine], actual: &Machine) -> Option<FingerprintComparison> {
    let Machine::Fingerprint(actual) = actual else {
        return None;
    };
    let comparisons = named.iter().filter_map(|named| match named {
        Machine::Fingerprint(named) => Some(actual.compare(named)),
        _ => None,
    });
    comparisons.max_by_key(|comparison| (comparison.is_same(), comparison.matching.len()))
}
