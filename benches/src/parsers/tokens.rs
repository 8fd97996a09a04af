//! Licenses and revocation lists.

use std::io;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use license_cli_support::write_outline;
use license_core::inspect::inspect;
use license_core::issue::Signer;
use license_core::{LicenseFile, TokenKind, Unverified};

use super::InputKind;
use super::json::expensive_members;
use crate::vendor::SampleVendor;

const LIST: &str =
    r#""iss":"CODITECT","aud":"CODITECT","iat":1798761600,"seq":1,"next_update":1798761601"#;

/// Licenses with unknown claims.
pub(super) fn licenses(vendor: &SampleVendor) -> Vec<InputKind<'_>> {
    let claims = claims(&vendor.token);
    let kinds = expensive_members().into_iter().map(move |kind| {
        let claims = claims.clone();
        let make = move |bytes| {
            let more = (kind.make)(payload_bytes(bytes).saturating_sub(claims.len()));
            signed(TokenKind::License, &format!("{{{claims},{more}}}"), vendor)
        };
        InputKind::new(kind.name, make, move |text| {
            let token = Unverified::parse(text);
            token.is_ok_and(|token| token.verify(&vendor.trust).is_ok())
        })
    });
    kinds.collect()
}

/// Signed revocation lists, with entries or with unknown claims.
pub(super) fn lists(vendor: &SampleVendor) -> Vec<InputKind<'_>> {
    let parse = move |text: &str| {
        let Ok(file) = LicenseFile::parse(text) else {
            return false;
        };
        let mut tokens = file.blocks().iter().map(|block| &block.token);
        tokens.all(|token| token.verify_revocations(&vendor.trust).is_ok())
    };
    let sign = move |payload: &str| armored(&signed(TokenKind::Revocations, payload, vendor));
    list_payloads()
        .into_iter()
        .map(|(name, payload)| {
            let make = move |bytes| sign(&payload(payload_bytes(bytes)));
            InputKind::new(&name, make, parse)
        })
        .collect()
}

/// Unsigned revocation lists, which are written as JSON and as an outline.
pub(super) fn inspections() -> Vec<InputKind<'static>> {
    let parse = |text: &str| {
        let Ok(inspection) = inspect(text) else {
            return false;
        };
        serde_json::to_writer_pretty(io::sink(), &inspection).is_ok()
            && write_outline(&mut io::sink(), &inspection).is_ok()
    };
    list_payloads()
        .into_iter()
        .map(|(name, payload)| {
            let make = move |bytes| armored(&unsigned(&payload(payload_bytes(bytes))));
            InputKind::new(&name, make, parse)
        })
        .collect()
}

type Payload = Box<dyn Fn(usize) -> String>;

/// Returns payloads of lists, by a description.
fn list_payloads() -> Vec<(String, Payload)> {
    let entries: Payload = Box::new(|bytes| format!("{{{LIST},\"revoked\":[{}]}}", entries(bytes)));
    let others = expensive_members().into_iter().map(|kind| {
        let payload: Payload =
            Box::new(move |bytes| format!("{{{LIST},\"revoked\":[],{}}}", (kind.make)(bytes)));
        (kind.name.to_owned(), payload)
    });
    let mut all = vec![("revoked licenses".to_owned(), entries)];
    all.extend(others);
    all
}

/// Returns the shortest possible entries.
fn entries(bytes: usize) -> String {
    let entry = |number: usize| {
        format!(r#"{{"jti":"01940000-0000-7000-8000-{number:012x}","at":0,"reason":"x"}}"#)
    };
    let count = (bytes / (entry(0).len() + 1)).max(1);
    let entries: Vec<_> = (0..count).map(entry).collect();
    entries.join(",")
}

/// Returns the size of a payload whose token has this size.
fn payload_bytes(token_bytes: usize) -> usize {
    (token_bytes * 3 / 4).saturating_sub(512)
}

/// Returns the claims of a token without the braces.
fn claims(token: &str) -> String {
    let payload = token.split('.').nth(1).expect("three segments");
    let payload = URL_SAFE_NO_PAD.decode(payload).expect("base64url");
    let payload = String::from_utf8(payload).expect("JSON");
    payload.trim_matches(['{', '}']).to_owned()
}

fn signed(kind: TokenKind, payload: &str, vendor: &SampleVendor) -> String {
    let key_id = vendor.key.public().id().as_str().to_owned();
    let signed = unsigned_text(kind, &key_id, payload);
    let signature = vendor.key.sign(signed.as_bytes()).expect("a signature");
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// Returns a revocation list with an invalid signature.
pub(super) fn unsigned(payload: &str) -> String {
    format!("{}.AA", unsigned_text(TokenKind::Revocations, "k", payload))
}

fn unsigned_text(kind: TokenKind, key_id: &str, payload: &str) -> String {
    let header = format!(r#"{{"alg":"RS256","kid":"{key_id}","typ":"{kind}"}}"#);
    let [header, payload] = [&header, payload].map(|part| URL_SAFE_NO_PAD.encode(part));
    format!("{header}.{payload}")
}

pub(super) fn armored(token: &str) -> String {
    Unverified::parse(token).expect("a token").to_armor()
}
