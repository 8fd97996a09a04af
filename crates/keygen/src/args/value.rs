//! Parsers of option values.

use std::num::NonZeroU32;

use clap::builder::{OsStringValueParser, TypedValueParser};
use license_core::chrono::TimeDelta;
use license_core::claims::Status;
use license_core::encoding::hex;
use license_core::jose::Algorithm;
use license_core::policy::{Quota, UsageType};
use license_core::{Tier, VersionReq, time};
use license_issuer::ledger::LicenseStatus;
use license_issuer::signer::KeyLocation;

pub(super) fn count(text: &str) -> Result<NonZeroU32, &'static str> {
    text.parse()
        .map_err(|_| "expected a whole number from 1 to 4294967295")
}

pub(super) fn tier(text: &str) -> Result<Tier, String> {
    Tier::parse(&text.to_ascii_uppercase()).map_err(|error| error.to_string())
}

pub(super) fn requirement(text: &str) -> Result<VersionReq, String> {
    VersionReq::parse(text)
        .map_err(|error| format!("expected a requirement such as <3.0.0: {error}"))
}

pub(super) fn usage_type(text: &str) -> Result<UsageType, &'static str> {
    UsageType::parse(text).ok_or("expected builder or runtime")
}

pub(super) fn status(text: &str) -> Result<Status, &'static str> {
    Status::parse(&text.to_ascii_lowercase())
        .ok_or("expected active, suspended, canceled or revoked")
}

pub(super) fn quota(text: &str) -> Result<(String, Quota), &'static str> {
    const EXPECTED: &str = "expected NAME=N, where N is a count or -1 for unlimited";
    let (name, number) = text.split_once('=').ok_or(EXPECTED)?;
    let number = number.parse().ok().and_then(Quota::from_number);
    Ok((name.to_owned(), number.ok_or(EXPECTED)?))
}

pub(super) fn key_location() -> impl TypedValueParser<Value = KeyLocation> {
    OsStringValueParser::new().map(KeyLocation::from)
}

pub(super) fn algorithm(text: &str) -> Result<Algorithm, &'static str> {
    Algorithm::parse(&text.to_ascii_uppercase()).ok_or("expected RS256 or PS256")
}

pub(super) fn reason(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    match text.chars().count() {
        1..=200 if !text.chars().any(char::is_control) => Ok(text.to_owned()),
        _ => Err("expected 1 to 200 characters without control characters"),
    }
}

pub(super) fn license_status(text: &str) -> Result<LicenseStatus, &'static str> {
    LicenseStatus::parse(&text.to_ascii_lowercase())
        .ok_or("expected active, future, expired, superseded or revoked")
}

pub(super) fn duration(text: &str) -> Result<TimeDelta, String> {
    time::parse_duration(text).map_err(|error| error.to_string())
}

/// Parses the hash of a ledger entry. The head of an empty ledger is part of every chain, so a
/// verification with this head would prove nothing.
pub(super) fn hash(text: &str) -> Result<[u8; 32], &'static str> {
    const EXPECTED: &str = "expected 64 hexadecimal digits, as printed by `keygen ledger verify`";
    const EMPTY: &str = "expected the hash of an entry, found the head of a ledger without entries, which is part of every chain";
    match hex::decode(text.trim()).ok_or(EXPECTED)? {
        hash if hash == [0; 32] => Err(EMPTY),
        hash => Ok(hash),
    }
}
