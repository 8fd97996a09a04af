//! Which machine a license holds on: locked to it, activated for it, and not given up.

use super::Evidence;
use super::rules::{Case, Found, RuleOutcome, require};
use crate::code::Code;
use crate::key::LicenseId;
use crate::license::{Activation, License};
use crate::machine::{Comparison, Machine};

/// Whether the license was given up here, is locked to this machine, and is activated for it, in this order.
pub(super) fn find(case: &Case<'_>) -> Found {
    match (lock(case), activation(case)) {
        (locked, None) => locked,
        (_, activated @ Some((RuleOutcome::Denied(Code::Deactivated), _))) => activated,
        (locked @ Some((RuleOutcome::Denied(_), _)), _) => locked,
        (_, activated) => activated,
    }
}

/// A license goes on with the activations of those that it replaces. One that the vendor has ended by a revocation list, or that the
/// machine has given up, counts no more.
fn activation(case: &Case<'_>) -> Found {
    let here = case.context.machine;
    let given_up = case.context.all_given_up();
    let matches = |found: &&Activation| {
        goes_by(case.license, found.license_id())
            && found.product() == case.license.product()
            && here.is_some_and(|here| found.machine().is(here))
            && !given_up.clone().any(|(_, nonce)| *nonce == found.nonce())
    };
    let matching = || case.context.all_activations().filter(matches);
    let ended = |found: &Activation| {
        let revocations = case.lists().filter_map(|list| list.revoked(found.id()));
        let at = revocations.map(|revocation| revocation.at).min();
        at.filter(|at| *at <= case.now)
    };
    let counting = matching().filter(|found| ended(found).is_none());
    let newest = counting.max_by_key(|found| found.issued_at());
    let here_given_up = given_up
        .clone()
        .find(|(license, _)| goes_by(case.license, license));
    let evidence = |newest: Option<&Activation>| Evidence::Activation {
        at: newest.map(Activation::issued_at),
        ended_at: matching()
            .filter_map(ended)
            .max()
            .filter(|_| newest.is_none()),
        machine: here.cloned(),
    };
    match (newest, here_given_up) {
        (Some(_), _) => Some((RuleOutcome::Passed, evidence(newest))),
        (None, Some((license, _))) => {
            let license = license.clone();
            require(false, Code::Deactivated, Evidence::Deactivated { license })
        }
        (None, None) if case.license.must_activate() => {
            require(false, Code::NotActivated, evidence(None))
        }
        (None, None) => None,
    }
}

/// Whether it is the license, or one that it replaces.
fn goes_by(license: &License, id: &LicenseId) -> bool {
    license.id() == id || license.supersedes().contains(id)
}

fn lock(case: &Case<'_>) -> Found {
    let machines = case.license.machines()?;
    let actual = case.context.machine;
    let met = actual.is_some_and(|actual| machines.iter().any(|named| named.is(actual)));
    let evidence = Evidence::Machine {
        named: machines.len(),
        actual: actual.cloned(),
        nearest: actual.and_then(|actual| nearest(machines, actual)),
    };
    require(met, Code::MachineMismatch, evidence)
}

/// What this machine has in common with the one of those named that is most like it.
fn nearest(named: &[Machine], actual: &Machine) -> Option<Comparison> {
    let Machine::Fingerprint(actual) = actual else {
        return None;
    };
    let comparisons = named.iter().filter_map(|named| match named {
        Machine::Fingerprint(named) => Some(actual.compare(named)),
        _ => None,
    });
    comparisons.max_by_key(|comparison| (comparison.is_same(), comparison.matching.len()))
}
