use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use license_core::time;
use serde_json::Value;

use super::*;
use crate::domain::{WebhookSecret, WebhookUrl};

/// A time limit for tests of slow endpoints.
const SHORT: Duration = Duration::from_millis(300);

/// An endpoint that gives one answer to each connection, and keeps the requests.
struct Endpoint {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Endpoint {
    /// Starts an endpoint. `answer` writes the answer to a request.
    fn start(answer: impl Fn(&mut TcpStream) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&requests);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                if let Some(request) = read_request(&stream) {
                    kept.lock().unwrap().push(request);
                }
                answer(&mut stream);
            }
        });
        Self { address, requests }
    }

    /// Starts an endpoint with an answer that is known before.
    fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::start(move |stream| {
            let _ = stream.write_all(&answer);
        })
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// Reads a request with its body. Returns `None` for other bytes, such as those of TLS.
fn read_request(stream: &TcpStream) -> Option<String> {
    let mut reader = BufReader::new(stream);
    let (mut text, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        text.push_str(&line);
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    text.push_str(std::str::from_utf8(&body).ok()?);
    Some(text)
}

/// Permits loopback over http, as the settings of a site can.
fn loopback() -> Arc<DestinationPolicy> {
    Arc::new(DestinationPolicy {
        networks: vec!["127.0.0.1".parse().unwrap()],
        allows_http: true,
    })
}

fn delivery(url: &str) -> DueDelivery {
    DueDelivery {
        id: "msg_1".to_owned(),
        webhook: "whk_1".to_owned(),
        is_ping: false,
        url: WebhookUrl::parse(url).unwrap(),
        secrets: vec![WebhookSecret::new([1; 32]), WebhookSecret::new([2; 32])],
        body: r#"{"type":"license.revoke"}"#.to_owned(),
        attempt: 1,
        queued_at: now(),
    }
}

fn now() -> DateTime<Utc> {
    time::parse_instant("2027-01-15T09:00:00Z").unwrap()
}

fn send_with(sender: &WebhookSender, url: &str) -> Answer {
    sender.send(&delivery(url), now())
}

fn send_to(endpoint: &Endpoint) -> Answer {
    let sender = WebhookSender::new(loopback(), None).unwrap();
    send_with(&sender, &format!("http://{}/hook?key=1", endpoint.address))
}

#[test]
fn without_a_secret_nothing_is_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let unsigned = DueDelivery {
        secrets: Vec::new(),
        ..delivery(&url)
    };
    let sender = WebhookSender::new(loopback(), None).unwrap();
    let answer = sender.send(&unsigned, now());
    assert!(answer.error.unwrap().contains("rotate the secret"));
    assert_eq!(answer.status, None);
    let accepted = listener.accept().unwrap_err();
    assert_eq!(accepted.kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn a_request_is_signed_with_each_secret() {
    let endpoint = Endpoint::answering("HTTP/1.1 204 No Content\r\n\r\n");
    let answer = send_to(&endpoint);
    assert_eq!((answer.status, &answer.error), (Some(204), &None));
    let [request] = endpoint.requests().try_into().unwrap();
    assert!(
        request.starts_with("POST /hook?key=1 HTTP/1.1\r\n"),
        "{request}"
    );
    assert!(
        request.ends_with(r#"{"type":"license.revoke"}"#),
        "{request}"
    );
    let sent = delivery("http://h/");
    let signatures: Vec<_> = sent
        .secrets
        .iter()
        .map(|secret| secret.sign("msg_1", now().timestamp(), &sent.body))
        .collect();
    for header in [
        "webhook-id: msg_1".to_owned(),
        format!("webhook-timestamp: {}", now().timestamp()),
        format!("webhook-signature: {} {}", signatures[0], signatures[1]),
        "content-type: application/json".to_owned(),
    ] {
        assert!(
            request.contains(&format!("{header}\r\n")),
            "{header} in {request}"
        );
    }
}

#[test]
fn the_status_decides() {
    let answer = |head: &str| {
        let text = format!("HTTP/1.1 {head}\r\nContent-Length: 2\r\n\r\nok");
        send_to(&Endpoint::answering(text))
    };
    let found = answer("200 OK");
    assert_eq!((found.error, found.response.as_deref()), (None, Some("ok")));
    for (head, status) in [("400 Bad", 400), ("410 Gone", 410), ("503 Busy", 503)] {
        let found = answer(head);
        assert_eq!(found.status, Some(status));
        assert_eq!(found.error, Some(format!("status {status}")));
    }
    let found = answer("429 Slow\r\nRetry-After: 120");
    assert_eq!(found.retry_after, Some(Duration::from_secs(120)));
    for value in [
        "soon",
        "-1",
        "Wed, 21 Oct 2027 07:28:00 GMT",
        "99999999999999999999",
    ] {
        let found = answer(&format!("429 Slow\r\nRetry-After: {value}"));
        assert_eq!(found.retry_after, None, "{value}");
    }
}

#[test]
fn redirects_are_not_followed() {
    let target = Endpoint::answering("HTTP/1.1 204 No Content\r\n\r\n");
    for status in [301, 302, 303, 307, 308] {
        let location = format!("http://{}/", target.address);
        let text =
            format!("HTTP/1.1 {status} x\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
        let endpoint = Endpoint::answering(text);
        let answer = send_to(&endpoint);
        assert_eq!(answer.status, Some(status), "{answer:?}");
        assert!(answer.error.unwrap().contains("redirects are not followed"));
        assert_eq!(endpoint.requests().len(), 1);
    }
    assert_eq!(target.requests(), [""; 0]);
}

#[test]
fn large_answers_are_cut_and_other_answers_fail() {
    // A body without an end.
    let endless = Endpoint::start(|stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while stream.write_all(&[b'x'; 65_536]).is_ok() {}
    });
    let answer = send_to(&endless);
    assert_eq!((answer.status, answer.error), (Some(200), None));
    assert_eq!(answer.response.unwrap().len(), 4096);
    // Bytes that no database stores as text.
    let mut bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n".to_vec();
    bytes.extend(b"a\0\xff\n");
    let answer = send_to(&Endpoint::answering(bytes));
    assert_eq!(answer.response.as_deref(), Some("a\u{fffd}\u{fffd}\n"));
    // A header without an end, and bytes that are not HTTP.
    let header = Endpoint::start(|stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nX: ");
        while stream.write_all(&[b'x'; 65_536]).is_ok() {}
    });
    let answer = send_to(&header);
    assert_eq!(answer.status, None);
    assert!(answer.error.is_some(), "{answer:?}");
    let answer = send_to(&Endpoint::answering("SSH-2.0-OpenSSH_9.9\r\n\r\n"));
    assert_eq!(answer.status, None);
    assert!(answer.error.is_some(), "{answer:?}");
}

#[test]
fn slow_endpoints_end_with_the_time_limit() {
    let silent = |stream: &mut TcpStream| {
        let _ = stream.read(&mut [0; 1]);
        thread::sleep(Duration::from_secs(3));
    };
    let dripping = |stream: &mut TcpStream| {
        for byte in b"HTTP/1.1 200 OK\r\nX: 1234567890123456789012345678901234567890\r\n\r\n" {
            thread::sleep(Duration::from_millis(40));
            if stream.write_all(&[*byte]).is_err() {
                return;
            }
        }
    };
    for endpoint in [Endpoint::start(silent), Endpoint::start(dripping)] {
        let resolver = DefaultResolver::default();
        let sender = WebhookSender::with_resolver(loopback(), None, resolver, SHORT).unwrap();
        let start = Instant::now();
        let answer = send_with(&sender, &format!("http://{}/", endpoint.address));
        assert!(start.elapsed() < SHORT * 5, "{:?}", start.elapsed());
        assert_eq!(answer.status, None);
        assert!(answer.error.unwrap().starts_with("no answer within"));
    }
    // An endpoint that answers and is slow with the body has received the delivery.
    let slow_body = Endpoint::start(|stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx");
        thread::sleep(Duration::from_secs(3));
    });
    let resolver = DefaultResolver::default();
    let sender = WebhookSender::with_resolver(loopback(), None, resolver, SHORT).unwrap();
    let answer = send_with(&sender, &format!("http://{}/", slow_body.address));
    assert_eq!((answer.status, answer.error), (Some(200), None));
}

/// Answers each lookup with the next address of a list.
struct Changing {
    addresses: Vec<IpAddr>,
    searches: Arc<AtomicUsize>,
    port: u16,
}

impl fmt::Debug for Changing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Changing")
    }
}

impl Resolver for Changing {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let number = self.searches.fetch_add(1, Ordering::Relaxed);
        let mut found = self.empty();
        found.push(SocketAddr::new(self.addresses[number], self.port));
        Ok(found)
    }
}

#[test]
fn a_name_that_changes_its_address_leads_to_the_address_that_was_checked() {
    let endpoint = Endpoint::answering("HTTP/1.1 204 No Content\r\n\r\n");
    let sender = |addresses: &[&str], policy| {
        let searches = Arc::new(AtomicUsize::new(0));
        let resolver = Changing {
            addresses: addresses.iter().map(|text| text.parse().unwrap()).collect(),
            searches: Arc::clone(&searches),
            port: endpoint.address.port(),
        };
        let sender = WebhookSender::with_resolver(policy, None, resolver, SHORT).unwrap();
        (sender, searches)
    };
    // The policy permits 127.0.0.1 only. A second lookup would find another address of this
    // machine.
    let (first, searches) = sender(&["127.0.0.1", "127.0.0.2"], loopback());
    let answer = send_with(&first, "http://rebinding.example/");
    assert_eq!((answer.status, answer.error), (Some(204), None));
    assert_eq!(searches.load(Ordering::Relaxed), 1);
    // The next attempt looks the name up again, and refuses the new address.
    let answer = send_with(&first, "http://rebinding.example/");
    assert!(answer.error.unwrap().contains("webhook_networks"));
    assert_eq!(searches.load(Ordering::Relaxed), 2);
    assert_eq!(endpoint.requests().len(), 1);
    // Without the setting, nothing reaches this machine.
    let (public, _) = sender(&["127.0.0.1"], Arc::default());
    let answer = send_with(&public, "https://rebinding.example/");
    assert!(answer.error.unwrap().contains("webhook_networks"));
    assert_eq!(endpoint.requests().len(), 1);
}

#[test]
fn other_spellings_of_private_addresses_are_refused() {
    let endpoint = Endpoint::answering("HTTP/1.1 204 No Content\r\n\r\n");
    let sender = WebhookSender::new(Arc::default(), None).unwrap();
    let port = endpoint.address.port();
    for host in [
        "127.0.0.1",
        "localhost",
        "LOCALHOST",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0",
        "0.0.0.0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "169.254.169.254",
    ] {
        let answer = send_with(&sender, &format!("https://{host}:{port}/"));
        assert_eq!(answer.status, None, "{host}");
        let error = answer.error.unwrap();
        let is_refused = error.contains("webhook_networks") || error.contains("no address")
            // A resolver that does not know the spelling.
            || error.contains("the connection failed");
        assert!(is_refused, "{host}: {error}");
    }
    assert_eq!(endpoint.requests(), [""; 0]);
}

#[test]
fn no_error_has_the_url_or_an_address() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    let sender = WebhookSender::new(loopback(), None).unwrap();
    let urls = [
        format!("http://127.0.0.1:{port}/hunter2"),
        format!("https://127.0.0.1:{port}/hunter2"),
        "http://127.0.0.2/hunter2".to_owned(),
        "https://does-not-exist.invalid/hunter2".to_owned(),
    ];
    for url in urls {
        let error = send_with(&sender, &url).error.unwrap();
        assert!(
            !error.contains("hunter2") && !error.contains("127."),
            "{error}"
        );
        let shown = format!("{:?}", delivery(&url));
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}

#[test]
fn the_body_is_the_json_of_the_delivery() {
    let endpoint = Endpoint::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    send_to(&endpoint);
    let request = endpoint.requests().remove(0);
    let (_, body) = request.split_once("\r\n\r\n").unwrap();
    let body: Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["type"], "license.revoke");
}
