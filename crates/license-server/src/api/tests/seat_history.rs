//! The history of seats, the overview, and streams of events.

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::{HeaderMap, Request, StatusCode, header};
use futures_util::StreamExt;
use serde_json::Value;
use tower::ServiceExt;

use super::{TestApi, clock, sqlite};
use crate::clock::ManualClock;
use crate::domain::Actor;
use crate::services::ServerRole;
use crate::services::tests::floating::acquire_request;
use crate::services::tests::{id, token};

/// A site with a license of five seats.
struct Site {
    api: TestApi,
    license: String,
    clock: std::sync::Arc<ManualClock>,
    _directory: tempfile::TempDir,
}

impl Site {
    async fn start() -> Self {
        let (directory, clock) = (tempfile::tempdir().unwrap(), clock());
        let store = sqlite(&directory, &clock);
        let api = TestApi::start(store, &clock, ServerRole::Site).await;
        let license = token(1, |_| {});
        let licenses = &api.tenants.own().licenses;
        licenses.install(&Actor::Console, &license).await.unwrap();
        Self {
            api,
            license,
            clock,
            _directory: directory,
        }
    }

    async fn acquire(&self, number: u8) {
        let request = acquire_request(&self.license, number, false);
        let services = self.api.tenants.own();
        services.seats.acquire(request).await.unwrap();
    }

    /// Lets a second pass.
    async fn tick(&self) {
        self.clock.advance_ms(1000);
        self.api.store.check().await.unwrap();
        self.api.tenants.own().tick().await.unwrap();
    }

    async fn secret(&self, scopes: &str) -> String {
        let tenant = self.api.tenants.own().tenant().clone();
        self.api.token(&tenant, scopes).await
    }

    /// Opens a stream.
    async fn open(&self, path: &str, secret: &str, last: Option<&str>) -> OpenStream {
        let request = Request::get(path)
            .header(header::HOST, "licenses.example.com")
            .header(header::ACCEPT, "text/event-stream")
            .header(header::AUTHORIZATION, format!("Bearer {secret}"));
        let request = match last {
            Some(last) => request.header("last-event-id", last),
            None => request,
        };
        let request = request.body(Body::empty()).unwrap();
        let response = self.api.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        OpenStream {
            status: parts.status,
            headers: parts.headers,
            body: body.into_data_stream(),
        }
    }
}

struct OpenStream {
    status: StatusCode,
    headers: HeaderMap,
    body: BodyDataStream,
}

/// An event of a stream.
#[derive(Debug, PartialEq)]
struct StreamEvent {
    id: String,
    data: Value,
}

impl OpenStream {
    /// Waits for the next event. `None`: the stream has ended.
    async fn next(&mut self) -> Option<StreamEvent> {
        let limit = Duration::from_secs(20);
        let chunk = tokio::time::timeout(limit, self.body.next())
            .await
            .unwrap()?;
        let text = String::from_utf8(chunk.unwrap().to_vec()).unwrap();
        let field = |name: &str| {
            let mut lines = text.lines();
            let line = lines.find_map(|line| line.strip_prefix(name));
            line.unwrap_or_else(|| panic!("no {name} in {text}")).trim()
        };
        assert_eq!(field("event:"), "change");
        assert!(field("retry:").parse::<u32>().unwrap() > 0);
        Some(StreamEvent {
            id: field("id:").to_owned(),
            data: serde_json::from_str(field("data:")).unwrap(),
        })
    }

    /// Returns whether an event is there already.
    async fn has_event(&mut self) -> bool {
        let short = Duration::from_millis(50);
        tokio::time::timeout(short, self.body.next()).await.is_ok()
    }
}

#[tokio::test]
async fn a_stream_has_the_state_and_each_change_of_it() {
    let site = Site::start().await;
    let secret = site.secret("auditor").await;
    site.tick().await;
    let path = format!("/api/v1/pools/{}", id(1));
    let mut pool = site.open(&path, &secret, None).await;
    let mut pools = site.open("/api/v1/pools", &secret, None).await;
    assert_eq!(pool.headers[header::CONTENT_TYPE], "text/event-stream");
    let first = pool.next().await.unwrap();
    assert_eq!(first.data["held"], 0);
    assert_eq!(pools.next().await.unwrap().data["items"][0]["held"], 0);
    site.tick().await;
    assert!(!pool.has_event().await && !pools.has_event().await);
    site.acquire(1).await;
    site.tick().await;
    let second = pool.next().await.unwrap();
    assert_eq!(second.data["held"], 1);
    assert_eq!(pools.next().await.unwrap().data["items"][0]["held"], 1);
    // The events are what a request without a stream returns.
    let polled = site.api.send("GET", &path, &secret, None).await;
    assert_eq!(polled.body, second.data);

    // A client that connects again gets the state only if it is another one.
    let mut again = site.open(&path, &secret, Some(&second.id)).await;
    assert!(!again.has_event().await);
    let mut again = site.open(&path, &secret, Some(&first.id)).await;
    assert_eq!(again.next().await.unwrap(), second);
}

#[tokio::test]
async fn a_stream_ends_when_the_server_stops() {
    let site = Site::start().await;
    let secret = site.secret("auditor").await;
    let mut stream = site.open("/api/v1/pools", &secret, None).await;
    stream.next().await.unwrap();
    site.api.stopping.send(true).unwrap();
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn a_stream_has_nothing_for_a_caller_whose_credentials_have_ended() {
    let site = Site::start().await;
    let (secret, other) = (site.secret("auditor").await, site.secret("owner").await);
    site.tick().await;
    let path = format!("/api/v1/pools/{}", id(1));
    let mut ended = site.open(&path, &secret, None).await;
    let mut open = site.open(&path, &other, None).await;
    ended.next().await.unwrap();
    open.next().await.unwrap();
    let tokens = &site.api.tenants.own().tokens;
    let principal = site.api.tenants.authenticate(&secret).await.unwrap();
    let Actor::ApiToken(token) = principal.actor.identity().clone() else {
        panic!("the caller is a token");
    };
    tokens.revoke(&Actor::Console, &token).await.unwrap();
    site.acquire(1).await;
    site.tick().await;
    assert_eq!(open.next().await.unwrap().data["held"], 1);
    assert_eq!(ended.next().await, None);
}

#[tokio::test]
async fn a_stream_needs_a_permission_a_pool_and_room() {
    let site = Site::start().await;
    let secret = site.secret("auditor").await;
    let other = site.secret("tokens:read").await;
    let refused = site.open("/api/v1/pools", &other, None).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let refused = site.open("/api/v1/pools", "wrong", None).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    let unknown = format!("/api/v1/pools/{}", id(9));
    let missing = site.open(&unknown, &secret, None).await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    let mut open = Vec::new();
    for _ in 0..16 {
        let stream = site.open("/api/v1/pools", &secret, None).await;
        assert_eq!(stream.status, StatusCode::OK);
        open.push(stream);
    }
    let refused = site.open("/api/v1/pools", &secret, None).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(refused.headers.contains_key(header::RETRY_AFTER));
    // Another caller has its own streams, and a closed stream makes room.
    let another = site.secret("owner").await;
    let stream = site.open("/api/v1/pools", &another, None).await;
    assert_eq!(stream.status, StatusCode::OK);
    open.pop();
    let stream = site.open("/api/v1/pools", &secret, None).await;
    assert_eq!(stream.status, StatusCode::OK);
}

#[tokio::test]
async fn the_history_and_the_plan_have_what_happened() {
    let site = Site::start().await;
    let secret = site.secret("auditor").await;
    for number in 1..=5 {
        site.acquire(number).await;
    }
    let denied = acquire_request(&site.license, 6, false);
    let services = site.api.tenants.own();
    services.seats.acquire(denied).await.unwrap_err();
    services.finish().await.unwrap();
    let get = async |path: String| site.api.send("GET", &path, &secret, None).await;
    let pool = id(1);
    let found = get(format!("/api/v1/pools/{pool}/history")).await;
    assert_eq!((found.status, &found.body["step"]), (200, &"hour".into()));
    let items = found.body["items"].as_array().unwrap();
    assert_eq!(items.len(), 24);
    let last = &items[23];
    assert_eq!(
        (&last["granted"], &last["held_high"]),
        (&5.into(), &5.into())
    );
    assert_eq!(
        (&last["denied"], &last["denials"]["NO_SEAT"]),
        (&1.into(), &1.into())
    );
    assert_eq!(
        (&last["capacity_high"], &items[0]["capacity_high"]),
        (&5.into(), &Value::Null)
    );
    let days = get("/api/v1/seat-history?step=day".to_owned()).await;
    assert_eq!(days.body["items"].as_array().unwrap().len(), 30);
    assert_eq!(days.body["items"][29]["granted"], 5);
    let one = "from=2027-01-15T09:00:00Z&to=2027-01-15T10:00:00Z";
    let found = get(format!("/api/v1/pools/{pool}/history?{one}")).await;
    assert_eq!(found.body["items"].as_array().unwrap().len(), 1);
    for (query, code) in [
        ("step=week", "MALFORMED"),
        ("from=2027-01-16T00:00:00Z", "BAD_REQUEST"),
        ("since=1", "BAD_REQUEST"),
    ] {
        let refused = get(format!("/api/v1/pools/{pool}/history?{query}")).await;
        let found = (refused.status, &refused.body["code"]);
        assert_eq!(found, (400, &code.into()), "{query}");
    }
    let plan = get(format!("/api/v1/pools/{pool}/plan")).await;
    assert_eq!(
        (&plan.body["capacity"], &plan.body["seats_for_all"]),
        (&5.into(), &6.into())
    );
    let steps = plan.body["steps"].as_array().unwrap();
    let without: Vec<_> = steps.iter().map(|step| &step["without_a_seat"]).collect();
    assert_eq!(
        without,
        [6, 5, 4, 3, 2, 1, 0]
            .map(Value::from)
            .iter()
            .collect::<Vec<_>>()
    );
    let refused = get(format!("/api/v1/pools/{pool}/plan?from=2027-01-16")).await;
    assert_eq!(
        (refused.status, &refused.body["code"]),
        (400, &"BAD_REQUEST".into())
    );
}

#[tokio::test]
async fn the_overview_shows_what_the_caller_may_see() {
    let site = Site::start().await;
    site.acquire(1).await;
    site.tick().await;
    let overview = async |scopes: &str| {
        let secret = site.secret(scopes).await;
        site.api
            .send("GET", "/api/v1/overview", &secret, None)
            .await
    };
    let owner = overview("owner").await;
    assert_eq!(owner.status, 200, "{owner:?}");
    assert_eq!(
        (
            &owner.body["seats"]["held"],
            &owner.body["seats"]["capacity"]
        ),
        (&1.into(), &5.into())
    );
    assert_eq!(owner.body["health"]["readiness"], "ready");
    assert_eq!(owner.body["failing_webhooks"], Value::Array(Vec::new()));
    assert_eq!(owner.body["ending_licenses"]["has_more"], false);
    let seats = overview("seats:read").await;
    assert_eq!(seats.status, 200);
    for name in ["health", "failing_webhooks", "ending_licenses"] {
        assert_eq!(seats.body[name], Value::Null, "{name}");
    }
    assert_eq!(overview("billing").await.status, 403);
}
