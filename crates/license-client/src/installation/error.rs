//! Errors of installed licenses and of installing a license.

use std::path::{Path, PathBuf};

use license_core::encoding::TextError;
use license_core::license::VerifiedLicensesError;
use license_core::machine::Machine;
use license_core::trust::{KeyId, TrustError};
use license_core::{Code, LicenseId, ProductCode};
use thiserror::Error;

use super::loss::LicenseLoss;
use crate::activation::AnswerFault;
use crate::administrator::SystemDirError;
use crate::problem::{StaleList, StateProblem, quarantined_as};
use crate::revocations::ListRefusal;
use crate::state_dir::{StateDirError, StateFile};
use crate::store::{Store, StoreError};
use crate::validations::ServerTokenFault;

/// The reason why an installed license cannot be used, or why a license cannot be installed.
///
/// ```
/// # const TRUST: &str = include_str!(concat!(
/// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
/// # ));
/// # let scratch = tempfile::tempdir()?;
/// # let client = license_client::Client::builder(license_client::TrustSet::parse(TRUST)?)
/// #     .product(license_client::FeatureMatrix::built_in())
/// #     .state_dir(scratch.path().join("state"))
/// #     .build()?;
/// use license_client::{InstallationError, with_causes};
///
/// match client.manager().deactivate(None, license_client::now()) {
///     Ok(receipt) => println!("{}", receipt.request.to_armor()),
///     Err(InstallationError::NotActivated) => println!("there is no activation on this machine"),
///     Err(error) => eprintln!("{}", with_causes(&error)),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum InstallationError {
    /// The state directory cannot be read or written.
    #[error("cannot use the state directory")]
    Store(#[from] StoreError),
    /// No state directory is known.
    #[error("cannot determine the state directory")]
    StateDir(#[from] StateDirError),
    /// A license is installed without the keys to verify it.
    #[error("a license is installed, but there are no keys to verify it")]
    NoKeys,
    /// A license that is not valid would replace a valid one.
    #[error("{}", worse(*new, *installed))]
    Worse {
        /// The reason code of the new license.
        new: Code,
        /// The reason code of the installed license.
        installed: Code,
    },
    /// A license would replace one that allows more.
    #[error("{}", allows_less(.0))]
    Loss(LicenseLoss),
    /// A file is not text.
    #[error("{}: cannot read the file as text{}", path.display(), quarantined_as(quarantined.as_deref()))]
    NotText {
        /// The file.
        path: PathBuf,
        /// The damage.
        source: TextError,
        /// The path of the quarantined file. `None` if the file was not moved.
        quarantined: Option<PathBuf>,
    },
    /// The installed keys are damaged.
    #[error("{}: cannot use the installed keys", path.display())]
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
        quarantined_as(quarantined.as_deref())
    )]
    License {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: Box<VerifiedLicensesError>,
        /// The path of the quarantined file. `None` if the file was not moved, because it may be
        /// intact and only its keys may be missing.
        quarantined: Option<PathBuf>,
    },
    /// The license of a validation token is not installed.
    #[error("expected an installed license for the validation token, found none")]
    NoLicense,
    /// The artifact is for another machine.
    #[error("the {what} is for machine {}; this machine is {}", display_name(expected), this_machine(actual.as_ref()))]
    OtherMachine {
        /// The kind of the artifact: `validation token`, `activation` or `clock repair`.
        what: &'static str,
        /// The machine in the artifact.
        expected: Machine,
        /// This machine, if it is known.
        actual: Option<Machine>,
    },
    /// A validation token contains a nonce other than the requested one.
    #[error("the validation token does not contain the requested nonce")]
    OtherNonce,
    /// An answer that the vendor signed is not accepted.
    #[error("cannot accept the {what}")]
    Answer {
        /// The kind of the answer: `activation` or `clock repair`.
        what: &'static str,
        /// The reason.
        source: AnswerFault,
    },
    /// An activation is for a license that is neither installed nor in the same file.
    #[error("the activation is for license {license}, which is neither installed nor in the file")]
    LicenseNotInstalled {
        /// The license.
        license: LicenseId,
    },
    /// There is no activation to deactivate.
    #[error("expected an activation to deactivate, found none on this machine")]
    NotActivated,
    /// There are several activations, and the license to deactivate is not named.
    #[error(
        "expected the id of the license to deactivate, because this machine has several activations: {}",
        list(licenses)
    )]
    SeveralActivations {
        /// The ids of the activated licenses.
        licenses: Vec<LicenseId>,
    },
    /// Another user requested the activation, so that the state of this user does not contain the
    /// secret of the receipt.
    #[error(
        "expected an activation that this user requested, found one that another user requested: activation {} of license {license}",
        list(activations)
    )]
    OtherRequester {
        /// The activated license.
        license: LicenseId,
        /// The ids of its activations, the newest first.
        activations: Vec<LicenseId>,
    },
    /// Nothing distinguishes this machine from other machines.
    #[error("cannot identify this machine")]
    NoMachine,
    /// The system provides no random bytes.
    #[error("the system provides no random bytes")]
    Random,
    /// The artifact is for another product.
    #[error(
        "expected {} {what} for {expected}, found one for {found}",
        article(what)
    )]
    OtherProduct {
        /// The kind of the artifact.
        what: &'static str,
        /// The expected product.
        expected: ProductCode,
        /// The product of the artifact.
        found: ProductCode,
    },
    /// A revocation list is older than a list that was seen before.
    #[error(transparent)]
    StaleList(#[from] StaleList),
    /// A trust statement does not verify.
    #[error(transparent)]
    Statement(VerifiedLicensesError),
    /// The program has embedded keys, and trust statements do not change embedded keys.
    #[error("this program has embedded keys, which a trust statement does not change")]
    EmbeddedKeys,
    /// With the new trust statements, the installed license would no longer verify or no longer be
    /// valid.
    #[error("{}", orphaned(key.as_ref()))]
    Orphaned {
        /// The key that signed the license, if this key would no longer be trusted.
        key: Option<KeyId>,
    },
    /// A problem in the administrator's directory, which the user cannot repair.
    #[error("cannot use the license for all users in {}", path.display())]
    System {
        /// The directory.
        path: PathBuf,
        /// The problem.
        source: Box<InstallationError>,
    },
    /// A validation token of a customer's own license server is not accepted.
    #[error(transparent)]
    ServerToken(#[from] ServerTokenFault),
    /// Only an administrator can install a license for all users.
    #[error("expected an administrator, because {} is for all users", path.display())]
    NotAdministrator {
        /// The directory of the administrator.
        path: PathBuf,
    },
    /// The directory of the administrator cannot be used, because others can change it.
    #[error(transparent)]
    SystemDir(#[from] SystemDirError),
    /// The platform has no default directory of the administrator.
    #[error("expected a directory for all users, found none; this platform has no default")]
    NoSystemDir,
    /// The artifact changes the state of one user, so it cannot be installed for all users.
    #[error("expected a file for all users, found a {what}, which is for one user")]
    NotForAllUsers {
        /// The kind of the artifact.
        what: &'static str,
    },
    /// The state of this machine cannot be read now, so nothing may be added to the state.
    #[error("cannot read the state of this machine")]
    State(#[from] StateProblem),
}

impl InstallationError {
    /// Returns the reason code, if there is one. Problems with files, the system, the arguments
    /// and the program itself have no code.
    ///
    /// ```
    /// use license_client::{Code, InstallationError};
    ///
    /// assert_eq!(InstallationError::NotActivated.code(), Some(Code::NotActivated));
    /// // The cause is this machine, and not an artifact of the vendor.
    /// assert_eq!(InstallationError::NoMachine.code(), None);
    /// ```
    pub fn code(&self) -> Option<Code> {
        Some(match self {
            Self::NoKeys => Code::UntrustedKey,
            Self::Worse { new, .. } => *new,
            Self::Loss(_) => Code::Loss,
            Self::NotText { .. } | Self::OtherNonce => Code::Malformed,
            Self::Trust { source, .. } => source.code(),
            Self::License { source, .. } => source.code(),
            Self::NoLicense | Self::LicenseNotInstalled { .. } => Code::NoLicense,
            Self::OtherMachine { .. } => Code::MachineMismatch,
            Self::Answer { source, .. } => source.code(),
            Self::NotActivated | Self::OtherRequester { .. } => Code::NotActivated,
            Self::OtherProduct { .. } => Code::ProductMismatch,
            Self::StaleList(stale) => stale.code(),
            Self::Statement(error) => error.code(),
            Self::Orphaned { .. } => Code::RetiredKey,
            Self::System { source, .. } => return source.code(),
            Self::State(problem) => return problem.code(),
            Self::ServerToken(fault) => fault.code(),
            Self::Store(_)
            | Self::StateDir(_)
            | Self::SeveralActivations { .. }
            | Self::NoMachine
            | Self::Random
            | Self::NotAdministrator { .. }
            | Self::SystemDir(_)
            | Self::NoSystemDir
            | Self::NotForAllUsers { .. }
            | Self::EmbeddedKeys => return None,
        })
    }

    pub(super) fn shared(system: &Store, source: Self) -> Self {
        Self::System {
            path: system.dir().path().to_owned(),
            source: Box::new(source),
        }
    }

    pub(crate) fn from_list_refusal(refused: ListRefusal, expected: ProductCode) -> Self {
        match refused {
            ListRefusal::OtherProduct { found } => Self::OtherProduct {
                what: "revocation list",
                expected,
                found,
            },
            ListRefusal::Stale(stale) => Self::StaleList(stale),
        }
    }

    /// Returns whether a file could not be read. Such a failure may be temporary.
    pub(crate) fn is_temporary(&self) -> bool {
        match self {
            Self::Store(_) => true,
            Self::System { source, .. } => source.is_temporary(),
            _ => false,
        }
    }

    /// Returns whether the file itself is damaged. A file that is signed with an unknown key, or
    /// that needs a newer program, is not damaged.
    pub(super) fn is_damaged(&self) -> bool {
        match self {
            Self::NotText { path, .. } => path.file_name().is_some_and(|name| {
                name == StateFile::License.as_str() || name == StateFile::Key.as_str()
            }),
            Self::License { source, .. } => match &**source {
                VerifiedLicensesError::Parse(_) | VerifiedLicensesError::Key(_) => {
                    !matches!(source.code(), Code::UnsupportedVersion)
                }
                // A token contains the id of its signing key, but an enterprise key does not. A bad
                // signature of an enterprise key may therefore mean that its key is missing.
                VerifiedLicensesError::Verify(_) | VerifiedLicensesError::Block { .. } => {
                    source.code() == Code::BadSignature && !self.is_in_key_file()
                }
                _ => false,
            },
            _ => false,
        }
    }

    fn is_in_key_file(&self) -> bool {
        let name = self.path().and_then(Path::file_name);
        name.is_some_and(|name| name == StateFile::Key.as_str())
    }

    /// Returns the path of the file or directory with the problem, if the problem has one.
    pub(crate) fn file(&self) -> Option<&Path> {
        match self {
            Self::Store(error) => Some(error.path()),
            Self::System { source, .. } => source.file(),
            Self::State(problem) => problem.file(),
            error => error.path(),
        }
    }

    /// Returns the path of the license or the keys.
    fn path(&self) -> Option<&Path> {
        match self {
            Self::NotText { path, .. } | Self::License { path, .. } | Self::Trust { path, .. } => {
                Some(path)
            }
            _ => None,
        }
    }

    /// Quarantines a damaged file, unless another file was written in the meantime.
    pub(super) fn quarantine(mut self, store: &Store, is_still_damaged: impl Fn() -> bool) -> Self {
        if !self.is_damaged() {
            return self;
        }
        let file = if self.is_in_key_file() {
            StateFile::Key
        } else {
            StateFile::License
        };
        let moved = store.quarantine(file, is_still_damaged);
        if let Self::NotText { quarantined, .. } | Self::License { quarantined, .. } = &mut self {
            *quarantined = moved;
        }
        self
    }
}

fn worse(new: Code, installed: Code) -> String {
    if new == Code::Superseded {
        return "the installed license supersedes the new license; nothing was changed".to_owned();
    }
    let is_valid = matches!(
        installed,
        Code::Valid | Code::GraceRenewal | Code::GraceOffline
    );
    let verb = if is_valid { "is" } else { "can be" };
    format!(
        "the new license is not valid now ({new}), but the installed license {verb} valid ({installed}); nothing was changed"
    )
}

fn allows_less(loss: &LicenseLoss) -> String {
    let (new, installed) = (&loss.new_label, &loss.installed_label);
    format!(
        "the new {new} license allows less than the installed {installed} license: {loss}; nothing was changed"
    )
}

fn this_machine(actual: Option<&Machine>) -> String {
    actual.map_or_else(|| "unknown".to_owned(), display_name)
}

fn list(ids: &[LicenseId]) -> String {
    let ids: Vec<_> = ids.iter().map(LicenseId::as_str).collect();
    ids.join(", ")
}

fn article(what: &str) -> &'static str {
    if what == "activation" { "an" } else { "a" }
}

fn orphaned(key: Option<&KeyId>) -> String {
    match key {
        Some(key) => format!(
            "the installed license is signed by key {key}, which would no longer be trusted; nothing was changed"
        ),
        None => "the installed license would no longer be valid, because a key that signed one of its tokens would be retired; nothing was changed".to_owned(),
    }
}

/// Returns the text that identifies a machine in a message: its digest, or else its components.
fn display_name(machine: &Machine) -> String {
    match machine.digest() {
        Some(digest) => digest.to_string(),
        None => machine.to_string(),
    }
}
