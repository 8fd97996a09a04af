//! Keys that take the place of others: a trust set and what statements made of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Artefacts, BundleError, TrustStatement};
use crate::code::Code;
use crate::jose::{TokenKind, Unverified};
use crate::trust::{KeyId, TrustError, TrustSet, TrustedKey, VerifyError};

/// A trust set, and what statements of its own keys made of it.
///
/// A trusted key may introduce others. It is retired by two signatures, its own and that of another trusted key, which takes its place: so
/// the set is never empty, and a key alone retires none, not even itself. What a retired key introduced goes with it, unless a trusted key
/// introduced that too, or it is the one that takes its place. What was retired never comes back.
///
/// Statements count in the order in which they are applied, each by the keys that are trusted then.
///
/// ```
/// use license_core::{Rotation, Taken, TrustSet, Unverified};
///
/// # const JWKS: &str = include_str!("../../../../fixtures/trust/vendor.jwks");
/// # const TOKEN: &str = include_str!("../../../../fixtures/tokens/valid-trust-statement.jwt");
/// let mut rotation = Rotation::new(TrustSet::parse(JWKS)?);
/// let before = rotation.keys().len();
/// assert_eq!(rotation.apply(&Unverified::parse(TOKEN)?)?, Taken::New);
/// assert_eq!(rotation.keys().len(), before + 1);
/// assert_eq!(rotation.apply(&Unverified::parse(TOKEN)?)?, Taken::Already);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Rotation {
    roots: TrustSet,
    /// Those that counted, in their order.
    statements: Vec<TrustStatement>,
    keys: TrustSet,
}

/// What applying a statement did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It counts from now on.
    New,
    /// All that it says was known.
    Already,
}

impl Rotation {
    /// A set of keys of which no statement speaks yet.
    pub fn new(roots: TrustSet) -> Self {
        Self {
            keys: roots.clone(),
            statements: Vec::new(),
            roots,
        }
    }

    /// Verifies a statement with the keys that are trusted now, and lets it count.
    ///
    /// # Errors
    /// [`RotationError`] if it is no statement of a trusted key, or brings back a key that was retired; then nothing is changed.
    pub fn apply(&mut self, token: &Unverified<'_>) -> Result<Taken, RotationError> {
        let is_same = |known: &TrustStatement| known.as_str() == token.as_str();
        if self.statements.iter().any(is_same) {
            return Ok(Taken::Already);
        }
        let before = self.retired_keys();
        let statement = token.verify_trust_statement(&self.keys, &before);
        let statement = statement.map_err(RotationError::Verify)?;
        if self.says_nothing_new(&statement) {
            return Ok(Taken::Already);
        }
        self.check_introduction(&statement)?;
        self.statements.push(statement);
        self.keys = self.present();
        Ok(Taken::New)
    }

    /// Applies every statement of a file in its order, and tells what each did. Whatever else is in the file is left alone.
    ///
    /// # Errors
    /// [`BundleError`] if the file is not spelled right, or a statement is refused; then nothing is changed.
    pub fn apply_file(&mut self, text: &str) -> Result<Vec<Taken>, BundleError> {
        let artefacts = Artefacts::parse(text).map_err(BundleError::Parse)?;
        let mut rotation = self.clone();
        let mut taken = Vec::new();
        for block in artefacts.of_kind(TokenKind::TrustStatement) {
            let line = (artefacts.blocks().len() > 1).then_some(block.line);
            let refused = |error: RotationError| BundleError::Statement {
                line,
                error: error.into(),
            };
            taken.push(rotation.apply(&block.token).map_err(refused)?);
        }
        *self = rotation;
        Ok(taken)
    }

    /// The keys that are trusted now.
    pub fn keys(&self) -> &TrustSet {
        &self.keys
    }

    /// The keys that are trusted whatever statements say, unless one retires them.
    pub fn roots(&self) -> &TrustSet {
        &self.roots
    }

    /// The statements that counted when they were applied, in that order.
    pub fn statements(&self) -> &[TrustStatement] {
        &self.statements
    }

    /// The statement by which a key came that is no root: the first.
    pub fn introduction_of(&self, key: &KeyId) -> Option<&TrustStatement> {
        let mut statements = self.statements.iter();
        let is_root = self.roots.get(key.as_str()).is_some();
        let introduces = |statement: &&TrustStatement| {
            let mut keys = statement.introduces();
            keys.any(|introduced| introduced.id() == key)
        };
        statements.find(introduces).filter(|_| !is_root)
    }

    /// The statements that retired a key, in their order.
    pub fn retirements(&self) -> impl Iterator<Item = &TrustStatement> {
        let is_such = |statement: &&TrustStatement| statement.retires().is_some();
        self.statements.iter().filter(is_such)
    }

    /// The statement that retired a key.
    pub fn retirement_of(&self, key: &KeyId) -> Option<&TrustStatement> {
        self.retirements()
            .find(|statement| statement.retires() == Some(key))
    }

    fn is_retired(&self, key: &KeyId) -> bool {
        self.retirement_of(key).is_some()
    }

    /// Every key that there ever was.
    fn known(&self) -> BTreeMap<&KeyId, &Arc<TrustedKey>> {
        let roots = self.roots.shared_keys();
        let introduced = self.statements.iter().flat_map(TrustStatement::shared_keys);
        // One by one: to collect would compile a sort.
        let mut known = BTreeMap::new();
        known.extend(introduced.chain(roots).map(|key| (key.id(), key)));
        known
    }

    fn retired_keys(&self) -> TrustSet {
        let known = self.known();
        let keys = known.values().filter(|key| self.is_retired(key.id()));
        let mut retired = TrustSet::default();
        for key in keys {
            // They were in one set before.
            let _ = retired.insert(Arc::clone(key));
        }
        retired
    }

    /// A key that is retired already, or keys that the same key introduced before.
    fn says_nothing_new(&self, new: &TrustStatement) -> bool {
        let is_known = |key: &TrustedKey| {
            let by_same = self
                .statements
                .iter()
                .filter(|old| old.signer() == new.signer());
            by_same
                .flat_map(TrustStatement::introduces)
                .any(|old| old.id() == key.id() && old.algorithm() == key.algorithm())
                && self.keys.get(key.id().as_str()).is_some()
        };
        match new.retires() {
            Some(key) => self.is_retired(key),
            None => new.introduces().all(is_known),
        }
    }

    fn check_introduction(&self, statement: &TrustStatement) -> Result<(), RotationError> {
        let mut all = self.keys.clone();
        let known = self.known();
        for key in statement.introduces() {
            if self.is_retired(key.id()) {
                let key = key.id().clone();
                return Err(RotationError::Retired { key });
            }
            let known = known.get(key.id());
            if known.is_some_and(|known| known.algorithm() != key.algorithm()) {
                let key = key.id().clone();
                return Err(RotationError::Keys(TrustError::TwoAlgorithms { key }));
            }
        }
        let mut keys = statement.shared_keys().iter().map(Arc::clone);
        keys.try_for_each(|key| all.insert(key))
            .map_err(RotationError::Keys)
    }

    /// All that the roots lead to: a trusted key to those that it introduced, a retired one to its successor alone.
    fn present(&self) -> TrustSet {
        let known = self.known();
        let mut next: Vec<&KeyId> = self.roots.iter().map(TrustedKey::id).collect();
        let (mut seen, mut keys) = (BTreeSet::new(), TrustSet::default());
        while let Some(key) = next.pop() {
            if !seen.insert(key) {
                continue;
            }
            if let Some(retirement) = self.retirement_of(key) {
                next.extend(retirement.countersigner());
                continue;
            }
            if let Some(key) = known.get(key) {
                // Each was checked against the others when it came.
                let _ = keys.insert(Arc::clone(key));
            }
            let own = self.statements.iter().filter(|said| said.signer() == key);
            next.extend(own.flat_map(|said| said.introduces().map(TrustedKey::id)));
        }
        let retired = self.retirements().filter_map(TrustStatement::retires);
        keys.set_retired(retired.cloned().collect());
        keys
    }
}

/// The reason why a trust statement does not count.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RotationError {
    /// A signature does not verify, or a claim has a value that is not accepted.
    #[error(transparent)]
    Verify(VerifyError),
    /// The statement introduces a key that was retired.
    #[error("it introduces key {key}, which its vendor has retired: it never comes back")]
    Retired {
        /// The key.
        key: KeyId,
    },
    /// The introduced keys contradict the trusted keys, or there are too many.
    #[error(transparent)]
    Keys(TrustError),
}

impl RotationError {
    /// Returns the reason code.
    pub const fn code(&self) -> Code {
        match self {
            Self::Verify(error) => error.code(),
            Self::Retired { .. } => Code::RetiredKey,
            Self::Keys(_) => Code::Malformed,
        }
    }
}
