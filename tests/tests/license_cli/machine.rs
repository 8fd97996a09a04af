//! `license machine`, and licenses that are locked to a machine.

use super::*;

#[track_caller]
fn told(machine: &str) -> Value {
    on(machine, &Scratch::new(), &["machine", "--json"])
        .expect_code(0)
        .json()
}

/// The fingerprint of the id alone: by the others this machine is the same under any id.
fn fingerprint(machine: &str) -> String {
    let told = told(machine);
    let given = &told["components"][0];
    assert_eq!(given["name"], "given");
    format!("fp1:given={}", given["hash"].as_str().unwrap())
}

/// A machine with a license installed that is locked to these.
#[track_caller]
fn locked_to(machines: &[&str]) -> Scratch {
    let site = site();
    let machines = machines.iter().flat_map(|machine| ["--machine", machine]);
    let terms: Vec<_> = ["--tier", "pro", "--perpetual", "--offline"]
        .into_iter()
        .chain(machines)
        .collect();
    site.write("locked.lic", minted(&terms).file);
    let install = ["install", "--trust", "trust.jwks", "--force", "locked.lic"];
    let _ = on(HERE, &site, &install);
    site
}

#[test]
fn its_parts_are_told_hashed_with_what_is_missing_and_how_stable_it_is() {
    let told = told(HERE);
    assert_eq!(told["stability"], "stable");
    assert_eq!(
        told["explanation"],
        "The machine id is configured, so hardware changes do not change the identity of this machine."
    );
    let digest = told["digest"].as_str().unwrap();
    assert!(
        digest.starts_with("mach_") && digest.len() == 37,
        "{digest}"
    );
    let components = told["components"].as_array().unwrap();
    assert_eq!(components[0]["name"], "given");
    assert_eq!(components[0]["source"], "CODITECT_MACHINE_ID");
    assert_eq!(components[0]["hash"].as_str().unwrap().len(), 24);
    let fingerprint = told["fingerprint"].as_str().unwrap();
    for component in components {
        let (name, hash) = (&component["name"], &component["hash"]);
        let part = format!("{}={}", name.as_str().unwrap(), hash.as_str().unwrap());
        assert!(fingerprint.contains(&part), "{fingerprint}");
    }
    let missing = told["missing"].as_array().unwrap();
    assert!(missing.iter().all(|missing| missing["reason"].is_string()));
    let names = components.iter().chain(missing).map(|part| &part["name"]);
    let mut names: Vec<_> = names.map(|name| name.as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        ["cpu", "disk", "given", "id", "mac", "uuid"],
        "each is there or missing"
    );
    assert!(
        !told.to_string().contains(HERE),
        "the id itself is not told"
    );
}

#[test]
fn the_text_has_digest_parts_and_stability() {
    let text = on(HERE, &Scratch::new(), &["machine"])
        .expect_code(0)
        .stdout;
    let told = told(HERE);
    let digest = format!("digest       {}\n", told["digest"].as_str().unwrap());
    assert!(text.starts_with(&digest), "{text}");
    for line in [
        "  given ",
        "from CODITECT_MACHINE_ID\n",
        "\nstability    stable: ",
    ] {
        assert!(text.contains(line), "{text}");
    }
    for missing in told["missing"].as_array().unwrap() {
        let name = missing["name"].as_str().unwrap();
        assert!(text.contains(&format!("  {name:5} missing: ")), "{text}");
    }
}

#[test]
fn another_id_is_another_machine_and_the_same_is_the_same() {
    assert_eq!(told(HERE)["digest"], told(HERE)["digest"]);
    assert_ne!(told(HERE)["digest"], told(ELSEWHERE)["digest"]);
    let shouted = told(&format!(" {} ", HERE.to_uppercase()));
    assert_eq!(shouted["digest"], told(HERE)["digest"]);
}

#[test]
fn an_id_may_be_in_a_file() {
    let site = Scratch::new();
    let path = site.write("machine-id", format!("{HERE}\nmore\n"));
    let run = Run::license(&site).env("CODITECT_MACHINE_ID_FILE", &path);
    let in_file = run.args(["machine", "--json"]).run().expect_code(0).json();
    assert_eq!(in_file["digest"], digest_of(HERE));
    assert_eq!(in_file["components"][0]["source"], path.to_str().unwrap());
    std::fs::create_dir(site.file("etc")).unwrap();
    std::fs::rename(&path, site.file("etc/machine-id")).unwrap();
    let run = Run::license(&site).env("CODITECT_SYSTEM_DIR", site.file("etc"));
    let by_administrator = run.args(["machine", "--json"]).run().expect_code(0).json();
    assert_eq!(by_administrator["digest"], digest_of(HERE));
}

#[test]
fn what_is_no_id_does_not_count_and_it_is_said_why() {
    let none = Run::license(&Scratch::new())
        .args(["machine", "--json"])
        .run()
        .expect_code(0)
        .json();
    for (id, reason) in [
        ("uninitialized", "the system has not set it yet"),
        ("00000000000000000000000000000000", "it repeats one digit"),
        (
            "00000000-0000-0000-0000-000000000000",
            "it repeats one digit",
        ),
        ("short", "it is malformed"),
        (
            "b08dfa6083e7567a1921a715000001fb",
            "many machines have it, because it is part of an image",
        ),
        (
            "03000200-0400-0500-0006-000700080009",
            "it is a default that many machines have",
        ),
    ] {
        let told = told(id);
        assert_eq!(told["digest"], none["digest"], "{id} makes no machine");
        let missing = &told["missing"][0];
        assert_eq!(
            (&missing["name"], &missing["source"], &missing["reason"]),
            (
                &json!("given"),
                &json!("CODITECT_MACHINE_ID"),
                &json!(reason)
            ),
            "{id}"
        );
    }
}

#[test]
fn a_license_that_is_locked_holds_on_its_machine_alone() {
    let whole = told(HERE)["fingerprint"].as_str().unwrap().to_owned();
    expect_valid(on(HERE, &locked_to(&[&whole]), &["status", "--json"]));
    for machine in [fingerprint(HERE), digest_of(HERE)] {
        let site = locked_to(&[&machine]);
        expect_valid(on(HERE, &site, &["status", "--json"]));
        let _ = on(HERE, &site, &["check", "cloud_sync"]).expect_code(0);
        let elsewhere = on(ELSEWHERE, &site, &["status", "--json"])
            .expect_code(1)
            .json();
        assert_eq!(elsewhere["code"], "MACHINE_MISMATCH");
        assert_eq!(elsewhere["effective_tier"], "FREE");
    }
}

#[test]
fn a_license_for_several_machines_holds_on_each() {
    let site = locked_to(&[&digest_of(HERE), &fingerprint(ELSEWHERE)]);
    for machine in [HERE, ELSEWHERE] {
        expect_valid(on(machine, &site, &["status", "--json"]));
    }
    let _ = on("asset-0003-of-these-tests", &site, &["status"]).expect_code(1);
}

#[test]
fn what_differs_is_named() {
    let here = "fp1:id=60cc22a081bb116368e42320,mac=00112233445566778899aabb";
    let other = "fp1:id=ffcc22a081bb116368e42320,mac=00112233445566778899aabb";
    let site = locked_to(&[here]);
    let status = |machine: &str, args: &[&str]| {
        license(&site, &[&["status", "--machine", machine], args].concat())
    };
    expect_valid(status(here, &["--json"]));
    let denied = status(other, &["--json"]).expect_code(1).json();
    assert_eq!(denied["code"], "MACHINE_MISMATCH");
    let evidence = ["matching", "differing", "missing"].map(|member| &denied["evidence"][member]);
    assert_eq!(evidence, [&json!(["mac"]), &json!(["id"]), &json!([])]);
    let said = status(other, &[]).expect_code(1).stdout;
    assert!(said.contains("the same: mac; another: id"), "{said}");
    let real = locked_to(&[&fingerprint(ELSEWHERE)]);
    let denied = on(HERE, &real, &["status", "--json"]).expect_code(1).json();
    assert_eq!(denied["evidence"]["differing"], json!(["given"]));
}

#[test]
fn a_new_network_card_locks_nobody_out_and_a_new_machine_does() {
    let [id, uuid, mac, disk] = [
        "id=60cc22a081bb116368e42320",
        "uuid=111122223333444455556666",
        "mac=00112233445566778899aabb",
        "disk=aaaabbbbccccddddeeeeffff",
    ];
    let [new_id, new_mac, new_disk] = [
        "id=70cc22a081bb116368e42320",
        "mac=ff112233445566778899aabb",
        "disk=ffaabbbbccccddddeeeeffff",
    ];
    let site = locked_to(&[&format!("fp1:{id},{uuid},{mac},{disk}")]);
    for (parts, exit) in [
        ([id, uuid, mac, disk], 0),
        ([id, uuid, new_mac, disk], 0),
        ([id, uuid, new_mac, new_disk], 0),
        ([new_id, uuid, mac, disk], 0),
        ([new_id, uuid, new_mac, disk], 0),
        ([new_id, uuid, new_mac, new_disk], 1),
    ] {
        let machine = format!("fp1:{}", parts.join(","));
        let _ = license(&site, &["status", "--machine", &machine]).expect_code(exit);
    }
}

#[test]
fn a_license_that_is_locked_does_not_hold_where_nothing_tells_the_machine() {
    let site = locked_to(&["fp1:id=60cc22a081bb116368e42320,mac=00112233445566778899aabb"]);
    // Whatever this machine is, it is not that one.
    let denied = license(&site, &["status", "--json"]).expect_code(1).json();
    assert_eq!(denied["code"], "MACHINE_MISMATCH");
}
