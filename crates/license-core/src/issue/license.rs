//! Drafts of licenses.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::{Signer, SigningError, VerifyingSigner, minimum_length, sign_token};
use crate::claims::{Confirmation, LicenseClaims, TokenClaims};
use crate::jose::{MAX_TOKEN_BYTES, TokenKind, Unverified};
use crate::key::LicenseId;
use crate::license::License;
use crate::machine::Machine;
use crate::matrix::{FeatureMatrix, TierPolicy, is_feature_name};
use crate::policy::Quota;
use crate::trust::{TrustedKey, VerifyError};

impl LicenseClaims {
    /// Creates the draft of a license with the features, quotas and conditions of a tier.
    ///
    /// The license contains all features and quotas, so that applications do not have to know the
    /// tier.
    ///
    /// ```
    /// use license_core::issue::LicenseDraft;
    /// use license_core::{FeatureMatrix, LicenseId, Tier, time};
    ///
    /// let matrix = FeatureMatrix::built_in();
    /// let tier = matrix.tier(Tier::parse("PRO")?).ok_or("no such tier")?;
    /// let now = time::parse_instant("2027-01-01")?;
    /// // Pass bytes of the system's random source.
    /// let id = LicenseId::from_random(now, &[7; 10]);
    /// let mut draft = LicenseDraft::for_tier(matrix, tier, id, "ACME Ltd".to_owned(), now);
    /// draft.expires_at = Some(time::parse_instant("2028-01-01")?);
    /// assert!(draft.entitlements().allows("cloud_sync"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn for_tier(
        matrix: &FeatureMatrix,
        tier: &TierPolicy,
        id: LicenseId,
        customer: String,
        issued_at: DateTime<Utc>,
    ) -> Self {
        let mut draft = Self::new(id, matrix.product(), customer, tier.entitlements());
        draft.issuer = Some(matrix.issuer().to_owned());
        draft.issued_at = Some(issued_at);
        draft.check_in = tier.check_in();
        draft.renewal = tier.renewal();
        draft
    }

    /// Sets the number of seats, and the quota of seats, which is the same number.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/vendor.rs")); }
    /// use license_core::FeatureMatrix;
    /// use license_core::policy::Quota;
    ///
    /// let mut draft = fixture::draft()?;
    /// draft.set_seats(20.try_into()?, FeatureMatrix::built_in())?;
    /// assert_eq!(draft.entitlements().quota("users"), Some(Quota::Limit(20)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`SigningError::Seats`] if the tier includes more seats. [`Self::set_limit`] accepts
    /// fewer seats.
    pub fn set_seats(
        &mut self,
        seats: NonZeroU32,
        matrix: &FeatureMatrix,
    ) -> Result<(), SigningError> {
        let found = u64::from(seats.get());
        if let Some(included) = matrix.included_seats(self.tier)
            && included > found
        {
            return Err(SigningError::Seats { included, found });
        }
        self.seats = Some(found);
        if let Some(name) = matrix.seats_quota() {
            self.quotas_mut()
                .insert(name.to_owned(), Quota::Limit(found));
        }
        Ok(())
    }

    /// Sets the number of machines that may be activated, and the quota of devices, which is the
    /// same number.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/vendor.rs")); }
    /// use license_core::FeatureMatrix;
    /// use license_core::policy::Quota;
    ///
    /// let mut draft = fixture::draft()?;
    /// draft.set_devices(2.try_into()?, FeatureMatrix::built_in());
    /// assert_eq!(draft.entitlements().quota("devices"), Some(Quota::Limit(2)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_devices(&mut self, devices: NonZeroU32, matrix: &FeatureMatrix) {
        let devices = u64::from(devices.get());
        self.devices = Some(devices);
        if let Some(name) = matrix.devices_quota() {
            self.quotas_mut()
                .insert(name.to_owned(), Quota::Limit(devices));
        }
    }

    /// Adds a feature, which does not have to be in any tier.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/vendor.rs")); }
    /// let mut draft = fixture::draft()?;
    /// draft.add_feature("early_access")?;
    /// assert!(draft.entitlements().allows("early_access"));
    /// assert!(draft.add_feature("Early access").is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`SigningError::Name`] if the name is not 1 to 64 characters of `a-z`, `0-9` and
    /// `_`.
    pub fn add_feature(&mut self, feature: &str) -> Result<(), SigningError> {
        Arc::make_mut(&mut self.features).insert(valid_name(feature)?);
        Ok(())
    }

    /// Removes a feature of the tier.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/vendor.rs")); }
    /// let mut draft = fixture::draft()?;
    /// draft.remove_feature("cloud_sync")?;
    /// assert!(!draft.entitlements().allows("cloud_sync"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`SigningError::NoSuchFeature`] if the tier does not have the feature.
    pub fn remove_feature(&mut self, feature: &str) -> Result<(), SigningError> {
        if Arc::make_mut(&mut self.features).remove(feature) {
            return Ok(());
        }
        Err(SigningError::NoSuchFeature {
            found: feature.to_owned(),
        })
    }

    /// Sets a quota, which does not have to be in any tier. [`Self::set_limit`] also sets the
    /// number of seats or devices.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/vendor.rs")); }
    /// use license_core::policy::Quota;
    ///
    /// let mut draft = fixture::draft()?;
    /// draft.set_quota("agents", Quota::Unlimited)?;
    /// assert_eq!(draft.entitlements().quota("agents"), Some(Quota::Unlimited));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`SigningError::Name`] if the name is not 1 to 64 characters of `a-z`, `0-9` and
    /// `_`.
    pub fn set_quota(&mut self, name: &str, quota: Quota) -> Result<(), SigningError> {
        self.quotas_mut().insert(valid_name(name)?, quota);
        Ok(())
    }

    /// Sets a quota. If the product counts seats or devices with this quota, also sets the number
    /// of seats or devices, so that the license contains one number. An unlimited quota or a quota
    /// of 0 removes the number.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/vendor.rs")); }
    /// use license_core::FeatureMatrix;
    /// use license_core::policy::Quota;
    ///
    /// let mut draft = fixture::draft()?;
    /// draft.set_limit("users", Quota::Limit(20), FeatureMatrix::built_in())?;
    /// assert_eq!(draft.seats, Some(20));
    /// draft.set_limit("users", Quota::Unlimited, FeatureMatrix::built_in())?;
    /// assert_eq!(draft.seats, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns the error of [`Self::set_quota`].
    pub fn set_limit(
        &mut self,
        name: &str,
        limit: Quota,
        matrix: &FeatureMatrix,
    ) -> Result<(), SigningError> {
        self.set_quota(name, limit)?;
        let count = match limit {
            // A claim of zero seats or devices is not valid. The quota alone contains the number.
            Quota::Limit(0) | Quota::Unlimited => None,
            Quota::Limit(count) => Some(count),
        };
        if matrix.seats_quota() == Some(name) {
            self.seats = count;
        }
        if matrix.devices_quota() == Some(name) {
            self.devices = count;
        }
        Ok(())
    }

    fn quotas_mut(&mut self) -> &mut BTreeMap<String, Quota> {
        Arc::make_mut(&mut self.quotas)
    }

    /// Checks the draft without a key.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/vendor.rs")); }
    /// // Check the draft before the user types the passphrase of the key.
    /// fixture::draft()?.check()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`SigningError::Empty`] if a required claim is empty, [`SigningError::NoServerKey`]
    /// if the license requires a seat and names no license server, [`SigningError::Json`] if a date
    /// is not from 1970 to 9999, and [`SigningError::TooLong`] if the token would be larger than
    /// verifiers accept.
    pub fn check(&self) -> Result<(), SigningError> {
        self.check_claims()?;
        self.check_length()
    }

    fn check_claims(&self) -> Result<(), SigningError> {
        let issuer = self.issuer.as_deref().unwrap_or("");
        let is_unnamed = |machine: &Machine| machine.to_string().is_empty();
        let is_empty = [
            ("sub", self.customer.trim().is_empty()),
            ("iss", issuer.trim().is_empty()),
            ("iat", self.issued_at.is_none()),
            ("users", self.users.iter().any(String::is_empty)),
            ("machines", self.machines.iter().any(is_unnamed)),
        ];
        match is_empty.into_iter().find(|(_, is_empty)| *is_empty) {
            Some((claim, _)) => Err(SigningError::Empty { claim }),
            None if self.requires_seat && self.confirmation.is_none() => {
                Err(SigningError::NoServerKey)
            }
            None => Ok(()),
        }
    }

    /// Refuses a license server that could sign licenses with its key.
    fn check_server_key(&self, signer: &TrustedKey) -> Result<(), SigningError> {
        let server = self.confirmation.as_ref().map(Confirmation::key);
        match server.filter(|key| key.id() == signer.id()) {
            Some(key) => Err(SigningError::TrustedServerKey {
                key: key.id().clone(),
            }),
            None => Ok(()),
        }
    }

    /// Returns an error if the token would be too long even with the shortest signature.
    fn check_length(&self) -> Result<(), SigningError> {
        match minimum_length(self.to_payload()?.len()) {
            found if found > MAX_TOKEN_BYTES => Err(SigningError::TooLong {
                limit: MAX_TOKEN_BYTES,
                found,
            }),
            _ => Ok(()),
        }
    }

    /// Reads the draft as a verifier will read the license.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/vendor.rs")); }
    /// let draft = fixture::draft()?;
    /// assert_eq!(draft.read_back()?.customer, draft.customer);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`VerifyError`] if a verifier would refuse a claim.
    pub fn read_back(&self) -> Result<Self, VerifyError> {
        let payload = self.to_payload();
        let payload = payload.map_err(|_| VerifyError::claim("ext", "JSON", "another value"))?;
        Self::from_payload(&payload)
    }

    /// Signs the license and returns its token.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/vendor.rs")); }
    /// # let key = fixture::key()?;
    /// # let trust = fixture::trust(&[&key])?;
    /// use license_core::Unverified;
    ///
    /// let token = fixture::draft()?.sign(&key)?;
    /// let license = Unverified::parse(&token)?.verify(&trust)?;
    /// assert_eq!(license.customer(), "ACME Ltd");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`SigningError`] if a required claim is empty, a date is not from 1970 to 9999, the
    /// key fails to sign, the token is larger than verifiers accept, or the license requires a seat
    /// and names no license server, and [`SigningError::TrustedServerKey`] if the key is also that
    /// of the license server.
    pub fn sign(&self, key: &impl Signer) -> Result<String, SigningError> {
        self.check_claims()?;
        self.check_server_key(key.public())?;
        sign_token(TokenKind::License, &self.completed(), key)
    }

    /// Signs the license and verifies it as an application does. The verification includes the
    /// signature, so the signer does not verify the signature a second time.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/vendor.rs")); }
    /// # let key = fixture::key()?;
    /// use license_core::issue::VerifyingSigner;
    ///
    /// let key = VerifyingSigner::new(Box::new(key));
    /// let (license, token) = fixture::draft()?.issue(&key)?;
    /// assert_eq!(license.customer(), "ACME Ltd");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`SigningError`] as [`LicenseDraft::sign`](Self::sign) does,
    /// [`SigningError::DoesNotVerify`] if the signature does not verify, and
    /// [`SigningError::Refused`] if a verifier would refuse the license or read claims that differ
    /// from the draft.
    pub fn issue(&self, key: &VerifyingSigner) -> Result<(License, String), SigningError> {
        self.check_claims()?;
        self.check_server_key(key.public())?;
        let claims = self.completed();
        let token = sign_token(TokenKind::License, &claims, key.inner())?;
        let refused = |source| SigningError::Refused { source };
        let unverified = Unverified::parse(&token).map_err(|error| refused(error.into()))?;
        let license = unverified.verify_by(key.public());
        let license = license.map_err(|error| match error {
            VerifyError::Signature => SigningError::DoesNotVerify,
            error => refused(error.into()),
        })?;
        if *license.claims() == claims {
            Ok((license, token))
        } else {
            Err(refused("its claims differ from the draft".into()))
        }
    }

    fn to_payload(&self) -> Result<Vec<u8>, SigningError> {
        serde_json::to_vec(&self.completed()).map_err(|_| SigningError::Json)
    }

    /// Sets the claims that follow from other claims: the standard key, and `activation` and
    /// `floating` in `crit`. The latter makes verifiers refuse the license if they do not know the
    /// restriction.
    fn completed(&self) -> Self {
        let mut claims = self.clone();
        claims.key = Some(self.standard_key());
        let restrictions = [
            ("activation", self.must_activate),
            ("floating", self.requires_seat),
        ];
        for (name, is_set) in restrictions {
            claims.critical.retain(|critical| critical != name);
            if is_set {
                claims.critical.push(name.to_owned());
            }
        }
        claims
    }
}

/// Returns the name if it is valid for a feature or quota.
fn valid_name(name: &str) -> Result<String, SigningError> {
    if is_feature_name(name) {
        Ok(name.to_owned())
    } else {
        Err(SigningError::Name {
            found: name.to_owned(),
        })
    }
}
