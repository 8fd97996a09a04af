//! `license machine`, and licenses that are bound to machines.

use super::*;

#[track_caller]
fn machine_report(id: &str) -> Value {
    on(id, &Scratch::new(), &["machine", "--json"])
        .expect_code(0)
        .json()
}

/// Returns a fingerprint with only the component `given`, which is the hash of the configured id.
fn fingerprint(id: &str) -> String {
    let report = machine_report(id);
    let given = &report["components"][0];
    assert_eq!(given["name"], "given");
    format!("fp1:given={}", given["hash"].as_str().unwrap())
}

/// Returns a machine with an installed license that is bound to these machines.
#[track_caller]
fn bound_to(machines: &[&str]) -> Scratch {
    let machine = machine();
    let machines = machines.iter().flat_map(|identity| ["--machine", identity]);
    let terms: Vec<_> = ["--tier", "pro", "--perpetual", "--offline"]
        .into_iter()
        .chain(machines)
        .collect();
    machine.write("bound.lic", issue_license(&terms).file);
    let install = ["install", "--trust", "trust.jwks", "--force", "bound.lic"];
    let _ = on(HERE, &machine, &install);
    machine
}

#[test]
fn the_report_has_hashed_components_missing_components_and_the_stability() {
    let report = machine_report(HERE);
    assert_eq!(report["stability"], "stable");
    assert_eq!(
        report["explanation"],
        "The machine id is configured, so hardware changes do not change the identity of this machine."
    );
    let digest = report["digest"].as_str().unwrap();
    assert!(
        digest.starts_with("mach_") && digest.len() == 37,
        "{digest}"
    );
    let components = report["components"].as_array().unwrap();
    assert_eq!(components[0]["name"], "given");
    assert_eq!(components[0]["source"], "CODITECT_MACHINE_ID");
    assert_eq!(components[0]["hash"].as_str().unwrap().len(), 24);
    let fingerprint = report["fingerprint"].as_str().unwrap();
    for component in components {
        let (name, hash) = (&component["name"], &component["hash"]);
        let part = format!("{}={}", name.as_str().unwrap(), hash.as_str().unwrap());
        assert!(fingerprint.contains(&part), "{fingerprint}");
    }
    let missing = report["missing"].as_array().unwrap();
    assert!(missing.iter().all(|missing| missing["reason"].is_string()));
    let names = components.iter().chain(missing).map(|part| &part["name"]);
    let mut names: Vec<_> = names.map(|name| name.as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        ["cpu", "disk", "given", "id", "mac", "uuid"],
        "each component is either found or missing"
    );
    assert!(
        !report.to_string().contains(HERE),
        "the report does not contain the id"
    );
}

#[test]
fn the_text_has_digest_components_and_stability() {
    let text = on(HERE, &Scratch::new(), &["machine"])
        .expect_code(0)
        .stdout;
    let report = machine_report(HERE);
    let digest = format!("digest       {}\n", report["digest"].as_str().unwrap());
    assert!(text.starts_with(&digest), "{text}");
    for line in [
        "  given ",
        "from CODITECT_MACHINE_ID\n",
        "\nstability    stable: ",
    ] {
        assert!(text.contains(line), "{text}");
    }
    for missing in report["missing"].as_array().unwrap() {
        let name = missing["name"].as_str().unwrap();
        assert!(text.contains(&format!("  {name:5} missing: ")), "{text}");
    }
}

#[test]
fn different_ids_mean_different_machines_and_letter_case_is_ignored() {
    assert_eq!(
        machine_report(HERE)["digest"],
        machine_report(HERE)["digest"]
    );
    assert_ne!(
        machine_report(HERE)["digest"],
        machine_report(ELSEWHERE)["digest"]
    );
    let upper_case = machine_report(&format!(" {} ", HERE.to_uppercase()));
    assert_eq!(upper_case["digest"], machine_report(HERE)["digest"]);
}

#[test]
fn the_machine_id_can_be_in_a_file() {
    let machine = Scratch::new();
    let path = machine.write("machine-id", format!("{HERE}\nmore\n"));
    let run = Run::license(&machine).env("CODITECT_MACHINE_ID_FILE", &path);
    let in_file = run.args(["machine", "--json"]).run().expect_code(0).json();
    assert_eq!(in_file["digest"], digest_of(HERE));
    assert_eq!(in_file["components"][0]["source"], path.to_str().unwrap());
    if !tools::is_root() {
        return;
    }
    std::fs::create_dir(machine.file("etc")).unwrap();
    std::fs::rename(&path, machine.file("etc/machine-id")).unwrap();
    let run = Run::license(&machine).env("CODITECT_SYSTEM_DIR", machine.file("etc"));
    let in_system_directory = run.args(["machine", "--json"]).run().expect_code(0).json();
    assert_eq!(in_system_directory["digest"], digest_of(HERE));
}

#[test]
fn an_invalid_machine_id_is_ignored_with_a_reason() {
    let none = Run::license(&Scratch::new())
        .args(["machine", "--json"])
        .run()
        .expect_code(0)
        .json();
    for (id, reason) in [
        ("uninitialized", "the system has not set it yet"),
        (
            "00000000000000000000000000000000",
            "it repeats one digit or one byte",
        ),
        (
            "00000000-0000-0000-0000-000000000000",
            "it repeats one digit or one byte",
        ),
        ("short", "it must have 8 to 128 printable ASCII characters"),
        (
            "b08dfa6083e7567a1921a715000001fb",
            "many machines have it, because it is part of an image",
        ),
        (
            "03000200-0400-0500-0006-000700080009",
            "it is a default that many machines have",
        ),
    ] {
        let report = machine_report(id);
        assert_eq!(
            report["digest"], none["digest"],
            "{id} does not identify a machine"
        );
        let missing = &report["missing"][0];
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
fn a_bound_license_is_valid_only_on_its_machine() {
    let whole = machine_report(HERE)["fingerprint"]
        .as_str()
        .unwrap()
        .to_owned();
    expect_valid(on(HERE, &bound_to(&[&whole]), &["status", "--json"]));
    for identity in [fingerprint(HERE), digest_of(HERE)] {
        let machine = bound_to(&[&identity]);
        expect_valid(on(HERE, &machine, &["status", "--json"]));
        let _ = on(HERE, &machine, &["check", "cloud_sync"]).expect_code(0);
        let elsewhere = on(ELSEWHERE, &machine, &["status", "--json"])
            .expect_code(1)
            .json();
        assert_eq!(elsewhere["code"], "MACHINE_MISMATCH");
        assert_eq!(elsewhere["effective_tier"], "FREE");
    }
}

#[test]
fn a_license_for_several_machines_is_valid_on_each() {
    let machine = bound_to(&[&digest_of(HERE), &fingerprint(ELSEWHERE)]);
    for id in [HERE, ELSEWHERE] {
        expect_valid(on(id, &machine, &["status", "--json"]));
    }
    let _ = on("asset-0003-of-these-tests", &machine, &["status"]).expect_code(1);
}

#[test]
fn differing_components_are_reported() {
    let here = "fp1:id=60cc22a081bb116368e42320,mac=00112233445566778899aabb";
    let other = "fp1:id=ffcc22a081bb116368e42320,mac=00112233445566778899aabb";
    let machine = bound_to(&[here]);
    let status = |identity: &str, args: &[&str]| {
        license(
            &machine,
            &[&["status", "--machine", identity], args].concat(),
        )
    };
    expect_valid(status(here, &["--json"]));
    let denied = status(other, &["--json"]).expect_code(1).json();
    assert_eq!(denied["code"], "MACHINE_MISMATCH");
    let evidence = ["matching", "differing", "missing"].map(|member| &denied["evidence"][member]);
    assert_eq!(evidence, [&json!(["mac"]), &json!(["id"]), &json!([])]);
    let output = status(other, &[]).expect_code(1).stdout;
    assert!(output.contains("same: mac; different: id"), "{output}");
    let real = bound_to(&[&fingerprint(ELSEWHERE)]);
    let denied = on(HERE, &real, &["status", "--json"]).expect_code(1).json();
    assert_eq!(denied["evidence"]["differing"], json!(["given"]));
}

#[test]
fn a_new_network_card_is_tolerated_and_a_new_machine_is_denied() {
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
    let machine = bound_to(&[&format!("fp1:{id},{uuid},{mac},{disk}")]);
    for (parts, exit) in [
        ([id, uuid, mac, disk], 0),
        ([id, uuid, new_mac, disk], 0),
        ([id, uuid, new_mac, new_disk], 0),
        ([new_id, uuid, mac, disk], 0),
        ([new_id, uuid, new_mac, disk], 0),
        ([new_id, uuid, new_mac, new_disk], 1),
    ] {
        let fingerprint = format!("fp1:{}", parts.join(","));
        let _ = license(&machine, &["status", "--machine", &fingerprint]).expect_code(exit);
    }
}

#[test]
fn a_bound_license_is_denied_on_an_unidentified_machine() {
    let machine = bound_to(&["fp1:id=60cc22a081bb116368e42320,mac=00112233445566778899aabb"]);
    // No test machine has this fingerprint.
    let denied = license(&machine, &["status", "--json"])
        .expect_code(1)
        .json();
    assert_eq!(denied["code"], "MACHINE_MISMATCH");
}

#[test]
fn a_machine_of_another_product_and_a_damaged_machine_are_refused() {
    let machine = machine();
    for (value, code, expected) in [
        (
            "WIDGET:fp1:id=0123456789abcdef01234567",
            "PRODUCT_MISMATCH",
            "found one for WIDGET",
        ),
        ("fp1:id=zz", "USAGE", "a damaged fingerprint"),
        ("mach_1", "USAGE", "a damaged digest"),
        ("dongle 7", "USAGE", "other text"),
        ("", "USAGE", "an empty value"),
    ] {
        let args = [
            "verify",
            "team.lic",
            "--trust",
            "trust.jwks",
            "--at",
            AT,
            "--machine",
            value,
        ];
        let error = license(&machine, &args).expect_failure(2);
        assert!(error.message.contains(expected), "{error:?}");
        let json = license(&machine, &[&args[..], &["--json"]].concat());
        assert_eq!(json.expect_json_failure(2), code, "{value}");
    }
}
