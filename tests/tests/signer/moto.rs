//! moto, an emulator of AWS. Tests that run at the same time share one process.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, Weak, mpsc};
use std::thread;
use std::time::Duration;

use license_tests::{Scratch, tools};
use serde_json::{Value, json};

use crate::VendorMachine;

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
pub(crate) struct Moto {
    process: Child,
    address: String,
}

impl Moto {
    /// Returns the server. Prints a message and returns `None` if moto is not installed.
    pub(crate) fn get() -> Option<Arc<Self>> {
        static RUNNING: Mutex<Weak<Moto>> = Mutex::new(Weak::new());
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(moto) = running.upgrade() {
            return Some(moto);
        }
        let moto = Arc::new(Self::start()?);
        *running = Arc::downgrade(&moto);
        Some(moto)
    }

    fn start() -> Option<Self> {
        let python = tools::moto()?;
        let mut process = Command::new(python.program())
            .args(["-u", "-c", SERVER])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("python can be started");
        let (sender, addresses) = mpsc::channel();
        drain(process.stdout.take().unwrap(), sender.clone());
        drain(process.stderr.take().unwrap(), sender);
        let address = addresses.recv_timeout(Duration::from_secs(60));
        let address = address.expect("moto prints its address");
        Some(Self { process, address })
    }

    /// Calls an action of KMS.
    pub(crate) fn call(&self, action: &str, request: &Value) -> Value {
        let (address, body) = (&self.address, request.to_string());
        let mut stream = TcpStream::connect(address).unwrap();
        let scope = format!("AK/20250101/{REGION}/kms/aws4_request");
        write!(
            stream,
            "POST / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nX-Amz-Target: TrentService.{action}\r\n\
             Content-Type: application/x-amz-json-1.1\r\nAuthorization: AWS4-HMAC-SHA256 Credential={scope}, \
             SignedHeaders=host, Signature=00\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        let (head, body) = response.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{response}");
        serde_json::from_str(body).unwrap_or_default()
    }

    /// Creates a key and returns its metadata.
    pub(crate) fn key(&self, spec: &str, usage: &str) -> Value {
        let request = json!({"KeySpec": spec, "KeyUsage": usage});
        self.call("CreateKey", &request)["KeyMetadata"].clone()
    }

    /// Returns a vendor's machine with the key of this name, credentials and region.
    pub(crate) fn vendor<'s>(&self, scratch: &'s Scratch, key: &str) -> VendorMachine<'s> {
        vendor(scratch, key, &self.address)
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
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

/// Reads the stream to its end, so that the server never blocks, and sends the address.
fn drain(stream: impl Read + Send + 'static, addresses: mpsc::Sender<String>) {
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if let Some((_, address)) = line.split_once("Running on http://") {
                let _ = addresses.send(address.trim().to_owned());
            }
        }
    });
}
