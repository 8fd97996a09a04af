//! Drafts of successors, which replace licenses.

use chrono::{DateTime, Utc};

use crate::claims::LicenseClaims;
use crate::key::LicenseId;
use crate::license::License;

/// Maximum number of replaced licenses in a successor. A successor names only the latest replaced
/// licenses, so that tokens do not grow with every change.
const MAX_SUPERSEDED: usize = 64;

impl LicenseClaims {
    /// Creates the draft of a successor, which replaces a license and all licenses that this
    /// license replaced.
    ///
    /// The draft has the claims of the license, and the caller sets the differences. The successor
    /// starts when it is issued, or at the start of the license if that is later.
    ///
    /// Returns `None` for an enterprise key, which does not contain all claims.
    ///
    /// ```
    /// use license_core::issue::{KeyBits, LicenseDraft, RandomError, SigningKey, VerifyingSigner};
    /// use license_core::{FeatureMatrix, LicenseId, Tier, time};
    /// use license_core::jose::Algorithm;
    ///
    /// let random = |bytes: &mut [u8]| getrandom::fill(bytes).map_err(RandomError::new);
    /// let der = SigningKey::generate(KeyBits::B2048, Algorithm::Rs256, &random)?;
    /// let key = VerifyingSigner::new(Box::new(SigningKey::from_pkcs8(&der, None, random)?));
    /// let matrix = FeatureMatrix::built_in();
    /// let tier = matrix.tier(Tier::parse("TEAM")?).ok_or("no such tier")?;
    /// let march = time::parse_instant("2027-03-01")?;
    /// let id = LicenseId::from_random(march, &[7; 10]);
    /// let mut draft = LicenseDraft::for_tier(matrix, tier, id, "ACME Ltd".to_owned(), march);
    /// draft.users = vec!["alice".to_owned()];
    /// let (license, _) = draft.issue(&key)?;
    ///
    /// let april = time::parse_instant("2027-04-01")?;
    /// let id = LicenseId::from_random(april, &[8; 10]);
    /// let mut draft = LicenseDraft::successor_of(&license, id, april).ok_or("an enterprise key")?;
    /// draft.users = vec!["bob".to_owned()];
    /// let (successor, _) = draft.issue(&key)?;
    /// assert_eq!(successor.supersedes(), [license.id().clone()]);
    /// assert_eq!(successor.entitlements(), license.entitlements());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn successor_of(
        license: &License,
        id: LicenseId,
        issued_at: DateTime<Utc>,
    ) -> Option<Self> {
        let previous = license.claims();
        previous.issued_at?;
        Some(Self {
            id,
            serial: None,
            supersedes: superseded(license),
            issued_at: Some(issued_at),
            not_before: previous.valid_from().filter(|start| *start > issued_at),
            key: None,
            unknown: serde_json::Map::new(),
            ..previous.clone()
        })
    }
}

/// Returns the ids of the license and of the licenses that it replaced, the latest last.
fn superseded(license: &License) -> Vec<LicenseId> {
    let mut ids = license.supersedes().to_vec();
    ids.push(license.id().clone());
    let excess = ids.len().saturating_sub(MAX_SUPERSEDED);
    ids.split_off(excess)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::{Map, Value, json};

    use super::*;
    use crate::issue::{KeyBits, LicenseDraft, Signer, SigningKey, VerifyingSigner, system_random};
    use crate::jose::Algorithm;
    use crate::matrix::FeatureMatrix;
    use crate::policy::{CheckIn, Quota, Renewal, UsageType};
    use crate::time;

    fn key() -> VerifyingSigner {
        let der = SigningKey::generate(KeyBits::B2048, Algorithm::Rs256, &system_random).unwrap();
        let key = SigningKey::from_pkcs8(&der, None, system_random);
        VerifyingSigner::new(Box::new(key.unwrap()))
    }

    fn id(random: u8) -> LicenseId {
        LicenseId::from_random(at("2027-01-01"), &[random; 10])
    }

    fn at(text: &str) -> DateTime<Utc> {
        time::parse_instant(text).unwrap()
    }

    fn matrix() -> &'static FeatureMatrix {
        FeatureMatrix::built_in()
    }

    /// Returns a draft that sets every claim.
    fn draft() -> LicenseDraft {
        let matrix = matrix();
        let tier = matrix.tiers().get(2).unwrap();
        let mut draft =
            LicenseDraft::for_tier(matrix, tier, id(1), "ACME".to_owned(), at("2027-01-01"));
        draft.issuer = Some("Another vendor".to_owned());
        draft.serial = Some(7);
        draft.supersedes = vec![id(0)];
        draft.not_before = Some(at("2027-02-01"));
        draft.expires_at = Some(at("2028-02-01"));
        draft.add_feature("sso").unwrap();
        draft.remove_feature("hooks").unwrap();
        draft.set_quota("agents", Quota::Limit(7)).unwrap();
        draft.set_seats(9.try_into().unwrap(), matrix).unwrap();
        draft.set_devices(3.try_into().unwrap(), matrix);
        draft.requires_seat = true;
        draft.usage_type = Some(UsageType::Runtime);
        draft.trial = true;
        draft.check_in = CheckIn::from_hours(48, 96);
        draft.renewal = Renewal::from_days_and_hours(3, 5);
        draft.maintenance_until = Some(at("2027-12-31T23:59:59Z"));
        draft.max_version = Some("<3.0.0".parse().unwrap());
        draft.machines = vec!["mach_00112233445566778899aabbccddeeff".parse().unwrap()];
        draft.users = vec!["alice".to_owned(), "bob".to_owned()];
        draft.company = Some(crate::ids::Company::parse("ACME").unwrap());
        let server = key();
        draft.confirmation = Some(server.public().to_jwk().try_into().unwrap());
        draft.critical = vec!["machines".to_owned()];
        draft.extension = json!({ "order": [1, { "a": null }] }).as_object().cloned();
        draft
    }

    fn claims(token: &str) -> Map<String, Value> {
        let payload = token.split('.').nth(1).unwrap();
        let payload = crate::encoding::base64url::decode(payload).unwrap();
        serde_json::from_slice(&payload).unwrap()
    }

    #[test]
    fn a_successor_has_the_claims_of_the_license() {
        let key = key();
        let (license, token) = draft().issue(&key).unwrap();
        let draft = LicenseDraft::successor_of(&license, id(2), at("2027-01-15")).unwrap();
        let mut after = claims(&draft.issue(&key).unwrap().1);
        let mut before = claims(&token);
        assert_eq!(before.len(), 29, "the draft above omits a claim");
        assert_eq!(after["supersedes"], json!([id(0).as_str(), id(1).as_str()]));
        for own in ["jti", "iat", "serial", "supersedes", "key"] {
            before.remove(own);
            after.remove(own);
        }
        assert_eq!(before, after);
    }

    #[test]
    fn the_successor_of_a_started_license_starts_when_it_is_issued() {
        let key = key();
        let (license, _) = draft().issue(&key).unwrap();
        let draft = LicenseDraft::successor_of(&license, id(2), at("2027-06-01")).unwrap();
        assert_eq!(draft.not_before, None);
        assert_eq!(draft.expires_at, license.expires_at());
    }

    #[test]
    fn a_successor_names_only_the_latest_replaced_licenses() {
        let key = key();
        let mut draft = draft();
        draft.supersedes = (100..200).map(id).collect();
        let (license, _) = draft.issue(&key).unwrap();
        let draft = LicenseDraft::successor_of(&license, id(2), at("2027-06-01")).unwrap();
        assert_eq!(draft.supersedes.len(), MAX_SUPERSEDED);
        assert_eq!(draft.supersedes.last(), Some(license.id()));
    }

    #[test]
    fn an_enterprise_key_has_no_successor() {
        let key = key();
        let terms = crate::key::EnterpriseTerms {
            product: matrix().product(),
            company: crate::ids::Company::parse("ACME").unwrap(),
            seats: 100.try_into().unwrap(),
            expiry: crate::key::KeyExpiry::Perpetual,
        };
        let enterprise_key = crate::issue::sign_enterprise_key(terms, &key).unwrap();
        let trust = crate::trust::TrustSet::parse(&key.public().to_jwk().to_string()).unwrap();
        let license = enterprise_key.verify(&trust, matrix()).unwrap();
        assert!(LicenseDraft::successor_of(&license, id(2), at("2027-06-01")).is_none());
    }
}
