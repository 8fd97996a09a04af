//! The names of the settings for license servers, and where a value comes from.

use std::fmt;
use std::path::PathBuf;

use crate::value::named_value;

/// A setting for license servers. The text form is the name in `online.toml` and of the command
/// `license config set`.
///
/// ```
/// use license_client::OnlineSetting;
///
/// assert_eq!("server-url".parse(), Ok(OnlineSetting::ServerUrl));
/// assert_eq!(OnlineSetting::CaFile.variable("SHOP"), "SHOP_LICENSE_SERVER_CA_FILE");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum OnlineSetting {
    /// `server-url`: the URLs of the servers, in the order of preference.
    ServerUrl,
    /// `ca-file`: a PEM file with the certificates of the trusted authorities.
    CaFile,
    /// `client-certificate`: a PEM file with the certificate of this client and its chain.
    ClientCertificate,
    /// `client-key`: a PEM file with the private key of the client's certificate.
    ClientKey,
    /// `connect-timeout`: the time limit for a connection in seconds.
    ConnectTimeout,
    /// `timeout`: the time limit for a request in seconds, for all servers together.
    Timeout,
    /// `enrollment-token`: the secret that some servers require before they lend seats.
    EnrollmentToken,
    /// `allow-http`: whether a server on another machine may be reached without TLS.
    AllowHttp,
    /// `forbid-telemetry`: whether telemetry cannot be turned on. `true` counts from every place.
    ForbidTelemetry,
    /// `login-issuer`: the URL of the OpenID provider at which users log in.
    LoginIssuer,
    /// `login-client-id`: the id of this program at the provider.
    LoginClientId,
    /// `login-scopes`: the scopes of a login.
    LoginScopes,
}

impl OnlineSetting {
    /// All settings.
    pub const ALL: &'static [Self] = &[
        Self::ServerUrl,
        Self::CaFile,
        Self::ClientCertificate,
        Self::ClientKey,
        Self::ConnectTimeout,
        Self::Timeout,
        Self::EnrollmentToken,
        Self::AllowHttp,
        Self::ForbidTelemetry,
        Self::LoginIssuer,
        Self::LoginClientId,
        Self::LoginScopes,
    ];

    /// Returns the setting with this name.
    ///
    /// ```
    /// use license_client::OnlineSetting;
    ///
    /// assert_eq!(OnlineSetting::parse("timeout"), Some(OnlineSetting::Timeout));
    /// assert_eq!(OnlineSetting::parse("time"), None);
    /// ```
    pub fn parse(name: &str) -> Option<Self> {
        let mut all = Self::ALL.iter().copied();
        all.find(|setting| setting.as_str() == name)
    }

    /// Returns the name of the setting.
    ///
    /// ```
    /// use license_client::OnlineSetting;
    ///
    /// assert_eq!(OnlineSetting::ServerUrl.as_str(), "server-url");
    /// ```
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ServerUrl => "server-url",
            Self::CaFile => "ca-file",
            Self::ClientCertificate => "client-certificate",
            Self::ClientKey => "client-key",
            Self::ConnectTimeout => "connect-timeout",
            Self::Timeout => "timeout",
            Self::EnrollmentToken => "enrollment-token",
            Self::AllowHttp => "allow-http",
            Self::ForbidTelemetry => "forbid-telemetry",
            Self::LoginIssuer => "login-issuer",
            Self::LoginClientId => "login-client-id",
            Self::LoginScopes => "login-scopes",
        }
    }

    /// Returns the environment variable of the setting for a product.
    ///
    /// ```
    /// use license_client::OnlineSetting;
    ///
    /// assert_eq!(OnlineSetting::ServerUrl.variable("SHOP"), "SHOP_LICENSE_SERVER");
    /// assert_eq!(OnlineSetting::Timeout.variable("SHOP"), "SHOP_LICENSE_SERVER_TIMEOUT");
    /// ```
    pub fn variable(self, product: &str) -> String {
        let product = product.to_ascii_uppercase();
        match self {
            Self::ServerUrl => format!("{product}_LICENSE_SERVER"),
            other => {
                let name = other.as_str().to_ascii_uppercase().replace('-', "_");
                format!("{product}_LICENSE_SERVER_{name}")
            }
        }
    }

    /// Returns whether the value must not be shown.
    ///
    /// ```
    /// use license_client::OnlineSetting;
    ///
    /// assert!(OnlineSetting::EnrollmentToken.is_secret());
    /// assert!(!OnlineSetting::ServerUrl.is_secret());
    /// ```
    pub const fn is_secret(self) -> bool {
        matches!(self, Self::EnrollmentToken)
    }

    /// Returns what the setting is for.
    ///
    /// ```
    /// use license_client::OnlineSetting;
    ///
    /// assert_eq!(OnlineSetting::ServerUrl.purpose(), "license servers, in the order of preference");
    /// ```
    pub const fn purpose(self) -> &'static str {
        match self {
            Self::ServerUrl => "license servers, in the order of preference",
            Self::CaFile => "certificates of the trusted authorities",
            Self::ClientCertificate => "certificate of this client, for servers that require one",
            Self::ClientKey => "private key of the client certificate",
            Self::ConnectTimeout => "time limit for a connection",
            Self::Timeout => "time limit for a request to all servers together",
            Self::EnrollmentToken => "secret that some servers require before they lend seats",
            Self::AllowHttp => "whether a server on another machine may be reached without TLS",
            Self::ForbidTelemetry => "whether telemetry cannot be turned on",
            Self::LoginIssuer => "OpenID provider at which users log in",
            Self::LoginClientId => "id of this program at the OpenID provider",
            Self::LoginScopes => "scopes of a login",
        }
    }

    /// Returns a description of the accepted values.
    ///
    /// ```
    /// use license_client::OnlineSetting;
    ///
    /// assert_eq!(OnlineSetting::AllowHttp.expected(), "true or false");
    /// ```
    pub const fn expected(self) -> &'static str {
        match self {
            Self::ServerUrl => {
                "URLs such as https://licenses.acme.example:8443, separated by commas or spaces; \
                 http only for this machine, or with allow-http"
            }
            Self::CaFile => "the absolute path of a PEM file with certificates",
            Self::ClientCertificate => {
                "the absolute path of a PEM file with the certificate of this client"
            }
            Self::ClientKey => {
                "the absolute path of a PEM file with the private key of the client certificate"
            }
            Self::ConnectTimeout | Self::Timeout => "seconds from 0.1 to 300",
            Self::EnrollmentToken | Self::LoginClientId => {
                "1 to 256 printable ASCII characters without spaces"
            }
            Self::AllowHttp | Self::ForbidTelemetry => "true or false",
            Self::LoginIssuer => {
                "the URL of an OpenID provider as its discovery document states it, such as \
                 https://login.acme.example; http only for this machine"
            }
            Self::LoginScopes => "names separated by spaces, with openid",
        }
    }
}

named_value!(OnlineSetting, "the name of a setting, such as `server-url`");

/// The place where a setting of a license server has its value.
///
/// The variants are in the order of precedence.
///
/// ```
/// use license_client::OnlineSource;
///
/// let source = OnlineSource::Variable("SHOP_LICENSE_SERVER".to_owned());
/// assert_eq!(source.to_string(), "SHOP_LICENSE_SERVER");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum OnlineSource {
    /// The program, or an option of the command line.
    Option,
    /// This environment variable.
    Variable(String),
    /// This file of the user.
    User(PathBuf),
    /// This file of the administrator.
    Administrator(PathBuf),
    /// The default value.
    Default,
}

impl fmt::Display for OnlineSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Option => f.write_str("the program"),
            Self::Variable(name) => f.write_str(name),
            Self::User(path) | Self::Administrator(path) => write!(f, "{}", path.display()),
            Self::Default => f.write_str("the default"),
        }
    }
}

/// The value of a setting, and the place that has it.
///
/// ```
/// # let scratch = tempfile::tempdir()?;
/// use license_client::{FeatureMatrix, LicenseManager, OnlineSettings, StateDir};
///
/// let dir = StateDir::at(scratch.path().join("state"));
/// let manager = LicenseManager::at(FeatureMatrix::built_in().product(), dir);
/// for value in manager.online_values(&OnlineSettings::new())? {
///     let shown = value.value.as_deref().unwrap_or("(not set)");
///     println!("{} = {shown}, from {}", value.setting, value.source);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OnlineValue {
    /// The setting.
    pub setting: OnlineSetting,
    /// The value as text. `None` if no place has a value. A secret is shown as `***`.
    pub value: Option<String>,
    /// The place of the value.
    pub source: OnlineSource,
}
