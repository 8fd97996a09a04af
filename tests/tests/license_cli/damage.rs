//! What mail, chat and editors do to licenses is undone.

use super::*;

/// As Windows writes it.
fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    let marked = format!("\u{feff}{text}");
    marked.encode_utf16().flat_map(bytes).collect()
}

#[track_caller]
fn survives(name: &str, content: impl AsRef<[u8]>) {
    let site = site();
    site.write("damaged", content);
    let outcome = verify(&site, &["--json", "damaged"]);
    assert_eq!(outcome.code, Some(0), "{name}: {}", outcome.stdout);
}

#[test]
fn a_license_file_survives_its_way() {
    let file = &TEAM.file;
    let crlf = file.replace('\n', "\r\n");
    survives("CRLF", &crlf);
    survives("a byte order mark", format!("\u{feff}{file}"));
    survives("a byte order mark and CRLF", format!("\u{feff}{crlf}"));
    survives("blank lines around", format!("\r\n\n  {file}\n\n \t\n"));
    survives("quotes", format!("\"{file}\""));
    survives("indentation", file.replace('\n', "\n    "));
    survives("no newline at its end", file.trim_end());
    survives(
        "other dashes",
        file.replace("-----", "\u{2013}\u{2014}\u{2010}\u{2011}\u{2212}"),
    );
    survives("UTF-16, little end first", utf16(&crlf, u16::to_le_bytes));
    survives("UTF-16, big end first", utf16(&crlf, u16::to_be_bytes));
}

#[test]
fn a_token_survives_its_way() {
    let token = TEAM.token();
    let wrapped: Vec<_> = token
        .as_bytes()
        .chunks(76)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    survives("a newline at its end", format!("{token}\n"));
    survives("wrapping", wrapped.join("\r\n"));
    survives("a byte order mark", format!("\u{feff}{token}"));
    survives("quotes", format!("\u{201c}{token}\u{201d}"));
    survives("UTF-16", utf16(&token, u16::to_le_bytes));
}

#[test]
fn an_enterprise_key_survives_its_way() {
    let key = &*ENTERPRISE_KEY;
    let wrapped: Vec<_> = key
        .as_bytes()
        .chunks(60)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    survives("wrapping", wrapped.join("\n"));
    survives("CRLF", format!("{key}\r\n"));
    survives("quotes", format!("'{key}'"));
    survives("a byte order mark", format!("\u{feff}{key}"));
    survives("dashes of an editor", key.replacen('-', "\u{2013}", 5));
}

#[test]
fn a_standard_key_survives_its_way_as_an_argument() {
    let site = site();
    let key = PRO.key();
    for damaged in [
        key.to_lowercase(),
        format!("  {key}\n"),
        format!("\"{key}\""),
        key.replace('-', "\u{2010}"),
        key.replace('-', "\u{2014}"),
        format!("\u{feff}{key}"),
    ] {
        expect_valid(verify(&site, &["--json", &damaged, "--license", "pro.lic"]));
    }
}

#[test]
fn other_damage_is_refused_with_its_place() {
    let site = site();
    let line = TEAM.file.lines().nth(2).unwrap();
    site.write(
        "damaged",
        TEAM.file
            .replacen(line, &format!("{}*{}", &line[..10], &line[11..]), 1),
    );
    let complaint = verify(&site, &["damaged"]).expect_failure(3);
    assert!(
        complaint.message.contains("line 3") && complaint.message.contains("11"),
        "{complaint:?}"
    );
    let complaint = verify(&site, &[&PRO.key().replacen("PRO", "*RO", 1)]).expect_failure(3);
    assert!(complaint.message.contains("character 10"), "{complaint:?}");
}
