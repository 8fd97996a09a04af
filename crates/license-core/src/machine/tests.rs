//! Tests of fingerprints, their digests and their comparison.

use super::*;
use crate::ids::ProductCode;
use ComponentKind::{AssignedId, Cpu, Mac, MachineId, ProductUuid, RootDisk};

const COMPONENTS: [(ComponentKind, &str); 5] = [
    (MachineId, "5a7c3e9b1d2f48069ab4c8e0d6f1735b"),
    (ProductUuid, "4c4c4544-0051-3610-8052-b4c04f564433"),
    (Mac, "52:54:00:12:34:56"),
    (Cpu, "AMD EPYC 7R13"),
    (RootDisk, "naa.5000c500a1b2c3d4"),
];

fn product() -> ProductCode {
    ProductCode::parse("CODITECT").unwrap()
}

fn fingerprint() -> Fingerprint {
    Fingerprint::new(product(), COMPONENTS)
}

/// Returns the fingerprint of this machine with other values for these components.
fn with_changed(changed: &[ComponentKind]) -> Fingerprint {
    let components = COMPONENTS.map(|(kind, value)| {
        (
            kind,
            if changed.contains(&kind) {
                "new"
            } else {
                value
            },
        )
    });
    Fingerprint::new(product(), components)
}

fn with_only(kinds: &[ComponentKind]) -> Fingerprint {
    let components = COMPONENTS
        .into_iter()
        .filter(|(kind, _)| kinds.contains(kind));
    Fingerprint::new(product(), components)
}

/// The hash was computed with `openssl dgst -sha256 -mac HMAC -macopt key:5a7c…` over the text
/// `license-fingerprint-v1\nCODITECT\nid`.
#[test]
fn the_hash_of_a_component_is_an_hmac_over_product_and_kind() {
    let text = with_only(&[MachineId]).to_string();
    assert_eq!(text, "fp1:id=60cc22a081bb116368e42320");
    assert_eq!(
        with_only(&[MachineId]).digest().unwrap().to_string(),
        "mach_1a33b8bd3586714ab297967241f41a11"
    );
}

#[test]
fn a_fingerprint_contains_no_value_and_differs_between_products() {
    let other = Fingerprint::new(ProductCode::parse("OTHER").unwrap(), COMPONENTS);
    let comparison = fingerprint().compare(&other);
    assert_eq!(comparison.matching, []);
    assert_eq!(comparison.differing.len(), COMPONENTS.len());
    for (_, value) in COMPONENTS {
        assert!(!fingerprint().to_string().contains(value));
    }
}

#[test]
fn a_fingerprint_round_trips_and_its_components_must_be_in_order() {
    let text = fingerprint().to_string();
    assert_eq!(Fingerprint::parse(&text), Some(fingerprint()));
    assert_eq!(
        Fingerprint::parse(&format!(" {text}\r\n")),
        Some(fingerprint())
    );
    let digest = fingerprint().digest().unwrap();
    assert_eq!(MachineDigest::parse(&digest.to_string()), Some(digest));
    let hash = "00112233445566778899aabb";
    for wrong in [
        String::new(),
        "fp1:".to_owned(),
        "fp2:id=00112233445566778899aabb".to_owned(),
        format!("fp1:id={hash},id={hash}"),
        format!("fp1:mac={hash},id={hash}"),
        format!("fp1:id={hash},"),
        format!("fp1:id={hash}0"),
        format!("fp1:id=+{}", &hash[1..]),
        format!("fp1:name={hash}"),
        "fp1:id=é0112233445566778899aab".to_owned(),
    ] {
        assert_eq!(Fingerprint::parse(&wrong), None, "{wrong}");
    }
    assert_eq!(MachineDigest::parse("mach_00"), None);
}

#[test]
fn white_space_and_case_are_ignored() {
    let with_id = |id| Fingerprint::new(product(), [(MachineId, id)]);
    assert_eq!(with_id("ABCDEF01"), with_id(" abcdef01\n"));
}

#[test]
fn changed_components_are_tolerated_as_documented() {
    let cases: [(&[ComponentKind], bool); 9] = [
        (&[], true),
        (&[Mac], true),
        (&[ProductUuid, Mac, Cpu, RootDisk], true),
        (&[MachineId], true),
        (&[MachineId, Mac], true),
        (&[MachineId, RootDisk], true),
        (&[MachineId, Cpu], true),
        (&[MachineId, Mac, RootDisk], false),
        (&[MachineId, ProductUuid, Mac, RootDisk], false),
    ];
    for (changed, same) in cases {
        let comparison = with_changed(changed).compare(&fingerprint());
        assert_eq!(comparison.is_same(), same, "{changed:?}");
        assert_eq!(comparison.differing, changed);
    }
}

#[test]
fn a_missing_component_counts_as_different_and_an_additional_component_is_ignored() {
    // The process may lack permission to read the UUID of the board.
    let licensed = with_changed(&[MachineId]);
    let comparison = with_only(&[MachineId, Mac, Cpu, RootDisk]).compare(&licensed);
    assert_eq!(comparison.missing, [ProductUuid]);
    assert!(comparison.is_same());
    assert!(!with_only(&[Mac, Cpu]).compare(&fingerprint()).is_same());
    // Another machine of the same model must not match, even if the license names few components.
    assert!(!fingerprint().compare(&with_only(&[Cpu])).is_same());
    assert!(
        !fingerprint()
            .compare(&with_only(&[Cpu, RootDisk]))
            .is_same()
    );
    assert!(
        fingerprint()
            .compare(&with_only(&[Mac, RootDisk]))
            .is_same()
    );
}

#[test]
fn the_digest_depends_on_the_most_stable_component_only() {
    let digest = fingerprint().digest();
    assert_eq!(
        with_changed(&[Mac, Cpu, RootDisk, ProductUuid]).digest(),
        digest
    );
    assert_ne!(with_changed(&[MachineId]).digest(), digest);
    assert_eq!(with_only(&[Cpu]).digest(), None);
    assert_eq!(with_only(&[]).digest(), None);
    assert!(with_only(&[Mac, Cpu]).digest().is_some());
    let uuid = with_only(&[ProductUuid]).digest();
    assert_eq!(with_only(&[ProductUuid, Mac, Cpu]).digest(), uuid);
}

#[test]
fn a_configured_id_does_not_match_a_machine_id() {
    let id = COMPONENTS[0].1;
    let assigned = Fingerprint::new(product(), [(AssignedId, id)]);
    assert!(!assigned.compare(&fingerprint()).is_same());
    assert_ne!(assigned.digest(), fingerprint().digest());
    assert!(assigned.compare(&assigned).is_same());
    // Two containers, each with a configured id, that mount the machine id of their host.
    let container =
        |assigned| Fingerprint::new(product(), [(AssignedId, assigned), (MachineId, id)]);
    assert!(!container("one").compare(&container("two")).is_same());
    assert!(container("one").compare(&fingerprint()).is_same());
}

#[test]
fn a_machine_is_a_fingerprint_a_digest_or_a_name() {
    let digest = Machine::Digest(fingerprint().digest().unwrap());
    let fingerprint = Machine::Fingerprint(fingerprint());
    let dongle = Machine::parse("dongle 0042").unwrap();
    for machine in [&fingerprint, &digest, &dongle] {
        assert_eq!(&Machine::parse(&machine.to_string()).unwrap(), machine);
        assert!(machine.matches(machine));
    }
    assert!(digest.matches(&fingerprint) && fingerprint.matches(&digest));
    assert!(!dongle.matches(&fingerprint) && !fingerprint.matches(&dongle));
    assert!(!dongle.matches(&Machine::parse("dongle 0043").unwrap()));
    // A processor model alone does not identify a machine.
    let model = Machine::Fingerprint(with_only(&[Cpu]));
    assert!(!model.matches(&model));
}
