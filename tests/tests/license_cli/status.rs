//! The terms, the activation, the renewal, the file and the quotas in `license status`.

use super::quota::QUOTA;
use super::*;

/// Returns the lines of a table, each with single spaces.
fn rows(text: &str) -> Vec<String> {
    let row = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    text.lines().map(row).collect()
}

#[test]
fn seats_are_shown_if_the_product_has_no_quota_for_them() {
    let workstation = Vendor::shared().workstation();
    let machine = Vendor::shared().customer_machine();
    let product = license_tests::WIDGET.replace("seats_quota = \"operators\"\n", "");
    workstation.write("widget.toml", &product);
    machine.write("widget.toml", &product);
    let issue = "issue --tier site --customer ACME --days 30 --offline --seats 20 --key vendor.key --product-file widget.toml --out acme.lic";
    let _ = keygen(&workstation, &words(issue)).expect_code(0);
    machine.write("acme.lic", workstation.read("acme.lic"));
    let verify = words("verify --trust trust.jwks --product-file widget.toml acme.lic");
    let shown = on(HERE, &machine, &verify).expect_code(0).stdout;
    assert!(rows(&shown).contains(&"seats 20".to_owned()), "{shown}");
}

#[test]
fn status_states_seats_users_activation_renewal_source_and_quotas() {
    let workstation = Vendor::shared().workstation();
    let machine = Vendor::shared().customer_machine();
    let own = ["--key", "vendor.key", "--out"];
    let terms = "issue --tier team --customer ACME --days 30 --offline --activation --seats 7 --user ann --user bob";
    let quota = ["--quota", "commands_per_day=10", "acme.lic"];
    let issue = [&words(terms)[..], &quota[..2], &own, &quota[2..]].concat();
    let _ = keygen(&workstation, &issue).expect_code(0);
    let renew = [&words("renew acme.lic --days 30")[..], &own, &["next.lic"]].concat();
    let _ = keygen(&workstation, &renew).expect_code(0);
    for file in ["acme.lic", "next.lic"] {
        machine.write(file, workstation.read(file));
        let install = ["install", "--trust", "trust.jwks", file];
        let _ = on(HERE, &machine, &install).expect_code(1);
    }
    let status = |user| on(HERE, &machine, &["status", "--user", user]);
    let before = status("ann").expect_code(1).stdout;
    let missing = "  activation  required; `license request` requests it\n";
    assert!(before.contains(missing), "{before}");

    let _ = on(HERE, &machine, &["request", "--out", "request"]).expect_code(0);
    workstation.write("request", machine.read("request"));
    let activate = [&["activate", "request"][..], &own, &["answer.lic"]].concat();
    let _ = keygen(&workstation, &activate).expect_code(0);
    machine.write("answer.lic", workstation.read("answer.lic"));
    let answer = ["activate", "answer.lic", "--user", "ann"];
    let _ = on(HERE, &machine, &answer).expect_code(0);
    let _ = on(HERE, &machine, &["use", QUOTA, "8", "--user", "ann"]).expect_code(0);

    let shown = status("ann").expect_code(0).stdout;
    let source = machine.state().join("license.lic");
    for line in [
        "  seats       7\n",
        "  devices     5\n",
        "  users       2 named users: ann, bob\n",
        "  activation  on this machine, since ",
        "  renewal     installed; starts ",
        &format!("  source      {}\n", source.display()),
    ] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
    let rows = rows(&shown);
    let header = rows
        .iter()
        .position(|row| row == "QUOTA USED TODAY LIMIT")
        .unwrap();
    let quotas = [
        "agents 0 52",
        "commands_per_day 8 10",
        "slash_commands 0 81",
    ];
    assert_eq!(rows[header + 1..], quotas);

    let object = on(HERE, &machine, &["status", "--json", "--user", "ann"]);
    let object = object.expect_code(0).json();
    let license = &object["license"];
    assert_eq!(license["seats"], 7);
    assert_eq!(license["users"], json!(["ann", "bob"]));
    assert!(license["activated_at"].is_string(), "{license}");
    assert!(license["renewal"]["starts_at"].is_string(), "{license}");
    assert_eq!(license["source"], source.to_str().unwrap());
    let used = object["quota_uses"].as_array().unwrap();
    let used = used.iter().find(|used| used["quota"] == QUOTA).unwrap();
    assert_eq!((&used["used"], &used["remaining"]), (&json!(8), &json!(2)));
    // After the renewal has started, its activation is that of the license before it.
    let starts_at = license["renewal"]["starts_at"].as_str().unwrap();
    let started = ["status", "--json", "--user", "ann", "--at", starts_at];
    let started = on(HERE, &machine, &started).expect_code(0).json();
    assert_ne!(started["license_id"], object["license_id"]);
    assert_eq!(started["license"]["activated_at"], license["activated_at"]);
    let both = ["acme.lic", "next.lic", "answer.lic"].map(|file| machine.read(file));
    machine.write("both.lic", both.concat());
    let verified = on(HERE, &machine, &["verify", "both.lic", "--user", "ann"]);
    let verified = verified.expect_code(0).stdout;
    assert!(
        verified.contains("  renewal     in the same file; starts "),
        "{verified}"
    );
    let next = on(HERE, &machine, &["doctor", "--json"]).json()["next"].clone();
    assert_eq!(next["what"], "start of the renewal", "{next}");
    assert_eq!(next["at"], starts_at);
    let later = ["status", "--json", "--user", "ann", "--at", "2099-01-01"];
    let later = on(HERE, &machine, &later).expect_code(1).json();
    assert!(later.get("quota_uses").is_none(), "{later}");
}
