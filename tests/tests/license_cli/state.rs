//! What a machine remembers, when somebody removes it, edits it, or carries it to another machine.

use std::fs;

use super::*;

fn used(machine: &str, site: &Scratch, count: &str) -> Value {
    let used = on(machine, site, &["use", "commands_per_day", count, "--json"]);
    used.expect_code(0).json()
}

/// A machine on which 4 of FREE's 10 were used.
fn site_with_4_used() -> Scratch {
    let site = Scratch::new();
    assert_eq!(used(HERE, &site, "4")["used"], 4);
    site
}

fn damage(site: &Scratch, file: &str) {
    let path = site.file(&format!("state/{file}"));
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&path, bytes).unwrap();
}

#[test]
fn removing_one_of_the_two_files_refills_nothing() {
    for file in ["quota", "license.cache"] {
        let site = site_with_4_used();
        fs::remove_file(site.file(&format!("state/{file}"))).unwrap();
        assert_eq!(used(HERE, &site, "0")["used"], 4, "{file}");
        assert_eq!(used(HERE, &site, "1")["used"], 5, "{file}");
        assert!(
            site.file(&format!("state/{file}")).exists(),
            "it is made anew"
        );
    }
}

#[test]
fn an_older_copy_of_one_of_the_two_refills_nothing() {
    for file in ["quota", "license.cache"] {
        let site = site_with_4_used();
        let path = site.file(&format!("state/{file}"));
        let older = fs::read(&path).unwrap();
        assert_eq!(used(HERE, &site, "5")["used"], 9);
        fs::write(&path, older).unwrap();
        assert_eq!(used(HERE, &site, "0")["used"], 9, "{file}");
    }
}

#[test]
fn what_was_edited_is_told_and_set_aside_and_refills_nothing() {
    for file in ["quota", "license.cache"] {
        let site = site_with_4_used();
        damage(&site, file);
        let answer = used(HERE, &site, "1");
        assert_eq!(answer["used"], 5, "{file}");
        let warning = state_warning(&answer);
        assert!(
            warning.contains("the file was changed outside this program"),
            "{warning}"
        );
        let aside = format!("{file}.damaged-1");
        assert!(warning.contains(&aside), "{warning}");
        assert!(site.file(&format!("state/{aside}")).exists());
        let again = used(HERE, &site, "1");
        assert_eq!(warnings(&again), [""; 0], "it is told once");
    }
}

#[test]
fn status_tells_of_what_was_edited_too() {
    let site = site_with_4_used();
    damage(&site, "quota");
    let said = on(HERE, &site, &["status"]).expect_code(1).stderr;
    assert!(said.contains("warning: STATE: "), "{said}");
    assert!(said.contains("quota.damaged-1"), "{said}");
}

#[test]
fn what_is_no_state_file_at_all_is_told_and_set_aside() {
    for content in [&b""[..], b"{\"used\": 0}", b"license state 1\n"] {
        let site = site_with_4_used();
        site.write("state/quota", content);
        let answer = used(HERE, &site, "1");
        assert_eq!(answer["used"], 5);
        let warning = state_warning(&answer);
        assert!(
            warning.contains("the file is not a complete sealed file"),
            "{warning}"
        );
        assert_eq!(
            fs::read(site.file("state/quota.damaged-1")).unwrap(),
            content
        );
    }
}

#[test]
fn what_another_machine_made_is_told_from_what_was_edited() {
    let site = site_with_4_used();
    let answer = used(ELSEWHERE, &site, "1");
    assert_eq!(answer["used"], 1, "it does not count here");
    let warning = state_warning(&answer);
    assert!(
        warning.contains("the file was sealed on another machine"),
        "{warning}"
    );
    let again = used(HERE, &site, "1");
    assert_eq!(again["used"], 5, "each machine finds its own again");
    assert_eq!(used(ELSEWHERE, &site, "1")["used"], 2);
}

#[test]
fn a_check_in_that_was_carried_to_another_machine_does_not_count() {
    let site = site();
    let at = ["--at", "2020-02-01T01:00:00Z"];
    site.write(
        "validation.lic",
        Vendor::shared().check_in(&PRO, &["--issued-at", "2020-02-01"]),
    );
    let install = ["install", "--trust", "trust.jwks", "--at", AT, "pro.lic"];
    let _ = on(HERE, &site, &install).expect_code(0);
    let _ = on(
        HERE,
        &site,
        &[&["install", "validation.lic"], &at[..]].concat(),
    )
    .expect_code(0);
    let status = [&["status", "--json"], &at[..]].concat();
    expect_valid(on(HERE, &site, &status));
    let elsewhere = on(ELSEWHERE, &site, &status).expect_code(1).json();
    assert_eq!(elsewhere["code"], "CHECK_IN_OVERDUE");
    let warning = state_warning(&elsewhere);
    assert!(
        warning.contains("the file was sealed on another machine"),
        "{warning}"
    );
}

#[test]
fn nothing_readable_is_in_what_is_kept() {
    let site = site_with_4_used();
    for file in ["quota", "license.cache"] {
        let content = fs::read(site.file(&format!("state/{file}"))).unwrap();
        let holds = |text: &str| {
            content
                .windows(text.len())
                .any(|part| part == text.as_bytes())
        };
        for text in ["commands", "tally", "mark", HERE] {
            assert!(!holds(text), "{file}: {text}");
        }
    }
}

#[cfg(unix)]
#[test]
fn what_is_kept_is_its_owners_alone() {
    let site = site_with_4_used();
    assert_eq!(site.mode("state"), 0o700);
    for file in ["state/quota", "state/license.cache"] {
        assert_eq!(site.mode(file), 0o600, "{file}");
    }
}
