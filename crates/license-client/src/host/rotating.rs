//! Trust statements that come with what is installed.

use std::path::PathBuf;

use license_core::{
    Activation, Bundle, BundleError, Code, Context, KeyId, MAX_FILE_BYTES, Matrix, Outcome,
    ParseError, Rotation, RotationError, Taken, Timestamp, TrustSet, TrustStatement, Unverified,
    VerifyError,
};

use super::Host;
use crate::home::Home;
use crate::installation::{Candidate, Installation, InstallationError, Keys, kept_text, roots_of};
use crate::paths::StateFile;
use crate::state::State;
use crate::store::{Damaged, StoreLock};

/// What installing a trust statement did.
#[derive(Debug, Clone)]
#[must_use]
pub struct InstalledStatement {
    /// The statement; none of one that says what others said before.
    pub statement: Option<TrustStatement>,
    /// Where it is kept.
    pub path: PathBuf,
}

/// What an artefact changes about the keys that are trusted.
pub(super) struct ChangeOfTrust {
    before: TrustSet,
    after: Rotation,
    /// The text of the statements that are kept.
    kept: String,
    /// Each of the artefact, if it is news.
    taken: Vec<Option<TrustStatement>>,
}

impl Host {
    /// Verifies the trust statements of the candidate over its keys and the statements that are kept.
    pub(super) fn change_of_trust(
        &self,
        lock: &StoreLock,
        home: &Home,
        candidate: &Candidate<'_>,
    ) -> Result<ChangeOfTrust, InstallationError> {
        let keys = Keys::of(self.trust());
        let mut change = ChangeOfTrust {
            before: keys.of_user(home).unwrap_or_default(),
            after: keys.with_kept(home, candidate.trust.clone()),
            kept: String::new(),
            taken: Vec::new(),
        };
        if self.trust().is_some() {
            return refuse_alone(candidate.bundle).map(|()| change);
        }
        for token in candidate.bundle.unverified_trust_statements() {
            let refused = |error: RotationError| BundleError::Statement {
                line: None,
                error: error.into(),
            };
            let taken = change.after.apply(token).map_err(refused);
            let taken = taken.map_err(InstallationError::Statement)?;
            let new = change.after.statements().last().cloned();
            change.taken.push(new.filter(|_| taken == Taken::New));
        }
        if change.news().next().is_some() {
            change.kept = kept_text(lock, home)?;
            change.check_room()?;
        }
        Ok(change)
    }
}

/// A program with keys of its own passes trust statements over, unless there is nothing else to do.
fn refuse_alone(bundle: &Bundle) -> Result<(), InstallationError> {
    let is_all = bundle.licenses().is_empty()
        && bundle.validations().is_empty()
        && bundle.activations().is_empty()
        && bundle.clock_repairs().is_empty()
        && bundle.revocations().is_empty();
    match is_all && !bundle.unverified_trust_statements().is_empty() {
        true => Err(InstallationError::OwnKeys),
        false => Ok(()),
    }
}

impl ChangeOfTrust {
    /// The keys that are trusted with it.
    pub(super) fn keys(&self) -> &TrustSet {
        self.after.keys()
    }

    fn news(&self) -> impl Iterator<Item = &TrustStatement> {
        self.taken.iter().flatten()
    }

    /// When the latest of its statements was signed.
    pub(super) fn newest(&self) -> Option<Timestamp> {
        self.news().map(TrustStatement::issued_at).max()
    }

    fn check_room(&self) -> Result<(), InstallationError> {
        let (limit, found) = (MAX_FILE_BYTES, self.text(self.news()).len());
        match found > limit {
            true => {
                let error = ParseError::TooLong { limit, found };
                Err(InstallationError::Statement(BundleError::Parse(error)))
            }
            false => Ok(()),
        }
    }

    /// Refuses to take away what the user's installed license is verified with, where no other comes in its place.
    pub(super) fn refuse_orphans(
        &self,
        home: &Home,
        matrix: &Matrix,
        context: &Context<'_>,
        state: &State,
        activations: impl Fn(&TrustSet) -> Vec<Activation>,
    ) -> Result<(), InstallationError> {
        if !self.news().any(|said| said.retires().is_some()) {
            return Ok(());
        }
        let own = Home::at(home.user().dir().clone());
        let holds = |keys: &TrustSet| {
            let found = Installation::read(&own, Keys::Given(keys), matrix, Damaged::Leave)?;
            Ok(found.is_some_and(|mut found| {
                let _ = found.add_validations(&state.validations, keys, matrix);
                found.add_activations(activations(keys), &state.given_up);
                let decision = found.bundle().evaluate(matrix, context);
                decision.outcome() != Outcome::Denied
            }))
        };
        if !matches!(holds(&self.before), Ok(true)) {
            return Ok(());
        }
        let key = match holds(&self.of_all_roots(home)) {
            Ok(true) => return Ok(()),
            Ok(false) => None,
            Err(error) => self.key_of(&error),
        };
        Err(InstallationError::Orphaned { key })
    }

    /// What is trusted afterwards where the keys that came along are kept beside those installed.
    fn of_all_roots(&self, home: &Home) -> TrustSet {
        let installed = roots_of(home).ok().flatten().unwrap_or_default();
        let mut all = Installation::rotation_of(home, installed.joined(self.after.roots()));
        for said in self.news() {
            if let Ok(token) = Unverified::parse(said.as_str()) {
                // It counted over fewer keys already.
                let _ = all.apply(&token);
            }
        }
        all.keys().clone()
    }

    /// The key that has signed what verifies no longer.
    fn key_of(&self, error: &InstallationError) -> Option<KeyId> {
        let InstallationError::License { source, .. } = error else {
            return None;
        };
        let found = match &**source {
            BundleError::Verify(error) | BundleError::Block { error, .. } => error,
            _ => return None,
        };
        let id = match found {
            VerifyError::RetiredKey { key } => key.as_str(),
            VerifyError::UntrustedKey { found, .. } => found.as_str(),
            // An enterprise key does not say who signed it: it is what went.
            error if error.code() == Code::BadSignature => return self.gone(),
            _ => return None,
        };
        self.before.get(id).map(|key| key.id().clone())
    }

    fn gone(&self) -> Option<KeyId> {
        let is_gone = |id: &KeyId| self.keys().get(id.as_str()).is_none();
        let mut gone = self.before.iter().map(|key| key.id());
        gone.find(|id| is_gone(id)).cloned()
    }

    /// Writes what adds keys, before anything that needs them: whoever dies after it has lost nothing.
    pub(super) fn begin(&self, lock: &StoreLock) -> Result<(), InstallationError> {
        let adds = |said: &&TrustStatement| said.retires().is_none();
        match self.news().any(|said| adds(&said)) {
            true => write(lock, &self.text(self.news().filter(adds))),
            false => Ok(()),
        }
    }

    /// Writes all of it, once nothing needs the keys any more that it takes away.
    pub(super) fn finish(&self, lock: &StoreLock) -> Result<(), InstallationError> {
        match self.news().any(|said| said.retires().is_some()) {
            true => write(lock, &self.text(self.news())),
            false => Ok(()),
        }
    }

    /// Those that are kept, then these.
    fn text<'s>(&self, more: impl Iterator<Item = &'s TrustStatement>) -> String {
        let mut text = self.kept.clone();
        text.extend(more.map(TrustStatement::to_armor));
        text
    }

    /// What became of each statement.
    pub(super) fn told(&self, home: &Home) -> Vec<InstalledStatement> {
        let path = home.user().dir().file(StateFile::TrustStatements);
        let told = |statement: &Option<TrustStatement>| InstalledStatement {
            statement: statement.clone(),
            path: path.clone(),
        };
        self.taken.iter().map(told).collect()
    }
}

fn write(lock: &StoreLock, text: &str) -> Result<(), InstallationError> {
    lock.write(StateFile::TrustStatements, text.as_bytes())?;
    lock.clear_aside(&[StateFile::TrustStatements]);
    Ok(())
}
