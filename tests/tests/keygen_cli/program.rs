//! Help, completions, man pages and colors of `keygen`.

use license_tests::tools;

use super::*;

fn keygen(args: &[&str]) -> RunOutput {
    Run::keygen(&Scratch::new()).args(args).run()
}

#[test]
fn completions_name_every_command() {
    for shell in ["bash", "zsh", "fish"] {
        let script = keygen(&["completions", shell]).expect_code(0).stdout;
        for command in [
            "new-key",
            "public",
            "trust",
            "issue",
            "enterprise-key",
            "check-in",
            "inspect",
        ] {
            assert!(script.contains(command), "{shell}: {command}");
        }
    }
    keygen(&["completions", "csh"]).expect_failure(2);
}

#[test]
fn bash_accepts_its_completions() {
    let workstation = Scratch::new();
    let script = Run::keygen(&workstation)
        .args(["completions", "bash"])
        .run()
        .expect_code(0)
        .stdout;
    workstation.write("completions", script);
    let bash = Run::new("bash", &workstation)
        .args(["-n", "completions"])
        .run();
    assert_eq!((bash.code, bash.stderr.as_str()), (Some(0), ""));
}

#[test]
fn man_pages_are_printed_or_written() {
    assert!(
        keygen(&["man"])
            .expect_code(0)
            .stdout
            .contains(".TH keygen 1")
    );
    let workstation = Scratch::new();
    let man = || {
        Run::keygen(&workstation)
            .args(["man", "--out", "man1"])
            .run()
    };
    let _ = man().expect_code(0);
    for page in [
        "keygen.1",
        "keygen-issue.1",
        "keygen-new-key.1",
        "keygen-enterprise-key.1",
    ] {
        assert!(
            workstation.read(&format!("man1/{page}")).contains(".TH"),
            "{page}"
        );
    }
    man().expect_failure(2);
}

#[test]
fn help_names_first_steps_and_exit_codes() {
    let help = keygen(&["--help"]).expect_code(0).stdout;
    assert!(
        help.contains("First steps:") && help.contains("Exit codes:"),
        "{help}"
    );
}

#[test]
fn no_command_and_an_unknown_command_are_usage_errors() {
    let none = keygen(&[]).expect_code(2);
    assert!(none.stdout.is_empty() && none.stderr.contains("Usage"));
    let error = keygen(&["isue"]).expect_failure(2);
    assert!(error.hint.contains("issue"), "{error:?}");
    assert_eq!(keygen(&["isue", "--json"]).expect_json_failure(2), "USAGE");
}

#[test]
fn colors_are_off_in_a_pipe_by_default() {
    let error = |args: &[&str]| keygen(&[&["issue"], args].concat()).stderr;
    assert!(
        !error(&[]).contains('\u{1b}'),
        "output into a pipe must have no colors"
    );
    assert!(error(&["--color", "always"]).contains('\u{1b}'));
    assert!(!error(&["--color", "never"]).contains('\u{1b}'));
}

#[test]
fn after_an_old_entry_the_correct_clock_is_near_the_newest_entry() {
    let Some(faketime) = tools::faketime() else {
        return;
    };
    let workstation = Vendor::shared().workstation();
    let issue = "--tier pro --days 9 --out";
    let _ = issued(&workstation, &words(&format!("{issue} acme.lic"))).expect_code(0);
    let old = tools::keygen_at_time(faketime, &workstation, "@1970-01-02 00:00:00");
    let old = old.args(words(&format!(
        "issue {issue} old.lic --customer A --force"
    )));
    let _ = old.args(["--key", "vendor.key"]).run().expect_code(0);
    let _ = issued(&workstation, &words(&format!("{issue} new.lic"))).expect_code(0);
}
