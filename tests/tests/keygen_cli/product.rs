//! `keygen product`, and every command with a sample product.

use license_tests::{Run, RunOutput, Scratch, Vendor, WIDGET, keygen, words};
use serde_json::Value;

fn workstation() -> Scratch {
    let workstation = Vendor::shared().workstation();
    workstation.write("trust.jwks", &Vendor::shared().trust);
    workstation.write("widget.toml", WIDGET);
    workstation
}

/// Runs `license` for the product, with its state in `$WIDGET_HOME`.
fn license(workstation: &Scratch, args: &[&str]) -> RunOutput {
    Run::license(workstation)
        .env("WIDGET_HOME", workstation.file("widget-state"))
        .args(["--product-file", "widget.toml"])
        .args(args)
        .run()
}

#[test]
fn every_command_works_with_another_product() {
    let workstation = workstation();
    let key = ["--key", "vendor.key", "--product-file", "widget.toml"];
    let issue = words("issue --tier shop --customer Ann --expires 2030-12-31 --out ann.lic");
    let _ = keygen(&workstation, &[&issue[..], &key].concat()).expect_code(0);
    let enterprise = words("enterprise-key --company ACME --seats 7 --perpetual --out acme.key");
    let _ = keygen(&workstation, &[&enterprise[..], &key].concat()).expect_code(0);
    let check_in = ["check-in", "ann.lic", "--out", "validation.lic"];
    let _ = keygen(&workstation, &[&check_in[..], &key].concat()).expect_code(0);
    workstation.write("orders.csv", "tier,customer,perpetual\nsite,Bob,yes\n");
    let batch = ["batch", "orders.csv", "--out", "batch"];
    let _ = keygen(&workstation, &[&batch[..], &key].concat()).expect_code(0);
    let listed = keygen(
        &workstation,
        &["ledger", "list", "--product", "widget", "--json"],
    );
    assert_eq!(listed.expect_code(0).json()["count"], 3);

    let report = keygen(
        &workstation,
        &[&issue[..], &key, &["--force", "--dry-run", "--json"]].concat(),
    );
    let report = report.expect_code(0).json();
    assert_eq!(
        (&report["product"], &report["tier"]),
        (&"WIDGET".into(), &"SHOP".into())
    );
    let file = ["--product-file", "widget.toml"];
    let diff = ["diff", "ann.lic", "acme.key", "--json"];
    let report = keygen(&workstation, &[&diff[..], &file].concat())
        .expect_code(0)
        .json();
    assert_eq!(report["verified"], true);
    let gains = report["gains"].to_string();
    assert!(gains.contains("feature export is added"), "{gains}");
    assert!(
        gains.contains("the tier is SITE instead of SHOP"),
        "{gains}"
    );
    let _ = keygen(
        &workstation,
        &["product", "schema", "--out", "product.schema.json"],
    )
    .expect_code(0);

    let install = |file| license(&workstation, &["install", "--trust", "trust.jwks", file]);
    let _ = install("ann.lic").expect_code(0);
    let _ = license(&workstation, &["install", "validation.lic"]).expect_code(0);
    let _ = license(&workstation, &["check", "edit"]).expect_code(0);
    let _ = license(&workstation, &["check", "export"]).expect_code(1);
    let used = license(&workstation, &["use", "prints_per_day", "50", "--json"])
        .expect_code(0)
        .json();
    assert_eq!(
        (&used["limit"], &used["remaining"]),
        (&50.into(), &0.into())
    );
    let _ = license(&workstation, &["use", "prints_per_day"]).expect_code(1);
    let _ = license(&workstation, &["doctor"]).expect_code(0);
    let session = license(&workstation, &["session", "--json"])
        .expect_code(0)
        .json();
    assert!(session["session_id"].is_string());
    let _ = license(&workstation, &["usage-report", "--out", "usage.jsonl"]).expect_code(0);
    let import = keygen(&workstation, &["usage", "import", "usage.jsonl", "--json"]).expect_code(0);
    assert_eq!(import.json()["warnings"], serde_json::json!([]));
    let usage = keygen(
        &workstation,
        &["usage", "summary", "--customer", "ann", "--json"],
    )
    .expect_code(0);
    let usage = usage.json();
    assert_eq!(usage["licenses"][0]["quotas"]["prints_per_day"]["used"], 50);
    assert_eq!(
        usage["licenses"][0]["quotas"]["prints_per_day"]["refused"],
        1
    );
    let _ = install("acme.key").expect_code(0);
    let status = license(&workstation, &["status", "--json"])
        .expect_code(0)
        .json();
    assert_eq!(status["effective_tier"], "SITE");
    assert_eq!(status["quotas"]["operators"], 7);
    let _ = license(&workstation, &["remove"]).expect_code(0);
    let status = license(&workstation, &["status", "--json"])
        .expect_code(1)
        .json();
    assert_eq!(status["effective_tier"], "BASE");
    assert!(
        !workstation.state().exists(),
        "expected no state directory of the built-in product"
    );
}

#[test]
fn licenses_of_another_product_can_be_converted_renewed_upgraded_and_reassigned() {
    let workstation = workstation();
    let key = words("--key vendor.key --product-file widget.toml --json");
    let issue_as_json = |args: &[&str]| {
        let report = keygen(&workstation, &[args, &key].concat())
            .expect_code(0)
            .json();
        assert_eq!(report["product"], "WIDGET");
        let id = report["license_id"].as_str().unwrap().to_owned();
        (id, report)
    };
    let (trial, report) = issue_as_json(&words("trial --customer Ann --tier site --days 9"));
    assert_eq!(
        (&report["trial"], &report["tier"]),
        (&true.into(), &"SITE".into())
    );
    let user = ["--days", "30", "--user", "ann"];
    let convert = ["issue", "--tier", "shop", "--convert", &trial];
    let (paid, _) = issue_as_json(&[&convert[..], &user].concat());
    let (site, report) = issue_as_json(&["upgrade", &paid, "--tier", "site"]);
    assert_eq!(report["tier"], "SITE");
    // The product file does not define a cool-down.
    let (named, report) = issue_as_json(&["reassign", &site, "--from", "ann", "--to", "bob"]);
    assert_eq!(report["users"], serde_json::json!(["bob"]));
    let (_, report) = issue_as_json(&["renew", &named, "--days", "30"]);
    assert_eq!(report["supersedes"].as_array().unwrap().len(), 4);
}

#[test]
fn a_new_product_file_is_valid() {
    let workstation = workstation();
    let _ = keygen(
        &workstation,
        &["product", "init", "GADGET", "--out", "gadget.toml"],
    )
    .expect_code(0);
    let checked = keygen(&workstation, &["product", "check", "gadget.toml", "--json"]);
    let checked = checked.expect_code(0).json();
    assert_eq!(checked["product"], "GADGET");
    assert_eq!(checked["warnings"], serde_json::json!([]));
    let issue =
        words("issue --key vendor.key --product-file gadget.toml --tier pro --customer A --days 3");
    let _ = keygen(&workstation, &issue).expect_code(0);
    let again = keygen(
        &workstation,
        &["product", "init", "GADGET", "--out", "gadget.toml"],
    );
    assert!(again.expect_failure(2).hint.contains("--force"));
    keygen(&workstation, &["product", "init", "no code"]).expect_failure(2);
}

#[test]
fn a_new_product_file_names_its_schema() {
    let workstation = workstation();
    let template = keygen(&workstation, &["product", "init", "GADGET"]).expect_code(0);
    let first = template.stdout.lines().next().unwrap().to_owned();
    let name = first.strip_prefix("#:schema ./").unwrap();
    let printed = keygen(&workstation, &["product", "schema"]).expect_code(0);
    assert_eq!(
        printed.json()["$schema"],
        "https://json-schema.org/draft/2020-12/schema"
    );
    let out = ["product", "schema", "--out", name];
    let written = keygen(&workstation, &out).expect_code(0);
    assert!(written.stderr.contains("#:schema"), "{written:?}");
    assert_eq!(workstation.read(name), printed.stdout);
    assert!(
        keygen(&workstation, &out)
            .expect_failure(2)
            .hint
            .contains("--force")
    );
    let json = keygen(&workstation, &[&out[..], &["--force", "--json"]].concat());
    assert_eq!(json.expect_code(0).json(), printed.json());
}

#[test]
fn a_product_is_shown_tier_by_tier() {
    let workstation = workstation();
    let shown = keygen(&workstation, &["product", "show", "widget.toml", "--json"])
        .expect_code(0)
        .json();
    let names: Vec<_> = shown["tiers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tier| &tier["name"])
        .collect();
    assert_eq!(names, ["BASE", "SHOP", "SITE"]);
    assert_eq!(shown["tiers"][1]["check_in_every_hours"], 48);
    assert_eq!(shown["trial"], Value::Null);
    let text = keygen(&workstation, &["product", "show"])
        .expect_code(0)
        .stdout;
    assert!(text.starts_with("CODITECT"), "{text}");
}

#[test]
fn an_invalid_product_file_is_refused_and_an_unusual_one_causes_a_warning() {
    let workstation = workstation();
    workstation.write(
        "wrong.toml",
        WIDGET.replace("base_tier = \"BASE\"", "base_tier = \"NONE\""),
    );
    let refused = keygen(&workstation, &["product", "check", "wrong.toml"]).expect_failure(3);
    assert!(refused.message.contains("wrong.toml"), "{refused:?}");
    let odd = WIDGET.replace("extends = \"SHOP\"\nfeatures", "features");
    workstation.write("odd.toml", odd);
    let warned = keygen(&workstation, &["product", "check", "odd.toml", "--json"])
        .expect_code(0)
        .json();
    let warnings = warned["warnings"].to_string();
    assert!(warnings.contains("lacks feature edit"), "{warnings}");
    let grace = WIDGET.replacen(
        "extends = \"SHOP\"",
        "extends = \"SHOP\"\nrenewal = { notify_days = 9, grace_hours = 1 }",
        1,
    );
    let renewal = "name = \"SHOP\"\nrenewal = { notify_days = 9, grace_hours = 72 }";
    let grace = grace.replace("name = \"SHOP\"", renewal);
    workstation.write("grace.toml", grace);
    let warned = keygen(&workstation, &["product", "check", "grace.toml", "--json"]);
    let warnings = warned.expect_code(0).json()["warnings"].to_string();
    assert!(
        warnings.contains("(1 h) than the lower tier SHOP (72 h)"),
        "{warnings}"
    );
    let labels = "[features]\nedti = { label = 'Editing' }\n[quotas.print]\nlabel = 'Prints'\n";
    workstation.write("labels.toml", format!("{WIDGET}\n{labels}"));
    let warned = keygen(&workstation, &["product", "check", "labels.toml", "--json"]);
    let warnings = warned.expect_code(0).json()["warnings"].to_string();
    for expected in [
        "feature edti has a label, but no tier has it",
        "quota print has a label, but no tier has it",
    ] {
        assert!(warnings.contains(expected), "{warnings}");
    }
    let hidden = labels.replace("'Editing'", "\"Editing\\u202E\"");
    workstation.write("hidden.toml", format!("{WIDGET}\n{hidden}"));
    let refused = keygen(&workstation, &["product", "check", "hidden.toml"]).expect_failure(3);
    let expected = "`features.edti.label`: expected 1 to 64 characters";
    assert!(refused.message.contains(expected), "{refused:?}");
}

#[test]
fn a_forgotten_product_file_is_noticed_by_the_ledger() {
    let workstation = workstation();
    let issue = words("issue --tier shop --customer Ann --days 9 --product-file widget.toml");
    let key = ["--key", "vendor.key"];
    let issued = keygen(
        &workstation,
        &[&issue[..], &key, &["--out", "ann.lic"]].concat(),
    );
    assert!(
        issued.stdout.contains("\nproduct    WIDGET\n"),
        "{issued:?}"
    );
    workstation.write("orders.csv", "tier,customer,days\npro,A,9\n");
    workstation.write("vendor.jwk", Vendor::shared().jwk.to_string());
    for command in [
        "issue --tier pro --customer Ann --days 9 --out new.lic",
        "trial --customer Ann --out new.lic",
        "enterprise-key --company ACME --seats 5 --perpetual --out new.key",
        "check-in ann.lic --out new.lic",
        "renew ann.lic --days 9 --out new.lic",
        "revocations --out new.lic",
        "rotate --introduce other.jwk --out new.lic",
        "batch orders.csv --out new",
    ] {
        workstation.write("other.jwk", Vendor::of_fixtures().jwk.to_string());
        let args = [&words(command)[..], &key].concat();
        for args in [args.clone(), [&args[..], &["--dry-run"]].concat()] {
            let error = keygen(&workstation, &args).expect_failure(2);
            let expected =
                "the ledger has licenses of WIDGET, but not of the built-in product, CODITECT";
            assert_eq!(error.message, expected, "{command}");
            let expected = "add the product file of WIDGET with --product-file";
            assert!(error.hint.contains(expected), "{command}: {error:?}");
        }
        assert!(!workstation.file("new").exists() && !workstation.file("new.lic").exists());
        let json = [&args[..], &["--json"]].concat();
        assert_eq!(
            keygen(&workstation, &json).expect_json_failure(2),
            "PRODUCT_MISMATCH"
        );
    }
    let named = words("enterprise-key --company ACME --seats 5 --perpetual --product GADGET");
    let _ = keygen(&workstation, &[&named[..], &key].concat()).expect_code(0);
    // A vendor of both products says so once.
    let built_in = words("issue --tier pro --customer Ann --days 9 --out new.lic");
    let forced = keygen(&workstation, &[&built_in[..], &key, &["--force"]].concat()).expect_code(0);
    let warning = "PRODUCT_MISMATCH: the ledger has licenses of GADGET, WIDGET, but not";
    assert!(forced.stderr.contains(warning), "{forced:?}");
    let list = keygen(&workstation, &[&words("revocations")[..], &key].concat()).expect_code(0);
    assert!(list.stderr.contains("product    CODITECT"), "{list:?}");
    let stats = keygen(&workstation, &["ledger", "stats", "--json"]);
    let products = &stats.expect_code(0).json()["products"];
    let count = |product: &str| serde_json::json!({ "product": product, "count": 1 });
    assert_eq!(
        *products,
        Value::from(["CODITECT", "GADGET", "WIDGET"].map(count).to_vec())
    );
}

#[test]
fn a_fingerprint_for_another_product_is_refused() {
    let workstation = workstation();
    let id = ["CODITECT_MACHINE_ID", "WIDGET_MACHINE_ID"];
    let fingerprint = |args: &[&str]| {
        let run = Run::license(&workstation).args(args).arg("machine");
        let run = run.env(id[0], "acme-0001").env(id[1], "acme-0001").run();
        let text = run.expect_code(0).stdout;
        let mut lines = text.lines();
        let line = lines.find_map(|line| line.strip_prefix("fingerprint  "));
        line.unwrap().to_owned()
    };
    let issue = |machine: &str| {
        let issue = words("issue --tier shop --customer Ann --days 9 --key vendor.key");
        let file = [
            "--product-file",
            "widget.toml",
            "--machine",
            machine,
            "--json",
        ];
        keygen(&workstation, &[&issue[..], &file].concat())
    };
    let forgotten = fingerprint(&[]);
    assert!(forgotten.starts_with("CODITECT:fp1:"), "{forgotten}");
    assert_eq!(issue(&forgotten).expect_json_failure(2), "PRODUCT_MISMATCH");
    let digest = "CODITECT:mach_00112233445566778899aabbccddeeff";
    assert_eq!(issue(digest).expect_json_failure(2), "PRODUCT_MISMATCH");
    let own = fingerprint(&["--product-file", "widget.toml"]);
    let hashes = own.strip_prefix("WIDGET:").unwrap();
    let report = issue(&own).expect_code(0).json();
    assert_eq!(report["machines"], serde_json::json!([hashes]));
    assert_eq!(issue(hashes).expect_code(0).json()["machines"][0], hashes);
    // A request contains the fingerprint too.
    let license = words("issue --tier shop --customer Ann --days 9 --key vendor.key --out ann.lic");
    let license = [&license[..], &["--product-file", "widget.toml"]].concat();
    let _ = keygen(&workstation, &license).expect_code(0);
    let installed = ["install", "--trust", "trust.jwks", "ann.lic"];
    let _ = Run::license(&workstation).args(installed).run();
    let request = Run::license(&workstation).args(["request", "--json"]).run();
    let code = request.expect_json_failure(1);
    assert_eq!(code, "PRODUCT_MISMATCH");
}
