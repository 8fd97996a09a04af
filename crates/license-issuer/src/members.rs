//! The members of the JSON objects that describe a license, in the ledger and in reports.

use license_core::claims::LicenseClaims;
use license_core::time;
use license_core::time::rfc3339;
use serde_json::{Map, Value};

/// The claims whose member has a different name. Members are a public format, so the names stay.
///
/// Every other claim is a member under its own name, with its signed value. This includes unknown
/// claims, so that a version that does not know a claim records the same member as a later version.
const RENAMED: [(&str, &str); 6] = [
    ("jti", "license_id"),
    ("aud", "product"),
    ("sub", "customer"),
    ("iat", "issued_at"),
    ("nbf", "not_before"),
    ("exp", "expires_at"),
];

/// The claims whose member is a time in RFC 3339 format. Claims that a later version adds keep
/// their signed value, so that all versions record the same member.
const INSTANTS: [&str; 4] = ["iat", "nbf", "exp", "maintenance_until"];

/// The members that an object always has, and the claims that it omits. All other claims follow.
///
/// A ledger entry and a report have different layouts. Both layouts are public formats.
#[derive(Clone, Copy, Debug)]
pub struct MemberLayout {
    /// The members that the object always has, in their order. An absent claim is `null`.
    pub always: &'static [&'static str],
    /// The claims that the object does not have.
    pub omitted: &'static [&'static str],
}

impl MemberLayout {
    /// Returns the claims of a license as the members of an object. The `derived` members replace
    /// claims of the same name.
    ///
    /// # Errors
    ///
    /// Returns an error if the claims cannot be written as JSON. Claims that were read from a
    /// payload can always be written.
    pub fn describe<const N: usize>(
        self,
        claims: &LicenseClaims,
        derived: [(&str, Value); N],
    ) -> Result<Map<String, Value>, serde_json::Error> {
        let mut members = Map::new();
        for (name, value) in derived {
            members.insert(name.to_owned(), value);
        }
        for claim in claims.entries()? {
            if self.omitted.contains(&claim.name.as_str()) {
                continue;
            }
            let renamed = RENAMED.into_iter().find(|(name, _)| *name == claim.name);
            let value = if INSTANTS.contains(&claim.name.as_str()) {
                time(&claim.value)
            } else {
                claim.value
            };
            let name = renamed.map_or(claim.name, |(_, name)| name.to_owned());
            members.entry(name).or_insert(value);
        }
        // Without `nbf`, a license is valid from its issue.
        let issued_at = members.get("issued_at").cloned();
        members.entry("not_before").or_insert(issued_at.into());
        for (name, absent) in [
            ("activation", Value::Bool(false)),
            ("trial", Value::Bool(false)),
            ("supersedes", Value::Array(Vec::new())),
        ] {
            members.entry(name).or_insert(absent);
        }
        let always = self.always.iter().map(|&name| {
            let value = members.shift_remove(name);
            (name.to_owned(), value.into())
        });
        let mut ordered: Map<_, _> = always.collect();
        ordered.extend(members);
        Ok(ordered)
    }
}

/// Converts seconds since 1970 to a time. Any other value is returned unchanged.
fn time(seconds: &Value) -> Value {
    let time = seconds.as_u64().and_then(time::from_unix_seconds);
    time.map_or_else(|| seconds.clone(), |time| rfc3339(time).to_string().into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::*;

    const LAYOUT: MemberLayout = MemberLayout {
        always: &["license_id", "not_before", "seats", "kid"],
        omitted: &["ver", "iss", "features", "quotas"],
    };

    #[test]
    fn unknown_claims_follow_the_public_members() {
        let claims: LicenseClaims = serde_json::from_value(json!({
            "ver": 1,
            "iss": "CODITECT",
            "aud": "CODITECT",
            "sub": "ACME",
            "jti": "01900000-0000-7000-8000-000000000000",
            "iat": 0,
            "tier": "PRO",
            "features": [],
            "quotas": {},
            "region": "EU",
            "customer": "another name",
        }))
        .unwrap();
        let members = LAYOUT.describe(&claims, [("kid", "key".into())]).unwrap();
        let expected = json!({
            "license_id": "01900000-0000-7000-8000-000000000000",
            "not_before": "1970-01-01T00:00:00Z",
            "seats": null,
            "kid": "key",
            "product": "CODITECT",
            "customer": "ACME",
            "issued_at": "1970-01-01T00:00:00Z",
            "tier": "PRO",
            "region": "EU",
            "activation": false,
            "trial": false,
            "supersedes": [],
        });
        assert_eq!(Value::Object(members).to_string(), expected.to_string());
    }
}
