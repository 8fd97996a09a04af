//! A server that replaces AWS KMS and responds as a test determines.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use license_tests::Vendor;
use serde_json::{Value, json};

/// A received request.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) head: String,
    pub(crate) body: Value,
}

impl Request {
    /// `Sign` or `GetPublicKey`.
    pub(crate) fn action(&self) -> &str {
        let target = self.header("x-amz-target").unwrap_or_default();
        target.rsplit('.').next().unwrap_or_default()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers(name).first().copied()
    }

    pub(crate) fn headers(&self, name: &str) -> Vec<&str> {
        let pairs = self.head.lines().filter_map(|line| line.split_once(':'));
        let named = pairs.filter(|(found, _)| found.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.trim()).collect()
    }
}

/// Status and body. Status 0 sends only the body, which is not HTTP.
pub(crate) type FakeResponse = (u16, String);

/// The server. Dropping this value stops the server.
pub(crate) struct FakeKms {
    pub(crate) address: String,
    requests: Arc<Mutex<Vec<Request>>>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl FakeKms {
    pub(crate) fn new(respond: impl Fn(&Request, usize) -> FakeResponse + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let ended = Arc::new(AtomicBool::new(false));
        let (received, end) = (Arc::clone(&requests), Arc::clone(&ended));
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                if end.load(Ordering::SeqCst) {
                    return;
                }
                let Some(request) = stream.as_ref().ok().and_then(read) else {
                    continue;
                };
                let count = {
                    let mut requests = received.lock().unwrap();
                    requests.push(request.clone());
                    requests.len()
                };
                write(&stream.unwrap(), &respond(&request, count));
            }
        });
        Self {
            address,
            requests,
            ended,
            thread: Some(thread),
        }
    }

    /// Starts a server that returns the vendor's public key, and calls `sign` for signatures.
    pub(crate) fn with_key(
        vendor: &Vendor,
        sign: impl Fn(&Request) -> FakeResponse + Send + 'static,
    ) -> Self {
        let public = public_key(vendor);
        Self::new(move |request, _| match request.action() {
            "GetPublicKey" => (200, public.to_string()),
            _ => sign(request),
        })
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for FakeKms {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(&self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Returns the response of `GetPublicKey`.
pub(crate) fn public_key(vendor: &Vendor) -> Value {
    let lines = vendor
        .public
        .lines()
        .filter(|line| !line.starts_with("-----"));
    json!({
        "KeyUsage": "SIGN_VERIFY",
        "PublicKey": lines.collect::<String>(),
        "SigningAlgorithms": ["RSASSA_PKCS1_V1_5_SHA_256", "RSASSA_PSS_SHA_256"],
    })
}

/// Returns a refusal in the format of AWS.
pub(crate) fn refusal(kind: &str) -> FakeResponse {
    (400, json!({"__type": kind, "message": "why"}).to_string())
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let mut request = Request {
        head,
        body: Value::Null,
    };
    let length = request.header("content-length")?.parse().ok()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    request.body = serde_json::from_slice(&body).ok()?;
    Some(request)
}

/// Writes the response. The client may have closed the connection.
fn write(mut stream: &TcpStream, (status, body): &FakeResponse) {
    let head = match status {
        0 => String::new(),
        _ => format!(
            "HTTP/1.1 {status} Test\r\nConnection: close\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: {}\r\n\r\n",
            body.len()
        ),
    };
    let _ = stream.write_all(head.as_bytes());
    let _ = stream.write_all(body.as_bytes());
}
