use super::*;

const FILE: &str = include_str!("../../../fixtures/files/valid-pro.lic");
/// A license and its validation token.
const BOTH: &str = include_str!("../../../fixtures/files/license-and-validation.lic");
/// A block that a mail can contain in addition to a license.
const REQUEST: &str =
    "-----BEGIN LICENSE CLOCK REQUEST-----\n{}\n-----END LICENSE CLOCK REQUEST-----\n";

/// Returns the tokens of a file.
fn tokens(text: &str) -> Vec<String> {
    let file = LicenseFile::parse(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let tokens = file
        .blocks()
        .iter()
        .map(|block| block.token.as_str().to_owned());
    tokens.collect()
}

/// Returns the message about a text that is refused.
fn refused(text: &str) -> String {
    LicenseFile::parse(text).unwrap_err().to_string()
}

fn quoted(text: &str) -> String {
    text.lines().map(|line| format!("> {line}\n")).collect()
}

/// Returns a mail with this text. Its first line of content is the fourth.
fn mail(text: &str) -> String {
    format!("From: vendor@example.com\n\nDear Jo,\n{text}\nKind regards - Ann\n")
}

#[test]
fn other_text_around_the_blocks_is_ignored() {
    let expected = tokens(BOTH);
    assert_eq!(expected.len(), 2);
    let (license, validation) = BOTH.split_at(BOTH.rfind("-----BEGIN").unwrap());
    for text in [
        mail(BOTH),
        mail(BOTH).replace('\n', "\r\n"),
        mail(BOTH).replace('\n', "  \r\n"),
        mail(&quoted(BOTH)),
        quoted(&quoted(&mail(BOTH))),
        format!(
            "\u{feff}{}",
            mail(&format!("{license}\nand\n\n{validation}"))
        ),
        mail(&format!("{license}{REQUEST}{validation}")),
        mail(&format!("{REQUEST}{BOTH}")),
        mail(&BOTH.replace('\n', " ")),
        format!("{}{}", mail(BOTH), quoted(&mail(BOTH))),
        format!(
            "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n{}",
            mail(BOTH).replace("\n--", "\n- --")
        ),
    ] {
        assert_eq!(tokens(&text), expected, "{text}");
    }
    let prose = format!("Dear customer, {}", FILE.replace('\n', " "));
    assert_eq!(tokens(&prose), tokens(FILE));
}

#[test]
fn damaged_and_unknown_blocks_in_a_mail_are_refused() {
    let (begin, rest) = FILE.split_once('\n').unwrap();
    let (token, end) = rest.rsplit_once("\n-").unwrap();
    let cut = format!("{begin}\n{token}");
    let unknown = FILE.replace("LICENSE", "LICENSE OF TOMORROW");
    let private = FILE.replace("LICENSE", "RSA PRIVATE KEY");
    for (text, expected) in [
        (
            mail(&cut),
            "expected -----END LICENSE-----, found the end of the text",
        ),
        (
            mail(&format!("{cut}\n{FILE}")),
            "expected -----END LICENSE-----, found the beginning of another block",
        ),
        (
            mail(&format!("{token}\n-{end}{FILE}")),
            "expected -----BEGIN LICENSE-----, found the end of another block",
        ),
        (
            mail(&format!("{unknown}{FILE}")),
            "line 4: expected -----BEGIN LICENSE-----, found the beginning of another block",
        ),
        (mail(&format!("{private}{FILE}")), "found a private key"),
        (mail(REQUEST), "found a clock request"),
        (mail("no license"), "found other text"),
    ] {
        let message = refused(&text);
        assert!(message.contains(expected), "{message}: {text}");
    }
}

#[test]
fn errors_and_blocks_have_the_line_of_the_text() {
    let damaged = FILE.replacen("eyJ", "ey!J", 1);
    for (text, expected) in [
        (damaged.clone(), "line 2, character 3"),
        (format!("\n\n\n{damaged}"), "line 5, character 3"),
        (format!("\n\n\n{}", quoted(&damaged)), "line 5, character 5"),
        (mail(&damaged), "line 5, character 3"),
        (
            mail(&quoted(&damaged)).replace('\n', "\r\n"),
            "line 5, character 5",
        ),
        (
            format!("\n\n{}", damaged.replace('\n', " ")),
            "line 3, character 27",
        ),
    ] {
        let message = refused(&text);
        assert!(message.contains(expected), "{message}: {text}");
    }
    let lines = |text: &str| {
        let file = LicenseFile::parse(text).unwrap();
        file.blocks()
            .iter()
            .map(|block| block.line)
            .collect::<Vec<_>>()
    };
    let second = 1 + BOTH[..BOTH.rfind("-----BEGIN").unwrap()]
        .matches('\n')
        .count();
    assert_eq!(lines(BOTH), [1, second]);
    assert_eq!(lines(&format!("\n\n{}", quoted(BOTH))), [3, second + 2]);
    assert_eq!(lines(&mail(BOTH)), [4, second + 3]);
    assert_eq!(lines(&format!("\n{}", BOTH.replace('\n', " "))), [2, 2]);
}

#[test]
fn a_file_on_one_line_is_accepted() {
    let token = |text: &str| tokens(text).remove(0);
    for separator in [" ", "", "  ", "\t"] {
        let line = FILE.replace('\n', separator);
        assert_eq!(token(&line), token(FILE), "{separator:?}");
    }
    assert_eq!(tokens(&BOTH.replace('\n', " ")), tokens(BOTH));
}

#[test]
fn delimiters_with_typographic_dashes_are_accepted() {
    for line in [
        "-----BEGIN LICENSE-----",
        "—BEGIN LICENSE—",
        "––-BEGIN LICENSE-––\r",
    ] {
        let Some(Delimiter::Begin(label)) = delimiter(line) else {
            panic!("{line}")
        };
        assert_eq!(label, "LICENSE");
    }
    for line in [
        "BEGIN LICENSE",
        "-----BEGIN-----",
        "--- a line ---",
        "eyJhbGciOiJSUzI1NiJ9",
    ] {
        assert!(delimiter(line).is_none(), "{line}");
    }
}
