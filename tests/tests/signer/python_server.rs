//! Servers in Python that emulate a cloud service.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use license_tests::tools::Tool;
use serde_json::Value;

/// A running server of Flask.
pub(crate) struct PythonServer {
    process: Child,
    pub(crate) address: String,
}

impl PythonServer {
    /// Starts Python with these arguments. The server must exit when its standard input closes.
    pub(crate) fn start(python: &Tool, args: &[&str]) -> Self {
        let mut process = Command::new(python.program())
            .arg("-u")
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("python can be started");
        let (sender, addresses) = mpsc::channel();
        drain(process.stdout.take().unwrap(), sender.clone());
        drain(process.stderr.take().unwrap(), sender);
        let address = addresses.recv_timeout(Duration::from_secs(60));
        let address = address.expect("the server prints its address");
        Self { process, address }
    }

    /// Sends a request with these lines in its head. Returns the JSON of the response, or `null`.
    pub(crate) fn request(&self, line: &str, headers: &str, body: &str) -> Value {
        let address = &self.address;
        let mut stream = TcpStream::connect(address).unwrap();
        write!(
            stream,
            "{line} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        let (head, body) = response.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{response}");
        serde_json::from_str(body).unwrap_or_default()
    }
}

impl Drop for PythonServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
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
