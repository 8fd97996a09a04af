//! `license usage`, and licenses for one usage type.

use std::fs;

use super::*;

/// Runs `license usage` for a project with this value of `CODITECT_USAGE_TYPE`.
fn usage(machine: &Scratch, variable: &str, path: &str) -> RunOutput {
    let run = Run::license(machine).env("CODITECT_USAGE_TYPE", variable);
    run.args(["usage", "--json", path]).run()
}

#[track_caller]
fn expect(outcome: RunOutput, usage_type: &str, reason: &str) -> Value {
    let report = outcome.expect_code(0).json();
    assert_eq!(
        (&report["usage_type"], &report["reason_code"]),
        (&json!(usage_type), &json!(reason))
    );
    report
}

fn project(settings: &str) -> Scratch {
    let machine = machine();
    fs::create_dir_all(machine.file("shop/.coditect")).unwrap();
    fs::create_dir_all(machine.file("shop/src")).unwrap();
    machine.write("shop/.coditect/project.toml", settings);
    machine
}

#[test]
fn the_environment_variable_has_priority() {
    let machine = project("usage_type = \"runtime\"\n");
    for usage_type in ["builder", "runtime"] {
        let report = expect(usage(&machine, usage_type, "shop"), usage_type, "variable");
        let reason = "set by the environment variable CODITECT_USAGE_TYPE";
        assert_eq!(report["reason"], reason);
    }
}

#[test]
fn the_project_file_decides_without_the_variable() {
    for usage_type in ["builder", "runtime"] {
        let machine = project(&format!("usage_type = \"{usage_type}\"\n"));
        for path in ["shop", "shop/src"] {
            let report = expect(usage(&machine, "", path), usage_type, "project_file");
            let reason = report["reason"].as_str().unwrap();
            assert!(reason.contains("project.toml"), "{reason}");
            let root = fs::canonicalize(machine.file("shop")).unwrap();
            assert_eq!(report["root"], root.to_str().unwrap());
        }
    }
}

#[test]
fn the_usage_type_is_detected_without_variable_and_project_file() {
    let machine = project("# no usage type\n");
    fs::create_dir(machine.file("deployed")).unwrap();
    let report = license(&machine, &["machine", "--json"])
        .expect_code(0)
        .json();
    let (of_sources, of_deployed) = match report["container"] {
        Value::Null => (("builder", "default"), ("builder", "default")),
        _ => (("builder", "sources"), ("runtime", "container")),
    };
    expect(usage(&machine, "", "shop"), of_sources.0, of_sources.1);
    expect(
        usage(&machine, "", "deployed"),
        of_deployed.0,
        of_deployed.1,
    );
    let in_cluster = Run::license(&machine).env("KUBERNETES_SERVICE_HOST", "10.0.0.1");
    let report = in_cluster
        .args(["machine", "--json"])
        .run()
        .expect_code(0)
        .json();
    if report["container"] == "kubernetes" {
        let run = Run::license(&machine).env("KUBERNETES_SERVICE_HOST", "10.0.0.1");
        let run = run.args(["usage", "--json", "deployed"]).run();
        expect(run, "runtime", "container");
    }
}

#[test]
fn the_text_contains_the_reason() {
    let machine = project("usage_type = \"runtime\"\n");
    let output = license(&machine, &["usage", "shop"]).expect_code(0).stdout;
    assert!(output.starts_with("runtime: "), "{output}");
    assert!(output.ends_with("project.toml\n"), "{output}");
}

#[test]
fn an_invalid_value_is_refused_with_its_source() {
    let machine = project("");
    for invalid in ["both", "Builder", "runtime "] {
        let refused = usage(&machine, invalid, "shop");
        assert_eq!(refused.expect_json_failure(2), "USAGE", "{invalid}");
    }
    let run = Run::license(&machine).env("CODITECT_USAGE_TYPE", "both");
    let error = run.args(["usage", "shop"]).run().expect_failure(2);
    assert!(error.message.contains("CODITECT_USAGE_TYPE"), "{error:?}");
    for settings in [
        "usage_type = \"both\"\n",
        "usage_type = 1\n",
        "usage_type = ",
    ] {
        let machine = project(settings);
        let error = license(&machine, &["usage", "shop"]).expect_failure(3);
        assert!(error.message.contains("project.toml"), "{error:?}");
    }
    let error = license(&machine, &["usage", "nowhere"]).expect_failure(2);
    assert!(error.message.contains("nowhere"), "{error:?}");
}

#[test]
fn a_license_for_one_usage_type_is_denied_for_the_other() {
    let machine = machine();
    let terms = ["--tier", "pro", "--perpetual", "--offline"];
    let runtime = [&terms[..], &["--usage-type", "runtime"]].concat();
    machine.write("runtime.lic", issue_license(&runtime).file);
    let install = words("install --trust trust.jwks --usage-type runtime");
    let _ = license(&machine, &[&install[..], &["runtime.lic"]].concat()).expect_code(0);
    let status = |variable: &str, args: &[&str]| {
        let run = Run::license(&machine).env("CODITECT_USAGE_TYPE", variable);
        run.args([&["status", "--json"], args].concat()).run()
    };
    expect_valid(status("runtime", &[]));
    let denied = status("builder", &[]).expect_code(1).json();
    assert_eq!(denied["code"], "USAGE_MISMATCH");
    expect_valid(status("builder", &["--usage-type", "runtime"]));
    assert_eq!(status("both", &[]).expect_json_failure(2), "USAGE");
}
