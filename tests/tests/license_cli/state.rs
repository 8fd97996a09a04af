//! State files that are removed, changed, restored or copied to another machine.

use std::fs;

use super::*;

fn used(id: &str, machine: &Scratch, count: &str) -> Value {
    let used = on(id, machine, &["use", "commands_per_day", count, "--json"]);
    used.expect_code(0).json()
}

/// Returns a machine on which 4 of 10 uses of the FREE tier are counted.
fn machine_with_4_used() -> Scratch {
    let machine = Scratch::new();
    assert_eq!(used(HERE, &machine, "4")["used"], 4);
    machine
}

fn damage(machine: &Scratch, file: &str) {
    let path = machine.file(&format!("state/{file}"));
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&path, bytes).unwrap();
}

#[test]
fn removing_one_of_the_two_files_does_not_reset_the_count() {
    for file in ["quota", "license.cache"] {
        let machine = machine_with_4_used();
        fs::remove_file(machine.file(&format!("state/{file}"))).unwrap();
        assert_eq!(used(HERE, &machine, "0")["used"], 4, "{file}");
        assert_eq!(used(HERE, &machine, "1")["used"], 5, "{file}");
        assert!(
            machine.file(&format!("state/{file}")).exists(),
            "the file is created again"
        );
    }
}

#[test]
fn an_older_copy_of_one_of_the_two_files_does_not_reset_the_count() {
    for file in ["quota", "license.cache"] {
        let machine = machine_with_4_used();
        let path = machine.file(&format!("state/{file}"));
        let older = fs::read(&path).unwrap();
        assert_eq!(used(HERE, &machine, "5")["used"], 9);
        fs::write(&path, older).unwrap();
        assert_eq!(used(HERE, &machine, "0")["used"], 9, "{file}");
    }
}

#[test]
fn a_changed_file_is_quarantined_with_a_warning_and_the_count_stays() {
    for file in ["quota", "license.cache"] {
        let machine = machine_with_4_used();
        damage(&machine, file);
        let answer = used(HERE, &machine, "1");
        assert_eq!(answer["used"], 5, "{file}");
        let warning = state_warning(&answer);
        assert!(
            warning.contains("the file was changed outside this program"),
            "{warning}"
        );
        let quarantined = format!("{file}.damaged-1");
        assert!(warning.contains(&quarantined), "{warning}");
        assert!(machine.file(&format!("state/{quarantined}")).exists());
        let again = used(HERE, &machine, "1");
        assert_eq!(warnings(&again), [""; 0], "the warning is printed once");
    }
}

#[test]
fn status_reports_a_changed_file() {
    let machine = machine_with_4_used();
    damage(&machine, "quota");
    let output = on(HERE, &machine, &["status"]).expect_code(1).stderr;
    assert!(output.contains("warning: STATE: "), "{output}");
    assert!(output.contains("quota.damaged-1"), "{output}");
}

#[test]
fn a_file_that_is_not_a_state_file_is_quarantined_with_a_warning() {
    for content in [&b""[..], b"{\"used\": 0}", b"license state 1\n"] {
        let machine = machine_with_4_used();
        machine.write("state/quota", content);
        let answer = used(HERE, &machine, "1");
        assert_eq!(answer["used"], 5);
        let warning = state_warning(&answer);
        assert!(
            warning.contains("the file is not a complete sealed file"),
            "{warning}"
        );
        assert_eq!(
            fs::read(machine.file("state/quota.damaged-1")).unwrap(),
            content
        );
    }
}

#[test]
fn a_file_of_another_machine_is_distinguished_from_a_changed_file() {
    let machine = machine_with_4_used();
    let answer = used(ELSEWHERE, &machine, "1");
    assert_eq!(
        answer["used"], 1,
        "counts of another machine do not apply here"
    );
    let warning = state_warning(&answer);
    assert!(
        warning.contains("the file was sealed on another machine"),
        "{warning}"
    );
    let again = used(HERE, &machine, "1");
    assert_eq!(again["used"], 5, "each machine keeps its own count");
    assert_eq!(used(ELSEWHERE, &machine, "1")["used"], 2);
}

#[test]
fn a_check_in_that_is_copied_to_another_machine_is_ignored() {
    let machine = machine();
    let at = ["--at", "2020-02-01T01:00:00Z"];
    machine.write(
        "validation.lic",
        Vendor::shared().check_in(&PRO, &["--issued-at", "2020-02-01"]),
    );
    let install = ["install", "--trust", "trust.jwks", "--at", AT, "pro.lic"];
    let _ = on(HERE, &machine, &install).expect_code(0);
    let _ = on(
        HERE,
        &machine,
        &[&["install", "validation.lic"], &at[..]].concat(),
    )
    .expect_code(0);
    let status = [&["status", "--json"], &at[..]].concat();
    expect_valid(on(HERE, &machine, &status));
    let elsewhere = on(ELSEWHERE, &machine, &status).expect_code(1).json();
    assert_eq!(elsewhere["code"], "CHECK_IN_OVERDUE");
    let warning = state_warning(&elsewhere);
    assert!(
        warning.contains("the file was sealed on another machine"),
        "{warning}"
    );
}

#[test]
fn state_files_contain_no_readable_text() {
    let machine = machine_with_4_used();
    for file in ["quota", "license.cache"] {
        let content = fs::read(machine.file(&format!("state/{file}"))).unwrap();
        let contains = |text: &str| {
            content
                .windows(text.len())
                .any(|part| part == text.as_bytes())
        };
        for text in ["commands", "tally", "mark", HERE] {
            assert!(!contains(text), "{file}: {text}");
        }
    }
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_the_state_files() {
    let machine = machine_with_4_used();
    assert_eq!(machine.mode("state"), 0o700);
    for file in ["state/quota", "state/license.cache"] {
        assert_eq!(machine.mode(file), 0o600, "{file}");
    }
}
