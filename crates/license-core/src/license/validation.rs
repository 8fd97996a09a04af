//! Validation tokens: a license was good on a machine at a time.

use std::fmt;
use std::sync::Arc;

use super::{License, LicenseId};
use crate::token::Unverified;
use crate::{Code, Entitlements, Machine, ProductCode, Timestamp, TrustedKey};

/// What the vendor says of a license.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// It may be used.
    Active,
    /// It rests, for instance until a payment arrives.
    Suspended,
    /// It no longer holds.
    Revoked,
    /// The customer has ended it.
    Canceled,
}

impl Status {
    /// The name in claims.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Revoked => "revoked",
            Self::Canceled => "canceled",
        }
    }

    /// The status of this name.
    pub fn parse(name: &str) -> Option<Self> {
        let all = [Self::Active, Self::Suspended, Self::Revoked, Self::Canceled];
        all.into_iter().find(|status| status.as_str() == name)
    }

    /// Whether it stops the license.
    pub const fn is_denial(self) -> bool {
        self.denial().is_some()
    }

    pub(crate) const fn denial(self) -> Option<Code> {
        match self {
            Self::Active => None,
            Self::Suspended => Some(Code::Suspended),
            Self::Revoked => Some(Code::Revoked),
            Self::Canceled => Some(Code::Canceled),
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Who signed a validation token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Signer {
    /// A key of the trust set: its entitlements replace the license's.
    Vendor,
    /// The license's own `cnf` key: its entitlements may only narrow the license's.
    Server,
}

/// A validation token that a key trusted for its license has signed.
#[derive(Clone)]
#[must_use]
pub struct Validation {
    pub(super) token: Unverified<'static>,
    pub(super) id: Box<str>,
    pub(super) license: LicenseId,
    pub(super) product: ProductCode,
    pub(super) issued_at: Timestamp,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) machine: Option<Machine>,
    pub(super) nonce: Option<Box<str>>,
    pub(super) status: Status,
    pub(super) entitlements: Arc<Entitlements>,
    pub(super) signer: Signer,
}

/// Without the token.
impl fmt::Debug for Validation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Validation")
            .field("id", &self.id)
            .field("license", &self.license)
            .field("issued_at", &self.issued_at)
            .field("machine", &self.machine)
            .field("status", &self.status)
            .field("signer", &self.signer)
            .finish_non_exhaustive()
    }
}

impl Validation {
    /// The token in armor, as it was received.
    pub fn to_armor(&self) -> String {
        self.token.to_armor()
    }

    /// Whether it speaks of this license.
    pub fn is_for(&self, license: &License) -> bool {
        self.license == *license.id() && self.product == license.product()
    }

    /// The product of the license.
    pub fn product(&self) -> ProductCode {
        self.product
    }

    pub(crate) fn is_signed_by(&self, key: &TrustedKey) -> bool {
        self.token.unverified_key_id() == key.id().as_str()
    }

    /// Whether it speaks of this license, or of one that it replaces.
    pub fn concerns(&self, license: &License) -> bool {
        let is_former = || license.supersedes().contains(&self.license);
        self.is_for(license) || self.product == license.product() && is_former()
    }

    /// The id of the statement.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The license of which it speaks.
    pub fn license_id(&self) -> &LicenseId {
        &self.license
    }

    /// When the license was validated.
    pub fn issued_at(&self) -> Timestamp {
        self.issued_at
    }

    /// Until when the signer meant it to be used. Evaluation counts from [`Validation::issued_at`] alone: a
    /// suspension that lapsed by itself would be an invitation to wait.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.expires_at
    }

    /// The machine on which it counts; none means any.
    pub fn machine(&self) -> Option<&Machine> {
        self.machine.as_ref()
    }

    /// What the asking machine had sent to tell the answer from an older one.
    pub fn nonce(&self) -> Option<&str> {
        self.nonce.as_deref()
    }

    /// What the signer says of the license.
    pub fn status(&self) -> Status {
        self.status
    }

    /// The features and quotas that the signer grants.
    pub fn entitlements(&self) -> &Arc<Entitlements> {
        &self.entitlements
    }

    /// Who signed it.
    pub fn signer(&self) -> Signer {
        self.signer
    }
}
