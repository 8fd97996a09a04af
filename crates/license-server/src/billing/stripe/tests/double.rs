//! A double of Stripe: a real HTTP server on this machine with the objects of a test.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use aws_lc_rs::hmac;
use chrono::{DateTime, Utc};
use license_core::encoding::hex;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::super::{Stripe, StripeSettings, WebhookKey};

/// The secret key of the account.
pub(crate) const KEY: &str = "sk_test_hunter2hunter2hunter2";

/// The secret of the webhook.
pub(crate) const SECRET: &str = "whsec_0123456789abcdef0123456789abcdef";

/// A request that the double has received.
#[derive(Clone, Debug, Default)]
pub(crate) struct DoubleRequest {
    pub(crate) path: String,
    pub(crate) authorization: String,
    pub(crate) version: Option<String>,
    pub(crate) idempotency_key: Option<String>,
    pub(crate) body: String,
}

#[derive(Default)]
struct World {
    /// Objects by id.
    objects: BTreeMap<String, Value>,
    /// Answers with a status by path, or by path and query.
    answers: BTreeMap<String, (u16, Value)>,
    /// The first answer to each idempotency key.
    saved: BTreeMap<String, (u16, Value)>,
    /// The identifiers of the meter events that were accepted.
    identifiers: BTreeSet<String>,
    requests: Vec<DoubleRequest>,
    is_down: bool,
}

/// The server. It ends with the process of the test.
#[derive(Clone)]
pub(crate) struct Double {
    address: SocketAddr,
    world: Arc<Mutex<World>>,
}

impl Double {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let world = Arc::new(Mutex::new(World::default()));
        let served = Arc::clone(&world);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let served = Arc::clone(&served);
                thread::spawn(move || serve(&stream, &served));
            }
        });
        Self { address, world }
    }

    /// Returns a client for the double.
    pub(crate) fn stripe(&self) -> Stripe {
        Stripe::new(StripeSettings {
            key: Zeroizing::new(KEY.to_owned()),
            webhook_keys: vec![WebhookKey::parse(SECRET).unwrap()],
            api_url: format!("http://{}", self.address),
        })
    }

    /// Stores an object, or its new state.
    pub(crate) fn put(&self, object: Value) {
        let id = object["id"].as_str().unwrap().to_owned();
        self.world.lock().unwrap().objects.insert(id, object);
    }

    /// Answers a path with a body.
    pub(crate) fn answer(&self, path: &str, body: Value) {
        self.fail(path, 200, body);
    }

    /// Answers a path with a status and a body.
    pub(crate) fn fail(&self, path: &str, status: u16, body: Value) {
        let mut world = self.world.lock().unwrap();
        world.answers.insert(path.to_owned(), (status, body));
    }

    /// Answers a path with the objects again.
    pub(crate) fn recover(&self, path: &str) {
        self.world.lock().unwrap().answers.remove(path);
    }

    /// Lets each request fail, or succeed again.
    pub(crate) fn set_down(&self, is_down: bool) {
        self.world.lock().unwrap().is_down = is_down;
    }

    /// Returns the requests so far.
    pub(crate) fn requests(&self) -> Vec<DoubleRequest> {
        self.world.lock().unwrap().requests.clone()
    }
}

/// Returns the header with which Stripe signs a body.
pub(crate) fn header(body: &[u8], at: DateTime<Utc>) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let seconds = at.timestamp();
    let message = [format!("{seconds}.").as_bytes(), body].concat();
    let signature = hex::encode(hmac::sign(&key, &message).as_ref());
    format!("t={seconds},v1={signature}")
}

fn serve(stream: &TcpStream, world: &Mutex<World>) {
    let mut reader = BufReader::new(stream);
    while let Some(request) = read(&mut reader) {
        let (status, body) = {
            let mut world = world.lock().unwrap();
            world.requests.push(request.clone());
            world.respond(&request)
        };
        let body = body.to_string();
        let answer = format!(
            "HTTP/1.1 {status} x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut stream = stream;
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn read(reader: &mut BufReader<&TcpStream>) -> Option<DoubleRequest> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|size| *size > 0)?;
    let mut request = DoubleRequest {
        path: line.split(' ').nth(1)?.to_owned(),
        ..DoubleRequest::default()
    };
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|size| *size > 0)?;
        let Some((name, value)) = line.trim().split_once(": ") else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "authorization" => value.clone_into(&mut request.authorization),
            "stripe-version" => request.version = Some(value.to_owned()),
            "idempotency-key" => request.idempotency_key = Some(value.to_owned()),
            "content-length" => length = value.parse().unwrap(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    request.body = String::from_utf8(body).unwrap();
    Some(request)
}

impl World {
    /// Answers a request. The answer to an idempotency key is saved, whatever its status, and a
    /// repetition gets it again. An identifier of a meter event is accepted once.
    fn respond(&mut self, request: &DoubleRequest) -> (u16, Value) {
        let key = request.idempotency_key.as_ref();
        if let Some(saved) = key.and_then(|key| self.saved.get(key)) {
            return saved.clone();
        }
        let mut answer = self.answer(&request.path);
        let mut pairs = request.body.split('&');
        let identifier = pairs.find_map(|pair| pair.strip_prefix("identifier="));
        if let Some(identifier) = identifier.filter(|_| answer.0 == 200)
            && !self.identifiers.insert(identifier.to_owned())
        {
            let message = format!("An event already exists with identifier {identifier}.");
            let error = json!({ "type": "invalid_request_error", "message": message });
            answer = (400, json!({ "error": error }));
        }
        if let Some(key) = key {
            self.saved.insert(key.clone(), answer.clone());
        }
        answer
    }

    fn answer(&self, target: &str) -> (u16, Value) {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        if self.is_down {
            return (503, json!({ "error": { "type": "api_error" } }));
        }
        let answer = self.answers.get(target).or_else(|| self.answers.get(path));
        if let Some((status, body)) = answer {
            return (*status, body.clone());
        }
        let query: BTreeMap<String, String> = query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (decoded(name), decoded(value)))
            .collect();
        let parts: Vec<&str> = path.trim_start_matches("/v1/").split('/').collect();
        let found = match parts[..] {
            [kind] => Some(self.list(kind.trim_end_matches('s'), &query)),
            [_, id] => self.objects.get(id).map(|object| self.expanded(object)),
            _ => None,
        };
        let missing =
            json!({ "error": { "type": "invalid_request_error", "code": "resource_missing" } });
        found.map_or((404, missing), |body| (200, body))
    }

    /// Returns a page of the objects of a kind, the newest first, as Stripe does.
    fn list(&self, kind: &str, query: &BTreeMap<String, String>) -> Value {
        let since = query
            .get("created[gte]")
            .map(|text| text.parse::<i64>().unwrap());
        let (of_subscription, of_charge) = (query.get("subscription"), query.get("charge"));
        let items = self.objects.values().rev().filter(|object| {
            object["object"] == kind
                && since.is_none_or(|since| object["created"].as_i64().unwrap() >= since)
                && of_subscription.is_none_or(|id| object["subscription"] == **id)
                && of_charge.is_none_or(|id| object["charge"] == **id)
        });
        let after = query.get("starting_after");
        let mut items: Vec<Value> = items
            .skip_while(|object| after.is_some_and(|after| object["id"] != **after))
            .skip(usize::from(after.is_some()))
            .map(|object| self.expanded(object))
            .collect();
        let limit = query["limit"].parse().unwrap();
        let has_more = items.len() > limit;
        items.truncate(limit);
        json!({ "object": "list", "data": items, "has_more": has_more })
    }

    /// Returns an object with its customer and its charge.
    fn expanded(&self, object: &Value) -> Value {
        let mut object = object.clone();
        for member in ["customer", "charge"] {
            let id = object[member].as_str().map(str::to_owned);
            if let Some(found) = id.and_then(|id| self.objects.get(&id)) {
                object[member] = found.clone();
            }
        }
        object
    }
}

fn decoded(text: &str) -> String {
    let decoded = percent_encoding::percent_decode_str(text).decode_utf8();
    decoded.unwrap().into_owned()
}
