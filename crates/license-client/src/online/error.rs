//! The reasons why a license server gave no answer, and its refusals.

mod fault;
mod login;
mod problem;

use std::path::PathBuf;

use license_core::LicenseId;
use license_core::chrono::{DateTime, Utc};
use license_core::evaluate::MissingContext;
use license_core::session::ProjectError;
use license_core::time::rfc3339;
use thiserror::Error;

pub(super) use self::fault::WAITING;
pub use self::fault::{CertificateFault, UnreachableReason};
pub use self::login::{LoginError, MissingLogin};
pub use self::problem::ServerProblem;
pub(super) use self::problem::one_line;
use super::queue::QueuePlace;
use super::setting::{OnlineSetting, OnlineSource};
use crate::installation::InstallationError;
use crate::store::StoreError;

/// The reason why a request to a license server failed.
///
/// An *unreachable* server and an *invalid* license are different results. Nothing in this type
/// means that a license is invalid: a server that has judged a license returns a
/// [`ServerVerdict`](super::ServerVerdict).
///
/// ```
/// use license_client::OnlineError;
///
/// /// Returns what a program prints.
/// fn report(error: &OnlineError) -> String {
///     let hint = error.hint().unwrap_or_default();
///     format!("{}: {error}\n{hint}", error.code())
/// }
/// assert!(report(&OnlineError::NoServer).starts_with("NO_SERVER: "));
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OnlineError {
    /// No setting names a license server.
    #[error("no license server is configured")]
    NoServer,
    /// A setting has a value that cannot be used.
    #[error("setting `{setting}` from {origin}: expected {expected}, found {found}")]
    Setting {
        /// The setting.
        setting: OnlineSetting,
        /// The place of the value.
        origin: OnlineSource,
        /// A description of the accepted values.
        expected: &'static str,
        /// The value, or a description of it. Never a secret.
        found: String,
    },
    /// The settings file is not TOML, or has an unknown setting.
    #[error("{}: {reason}", path.display())]
    SettingsFile {
        /// The file.
        path: PathBuf,
        /// The reason, with the expected and the found text.
        reason: String,
    },
    /// A settings file cannot be read or written.
    #[error("cannot use the settings of the license server")]
    Store(#[source] StoreError),
    /// The server was not reached, or sent no answer in time.
    #[error("cannot reach {server}: {reason}")]
    Unreachable {
        /// The URL of the server, with its proxy if there is one.
        server: String,
        /// The reason.
        reason: UnreachableReason,
    },
    /// The certificate of the server, or that of this client, is not accepted.
    #[error("no secure connection to {server}: {fault}")]
    Certificate {
        /// The URL of the server.
        server: String,
        /// The reason.
        fault: CertificateFault,
        /// The file of `ca-file`, if the setting names one.
        ca_file: Option<PathBuf>,
    },
    /// The proxy does not connect to the server.
    #[error("the proxy refuses to connect to {server}: {reason}")]
    ProxyRefused {
        /// The URL of the server, with its proxy.
        server: String,
        /// The answer of the proxy.
        reason: String,
    },
    /// A web page came in place of JSON, such as the login page of a proxy or a guest network.
    #[error("{server} sent a web page (status {status}), expected an answer in JSON")]
    LoginPage {
        /// The URL of the server.
        server: String,
        /// The status.
        status: u16,
    },
    /// The answer is a redirect, which is not followed, because the request contains a license key.
    #[error("{server} redirects to {location} (status {status}), expected an answer")]
    Redirected {
        /// The URL of the server.
        server: String,
        /// The status.
        status: u16,
        /// The value of the header field `Location`, or `another address`.
        location: String,
    },
    /// The answer has an unexpected status, and is not a valid `application/problem+json` response.
    #[error("{server} answered with status {status}, expected an answer in JSON")]
    Status {
        /// The URL of the server.
        server: String,
        /// The status.
        status: u16,
    },
    /// The connection ended before the answer was complete.
    #[error("the answer of {server} is incomplete: {reason}")]
    Truncated {
        /// The URL of the server.
        server: String,
        /// The reason.
        reason: String,
    },
    /// The answer is too large.
    #[error("expected an answer of {server} of at most {limit} bytes, found more")]
    Oversized {
        /// The URL of the server.
        server: String,
        /// The maximum size in bytes.
        limit: u64,
    },
    /// The answer is not one of a license server.
    #[error("{server} is not a license server: {reason}")]
    NotALicenseServer {
        /// The URL of the server.
        server: String,
        /// The expected and the found content.
        reason: String,
    },
    /// A token in the answer does not verify, or does not answer the request.
    #[error("{server} sent a token that proves nothing: {reason}")]
    Unverified {
        /// The URL of the server.
        server: String,
        /// The reason.
        reason: String,
    },
    /// The server judged the license invalid, over a connection that anyone could have changed.
    #[error("{server} calls the license invalid over http, which proves nothing")]
    Unauthenticated {
        /// The URL of the server.
        server: String,
    },
    /// The server refuses the request.
    #[error("{}: {}", .0.server, .0.detail)]
    Problem(Box<ServerProblem>),
    /// Each of several servers was not reached, or had a temporary problem.
    #[error("each license server failed: {}", earlier.join("; "))]
    EachServer {
        /// The errors of all servers except the last, as text.
        earlier: Vec<String>,
        /// The error of the last server.
        #[source]
        last: Box<OnlineError>,
    },
    /// The wait for a seat ended without one.
    #[error("no seat became free in time; position {} of {} in the queue", place.position, place.waiting)]
    WaitEnded {
        /// The last place in the queue.
        place: QueuePlace,
    },
    /// A borrowed seat cannot be released. It is returned instead.
    #[error("the seat is borrowed until {}, so it cannot be released", rfc3339(*until))]
    Borrowed {
        /// The end of the loan.
        until: DateTime<Utc>,
    },
    /// The loan of the borrowed seat has ended, by the clock of this machine.
    #[error("the loan of the seat ended at {}", rfc3339(*at))]
    LoanEnded {
        /// The end of the loan.
        at: DateTime<Utc>,
    },
    /// The settings do not name the server that granted a stored seat, and the servers that they
    /// name do not know the seat.
    #[error("expected a setting for {server}, which granted the seat, found none")]
    OtherServer {
        /// The URL of the server that granted the seat.
        server: String,
    },
    /// No license is installed.
    #[error("no license is installed")]
    NoLicense,
    /// The license does not name the key of a license server, so that no lease could be verified.
    #[error("license {license} certifies no license server")]
    NotCertified {
        /// The license.
        license: LicenseId,
    },
    /// An installed license restricts a value that the program has not set.
    #[error(
        "license {} restricts `{}`, which the program has not set",
        .0.license, .0.value
    )]
    MissingContext(MissingContext),
    /// No readable project contains the path of the seat.
    #[error("cannot find the project of the seat")]
    Project(#[source] ProjectError),
    /// Nothing identifies this machine.
    #[error("no component identifies this machine")]
    NoMachine,
    /// The validation token cannot be stored.
    #[error("cannot store the answer of the license server")]
    NotStored(#[source] Box<InstallationError>),
    /// The user is not logged in.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// A child process used a seat of its parent process.
    #[error("the seat belongs to process {owner}, and this is process {found}")]
    Forked {
        /// The process that acquired the seat.
        owner: u32,
        /// This process.
        found: u32,
    },
    /// Telemetry is off.
    #[error("telemetry is off, so nothing is collected or sent")]
    TelemetryOff,
    /// A setting forbids telemetry.
    #[error("setting `forbid-telemetry` from {origin} forbids telemetry")]
    TelemetryForbidden {
        /// The place of the setting.
        origin: OnlineSource,
    },
    /// The system provides no random bytes.
    #[error("the system provides no random bytes")]
    Random,
    /// The thread that renews seats cannot be started.
    #[error("cannot start the thread that renews seats")]
    NoThread(#[source] std::io::Error),
}

impl OnlineError {
    /// Returns the reason code. For a refusal, it is the code of the server.
    ///
    /// ```
    /// use license_client::OnlineError;
    ///
    /// assert_eq!(OnlineError::NoServer.code(), "NO_SERVER");
    /// ```
    pub fn code(&self) -> &str {
        match self {
            Self::NoServer => "NO_SERVER",
            Self::Setting { .. } | Self::SettingsFile { .. } => "ONLINE_SETTING",
            Self::Store(_) | Self::NoThread(_) => "IO",
            Self::Unreachable { .. } => "SERVER_UNREACHABLE",
            Self::Certificate { .. } => "SERVER_CERTIFICATE",
            Self::ProxyRefused { .. } => "PROXY_REFUSED",
            Self::LoginPage { .. } => "LOGIN_PAGE",
            Self::Redirected { .. } => "REDIRECTED",
            Self::Status { .. } => "SERVER_STATUS",
            Self::Truncated { .. } => "TRUNCATED_ANSWER",
            Self::Oversized { .. } => "OVERSIZED_ANSWER",
            Self::NotALicenseServer { .. } => "NOT_A_LICENSE_SERVER",
            Self::Unverified { .. } => "UNVERIFIED_ANSWER",
            Self::Unauthenticated { .. } => "UNAUTHENTICATED_ANSWER",
            Self::Problem(problem) => &problem.code,
            Self::EachServer { last, .. } => last.code(),
            Self::WaitEnded { .. } => "WAIT_ENDED",
            Self::Borrowed { .. } => "SEAT_BORROWED",
            Self::LoanEnded { .. } => "LOAN_ENDED",
            Self::OtherServer { .. } => "OTHER_SERVER",
            Self::NoLicense => "NO_LICENSE",
            Self::NotCertified { .. } => "NOT_CERTIFIED",
            Self::MissingContext(missing) => missing.value.code().as_str(),
            Self::Project(_) => "NO_PROJECT",
            Self::NoMachine => "NO_MACHINE",
            Self::NotStored(error) => error.code().map_or("IO", |code| code.as_str()),
            Self::Login(error) => error.code(),
            Self::Forked { .. } => "FORKED",
            Self::TelemetryOff => "TELEMETRY_OFF",
            Self::TelemetryForbidden { .. } => "TELEMETRY_FORBIDDEN",
            Self::Random => "RANDOM",
        }
    }

    /// Returns the next step of the user, if there is a general one.
    ///
    /// ```
    /// use license_client::OnlineError;
    ///
    /// let hint = OnlineError::NoServer.hint().ok_or("expected a hint")?;
    /// assert!(hint.contains("`server-url`"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoServer => {
                "set `server-url` in online.toml, or in the environment; the administrator of the server \
                 has the URL"
            }
            Self::Setting { .. } | Self::SettingsFile { .. } => {
                "correct the setting in the place that the message names"
            }
            Self::Unreachable { reason, .. } => reason.hint(),
            Self::Certificate {
                fault: CertificateFault::UnknownIssuer,
                ca_file: Some(path),
                ..
            } => {
                let path = path.display();
                return Some(format!(
                    "`ca-file` is {path}; it needs the certificate of your authority, or of the \
                     server itself"
                ));
            }
            Self::Certificate { fault, .. } => fault.hint(),
            Self::ProxyRefused { .. } => {
                "check HTTPS_PROXY and its user name and password, or add the server to NO_PROXY"
            }
            Self::LoginPage { .. } => {
                "log in to the network or proxy with a browser, or correct the URL of the server"
            }
            Self::Redirected { .. } => "set the address to which the server redirects as its URL",
            Self::Status { .. } | Self::Truncated { .. } => {
                "try again later; the administrator of the server finds the cause in its log"
            }
            Self::Oversized { .. } | Self::NotALicenseServer { .. } => {
                "check the URL of the server, and what answers at this address"
            }
            Self::Unverified { .. } => {
                "ask the administrator of the server whether it has the key that the license certifies"
            }
            Self::Unauthenticated { .. } => "use https for the URL of the server",
            Self::Problem(problem) => return problem.hint.clone(),
            Self::EachServer { last, .. } => return last.hint(),
            Self::WaitEnded { .. } => "wait longer, or ask a colleague to release a seat",
            Self::Borrowed { .. } => "return the seat",
            Self::LoanEnded { .. } => "acquire a seat, or borrow one again",
            Self::OtherServer { .. } => "name the server of the seat in `server-url` again",
            Self::NoLicense => "install the license first",
            Self::NotCertified { .. } => {
                "install the license that the vendor issued for the license server"
            }
            Self::NoMachine => "let the administrator set an id for this machine",
            Self::Login(error) => error.hint(),
            Self::Forked { .. } => "acquire a seat in the child process",
            Self::TelemetryOff => "turn telemetry on first; the user decides this",
            Self::TelemetryForbidden { .. } => {
                "ask the person who manages this setting; without it, the user decides"
            }
            Self::Store(_)
            | Self::MissingContext(_)
            | Self::Project(_)
            | Self::NotStored(_)
            | Self::Random
            | Self::NoThread(_) => return None,
        };
        Some(hint.to_owned())
    }

    /// Returns whether no license server answered: it was not reached, something else answered in
    /// its place, or it has a temporary problem. A later attempt can succeed without any change.
    ///
    /// ```
    /// use license_client::OnlineError;
    ///
    /// assert!(!OnlineError::NoLicense.is_unreachable());
    /// ```
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::Unreachable { .. }
            | Self::Certificate { .. }
            | Self::ProxyRefused { .. }
            | Self::LoginPage { .. }
            | Self::Redirected { .. }
            | Self::Status { .. }
            | Self::Truncated { .. }
            | Self::Oversized { .. }
            | Self::NotALicenseServer { .. }
            | Self::Unverified { .. }
            | Self::Unauthenticated { .. } => true,
            Self::Problem(problem) => problem.status == 429 || problem.status >= 500,
            Self::EachServer { last, .. } => last.is_unreachable(),
            Self::Login(error) => error.is_unreachable(),
            _ => false,
        }
    }

    /// Returns the refusal of the server, if there is one.
    ///
    /// ```
    /// use license_client::OnlineError;
    ///
    /// assert!(OnlineError::NoServer.problem().is_none());
    /// ```
    pub fn problem(&self) -> Option<&ServerProblem> {
        match self {
            Self::Problem(problem) => Some(problem),
            Self::EachServer { last, .. } => last.problem(),
            _ => None,
        }
    }

    /// Returns whether the next server may be asked: this one was not reached, or has a temporary
    /// problem.
    pub(super) fn is_for_next_server(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Certificate { .. } | Self::ProxyRefused { .. } => true,
            Self::Status { status, .. } => matches!(status, 502..=504),
            Self::Problem(problem) => match problem.status {
                502..=504 => true,
                429 => problem.retry_after.is_some(),
                _ => false,
            },
            _ => false,
        }
    }
}

impl From<MissingContext> for OnlineError {
    fn from(missing: MissingContext) -> Self {
        Self::MissingContext(missing)
    }
}

impl From<StoreError> for OnlineError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}
