//! moto, an emulator of AWS. Tests that run at the same time share one process.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use license_tests::{Scratch, tools};
use serde_json::{Value, json};

use crate::VendorMachine;
use crate::python_server::PythonServer;

pub(crate) const REGION: &str = "eu-central-1";
pub(crate) const SECRET: &str = "s3cr3t-that-must-not-be-printed";

/// The server. It exits when its standard input closes, so that it does not outlive a killed test.
const SERVER: &str = "
import os, sys, threading
def end():
    sys.stdin.read()
    os._exit(0)
threading.Thread(target=end, daemon=True).start()
from moto.server import main
main(['-H', '127.0.0.1', '-p', '0'])
";

/// A running server.
pub(crate) struct Moto(PythonServer);

impl Moto {
    /// Returns the server. Prints a message and returns `None` if moto is not installed.
    pub(crate) fn get() -> Option<Arc<Self>> {
        static RUNNING: Mutex<Weak<Moto>> = Mutex::new(Weak::new());
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(moto) = running.upgrade() {
            return Some(moto);
        }
        let server = PythonServer::start(tools::moto()?, &["-c", SERVER]);
        let moto = Arc::new(Self(server));
        *running = Arc::downgrade(&moto);
        Some(moto)
    }

    /// Calls an action of KMS.
    pub(crate) fn call(&self, action: &str, request: &Value) -> Value {
        let scope = format!("AK/20250101/{REGION}/kms/aws4_request");
        let headers = format!(
            "X-Amz-Target: TrentService.{action}\r\nContent-Type: application/x-amz-json-1.1\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, \
             Signature=00\r\n"
        );
        self.0.request("POST /", &headers, &request.to_string())
    }

    /// Creates a key and returns its metadata.
    pub(crate) fn key(&self, spec: &str, usage: &str) -> Value {
        let request = json!({"KeySpec": spec, "KeyUsage": usage});
        self.call("CreateKey", &request)["KeyMetadata"].clone()
    }

    /// Returns a vendor's machine with the key of this name, credentials and region.
    pub(crate) fn vendor<'s>(&self, scratch: &'s Scratch, key: &str) -> VendorMachine<'s> {
        vendor(scratch, key, &self.0.address)
    }
}

/// Returns a vendor's machine that sends its requests to this address.
pub(crate) fn vendor<'s>(scratch: &'s Scratch, key: &str, address: &str) -> VendorMachine<'s> {
    VendorMachine {
        scratch,
        key: format!("awskms:{key}"),
        env: vec![
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE".into()),
            ("AWS_SECRET_ACCESS_KEY", SECRET.into()),
            ("AWS_REGION", REGION.into()),
            ("AWS_ENDPOINT_URL_KMS", format!("http://{address}").into()),
        ],
    }
}
