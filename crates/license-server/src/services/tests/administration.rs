//! Setup, API tokens and usage reports.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use license_core::usage::{OpenPeriod, UsageCounts};
use license_core::{ProductCode, time};

use super::{TestServer, at, config};
use crate::clock::ManualClock;
use crate::domain::{
    Actor, IdempotencyKey, PageRequest, Permissions, Principal, Refusal, RefusalKind, Role, Scopes,
    StoredResponse, TenantId,
};
use crate::services::{NewToken, OrganizationDeletion, RequestStart, TenantServices, tokens};
use crate::store::ServerStore;
use crate::store::sqlite::SqliteStore;

#[tokio::test]
async fn the_first_administrator_comes_from_a_link_that_works_once_within_a_day() {
    let server = TestServer::start().await;
    let setup = &server.services.setup;
    let old = setup.start().await.unwrap().unwrap();
    let secret = setup.start().await.unwrap().unwrap();
    assert_eq!(setup.check(&old).await.unwrap_err().code, "SETUP_USED");
    setup.check(&secret).await.unwrap();
    assert_eq!(
        setup.complete(&secret, " ", None).await.unwrap_err().code,
        "BAD_REQUEST"
    );
    let new = setup.complete(&secret, "ann", None).await.unwrap();
    let used = setup.complete(&secret, "bob", None).await.unwrap_err();
    assert_eq!(
        (used.code, used.kind),
        ("SETUP_USED", RefusalKind::Forbidden)
    );
    assert_eq!(setup.start().await.unwrap(), None);
    let found = server.authenticate(&new.secret).await.unwrap();
    assert_eq!(found.actor, Actor::ApiToken(new.token.id.clone()));
    assert_eq!(found.permissions, Permissions::all());
    assert!(!format!("{new:?}").contains(&new.secret));

    // A token of the console ends the validity of the link.
    let console = TestServer::start().await;
    let secret = console.services.setup.start().await.unwrap().unwrap();
    console
        .create(&console.console(), "owner", None)
        .await
        .unwrap();
    let refusal = console.services.setup.check(&secret).await.unwrap_err();
    assert_eq!(refusal.code, "SETUP_USED");
    let refusal = console.services.setup.complete(&secret, "bob", None).await;
    assert_eq!(refusal.unwrap_err().code, "SETUP_USED");

    let late = TestServer::start().await;
    let secret = late.services.setup.start().await.unwrap().unwrap();
    late.clock.advance_to(at("2027-01-16T09:00:00Z"));
    assert_eq!(
        late.services
            .setup
            .complete(&secret, "ann", None)
            .await
            .unwrap_err()
            .code,
        "SETUP_USED"
    );
}

impl TestServer {
    async fn authenticate(&self, secret: &str) -> Result<Principal, &'static str> {
        let (store, now) = (&*self.store, self.services.now());
        let found = tokens::authenticate(store, secret, now).await;
        found.map_err(|refusal| refusal.code)
    }

    fn console(&self) -> Principal {
        Principal::console(self.services.tenant().clone())
    }

    async fn create(
        &self,
        caller: &Principal,
        scopes: &str,
        expires_at: Option<DateTime<Utc>>,
    ) -> Result<NewToken, Refusal> {
        let scopes = Scopes::parse(scopes).unwrap();
        let tokens = &self.services.tokens;
        tokens.create(caller, "ann", scopes, expires_at).await
    }
}

#[tokio::test]
async fn a_token_has_its_permissions_until_it_ends() {
    let server = TestServer::start().await;
    let end = time::saturating_add(at("2027-01-15T09:00:00Z"), TimeDelta::hours(1));
    let console = server.console();
    let read = server.create(&console, "auditor", Some(end)).await.unwrap();
    let owner = server.create(&console, "owner", None).await.unwrap();
    assert!(read.secret.starts_with("lsv_") && read.secret.len() == 47);
    let found = server.authenticate(&read.secret).await.unwrap();
    assert_eq!(found.permissions, Role::Auditor.permissions());
    assert_eq!(found.tenant, *server.services.tenant());
    for secret in [
        "",
        "lsv_",
        "lsv_x",
        &read.secret[1..],
        &read.secret.to_uppercase(),
    ] {
        let refused = server.authenticate(secret).await;
        assert_eq!(refused, Err("UNAUTHORIZED"), "{secret}");
    }
    server.clock.advance_to(end);
    assert_eq!(server.authenticate(&read.secret).await, Err("UNAUTHORIZED"));
    let past = server.create(&console, "auditor", Some(end)).await;
    assert_eq!(past.unwrap_err().code, "BAD_REQUEST");
    let tokens = &server.services.tokens;
    let revoke = |id: &str| {
        let id = id.to_owned();
        async move { tokens.revoke(&Actor::Console, &id).await }
    };
    revoke(&owner.token.id).await.unwrap();
    revoke(&owner.token.id).await.unwrap();
    assert_eq!(
        server.authenticate(&owner.secret).await,
        Err("UNAUTHORIZED")
    );
    assert_eq!(revoke("tok_x").await.unwrap_err().code, "NOT_FOUND");
    assert_eq!(tokens.list().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_token_has_at_most_what_its_creator_has() {
    let server = TestServer::start().await;
    let end = at("2027-01-20T00:00:00Z");
    let scopes = "tokens:manage seats:read";
    let limited = server.create(&server.console(), scopes, Some(end)).await;
    let limited = server.authenticate(&limited.unwrap().secret).await.unwrap();
    let later = time::saturating_add(end, TimeDelta::seconds(1));
    for (scopes, expires_at, expected) in [
        ("seats:read", Some(end), Ok(())),
        ("tokens:manage", Some(end), Ok(())),
        ("seats:manage", Some(end), Err("FORBIDDEN")),
        ("seats:read owner", Some(end), Err("FORBIDDEN")),
        ("auditor", Some(end), Err("FORBIDDEN")),
        ("seats:read", Some(later), Err("FORBIDDEN")),
        ("seats:read", None, Err("FORBIDDEN")),
        ("member", Some(end), Err("BAD_REQUEST")),
    ] {
        let created = server.create(&limited, scopes, expires_at).await;
        let found = created.map(drop).map_err(|refusal| refusal.code);
        assert_eq!(found, expected, "{scopes} {expires_at:?}");
    }
    let refused = server.create(&limited, "billing", Some(end)).await;
    let refused = refused.unwrap_err();
    assert_eq!(
        refused.expected.as_deref(),
        Some("seats:read tokens:manage")
    );
    let actual = "also licenses:read usage:read billing:read billing:manage";
    assert_eq!(refused.actual.as_deref(), Some(actual));
    // A revocation includes the tokens that the token has created, and a caller that was
    // authenticated before creates none.
    let child = server.create(&limited, "seats:read", Some(end)).await;
    let child = child.unwrap();
    assert_eq!(child.token.created_by, limited.actor.to_string());
    let Actor::ApiToken(id) = &limited.actor else {
        panic!("{limited:?}");
    };
    let tokens = &server.services.tokens;
    tokens.revoke(&Actor::Console, id).await.unwrap();
    assert_eq!(
        server.authenticate(&child.secret).await,
        Err("UNAUTHORIZED")
    );
    let late = server.create(&limited, "seats:read", Some(end)).await;
    assert_eq!(late.unwrap_err().code, "UNAUTHORIZED");
}

#[tokio::test]
async fn the_last_use_of_a_token_is_recorded_once_a_day() {
    let server = TestServer::start().await;
    let token = server.create(&server.console(), "auditor", None).await;
    let token = token.unwrap();
    let used = async || {
        let tokens = server.services.tokens.list().await.unwrap();
        tokens[0].last_used_on.map(|day| day.to_string())
    };
    assert_eq!(used().await, None);
    server.authenticate("lsv_x").await.unwrap_err();
    assert_eq!(used().await, None);
    for (now, expected) in [
        ("2027-01-15T23:59:59Z", "2027-01-15"),
        ("2027-01-16T00:00:00Z", "2027-01-16"),
    ] {
        server.clock.advance_to(at(now));
        server.authenticate(&token.secret).await.unwrap();
        assert_eq!(used().await.as_deref(), Some(expected));
    }
}

/// Returns a usage report of a machine.
pub(crate) fn report(chain: u8) -> String {
    let product = ProductCode::parse("CODITECT").unwrap();
    let mut period = OpenPeriod::new(None, [chain; 16], 0);
    let counts = UsageCounts::quota_used("commands_per_day", 3);
    period.add(None, &counts, at("2027-01-15T12:00:00Z"));
    let closed = period
        .close(product, Some("mach_00"), 0, || Some([9; 16]))
        .unwrap();
    license_core::usage::write(product, &closed, false)
}

#[tokio::test]
async fn usage_reports_are_checked_stored_once_and_exported() {
    let (server, token) = TestServer::with_license().await;
    let usage = &server.services.usage;
    let (one, two) = (report(1), report(2));
    let both = format!("{one}{two}");
    let license = usage.license(&token).await.unwrap();
    let submit = |text: &str| {
        let (license, text) = (license.clone(), text.to_owned());
        async move { usage.submit(license, &text).await }
    };
    assert_eq!(submit(&one).await.unwrap().stored, 1);
    let again = submit(&one).await.unwrap();
    assert_eq!((again.stored, again.known), (0, 1));
    assert_eq!(submit(&two).await.unwrap().stored, 1);
    assert_eq!(usage.export().await.unwrap(), (both, 2));
    let listed = usage.list(&PageRequest::first()).await.unwrap();
    assert_eq!(
        (listed.items.len(), listed.items[0].product.as_str()),
        (2, "CODITECT")
    );
    for text in ["", "{}", &one[..one.len() / 2]] {
        assert!(submit(text).await.is_err(), "{text}");
    }
    let unknown = usage.license(&super::token(2, |_| {})).await.unwrap_err();
    assert_eq!(unknown.code, "UNKNOWN_LICENSE");
    // The numbers continue, so that a repeated deletion deletes no report that the vendor lacks.
    assert_eq!(usage.delete(&Actor::Console, 2).await.unwrap(), 2);
    assert_eq!(submit(&report(3)).await.unwrap().stored, 1);
    assert_eq!(usage.delete(&Actor::Console, 2).await.unwrap(), 0);
    assert_eq!(usage.export().await.unwrap(), (report(3), 3));
}

#[tokio::test]
async fn old_records_of_requests_are_deleted() {
    let server = TestServer::start().await;
    let requests = &server.services.idempotency;
    let key = || IdempotencyKey {
        caller: "tok_1".to_owned(),
        route: "POST /x".to_owned(),
        key: "k".to_owned(),
    };
    let begin = |body| requests.begin(key(), body);
    let running = begin(&b"a"[..]).await.unwrap();
    let RequestStart::New(running) = running else {
        panic!("{running:?}");
    };
    let other = begin(b"b").await.unwrap();
    assert!(matches!(other, RequestStart::Conflict), "{other:?}");
    server.services.tick().await.unwrap();
    let again = begin(b"a").await.unwrap();
    assert!(matches!(again, RequestStart::Running), "{again:?}");
    // A request that ends without a response can be repeated, even if its record is still there.
    drop(running);
    let again = begin(b"a").await.unwrap();
    let RequestStart::New(running) = again else {
        panic!("{again:?}");
    };
    let response = StoredResponse {
        status: 201,
        content_type: "application/json".to_owned(),
        body: b"{}".to_vec(),
    };
    requests.finish(&running, response).await.unwrap();
    let answered = begin(b"a").await.unwrap();
    assert!(
        matches!(answered, RequestStart::Answered(_)),
        "{answered:?}"
    );
    drop(running);
    server.clock.advance_to(at("2027-01-16T10:00:00Z"));
    for _ in 0..60 {
        server.services.tick().await.unwrap();
    }
    let forgotten = begin(b"a").await.unwrap();
    assert!(matches!(forgotten, RequestStart::New(_)), "{forgotten:?}");
}

#[tokio::test]
async fn a_server_forgets_an_organization_that_another_server_has_deleted() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new(at("2027-01-15T09:00:00Z")));
    let store = SqliteStore::open(directory.path(), Arc::<ManualClock>::clone(&clock));
    let store: Arc<dyn ServerStore> = Arc::new(store.unwrap());
    let open = || TenantServices::open(config(Arc::clone(&store), &clock));
    let (one, other) = (open().await.unwrap(), open().await.unwrap());
    let tenants = [1, 2].map(|number| TenantId::new(uuid::Uuid::from_u128(number)));
    let mut opened = Vec::new();
    for tenant in &tenants {
        let services = other.of(tenant).await.unwrap();
        services
            .groups
            .create(&Actor::Console, "Design")
            .await
            .unwrap();
        opened.push(Arc::downgrade(&services));
    }
    let caller = Principal::console(tenants[0].clone());
    let order = OrganizationDeletion {
        organization: tenants[0].to_string(),
        proof: None,
    };
    one.delete(&caller, None, order).await.unwrap();
    other.tick_others().await.unwrap();
    let is_kept: Vec<_> = opened.iter().map(|one| one.upgrade().is_some()).collect();
    assert_eq!(is_kept, [false, true]);
}
