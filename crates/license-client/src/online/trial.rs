//! Trials that a user starts at the server of the vendor.

use serde::Deserialize;
use serde_json::{Value, json};
use ureq::http::Method;
use zeroize::Zeroizing;

use super::error::OnlineError;
use super::settings::OnlineSettings;
use super::transport::{Call, Limit, Route, Transport};
use crate::manager::LicenseManager;

/// The license of a trial that was started.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct StartedTrial {
    /// The license file, for an installation.
    pub file: String,
}

impl LicenseManager {
    /// Asks the vendor's server for a trial of the product on this machine. The server sends a code
    /// to the e-mail address. It gets the address, the name of the customer, and the fingerprint of
    /// this machine.
    ///
    /// ```
    /// # let scratch = tempfile::tempdir()?;
    /// use license_client::{FeatureMatrix, LicenseManager, OnlineError, OnlineSettings, StateDir};
    ///
    /// let dir = StateDir::at(scratch.path().join("state"));
    /// let manager = LicenseManager::at(FeatureMatrix::built_in().product(), dir);
    /// let settings = OnlineSettings::new();
    /// let asked = manager.request_trial(&settings, "ann@acme.example", "ACME Ltd");
    /// assert!(matches!(asked, Err(OnlineError::NoServer)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Blocking
    ///
    /// Sends a request, within the time limit of the settings.
    ///
    /// # Errors
    ///
    /// Returns [`OnlineError::NoMachine`] if this machine has no fingerprint, and other errors if
    /// no server can be reached or the server refuses the request.
    pub fn request_trial(
        &self,
        settings: &OnlineSettings,
        email: &str,
        customer: &str,
    ) -> Result<(), OnlineError> {
        let transport = Transport::new(&self.resolve_online(settings)?)?;
        let machine = self.machine().ok_or(OnlineError::NoMachine)?.to_string();
        let body = json!({ "email": email, "customer": customer, "machine": machine });
        send(&transport, "/api/v1/trial-requests", &body)?;
        Ok(())
    }

    /// Starts a trial with the code of a mail, and returns its license. A repetition within a day
    /// returns the same license.
    ///
    /// ```
    /// # let scratch = tempfile::tempdir()?;
    /// use license_client::{FeatureMatrix, LicenseManager, OnlineError, OnlineSettings, StateDir};
    ///
    /// let dir = StateDir::at(scratch.path().join("state"));
    /// let manager = LicenseManager::at(FeatureMatrix::built_in().product(), dir);
    /// let started = manager.confirm_trial(&OnlineSettings::new(), "code of the mail");
    /// assert!(matches!(started, Err(OnlineError::NoServer)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Blocking
    ///
    /// Sends a request, within the time limit of the settings.
    ///
    /// # Errors
    ///
    /// Returns an error if no server can be reached or the server refuses the code.
    pub fn confirm_trial(
        &self,
        settings: &OnlineSettings,
        code: &str,
    ) -> Result<StartedTrial, OnlineError> {
        let transport = Transport::new(&self.resolve_online(settings)?)?;
        let body = json!({ "token": code });
        let answer = send(&transport, "/api/v1/trial-requests/confirm", &body)?;
        answer.parse(transport.url(answer.server))
    }
}

fn send(
    transport: &Transport,
    path: &str,
    body: &Value,
) -> Result<super::transport::Answer, OnlineError> {
    let call = Call {
        method: Method::POST,
        path,
        body: Some(Zeroizing::new(body.to_string())),
        license: None,
        deletion_secret: None,
        // The server recognizes a code that was used.
        idempotency_key: None,
    };
    transport.send(&call, Route::Any, Limit::Configured)
}
