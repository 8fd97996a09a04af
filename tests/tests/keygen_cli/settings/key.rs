//! The passphrase file and the algorithm belong to a key.

use super::*;

#[test]
fn a_passphrase_file_belongs_to_the_key_of_the_same_place() {
    let workstation = workstation();
    let file = "key = \"/one.key\"\npassphrase_file = \"/one\"\nalg = \"PS256\"\n";
    write_own(&workstation, "key.toml", file);
    write_own(
        &workstation,
        "passphrase.toml",
        "passphrase_file = \"/one\"\nalg = \"PS256\"",
    );
    let key = ("KEYGEN_KEY", "two.key");
    let passphrase = ("KEYGEN_PASSPHRASE_FILE", "two");
    for (file, variables, expected) in [
        ("key.toml", &[][..], ["/one.key", "/one", "PS256"]),
        // The variable names another key.
        ("key.toml", &[key], ["two.key", "", ""]),
        ("key.toml", &[key, passphrase], ["two.key", "two", ""]),
        // The variables name no key, so they are for any key.
        ("key.toml", &[passphrase], ["/one.key", "two", "PS256"]),
        ("passphrase.toml", &[key], ["two.key", "/one", "PS256"]),
        (
            "passphrase.toml",
            &[key, passphrase],
            ["two.key", "two", "PS256"],
        ),
        ("passphrase.toml", &[], ["", "/one", "PS256"]),
    ] {
        let report = config(&workstation, variables, &["--config", file]);
        let found = ["key", "passphrase_file", "alg"].map(|name| {
            let [value, _] = setting(&report, name, &workstation);
            value.unwrap_or_default()
        });
        assert_eq!(found, expected, "{file} {variables:?}");
    }
}

#[test]
fn the_passphrase_of_one_key_is_never_used_for_another() {
    let workstation = workstation();
    workstation.write_private("passphrase", PASSPHRASE);
    let new_key = words("new-key --bits 2048 --out four.key --passphrase-file passphrase");
    let _ = keygen(&workstation, &new_key).expect_code(0);
    let settings = "key = \"four.key\"\npassphrase_file = \"passphrase\"\n";
    write_own(&workstation, "keygen.toml", settings);
    let run = |variables: &[(&str, &str)], options: &[&str]| {
        let run = Run::new("setsid", &workstation)
            .arg("--wait")
            .arg(programs::keygen());
        let run = run.arg("public").env("KEYGEN_CONFIG", "keygen.toml");
        with_variables(run, variables).args(options).run()
    };
    if !has_setsid(&workstation) {
        return;
    }
    let _ = run(&[], &[]).expect_code(0);
    // The same file, named by an option: the settings of the file do not count.
    let error = run(&[], &["--key", "four.key"]).expect_failure(2);
    assert!(error.message.contains("no terminal"), "{error:?}");
    let unused = "the passphrase_file from keygen.toml, line 2 counts only for the key that is set";
    assert!(error.hint.contains(unused), "{error:?}");
    // The variables name no key, so the passphrase file is for any key.
    let variable = [("KEYGEN_PASSPHRASE_FILE", "passphrase")];
    let _ = run(&variable, &["--key", "four.key"]).expect_code(0);
    // A new key gets its own passphrase.
    let new_key = Run::new("setsid", &workstation)
        .arg("--wait")
        .arg(programs::keygen());
    let new_key = with_variables(new_key, &variable).args(words("new-key --out five.key"));
    let error = new_key.run().expect_failure(2);
    assert!(error.message.contains("no terminal"), "{error:?}");
    assert!(!workstation.file("five.key").exists());
}

/// Returns whether `setsid` is available, which detaches a process from the terminal.
fn has_setsid(workstation: &Scratch) -> bool {
    let found = Run::new("sh", workstation)
        .args(["-c", "command -v setsid"])
        .run();
    let found = found.code == Some(0);
    if !found {
        eprintln!("SKIPPED: setsid not found; without it, `keygen` might use the terminal");
    }
    found
}
