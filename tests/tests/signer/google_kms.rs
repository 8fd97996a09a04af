//! The emulator `tests/interop/google_kms.py`. Tests that run at the same time share one process.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use license_tests::{Scratch, tools};
use serde_json::Value;

use crate::VendorMachine;
use crate::python_server::PythonServer;

/// The secrets that the emulator accepts.
pub(crate) const ACCESS_TOKEN: &str = "ya29.token-that-must-not-be-printed";
pub(crate) const CLIENT_SECRET: &str = "client secret/that+must=not&be%printed";
pub(crate) const REFRESH_TOKEN: &str = "1//refresh-token-that-must-not-be-printed";

/// A part of every secret, which no output may contain.
pub(crate) const SECRET: &str = "must-not-be-printed";

/// A key that signs with RS256.
pub(crate) const RSA_2048: &str = "rsa-sign-pkcs1-2048-sha256";

/// A running server.
pub(crate) struct GoogleKms(PythonServer);

impl GoogleKms {
    /// Returns the server. Prints a message and returns `None` if Flask is not installed.
    pub(crate) fn get() -> Option<Arc<Self>> {
        static RUNNING: Mutex<Weak<GoogleKms>> = Mutex::new(Weak::new());
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(server) = running.upgrade() {
            return Some(server);
        }
        let script = tools::script("google_kms.py");
        let script = script.to_str().expect("the path is UTF-8");
        let server = PythonServer::start(tools::google_kms()?, &[script]);
        let server = Arc::new(Self(server));
        *running = Arc::downgrade(&server);
        Some(server)
    }

    pub(crate) fn address(&self) -> &str {
        &self.0.address
    }

    /// Returns a vendor's machine with an access token, and a key in this key ring. The project has
    /// the name of the test.
    pub(crate) fn vendor<'s>(
        &self,
        scratch: &'s Scratch,
        project: &str,
        ring: &str,
        key: &str,
    ) -> VendorMachine<'s> {
        VendorMachine {
            scratch,
            key: format!("gcpkms://{}", resource(project, ring, key)),
            env: vec![
                ("GOOGLE_OAUTH_ACCESS_TOKEN", ACCESS_TOKEN.into()),
                self.endpoint(),
            ],
        }
    }

    pub(crate) fn endpoint(&self) -> (&'static str, std::ffi::OsString) {
        let endpoint = format!("http://{}/", self.address());
        ("CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDKMS", endpoint.into())
    }

    /// Creates a service account and returns the content of its key file.
    pub(crate) fn service_account(&self, project: &str) -> Value {
        let line = format!("POST /accounts/{project}");
        self.0.request(&line, "", "")
    }

    /// Returns the requests for the keys and tokens of a project.
    pub(crate) fn requests(&self, project: &str) -> Vec<Value> {
        let log = self.0.request(&format!("GET /log/{project}"), "", "");
        log.as_array().unwrap().clone()
    }
}

/// Returns the name of the first version of a key.
pub(crate) fn resource(project: &str, ring: &str, key: &str) -> String {
    format!(
        "projects/{project}/locations/europe-west3/keyRings/{ring}/cryptoKeys/{key}\
         /cryptoKeyVersions/1"
    )
}
