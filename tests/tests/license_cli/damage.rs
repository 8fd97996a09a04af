//! Changes that mail, chat and editors make to license text are tolerated.

mod entrances;

use super::*;

/// Encodes text as UTF-16 with a byte order mark, as Windows programs do.
fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    let marked = format!("\u{feff}{text}");
    marked.encode_utf16().flat_map(bytes).collect()
}

#[track_caller]
fn verifies(name: &str, content: impl AsRef<[u8]>) {
    let machine = machine();
    machine.write("damaged", content);
    let outcome = verify(&machine, &["--json", "damaged"]);
    assert_eq!(outcome.code, Some(0), "{name}: {}", outcome.stdout);
}

#[test]
fn a_license_file_is_read_in_spite_of_changed_layout() {
    let file = &TEAM.file;
    let crlf = file.replace('\n', "\r\n");
    verifies("CRLF", &crlf);
    verifies("a byte order mark", format!("\u{feff}{file}"));
    verifies("a byte order mark and CRLF", format!("\u{feff}{crlf}"));
    verifies("blank lines around", format!("\r\n\n  {file}\n\n \t\n"));
    verifies("quotes", format!("\"{file}\""));
    verifies("indentation", file.replace('\n', "\n    "));
    verifies("no final newline", file.trim_end());
    verifies(
        "other dashes",
        file.replace("-----", "\u{2013}\u{2014}\u{2010}\u{2011}\u{2212}"),
    );
    verifies("UTF-16, little endian", utf16(&crlf, u16::to_le_bytes));
    verifies("UTF-16, big endian", utf16(&crlf, u16::to_be_bytes));
}

#[test]
fn a_token_is_read_in_spite_of_changed_layout() {
    let token = TEAM.token();
    let wrapped: Vec<_> = token
        .as_bytes()
        .chunks(76)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    verifies("a final newline", format!("{token}\n"));
    verifies("wrapping", wrapped.join("\r\n"));
    verifies("a byte order mark", format!("\u{feff}{token}"));
    verifies("quotes", format!("\u{201c}{token}\u{201d}"));
    verifies("UTF-16", utf16(&token, u16::to_le_bytes));
}

#[test]
fn an_enterprise_key_is_read_in_spite_of_changed_layout() {
    let key = &*ENTERPRISE_KEY;
    let wrapped: Vec<_> = key
        .as_bytes()
        .chunks(60)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    verifies("wrapping", wrapped.join("\n"));
    verifies("CRLF", format!("{key}\r\n"));
    verifies("quotes", format!("'{key}'"));
    verifies("a byte order mark", format!("\u{feff}{key}"));
    verifies("typographic dashes", key.replacen('-', "\u{2013}", 5));
}

#[test]
fn a_standard_key_argument_is_read_in_spite_of_changed_layout() {
    let machine = machine();
    let key = PRO.key();
    for damaged in [
        key.to_lowercase(),
        format!("  {key}\n"),
        format!("\"{key}\""),
        key.replace('-', "\u{2010}"),
        key.replace('-', "\u{2014}"),
        format!("\u{feff}{key}"),
    ] {
        expect_valid(verify(
            &machine,
            &["--json", &damaged, "--license", "pro.lic"],
        ));
    }
}

#[test]
fn a_license_is_found_in_a_mail() {
    let machine = machine();
    let quoted = TEAM.file.replace('\n', "\r\n> ");
    let mail = format!("Jo wrote:\r\n\r\n> {quoted}\r\n> Bye\r\n\r\nBest regards\r\n");
    machine.write("mail.txt", &mail);
    expect_valid(verify(&machine, &["--json", "mail.txt"]));
    let inspected = license(&machine, &["inspect", "--json", "mail.txt"]);
    assert_eq!(inspected.expect_code(0).json()["tokens"][0]["line"], 3);
    let install = words("install mail.txt --trust trust.jwks --at");
    let _ = license(&machine, &[&install[..], &[AT]].concat()).expect_code(0);
    assert_eq!(machine.read("state/license.lic"), TEAM.file);
    let end = "-----END LICENSE-----";
    machine.write("cut.txt", mail.replace(end, ""));
    for command in ["verify", "install", "inspect"] {
        let error = license(&machine, &[command, "cut.txt"]).expect_failure(3);
        assert!(error.message.contains(end), "{command}: {error:?}");
    }
}

#[test]
fn other_damage_is_refused_with_its_position() {
    let machine = machine();
    let line = TEAM.file.lines().nth(2).unwrap();
    machine.write(
        "damaged",
        TEAM.file
            .replacen(line, &format!("{}*{}", &line[..10], &line[11..]), 1),
    );
    let error = verify(&machine, &["damaged"]).expect_failure(3);
    assert!(
        error.message.contains("line 3") && error.message.contains("11"),
        "{error:?}"
    );
    let error = verify(&machine, &[&PRO.key().replacen("PRO", "*RO", 1)]).expect_failure(3);
    assert!(error.message.contains("character 10"), "{error:?}");
}
