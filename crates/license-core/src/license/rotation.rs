//! Key rotation: trust statements that change a trust set.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{LicenseFile, TrustStatement, VerifiedLicensesError};
use crate::code::Code;
use crate::jose::{TokenKind, Unverified};
use crate::trust::{KeyId, TrustError, TrustSet, TrustedKey, VerifyError};

/// A trust set that changes through trust statements, which its own keys sign.
///
/// - A trusted key can introduce other keys.
/// - Two signatures retire a key: one by the key itself, and one by another trusted key, which
///   becomes the successor. A single key cannot retire a key, and the set is never empty.
/// - The keys that a retired key has introduced are removed with it, except its successor and keys
///   that another trusted key has introduced as well.
/// - A retired key cannot be introduced again.
///
/// Each statement is verified with the keys that are trusted when it is applied.
///
/// ```
/// use license_core::{TrustSet, Unverified};
/// use license_core::license::{Rotation, StatementResult};
///
/// # const JWKS: &str = include_str!(concat!(
/// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
/// # ));
/// # const TOKEN: &str = include_str!(concat!(
/// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/tokens/valid-trust-statement.jwt"
/// # ));
/// // The keys that were compiled into the program, and a statement from the vendor.
/// let mut rotation = Rotation::new(TrustSet::parse(JWKS)?);
/// let before = rotation.keys().len();
/// assert_eq!(rotation.apply(&Unverified::parse(TOKEN)?)?, StatementResult::Applied);
/// assert_eq!(rotation.keys().len(), before + 1);
/// assert_eq!(rotation.apply(&Unverified::parse(TOKEN)?)?, StatementResult::Unchanged);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Rotation {
    roots: TrustSet,
    /// The applied statements, in their order.
    statements: Vec<TrustStatement>,
    keys: TrustSet,
}

/// The result of applying a trust statement.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
/// # let mut rotation = license_core::license::Rotation::new(fixture::trust()?);
/// # let statement = license_core::Unverified::parse(fixture::STATEMENT)?;
/// use license_core::license::StatementResult;
///
/// assert_eq!(rotation.apply(&statement)?, StatementResult::Applied);
/// assert_eq!(rotation.apply(&statement)?, StatementResult::Unchanged);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StatementResult {
    /// The statement was applied.
    Applied,
    /// The statement had already been applied, or changes nothing.
    Unchanged,
}

impl Rotation {
    /// Creates a key rotation that starts with these keys.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let trust = fixture::trust()?;
    /// use license_core::license::Rotation;
    ///
    /// let rotation = Rotation::new(trust);
    /// assert_eq!(rotation.keys().len(), 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(roots: TrustSet) -> Self {
        Self {
            keys: roots.clone(),
            statements: Vec::new(),
            roots,
        }
    }

    /// Verifies a statement with the currently trusted keys and applies it.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let trust = fixture::trust()?;
    /// # const TOKEN: &str = fixture::STATEMENT;
    /// use license_core::Unverified;
    /// use license_core::license::{Rotation, StatementResult};
    ///
    /// let mut rotation = Rotation::new(trust);
    /// match rotation.apply(&Unverified::parse(TOKEN)?)? {
    ///     StatementResult::Applied => println!("{} trusted keys", rotation.keys().len()),
    ///     StatementResult::Unchanged => println!("the statement changes nothing"),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`RotationError`] if the statement is not signed by trusted keys or introduces a
    /// retired key. Nothing changes in this case.
    pub fn apply(&mut self, token: &Unverified<'_>) -> Result<StatementResult, RotationError> {
        let is_known = |token: &Unverified<'_>| {
            let mut known = self.statements.iter();
            known.any(|known| known.as_str() == token.as_str())
        };
        if is_known(token.reading(is_known)) {
            return Ok(StatementResult::Unchanged);
        }
        let retired = self.retired_keys();
        let statement = token.verify_trust_statement(&self.keys, &retired);
        let statement = statement.map_err(RotationError::Verify)?;
        if self.is_redundant(&statement) {
            return Ok(StatementResult::Unchanged);
        }
        self.check_introduction(&statement)?;
        self.statements.push(statement);
        self.keys = self.trusted_keys();
        Ok(StatementResult::Applied)
    }

    /// Applies the trust statements of a file in their order and returns the result of each.
    ///
    /// Other tokens in the file are ignored.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let trust = fixture::trust()?;
    /// # const TEXT: &str = fixture::STATEMENT;
    /// use license_core::license::{Rotation, StatementResult};
    ///
    /// let mut rotation = Rotation::new(trust);
    /// assert_eq!(rotation.apply_file(TEXT)?, [StatementResult::Applied]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`VerifiedLicensesError`] if the file is malformed or a statement cannot be applied.
    /// Nothing changes in this case.
    pub fn apply_file(
        &mut self,
        text: &str,
    ) -> Result<Vec<StatementResult>, VerifiedLicensesError> {
        let file = LicenseFile::parse(text).map_err(VerifiedLicensesError::Parse)?;
        let mut rotation = self.clone();
        let mut results = Vec::new();
        for block in file.blocks_of_kind(TokenKind::TrustStatement) {
            let line = (file.blocks().len() > 1).then_some(block.line);
            let with_line = |error: RotationError| VerifiedLicensesError::Statement {
                line,
                source: error.into(),
            };
            results.push(rotation.apply(&block.token).map_err(with_line)?);
        }
        *self = rotation;
        Ok(results)
    }

    /// Returns the currently trusted keys.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let mut rotation = license_core::license::Rotation::new(fixture::trust()?);
    /// # let statement = license_core::Unverified::parse(fixture::STATEMENT)?;
    /// rotation.apply(&statement)?;
    /// // All other tokens are verified with these keys.
    /// let trust = rotation.keys();
    /// assert_eq!(trust.len(), 4);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn keys(&self) -> &TrustSet {
        &self.keys
    }

    /// Returns the initial keys, which are trusted until a statement retires them.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let mut rotation = license_core::license::Rotation::new(fixture::trust()?);
    /// # let statement = license_core::Unverified::parse(fixture::STATEMENT)?;
    /// rotation.apply(&statement)?;
    /// assert_eq!((rotation.roots().len(), rotation.keys().len()), (3, 4));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn roots(&self) -> &TrustSet {
        &self.roots
    }

    /// Returns the applied statements, in their order.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let mut rotation = license_core::license::Rotation::new(fixture::trust()?);
    /// # let statement = license_core::Unverified::parse(fixture::STATEMENT)?;
    /// rotation.apply(&statement)?;
    /// // A program stores the statements in this order, and applies them again at each start.
    /// let statements = rotation.statements().iter();
    /// let stored: String = statements.map(|statement| statement.to_armor()).collect();
    /// assert!(stored.starts_with("-----BEGIN LICENSE TRUST-----"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn statements(&self) -> &[TrustStatement] {
        &self.statements
    }

    /// Returns the first statement that introduced a key, or `None` for an initial or unknown key.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let mut rotation = license_core::license::Rotation::new(fixture::trust()?);
    /// # let statement = license_core::Unverified::parse(fixture::STATEMENT)?;
    /// rotation.apply(&statement)?;
    /// for key in rotation.keys().iter() {
    ///     match rotation.introduction_of(key.id()) {
    ///         Some(statement) => println!("{}: introduced by {}", key.id(), statement.signer()),
    ///         None => println!("{}: trusted from the start", key.id()),
    ///     }
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn introduction_of(&self, key: &KeyId) -> Option<&TrustStatement> {
        let mut statements = self.statements.iter();
        let is_root = self.roots.get(key.as_str()).is_some();
        let introduces = |statement: &&TrustStatement| {
            let mut keys = statement.introduces();
            keys.any(|introduced| introduced.id() == key)
        };
        statements.find(introduces).filter(|_| !is_root)
    }

    /// Returns the statements that retired a key, in their order.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let rotation = license_core::license::Rotation::new(fixture::trust()?);
    /// for statement in rotation.retirements() {
    ///     if let (Some(key), Some(successor)) = (statement.retires(), statement.countersigner()) {
    ///         println!("key {successor} succeeds key {key}");
    ///     }
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn retirements(&self) -> impl Iterator<Item = &TrustStatement> {
        let is_retirement = |statement: &&TrustStatement| statement.retires().is_some();
        self.statements.iter().filter(is_retirement)
    }

    /// Returns the statement that retired a key, or `None` if the key is not retired.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let rotation = license_core::license::Rotation::new(fixture::trust()?);
    /// for key in rotation.roots().iter() {
    ///     if let Some(statement) = rotation.retirement_of(key.id()) {
    ///         println!("{} was retired at {}", key.id(), statement.issued_at());
    ///     }
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn retirement_of(&self, key: &KeyId) -> Option<&TrustStatement> {
        self.retirements()
            .find(|statement| statement.retires() == Some(key))
    }

    fn is_retired(&self, key: &KeyId) -> bool {
        self.retirement_of(key).is_some()
    }

    /// Returns all initial and introduced keys, including retired ones.
    fn all_keys(&self) -> BTreeMap<&KeyId, &Arc<TrustedKey>> {
        let roots = self.roots.shared_keys();
        let introduced = self.statements.iter().flat_map(TrustStatement::shared_keys);
        // `extend` compiles to less code than `collect`, which sorts first.
        let mut all = BTreeMap::new();
        all.extend(introduced.chain(roots).map(|key| (key.id(), key)));
        all
    }

    fn retired_keys(&self) -> TrustSet {
        let all = self.all_keys();
        let keys = all.values().filter(|key| self.is_retired(key.id()));
        let mut retired = TrustSet::default();
        for key in keys {
            // These keys do not conflict, because they were in one set before.
            let _ = retired.insert(Arc::clone(key));
        }
        retired
    }

    /// Returns whether a statement would change nothing.
    ///
    /// A retirement changes nothing if the key is already retired. An introduction changes nothing
    /// if all its keys are trusted and its signer has introduced them before.
    fn is_redundant(&self, new: &TrustStatement) -> bool {
        let is_known = |key: &TrustedKey| {
            let by_same_signer = self
                .statements
                .iter()
                .filter(|old| old.signer() == new.signer());
            by_same_signer
                .flat_map(TrustStatement::introduces)
                .any(|old| old.id() == key.id() && old.algorithm() == key.algorithm())
                && self.keys.get(key.id().as_str()).is_some()
        };
        match new.retires() {
            Some(key) => self.is_retired(key),
            None => new.introduces().all(is_known),
        }
    }

    /// Checks that the introduced keys are not retired and do not conflict with other keys.
    fn check_introduction(&self, statement: &TrustStatement) -> Result<(), RotationError> {
        let mut trusted = self.keys.clone();
        let all = self.all_keys();
        for key in statement.introduces() {
            if self.is_retired(key.id()) {
                let key = key.id().clone();
                return Err(RotationError::Retired { key });
            }
            let known = all.get(key.id());
            if known.is_some_and(|known| known.algorithm() != key.algorithm()) {
                let key = key.id().clone();
                return Err(RotationError::Keys(TrustError::TwoAlgorithms { key }));
            }
        }
        let mut keys = statement.shared_keys().iter().map(Arc::clone);
        keys.try_for_each(|key| trusted.insert(key))
            .map_err(RotationError::Keys)
    }

    /// Computes the trusted keys: those that can be reached from the initial keys.
    ///
    /// A trusted key leads to the keys that it introduced, and a retired key only to its successor.
    fn trusted_keys(&self) -> TrustSet {
        let all = self.all_keys();
        let mut next: Vec<&KeyId> = self.roots.iter().map(TrustedKey::id).collect();
        let (mut visited, mut keys) = (BTreeSet::new(), TrustSet::default());
        while let Some(key) = next.pop() {
            if !visited.insert(key) {
                continue;
            }
            if let Some(retirement) = self.retirement_of(key) {
                next.extend(retirement.countersigner());
                continue;
            }
            if let Some(key) = all.get(key) {
                // `check_introduction` has checked that the keys do not conflict.
                let _ = keys.insert(Arc::clone(key));
            }
            let by_key = self.statements.iter();
            let by_key = by_key.filter(|statement| statement.signer() == key);
            next.extend(by_key.flat_map(|statement| statement.introduces().map(TrustedKey::id)));
        }
        let retired = self.retirements().filter_map(TrustStatement::retires);
        keys.set_retired(retired.cloned().collect());
        keys
    }
}

/// The reason why a trust statement cannot be applied.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
/// # let statement = license_core::Unverified::parse(fixture::STATEMENT)?;
/// use license_core::TrustSet;
/// use license_core::license::Rotation;
///
/// // Without a trusted key, no key can be introduced.
/// let error = Rotation::new(TrustSet::default()).apply(&statement).err();
/// let error = error.ok_or("expected an error")?;
/// assert_eq!(error.code().as_str(), "UNTRUSTED_KEY");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RotationError {
    /// A signature does not verify, or a claim has a value that is not accepted.
    #[error(transparent)]
    Verify(VerifyError),
    /// The statement introduces a key that was retired.
    #[error(
        "the statement introduces key {key}, which its vendor has retired; a retired key stays retired"
    )]
    Retired {
        /// The key.
        key: KeyId,
    },
    /// The introduced keys conflict with trusted keys, or there are too many.
    #[error(transparent)]
    Keys(TrustError),
}

impl RotationError {
    /// Returns the reason code.
    ///
    /// ```
    /// use license_core::Code;
    /// use license_core::license::RotationError;
    /// use license_core::trust::TrustError;
    ///
    /// assert_eq!(RotationError::Keys(TrustError::Empty).code(), Code::Malformed);
    /// ```
    pub const fn code(&self) -> Code {
        match self {
            Self::Verify(error) => error.code(),
            Self::Retired { .. } => Code::RetiredKey,
            Self::Keys(error) => error.code(),
        }
    }
}
