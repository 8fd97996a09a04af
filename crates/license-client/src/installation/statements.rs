//! The stored trust statements, in the order in which they were installed.

use license_core::{
    Artefacts, BundleError, Code, MAX_FILE_BYTES, Rotation, RotationError, TokenKind, Unverified,
};

use crate::paths::Home;
use crate::problem::StatementProblem;
use crate::state_dir::StateFile;
use crate::store::{Damaged, Store, StoreError, StoreLock};

/// Returns the statements in one directory. They are not verified.
pub(super) fn read_statements(store: &Store) -> Result<Vec<Unverified<'static>>, StatementProblem> {
    let damaged = |source: Option<BundleError>| StatementProblem::Damaged {
        path: store.dir().file(StateFile::TrustStatements),
        source: source.map(Box::new),
        aside: None,
    };
    let bytes = match store.read(StateFile::TrustStatements, MAX_FILE_BYTES) {
        Ok(None) => return Ok(Vec::new()),
        Ok(Some(bytes)) => bytes,
        Err(StoreError::TooLarge { .. } | StoreError::NotAFile { .. }) => {
            return Err(damaged(None));
        }
        Err(error) => return Err(StatementProblem::Store(error)),
    };
    let text = String::from_utf8(bytes).map_err(|_| damaged(None))?;
    let artefacts = Artefacts::parse(&text);
    let artefacts = artefacts.map_err(|error| damaged(Some(BundleError::Parse(error))))?;
    let blocks = artefacts.of_kind(TokenKind::TrustStatement);
    Ok(blocks
        .map(|block| block.token.clone().into_owned())
        .collect())
}

/// Applies the statements in their order. Returns an error for a damaged statement; skips one whose
/// signer is not trusted at that point.
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

/// Applies all stored statements: first the administrator's, because nothing in the user's
/// directory may undo them. Skips unreadable files, which [`problems`] reports.
pub(super) fn apply_stored(rotation: &mut Rotation, home: &Home) {
    for store in [home.system(), Some(home.user())].into_iter().flatten() {
        let tokens = read_statements(store).unwrap_or_default();
        let _ = replay(rotation, &tokens);
    }
}

/// Returns the problems with the stored statements. A damaged file of the user is quarantined.
pub(crate) fn problems(home: &Home, damaged: Damaged) -> Vec<StatementProblem> {
    let user = home.user();
    let mut own = find_problem(home, user);
    if let Some(StatementProblem::Damaged { aside, .. }) = &mut own
        && damaged == Damaged::Quarantine
    {
        let is_damaged = || {
            matches!(
                find_problem(home, user),
                Some(StatementProblem::Damaged { .. })
            )
        };
        *aside = user.quarantine(StateFile::TrustStatements, is_damaged);
    }
    let shared = home.system().and_then(|system| find_problem(home, system));
    own.into_iter().chain(shared).collect()
}

fn find_problem(home: &Home, store: &Store) -> Option<StatementProblem> {
    let tokens = match read_statements(store) {
        Err(problem) => return Some(problem),
        Ok(tokens) if tokens.is_empty() => return None,
        Ok(tokens) => tokens,
    };
    // Whether a signature is that of a trusted key depends on all keys.
    let roots = super::installed_roots(home).ok().flatten()?;
    let mut rotation = Rotation::new(roots);
    apply_stored(&mut rotation, home);
    let error = replay(&mut rotation, &tokens)?;
    Some(StatementProblem::Damaged {
        path: store.dir().file(StateFile::TrustStatements),
        source: Some(Box::new(BundleError::Statement {
            line: None,
            error: error.into(),
        })),
        aside: None,
    })
}

/// Returns the text of the user's statements, to which new ones are added. A damaged file is
/// quarantined and replaced.
pub(crate) fn stored_text(lock: &StoreLock, home: &Home) -> Result<String, StoreError> {
    match read_statements(home.user()) {
        Ok(kept) => Ok(kept.iter().map(Unverified::to_armor).collect()),
        Err(StatementProblem::Store(error)) => Err(error),
        Err(StatementProblem::Damaged { .. }) => {
            lock.set_aside(StateFile::TrustStatements)?;
            Ok(String::new())
        }
    }
}
