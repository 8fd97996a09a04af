//! Why an installed license can't be used, or one can't be installed.

use std::fmt;
use std::path::{Path, PathBuf};

use license_core::{BundleError, Code, KeyId, LicenseId, Machine, ProductCode, TrustError};

use super::Found;
use crate::activation::AnswerFault;
use crate::revocations::{Refused, StaleList};
use crate::state::{StateProblem, aside_to};
use crate::{HomeError, StateFile, Store, StoreError};

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
    /// What was given counts on another machine only.
    OtherMachine {
        /// What it is: `validation token`, `activation` or `clock repair`.
        what: &'static str,
        /// The machine that it names.
        expected: Machine,
        /// This machine, where it can be told.
        actual: Option<Machine>,
    },
    /// A validation token answers another question.
    OtherNonce,
    /// An answer that the vendor has signed is not one to take.
    Answer {
        /// What it is: `activation` or `clock repair`.
        what: &'static str,
        /// Why.
        fault: AnswerFault,
    },
    /// An activation is of a license that is not here.
    LicenseNotHere {
        /// The license.
        license: LicenseId,
    },
    /// There is no activation here to give up.
    NotActivated,
    /// Nothing tells this machine from others.
    NoMachine,
    /// No random numbers can be had.
    Random,
    /// What was given is of another product.
    OtherProduct {
        /// What it is.
        what: &'static str,
        /// The product.
        expected: ProductCode,
        /// The other one.
        found: ProductCode,
    },
    /// A revocation list is older than one that was seen here.
    StaleList(StaleList),
    /// A trust statement does not count.
    Statement(BundleError),
    /// This program has keys of its own, and trust statements change them as little as anything else from outside.
    OwnKeys,
    /// What is installed would no longer verify, or no longer hold.
    Orphaned {
        /// The key that has signed it, if that is retired or goes with one that is.
        key: Option<KeyId>,
    },
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
    pub(super) fn set_aside(self, store: &Store, again: impl Fn() -> Found) -> Self {
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
            Self::OtherMachine {
                what,
                expected,
                actual,
            } => {
                let actual = actual
                    .as_ref()
                    .map_or("none that can be told".to_owned(), name);
                let expected = name(expected);
                write!(
                    f,
                    "the {what} counts on machine {expected}; this is {actual}"
                )
            }
            Self::Shared { path, .. } => {
                write!(
                    f,
                    "the license for everybody in {} can't be used",
                    path.display()
                )
            }
            Self::OtherProduct {
                what,
                expected,
                found,
            } => {
                let article = if *what == "activation" { "an" } else { "a" };
                write!(
                    f,
                    "expected {article} {what} of {expected}, found one of {found}"
                )
            }
            Self::Answer { what, fault } => write!(f, "{what}: {fault}"),
            Self::LicenseNotHere { license } => write!(
                f,
                "the activation is of license {license}, which is neither installed nor in the file"
            ),
            Self::NotActivated => {
                f.write_str("expected an activation of this machine to give up, found none")
            }
            Self::NoMachine => f.write_str("nothing tells this machine from others"),
            Self::Random => f.write_str("the system gives no random numbers"),
            Self::StaleList(stale) => stale.fmt(f),
            Self::Statement(error) => error.fmt(f),
            Self::OwnKeys => f.write_str(
                "this program has the vendor's keys embedded, and a trust statement changes nothing about them",
            ),
            Self::Orphaned { key: Some(key) } => write!(
                f,
                "the installed license is signed by key {key}, which would be trusted no longer; nothing was changed"
            ),
            Self::Orphaned { key: None } => f.write_str(
                "the installed license would hold no longer, since what was said of it was signed by a key that is retired; nothing was changed",
            ),
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
            | Self::Statement(_)
            | Self::OwnKeys
            | Self::Orphaned { .. }
            | Self::OtherNonce
            | Self::Answer { .. }
            | Self::LicenseNotHere { .. }
            | Self::NotActivated
            | Self::NoMachine
            | Self::Random
            | Self::OtherProduct { .. }
            | Self::StaleList(_) => None,
        }
    }
}
