//! The trust statements that are kept beside the installed keys, in the order in which they were installed.

use license_core::{
    Artefacts, BundleError, Code, MAX_FILE_BYTES, Rotation, RotationError, TokenKind, Unverified,
};

use crate::home::Home;
use crate::paths::StateFile;
use crate::problem::StatementProblem;
use crate::store::{Damaged, Store, StoreError, StoreLock};

/// The statements in one folder, none of them verified.
pub(super) fn tokens_in(store: &Store) -> Result<Vec<Unverified<'static>>, StatementProblem> {
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

/// Lets the statements count one after the other. One whose signer is not trusted then, or was retired, is passed over; what is damaged is
/// returned.
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

/// Lets all statements of a home count: first the administrator's, which nothing in the user's folder takes away. What can't be read
/// counts for nothing, and [`problems`] tells of it.
pub(super) fn apply_kept(rotation: &mut Rotation, home: &Home) {
    for store in [home.system(), Some(home.user())].into_iter().flatten() {
        let tokens = tokens_in(store).unwrap_or_default();
        let _ = replay(rotation, &tokens);
    }
}

/// What is wrong with the statements of a home. The user's own file is put aside if it is damaged.
pub(crate) fn problems(home: &Home, damaged: Damaged) -> Vec<StatementProblem> {
    let user = home.user();
    let mut own = problem_in(home, user);
    if let Some(StatementProblem::Damaged { aside, .. }) = &mut own
        && damaged == Damaged::Quarantine
    {
        let is_damaged = || {
            matches!(
                problem_in(home, user),
                Some(StatementProblem::Damaged { .. })
            )
        };
        *aside = user.quarantine(StateFile::TrustStatements, is_damaged);
    }
    let shared = home.system().and_then(|system| problem_in(home, system));
    own.into_iter().chain(shared).collect()
}

fn problem_in(home: &Home, store: &Store) -> Option<StatementProblem> {
    let tokens = match tokens_in(store) {
        Err(problem) => return Some(problem),
        Ok(tokens) if tokens.is_empty() => return None,
        Ok(tokens) => tokens,
    };
    // Whether a signature is a trusted key's can be told by who knows all keys.
    let roots = super::roots_of(home).ok().flatten()?;
    let mut rotation = Rotation::new(roots);
    apply_kept(&mut rotation, home);
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

/// The text of the statements in the user's folder, to write it again with others. What is damaged is what one installs anew for.
pub(crate) fn kept_text(lock: &StoreLock, home: &Home) -> Result<String, StoreError> {
    match tokens_in(home.user()) {
        Ok(kept) => Ok(kept.iter().map(Unverified::to_armor).collect()),
        Err(StatementProblem::Store(error)) => Err(error),
        Err(StatementProblem::Damaged { .. }) => {
            lock.set_aside(StateFile::TrustStatements)?;
            Ok(String::new())
        }
    }
}
