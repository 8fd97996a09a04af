//! A license before it is signed.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;

use serde::Serialize;

use super::{CheckedKey, IssueError, Sign, least_length, sign_token};
use crate::key::StandardKey;
use crate::matrix::is_snake;
use crate::token::{MAX_TOKEN_BYTES, TokenKind, VerifyError};
use crate::{
    CheckIn, Company, Facts, License, LicenseId, Matrix, ProductCode, Quota, Renewal, Tier,
    TierTerms, Timestamp, Unverified, UsageType,
};

/// Everything that a license is to say. Features and quotas are resolved here, at minting, so that a new
/// feature needs no new application.
#[derive(Clone, Debug)]
pub struct LicenseDraft {
    /// The license id.
    pub id: LicenseId,
    /// The vendor.
    pub issuer: String,
    /// The product.
    pub product: ProductCode,
    /// The customer.
    pub customer: String,
    /// Rises with every token that the vendor issues.
    pub serial: Option<u64>,
    /// The licenses that it replaces.
    pub supersedes: Vec<LicenseId>,
    /// When it is issued.
    pub issued_at: Timestamp,
    /// The first instant at which it holds, if that is not when it is issued.
    pub not_before: Option<Timestamp>,
    /// The first instant at which it no longer holds; none for a perpetual license.
    pub expires_at: Option<Timestamp>,
    /// The tier.
    pub tier: Tier,
    pub(super) features: BTreeSet<String>,
    pub(super) quotas: BTreeMap<String, Quota>,
    pub(super) seats: Option<u64>,
    pub(super) devices: Option<u64>,
    /// Whether it is to hold only on machines that the vendor has activated it for. A verifier that knows nothing of activation refuses it.
    pub must_activate: bool,
    /// The kind of use that it is for; none is any.
    pub usage_type: Option<UsageType>,
    /// Whether it is a trial.
    pub trial: bool,
    /// How often it must be validated.
    pub check_in: Option<CheckIn>,
    /// When to warn before the end, and for how long it holds after it.
    pub renewal: Option<Renewal>,
    /// Versions built up to here are covered.
    pub maintenance_until: Option<Timestamp>,
    /// What the application's version must meet.
    pub max_version: Option<semver::VersionReq>,
    /// The machines that it is locked to; none is any.
    pub machines: Vec<String>,
    /// The users that it names; none is any.
    pub users: Vec<String>,
    /// The company's short code.
    pub company: Option<Company>,
    /// The public key of the customer's own license server, as a JWK.
    pub confirmation: Option<serde_json::Value>,
    /// Claims that a verifier must understand or refuse the license.
    pub critical: Vec<String>,
    /// The vendor's own data: an object.
    pub extension: Option<serde_json::Map<String, serde_json::Value>>,
}

impl LicenseDraft {
    /// A license of a tier, as the matrix describes it.
    pub fn of_tier(
        matrix: &Matrix,
        tier: &TierTerms,
        id: LicenseId,
        customer: String,
        issued_at: Timestamp,
    ) -> Self {
        let entitlements = tier.entitlements();
        Self {
            id,
            issuer: matrix.issuer().to_owned(),
            product: matrix.product(),
            customer,
            serial: None,
            supersedes: Vec::new(),
            issued_at,
            not_before: None,
            expires_at: None,
            tier: tier.name(),
            features: entitlements.features().map(str::to_owned).collect(),
            quotas: entitlements
                .quotas()
                .map(|(name, quota)| (name.to_owned(), quota))
                .collect(),
            seats: None,
            devices: None,
            must_activate: false,
            usage_type: None,
            trial: false,
            check_in: tier.check_in(),
            renewal: tier.renewal(),
            maintenance_until: None,
            max_version: None,
            machines: Vec::new(),
            users: Vec::new(),
            company: None,
            confirmation: None,
            critical: Vec::new(),
            extension: None,
        }
    }

    /// Sets the seats, and the quota that they stand for: not below what the tier includes.
    ///
    /// # Errors
    /// [`IssueError::Seats`] if the tier includes more.
    pub fn set_seats(&mut self, seats: NonZeroU32, matrix: &Matrix) -> Result<(), IssueError> {
        let found = u64::from(seats.get());
        if let Some(name) = matrix.seats_quota() {
            match self.quotas.get(name) {
                Some(&Quota::Limit(included)) if included > found => {
                    return Err(IssueError::Seats { included, found });
                }
                _ => self.quotas.insert(name.to_owned(), Quota::Limit(found)),
            };
        }
        self.seats = Some(found);
        Ok(())
    }

    /// Sets how many machines may be activated, and the quota that stands for them.
    pub fn set_devices(&mut self, devices: NonZeroU32, matrix: &Matrix) {
        let devices = u64::from(devices.get());
        if let Some(name) = matrix.devices_quota() {
            self.quotas.insert(name.to_owned(), Quota::Limit(devices));
        }
        self.devices = Some(devices);
    }

    /// Adds a feature, whether or not some tier has it.
    ///
    /// # Errors
    /// [`IssueError::Name`] if it can't be the name of one.
    pub fn add_feature(&mut self, feature: &str) -> Result<(), IssueError> {
        self.features.insert(checked(feature)?);
        Ok(())
    }

    /// Removes a feature of the tier.
    ///
    /// # Errors
    /// [`IssueError::NoSuchFeature`] if the tier does not have it.
    pub fn remove_feature(&mut self, feature: &str) -> Result<(), IssueError> {
        if self.features.remove(feature) {
            return Ok(());
        }
        Err(IssueError::NoSuchFeature {
            found: feature.to_owned(),
        })
    }

    /// Sets a quota, whether or not the tier has it.
    ///
    /// # Errors
    /// [`IssueError::Name`] if it can't be the name of one.
    pub fn set_quota(&mut self, name: &str, quota: Quota) -> Result<(), IssueError> {
        self.quotas.insert(checked(name)?, quota);
        Ok(())
    }

    /// The standard key that names the license.
    pub fn standard_key(&self) -> StandardKey {
        StandardKey::of_license(
            self.product,
            self.tier,
            &self.id,
            &self.customer,
            self.expires_at,
        )
    }

    /// Checks what can be wrong with the draft before a key is at hand.
    ///
    /// # Errors
    /// [`IssueError::Empty`] if a claim is empty that must not be, [`IssueError::TooLong`] if the token would be larger than any verifier
    /// reads.
    pub fn check(&self) -> Result<(), IssueError> {
        self.check_claims()?;
        self.check_length()
    }

    fn check_claims(&self) -> Result<(), IssueError> {
        let is_empty = [
            ("sub", self.customer.trim().is_empty()),
            ("iss", self.issuer.trim().is_empty()),
            ("users", self.users.iter().any(String::is_empty)),
            ("machines", self.machines.iter().any(String::is_empty)),
        ];
        match is_empty.into_iter().find(|(_, is_empty)| *is_empty) {
            Some((claim, _)) => Err(IssueError::Empty { claim }),
            None => Ok(()),
        }
    }

    /// Refuses what is too long whichever key signs it.
    fn check_length(&self) -> Result<(), IssueError> {
        match least_length(self.payload()?.len()) {
            found if found > MAX_TOKEN_BYTES => Err(IssueError::TooLong {
                limit: MAX_TOKEN_BYTES,
                found,
            }),
            _ => Ok(()),
        }
    }

    /// What the license is going to say, read as a verifier will read it.
    ///
    /// # Errors
    /// [`VerifyError`] if no verifier would take it.
    pub fn facts(&self) -> Result<Facts, VerifyError> {
        Facts::of_payload(&self.payload().unwrap_or_default())
    }

    fn payload(&self) -> Result<Vec<u8>, IssueError> {
        serde_json::to_vec(&self.claims()).map_err(|_| IssueError::Json)
    }

    /// Signs the license.
    ///
    /// # Errors
    /// [`IssueError`] if a claim is empty that must not be, the key refuses to sign, or the token is larger
    /// than any verifier reads.
    pub fn sign(&self, key: &impl Sign) -> Result<String, IssueError> {
        self.sign_with(key)
    }

    /// Signs the license and verifies it as a customer's program does, which checks the signature too: once for both.
    ///
    /// # Errors
    /// As [`LicenseDraft::sign`]; [`IssueError::DoesNotVerify`] and [`IssueError::Refused`] if nobody would take it.
    pub fn mint(&self, key: &CheckedKey) -> Result<(License, String), IssueError> {
        let token = self.sign_with(key.unchecked())?;
        let refused = |error: &dyn std::fmt::Display| IssueError::Refused {
            reason: error.to_string(),
        };
        let unverified = Unverified::parse(&token).map_err(|error| refused(&error))?;
        let license = unverified.verify_by(key.public());
        let license = license.map_err(|error| match error {
            VerifyError::Signature => IssueError::DoesNotVerify,
            error => refused(&error),
        })?;
        Ok((license, token))
    }

    fn sign_with(&self, key: &(impl Sign + ?Sized)) -> Result<String, IssueError> {
        self.check_claims()?;
        sign_token(TokenKind::License, &self.claims(), key)
    }

    /// Who does not understand that a license must be activated has to refuse it.
    fn critical_claims(&self) -> Vec<&str> {
        let own = self.must_activate.then_some(ACTIVATION);
        let named = self.critical.iter().map(String::as_str);
        named
            .filter(|name| *name != ACTIVATION)
            .chain(own)
            .collect()
    }

    fn claims(&self) -> Claims<'_> {
        let seconds = |instant: Timestamp| instant.unix_seconds();
        Claims {
            ver: crate::license::FORMAT_VERSION,
            iss: &self.issuer,
            aud: self.product.as_str(),
            sub: &self.customer,
            jti: self.id.as_str(),
            serial: self.serial,
            supersedes: self.supersedes.iter().map(LicenseId::as_str).collect(),
            iat: seconds(self.issued_at),
            nbf: self.not_before.map(seconds),
            exp: self.expires_at.map(seconds),
            tier: self.tier.as_str(),
            features: &self.features,
            quotas: self
                .quotas
                .iter()
                .map(|(name, quota)| (name.as_str(), quota.to_number()))
                .collect(),
            seats: self.seats,
            devices: self.devices,
            activation: self.must_activate,
            usage_type: self.usage_type.map(UsageType::as_str),
            trial: self.trial,
            check_in: self.check_in.map(|terms| CheckInClaim {
                every_hours: terms.every_hours(),
                grace_hours: terms.grace_hours(),
            }),
            renewal: self.renewal.map(|terms| RenewalClaim {
                notify_days: terms.notify_days(),
                grace_hours: terms.grace_hours(),
            }),
            maintenance_until: self.maintenance_until.map(seconds),
            max_version: self.max_version.as_ref().map(ToString::to_string),
            machines: &self.machines,
            users: &self.users,
            company: self.company.as_ref().map(Company::as_str),
            key: self.standard_key().to_string(),
            cnf: self.confirmation.as_ref().map(|jwk| Confirmation { jwk }),
            crit: self.critical_claims(),
            ext: self.extension.as_ref(),
        }
    }
}

fn checked(name: &str) -> Result<String, IssueError> {
    if is_snake(name) {
        Ok(name.to_owned())
    } else {
        Err(IssueError::Name {
            found: name.to_owned(),
        })
    }
}

const ACTIVATION: &str = "activation";

/// The claims in the order of the specification.
#[derive(Serialize)]
struct Claims<'a> {
    ver: u32,
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    jti: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    serial: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    supersedes: Vec<&'a str>,
    iat: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    nbf: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<u64>,
    tier: &'a str,
    features: &'a BTreeSet<String>,
    quotas: BTreeMap<&'a str, i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seats: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    devices: Option<u64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    activation: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage_type: Option<&'static str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    trial: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    check_in: Option<CheckInClaim>,
    #[serde(skip_serializing_if = "Option::is_none")]
    renewal: Option<RenewalClaim>,
    #[serde(skip_serializing_if = "Option::is_none")]
    maintenance_until: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_version: Option<String>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    machines: &'a [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    users: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    company: Option<&'a str>,
    key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    cnf: Option<Confirmation<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    crit: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ext: Option<&'a serde_json::Map<String, serde_json::Value>>,
}

#[derive(Serialize)]
struct CheckInClaim {
    every_hours: u64,
    grace_hours: u64,
}

#[derive(Serialize)]
struct RenewalClaim {
    notify_days: u64,
    grace_hours: u64,
}

#[derive(Serialize)]
struct Confirmation<'a> {
    jwk: &'a serde_json::Value,
}
