//! `license session`: each project has one session id, which does not depend on the given path.

use std::fs;

use super::*;

/// Returns a machine with the projects `shop` (with `.git`), `mill` (with `.coditect`) and `barn`
/// (without these directories).
fn projects() -> Scratch {
    let machine = machine();
    for directory in [
        "shop/.git",
        "shop/src/cart",
        "mill/.coditect",
        "mill/src",
        "barn",
    ] {
        fs::create_dir_all(machine.file(directory)).unwrap();
    }
    machine
}

#[track_caller]
fn session_with(machine: &Scratch, options: &[&str], path: &str) -> Value {
    let args = [&["session", "--json", path], options].concat();
    on(HERE, machine, &args).expect_code(0).json()
}

#[track_caller]
fn session(machine: &Scratch, path: &str) -> Value {
    session_with(machine, &[], path)
}

#[track_caller]
fn id(session: &Value) -> &str {
    let id = session["session_id"].as_str().unwrap();
    let digits = id.strip_prefix("sess_").unwrap();
    let is_hex = |character: char| matches!(character, '0'..='9' | 'a'..='f');
    assert!(digits.len() == 32 && digits.chars().all(is_hex), "{id}");
    id
}

#[test]
fn every_spelling_of_a_path_gives_the_same_session() {
    let machine = projects();
    let absolute = machine.file("shop");
    let absolute = absolute.to_str().unwrap();
    let expected = session(&machine, absolute);
    for path in [
        "shop",
        "shop/",
        "shop//",
        "./shop",
        "shop/.",
        "shop/src",
        "shop/src/cart/",
        "shop/src/../src/cart/..",
        "barn/../shop",
        "shop/.git",
        &format!("{absolute}/"),
        &format!("{absolute}/../shop/src"),
    ] {
        assert_eq!(id(&session(&machine, path)), id(&expected), "{path}");
    }
    assert_eq!(
        session(&machine, "shop"),
        expected,
        "the session id is stable"
    );
}

#[cfg(unix)]
#[test]
fn symbolic_links_give_the_same_session_and_are_listed() {
    use std::os::unix::fs::symlink;
    let machine = projects();
    fs::create_dir(machine.file("links")).unwrap();
    symlink(machine.file("shop"), machine.file("links/absolute")).unwrap();
    symlink("../shop", machine.file("links/relative")).unwrap();
    symlink("relative", machine.file("links/chain")).unwrap();
    symlink("../shop/src/cart", machine.file("links/inside")).unwrap();
    let expected = session(&machine, "shop");
    assert_eq!(expected["links"], json!([]));
    for path in [
        "links/absolute",
        "links/relative/",
        "links/chain",
        "links/chain/src/..",
        "links/inside",
        // This path names the parent of the link's target, not the parent of the link.
        "links/inside/..",
    ] {
        let found = session(&machine, path);
        assert_eq!(id(&found), id(&expected), "{path}");
        assert_eq!(found["root"], expected["root"], "{path}");
    }
    let root = fs::canonicalize(machine.path()).unwrap();
    let at = |name: &str| root.join(name).to_str().unwrap().to_owned();
    let links = json!([
        { "path": at("links/chain"), "target": "relative" },
        { "path": at("links/relative"), "target": "../shop" },
    ]);
    assert_eq!(session(&machine, "links/chain")["links"], links);
    let text = on(HERE, &machine, &["session", "links/relative"])
        .expect_code(0)
        .stdout;
    let line = format!("\n  link      {} -> ../shop\n", at("links/relative"));
    assert!(text.contains(&line), "{text}");
}

#[test]
fn the_output_shows_how_the_root_was_found() {
    let machine = projects();
    let root = fs::canonicalize(machine.path()).unwrap();
    for (path, project, found_by) in [
        ("shop/src/cart", "shop", "git"),
        ("mill/src", "mill", "coditect"),
        ("barn", "barn", "directory"),
    ] {
        let found = session(&machine, path);
        assert_eq!(found["found_by"], found_by);
        assert_eq!(found["root"], root.join(project).to_str().unwrap());
    }
}

#[test]
fn each_project_user_license_and_machine_has_its_own_session() {
    let machine = projects();
    let mut ids = vec![
        id(&session(&machine, "shop")).to_owned(),
        id(&session(&machine, "mill")).to_owned(),
        id(&session(&machine, "barn")).to_owned(),
        id(&session_with(&machine, &["--user", "ann"], "shop")).to_owned(),
        id(&session_with(&machine, &["--user", "ben"], "shop")).to_owned(),
    ];
    let elsewhere = on(ELSEWHERE, &machine, &["session", "--json", "shop"]);
    ids.push(id(&elsewhere.expect_code(0).json()).to_owned());
    for file in ["ent.lic", "enterprise.key"] {
        let install = ["install", "--force", "--trust", "trust.jwks", file];
        let _ = on(HERE, &machine, &install).expect_code(0);
        ids.push(id(&session(&machine, "shop")).to_owned());
    }
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count, "{ids:?}");
}

#[test]
fn the_report_contains_the_license_id_and_the_machine() {
    let machine = projects();
    let found = session(&machine, "shop");
    assert_eq!(
        (&found["license_id"], &found["machine"]),
        (&Value::Null, &json!(digest_of(HERE)))
    );
    let _ = on(
        HERE,
        &machine,
        &["install", "--trust", "trust.jwks", "ent.lic"],
    )
    .expect_code(0);
    let found = session(&machine, "shop");
    assert_eq!(found["license_id"], ENT.report["license_id"]);
}

#[test]
fn the_command_writes_no_files() {
    let machine = projects();
    let _ = session(&machine, "shop");
    assert!(!machine.state().exists());
}

#[test]
fn an_error_names_the_missing_path() {
    let machine = projects();
    for path in ["nowhere", "shop/nowhere/deep", "nowhere/../shop"] {
        let error = license(&machine, &["session", path]).expect_failure(2);
        assert!(error.message.contains("nowhere"), "{error:?}");
        let json = license(&machine, &["session", path, "--json"]);
        assert_eq!(json.expect_json_failure(2), "USAGE");
    }
    machine.write("file", "");
    let error = license(&machine, &["session", "file/below"]).expect_failure(2);
    assert!(
        error.message.contains("file is not a directory"),
        "{error:?}"
    );
}

#[cfg(unix)]
#[test]
fn an_error_names_dangling_and_circular_links() {
    use std::os::unix::fs::symlink;
    let machine = projects();
    symlink("b", machine.file("a")).unwrap();
    symlink("a", machine.file("b")).unwrap();
    symlink("nowhere", machine.file("dangling")).unwrap();
    let error = license(&machine, &["session", "a"]).expect_failure(2);
    assert!(error.message.contains("form a loop at"), "{error:?}");
    let error = license(&machine, &["session", "dangling"]).expect_failure(2);
    for word in ["nowhere", "dangling"] {
        assert!(error.message.contains(word), "{error:?}");
    }
}

#[cfg(unix)]
#[test]
fn an_error_names_an_unreadable_directory() {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;
    let machine = projects();
    let Some(user) = UnprivilegedUser::on(&machine) else {
        return;
    };
    let closed = machine.file("shop");
    fs::set_permissions(&closed, Permissions::from_mode(0o000)).unwrap();
    let refused = user.license(&["session", "shop/src"]);
    let json = user.license(&["session", "shop/src", "--json"]);
    // Allows the removal of the directory after the test.
    fs::set_permissions(&closed, Permissions::from_mode(0o700)).unwrap();
    let error = refused.expect_failure(4);
    assert!(error.message.contains("shop"), "{error:?}");
    assert_eq!(json.expect_json_failure(4), "IO");
}

#[cfg(target_os = "linux")]
#[test]
fn a_path_that_is_too_long_is_reported_with_its_length() {
    let machine = projects();
    let mut directory = machine.file("shop");
    while directory.as_os_str().len() < 3890 {
        directory.push("d".repeat(190));
    }
    let remaining = 4090 - directory.as_os_str().len() - 1;
    directory.push("d".repeat(remaining));
    fs::create_dir_all(&directory).unwrap();
    for command in ["session", "usage"] {
        let path = directory.to_str().unwrap();
        let error = license(&machine, &[command, path]).expect_failure(4);
        for words in [
            "the path has 4100 bytes and ",
            " is more than the system accepts",
        ] {
            assert!(error.message.contains(words), "{error:?}");
        }
        assert!(error.hint.contains("shorter"), "{error:?}");
        let json = license(&machine, &[command, path, "--json"]);
        assert_eq!(json.expect_json_failure(4), "IO");
    }
}

#[test]
fn a_damaged_license_does_not_change_the_session() {
    let machine = projects();
    let before = session(&machine, "shop");
    fs::create_dir(machine.state()).unwrap();
    machine.write("state/trust.jwks", &Vendor::shared().trust);
    machine.write("state/license.lic", tampered(&TEAM));
    let report = on(HERE, &machine, &["session", "shop"]).expect_code(0);
    assert!(report.stdout.starts_with(id(&before)), "{report:?}");
    assert!(
        report.stderr.contains("warning: BAD_SIGNATURE"),
        "{report:?}"
    );
}

#[test]
#[cfg(target_os = "linux")]
fn a_bind_mount_that_makes_a_second_session_is_explained() {
    let machine = projects();
    let script =
        "mkdir second && mount --bind shop second && \"$LICENSE\" session --json second/src";
    let Some(run) = license_tests::tools::with_own_mounts(&machine, script) else {
        return;
    };
    let run = run.env("LICENSE", license_tests::programs::license());
    let report = run
        .env("CODITECT_MACHINE_ID", HERE)
        .run()
        .expect_code(0)
        .json();
    assert_ne!(id(&report), id(&session(&machine, "shop/src")));
    assert_eq!(warnings(&report), ["BIND_MOUNT"]);
    let message = report["warnings"][0]["message"].as_str().unwrap();
    assert!(message.contains("/second is a bind mount of "), "{message}");
    assert_eq!(warnings(&session(&machine, "shop/src")), [""; 0]);
}
