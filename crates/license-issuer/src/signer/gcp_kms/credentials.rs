//! Google's application default credentials.
//!
//! They are searched for in the order that Google documents: the variable
//! `GOOGLE_APPLICATION_CREDENTIALS`, the file that `gcloud auth application-default login` writes,
//! and the metadata server of Google's machines. An access token in `GOOGLE_OAUTH_ACCESS_TOKEN`
//! precedes them, as in Google's Terraform provider.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use zeroize::Zeroizing;

use super::super::http::Endpoint;
use super::super::private_key::{is_descriptor, is_exposed, read_all};
use super::error::GcpKmsError;
use super::service_account::ServiceAccount;

/// The variable with an access token.
const TOKEN_VARIABLE: &str = "GOOGLE_OAUTH_ACCESS_TOKEN";
/// The variable with the path of a file with credentials.
const FILE_VARIABLE: &str = "GOOGLE_APPLICATION_CREDENTIALS";
/// The name of the file that `gcloud auth application-default login` writes.
const FILE_NAME: &str = "application_default_credentials.json";
const TOKEN_URL: &str = "https://oauth2.googleapis.com/token";
const METADATA_HOST: &str = "metadata.google.internal";
/// The maximum length of a type of credentials that an error shows.
const MAX_KIND: usize = 60;

/// Credentials that are exchanged for access tokens, or an access token.
pub(super) enum GoogleCredentials {
    /// An access token, whose lifetime is unknown.
    AccessToken(Zeroizing<String>),
    ServiceAccount(Box<ServiceAccount>),
    AuthorizedUser(AuthorizedUser),
    /// The account of the machine on which the program runs.
    MetadataServer(Endpoint),
}

/// A user who has signed in with `gcloud`.
pub(super) struct AuthorizedUser {
    pub(super) client_id: String,
    pub(super) client_secret: Zeroizing<String>,
    pub(super) refresh_token: Zeroizing<String>,
    pub(super) server: TokenServer,
    /// The project that pays for the requests.
    pub(super) quota_project: Option<String>,
}

/// The server that issues access tokens.
pub(super) struct TokenServer {
    pub(super) endpoint: Endpoint,
    pub(super) path: String,
    url: String,
}

/// The content of a file with credentials. `type` determines which members it has.
#[derive(Deserialize)]
struct CredentialsFile {
    r#type: String,
    client_email: Option<String>,
    private_key_id: Option<String>,
    private_key: Option<Zeroizing<String>>,
    token_uri: Option<String>,
    client_id: Option<String>,
    client_secret: Option<Zeroizing<String>>,
    refresh_token: Option<Zeroizing<String>>,
    quota_project_id: Option<String>,
}

impl GoogleCredentials {
    /// Finds the credentials. Sends no request, so the last place is not checked.
    pub(super) fn find(
        variable: impl Fn(&'static str) -> Option<String>,
    ) -> Result<Self, GcpKmsError> {
        if let Some(token) = variable(TOKEN_VARIABLE).map(Zeroizing::new) {
            return if is_header(&token) {
                Ok(Self::AccessToken(token))
            } else {
                Err(GcpKmsError::Token(TOKEN_VARIABLE))
            };
        }
        if let Some(path) = variable(FILE_VARIABLE).map(PathBuf::from) {
            return match read(&path)? {
                Some(file) => file.into_credentials(&path),
                None => Err(GcpKmsError::CredentialsIo {
                    path,
                    source: io::ErrorKind::NotFound.into(),
                }),
            };
        }
        if let Some(path) = gcloud_file(&variable)
            && let Some(file) = read(&path)?
        {
            return file.into_credentials(&path);
        }
        let host = variable("GCE_METADATA_HOST");
        let host = host.as_deref().unwrap_or(METADATA_HOST);
        let endpoint = Endpoint::metadata_server(host).map_err(GcpKmsError::MetadataHost)?;
        Ok(Self::MetadataServer(endpoint))
    }
}

/// Returns the path of the file that `gcloud` writes.
fn gcloud_file(variable: impl Fn(&'static str) -> Option<String>) -> Option<PathBuf> {
    let directory = variable("CLOUDSDK_CONFIG").map(PathBuf::from).or_else(|| {
        if cfg!(windows) {
            variable("APPDATA").map(|path| Path::new(&path).join("gcloud"))
        } else {
            variable("HOME").map(|path| Path::new(&path).join(".config/gcloud"))
        }
    });
    directory.map(|directory| directory.join(FILE_NAME))
}

/// Reads a file with credentials, if it exists. Only its owner may be able to use the file.
fn read(path: &Path) -> Result<Option<CredentialsFile>, GcpKmsError> {
    let failed = |source| GcpKmsError::CredentialsIo {
        path: path.to_owned(),
        source,
    };
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(failed)?,
    };
    let metadata = file.metadata().map_err(failed)?;
    if is_exposed(&metadata) && !is_descriptor(path) {
        return Err(GcpKmsError::CredentialsExposed(path.to_owned()));
    }
    let bytes = read_all(file).map_err(failed)?;
    let parsed = serde_json::from_slice(&bytes);
    // The text of the error may repeat a secret.
    let parsed = parsed.map_err(|error| GcpKmsError::CredentialsFile {
        path: path.to_owned(),
        expected: "a JSON object with Google credentials",
        found: format!(
            "other content in line {}, column {}",
            error.line(),
            error.column()
        ),
    });
    parsed.map(Some)
}

impl CredentialsFile {
    fn into_credentials(self, path: &Path) -> Result<GoogleCredentials, GcpKmsError> {
        match self.r#type.as_str() {
            "service_account" => {
                let pem = required(self.private_key, path, "the member `private_key`")?;
                let signer = ServiceAccount::load_key(&pem);
                let signer = signer.map_err(|source| GcpKmsError::ServiceAccountKey {
                    path: path.to_owned(),
                    source,
                })?;
                let account = ServiceAccount {
                    email: required(self.client_email, path, "the member `client_email`")?,
                    key_id: self.private_key_id,
                    signer,
                    server: TokenServer::parse(self.token_uri, path)?,
                };
                Ok(GoogleCredentials::ServiceAccount(Box::new(account)))
            }
            "authorized_user" => Ok(GoogleCredentials::AuthorizedUser(AuthorizedUser {
                client_id: required(self.client_id, path, "the member `client_id`")?,
                client_secret: required(self.client_secret, path, "the member `client_secret`")?,
                refresh_token: required(self.refresh_token, path, "the member `refresh_token`")?,
                server: TokenServer::parse(self.token_uri, path)?,
                quota_project: self.quota_project_id.filter(|project| is_header(project)),
            })),
            other => Err(GcpKmsError::CredentialsFile {
                path: path.to_owned(),
                expected: "the type `service_account` or `authorized_user`",
                found: if is_kind(other) {
                    format!("`{other}`")
                } else {
                    "another type".to_owned()
                },
            }),
        }
    }
}

fn is_kind(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    text.len() <= MAX_KIND && text.bytes().all(is_allowed)
}

fn is_header(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn required<T>(value: Option<T>, path: &Path, expected: &'static str) -> Result<T, GcpKmsError> {
    value.ok_or_else(|| GcpKmsError::CredentialsFile {
        path: path.to_owned(),
        expected,
        found: "none".to_owned(),
    })
}

impl TokenServer {
    fn parse(url: Option<String>, path: &Path) -> Result<Self, GcpKmsError> {
        let url = url.unwrap_or_else(|| TOKEN_URL.to_owned());
        match Endpoint::with_path(&url) {
            Ok((endpoint, path)) => Ok(Self {
                endpoint,
                path,
                url,
            }),
            Err(found) => Err(GcpKmsError::CredentialsFile {
                path: path.to_owned(),
                expected: "an https URL in `token_uri`",
                found: found.to_owned(),
            }),
        }
    }

    /// Returns the URL, which is the audience of assertions.
    pub(super) fn url(&self) -> &str {
        &self.url
    }
}
