//! The commands of the pages in `docs/coming-from` behave as these pages state.
//!
//! The words after the three backquotes of a code block name the file that the block is (`toml
//! widget.toml`), or the machine on which its commands run (`sh vendor`). Each machine has its own
//! id and home directory. All machines share one working directory, as if they sent each other
//! their files. The comment after a command states its exit code and its reason codes. Without a
//! comment, the exit code is 0. `LICENSE_ID` is the id in the last report before it.

use std::ffi::OsString;
use std::fs;

use license_tests::{Run, RunOutput, Scratch, Vendor, programs, tools};

/// A code block of a page.
pub(crate) struct Block {
    language: String,
    /// The file or machine.
    pub(crate) name: String,
    pub(crate) text: String,
}

#[test]
fn the_commands_for_vendors_who_come_from_keygen_run() {
    run_page("keygen.md");
}

#[test]
fn the_commands_for_vendors_who_come_from_cryptolens_run() {
    run_page("cryptolens.md");
}

#[test]
fn the_commands_for_vendors_who_come_from_flexnet_run() {
    run_page("flexnet.md");
}

fn run_page(name: &str) {
    if tools::python3().is_none() {
        return;
    }
    let page = programs::workspace().join("docs/coming-from").join(name);
    let scratch = Vendor::of_fixtures().workstation();
    scratch.write("trust.jwks", &Vendor::of_fixtures().trust);
    let mut license_id = String::new();
    let mut commands = 0;
    for block in blocks(&fs::read_to_string(page).unwrap()) {
        if block.language != "sh" {
            scratch.write(&block.name, block.text);
            continue;
        }
        for line in block.text.replace("\\\n", " ").lines() {
            let line = line.replace("LICENSE_ID", &license_id);
            let (command, expected) = line.split_once("  # ").unwrap_or((&line, "exit code 0"));
            let output = check(run(&scratch, &block.name, command), expected);
            let reported = output.stdout.lines();
            let mut ids = reported.filter_map(|line| line.strip_prefix("license id "));
            license_id = ids
                .next_back()
                .map_or(license_id, |id| id.trim().to_owned());
            commands += 1;
        }
    }
    assert!(commands > 20, "{name} has {commands} commands");
}

/// Returns the code blocks that name a file or a machine.
pub(crate) fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(words) = line.strip_prefix("```") else {
            continue;
        };
        let text: String = lines
            .by_ref()
            .take_while(|line| *line != "```")
            .map(|line| format!("{line}\n"))
            .collect();
        if let Some((language, name)) = words.split_once(' ') {
            blocks.push(Block {
                language: language.to_owned(),
                name: name.to_owned(),
                text,
            });
        }
    }
    blocks
}

/// Runs a command on a machine.
fn run(scratch: &Scratch, machine: &str, command: &str) -> RunOutput {
    let home = scratch.file(machine);
    fs::create_dir_all(&home).unwrap();
    Run::new("sh", scratch)
        .args(["-c", command])
        .env("HOME", home)
        .env("PATH", path())
        .env("WIDGET_MACHINE_ID", machine)
        .run()
}

/// Returns a search path that begins with the programs of the workspace.
fn path() -> OsString {
    let built = [programs::keygen(), programs::license()].map(|program| program.parent().unwrap());
    let system = std::env::var_os("PATH").unwrap_or_default();
    let built = built.map(ToOwned::to_owned).into_iter();
    std::env::join_paths(built.chain(std::env::split_paths(&system))).unwrap()
}

/// Checks the exit code and the reason codes, such as `exit code 1, REVOKED`.
fn check(output: RunOutput, expected: &str) -> RunOutput {
    let (exit_code, codes) = expected.split_once(", ").unwrap_or((expected, ""));
    let exit_code = exit_code.strip_prefix("exit code ").unwrap();
    let output = output.expect_code(exit_code.parse().unwrap());
    let reported = format!("{}{}", output.stdout, output.stderr);
    for code in codes.split(", ") {
        assert!(reported.contains(code), "expected {code}, found {output:?}");
    }
    output
}
