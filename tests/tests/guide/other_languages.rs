//! The programs of `docs/developer.md` in other languages, which run `license check`.

use std::path::Path;

use license_tests::tools::{self, Tool};
use license_tests::{Run, RunOutput, Scratch, Vendor, license, programs, words};

use super::coming_from::blocks;

/// The path of `license` in the guide.
const PROGRAM: &str = "/opt/widget/bin/license";

/// Writes the programs of the guide to the machine, with this path of `license`.
fn write_programs(machine: &Scratch, go: &Tool, program: &Path) {
    let guide = programs::workspace().join("docs/developer.md");
    let mut names = Vec::new();
    for block in blocks(&std::fs::read_to_string(guide).unwrap()) {
        assert!(block.text.contains(PROGRAM), "{}", block.name);
        let text = block.text.replace(PROGRAM, program.to_str().unwrap());
        machine.write(&block.name, text);
        names.push(block.name);
    }
    assert_eq!(names, ["check.sh", "check.py", "check.mjs", "check.go"]);
    tools::built_with_go(go, &[machine.file("check.go")], &machine.file("check"));
}

/// Creates a run of each program of the guide. The first is the shell, which reads no JSON.
fn runs<'s>(machine: &'s Scratch, python: &Tool, node: &Tool) -> [Run<'s>; 4] {
    [
        Run::new("sh", machine).arg("check.sh"),
        python.run(machine).arg("check.py"),
        node.run(machine).arg("check.mjs"),
        Run::new(machine.file("check"), machine),
    ]
}

#[test]
fn a_program_in_another_language_asks_the_program_license() {
    let (python, node, go) = (tools::python3(), tools::node(), tools::go());
    let (Some(python), Some(node), Some(go)) = (python, node, go) else {
        return;
    };
    let issued = Vendor::of_fixtures().issue(&words("--tier pro --perpetual --offline"));
    let machine = Vendor::of_fixtures().customer_machine();
    machine.write("acme.lic", &issued.file);
    write_programs(&machine, go, programs::license());
    let expect = |exit_code: i32, word: &str, code: &str| {
        for (index, run) in runs(&machine, python, node).into_iter().enumerate() {
            let detail = if index == 0 {
                String::new()
            } else {
                format!(" ({code})")
            };
            let output = run.run().expect_code(exit_code);
            assert_eq!(output.stdout, format!("cloud_sync: {word}{detail}\n"));
        }
    };
    expect(1, "denied", "FEATURE_NOT_INCLUDED");
    let _ = license(&machine, &words("install --trust trust.jwks acme.lic")).expect_code(0);
    expect(0, "granted", "VALID");

    let refused = |runs: [Run<'_>; 4], reason: &str| {
        for run in runs {
            let RunOutput { stdout, stderr, .. } = run.run().expect_code(3);
            assert_eq!(stdout, "");
            assert!(stderr.contains(reason), "expected {reason}, found {stderr}");
        }
    };
    // `license` explains why there is no answer.
    let relative = runs(&machine, python, node).map(|run| run.env("CODITECT_HOME", "relative"));
    refused(relative, "CODITECT_HOME: expected an absolute path");
    write_programs(&machine, go, Path::new("/nonexistent/license"));
    refused(runs(&machine, python, node), "/nonexistent/license");
}
