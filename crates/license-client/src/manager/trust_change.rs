//! Trust statements in installed files.

use std::path::PathBuf;

use license_core::chrono::{DateTime, Utc};
use license_core::evaluate::Outcome;
use license_core::jose::{MAX_FILE_BYTES, ParseError};
use license_core::license::{
    Activation, Rotation, RotationError, StatementResult, TrustStatement, VerifiedLicensesError,
};
use license_core::trust::{KeyId, VerifyError};
use license_core::{Code, Context, FeatureMatrix, TrustSet, Unverified, VerifiedLicenses};

use super::LicenseManager;
use crate::installation::{
    Candidate, Installation, InstallationError, Keys, installed_roots, stored_text,
};
use crate::paths::Paths;
use crate::state::State;
use crate::state_dir::StateFile;
use crate::store::{Damaged, StoreLock};

/// Result of installing a trust statement.
///
/// ```
/// use license_client::InstallReport;
///
/// /// Prints the effect of the trust statements in a file.
/// fn print_statements(report: &InstallReport) {
///     for installed in &report.statements {
///         match &installed.statement {
///             Some(statement) => println!("signed by key {}", statement.signer()),
///             None => println!("the keys already have this state"),
///         }
///     }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[must_use]
pub struct InstalledStatement {
    /// The statement. `None` if it changes nothing, because the keys already have this state.
    pub statement: Option<TrustStatement>,
    /// The file that contains the stored statements.
    pub path: PathBuf,
}

/// The change that an artifact makes to the trusted keys.
pub(super) struct TrustChange {
    before: TrustSet,
    after: Rotation,
    /// The text of the stored statements.
    stored: String,
    /// The statements of the artifact, in their order. `None` if a statement changes nothing.
    statements: Vec<Option<TrustStatement>>,
}

impl LicenseManager {
    /// Verifies the trust statements of the candidate with its keys and the stored statements.
    pub(super) fn trust_change(
        &self,
        lock: Option<&StoreLock>,
        paths: &Paths,
        candidate: &Candidate<'_>,
    ) -> Result<TrustChange, InstallationError> {
        let keys = Keys::new(self.trust());
        let mut change = TrustChange {
            before: keys
                .for_user(paths)
                .map(|usable| usable.keys)
                .unwrap_or_default(),
            after: keys.rotated(paths, candidate.trust.clone()),
            stored: String::new(),
            statements: Vec::new(),
        };
        if self.trust().is_some() {
            return refuse_only_statements(candidate.verified).map(|()| change);
        }
        for token in candidate.verified.unverified_trust_statements() {
            let refused = |error: RotationError| VerifiedLicensesError::Statement {
                line: None,
                source: error.into(),
            };
            let outcome = change.after.apply(token).map_err(refused);
            let outcome = outcome.map_err(InstallationError::Statement)?;
            let new = change.after.statements().last().cloned();
            change
                .statements
                .push(new.filter(|_| outcome == StatementResult::Applied));
        }
        if change.new_statements().next().is_some() {
            change.stored = stored_text(lock, paths)?;
            change.check_size()?;
        }
        Ok(change)
    }
}

/// Refuses a license file that contains only trust statements, because they do not apply to
/// embedded keys.
fn refuse_only_statements(verified: &VerifiedLicenses) -> Result<(), InstallationError> {
    let is_all = verified.licenses().is_empty()
        && verified.validations().is_empty()
        && verified.activations().is_empty()
        && verified.clock_repairs().is_empty()
        && verified.revocations().is_empty();
    if is_all && !verified.unverified_trust_statements().is_empty() {
        Err(InstallationError::EmbeddedKeys)
    } else {
        Ok(())
    }
}

impl TrustChange {
    /// Returns the keys that are trusted after the change.
    pub(super) fn keys(&self) -> &TrustSet {
        self.after.keys()
    }

    fn new_statements(&self) -> impl Iterator<Item = &TrustStatement> {
        self.statements.iter().flatten()
    }

    /// Returns the signing time of the latest new statement.
    pub(super) fn newest(&self) -> Option<DateTime<Utc>> {
        self.new_statements().map(TrustStatement::issued_at).max()
    }

    fn check_size(&self) -> Result<(), InstallationError> {
        let (limit, found) = (MAX_FILE_BYTES, self.text(self.new_statements()).len());
        if found > limit {
            let error = ParseError::TooLong { limit, found };
            Err(InstallationError::Statement(VerifiedLicensesError::Parse(
                error,
            )))
        } else {
            Ok(())
        }
    }

    /// Refuses to retire a key that the user's installed license needs, unless another trusted key
    /// replaces it.
    pub(super) fn refuse_orphans(
        &self,
        paths: &Paths,
        matrix: &FeatureMatrix,
        context: &Context<'_>,
        state: &State,
        activations: impl Fn(&TrustSet) -> Vec<Activation>,
    ) -> Result<(), InstallationError> {
        if !self
            .new_statements()
            .any(|statement| statement.retires().is_some())
        {
            return Ok(());
        }
        let user_only = Paths::at(paths.user().dir().clone());
        let is_valid_with = |keys: &TrustSet| {
            let found = Installation::read(&user_only, Keys::Given(keys), matrix, Damaged::Leave)?;
            Ok(found.is_some_and(|mut found| {
                let _ = found.add_validations(&state.validations, keys, matrix);
                found.add_activations(activations(keys), &state.deactivated);
                let decision = found.verified().evaluate(matrix, context);
                decision.outcome() != Outcome::Denied
            }))
        };
        if !matches!(is_valid_with(&self.before), Ok(true)) {
            return Ok(());
        }
        let key = match is_valid_with(&self.keys_of_all_roots(paths)) {
            Ok(true) => return Ok(()),
            Ok(false) => None,
            Err(error) => self.failed_key(&error),
        };
        Err(InstallationError::Orphaned { key })
    }

    /// Returns the keys that are trusted after the change, if the keys of the artifact are also
    /// added to the installed keys.
    fn keys_of_all_roots(&self, paths: &Paths) -> TrustSet {
        let installed = installed_roots(paths).ok().flatten().unwrap_or_default();
        let mut all = Installation::rotate(paths, installed.joined(self.after.roots()));
        for statement in self.new_statements() {
            if let Ok(token) = Unverified::parse(statement.as_str()) {
                // The statement was already accepted with fewer keys.
                let _ = all.apply(&token);
            }
        }
        all.keys().clone()
    }

    /// Returns the id of the key whose signature no longer verifies.
    fn failed_key(&self, error: &InstallationError) -> Option<KeyId> {
        let InstallationError::License { source, .. } = error else {
            return None;
        };
        let found = match &**source {
            VerifiedLicensesError::Verify(source) | VerifiedLicensesError::Block { source, .. } => {
                source
            }
            _ => return None,
        };
        let id = match found {
            VerifyError::RetiredKey { key } => key.as_str(),
            VerifyError::UntrustedKey { found, .. } => found.as_str(),
            // An enterprise key does not contain its key id, so the missing key is reported.
            error if error.code() == Code::BadSignature => return self.removed_key(),
            _ => return None,
        };
        self.before.get(id).map(|key| key.id().clone())
    }

    fn removed_key(&self) -> Option<KeyId> {
        let is_removed = |id: &KeyId| self.keys().get(id.as_str()).is_none();
        let mut removed = self.before.iter().map(|key| key.id());
        removed.find(|id| is_removed(id)).cloned()
    }

    /// Writes the statements that add keys. They are written before anything that needs these keys,
    /// so that a crash in between loses nothing.
    pub(super) fn write_additions(&self, lock: &StoreLock) -> Result<(), InstallationError> {
        let adds = |statement: &&TrustStatement| statement.retires().is_none();
        if self.new_statements().any(|statement| adds(&statement)) {
            write(lock, &self.text(self.new_statements().filter(adds)))
        } else {
            Ok(())
        }
    }

    /// Writes all statements. The caller ensures that nothing needs the retired keys any more.
    pub(super) fn write_all(&self, lock: &StoreLock) -> Result<(), InstallationError> {
        if self
            .new_statements()
            .any(|statement| statement.retires().is_some())
        {
            write(lock, &self.text(self.new_statements()))
        } else {
            Ok(())
        }
    }

    /// Returns the text of the stored statements, followed by the statements in `more`.
    fn text<'s>(&self, more: impl Iterator<Item = &'s TrustStatement>) -> String {
        let mut text = self.stored.clone();
        text.extend(more.map(TrustStatement::to_armor));
        text
    }

    /// Returns the result for each statement.
    pub(super) fn results(&self, paths: &Paths) -> Vec<InstalledStatement> {
        let path = paths.user().dir().file(StateFile::TrustStatements);
        let result = |statement: &Option<TrustStatement>| InstalledStatement {
            statement: statement.clone(),
            path: path.clone(),
        };
        self.statements.iter().map(result).collect()
    }
}

fn write(lock: &StoreLock, text: &str) -> Result<(), InstallationError> {
    lock.write(StateFile::TrustStatements, text.as_bytes())?;
    lock.clear_quarantine(&[StateFile::TrustStatements]);
    Ok(())
}
