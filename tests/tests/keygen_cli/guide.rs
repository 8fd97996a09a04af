//! The command lines of the guide to license kinds work.

use std::fs;

use super::*;

/// Returns the command lines of a guide that call `keygen`.
fn lines(guide: &str) -> Vec<String> {
    let path = programs::workspace().join("docs").join(guide);
    let text = fs::read_to_string(path).unwrap();
    commands(text.lines())
}

/// Returns the lines of code blocks that call `keygen`. A code block is indented by four spaces, or
/// by more in a list.
pub(super) fn commands<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<String> {
    let lines = lines.filter(|line| line.starts_with("    ")).map(str::trim);
    let lines = lines.filter(|line| line.starts_with("keygen "));
    lines.map(str::to_owned).collect()
}

/// Splits a command line at spaces, except within double quotes. Ignores a comment after ` #`.
pub(super) fn words(line: &str) -> Vec<String> {
    let line = line.split(" #").next().unwrap();
    let mut words = Vec::new();
    for (at, part) in line.split('"').enumerate() {
        match at % 2 {
            0 => words.extend(part.split_whitespace().map(str::to_owned)),
            _ => words.push(part.to_owned()),
        }
    }
    words
}

/// Returns the id of the license that was recorded last.
fn last_id(workstation: &Scratch) -> String {
    let list = Run::keygen(workstation)
        .args(["ledger", "list", "--json"])
        .run();
    let list = list.expect_code(0).json();
    let last = list["licenses"].as_array().unwrap().last().cloned();
    last.unwrap()["license_id"].as_str().unwrap().to_owned()
}

#[test]
fn the_commands_of_the_license_kinds_guide_work() {
    let workstation = server_key::workstation();
    let lines = lines("kinds.md");
    assert!(lines.len() >= 12, "{lines:?}");
    for line in lines {
        let mut words = words(&line);
        for word in &mut words {
            match word.as_str() {
                "LICENSE_ID" => *word = last_id(&workstation),
                machine if machine.starts_with("fp1:") => *word = FINGERPRINT.to_owned(),
                machine if machine.starts_with("mach_") => *word = DIGEST.to_owned(),
                _ => {}
            }
        }
        // Several examples write the same file, and the cool-down would take thirty days.
        let mut extra = Vec::new();
        if words.iter().any(|word| word == "--out") {
            extra.push("--force");
        }
        if words[1] == "reassign" {
            extra.push("--waive-cool-down");
        }
        let run = Run::keygen(&workstation)
            .args(&words[1..])
            .args(extra)
            .run();
        let _ = run.expect_code(0);
    }
}

#[test]
fn every_step_of_the_demo_ends_with_the_expected_exit_code() {
    let scratch = Scratch::new();
    let programs = programs::keygen().parent().unwrap();
    let demo = programs.join(format!("demo{}", std::env::consts::EXE_SUFFIX));
    let run = Run::new(demo, &scratch)
        .args([programs, &scratch.file("demo")])
        // Settings of the user do not count.
        .env("KEYGEN_PRODUCT_FILE", "missing.toml")
        .run()
        .expect_code(0);
    let commands = run.stdout.matches("\n$ ").count();
    assert!(commands > 20, "{}", run.stdout);
    assert!(scratch.file("demo/vendor/ledger.db").is_file());
}
