//! Webhooks of a running server, with a receiver that verifies signatures in Python.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use license_tests::tools;
use serde_json::{Value, json};

use super::site::{Site, TERMS};

/// Verifies a delivery as the specification of Standard Webhooks says, without code of the server.
const VERIFIER: &str = r#"
import base64, hashlib, hmac, json, sys
request = json.load(sys.stdin)
headers, body = request["headers"], request["body"]
key = base64.b64decode(request["secret"].removeprefix("whsec_"))
message = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{body}"
digest = hmac.new(key, message.encode(), hashlib.sha256).digest()
expected = "v1," + base64.b64encode(digest).decode()
found = headers["webhook-signature"].split(" ")
print(sum(hmac.compare_digest(expected, one) for one in found), len(found))
"#;

/// A request that the receiver got.
struct Received {
    headers: Value,
    body: String,
}

impl Received {
    fn header(&self, name: &str) -> &str {
        self.headers[name].as_str().unwrap()
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// Starts a receiver that accepts everything. Returns its URL and the requests.
fn receiver() -> (String, Receiver<Received>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook/hunter2", listener.local_addr().unwrap());
    let (sender, requests) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut headers = json!({});
            let mut line = String::new();
            while reader.read_line(&mut line).unwrap() > 2 {
                if let Some((name, value)) = line.split_once(": ") {
                    headers[name.to_ascii_lowercase()] = value.trim().into();
                }
                line.clear();
            }
            let length = headers["content-length"].as_str().unwrap();
            let mut body = vec![0; length.parse().unwrap()];
            reader.read_exact(&mut body).unwrap();
            stream.write_all(b"HTTP/1.1 204 x\r\n\r\n").unwrap();
            let body = String::from_utf8(body).unwrap();
            if sender.send(Received { headers, body }).is_err() {
                return;
            }
        }
    });
    (url, requests)
}

#[test]
fn a_receiver_verifies_the_events_of_its_organization() {
    let Some(python) = tools::python3() else {
        return;
    };
    // A proxy would look up the address itself, so the server uses none. No program listens at this
    // address.
    let proxy = "http://127.0.0.1:1".to_owned();
    let proxies = ["ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy"];
    let proxies = proxies.map(|name| (name, proxy.clone()));
    let site = Site::with_variables(TERMS, proxies.to_vec());
    let server = site.start(&["--webhook-networks", "127.0.0.1", "--webhook-http", "on"]);
    let administrator = server.administrator();
    let (url, requests) = receiver();
    let next = || requests.recv_timeout(Duration::from_secs(20)).unwrap();
    let order = json!({"url": url, "events": ["token.*"], "description": "test"});
    let created = administrator.post("/api/v1/webhooks", &order).expect(201);
    let id = created["id"].as_str().unwrap();
    let path = format!("/api/v1/webhooks/{id}");
    let secret = created["secret"].as_str().unwrap();
    let verify = |received: &Received, secret: &str| {
        let input = json!({"headers": received.headers, "body": received.body, "secret": secret});
        let run = python.run(&site.scratch).args(["-c", VERIFIER]);
        let outcome = run.stdin(input.to_string()).run().expect_code(0);
        outcome.stdout.trim().to_owned()
    };

    let token = json!({"name": "helpdesk", "scopes": ["auditor"]});
    let token = administrator.post("/api/v1/tokens", &token).expect(201);
    let received = next();
    assert_eq!(verify(&received, secret), "1 1");
    assert_eq!(verify(&received, "whsec_AAAA"), "0 1");
    let body = received.json();
    assert_eq!(
        (&body["type"], &body["tenant"]),
        (&json!("token.create"), &json!("site"))
    );
    assert_eq!(
        (&body["subject"], &body["data"]["name"]),
        (&token["id"], &json!("helpdesk"))
    );

    // A replay has the same id and body, and both secrets sign it after a rotation.
    let rotated = administrator.post(&format!("{path}/rotate-secret"), &json!({}));
    let rotated = rotated.expect(200)["secret"].as_str().unwrap().to_owned();
    let delivery = received.header("webhook-id");
    let replay = format!("{path}/deliveries/{delivery}/replay");
    // The result of the first attempt is stored after the receiver has answered.
    let queued = (0..200).any(|_| {
        thread::sleep(Duration::from_millis(20));
        administrator.post(&replay, &json!({})).status == 202
    });
    assert!(queued, "the delivery cannot be replayed");
    let again = next();
    assert_eq!(
        (again.header("webhook-id"), &again.body),
        (delivery, &received.body)
    );
    assert_eq!(verify(&again, secret), "1 2");
    assert_eq!(verify(&again, &rotated), "1 2");

    administrator
        .post(&format!("{path}/test"), &json!({}))
        .expect(202);
    assert_eq!(next().json()["type"], "webhook.ping");
    let disabled = administrator.send("PATCH", &path, &json!({"is_enabled": false}));
    assert_eq!(disabled.expect(200)["disabled_reason"], "administrator");
    let refused = administrator.post(&format!("{path}/test"), &json!({}));
    refused.expect_problem(409, "WEBHOOK_DISABLED");

    // Who, what, before and after, and from where.
    let entries = administrator.get("/api/v1/audit").expect(200);
    let entries = entries["items"].as_array().unwrap();
    let change = entries
        .iter()
        .find(|entry| entry["action"] == "webhook.change");
    let change = change.unwrap();
    assert_eq!(change["address"], "127.0.0.1");
    assert_eq!(change["before"]["is_enabled"], true);
    assert_eq!(change["details"]["is_enabled"], false);

    // Neither the log nor the audit trail has a secret or the path of the URL.
    server.stop();
    let log = site.scratch.read("server.log");
    let trail = serde_json::to_string(entries).unwrap();
    for text in [log, trail] {
        for secret in ["hunter2", &secret[6..], &rotated[6..]] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}

#[test]
fn a_webhook_reaches_public_addresses_only() {
    let site = Site::new(TERMS);
    let server = site.start(&[]);
    let administrator = server.administrator();
    let create = |url: &str| {
        let order = json!({"url": url, "events": ["*"]});
        administrator.post("/api/v1/webhooks", &order)
    };
    create("https://127.0.0.1:1/").expect_problem(400, "WEBHOOK_ADDRESS");
    create("https://[::ffff:169.254.169.254]/").expect_problem(400, "WEBHOOK_ADDRESS");
    create("http://hooks.example.com/").expect_problem(400, "BAD_REQUEST");
    // A name is checked when the server connects.
    let (receiver, requests) = receiver();
    let (_, address) = receiver.split_once("://").unwrap();
    let (_, port) = address.split_once('/').unwrap().0.rsplit_once(':').unwrap();
    let created = create(&format!("https://localhost:{port}/")).expect(201);
    let path = format!("/api/v1/webhooks/{}", created["id"].as_str().unwrap());
    administrator
        .post(&format!("{path}/test"), &json!({}))
        .expect(202);
    let error = (0..500).find_map(|_| {
        thread::sleep(Duration::from_millis(20));
        let page = administrator.get(&format!("{path}/deliveries?state=failed"));
        let error = page.expect(200)["items"][0]["last_error"].clone();
        error.as_str().map(str::to_owned)
    });
    assert!(error.unwrap().contains("webhook_networks"));
    assert!(
        requests.try_recv().is_err(),
        "the server connected to itself"
    );
}
