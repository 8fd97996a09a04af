//! Why an installed license can't be used, or one can't be installed.

use std::path::{Path, PathBuf};

use license_core::{BundleError, Code, KeyId, LicenseId, Machine, ProductCode, TrustError};
use thiserror::Error;

use super::Found;
use crate::activation::AnswerFault;
use crate::paths::{HomeError, StateFile};
use crate::problem::{StaleList, StateProblem, set_aside_as};
use crate::revocations::Refused;
use crate::store::{Store, StoreError};

/// The reason why an installed license cannot be used, or one cannot be installed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum InstallationError {
    /// The state directory cannot be read or written.
    #[error("the state directory can't be used")]
    Store(#[from] StoreError),
    /// There is no place where a license could be installed.
    #[error("there is no place where a license could be installed")]
    Home(#[from] HomeError),
    /// There is a license, but there are no keys to verify it with.
    #[error("a license is installed, but no keys to verify it with")]
    NoTrust,
    /// A license that holds would be replaced by one that does not.
    #[error("{}", worse(*new, *installed))]
    Worse {
        /// The reason code of the new license.
        new: Code,
        /// The reason code of the installed license.
        installed: Code,
    },
    /// A file is not UTF-8.
    #[error("{}: expected text in UTF-8{}", path.display(), set_aside_as(aside.as_deref()))]
    NotText {
        /// The file.
        path: PathBuf,
        /// Where it was moved; `None` where nothing can be written.
        aside: Option<PathBuf>,
    },
    /// The installed keys are damaged.
    #[error("{}: the installed keys can't be used", path.display())]
    Trust {
        /// The file.
        path: PathBuf,
        /// The damage.
        source: TrustError,
    },
    /// The installed license does not verify.
    #[error(
        "{}: the installed license does not verify{}",
        path.display(),
        set_aside_as(aside.as_deref())
    )]
    License {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: Box<BundleError>,
        /// Where it was moved; `None` if it may be whole, and only the keys are missing.
        aside: Option<PathBuf>,
    },
    /// A validation token comes without the license that it is about.
    #[error("a validation token counts beside its license only, and none is installed")]
    NoLicenseYet,
    /// The artifact is for another machine.
    #[error("the {what} counts on machine {}; this is {}", name(expected), this_machine(actual.as_ref()))]
    OtherMachine {
        /// Its kind: `validation token`, `activation` or `clock repair`.
        what: &'static str,
        /// The machine that it names.
        expected: Machine,
        /// This machine, if it is known.
        actual: Option<Machine>,
    },
    /// A validation token has another nonce.
    #[error("the validation token does not carry the nonce that was asked for")]
    OtherNonce,
    /// An answer that the vendor signed is not accepted.
    #[error("{what}: {fault}")]
    Answer {
        /// Its kind: `activation` or `clock repair`.
        what: &'static str,
        /// The reason.
        fault: AnswerFault,
    },
    /// An activation is for a license that is not here.
    #[error("the activation is of license {license}, which is neither installed nor in the file")]
    LicenseNotHere {
        /// The license.
        license: LicenseId,
    },
    /// There is no activation to deactivate.
    #[error("expected an activation of this machine to give up, found none")]
    NotActivated,
    /// Nothing distinguishes this machine from others.
    #[error("nothing tells this machine from others")]
    NoMachine,
    /// The system provides no random numbers.
    #[error("the system gives no random numbers")]
    Random,
    /// The artifact is for another product.
    #[error(
        "expected {} {what} of {expected}, found one of {found}",
        article(what)
    )]
    OtherProduct {
        /// Its kind.
        what: &'static str,
        /// The expected product.
        expected: ProductCode,
        /// The product that it is for.
        found: ProductCode,
    },
    /// A revocation list is older than one that was seen before.
    #[error(transparent)]
    StaleList(#[from] StaleList),
    /// A trust statement does not count.
    #[error(transparent)]
    Statement(BundleError),
    /// This program has embedded keys, which trust statements do not change.
    #[error(
        "this program has the vendor's keys embedded, and a trust statement changes nothing about them"
    )]
    OwnKeys,
    /// The installed license would no longer verify, or no longer hold.
    #[error("{}", orphaned(key.as_ref()))]
    Orphaned {
        /// The key that signed it, if that key is retired or goes with a retired one.
        key: Option<KeyId>,
    },
    /// A problem in the administrator's directory, which the user cannot repair.
    #[error("the license for everybody in {} can't be used", path.display())]
    Shared {
        /// The directory.
        path: PathBuf,
        /// The problem.
        source: Box<InstallationError>,
    },
    /// The state of this machine cannot be read, so that nothing may be added to it.
    #[error("what this machine remembers can't be read now")]
    State(#[from] StateProblem),
}

impl InstallationError {
    pub(super) fn shared(system: &Store, source: Self) -> Self {
        Self::Shared {
            path: system.dir().path().to_owned(),
            source: Box::new(source),
        }
    }

    pub(crate) fn of_list(refused: Refused, expected: ProductCode) -> Self {
        match refused {
            Refused::Product { found } => Self::OtherProduct {
                what: "revocation list",
                expected,
                found,
            },
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
            Self::License { source, .. } => match &**source {
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
    pub(super) fn set_aside(mut self, store: &Store, again: impl Fn() -> Found) -> Self {
        if !self.is_damage() {
            return self;
        }
        let file = match self.is_of_key_file() {
            true => StateFile::Key,
            false => StateFile::License,
        };
        let moved = store.quarantine(file, || again().is_err_and(|error| error.is_damage()));
        if let Self::NotText { aside, .. } | Self::License { aside, .. } = &mut self {
            *aside = moved;
        }
        self
    }
}

fn worse(new: Code, installed: Code) -> String {
    if new == Code::Superseded {
        return "the installed license replaces this one; nothing was changed".to_owned();
    }
    format!(
        "the license does not hold now ({new}), and the installed one does ({installed}); nothing was changed"
    )
}

fn this_machine(actual: Option<&Machine>) -> String {
    actual.map_or_else(|| "none that can be told".to_owned(), name)
}

fn article(what: &str) -> &'static str {
    if what == "activation" { "an" } else { "a" }
}

fn orphaned(key: Option<&KeyId>) -> String {
    match key {
        Some(key) => format!(
            "the installed license is signed by key {key}, which would be trusted no longer; nothing was changed"
        ),
        None => "the installed license would hold no longer, since what was said of it was signed by a key that is retired; nothing was changed".to_owned(),
    }
}

/// Returns the name by which a person compares a machine: its digest, if it has one.
fn name(machine: &Machine) -> String {
    match machine.digest() {
        Some(digest) => digest.to_string(),
        None => machine.to_string(),
    }
}
