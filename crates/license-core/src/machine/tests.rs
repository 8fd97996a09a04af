use super::*;
use crate::ids::ProductCode;
use ComponentKind::{Cpu, GivenId, Mac, MachineId, ProductUuid, RootDisk};

const HERE: [(ComponentKind, &str); 5] = [
    (MachineId, "5a7c3e9b1d2f48069ab4c8e0d6f1735b"),
    (ProductUuid, "4c4c4544-0051-3610-8052-b4c04f564433"),
    (Mac, "52:54:00:12:34:56"),
    (Cpu, "AMD EPYC 7R13"),
    (RootDisk, "naa.5000c500a1b2c3d4"),
];

fn product() -> ProductCode {
    ProductCode::parse("CODITECT").unwrap()
}

fn here() -> Fingerprint {
    Fingerprint::of(product(), HERE)
}

/// This machine after these components have changed.
fn after(changed: &[ComponentKind]) -> Fingerprint {
    let now = HERE.map(|(kind, value)| {
        (
            kind,
            if changed.contains(&kind) {
                "new"
            } else {
                value
            },
        )
    });
    Fingerprint::of(product(), now)
}

fn only(kinds: &[ComponentKind]) -> Fingerprint {
    let some = HERE.into_iter().filter(|(kind, _)| kinds.contains(kind));
    Fingerprint::of(product(), some)
}

/// By OpenSSL: `printf 'license-fingerprint-v1\nCODITECT\nid' | openssl dgst -sha256 -mac HMAC -macopt key:5a7c…`.
#[test]
fn a_component_is_an_hmac_keyed_by_it_over_product_and_kind() {
    let text = only(&[MachineId]).to_string();
    assert_eq!(text, "fp1:id=60cc22a081bb116368e42320");
    assert_eq!(
        only(&[MachineId]).digest().unwrap().to_string(),
        "mach_1a33b8bd3586714ab297967241f41a11"
    );
}

#[test]
fn nothing_readable_is_in_a_fingerprint_and_two_products_have_none_in_common() {
    let other = Fingerprint::of(ProductCode::parse("OTHER").unwrap(), HERE);
    let comparison = here().compare(&other);
    assert_eq!(comparison.matching, []);
    assert_eq!(comparison.differing.len(), HERE.len());
    for (_, value) in HERE {
        assert!(!here().to_string().contains(value));
    }
}

#[test]
fn a_fingerprint_reads_as_it_is_written_and_in_no_other_order() {
    let text = here().to_string();
    assert_eq!(Fingerprint::parse(&text), Some(here()));
    assert_eq!(Fingerprint::parse(&format!(" {text}\r\n")), Some(here()));
    let digest = here().digest().unwrap();
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
fn white_space_and_case_make_no_difference() {
    let of = |id| Fingerprint::of(product(), [(MachineId, id)]);
    assert_eq!(of("ABCDEF01"), of(" abcdef01\n"));
}

#[test]
fn what_may_change_is_as_documented() {
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
        let comparison = after(changed).compare(&here());
        assert_eq!(comparison.is_same(), same, "{changed:?}");
        assert_eq!(comparison.differing, changed);
    }
}

#[test]
fn what_is_not_found_counts_against_it_and_what_was_not_named_for_nothing() {
    // Without the rights to read the board's UUID.
    let named = after(&[MachineId]);
    let comparison = only(&[MachineId, Mac, Cpu, RootDisk]).compare(&named);
    assert_eq!(comparison.missing, [ProductUuid]);
    assert!(comparison.is_same());
    assert!(!only(&[Mac, Cpu]).compare(&here()).is_same());
    // A fleet of one model is not one machine, however few components were named.
    assert!(!here().compare(&only(&[Cpu])).is_same());
    assert!(!here().compare(&only(&[Cpu, RootDisk])).is_same());
    assert!(here().compare(&only(&[Mac, RootDisk])).is_same());
}

#[test]
fn the_digest_is_of_the_most_stable_component_alone() {
    let digest = here().digest();
    assert_eq!(after(&[Mac, Cpu, RootDisk, ProductUuid]).digest(), digest);
    assert_ne!(after(&[MachineId]).digest(), digest);
    assert_eq!(only(&[Cpu]).digest(), None);
    assert_eq!(only(&[]).digest(), None);
    assert!(only(&[Mac, Cpu]).digest().is_some());
    let uuid = only(&[ProductUuid]).digest();
    assert_eq!(only(&[ProductUuid, Mac, Cpu]).digest(), uuid);
}

#[test]
fn an_id_that_was_given_does_not_pass_for_the_systems_own() {
    let id = HERE[0].1;
    let given = Fingerprint::of(product(), [(GivenId, id)]);
    assert!(!given.compare(&here()).is_same());
    assert_ne!(given.digest(), here().digest());
    assert!(given.compare(&given).is_same());
    // Two containers that were given an id each, with the host's mounted in.
    let container = |given| Fingerprint::of(product(), [(GivenId, given), (MachineId, id)]);
    assert!(!container("one").compare(&container("two")).is_same());
    assert!(container("one").compare(&here()).is_same());
}

#[test]
fn a_machine_is_named_by_fingerprint_digest_or_a_name_of_the_programs_own() {
    let fingerprint = Machine::Fingerprint(here());
    let digest = Machine::Digest(here().digest().unwrap());
    let dongle = Machine::parse("dongle 0042");
    for machine in [&fingerprint, &digest, &dongle] {
        assert_eq!(&Machine::parse(&machine.to_string()), machine);
        assert!(machine.is(machine));
    }
    assert!(digest.is(&fingerprint) && fingerprint.is(&digest));
    assert!(!dongle.is(&fingerprint) && !fingerprint.is(&dongle));
    assert!(!dongle.is(&Machine::parse("dongle 0043")));
    // Which says too little to be anybody's.
    let model = Machine::Fingerprint(only(&[Cpu]));
    assert!(!model.is(&model));
}
