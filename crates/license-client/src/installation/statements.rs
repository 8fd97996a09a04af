//! The stored trust statements, in the order in which they were installed.

use license_core::encoding::decode_text;
use license_core::jose::MAX_FILE_BYTES;
use license_core::license::{Rotation, RotationError, VerifiedLicensesError};
use license_core::{Code, LicenseFile, TokenKind, Unverified};

use crate::paths::Paths;
use crate::problem::StatementProblem;
use crate::state_dir::StateFile;
use crate::store::{Damaged, Store, StoreError, StoreLock};

/// Returns the statements in one directory. They are not verified.
pub(super) fn read_statements(store: &Store) -> Result<Vec<Unverified<'static>>, StatementProblem> {
    let damaged = |source: Option<VerifiedLicensesError>| StatementProblem::Damaged {
        path: store.dir().file(StateFile::TrustStatements),
        source: source.map(Box::new),
        quarantined: None,
    };
    let bytes = match store.read(StateFile::TrustStatements, MAX_FILE_BYTES) {
        Ok(None) => return Ok(Vec::new()),
        Ok(Some(bytes)) => bytes,
        Err(StoreError::TooLarge { .. } | StoreError::NotAFile { .. }) => {
            return Err(damaged(None));
        }
        Err(error) => return Err(StatementProblem::Store(error)),
    };
    let text = decode_text(bytes).map_err(|_| damaged(None))?;
    let file = LicenseFile::parse(&text);
    let file = file.map_err(|error| damaged(Some(VerifiedLicensesError::Parse(error))))?;
    let blocks = file.blocks_of_kind(TokenKind::TrustStatement);
    Ok(blocks
        .map(|block| block.token.clone().into_owned())
        .collect())
}

/// Applies the statements in their order. Returns the error of the first damaged statement, if
/// there is one. Skips a statement whose signer is not trusted at that point.
fn replay(rotation: &mut Rotation, tokens: &[Unverified<'static>]) -> Option<RotationError> {
    let mut fault = None;
    for token in tokens {
        if let Err(error) = rotation.apply(token)
            && matches!(error.code(), Code::BadSignature | Code::Malformed)
        {
            fault = fault.or(Some(error));
        }
    }
    fault
}

/// Applies all stored statements. The statements of the administrator come first, because nothing
/// in the user's directory may undo them. Skips unreadable files, which [`problems`] reports.
pub(super) fn apply_stored(rotation: &mut Rotation, paths: &Paths) {
    for store in [paths.system(), Some(paths.user())].into_iter().flatten() {
        let tokens = read_statements(store).unwrap_or_default();
        let _ = replay(rotation, &tokens);
    }
}

/// Returns the problems with the stored statements. A damaged file of the user is quarantined.
pub(crate) fn problems(paths: &Paths, damaged: Damaged) -> Vec<StatementProblem> {
    let user = paths.user();
    let mut of_user = find_problem(paths, user);
    if let Some(StatementProblem::Damaged { quarantined, .. }) = &mut of_user
        && damaged == Damaged::Quarantine
    {
        let is_damaged = || {
            matches!(
                find_problem(paths, user),
                Some(StatementProblem::Damaged { .. })
            )
        };
        *quarantined = user.quarantine(StateFile::TrustStatements, is_damaged);
    }
    let of_system = paths
        .system()
        .and_then(|system| find_problem(paths, system));
    of_user.into_iter().chain(of_system).collect()
}

fn find_problem(paths: &Paths, store: &Store) -> Option<StatementProblem> {
    let tokens = match read_statements(store) {
        Err(problem) => return Some(problem),
        Ok(tokens) if tokens.is_empty() => return None,
        Ok(tokens) => tokens,
    };
    // All keys are needed to decide whether a signature belongs to a trusted key.
    let roots = super::installed_roots(paths).ok().flatten()?;
    let mut rotation = Rotation::new(roots);
    apply_stored(&mut rotation, paths);
    let error = replay(&mut rotation, &tokens)?;
    Some(StatementProblem::Damaged {
        path: store.dir().file(StateFile::TrustStatements),
        source: Some(Box::new(VerifiedLicensesError::Statement {
            line: None,
            source: error.into(),
        })),
        quarantined: None,
    })
}

/// Returns the text of the user's stored statements, so that new statements can be added.
/// Quarantines a damaged file if there is a lock, and returns an empty text for it.
pub(crate) fn stored_text(lock: Option<&StoreLock>, paths: &Paths) -> Result<String, StoreError> {
    match read_statements(paths.user()) {
        Ok(stored) => Ok(stored.iter().map(Unverified::to_armor).collect()),
        Err(StatementProblem::Store(error)) => Err(error),
        Err(StatementProblem::Damaged { .. }) => {
            if let Some(lock) = lock {
                lock.quarantine(StateFile::TrustStatements)?;
            }
            Ok(String::new())
        }
    }
}
