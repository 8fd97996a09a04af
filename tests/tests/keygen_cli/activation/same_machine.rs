//! One machine that asks by another digest than before: with a new system, or with an id that an administrator gave it since.

use super::*;

/// What stays when a machine gets a new system.
fn hardware(number: u8) -> [(ComponentKind, String); 3] {
    [
        (ComponentKind::Mac, format!("52:54:00:99:34:{number:02x}")),
        (
            ComponentKind::ProductUuid,
            format!("4c4c4544-0042-3510-8056-b4c04f4d32{number:02x}"),
        ),
        (
            ComponentKind::RootDisk,
            format!("7f2c1a9e-3b4d-4e5f-8a6b-1c2d3e4f50{number:02x}"),
        ),
    ]
}

fn fingerprint(ids: &[(ComponentKind, &str)], hardware: &[(ComponentKind, String)]) -> Fingerprint {
    let parts = hardware.iter().map(|(kind, text)| (*kind, text.as_str()));
    Fingerprint::of(product(), ids.iter().copied().chain(parts))
}

/// The machine of a number, with the system of a number.
fn with_system(number: u8, system: u8) -> Fingerprint {
    let id = format!("{system:02x}7c3e9b1d2f48069ab4c8e0d6f17fff");
    fingerprint(&[(ComponentKind::MachineId, &id)], &hardware(number))
}

fn ask(desk: &Scratch, license: &str, machine: Fingerprint, of_request: u8) -> Outcome {
    let mut asked = request(license, 1, of_request);
    asked.machine = machine;
    activate_with(desk, &asked, &["--json"])
}

fn used(outcome: Outcome) -> Value {
    outcome.expect_code(0).json()["devices"]["used"].clone()
}

#[test]
fn a_machine_with_a_new_system_takes_no_further_place() {
    let (desk, id) = desk();
    assert_eq!(used(ask(&desk, &id, with_system(1, 1), 1)), 1);
    assert_eq!(used(ask(&desk, &id, with_system(2, 2), 2)), 2);
    assert_ne!(with_system(1, 1).digest(), with_system(1, 3).digest());
    assert_eq!(used(ask(&desk, &id, with_system(1, 3), 3)), 2);
    // Nor does the system that it had before, nor the next.
    assert_eq!(used(ask(&desk, &id, with_system(1, 1), 4)), 2);
    assert_eq!(used(ask(&desk, &id, with_system(1, 5), 5)), 2);
    let refused = ask(&desk, &id, with_system(6, 6), 6);
    assert_eq!(refused.expect_json_failure(2), "DEVICE_LIMIT");
}

#[test]
fn what_a_machine_had_before_leaves_its_place_to_others() {
    let (desk, id) = desk();
    let _ = ask(&desk, &id, with_system(1, 1), 1).expect_code(0);
    let _ = ask(&desk, &id, with_system(1, 3), 2).expect_code(0);
    assert_eq!(used(ask(&desk, &id, with_system(2, 2), 3)), 2);
}

#[test]
fn an_id_that_is_given_later_makes_no_second_machine() {
    let desk = Vendor::shared().desk();
    let id = license(&desk, "acme.lic", &["--devices", "1", "--activation"]);
    let system = (ComponentKind::MachineId, "5a7c3e9b1d2f48069ab4c8e0d6f1735b");
    let given = |name| fingerprint(&[(ComponentKind::GivenId, name), system], &hardware(1));
    let before = fingerprint(&[system], &hardware(1));
    assert_ne!(before.digest(), given("press-7").digest());
    assert_eq!(used(ask(&desk, &id, before, 1)), 1);
    assert_eq!(used(ask(&desk, &id, given("press-7"), 2)), 1);
    // Ids are given to tell machines apart.
    let refused = ask(&desk, &id, given("press-8"), 3).expect_code(2).stdout;
    assert!(
        refused.contains("allows 1 machine and is already used on 1 other;"),
        "{refused}"
    );
}

#[test]
fn a_machine_that_is_like_two_takes_the_place_of_one() {
    let (desk, id) = desk();
    let _ = ask(&desk, &id, with_system(1, 1), 1).expect_code(0);
    let _ = ask(&desk, &id, with_system(2, 2), 2).expect_code(0);
    // The id of one, and all else of the other.
    assert_eq!(used(ask(&desk, &id, with_system(1, 2), 3)), 2);
    let refused = ask(&desk, &id, with_system(6, 6), 4);
    assert_eq!(refused.expect_json_failure(2), "DEVICE_LIMIT");
}

#[test]
fn a_check_in_with_a_fingerprint_knows_the_machine_too() {
    let desk = Vendor::shared().desk();
    let id = license(&desk, "acme.lic", &["--devices", "1", "--activation"]);
    let _ = ask(&desk, &id, with_system(1, 1), 1).expect_code(0);
    let check_in = ["check-in", "--key", "vendor.key", "acme.lic", "--machine"];
    let check_in =
        |machine: Fingerprint| keygen(&desk, &[&check_in[..], &[&machine.to_string()]].concat());
    let _ = check_in(with_system(2, 2)).expect_failure(2);
    let _ = check_in(with_system(1, 3)).expect_code(0);
}

#[test]
fn the_receipt_of_a_new_system_ends_what_the_machine_had_before() {
    let (desk, id) = desk();
    let first = ask(&desk, &id, with_system(1, 1), 1).expect_code(0).json();
    let _ = ask(&desk, &id, with_system(1, 3), 2).expect_code(0);
    let mut proof = receipt(&id, 1, 2);
    proof.machine = with_system(1, 3).digest().unwrap();
    let told = release(&desk, proof, &["--json"]).expect_code(0).json();
    assert_eq!(told["also_released"], json!([first["activation_id"]]));
    assert_eq!(used(ask(&desk, &id, with_system(2, 2), 3)), 1);
}
