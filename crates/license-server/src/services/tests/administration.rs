//! Setup, API tokens and usage reports.

use chrono::TimeDelta;
use license_core::usage::{OpenPeriod, UsageCounts};
use license_core::{ProductCode, time};

use super::{TestServer, at};
use crate::domain::{Actor, IdempotencyKey, PageRequest, RefusalKind, Scope, StoredResponse};
use crate::services::RequestStart;

#[tokio::test]
async fn the_first_administrator_comes_from_a_link_that_works_once_within_a_day() {
    let server = TestServer::start().await;
    let setup = &server.services.setup;
    let old = setup.start().await.unwrap().unwrap();
    let secret = setup.start().await.unwrap().unwrap();
    assert_eq!(setup.check(&old).await.unwrap_err().code, "SETUP_USED");
    setup.check(&secret).await.unwrap();
    assert_eq!(
        setup.complete(&secret, " ").await.unwrap_err().code,
        "BAD_REQUEST"
    );
    let new = setup.complete(&secret, "ann").await.unwrap();
    let used = setup.complete(&secret, "bob").await.unwrap_err();
    assert_eq!(
        (used.code, used.kind),
        ("SETUP_USED", RefusalKind::Forbidden)
    );
    assert_eq!(setup.start().await.unwrap(), None);
    let found = server
        .services
        .tokens
        .authenticate(&new.secret, Scope::Admin)
        .await
        .unwrap();
    assert_eq!(found.id, new.token.id);
    assert!(!format!("{new:?}").contains(&new.secret));

    // A token of the console ends the validity of the link.
    let console = TestServer::start().await;
    let secret = console.services.setup.start().await.unwrap().unwrap();
    let tokens = &console.services.tokens;
    let created = tokens.create(&Actor::Console, "ann", Scope::Admin, None);
    created.await.unwrap();
    let refusal = console.services.setup.check(&secret).await.unwrap_err();
    assert_eq!(refusal.code, "SETUP_USED");
    let refusal = console.services.setup.complete(&secret, "bob").await;
    assert_eq!(refusal.unwrap_err().code, "SETUP_USED");

    let late = TestServer::start().await;
    let secret = late.services.setup.start().await.unwrap().unwrap();
    late.clock.advance_to(at("2027-01-16T09:00:00Z"));
    assert_eq!(
        late.services
            .setup
            .complete(&secret, "ann")
            .await
            .unwrap_err()
            .code,
        "SETUP_USED"
    );
}

#[tokio::test]
async fn a_token_permits_what_its_scope_covers_until_it_ends() {
    let server = TestServer::start().await;
    let tokens = &server.services.tokens;
    let end = time::saturating_add(at("2027-01-15T09:00:00Z"), TimeDelta::hours(1));
    let create = |name, scope, end| tokens.create(&Actor::Console, name, scope, end);
    let read = create("monitor", Scope::Read, Some(end)).await.unwrap();
    let admin = create("ann", Scope::Admin, None).await.unwrap();
    assert!(read.secret.starts_with("lsv_") && read.secret.len() == 47);
    let check = |secret: &str, scope| {
        let secret = secret.to_owned();
        async move {
            tokens
                .authenticate(&secret, scope)
                .await
                .map_err(|refusal| refusal.code)
        }
    };
    assert!(check(&read.secret, Scope::Read).await.is_ok());
    assert_eq!(check(&read.secret, Scope::Admin).await, Err("FORBIDDEN"));
    assert!(check(&admin.secret, Scope::Read).await.is_ok());
    for secret in [
        "",
        "lsv_",
        "lsv_x",
        &read.secret[1..],
        &read.secret.to_uppercase(),
    ] {
        assert_eq!(
            check(secret, Scope::Read).await,
            Err("UNAUTHORIZED"),
            "{secret}"
        );
    }
    server.clock.advance_to(end);
    assert_eq!(check(&read.secret, Scope::Read).await, Err("UNAUTHORIZED"));
    let past = create("late", Scope::Read, Some(end)).await.unwrap_err();
    assert_eq!(past.code, "BAD_REQUEST");
    tokens
        .revoke(&Actor::Console, &admin.token.id)
        .await
        .unwrap();
    assert_eq!(check(&admin.secret, Scope::Read).await, Err("UNAUTHORIZED"));
    assert_eq!(
        tokens
            .revoke(&Actor::Console, "tok_x")
            .await
            .unwrap_err()
            .code,
        "NOT_FOUND"
    );
    assert_eq!(tokens.list().await.unwrap().len(), 2);
}

#[tokio::test]
async fn usage_reports_are_checked_stored_once_and_exported() {
    let (server, token) = TestServer::with_license().await;
    let product = ProductCode::parse("CODITECT").unwrap();
    let report = |chain: u8| {
        let mut period = OpenPeriod::new(None, [chain; 16], 0);
        let counts = UsageCounts::quota_used("commands_per_day", 3);
        period.add(None, &counts, at("2027-01-15T12:00:00Z"));
        let closed = period
            .close(product, Some("mach_00"), 0, || Some([9; 16]))
            .unwrap();
        license_core::usage::write(product, &closed, false)
    };
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
