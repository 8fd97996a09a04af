use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;

use tempfile::TempDir;
use tokio::sync::mpsc;

use super::*;
use crate::clock::ManualClock;
use crate::domain::{Actor, PageRequest, Principal, WebhookDelivery, WebhookDeliveryState};
use crate::network::DestinationPolicy;
use crate::services::tests::{at, config, token};
use crate::services::{WebhookOrder, WebhookUpdate};
use crate::store::sqlite::SqliteStore;

/// A receiver whose status the test sets.
struct Receiver {
    url: String,
    status: Arc<AtomicU16>,
    requests: mpsc::UnboundedReceiver<String>,
}

impl Receiver {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let status = Arc::new(AtomicU16::new(204));
        let (sender, requests) = mpsc::unbounded_channel();
        let current = Arc::clone(&status);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let (mut id, mut length, mut line) = (String::new(), 0, String::new());
                while reader.read_line(&mut line).unwrap() > 2 {
                    if let Some(value) = line.strip_prefix("webhook-id: ") {
                        id = value.trim().to_owned();
                    }
                    if let Some(value) = line.strip_prefix("content-length: ") {
                        length = value.trim().parse().unwrap();
                    }
                    line.clear();
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                let status = current.load(Ordering::Relaxed);
                let head = format!("HTTP/1.1 {status} x\r\nContent-Length: 0\r\n\r\n");
                stream.write_all(head.as_bytes()).unwrap();
                if sender.send(id).is_err() {
                    return;
                }
            }
        });
        Self {
            url,
            status,
            requests,
        }
    }

    fn answer(&self, status: u16) {
        self.status.store(status, Ordering::Relaxed);
    }

    /// Returns the id of the next request.
    async fn next(&mut self) -> String {
        let next = timeout(Duration::from_secs(10), self.requests.recv()).await;
        next.unwrap().unwrap()
    }
}

/// A server that sends deliveries.
struct Sending {
    tenants: Arc<TenantServices>,
    clock: Arc<ManualClock>,
    metrics: Arc<Metrics>,
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
    _directory: TempDir,
}

impl Sending {
    async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(at("2027-01-15T09:00:00Z")));
        let store = SqliteStore::open(directory.path(), Arc::<ManualClock>::clone(&clock)).unwrap();
        let mut config = config(Arc::new(store), &clock);
        let policy = Arc::new(DestinationPolicy {
            networks: vec!["127.0.0.1".parse().unwrap()],
            allows_http: true,
        });
        config.webhooks = Arc::clone(&policy);
        let tenants = TenantServices::open(config).await.unwrap();
        let metrics = Arc::new(Metrics::new().unwrap());
        let sender = WebhookSender::new(policy, None).unwrap();
        let public = WebhookSender::new(Arc::default(), None).unwrap();
        let dispatcher =
            Dispatcher::new(Arc::clone(&tenants), sender, public, Arc::clone(&metrics));
        let (stop, stops) = watch::channel(false);
        Self {
            task: tokio::spawn(dispatcher.run(stops)),
            tenants,
            clock,
            metrics,
            stop,
            _directory: directory,
        }
    }

    fn console(&self) -> Principal {
        Principal::console(self.tenants.own().tenant().clone())
    }

    async fn create(&self, receiver: &Receiver, events: &str) -> String {
        let order = WebhookOrder {
            url: receiver.url.clone(),
            events: vec![events.to_owned()],
            description: String::new(),
        };
        let webhooks = &self.tenants.own().webhooks;
        let new = webhooks.create(&self.console(), &order).await.unwrap();
        new.webhook.id
    }

    /// Makes a change, which is an event of a time of its own.
    async fn change(&self, number: u8) {
        self.clock.advance_ms(100);
        let licenses = &self.tenants.own().licenses;
        let token = token(number, |_| {});
        licenses.install(&Actor::Console, &token).await.unwrap();
    }

    /// Returns the newest delivery of the own organization. See [`delivery`].
    async fn delivery(
        &self,
        id: &str,
        state: WebhookDeliveryState,
        attempts: u64,
    ) -> WebhookDelivery {
        delivery(self.tenants.own(), id, state, attempts).await
    }

    async fn stop(self) {
        self.stop.send(true).unwrap();
        self.task.await.unwrap();
    }
}

/// Returns the newest delivery as soon as it is in a state, with a number of attempts.
async fn delivery(
    services: &Services,
    id: &str,
    state: WebhookDeliveryState,
    attempts: u64,
) -> WebhookDelivery {
    let (webhooks, page) = (&services.webhooks, PageRequest::first());
    let is_wanted = |one: &&WebhookDelivery| {
        (one.state, one.attempts) == (state, attempts) && one.last_at.is_some()
    };
    let mut items = Vec::new();
    for _ in 0..500 {
        items = webhooks.deliveries(id, None, &page).await.unwrap().items;
        if let Some(found) = items.first().filter(is_wanted) {
            return found.clone();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the newest delivery is not {state:?} after {attempts} attempts: {items:#?}");
}

#[tokio::test]
async fn an_event_is_sent_until_it_is_received_and_again_on_request() {
    let (server, mut receiver) = (Sending::start().await, Receiver::start());
    let id = server.create(&receiver, "license.install").await;
    receiver.answer(500);
    server.change(1).await;
    let first = receiver.next().await;
    let waiting = server.delivery(&id, WebhookDeliveryState::Waiting, 1).await;
    assert_eq!(
        (waiting.last_status, waiting.id == first),
        (Some(500), true)
    );
    receiver.answer(204);
    server.clock.advance_ms(6_000);
    assert_eq!(receiver.next().await, first);
    server
        .delivery(&id, WebhookDeliveryState::Delivered, 2)
        .await;
    // A replay has the same id, so that the receiver recognizes it.
    let webhooks = &server.tenants.own().webhooks;
    webhooks.replay(&Actor::Console, &id, &first).await.unwrap();
    assert_eq!(receiver.next().await, first);
    server
        .delivery(&id, WebhookDeliveryState::Delivered, 1)
        .await;
    // A test is not repeated.
    receiver.answer(503);
    let test = webhooks.test(&Actor::Console, &id).await.unwrap();
    assert_eq!(receiver.next().await, test);
    let failed = server.delivery(&id, WebhookDeliveryState::Failed, 1).await;
    assert_eq!(failed.kind, "webhook.ping");
    let text = server.metrics.to_text();
    for line in [
        r#"license_webhook_attempts_total{result="delivered"} 2"#,
        r#"license_webhook_attempts_total{result="retried"} 1"#,
        r#"license_webhook_attempts_total{result="failed"} 1"#,
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
    server.stop().await;
}

#[tokio::test]
async fn an_endpoint_that_is_gone_gets_nothing_more() {
    let (server, mut receiver) = (Sending::start().await, Receiver::start());
    let id = server.create(&receiver, "license.install").await;
    receiver.answer(410);
    server.change(1).await;
    receiver.next().await;
    server.delivery(&id, WebhookDeliveryState::Failed, 1).await;
    let webhooks = &server.tenants.own().webhooks;
    let webhook = webhooks.get(&id).await.unwrap();
    assert_eq!(webhook.disabled.map(|reason| reason.as_str()), Some("gone"));
    server.change(2).await;
    let refused = webhooks.test(&Actor::Console, &id).await.unwrap_err();
    assert_eq!(refused.code, "WEBHOOK_DISABLED");
    // An endpoint that is enabled again gets the events since then.
    receiver.answer(200);
    let enable = WebhookUpdate {
        is_enabled: Some(true),
        ..WebhookUpdate::default()
    };
    webhooks
        .update(&server.console(), &id, enable)
        .await
        .unwrap();
    server.change(3).await;
    receiver.next().await;
    server
        .delivery(&id, WebhookDeliveryState::Delivered, 1)
        .await;
    server.stop().await;
    assert!(
        receiver.requests.try_recv().is_err(),
        "the second change was sent"
    );
}

/// Accepts connections and closes them. Returns the port, and the number of connections.
fn closing_listener() -> (u16, Arc<AtomicU16>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let count = Arc::<AtomicU16>::default();
    let counted = Arc::clone(&count);
    thread::spawn(move || {
        for stream in listener.incoming() {
            counted.fetch_add(1, Ordering::Relaxed);
            drop(stream);
        }
    });
    (port, count)
}

#[tokio::test]
async fn another_organization_reaches_no_network_of_the_operator() {
    let (server, (port, connections)) = (Sending::start().await, closing_listener());
    let other = TenantId::new(uuid::Uuid::from_u128(2));
    let services = server.tenants.of(&other).await.unwrap();
    let caller = Principal::console(other);
    let order = |url: String| WebhookOrder {
        url,
        events: vec!["*".to_owned()],
        description: String::new(),
    };
    for (scheme, code) in [("http", "BAD_REQUEST"), ("https", "WEBHOOK_ADDRESS")] {
        let order = order(format!("{scheme}://127.0.0.1:{port}/"));
        let refused = services.webhooks.create(&caller, &order).await;
        assert_eq!(refused.unwrap_err().code, code);
    }
    // The addresses of a name are checked at each attempt. The organization of the server reaches
    // this address, where its attempt fails because the connection is closed.
    for (services, is_reached) in [(&services, false), (server.tenants.own(), true)] {
        let caller = Principal::console(services.tenant().clone());
        let order = order(format!("https://localhost:{port}/"));
        let new = services.webhooks.create(&caller, &order).await;
        let id = new.unwrap().webhook.id;
        services.webhooks.test(&Actor::Console, &id).await.unwrap();
        let failed = delivery(services, &id, WebhookDeliveryState::Failed, 1).await;
        let error = failed.last_error.unwrap_or_default();
        assert_eq!(error.contains("webhook_networks"), !is_reached, "{error}");
        assert_eq!(connections.load(Ordering::Relaxed) > 0, is_reached);
    }
    server.stop().await;
}

#[tokio::test]
async fn a_slow_endpoint_does_not_delay_another_one() {
    let server = Sending::start().await;
    // An endpoint that accepts connections and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent_url = format!("http://{}/", silent.local_addr().unwrap());
    let mut receiver = Receiver::start();
    let slow = Receiver {
        url: silent_url,
        status: Arc::default(),
        requests: mpsc::unbounded_channel().1,
    };
    server.create(&slow, "*").await;
    server.create(&receiver, "license.install").await;
    for number in 1..=6 {
        server.change(number).await;
        receiver.next().await;
    }
    server.stop().await;
}
