//! Activation and deactivation of licenses.

use license_core::ids::Nonce;
use license_core::issue::{
    ActivationDraft, ClockRepairDraft, RevocationEntry, RevocationListDraft, SigningKey,
};
use license_core::license::{Activation, RevocationList};
use license_core::machine::{ComponentKind, Fingerprint, Machine};
use license_core::requests::{ActivationRequest, ActivationSecret, ClockRequest};
use license_core::trust::VerifyError;
use license_core::{Code, Context, License, LicenseId, ProductCode, Unverified};

use super::support::{DAY, HOUR, SECOND, TRUST, UNTRUSTED, VENDOR, id, issued};
use super::{evaluate, license};

fn product() -> ProductCode {
    ProductCode::parse("CODITECT").unwrap()
}

fn fingerprint(machine_id: &str) -> Fingerprint {
    let mac = format!("52:54:00:12:34:{}", &machine_id[..2]);
    let values = [
        (ComponentKind::MachineId, machine_id),
        (ComponentKind::Mac, mac.as_str()),
    ];
    Fingerprint::new(product(), values)
}

const THIS_MACHINE: &str = "5a7c3e9b1d2f48069ab4c8e0d6f1735b";
const OTHER_MACHINE: &str = "0b7c3e9b1d2f48069ab4c8e0d6f1735b";

fn this_machine() -> Machine {
    Machine::Fingerprint(fingerprint(THIS_MACHINE))
}

fn nonce(number: u8) -> Nonce {
    Nonce::from_random([number; 16])
}

fn request(license: &LicenseId, machine_id: &str, number: u8) -> ActivationRequest {
    ActivationRequest {
        product: product(),
        license: license.clone(),
        machine: fingerprint(machine_id),
        nonce: nonce(number),
        commitment: ActivationSecret::from_random([number; 32]).commitment(),
        made_at: issued(),
    }
}

fn signed(request: &ActivationRequest, key: &SigningKey) -> String {
    let draft = ActivationDraft {
        issuer: "vendor".to_owned(),
        id: id(900),
        issued_at: issued() + HOUR,
        request,
    };
    draft.sign(key).unwrap()
}

fn activation(license: &LicenseId, machine_id: &str, number: u8) -> Activation {
    let token = signed(&request(license, machine_id, number), &VENDOR);
    let token = Unverified::parse(&token).unwrap();
    token.verify_activation(&TRUST).unwrap()
}

/// Issues a license that must be activated.
fn activation_license() -> License {
    license(|draft| draft.must_activate = true)
}

fn code(license: &License, with: &[Activation], deactivated: &[(LicenseId, Nonce)]) -> Code {
    let this_machine = this_machine();
    let context = Context::at(issued() + DAY).machine(&this_machine);
    let context = context.activations(with).deactivated(deactivated);
    evaluate(license, &context).code()
}

/// Returns a revocation list that ends an activation.
fn revocation_of(activation: &Activation) -> RevocationList {
    let draft = RevocationListDraft {
        issuer: "vendor".to_owned(),
        product: product(),
        issued_at: issued(),
        seq: 1,
        next_update: issued() + DAY * 30,
        revoked: vec![RevocationEntry {
            license: activation.id().clone(),
            at: issued() + HOUR * 2,
            reason: "released".to_owned(),
        }],
    };
    let token = draft.sign(&*VENDOR).unwrap();
    let token = Unverified::parse(&token).unwrap();
    token.verify_revocations(&TRUST).unwrap()
}

#[test]
fn a_license_that_must_be_activated_is_valid_only_where_it_is_activated() {
    let license = activation_license();
    assert_eq!(code(&license, &[], &[]), Code::NotActivated);
    let own = activation(license.id(), THIS_MACHINE, 1);
    assert_eq!(code(&license, &[own], &[]), Code::Valid);
    let other_machine = activation(license.id(), OTHER_MACHINE, 1);
    let other_license = activation(&id(77), THIS_MACHINE, 1);
    let others = [other_machine, other_license];
    assert_eq!(code(&license, &others, &[]), Code::NotActivated);
    let unnamed = Context::at(issued() + DAY);
    let own = [activation(license.id(), THIS_MACHINE, 1)];
    let decision = evaluate(&license, &unnamed.activations(&own));
    assert_eq!(decision.code(), Code::NotActivated);
}

#[test]
fn activation_is_a_critical_claim() {
    assert!(activation_license().critical().eq(["activation"]));
    assert_eq!(license(|_| {}).critical().len(), 0);
}

#[test]
fn other_licenses_need_no_activation_but_can_be_deactivated() {
    let license = license(|_| {});
    assert_eq!(code(&license, &[], &[]), Code::Valid);
    let own = activation(license.id(), THIS_MACHINE, 1);
    let deactivated = [(license.id().clone(), nonce(1))];
    assert_eq!(code(&license, &[], &deactivated), Code::Deactivated);
    // Restoring the activation from a backup does not restore the license.
    assert_eq!(code(&license, &[own], &deactivated), Code::Deactivated);
    let second = activation(license.id(), THIS_MACHINE, 2);
    assert_eq!(code(&license, &[second], &deactivated), Code::Valid);
    let other = [(id(77), nonce(1))];
    assert_eq!(code(&license, &[], &other), Code::Valid);
}

#[test]
fn activations_and_deactivations_carry_over_to_a_renewal() {
    let old = activation_license();
    let renewal = license(|draft| {
        draft.id = id(2);
        draft.must_activate = true;
        draft.supersedes = vec![old.id().clone()];
    });
    let own = [activation(old.id(), THIS_MACHINE, 1)];
    assert_eq!(code(&renewal, &own, &[]), Code::Valid);
    let deactivated = [(old.id().clone(), nonce(1))];
    assert_eq!(code(&renewal, &own, &deactivated), Code::Deactivated);
}

#[test]
fn a_revoked_activation_is_not_used() {
    let license = activation_license();
    let own = [activation(license.id(), THIS_MACHINE, 1)];
    let (this_machine, lists) = (this_machine(), [revocation_of(&own[0])]);
    let at = |now| {
        let context = Context::at(now).machine(&this_machine);
        let context = context.activations(&own).revocations(&lists);
        evaluate(&license, &context).code()
    };
    assert_eq!(at(issued() + HOUR * 2 - SECOND), Code::Valid);
    assert_eq!(at(issued() + HOUR * 2), Code::NotActivated);
}

#[test]
fn a_machine_mismatch_takes_precedence_over_a_missing_activation() {
    let license = license(|draft| {
        draft.must_activate = true;
        draft.machines = vec![Machine::Fingerprint(fingerprint(OTHER_MACHINE))];
    });
    assert_eq!(code(&license, &[], &[]), Code::MachineMismatch);
    let own = activation(license.id(), THIS_MACHINE, 1);
    assert_eq!(code(&license, &[own], &[]), Code::MachineMismatch);
}

#[test]
fn an_activation_with_an_untrusted_key_or_of_another_kind_is_rejected() {
    let request = request(&id(1), THIS_MACHINE, 1);
    let foreign = signed(&request, &UNTRUSTED);
    let foreign = Unverified::parse(&foreign).unwrap();
    assert!(matches!(
        foreign.verify_activation(&TRUST),
        Err(VerifyError::UntrustedKey { .. })
    ));
    let own = signed(&request, &VENDOR);
    let own = Unverified::parse(&own).unwrap();
    assert!(own.verify_clock_repair(&TRUST).is_err());
    assert!(own.verify(&TRUST).is_err());
}

#[test]
fn a_clock_repair_names_its_machine_and_request() {
    let request = ClockRequest {
        product: product(),
        machine: fingerprint(THIS_MACHINE),
        nonce: nonce(3),
        mark: issued() + DAY * 1000,
        made_at: issued(),
    };
    let draft = ClockRepairDraft {
        issuer: "vendor".to_owned(),
        id: id(901),
        issued_at: issued(),
        request: &request,
    };
    let token = draft.sign(&*VENDOR).unwrap();
    let token = Unverified::parse(&token).unwrap();
    let repair = token.verify_clock_repair(&TRUST).unwrap();
    assert_eq!(repair.nonce(), nonce(3));
    assert_eq!(repair.issued_at(), issued());
    assert!(repair.machine().matches(&this_machine()));
}
