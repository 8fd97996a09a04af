//! Requests of a machine whose digest has changed, because its system was installed again or an
//! administrator assigned an id.

use super::*;

/// Returns the components that a new installation of the system does not change.
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
    Fingerprint::new(product(), ids.iter().copied().chain(parts))
}

/// Returns the fingerprint of the machine with this number. `system` is the number of the operating
/// system that is installed on the machine.
fn with_system(number: u8, system: u8) -> Fingerprint {
    let id = format!("{system:02x}7c3e9b1d2f48069ab4c8e0d6f17fff");
    fingerprint(&[(ComponentKind::MachineId, &id)], &hardware(number))
}

fn activate_machine(
    workstation: &Scratch,
    license: &str,
    machine: Fingerprint,
    request_number: u8,
) -> RunOutput {
    let mut requested = request(license, 1, request_number);
    requested.machine = machine;
    activate_with(workstation, &requested, &["--json"])
}

fn used(outcome: RunOutput) -> Value {
    outcome.expect_code(0).json()["devices"]["used"].clone()
}

#[test]
fn a_reinstalled_machine_uses_no_further_device() {
    let (workstation, id) = workstation();
    assert_eq!(
        used(activate_machine(&workstation, &id, with_system(1, 1), 1)),
        1
    );
    assert_eq!(
        used(activate_machine(&workstation, &id, with_system(2, 2), 2)),
        2
    );
    assert_ne!(with_system(1, 1).digest(), with_system(1, 3).digest());
    assert_eq!(
        used(activate_machine(&workstation, &id, with_system(1, 3), 3)),
        2
    );
    // Earlier and later installations do not count as further machines either.
    assert_eq!(
        used(activate_machine(&workstation, &id, with_system(1, 1), 4)),
        2
    );
    assert_eq!(
        used(activate_machine(&workstation, &id, with_system(1, 5), 5)),
        2
    );
    let refused = activate_machine(&workstation, &id, with_system(6, 6), 6);
    assert_eq!(refused.expect_json_failure(2), "DEVICE_LIMIT");
}

#[test]
fn an_earlier_system_of_a_machine_does_not_count() {
    let (workstation, id) = workstation();
    let _ = activate_machine(&workstation, &id, with_system(1, 1), 1).expect_code(0);
    let _ = activate_machine(&workstation, &id, with_system(1, 3), 2).expect_code(0);
    assert_eq!(
        used(activate_machine(&workstation, &id, with_system(2, 2), 3)),
        2
    );
}

#[test]
fn an_id_that_is_assigned_later_does_not_count_as_a_second_machine() {
    let workstation = Vendor::shared().workstation();
    let id = license(
        &workstation,
        "acme.lic",
        &["--devices", "1", "--activation"],
    );
    let system = (ComponentKind::MachineId, "5a7c3e9b1d2f48069ab4c8e0d6f1735b");
    let with_assigned_id =
        |name| fingerprint(&[(ComponentKind::AssignedId, name), system], &hardware(1));
    let before = fingerprint(&[system], &hardware(1));
    assert_ne!(before.digest(), with_assigned_id("press-7").digest());
    assert_eq!(used(activate_machine(&workstation, &id, before, 1)), 1);
    assert_eq!(
        used(activate_machine(
            &workstation,
            &id,
            with_assigned_id("press-7"),
            2
        )),
        1
    );
    // A different configured id identifies a different machine.
    let refused = activate_machine(&workstation, &id, with_assigned_id("press-8"), 3)
        .expect_code(2)
        .stdout;
    assert!(
        refused.contains("allows 1 machine and is already used on 1 other;"),
        "{refused}"
    );
}

#[test]
fn a_machine_that_is_similar_to_two_machines_replaces_one_of_them() {
    let (workstation, id) = workstation();
    let _ = activate_machine(&workstation, &id, with_system(1, 1), 1).expect_code(0);
    let _ = activate_machine(&workstation, &id, with_system(2, 2), 2).expect_code(0);
    // The machine has the hardware of machine 1 and the id of machine 2.
    assert_eq!(
        used(activate_machine(&workstation, &id, with_system(1, 2), 3)),
        2
    );
    let refused = activate_machine(&workstation, &id, with_system(6, 6), 4);
    assert_eq!(refused.expect_json_failure(2), "DEVICE_LIMIT");
}

#[test]
fn a_check_in_with_a_fingerprint_recognizes_the_machine() {
    let workstation = Vendor::shared().workstation();
    let id = license(
        &workstation,
        "acme.lic",
        &["--devices", "1", "--activation"],
    );
    let _ = activate_machine(&workstation, &id, with_system(1, 1), 1).expect_code(0);
    let check_in = ["check-in", "--key", "vendor.key", "acme.lic", "--machine"];
    let check_in = |machine: Fingerprint| {
        keygen(
            &workstation,
            &[&check_in[..], &[&machine.to_string()]].concat(),
        )
    };
    let _ = check_in(with_system(2, 2)).expect_failure(2);
    let _ = check_in(with_system(1, 3)).expect_code(0);
}

#[test]
fn a_receipt_of_a_reinstalled_machine_ends_its_earlier_activations() {
    let (workstation, id) = workstation();
    let first = activate_machine(&workstation, &id, with_system(1, 1), 1)
        .expect_code(0)
        .json();
    let _ = activate_machine(&workstation, &id, with_system(1, 3), 2).expect_code(0);
    let mut proof = receipt(&id, 1, 2);
    proof.machine = with_system(1, 3).digest().unwrap();
    let report = release(&workstation, proof, &["--json"])
        .expect_code(0)
        .json();
    assert_eq!(report["also_released"], json!([first["activation_id"]]));
    assert_eq!(
        used(activate_machine(&workstation, &id, with_system(2, 2), 3)),
        1
    );
}
