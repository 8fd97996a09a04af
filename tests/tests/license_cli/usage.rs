//! `license usage`, and licenses for one kind of use.

use std::fs;

use super::*;

/// `license usage` of the project in a folder, with the variable set to this.
fn usage(site: &Scratch, variable: &str, path: &str) -> Outcome {
    let run = Run::license(site).env("CODITECT_USAGE_TYPE", variable);
    run.args(["usage", "--json", path]).run()
}

#[track_caller]
fn expect(outcome: Outcome, usage_type: &str, reason: &str) -> Value {
    let told = outcome.expect_code(0).json();
    assert_eq!(
        (&told["usage_type"], &told["reason_code"]),
        (&json!(usage_type), &json!(reason))
    );
    told
}

fn project(settings: &str) -> Scratch {
    let site = site();
    fs::create_dir_all(site.file("shop/.coditect")).unwrap();
    fs::create_dir_all(site.file("shop/src")).unwrap();
    site.write("shop/.coditect/project.toml", settings);
    site
}

#[test]
fn the_variable_decides() {
    let site = project("usage_type = \"runtime\"\n");
    for usage_type in ["builder", "runtime"] {
        let told = expect(usage(&site, usage_type, "shop"), usage_type, "variable");
        let reason = "set by the environment variable CODITECT_USAGE_TYPE";
        assert_eq!(told["reason"], reason);
    }
}

#[test]
fn else_the_project_does() {
    for usage_type in ["builder", "runtime"] {
        let site = project(&format!("usage_type = \"{usage_type}\"\n"));
        for path in ["shop", "shop/src"] {
            let told = expect(usage(&site, "", path), usage_type, "project_file");
            let reason = told["reason"].as_str().unwrap();
            assert!(reason.contains("project.toml"), "{reason}");
            let root = fs::canonicalize(site.file("shop")).unwrap();
            assert_eq!(told["root"], root.to_str().unwrap());
        }
    }
}

#[test]
fn else_it_is_found_out() {
    let site = project("# nothing of the kind\n");
    fs::create_dir(site.file("deployed")).unwrap();
    let machine = license(&site, &["machine", "--json"]).expect_code(0).json();
    let (of_sources, of_deployed) = match machine["container"] {
        Value::Null => (("builder", "default"), ("builder", "default")),
        _ => (("builder", "sources"), ("runtime", "container")),
    };
    expect(usage(&site, "", "shop"), of_sources.0, of_sources.1);
    expect(usage(&site, "", "deployed"), of_deployed.0, of_deployed.1);
    let docker = Run::license(&site).env("KUBERNETES_SERVICE_HOST", "10.0.0.1");
    let machine = docker
        .args(["machine", "--json"])
        .run()
        .expect_code(0)
        .json();
    if machine["container"] == "kubernetes" {
        let run = Run::license(&site).env("KUBERNETES_SERVICE_HOST", "10.0.0.1");
        let run = run.args(["usage", "--json", "deployed"]).run();
        expect(run, "runtime", "container");
    }
}

#[test]
fn it_is_said_in_a_sentence() {
    let site = project("usage_type = \"runtime\"\n");
    let said = license(&site, &["usage", "shop"]).expect_code(0).stdout;
    assert!(said.starts_with("runtime: "), "{said}");
    assert!(said.ends_with("project.toml says so\n"), "{said}");
}

#[test]
fn another_value_is_refused_with_its_place() {
    let site = project("");
    for wrong in ["both", "Builder", "runtime "] {
        let refused = usage(&site, wrong, "shop");
        assert_eq!(refused.expect_json_failure(2), "USAGE", "{wrong}");
    }
    let run = Run::license(&site).env("CODITECT_USAGE_TYPE", "both");
    let complaint = run.args(["usage", "shop"]).run().expect_failure(2);
    assert!(
        complaint.message.contains("CODITECT_USAGE_TYPE"),
        "{complaint:?}"
    );
    for settings in [
        "usage_type = \"both\"\n",
        "usage_type = 1\n",
        "usage_type = ",
    ] {
        let site = project(settings);
        let complaint = license(&site, &["usage", "shop"]).expect_failure(3);
        assert!(complaint.message.contains("project.toml"), "{complaint:?}");
    }
    let complaint = license(&site, &["usage", "nowhere"]).expect_failure(2);
    assert!(complaint.message.contains("nowhere"), "{complaint:?}");
}

#[test]
fn a_license_for_one_kind_of_use_holds_for_that_alone() {
    let site = site();
    let terms = ["--tier", "pro", "--perpetual", "--offline"];
    let runtime = [&terms[..], &["--usage-type", "runtime"]].concat();
    site.write("runtime.lic", minted(&runtime).file);
    let install = words("install --trust trust.jwks --usage-type runtime");
    let _ = license(&site, &[&install[..], &["runtime.lic"]].concat()).expect_code(0);
    let status = |variable: &str, args: &[&str]| {
        let run = Run::license(&site).env("CODITECT_USAGE_TYPE", variable);
        run.args([&["status", "--json"], args].concat()).run()
    };
    expect_valid(status("runtime", &[]));
    let denied = status("builder", &[]).expect_code(1).json();
    assert_eq!(denied["code"], "USAGE_MISMATCH");
    expect_valid(status("builder", &["--usage-type", "runtime"]));
    assert_eq!(status("both", &[]).expect_json_failure(2), "USAGE");
}
