//! The license installed on this machine, and the keys that it was verified with.

mod early;

use std::fmt;
use std::path::{Path, PathBuf};

use license_core::{
    Bundle, BundleError, Canonical, Code, Context, MAX_FILE_BYTES, Machine, Matrix, Outcome,
    ProductCode, RevocationList, Timestamp, TrustError, TrustSet,
};

use early::Early;

use crate::revocations::{Refused, StaleList};
use crate::state::{StateProblem, aside_to};
use crate::{Home, HomeError, StateFile, Store, StoreError, StoreLock};

/// What becomes of a license file of the user's that is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Damaged {
    SetAside,
    Left,
}

/// What is installed, verified again just now.
#[derive(Debug)]
#[must_use]
pub struct Installation {
    bundle: Bundle,
    paths: Vec<PathBuf>,
    problems: Vec<InstallationError>,
}

impl Installation {
    /// Reads what is installed and verifies it with the keys installed beside it; none if nothing is. The user's license and the
    /// administrator's count together; where only one of them verifies, that one does.
    ///
    /// A license file of the user's that is damaged is set aside, so that it is not mistaken for one.
    ///
    /// # Errors
    /// [`InstallationError`] if there is no license that verifies, but one that does not, or can't be read.
    pub fn open(home: &Home, matrix: &Matrix) -> Result<Option<Self>, InstallationError> {
        Self::read(home, Keys::Installed, matrix, Damaged::SetAside)
    }

    /// The same with everything left as it is, damaged files too.
    pub(crate) fn inspect(
        home: &Home,
        keys: Keys<'_>,
        matrix: &Matrix,
    ) -> Result<Option<Self>, InstallationError> {
        Self::read(home, keys, matrix, Damaged::Left)
    }

    /// The same with these keys alone: those installed do not count, and need not be there.
    ///
    /// # Errors
    /// As [`Installation::open`].
    pub fn load(
        home: &Home,
        trust: &TrustSet,
        matrix: &Matrix,
    ) -> Result<Option<Self>, InstallationError> {
        Self::read(home, Keys::Given(trust), matrix, Damaged::SetAside)
    }

    /// The installed keys, the user's with the administrator's; none if there are none.
    ///
    /// # Errors
    /// [`InstallationError`] if a file can't be read, or is no trust set.
    pub fn trust(home: &Home) -> Result<Option<TrustSet>, InstallationError> {
        let own = trust_in(home.user())?;
        // A file of the administrator's that is of no use must not keep a user from their own license.
        let shared = home
            .system()
            .and_then(|system| trust_in(system).ok().flatten());
        Ok(match (own, shared) {
            (Some(own), Some(shared)) => Some(own.joined(&shared)),
            (own, shared) => own.or(shared),
        })
    }

    fn read(
        home: &Home,
        keys: Keys<'_>,
        matrix: &Matrix,
        damaged: Damaged,
    ) -> Result<Option<Self>, InstallationError> {
        let own = || found_in(home.user(), || keys.of_user(home), matrix);
        // Keys and license are two files: somebody may have installed others between the two.
        let found = match own() {
            Err(InstallationError::License { .. }) => own(),
            answer => answer,
        };
        let own = found.map_err(|error| match damaged {
            Damaged::SetAside => error.set_aside(home.user(), own),
            Damaged::Left => error,
        });
        let shared = match home.system() {
            Some(system) => found_in(system, || keys.of_system(home, system), matrix)
                .map_err(|source| InstallationError::shared(system, source)),
            None => Ok(None),
        };
        let (own, shared) = match (own, shared) {
            (Ok(None), Err(error)) | (Err(error), Ok(None) | Err(_)) => return Err(error),
            (own, shared) => (own, shared),
        };
        let mut found: Option<Self> = None;
        let mut problems = Vec::new();
        for place in [own, shared] {
            match (place, &mut found) {
                (Err(problem), _) => problems.push(problem),
                (Ok(None), _) => {}
                (Ok(Some((bundle, path))), Some(found)) => {
                    found.bundle.extend(&bundle);
                    found.paths.push(path);
                }
                (Ok(Some((bundle, path))), none) => {
                    *none = Some(Self {
                        bundle,
                        paths: vec![path],
                        problems: Vec::new(),
                    });
                }
            }
        }
        Ok(found.map(|found| Self { problems, ..found }))
    }

    /// Adds validation tokens that are kept elsewhere, and returns those that are not for these licenses, or no longer verify.
    pub(crate) fn add_validations(
        &mut self,
        armored: &[String],
        trust: &TrustSet,
        matrix: &Matrix,
    ) -> Vec<String> {
        add_validations(&mut self.bundle, armored, trust, matrix)
    }

    /// Adds revocation lists that are kept elsewhere.
    pub(crate) fn add_revocations(&mut self, lists: Vec<RevocationList>) {
        self.bundle.add_revocations(lists);
    }

    /// The verified licenses, the validation tokens for them, and the revocation lists.
    pub fn bundle(&self) -> &Bundle {
        &self.bundle
    }

    /// Where the licenses are kept: the user's first.
    pub fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// What is wrong with the license of the other place, where there are two.
    pub fn problems(&self) -> &[InstallationError] {
        &self.problems
    }
}

fn add_validations(
    bundle: &mut Bundle,
    armored: &[String],
    trust: &TrustSet,
    matrix: &Matrix,
) -> Vec<String> {
    let mut foreign = Vec::new();
    for armor in armored {
        match Bundle::verify_beside(armor, trust, matrix, bundle.licenses()) {
            Ok(added) => bundle.extend(&added),
            Err(_) => foreign.push(armor.clone()),
        }
    }
    foreign
}

type Found = Result<Option<(Bundle, PathBuf)>, InstallationError>;

/// The license in one place.
fn found_in(
    store: &Store,
    trust: impl Fn() -> Result<TrustSet, InstallationError>,
    matrix: &Matrix,
) -> Found {
    // Installing writes the one before it removes the other, so both may be there for a moment.
    for file in [StateFile::License, StateFile::Key] {
        if let Some(text) = read_text(store, file)? {
            let trust = trust()?;
            if trust.is_empty() {
                return Err(InstallationError::NoTrust);
            }
            let path = store.dir().file(file);
            return match Bundle::verify(&text, &trust, matrix) {
                Ok(bundle) => Ok(Some((bundle, path))),
                Err(source) => Err(InstallationError::License {
                    path,
                    source,
                    aside: None,
                }),
            };
        }
    }
    Ok(None)
}

/// The keys to verify with.
#[derive(Clone, Copy)]
pub(crate) enum Keys<'a> {
    /// Those installed beside the license.
    Installed,
    /// These.
    Given(&'a TrustSet),
}

impl<'a> Keys<'a> {
    /// These if there are some, else those installed.
    pub(crate) fn of(given: Option<&'a TrustSet>) -> Self {
        given.map_or(Self::Installed, Self::Given)
    }

    /// What a license of the user's is replaced with regard to: an installed set that is damaged is none.
    fn before(self, home: &Home) -> TrustSet {
        match self {
            Self::Given(keys) => keys.clone(),
            Self::Installed => trust_in(home.user()).ok().flatten().unwrap_or_default(),
        }
    }

    fn of_user(self, home: &Home) -> Result<TrustSet, InstallationError> {
        match self {
            Self::Given(keys) => Ok(keys.clone()),
            Self::Installed => Installation::trust(home).map(Option::unwrap_or_default),
        }
    }

    /// The administrator's own first: nothing in the user's folder takes them away.
    fn of_system(self, home: &Home, system: &Store) -> Result<TrustSet, InstallationError> {
        match self {
            Self::Given(keys) => Ok(keys.clone()),
            Self::Installed => {
                let shared = trust_in(system)?.unwrap_or_default();
                let own = trust_in(home.user()).ok().flatten().unwrap_or_default();
                Ok(shared.joined(&own))
            }
        }
    }
}

fn trust_in(store: &Store) -> Result<Option<TrustSet>, InstallationError> {
    let Some(text) = read_text(store, StateFile::Trust)? else {
        return Ok(None);
    };
    let path = store.dir().file(StateFile::Trust);
    match TrustSet::parse(&text) {
        Ok(trust) => Ok(Some(trust)),
        Err(source) => Err(InstallationError::Trust { path, source }),
    }
}

fn read_text(store: &Store, file: StateFile) -> Result<Option<String>, InstallationError> {
    let Some(bytes) = store
        .read(file, MAX_FILE_BYTES)
        .map_err(InstallationError::Store)?
    else {
        return Ok(None);
    };
    let path = || store.dir().file(file);
    String::from_utf8(bytes)
        .map(Some)
        .map_err(|_| InstallationError::NotText {
            path: path(),
            aside: None,
        })
}

/// Whether a license that holds may be replaced by one that does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replace {
    /// It may not: that would stop software in production.
    UnlessWorse,
    /// It may.
    Always,
}

/// A verified license to install, and what it was verified with.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// The license.
    pub bundle: &'a Bundle,
    /// The keys that it was verified with.
    pub trust: &'a TrustSet,
    /// The product.
    pub matrix: &'a Matrix,
}

/// Where a license is kept now.
pub(crate) struct Stored {
    pub(crate) path: PathBuf,
    /// When it begins, if what is installed goes on until then.
    pub(crate) begins: Option<Timestamp>,
}

impl Candidate<'_> {
    /// Stores the license in place of what is installed, and its keys beside it, and returns where it is kept. Revocation lists that came
    /// with it are for [`Host::install`](crate::Host::install), which knows what was seen.
    /// Whatever moment the process dies at, what is found then verifies.
    ///
    /// # Errors
    /// [`InstallationError::Worse`] if it does not hold in this context, what is installed does, and `replace` does
    /// not allow that; others if the state directory can't be written.
    pub fn install(
        &self,
        home: &Home,
        context: &Context<'_>,
        replace: Replace,
    ) -> Result<PathBuf, InstallationError> {
        let lock = home.user().lock().map_err(InstallationError::Store)?;
        let keys = Keys::Installed;
        let stored = self.install_locked(&lock, home, keys, context, replace, &[])?;
        Ok(stored.path)
    }

    /// Keeps the keys of a validation token beside those of its license, where installed keys count.
    pub(crate) fn add_keys(
        &self,
        lock: &StoreLock,
        home: &Home,
        keys: Keys<'_>,
    ) -> Result<(), InstallationError> {
        let own = keys.before(home);
        let all = own.joined(self.trust);
        if all.len() > own.len() {
            let written = lock.write(StateFile::Trust, jwks(&all).as_bytes());
            written.map_err(InstallationError::Store)?;
        }
        Ok(())
    }

    /// The same by who holds the lock, with the validation tokens that are kept beside licenses.
    pub(crate) fn install_locked(
        &self,
        lock: &StoreLock,
        home: &Home,
        before: Keys<'_>,
        context: &Context<'_>,
        replace: Replace,
        kept: &[String],
    ) -> Result<Stored, InstallationError> {
        let early = self.beside(home, before, context, replace, kept)?;
        let keys = self.keys_of_both(home, before);
        let write = |file, text: &str| {
            let written = lock.write(file, text.as_bytes());
            written.map_err(InstallationError::Store)
        };
        write(StateFile::Trust, &jwks(&keys))?;
        let (file, other, text) = match self.bundle.canonical() {
            Canonical::File(text) => {
                let text = early.as_ref().map_or(text, |early| &early.text);
                (StateFile::License, StateFile::Key, text.clone())
            }
            Canonical::EnterpriseKey(key) => {
                (StateFile::Key, StateFile::License, format!("{key}\n"))
            }
        };
        write(file, &text)?;
        lock.remove(other).map_err(InstallationError::Store)?;
        if keys.len() > self.trust.len() && early.is_none() {
            write(StateFile::Trust, &jwks(self.trust))?;
        }
        Ok(Stored {
            path: home.user().dir().file(file),
            begins: early.map(|early| early.begins),
        })
    }

    /// What is stored together with it, where one of the two replaces the other only later.
    ///
    /// # Errors
    /// [`InstallationError::Worse`] if it would take the place of what is better.
    pub(crate) fn beside(
        &self,
        home: &Home,
        before: Keys<'_>,
        context: &Context<'_>,
        replace: Replace,
        kept: &[String],
    ) -> Result<Option<Early>, InstallationError> {
        let Some(installed) = self.installed(home, before, replace) else {
            return Ok(None);
        };
        let early = self.early(&installed, &self.keys_of_both(home, before), context);
        if early.is_none() {
            self.refuse_if_worse(installed, &before.before(home), context, kept)?;
        }
        Ok(early)
    }

    /// The old keys stay until the new license stands, so that there is no moment without a license that verifies, but where one key has
    /// changed its algorithm.
    fn keys_of_both(&self, home: &Home, before: Keys<'_>) -> TrustSet {
        let mut keys = before.before(home);
        if keys.extend(self.trust).is_err() {
            keys = self.trust.clone();
        }
        keys
    }

    /// What it would take the place of, if that matters.
    fn installed(&self, home: &Home, keys: Keys<'_>, replace: Replace) -> Option<Installation> {
        // What is installed and damaged is what one installs anew for.
        let own = Home::at(home.user().dir().clone());
        let read = || Installation::read(&own, keys, self.matrix, Damaged::SetAside);
        let installed = (replace == Replace::UnlessWorse).then(|| read().ok().flatten());
        installed.flatten()
    }

    fn early(
        &self,
        installed: &Installation,
        keys: &TrustSet,
        context: &Context<'_>,
    ) -> Option<Early> {
        let now = self.bundle.evaluate(self.matrix, context).evaluated_at();
        let early = Early::of(self.bundle, &installed.bundle, now)?;
        // What is stored verifies as a whole or not at all.
        let verifies = Bundle::verify(&early.text, keys, self.matrix).is_ok();
        verifies.then_some(early)
    }

    /// Refuses what would replace a license that holds by one that does not.
    fn refuse_if_worse(
        &self,
        mut installed: Installation,
        own_keys: &TrustSet,
        context: &Context<'_>,
        kept: &[String],
    ) -> Result<(), InstallationError> {
        // What the vendor said last counts for both.
        installed.add_validations(kept, own_keys, self.matrix);
        let mut new = self.bundle.clone();
        add_validations(&mut new, kept, &self.trust.joined(own_keys), self.matrix);
        // What is installed may replace it.
        let beside = context.clone().installed(installed.bundle.licenses());
        let new = new.evaluate(self.matrix, &beside);
        let installed = installed.bundle.evaluate(self.matrix, context);
        if new.code() == Code::Superseded {
            let (new, installed) = (new.code(), installed.code());
            return Err(InstallationError::Worse { new, installed });
        }
        if new.outcome() == Outcome::Denied && installed.outcome() != Outcome::Denied {
            let (new, installed) = (new.code(), installed.code());
            return Err(InstallationError::Worse { new, installed });
        }
        Ok(())
    }
}

fn jwks(trust: &TrustSet) -> String {
    format!("{:#}\n", trust.to_jwks())
}

/// Why an installed license can't be used.
#[derive(Debug)]
#[non_exhaustive]
pub enum InstallationError {
    /// The state directory can't be read or written.
    Store(StoreError),
    /// There is no place where a license could be installed.
    Home(HomeError),
    /// There is a license, but there are no keys to verify it with.
    NoTrust,
    /// A license that holds would be replaced by one that does not.
    Worse {
        /// Why the new one does not hold.
        new: Code,
        /// Why the installed one holds.
        installed: Code,
    },
    /// A file is not UTF-8.
    NotText {
        /// The file.
        path: PathBuf,
        /// Where it was set aside to; none where nothing can be written.
        aside: Option<PathBuf>,
    },
    /// The installed keys are damaged.
    Trust {
        /// The file.
        path: PathBuf,
        /// What is wrong with them.
        source: TrustError,
    },
    /// The installed license does not verify.
    License {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: BundleError,
        /// Where it was set aside to; none if it may be whole, and only the keys are missing.
        aside: Option<PathBuf>,
    },
    /// A validation token comes without the license of which it speaks.
    NoLicenseYet,
    /// A validation token counts on another machine only.
    OtherMachine {
        /// The machine that it names.
        expected: Machine,
        /// This machine, where it can be told.
        actual: Option<Machine>,
    },
    /// A validation token answers another question.
    OtherNonce,
    /// A revocation list is of another product.
    OtherProduct {
        /// The product.
        expected: ProductCode,
        /// The list's product.
        found: ProductCode,
    },
    /// A revocation list is older than one that was seen here.
    StaleList(StaleList),
    /// Something is wrong in the administrator's folder, which is not the user's to mend.
    Shared {
        /// The folder.
        path: PathBuf,
        /// What is wrong.
        source: Box<InstallationError>,
    },
    /// What this machine remembers can't be read, so that nothing may be added to it.
    State(StateProblem),
}

impl InstallationError {
    fn shared(system: &Store, source: Self) -> Self {
        Self::Shared {
            path: system.dir().path().to_owned(),
            source: Box::new(source),
        }
    }

    pub(crate) fn of_list(refused: Refused, expected: ProductCode) -> Self {
        match refused {
            Refused::Product { found } => Self::OtherProduct { expected, found },
            Refused::Stale(stale) => Self::StaleList(stale),
        }
    }

    /// Whether a file could not be read, which may pass.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Store(_) => true,
            Self::Shared { source, .. } => source.may_pass(),
            _ => false,
        }
    }

    /// Whether the file itself is damaged, and not merely unknown to the keys or the program at hand.
    fn is_damage(&self) -> bool {
        match self {
            Self::NotText { path, .. } => path.file_name().is_some_and(|name| {
                name == StateFile::License.name() || name == StateFile::Key.name()
            }),
            Self::License { source, .. } => match source {
                BundleError::Parse(_) | BundleError::Key(_) => {
                    !matches!(source.code(), Code::UnsupportedVersion)
                }
                // A token says which key has signed it, an enterprise key does not.
                BundleError::Verify(_) | BundleError::Block { .. } => {
                    source.code() == Code::BadSignature && !self.is_of_key_file()
                }
                _ => false,
            },
            _ => false,
        }
    }

    fn is_of_key_file(&self) -> bool {
        let name = self.path().and_then(Path::file_name);
        name.is_some_and(|name| name == StateFile::Key.name())
    }

    /// The file that it is about.
    fn path(&self) -> Option<&Path> {
        match self {
            Self::NotText { path, .. } | Self::License { path, .. } | Self::Trust { path, .. } => {
                Some(path)
            }
            _ => None,
        }
    }

    /// Puts a damaged file aside, unless another was written in the meantime.
    fn set_aside(self, store: &Store, again: impl Fn() -> Found) -> Self {
        if !self.is_damage() {
            return self;
        }
        let file = match self.is_of_key_file() {
            true => StateFile::Key,
            false => StateFile::License,
        };
        let lock = store.lock_within(std::time::Duration::ZERO).ok();
        let lock = lock.filter(|_| again().is_err_and(|error| error.is_damage()));
        let moved = lock.and_then(|lock| lock.set_aside(file).ok());
        match self {
            Self::NotText { path, .. } => Self::NotText { path, aside: moved },
            Self::License { path, source, .. } => Self::License {
                path,
                source,
                aside: moved,
            },
            other => other,
        }
    }
}

impl fmt::Display for InstallationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(_) => f.write_str("the state directory can't be used"),
            Self::Home(_) => f.write_str("there is no place where a license could be installed"),
            Self::NoTrust => f.write_str("a license is installed, but no keys to verify it with"),
            Self::Worse {
                new: Code::Superseded,
                ..
            } => f.write_str("the installed license replaces this one; nothing was changed"),
            Self::Worse { new, installed } => write!(
                f,
                "the license does not hold now ({new}), and the installed one does ({installed}); nothing was changed"
            ),
            Self::NotText { path, aside } => {
                write!(f, "{}: expected text in UTF-8", path.display())?;
                aside_to(aside.as_deref(), f)
            }
            Self::Trust { path, .. } => {
                write!(f, "{}: the installed keys can't be used", path.display())
            }
            Self::License { path, aside, .. } => {
                let path = path.display();
                write!(f, "{path}: the installed license does not verify")?;
                aside_to(aside.as_deref(), f)
            }
            Self::NoLicenseYet => f.write_str(
                "a validation token counts beside its license only, and none is installed",
            ),
            Self::OtherMachine { expected, actual } => {
                let actual = actual
                    .as_ref()
                    .map_or("none that can be told".to_owned(), name);
                let expected = name(expected);
                write!(
                    f,
                    "the validation token counts on machine {expected}; this is {actual}"
                )
            }
            Self::Shared { path, .. } => {
                write!(
                    f,
                    "the license for everybody in {} can't be used",
                    path.display()
                )
            }
            Self::OtherProduct { expected, found } => {
                write!(
                    f,
                    "expected a revocation list of {expected}, found one of {found}"
                )
            }
            Self::StaleList(stale) => stale.fmt(f),
            Self::State(_) => f.write_str("what this machine remembers can't be read now"),
            Self::OtherNonce => {
                f.write_str("the validation token does not carry the nonce that was asked for")
            }
        }
    }
}

/// A machine as a person compares it: by its digest, if it has one.
fn name(machine: &Machine) -> String {
    match machine.digest() {
        Some(digest) => digest.to_string(),
        None => machine.to_string(),
    }
}

impl std::error::Error for InstallationError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Store(source) => Some(source),
            Self::Trust { source, .. } => Some(source),
            Self::License { source, .. } => Some(source),
            Self::Home(source) => Some(source),
            Self::Shared { source, .. } => Some(&**source),
            Self::State(source) => Some(source),
            Self::NotText { .. }
            | Self::NoTrust
            | Self::Worse { .. }
            | Self::NoLicenseYet
            | Self::OtherMachine { .. }
            | Self::OtherNonce
            | Self::OtherProduct { .. }
            | Self::StaleList(_) => None,
        }
    }
}
