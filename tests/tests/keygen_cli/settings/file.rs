//! The settings file: its place, its content and its owner.

use std::fs;

use super::*;

#[cfg(target_os = "linux")]
#[test]
fn the_file_is_chosen_by_an_option_a_variable_or_the_configuration_directory() {
    let workstation = workstation();
    let file = |variables: &[(&str, &str)], options: &[&str]| {
        let report = config(&workstation, variables, options);
        let [key, _] = setting(&report, "key", &workstation);
        key
    };
    // A file in the working directory is not read by itself.
    write_own(&workstation, "keygen.toml", "key = \"here\"");
    assert_eq!(file(&[], &[]), None);
    let error = keygen(&workstation, &["public"]).expect_failure(2);
    assert!(error.hint.contains("--config keygen.toml"), "{error:?}");
    assert_eq!(file(&[("KEYGEN_CONFIG", "")], &[]), None);
    write_settings(&workstation, "key = \"default\"");
    fs::create_dir(workstation.file("other")).unwrap();
    write_own(&workstation, "other/named.toml", "key = \"../named\"");
    let variable = [("KEYGEN_CONFIG", "other/named.toml")];
    let found = |path: &str| Some(path.to_owned());
    assert_eq!(file(&[], &[]), found("home/.config/keygen/default"));
    assert_eq!(file(&variable, &[]), found("other/../named"));
    assert_eq!(file(&variable, &["--config", "keygen.toml"]), found("here"));
    assert_eq!(file(&variable, &["--no-config"]), None);
    let elsewhere = workstation.file("other");
    let elsewhere = [("XDG_CONFIG_HOME", elsewhere.to_str().unwrap())];
    assert_eq!(file(&elsewhere, &[]), None);
    // Only the default file may be missing.
    let missing = [("KEYGEN_CONFIG", "missing.toml")];
    let run = with_variables(Run::keygen(&workstation).arg("public"), &missing);
    let error = run.run().expect_failure(4);
    assert!(error.message.contains("missing.toml"), "{error:?}");
    assert!(
        error.message.ends_with("(file from KEYGEN_CONFIG)"),
        "{error:?}"
    );
    let _ = keygen(&workstation, &["public", "--config", "missing.toml"]).expect_failure(4);
    let both = ["public", "--config", "keygen.toml", "--no-config"];
    let _ = keygen(&workstation, &both).expect_failure(2);
    write_settings(&workstation, "key = \"~/home.key\"");
    assert_eq!(file(&[], &[]), found("home/home.key"));
}

/// Settings files that are refused, each with a part of the message and of the hint.
const REFUSALS: [&str; 16] = [
    "product = 'x' | line 1: unknown member `product` | `product_file`",
    "\nproduct-file = 'x' | line 2: unknown member `product-file` | `product_file`",
    "colour = 'x' | unknown member `colour` | the members are key,",
    "key.file = 'x' | `key`: expected a text, found table | quotation marks",
    "key = {a = {b = 1}} | found table | quotation marks",
    "[keygen]\nkey = 'x' | found [keygen] | remove the line",
    "passphrase = 'hunter2' | `passphrase` is not allowed | passphrase_file",
    "pin = 1234 | `pin` is not allowed | passphrase_file",
    "key = 7 | `key`: expected a text, found integer | quotation marks",
    "key = ['x'] | `key`: expected a text, found array | quotation marks",
    "issuer = ' ' | `issuer`: expected a text, found an empty text | quotation marks",
    "key = '-' | found -, which is standard input | remove the line",
    "alg = 'HS256' | `alg`: expected RS256 or PS256 | remove the line",
    "key = 'x'\nkey = 'y' | line 2: duplicate key | write each setting",
    "# x\n\nkey = vendor.key | line 3: | write each setting",
    "key = 'x | line 1: | write each setting",
];

#[test]
fn a_settings_file_that_is_not_valid_is_refused_with_the_line_and_a_suggestion() {
    let workstation = workstation();
    let refuse = |text: &[u8], message: &str, hint: &str| {
        workstation.write_private("keygen.toml", text);
        let run = Run::keygen(&workstation).args(words("ledger list --config keygen.toml"));
        let run = run.run();
        let error = run.expect_failure(3);
        assert!(error.message.starts_with("keygen.toml"), "{error:?}");
        assert!(error.message.contains(message), "{message}: {error:?}");
        assert!(error.hint.contains(hint), "{hint}: {error:?}");
        let secrets = ["hunter2", "1234"];
        let is_shown = |secret: &&str| run.stderr.contains(*secret);
        assert!(!secrets.iter().any(is_shown), "{error:?}");
    };
    for case in REFUSALS {
        let parts: Vec<_> = case.split(" | ").collect();
        refuse(parts[0].as_bytes(), parts[1], parts[2]);
    }
    refuse(b"key = '\xff'", "offset 7", "UTF-8");
    let limit = 256 * 1024;
    let comment = |length: usize| format!("#{}", "x".repeat(length - 1));
    refuse(
        comment(limit + 1).as_bytes(),
        "at most 262144 bytes",
        "correct file",
    );
    write_own(&workstation, "keygen.toml", &comment(limit));
    let line = words("public --key one.key --config keygen.toml");
    let _ = keygen(&workstation, &line).expect_code(0);
    let _ = keygen(&workstation, &words("public --config home")).expect_failure(2);
}

#[test]
fn settings_in_other_encodings_and_without_content_are_read() {
    let workstation = workstation();
    let text = "key = 'one.key'\r\n";
    let utf_16: Vec<u8> = "\u{feff}"
        .encode_utf16()
        .chain(text.encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    for text in [
        text.as_bytes(),
        format!("\u{feff}{text}").as_bytes(),
        &utf_16,
    ] {
        workstation.write_private("keygen.toml", text);
        let _ = keygen(&workstation, &["public", "--config", "keygen.toml"]).expect_code(0);
    }
    write_own(&workstation, "keygen.toml", "# nothing\n");
    let _ = keygen(
        &workstation,
        &words("public --key one.key --config keygen.toml"),
    )
    .expect_code(0);
}

#[cfg(unix)]
#[test]
fn a_settings_file_that_another_user_can_change_is_refused() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
    let workstation = workstation();
    fs::create_dir(workstation.file("settings")).unwrap();
    write_own(&workstation, "settings/keygen.toml", "key = \"../one.key\"");
    let mode = |name: &str, mode: u32| {
        fs::set_permissions(workstation.file(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    let run = |options: &[&str]| {
        let run = Run::keygen(&workstation).arg("public").args(options);
        run.env("KEYGEN_CONFIG", "settings/keygen.toml").run()
    };
    // Only root and members of a group can give a file to the group.
    let group = Some(65534);
    let has_group = ["settings", "settings/keygen.toml"]
        .map(|name| chown(workstation.file(name), None, group))
        .iter()
        .all(Result::is_ok);
    for (file, directory, is_accepted) in [
        (0o600, 0o700, true),
        (0o644, 0o755, true),
        (0o646, 0o755, false),
        (0o644, 0o777, false),
        // The group is not the group of the user.
        (0o664, 0o755, false),
        (0o644, 0o775, false),
        // In a sticky directory, others cannot replace the file.
        (0o644, 0o1777, true),
    ] {
        if !has_group && (file | directory) & 0o022 == 0o020 {
            eprintln!("SKIPPED: only root can give a file to another group");
            continue;
        }
        mode("settings/keygen.toml", file);
        mode("settings", directory);
        if is_accepted {
            let _ = run(&[]).expect_code(0);
            continue;
        }
        let error = run(&[]).expect_failure(2);
        assert!(
            error
                .message
                .contains("that only you and root can change, found mode"),
            "{error:?}"
        );
        assert!(error.hint.contains("chmod go-w"), "{error:?}");
        assert_eq!(run(&["--json"]).expect_json_failure(2), "INSECURE_FILE");
        // A symbolic link does not hide the place.
        let _ = fs::remove_file(workstation.file("link.toml"));
        symlink("settings/keygen.toml", workstation.file("link.toml")).unwrap();
        let link = ["--config", "link.toml", "--json"];
        assert_eq!(run(&link).expect_json_failure(2), "INSECURE_FILE");
        let _ = run(&["--no-config", "--key", "one.key"]).expect_code(0);
    }
    mode("settings", 0o755);
    if has_group {
        let own = fs::metadata(workstation.path()).unwrap().uid();
        let file = workstation.file("settings/keygen.toml");
        // A group with the id of the user counts as the user.
        chown(&file, None, Some(own)).unwrap();
        mode("settings/keygen.toml", 0o664);
        let _ = run(&[]).expect_code(0);
    }
    if chown(workstation.file("settings/keygen.toml"), Some(65534), None).is_err() {
        eprintln!("SKIPPED: only root can change the owner of a file");
        return;
    }
    let error = run(&[]).expect_failure(2);
    assert!(
        error.message.contains("found user 65534 as the owner"),
        "{error:?}"
    );
}

#[test]
fn commands_without_settings_work_with_a_damaged_file() {
    let workstation = workstation();
    let _ = keygen(&workstation, &words("public --key one.key --out one.pem")).expect_code(0);
    workstation.write("product.toml", WIDGET);
    write_settings(&workstation, "damaged");
    if cfg!(target_os = "linux") {
        let _ = keygen(&workstation, &["public", "--key", "one.key"]).expect_failure(3);
    }
    for line in [
        "inspect one.pem",
        "trust one.pem",
        "product check product.toml",
        "completions bash",
        "--help",
    ] {
        let _ = keygen(&workstation, &words(line)).expect_code(0);
    }
}

/// The steps of the guide work in a shell, in the order of the guide.
#[cfg(target_os = "linux")]
#[test]
fn the_steps_of_the_guide_set_the_settings_once() {
    let workstation = Vendor::shared().workstation();
    let guide = fs::read_to_string(programs::workspace().join("docs/vendor.md")).unwrap();
    let section = guide
        .split("\n## ")
        .find(|section| section.starts_with("Set options once\n"));
    let blocks = section.unwrap().split("```sh\n").skip(1);
    let blocks: Vec<_> = blocks
        .map(|block| block.split("```").next().unwrap())
        .collect();
    let script = blocks.concat().replace("\n   ", "\n");
    let path = std::env::var("PATH").unwrap_or_default();
    let programs = programs::keygen().parent().unwrap().display();
    let run = Run::new("sh", &workstation).env("PATH", format!("{programs}:{path}"));
    let run = run
        .args(["-ec", &format!("umask 022\n{script}")])
        .run()
        .expect_code(0);
    assert!(run.stdout.contains("file, line 1"), "{}", run.stdout);
    assert!(workstation.file("jo.lic").is_file() && workstation.file("ledger.db").is_file());
}
