//! What a customer was sent, verified as a whole: licenses with the validation tokens for them, revocation lists and trust
//! statements.

use std::fmt;

use crate::key::{KeyError, LicenseKey};
use crate::pasted::without_wrapping;
use crate::token::{Artefacts, Block, ParseError, TokenKind, VerifyError};
use crate::{
    Code, Context, Decision, Finding, License, Matrix, Outcome, RevocationList, RotationError,
    Tier, Timestamp, TrustSet, Unverified, Validation,
};

/// A verified license file or enterprise key.
///
/// ```
/// use license_core::{Bundle, Context, Matrix, Timestamp, TrustSet};
///
/// # const JWKS: &str = include_str!("../../../fixtures/trust/vendor.jwks");
/// # const FILE: &str = include_str!("../../../fixtures/files/valid-pro.lic");
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
    statements: Vec<Unverified<'static>>,
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

    /// The same for what is sent after the license: it may hold validation tokens alone, for licenses that are at hand, or revocation lists
    /// alone.
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
                statements: Vec::new(),
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
        let artefacts = Artefacts::parse(text).map_err(BundleError::Parse)?;
        let tokens = || artefacts.blocks().iter().map(|block| &block.token);
        let usable = [
            TokenKind::License,
            TokenKind::Validation,
            TokenKind::Revocations,
            TokenKind::TrustStatement,
        ];
        let foreign = |token: &&Unverified<'_>| !usable.contains(&token.unverified_kind());
        if let Some(token) = tokens().find(foreign) {
            let found = token.unverified_kind().label();
            return Err(BundleError::Parse(ParseError::UnsupportedBlock { found }));
        }
        let many = artefacts.blocks().len() > 1;
        let refused = |block: &Block<'_>, error| match many {
            true => BundleError::Block {
                line: block.line,
                error,
            },
            false => BundleError::Verify(error),
        };
        let license = |block: &Block<'_>| {
            block
                .token
                .verify(trust)
                .map_err(|error| refused(block, error))
        };
        let licenses: Result<Vec<_>, _> =
            artefacts.of_kind(TokenKind::License).map(license).collect();
        let licenses = licenses?;
        let all = [&licenses, at_hand].concat();
        let is_list = |token: &&Unverified<'_>| token.unverified_kind() == TokenKind::Revocations;
        let is_statement =
            |token: &&Unverified<'_>| token.unverified_kind() == TokenKind::TrustStatement;
        if all.is_empty() && !tokens().all(|token| is_list(&token) || is_statement(&token)) {
            return Err(BundleError::NoLicense);
        }
        let validation = |block: &Block<'_>| {
            let validation = block.token.verify_validation_of(trust, &all);
            validation.map_err(|error| refused(block, error))
        };
        let validations: Result<_, _> = artefacts
            .of_kind(TokenKind::Validation)
            .map(validation)
            .collect();
        let list = |block: &Block<'_>| {
            let list = block.token.verify_revocations(trust);
            list.map_err(|error| refused(block, error))
        };
        let revocations: Result<_, _> = artefacts
            .of_kind(TokenKind::Revocations)
            .map(list)
            .collect();
        let own = tokens().filter(|token| !is_list(token) && !is_statement(token));
        let statements = tokens().filter(is_statement);
        let statements = statements.map(|token| token.clone().into_owned()).collect();
        let canonical = Canonical::File(own.map(Unverified::to_armor).collect());
        Ok(Self {
            revocations: revocations?,
            validations: validations?,
            licenses,
            statements,
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

    /// The trust statements that came with it, in their order. They are not verified here and change nothing here:
    /// [`Rotation`](crate::Rotation) does that, and gives the keys to verify all else with.
    pub fn unverified_trust_statements(&self) -> &[Unverified<'static>] {
        &self.statements
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
    }

    /// When the newest part of it was signed.
    pub fn newest_signature(&self) -> Option<Timestamp> {
        let licenses = self.licenses.iter().filter_map(License::issued_at);
        let validations = self.validations.iter().map(Validation::issued_at);
        let lists = self.revocations.iter().map(RevocationList::issued_at);
        licenses.chain(validations).chain(lists).max()
    }

    /// The text to store: all but the revocation lists and trust statements, which are kept by themselves.
    pub fn canonical(&self) -> &Canonical {
        &self.canonical
    }

    /// Decides by the license that allows most: of those that hold the one of the highest tier, then the best
    /// outcome, the latest end, the latest issue. So what is allowed never grows again by the mere passing of time.
    pub fn evaluate(&self, matrix: &Matrix, context: &Context<'_>) -> Decision {
        let context = self.in_context(context);
        let decisions = self
            .licenses
            .iter()
            .map(|license| license.evaluate(matrix, &context));
        let best = decisions.max_by_key(|decision| {
            let license = decision.license();
            let holds = decision.outcome() != Outcome::Denied;
            // The tier in effect: a validation token may have changed what was bought.
            let tier = rank(decision.entitlements().tier(), matrix).filter(|_| holds);
            let end = license.and_then(License::expires_at);
            let issued = license.and_then(License::issued_at);
            // A perpetual license ends after all others.
            (holds, tier, decision.outcome(), end.is_none(), end, issued)
        });
        best.unwrap_or_else(|| Decision::without_license(matrix, &context))
    }

    /// Every rule applied to the license that [`Bundle::evaluate`] decides by.
    pub fn explain(&self, matrix: &Matrix, context: &Context<'_>) -> Vec<Finding> {
        let decision = self.evaluate(matrix, context);
        let context = self.in_context(context);
        decision
            .license()
            .map(|license| license.explain(matrix, &context))
            .unwrap_or_default()
    }

    fn in_context<'a>(&'a self, context: &Context<'a>) -> Context<'a> {
        context
            .clone()
            .in_bundle(&self.licenses, &self.validations, &self.revocations)
    }
}

fn rank(tier: Tier, matrix: &Matrix) -> Option<usize> {
    matrix.tiers().iter().position(|terms| terms.name() == tier)
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

/// Why what a customer was sent is no proof of a license.
#[derive(Debug)]
#[non_exhaustive]
pub enum BundleError {
    /// The key is not spelled right.
    Key(KeyError),
    /// The file is not spelled right.
    Parse(ParseError),
    /// A signature or claim is not what it must be.
    Verify(VerifyError),
    /// A signature or claim of one of several blocks is not what it must be.
    Block {
        /// The line on which the block begins, from 1.
        line: usize,
        /// What is wrong with it.
        error: VerifyError,
    },
    /// A trust statement does not count.
    Statement {
        /// The line on which its block begins, from 1, where there are several blocks.
        line: Option<usize>,
        /// Why.
        error: Box<RotationError>,
    },
    /// The key is spelled right, and proves nothing alone.
    NeedsLicenseFile {
        /// The tier that a standard key names; none for a short enterprise key.
        tier: Option<Tier>,
    },
    /// The key names another license.
    OtherLicense {
        /// The keys that name the licenses in the file.
        found: Vec<String>,
    },
    /// There is no license in the file.
    NoLicense,
}

impl BundleError {
    /// The reason code.
    pub const fn code(&self) -> Code {
        match self {
            Self::Key(error) => error.code(),
            Self::Parse(error) => error.code(),
            Self::Verify(error) | Self::Block { error, .. } => error.code(),
            Self::Statement { error, .. } => error.code(),
            Self::NeedsLicenseFile { .. } | Self::OtherLicense { .. } | Self::NoLicense => {
                Code::NeedsLicenseFile
            }
        }
    }
}

impl fmt::Display for BundleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(error) => error.fmt(f),
            Self::Parse(error) => error.fmt(f),
            Self::Verify(error) => error.fmt(f),
            Self::Block { line, error } => write!(f, "block at line {line}: {error}"),
            Self::Statement {
                line: Some(line),
                error,
            } => {
                write!(f, "trust statement at line {line}: {error}")
            }
            Self::Statement { line: None, error } => write!(f, "trust statement: {error}"),
            Self::NeedsLicenseFile { tier: Some(tier) } => write!(
                f,
                "the key is well formed and names a {tier} license, but carries no signature"
            ),
            Self::NeedsLicenseFile { tier: None } => {
                f.write_str("the short enterprise key is well formed, but carries no signature")
            }
            Self::OtherLicense { found } => write!(
                f,
                "the key names another license than the file, whose key is {}",
                found.join(", ")
            ),
            Self::NoLicense => f.write_str("expected a block `LICENSE` in the file, found none"),
        }
    }
}

impl std::error::Error for BundleError {}
