//! The stability of an identity, and its explanation.

use std::io;

use super::linux::{bare, card};
use super::*;

#[test]
fn a_machine_id_alone_is_fair_and_is_stable_with_two_other_components() {
    let facts = collect(&bare());
    assert_eq!(kinds(&facts), [MachineId, Cpu]);
    assert_eq!(facts.stability(), Stability::Fair);
    assert_eq!(
        facts.explain(),
        "Only the machine id identifies this machine, so reinstalling the system makes it a \
         different machine. Set ACME9_MACHINE_ID to an id of this machine, such as its asset number."
    );
    let more = card(
        bare(),
        "eth0",
        "pci0000:00/0000:01:00.0",
        "b0:7b:25:d1:00:10\n",
    );
    let facts = collect(&more);
    assert_eq!(facts.stability(), Stability::Stable);
    assert_eq!(
        facts.explain(),
        "The system's machine id identifies this machine, and 2 other components identify it after a reinstallation."
    );
}

#[test]
fn without_a_machine_id_the_uuid_of_the_board_is_fair_and_two_components_are_weak() {
    let no_id = bare().without("/etc/machine-id");
    assert_eq!(collect(&no_id).stability(), Stability::None);
    assert_eq!(collect(&no_id).digest(), None);
    let parts = card(
        no_id.clone(),
        "eth0",
        "pci0000:00/0000:01:00.0",
        "b0:7b:25:d1:00:10\n",
    );
    let facts = collect(&parts);
    assert_eq!(facts.stability(), Stability::Weak);
    assert!(facts.digest().is_some() && facts.machine_id().is_none());
    let smbios = "/sys/class/dmi/id/product_uuid";
    let board = no_id.file(smbios, "4c4c4544-0051-3610-8052-b4c04f564433");
    let facts = collect(&board);
    assert_eq!(facts.stability(), Stability::Fair);
    assert!(
        facts.explain().contains("the board's UUID"),
        "{}",
        facts.explain()
    );
}

#[test]
fn an_unstable_identity_is_explained_with_the_variable_to_set() {
    let docker = bare()
        .file("/.dockerenv", "")
        .mount("0:52 / / - overlay overlay");
    let bound = docker
        .clone()
        .mount("8:2 /etc/machine-id /etc/machine-id - ext4 /dev/sda2");
    let lxc = bare().file("/proc/self/cgroup", "0::/lxc.payload.web\n");
    for (system, word) in [
        (docker, "Nothing identifies this docker container"),
        (bound, "mounted into this docker container"),
        (lxc, "identifies this lxc container"),
        (bare().without("/etc/machine-id"), "Nothing was found"),
    ] {
        let sentence = collect(&system).explain();
        assert!(sentence.contains(word), "{sentence}");
        assert!(
            sentence.contains("Set ACME9_MACHINE_ID to an id of this"),
            "{sentence}"
        );
    }
}

#[test]
fn reasons_and_stabilities_have_texts() {
    let facts = collect(&bare().unreadable("/etc/machine-id", io::ErrorKind::InvalidInput));
    let missing = facts
        .missing()
        .find(|missing| missing.kind() == MachineId)
        .unwrap();
    assert_eq!(missing.reason(), MissingReason::Unreadable);
    assert_eq!(missing.reason().to_string(), "it cannot be read");
    let image = MissingReason::Rejected(Rejection::ImageDefault).to_string();
    assert_eq!(
        image,
        "many machines have it, because it is part of an image"
    );
    assert_eq!(format!("{:>7}", Stability::Fair), "   fair");
}

#[test]
fn no_raw_value_shows_in_debug_output() {
    let system = card(
        bare(),
        "eth0",
        "pci0000:00/0000:01:00.0",
        "b0:7b:25:d1:00:10\n",
    )
    .set("ACME9_MACHINE_ID", "billing-worker-3");
    let facts = collect(&system);
    let shown = format!("{facts:?} {:#?} {}", facts, facts.explain());
    assert_eq!(kinds(&facts), [AssignedId, MachineId, Mac, Cpu]);
    for found in facts.found() {
        assert!(
            !shown.to_lowercase().contains(found.value()),
            "{}",
            found.kind()
        );
        assert!(shown.contains(found.source()), "{}", found.kind());
    }
}
