//! Tests of machine requests and deactivation receipts in each of their forms.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use chrono::{DateTime, Utc};

use super::text::{MAX_REQUEST_BYTES, MAX_SURROUNDED_BYTES};
use super::*;
use crate::code::Code;
use crate::ids::{Nonce, ProductCode};
use crate::key::LicenseId;
use crate::machine::{ComponentKind, Fingerprint};
use crate::requests::readback;
use crate::time;

fn product() -> ProductCode {
    ProductCode::parse("CODITECT").unwrap()
}

fn machine() -> Fingerprint {
    let values = [
        (ComponentKind::MachineId, "5a7c3e9b1d2f48069ab4c8e0d6f1735b"),
        (ComponentKind::Mac, "52:54:00:12:34:56"),
        (ComponentKind::Cpu, "a processor"),
    ];
    Fingerprint::new(product(), values)
}

fn at(text: &str) -> DateTime<Utc> {
    time::parse_instant(text).unwrap()
}

fn secret() -> ActivationSecret {
    ActivationSecret::from_random([7; 32])
}

fn request(license: LicenseId) -> MachineRequest {
    MachineRequest::Activation(ActivationRequest {
        product: product(),
        license,
        machine: machine(),
        nonce: Nonce::from_random([5; 16]),
        commitment: secret().commitment(),
        made_at: at("2027-03-01T12:00:00Z"),
    })
}

fn uuid() -> LicenseId {
    LicenseId::from_random(time::from_unix_seconds(1_795_000_000).unwrap(), &[0xab; 10])
}

fn requests() -> [MachineRequest; 4] {
    let enterprise_key =
        LicenseId::parse("CODITECT-ENT-ACME-100-20261231-A7F3E9D2C4B1F8E2").unwrap();
    [
        request(uuid()),
        request(enterprise_key),
        MachineRequest::Clock(ClockRequest {
            product: product(),
            machine: machine(),
            nonce: Nonce::from_random([6; 16]),
            mark: at("2099-01-01"),
            made_at: at("2027-03-01T12:00:00Z"),
        }),
        MachineRequest::Deactivation(DeactivationReceipt {
            product: product(),
            license: uuid(),
            machine: machine().digest().unwrap(),
            nonce: Nonce::from_random([5; 16]),
            secret: secret(),
            made_at: at("2027-03-01T12:00:00Z"),
        }),
    ]
}

#[test]
fn every_form_round_trips() {
    for request in requests() {
        assert_eq!(MachineRequest::parse(&request.to_armor()).unwrap(), request);
        assert_eq!(MachineRequest::parse(&request.to_line()).unwrap(), request);
        assert_eq!(
            MachineRequest::from_bytes(&request.to_bytes()).unwrap(),
            request
        );
        let lines = readback::to_lines(&request.to_bytes()).unwrap();
        assert_eq!(MachineRequest::parse(&lines.join("\n")).unwrap(), request);
    }
}

/// The commitment was computed with `printf %s 0707…07 | xxd -r -p | sha256sum`.
#[test]
fn a_commitment_is_the_sha_256_of_its_secret() {
    let expected = "4bb06f8e4e3a7715d201d573d0aa423762e55dabd61a2c02278fa56cc6d294e0";
    assert_eq!(secret().commitment().to_string(), expected);
    assert_eq!(format!("{:?}", secret()), "Secret");
}

#[test]
fn changes_by_mail_programs_and_editors_are_accepted() {
    for request in requests() {
        let armor = request.to_armor();
        for pasted in [
            armor.replace('\n', "\r\n"),
            format!("\u{feff}  {armor}\n\n"),
            armor.replace('\n', " "),
            armor.replace("-----", "—"),
            armor.replace('-', "\u{2010}"),
            armor.replacen('"', "“", 3),
            armor.replace("mach", "ma\n  ch").replace("fp1:", "fp\n1:"),
            armor.replace('\n', "\r"),
            armor.replace('\n', "\\n"),
            armor.replace('\n', ""),
            format!("> {}", armor.trim_end().replace('\n', "\n> ")),
            armor
                .replace('\n', "\u{a0}\n")
                .replace("mach", "ma\u{200b}\u{ad}ch"),
            format!("{armor}\u{1a}"),
        ] {
            assert_eq!(MachineRequest::parse(&pasted).unwrap(), request, "{pasted}");
        }
    }
}

#[test]
fn a_request_is_found_in_a_mail() {
    for request in requests() {
        let armor = request.to_armor();
        let quoted = format!("> {}", armor.trim_end().replace('\n', "\n> "));
        let html = armor.replace('"', "&quot;").replace(' ', "&nbsp;");
        let long = "A sentence -- of the mail.\n".repeat(3000);
        for mail in [
            format!("Dear vendor,\n\n{armor}\nKind regards\n-- \nJo <jo@example.com>\n"),
            format!("Hello\n\n{armor}\nBye\n").replace('\n', "\r\n"),
            format!("On Monday, Jo wrote:\n> Hello,\n> \n{quoted}\n> Bye\n\nBest regards\n"),
            format!(
                "<p>Hello {{</p>{}<p>Bye}}</p>",
                armor.replace('\n', "<br>\n")
            ),
            format!("<html><body>{}</body></html>", html.replace('\n', "<br/>")),
            format!(
                "<div>&gt; {}</div>",
                html.trim_end().replace('\n', "<BR />&gt;&nbsp;")
            ),
            format!("Hello, {} Bye", request.to_line()),
            format!("-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n{armor}\n-- \n"),
            format!("{long}{armor}{long}"),
        ] {
            assert_eq!(MachineRequest::parse(&mail).unwrap(), request, "{mail}");
        }
    }
}

#[test]
fn a_mail_with_several_or_incomplete_requests_is_refused() {
    let [good, _, clock, _] = requests().map(|request| request.to_armor());
    let error = |mail: &str| MachineRequest::parse(mail).unwrap_err().to_string();
    let several = "expected one request or receipt, found several";
    let cut = good.split_once("nonce").unwrap().0;
    // A thread quotes its first mail.
    let thread = format!("{good}> {}", good.trim_end().replace('\n', "\n> "));
    let copies = MachineRequest::parse(&thread).unwrap();
    assert_eq!(copies.to_armor(), good);
    for mail in [
        format!("Hello\n{good}\nand\n{clock}\nBye\n"),
        format!("Hello\n{cut}\nonce more:\n{good}"),
    ] {
        assert_eq!(error(&mail), several, "{mail}");
    }
    let encoded = "expected the text of a mail, found an encoded mail";
    for encoding in ["base64", "Quoted-Printable"] {
        let header =
            format!("From: jo@example.com\r\nContent-transfer-encoding: {encoding}\r\n\r\n");
        assert_eq!(error(&format!("{header}LS0tLS1CRUdJTiBMSUNFTlNF")), encoded);
        assert_eq!(
            error(&format!("{header}{}", good.replace(':', "=3A"))),
            encoded
        );
        assert!(MachineRequest::parse(&format!("{header}{good}")).is_ok());
    }
    let end = good.find("-----END").unwrap();
    let armor = "expected one block from";
    for mail in [
        format!("Hello\n{}Bye\n", &good[..end]),
        good.replace("-----END LICENSE ACTIVATION", "-----END LICENSE CLOCK"),
        "Hello\nBEGIN REQUEST\nBye\n".to_owned(),
    ] {
        assert!(error(&mail).starts_with(armor), "{mail}");
    }
    let limits = [
        (
            MAX_SURROUNDED_BYTES,
            format!("{good}{}", " ".repeat(MAX_SURROUNDED_BYTES)),
        ),
        (
            MAX_REQUEST_BYTES,
            good.replace('{', &format!("{{{}", "x".repeat(MAX_REQUEST_BYTES))),
        ),
    ];
    for (limit, mail) in limits {
        assert!(error(&mail).starts_with(&format!("expected at most {limit} bytes")));
    }
}

#[test]
fn every_changed_or_missing_character_is_detected() {
    for request in requests() {
        let armor = request.to_armor();
        let label = request.kind().label();
        let body = armor.find('{').unwrap()..armor.find('}').unwrap();
        for at in body.filter(|at| armor.as_bytes()[*at].is_ascii_alphanumeric()) {
            let mut bytes = armor.clone().into_bytes();
            bytes[at] = if bytes[at] == b'3' { b'4' } else { b'3' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(MachineRequest::parse(&changed).is_err(), "{label} {at}");
        }
        for cut in (0..armor.trim_end().len()).filter(|cut| armor.is_char_boundary(*cut)) {
            // The last hyphens of the armor are optional.
            let is_complete = armor[cut..].trim_matches(['-', '\n']).is_empty();
            let parsed = MachineRequest::parse(&armor[..cut]);
            assert_eq!(parsed.is_ok(), is_complete, "{label} {cut}");
        }
        let bytes = request.to_bytes();
        for cut in 0..bytes.len() {
            assert!(MachineRequest::from_bytes(&bytes[..cut]).is_err());
        }
        assert!(MachineRequest::from_bytes(&[&bytes[..], &[0]].concat()).is_err());
    }
}

#[test]
fn each_kind_of_invalid_request_has_its_error() {
    let [good, _, _, receipt] = requests().map(|request| request.to_armor());
    let code = |text: &str| MachineRequest::parse(text).unwrap_err().code();
    assert_eq!(code(""), Code::Malformed);
    assert_eq!(code("Dear vendor"), Code::Malformed);
    assert_eq!(code(&format!("{good}{receipt}")), Code::Malformed);
    assert_eq!(code(&" ".repeat(MAX_REQUEST_BYTES + 1)), Code::Malformed);
    let newer = good.replace("\"ver\": 1", "\"ver\": 2");
    assert_eq!(code(&newer), Code::UnsupportedVersion);
    let edited = good.replace("\"nonce\": \"05", "\"nonce\": \"06");
    assert_eq!(code(&edited), Code::ChecksumMismatch);
    let license = good.replace("ACTIVATION REQUEST", "VALIDATION");
    assert!(matches!(
        MachineRequest::parse(&license),
        Err(MachineRequestError::OtherBlock { .. })
    ));
    let twice = good.replace('{', "{ \"ver\": 1,");
    assert!(matches!(
        MachineRequest::parse(&twice),
        Err(MachineRequestError::Json(_))
    ));
    let more = good.replace('{', "{ \"more\": 1,");
    assert!(matches!(
        MachineRequest::parse(&more),
        Err(MachineRequestError::UnknownMember { .. })
    ));
    let relabeled = receipt.replace("LICENSE DEACTIVATION", "LICENSE CLOCK REQUEST");
    assert!(matches!(
        MachineRequest::parse(&relabeled),
        Err(MachineRequestError::Member { .. })
    ));
}
