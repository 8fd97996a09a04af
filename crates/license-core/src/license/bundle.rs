//! What a customer was sent, verified as a whole: licenses, and what is said of them later.

use std::fmt;

use super::{
    Activation, Artefacts, Block, BundleError, ClockRepair, License, RevocationList, Validation,
};
use crate::encoding::pasted::without_wrapping;
use crate::ids::Nonce;
use crate::jose::{ParseError, TokenKind, Unverified};
use crate::key::{LicenseId, LicenseKey};
use crate::matrix::Matrix;
use crate::time::Timestamp;
use crate::trust::{TrustSet, VerifyError};

/// A verified license file or enterprise key.
///
/// ```
/// use license_core::{Bundle, Context, Matrix, Timestamp, TrustSet};
///
/// # const JWKS: &str = include_str!("../../../../fixtures/trust/vendor.jwks");
/// # const FILE: &str = include_str!("../../../../fixtures/files/valid-pro.lic");
/// let (trust, matrix) = (TrustSet::parse(JWKS)?, Matrix::built_in());
/// let bundle = Bundle::verify(FILE, &trust, matrix)?;
/// let now = Timestamp::parse("2027-01-15T09:00:00Z")?;
/// assert!(bundle.evaluate(matrix, &Context::at(now)).allows("cloud_sync"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Bundle {
    licenses: Vec<License>,
    validations: Vec<Validation>,
    revocations: Vec<RevocationList>,
    activations: Vec<Activation>,
    clock_repairs: Vec<ClockRepair>,
    statements: Vec<Unverified<'static>>,
    given_up: Vec<(LicenseId, Nonce)>,
    canonical: Canonical,
}

/// A bundle's text in the one form that writers use.
#[derive(Clone, PartialEq, Eq)]
pub enum Canonical {
    /// Armored tokens.
    File(String),
    /// A full enterprise key.
    EnterpriseKey(String),
}

/// Without the text: it is a bearer credential.
impl fmt::Debug for Canonical {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File(_) => "File",
            Self::EnterpriseKey(_) => "EnterpriseKey",
        })
    }
}

impl Bundle {
    /// Verifies a license file, a bare token or a full enterprise key: every part of it, or none. There is a license in it.
    ///
    /// # Errors
    /// [`BundleError`] if any part is damaged or not signed by a trusted key, and
    /// [`BundleError::NeedsLicenseFile`] for a key that proves nothing alone.
    pub fn verify(text: &str, trust: &TrustSet, matrix: &Matrix) -> Result<Self, BundleError> {
        let bundle = Self::verify_beside(text, trust, matrix, &[])?;
        match bundle.licenses.is_empty() {
            true => Err(BundleError::NoLicense),
            false => Ok(bundle),
        }
    }

    /// The same for what is sent after the license: validation tokens for licenses that are at hand, revocation lists, activations and
    /// clock repairs, alone or together.
    ///
    /// # Errors
    /// As [`Bundle::verify`].
    pub fn verify_beside(
        text: &str,
        trust: &TrustSet,
        matrix: &Matrix,
        at_hand: &[License],
    ) -> Result<Self, BundleError> {
        if without_wrapping(text).is_empty() {
            return Err(BundleError::Parse(ParseError::Empty));
        }
        if !LicenseKey::is_likely(text) {
            return Self::of_file(text, trust, at_hand);
        }
        match LicenseKey::parse(text).map_err(BundleError::Key)? {
            LicenseKey::Enterprise(key) => Ok(Self {
                licenses: vec![key.verify(trust, matrix).map_err(BundleError::Verify)?],
                validations: Vec::new(),
                revocations: Vec::new(),
                activations: Vec::new(),
                clock_repairs: Vec::new(),
                statements: Vec::new(),
                given_up: Vec::new(),
                canonical: Canonical::EnterpriseKey(key.to_string()),
            }),
            key => Err(needs_file(&key)),
        }
    }

    /// Checks that the given key names one of the licenses.
    ///
    /// # Errors
    /// [`BundleError::OtherLicense`] if it names none of them.
    pub fn check_named(&self, key: &LicenseKey, matrix: &Matrix) -> Result<(), BundleError> {
        if self
            .licenses
            .iter()
            .any(|license| is_named(license, key, matrix))
        {
            return Ok(());
        }
        let name = |license: &License| name(license, key, matrix);
        let found = self.licenses.iter().filter_map(name).collect();
        Err(BundleError::OtherLicense { found })
    }

    fn of_file(text: &str, trust: &TrustSet, at_hand: &[License]) -> Result<Self, BundleError> {
        let file = Artefacts::parse(text).map_err(BundleError::Parse)?;
        let licenses = each(&file, TokenKind::License, |token| token.verify(trust))?;
        let all = [&licenses, at_hand].concat();
        let of_license = [TokenKind::License, TokenKind::Validation];
        if all.is_empty() && file.of_kind(TokenKind::Validation).next().is_some() {
            return Err(BundleError::NoLicense);
        }
        let validations = each(&file, TokenKind::Validation, |token| {
            token.verify_validation_of(trust, &all)
        })?;
        let revocations = each(&file, TokenKind::Revocations, |token| {
            token.verify_revocations(trust)
        })?;
        let activations = each(&file, TokenKind::Activation, |token| {
            token.verify_activation(trust)
        })?;
        let clock_repairs = each(&file, TokenKind::ClockRepair, |token| {
            token.verify_clock_repair(trust)
        })?;
        let tokens = file.blocks().iter().map(|block| &block.token);
        let own = tokens.filter(|token| of_license.contains(&token.unverified_kind()));
        let statements = file.of_kind(TokenKind::TrustStatement);
        let statements = statements.map(|block| block.token.clone().into_owned());
        let canonical = Canonical::File(own.map(Unverified::to_armor).collect());
        Ok(Self {
            licenses,
            validations,
            revocations,
            activations,
            clock_repairs,
            statements: statements.collect(),
            given_up: Vec::new(),
            canonical,
        })
    }

    /// The licenses; none only where [`Bundle::verify_beside`] was given validation tokens or revocation lists alone.
    pub fn licenses(&self) -> &[License] {
        &self.licenses
    }

    /// The validation tokens for them.
    pub fn validations(&self) -> &[Validation] {
        &self.validations
    }

    /// The revocation lists, which are of any product.
    pub fn revocations(&self) -> &[RevocationList] {
        &self.revocations
    }

    /// The activations, of any license and machine.
    pub fn activations(&self) -> &[Activation] {
        &self.activations
    }

    /// The clock repairs, for any machine.
    pub fn clock_repairs(&self) -> &[ClockRepair] {
        &self.clock_repairs
    }

    /// The trust statements that came with it, in their order. They are not verified here and change nothing here:
    /// [`Rotation`](crate::license::Rotation) does that, and gives the keys to verify all else with.
    pub fn unverified_trust_statements(&self) -> &[Unverified<'static>] {
        &self.statements
    }

    /// Returns the licenses that this machine has deactivated, each with the nonce of its activation.
    pub(crate) fn given_up(&self) -> &[(LicenseId, Nonce)] {
        &self.given_up
    }

    /// Adds activations that are kept elsewhere.
    pub fn add_activations(&mut self, activations: impl IntoIterator<Item = Activation>) {
        self.activations.extend(activations);
    }

    /// Adds what this machine has given up: licenses, each by the nonce of its activation.
    pub fn add_given_up(&mut self, given_up: impl IntoIterator<Item = (LicenseId, Nonce)>) {
        self.given_up.extend(given_up);
    }

    /// Adds revocation lists that are kept elsewhere.
    pub fn add_revocations(&mut self, lists: impl IntoIterator<Item = RevocationList>) {
        self.revocations.extend(lists);
    }

    /// Adds what another bundle holds, whose text to store stays its own.
    pub fn extend(&mut self, other: &Self) {
        self.licenses.extend_from_slice(&other.licenses);
        self.validations.extend_from_slice(&other.validations);
        self.revocations.extend_from_slice(&other.revocations);
        self.activations.extend_from_slice(&other.activations);
        self.given_up.extend_from_slice(&other.given_up);
    }

    /// When the newest part of it was signed.
    pub fn newest_signature(&self) -> Option<Timestamp> {
        let licenses = self.licenses.iter().filter_map(License::issued_at);
        let validations = self.validations.iter().map(Validation::issued_at);
        let lists = self.revocations.iter().map(RevocationList::issued_at);
        let activations = self.activations.iter().map(Activation::issued_at);
        let later = lists.chain(activations);
        licenses.chain(validations).chain(later).max()
    }

    /// The text to store: licenses and validation tokens. The rest is kept by itself.
    pub fn canonical(&self) -> &Canonical {
        &self.canonical
    }
}

/// Verifies every block of one kind, or says which is refused.
fn each<T>(
    file: &Artefacts<'_>,
    kind: TokenKind,
    verify: impl Fn(&Unverified<'_>) -> Result<T, VerifyError>,
) -> Result<Vec<T>, BundleError> {
    let many = file.blocks().len() > 1;
    let verified = |block: &Block<'_>| {
        verify(&block.token).map_err(|error| match many {
            true => BundleError::Block {
                line: block.line,
                error,
            },
            false => BundleError::Verify(error),
        })
    };
    file.of_kind(kind).map(verified).collect()
}

fn is_named(license: &License, key: &LicenseKey, matrix: &Matrix) -> bool {
    // An enterprise key is its own license: its id is its short form.
    license.is_named_by(key, matrix) || key.license_id().as_ref() == Some(license.id())
}

/// The key of the same form that does name the license.
fn name(license: &License, key: &LicenseKey, matrix: &Matrix) -> Option<String> {
    let standard = license.standard_key().map(|key| key.to_string());
    let enterprise = license
        .short_enterprise_key(matrix)
        .map(|key| key.to_string());
    match key {
        LicenseKey::Standard(_) => standard.or(enterprise),
        _ => enterprise.or(standard),
    }
}

fn needs_file(key: &LicenseKey) -> BundleError {
    let tier = match key {
        LicenseKey::Standard(key) => Some(key.tier()),
        _ => None,
    };
    BundleError::NeedsLicenseFile { tier }
}
