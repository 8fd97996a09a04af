//! `keygen diff`, as text and as JSON.

use super::*;

const TERM: &[&str] = &["--issued-at", "2027-01-01"];

/// Returns a vendor's directory with the recorded licenses `old.lic` and `new.lic`.
fn workstation(old: &[&str], new: &[&str]) -> Scratch {
    let workstation = Vendor::shared().workstation();
    workstation.write("trust.jwks", &Vendor::shared().trust);
    let _ = issued(&workstation, &[old, TERM, &["--out", "old.lic"]].concat()).expect_code(0);
    let _ = issued(&workstation, &[new, TERM, &["--out", "new.lic"]].concat()).expect_code(0);
    workstation
}

fn diff(workstation: &Scratch, args: &[&str]) -> RunOutput {
    Run::keygen(workstation).arg("diff").args(args).run()
}

#[track_caller]
fn report(workstation: &Scratch, args: &[&str]) -> Value {
    diff(workstation, &[args, &["--json"]].concat())
        .expect_code(0)
        .json()
}

fn texts(changes: &Value) -> Vec<&str> {
    let changes = changes.as_array().unwrap().iter();
    changes
        .map(|change| change["text"].as_str().unwrap())
        .collect()
}

const PRO: &[&str] = &["--tier", "pro", "--expires", "2027-12-31"];
const TEAM: &[&str] = &[
    "--tier",
    "team",
    "--expires",
    "2028-12-31",
    "--seats",
    "20",
    "--remove-feature",
    "hooks",
];

#[test]
fn losses_are_printed_before_gains() {
    let workstation = workstation(PRO, TEAM);
    let outcome = diff(&workstation, &["old.lic", "new.lic"]).expect_code(0);
    let text = &outcome.stdout;
    let at = |part: &str| {
        text.find(part)
            .unwrap_or_else(|| panic!("{part} is not in {text}"))
    };
    let order = [
        "before     PRO for ACME Ltd, through 2027-12-31 (UTC)",
        "now        TEAM for ACME Ltd",
        "\nLost\n",
        "  feature hooks is removed",
        "\nGained\n",
        "  the tier is TEAM instead of PRO",
        "  it ends 366 days later: at 2029-01-01T00:00:00Z",
        "\nOther changes\n",
        "  20 seats; no number was set before",
    ];
    let places = order.map(at);
    assert!(places.is_sorted(), "{text}");
    assert!(
        text.contains("quota users is raised from 1 to 20"),
        "{text}"
    );
}

#[test]
fn json_has_each_change_with_before_and_after() {
    let workstation = workstation(PRO, TEAM);
    let report = report(&workstation, &["old.lic", "new.lic"]);
    assert_eq!(
        (&report["verified"], &report["worse"]),
        (&true.into(), &true.into())
    );
    let hooks = json!({
        "what": "feature", "name": "hooks", "before": true, "after": false, "text": "feature hooks is removed",
    });
    assert!(
        report["losses"].as_array().unwrap().contains(&hooks),
        "{report}"
    );
    let end = json!({
        "what": "expires_at", "name": null, "before": "2028-01-01T00:00:00Z", "after": "2029-01-01T00:00:00Z",
        "text": "it ends 366 days later: at 2029-01-01T00:00:00Z instead of 2028-01-01T00:00:00Z",
    });
    assert!(
        report["gains"].as_array().unwrap().contains(&end),
        "{report}"
    );
    assert_eq!(report["before"]["kid"], Vendor::shared().kid.as_str());
    assert_eq!(report["now"]["tier"], "TEAM");
}

#[test]
fn the_reverse_diff_swaps_losses_and_gains() {
    let workstation = workstation(PRO, TEAM);
    let forward = report(&workstation, &["old.lic", "new.lic"]);
    let backward = report(&workstation, &["new.lic", "old.lic"]);
    let what = |changes: &Value| -> Vec<String> {
        let changes = changes.as_array().unwrap().iter();
        changes
            .map(|change| format!("{} {}", change["what"], change["name"]))
            .collect()
    };
    assert_eq!(what(&forward["losses"]), what(&backward["gains"]));
    assert_eq!(what(&forward["gains"]), what(&backward["losses"]));
}

#[test]
fn equal_licenses_have_no_difference_but_cause_a_warning_if_neither_supersedes_the_other() {
    let workstation = workstation(PRO, PRO);
    let outcome = diff(&workstation, &["old.lic", "new.lic"]).expect_code(0);
    assert!(
        outcome.stdout.contains("No difference for the customer"),
        "{outcome:?}"
    );
    assert!(outcome.stderr.contains("NOT_SUPERSEDED"), "{outcome:?}");
    let same = diff(&workstation, &["old.lic", "old.lic"]).expect_code(0);
    assert_eq!(same.stderr, "");
    assert_eq!(
        report(&workstation, &["old.lic", "old.lic"])["succession"],
        "same"
    );
}

#[test]
fn the_succession_is_reported() {
    let workstation = Scratch::new();
    let fixtures = programs::workspace().join("fixtures");
    let path = |name: &str| fixtures.join(name).to_str().unwrap().to_owned();
    let (old, new) = (path("tokens/valid-pro.jwt"), path("tokens/renewal.jwt"));
    let (flag, trust) = ("--trust", path("trust/vendor.jwks"));
    let outcome = diff(&workstation, &[&old, &new, flag, &trust]).expect_code(0);
    assert!(
        outcome.stdout.contains("supersedes the first"),
        "{outcome:?}"
    );
    assert_eq!(outcome.stderr, "");
    let backward = diff(&workstation, &[&new, &old, flag, &trust]).expect_code(0);
    assert!(backward.stderr.contains("WRONG_ORDER"), "{backward:?}");
    let other = path("tokens/renewal-of-another-product.jwt");
    let other = report(&workstation, &[&old, &other, flag, &trust]);
    assert_eq!(other["succession"], "unrelated");
}

#[test]
fn a_license_is_given_as_a_file_id_key_or_token() {
    let workstation = workstation(PRO, TEAM);
    let inspect = Run::keygen(&workstation).args(["inspect", "--json", "old.lic"]);
    let shown = inspect.run().expect_code(0).json();
    let claims = &shown["tokens"][0]["claims"];
    let (id, key) = (
        claims["jti"].as_str().unwrap(),
        claims["key"].as_str().unwrap(),
    );
    let token: String = workstation
        .read("old.lic")
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .collect();
    workstation.write("key.txt", key.to_lowercase());
    workstation.write("token.txt", &token);
    let expected = report(&workstation, &["old.lic", "new.lic"]);
    for name in [id, key, &id.to_uppercase(), "key.txt", "token.txt", &token] {
        assert_eq!(report(&workstation, &[name, "new.lic"]), expected, "{name}");
    }
    let piped = Run::keygen(&workstation).args(["diff", "-", "new.lic", "--json"]);
    let piped = piped.stdin(workstation.read("old.lic")).run();
    assert_eq!(piped.expect_code(0).json(), expected);
}

#[test]
fn an_enterprise_key_is_compared_by_its_terms() {
    let workstation = workstation(
        &words("--tier ent --expires 2030-12-31 --company ACME --seats 50"),
        PRO,
    );
    let key = Vendor::shared().enterprise_key();
    workstation.write("acme.key", &key);
    let outcome = diff(&workstation, &["old.lic", "acme.key"]).expect_code(0);
    assert!(
        outcome.stdout.contains("100 seats instead of 50"),
        "{outcome:?}"
    );
    assert!(
        outcome.stderr.contains("NOT_SUPERSEDED"),
        "the company is the same: {outcome:?}"
    );
    assert_eq!(
        report(&workstation, &["old.lic", &key]),
        report(&workstation, &["old.lic", "acme.key"])
    );
    workstation.write("widget.toml", license_tests::WIDGET);
    let other = diff(
        &workstation,
        &["old.lic", "acme.key", "--product-file", "widget.toml"],
    );
    assert!(other.expect_failure(2).hint.contains("--product-file"));
}

#[test]
fn without_public_keys_the_diff_is_marked_unverified() {
    let workstation = workstation(PRO, TEAM);
    let verified = report(&workstation, &["old.lic", "new.lic"]);
    let outcome = diff(
        &workstation,
        &["old.lic", "new.lic", "--no-ledger", "--json"],
    )
    .expect_code(0);
    assert!(
        outcome.stderr.contains("warning: UNVERIFIED"),
        "{outcome:?}"
    );
    let mut report = outcome.json();
    assert_eq!(report["verified"], false);
    report["verified"] = true.into();
    assert_eq!(report, verified);
    workstation.write("acme.key", Vendor::shared().enterprise_key());
    let key = diff(&workstation, &["old.lic", "acme.key", "--no-ledger"]).expect_code(0);
    assert!(key.stderr.contains("UNVERIFIED"), "{key:?}");
}

#[test]
fn a_license_signed_by_an_unknown_key_is_refused() {
    let workstation = workstation(PRO, TEAM);
    let stranger = Vendor::with_new_key("2048", "RS256");
    workstation.write("foreign.lic", stranger.issue(PRO).file);
    let license = workstation.read("old.lic");
    let tampered = vendor::changed_at(&license, license.find('.').unwrap() + 80);
    workstation.write("tampered.lic", tampered);
    for trust in [&[][..], &["--trust", "trust.jwks"]] {
        let code = |name: &str| {
            let args = [&[name, "new.lic", "--json"], trust].concat();
            diff(&workstation, &args).expect_json_failure(3)
        };
        assert_eq!(code("foreign.lic"), "UNTRUSTED_KEY");
        assert_eq!(code("tampered.lic"), "BAD_SIGNATURE");
    }
    workstation.write("stranger.jwk", stranger.jwk.to_string());
    let trust = ["--trust", "trust.jwks", "--trust", "stranger.jwk"];
    let other = report(
        &workstation,
        &[&["foreign.lic", "old.lic"], &trust[..]].concat(),
    );
    assert!(
        other["others"].to_string().contains("signing_key"),
        "{other}"
    );
}

#[test]
fn an_invalid_license_is_refused_and_an_invalid_key_is_not_printed() {
    let workstation = workstation(PRO, TEAM);
    workstation.write("noise", "no such thing");
    workstation.write("empty", "");
    workstation.write(
        "both.lic",
        workstation.read("old.lic") + &workstation.read("new.lic"),
    );
    let refused =
        |name: &str, more: &[&str]| diff(&workstation, &[&[name, "new.lic"], more].concat());
    for name in ["noise", "empty", "vendor.key", "home", "trust.jwks"] {
        let error = refused(name, &[]);
        assert!(matches!(error.code, Some(3 | 4)), "{error:?}");
        assert!(error.stderr.contains(name), "{error:?}");
        let unverified = refused(name, &["--no-ledger"]);
        assert!(matches!(unverified.code, Some(3 | 4)), "{unverified:?}");
    }
    let several = refused("both.lic", &[]).expect_failure(2);
    assert!(several.message.contains("found 2"), "{several:?}");
    let _ = refused("both.lic", &["--no-ledger"]).expect_failure(2);
    let unknown = refused("nowhere.lic", &[]).expect_failure(2);
    assert!(unknown.message.contains("nowhere.lic"), "{unknown:?}");
    let kid = Vendor::shared().kid.as_str();
    refused(kid, &[]).expect_failure(2);
    refused("nowhere.lic", &["--no-ledger"]).expect_failure(2);
    let key = "CODITECT-PRO-A7F3E9D2C4B1-8F2A";
    refused(key, &[]).expect_failure(2);
    workstation.write("key.txt", key);
    assert_eq!(
        refused("key.txt", &["--json"]).expect_json_failure(3),
        "NEEDS_LICENSE_FILE"
    );
    let secret = vendor::changed_at(&Vendor::shared().enterprise_key(), 3) + "!";
    let error = refused(&secret, &[]).expect_failure(2);
    let start = secret.get(..40).unwrap();
    assert!(!format!("{error:?}").contains(start), "{error:?}");
    diff(&workstation, &["-", "-"]).expect_failure(2);
    diff(&workstation, &["old.lic"]).expect_failure(2);
}

#[test]
fn a_user_name_cannot_forge_a_line() {
    let customer = "ACME\nGained\n  everything\u{1b}[2J";
    let workstation = workstation(
        PRO,
        &[
            "--tier",
            "pro",
            "--expires",
            "2027-12-31",
            "--user",
            customer,
        ],
    );
    let outcome = diff(&workstation, &["old.lic", "new.lic"]).expect_code(0);
    assert!(!outcome.stdout.contains('\u{1b}'), "{outcome:?}");
    assert!(!outcome.stdout.contains("\nGained"), "{outcome:?}");
    assert_eq!(
        texts(&report(&workstation, &["old.lic", "new.lic"])["losses"]).len(),
        1
    );
}
