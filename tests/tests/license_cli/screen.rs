//! Output on a terminal: colors, symbols, wrapping and the pager.

use super::*;

/// A word that only standard output of `features` contains.
const LAST_FEATURE: &str = "unlimited_users";

/// Runs a shell command on a terminal. `None` if there is no `script`.
fn on_terminal(
    machine: &Scratch,
    columns: u16,
    line: &str,
    env: &[(&str, &str)],
) -> Option<RunOutput> {
    let mut run = tools::on_terminal(tools::terminal()?, machine, columns, line);
    for (name, value) in env {
        run = run.env(name, value);
    }
    Some(run.run())
}

/// Returns the lines on a terminal without styles.
fn lines(output: &RunOutput) -> Vec<String> {
    let mut plain = String::new();
    for (index, part) in output.stdout.split("\u{1b}[").enumerate() {
        let text = if index == 0 {
            part
        } else {
            part.split_once('m').unwrap().1
        };
        plain.push_str(text);
    }
    plain.lines().map(str::to_owned).collect()
}

#[test]
fn a_terminal_shows_colors_symbols_and_bars_and_wraps_at_words() {
    let machine = machine_with("team.lic");
    let status = format!("$LICENSE status --at {AT}");
    let Some(output) = on_terminal(&machine, 60, &status, &[]) else {
        return;
    };
    assert!(output.stdout.contains("\u{1b}[32m"), "{output:?}");
    let shown = lines(&output);
    assert_eq!(shown[0], "✓ licensed: VALID");
    assert!(
        shown.iter().any(|line| line.ends_with("░ 0% of the term")),
        "{shown:#?}"
    );
    // The bar of a license that does not count is not green.
    machine.write("list.lic", revocations::list(1, &[&TEAM]));
    let _ = license(&machine, &["install", "list.lic", "--at", AT]).expect_code(1);
    let revoked = on_terminal(&machine, 60, "$LICENSE status --at 2020-07-01", &[]).unwrap();
    assert!(revoked.stdout.contains("\u{1b}[31m█"), "{revoked:?}");
    assert!(!revoked.stdout.contains("\u{1b}[32m"), "{revoked:?}");
    let failure = "$LICENSE verify --trust trust.jwks no/such/directory/with/a/license.lic";
    let output = on_terminal(&machine, 60, failure, &[])
        .unwrap()
        .expect_code(4);
    let expected = [
        "error: cannot read no/such/directory/with/a/license.lic: no",
        "  such file or directory",
        "hint: check the path: the file or one of its parent",
        "  directories does not exist",
    ];
    assert_eq!(lines(&output), expected);
}

#[test]
fn a_terminal_that_lacks_something_gets_less_and_a_pipe_gets_plain_text() {
    let machine = machine_with("team.lic");
    let status = format!("$LICENSE status --at {AT}");
    for (line, env, has_styles, has_symbols) in [
        (status.as_str(), &[][..], true, true),
        (&status, &[("NO_COLOR", "1")], false, true),
        (&status, &[("TERM", "dumb")], false, false),
        (&status, &[("LC_ALL", "C")], true, false),
        (&format!("{status} --color never"), &[], false, true),
        (&format!("{status} | cat"), &[], false, false),
        (&format!("{status} --color always | cat"), &[], true, false),
        (
            &format!("{status} | cat"),
            &[("CLICOLOR_FORCE", "1")],
            true,
            false,
        ),
    ] {
        let Some(output) = on_terminal(&machine, 80, line, env) else {
            return;
        };
        let case = format!("{line} {env:?}: {}", output.stdout);
        assert_eq!(output.stdout.contains('\u{1b}'), has_styles, "{case}");
        assert_eq!(output.stdout.contains('✓'), has_symbols, "{case}");
        assert!(output.stdout.contains("licensed: VALID"), "{case}");
    }
}

#[test]
fn long_output_is_paged_and_nothing_is_lost_without_a_usable_pager() {
    let machine = machine_with("team.lic");
    machine.write("page", "cat > paged; exit 0");
    machine.write("fail", "exit 3");
    let features = format!("$LICENSE features --at {AT}");
    let short = format!("$LICENSE check sso --at {AT}");
    for (line, env, is_paged) in [
        (features.as_str(), &[("PAGER", "sh page")][..], true),
        (
            &format!("{features} --no-pager"),
            &[("PAGER", "sh page")],
            false,
        ),
        (&features, &[("PAGER", "sh fail")], false),
        (&features, &[("PAGER", "no-such-pager -x")], false),
        (&features, &[("PAGER", "sh 'unclosed")], false),
        (&features, &[("PAGER", "")], false),
        (&features, &[("PAGER", "sh page"), ("TERM", "dumb")], false),
        (
            &features,
            &[("PAGER", "sh page"), ("SUDO_UID", "1000")],
            false,
        ),
        (
            &features,
            &[("PAGER", "sh page"), ("DOAS_USER", "ann")],
            false,
        ),
        (&format!("{features} | cat"), &[("PAGER", "sh page")], false),
        (
            &format!("{features} --json"),
            &[("PAGER", "sh page")],
            false,
        ),
        (&short, &[("PAGER", "sh page")], false),
    ] {
        let _ = std::fs::remove_file(machine.path().join("paged"));
        let Some(output) = on_terminal(&machine, 80, line, env) else {
            return;
        };
        let paged = std::fs::read_to_string(machine.path().join("paged"));
        let case = format!("{line} {env:?}: {}", output.stdout);
        assert_eq!(paged.is_ok(), is_paged, "{case}");
        let shown = paged.unwrap_or(output.stdout);
        let expected = if line == short { "sso" } else { LAST_FEATURE };
        assert!(shown.contains(expected), "{case}");
    }
}

#[test]
fn the_exit_code_does_not_depend_on_the_pager() {
    let machine = machine_with("team.lic");
    let explain = format!("$LICENSE explain --at {LATER}");
    // `true` ends without reading anything, as a user can.
    for pager in ["cat", "true", "false", "no-such-pager"] {
        let Some(output) = on_terminal(&machine, 80, &explain, &[("PAGER", pager)]) else {
            return;
        };
        let _ = output.expect_code(1);
    }
    let help = on_terminal(&machine, 80, "$LICENSE --help", &[("PAGER", "true")]);
    assert_eq!(help.unwrap().expect_code(0).stdout, "");
}

#[test]
fn an_interrupt_is_for_the_pager() {
    let machine = machine_with("team.lic");
    // The pager interrupts its process group, as the terminal does for Ctrl-C, and continues.
    machine.write("page", "trap '' INT; kill -INT 0; cat > paged");
    let line = format!("trap : INT; $LICENSE features --at {AT}; echo ended with $?");
    let Some(output) = on_terminal(&machine, 80, &line, &[("PAGER", "sh page")]) else {
        return;
    };
    assert!(machine.read("paged").contains(LAST_FEATURE));
    assert!(output.stdout.contains("ended with 0"), "{output:?}");
}

#[test]
fn the_help_lists_every_command_below_a_heading() {
    let help = license(&Scratch::new(), &["--help"]).expect_code(0).stdout;
    let (before, options) = help.split_once("\nOptions:\n").unwrap();
    let headings = before.lines().filter(|line| line.ends_with(':'));
    let expected = [
        "Ask about the license:",
        "Install a license:",
        "Activate this machine:",
        "Use a license server:",
        "Examine this machine:",
        "Describe the program:",
    ];
    assert!(headings.eq(expected), "{help}");
    assert!(
        before.contains("\n  status        Show the decision"),
        "{help}"
    );
    assert!(options.contains("First steps"), "{help}");
}
