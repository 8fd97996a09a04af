//! Setup, API tokens, the audit trail, events, and requests that may be repeated.

use chrono::TimeDelta;
use license_core::time;

use super::sample::{audit, tenant};
use crate::domain::{
    Actor, ApiToken, AuditFilter, Cursor, IdempotencyKey, IdempotencyState, PageRequest, Role,
    SecretDigest, StoredResponse,
};
use crate::store::{ServerStore, ServerStoreError};

pub(super) async fn check(store: &dyn ServerStore) {
    the_link_works_once(store).await;
    tokens_are_found_by_their_secret(store).await;
    a_token_ends_with_the_token_that_created_it(store).await;
    the_audit_trail_is_a_chain(store).await;
    events_have_a_cursor_from_which_a_caller_polls(store).await;
    a_request_runs_once_for_each_key(store).await;
}

fn token(id: &str, secret: &str) -> ApiToken {
    ApiToken {
        id: id.to_owned(),
        name: "administrator".to_owned(),
        scopes: Role::Owner.into(),
        digest: SecretDigest::new(secret),
        created_at: time::parse_instant("2027-01-15T09:00:00Z").unwrap(),
        created_by: "console".to_owned(),
        expires_at: None,
        revoked_at: None,
        last_used_on: None,
    }
}

async fn the_link_works_once(store: &dyn ServerStore) {
    let tenant = tenant();
    let now = token("t", "s").created_at;
    let later = time::saturating_add(now, TimeDelta::hours(24));
    let (old, new) = (SecretDigest::new("old"), SecretDigest::new("new"));
    assert!(store.begin_setup(&tenant, old, later).await.unwrap());
    assert!(store.begin_setup(&tenant, new, later).await.unwrap());
    let check = |secret, at| store.check_setup(&tenant, secret, at);
    assert!(
        !check(old, now).await.unwrap(),
        "a new link replaces the old one"
    );
    assert!(check(new, now).await.unwrap());
    assert!(!check(new, later).await.unwrap(), "the link has expired");
    let complete = |secret, id: &str| {
        let token = token(id, &format!("{id} of {tenant}"));
        store.complete_setup(&tenant, secret, token, audit("setup.complete"))
    };
    assert!(!complete(old, "one").await.unwrap());
    assert!(complete(new, "two").await.unwrap());
    assert!(!complete(new, "three").await.unwrap(), "the link was used");
    assert_eq!(store.tokens(&tenant).await.unwrap().len(), 1);
    assert_eq!(store.verify_audit(&tenant).await.unwrap().entries, 1);
    assert!(
        !store.begin_setup(&tenant, old, later).await.unwrap(),
        "a token exists"
    );
}

async fn tokens_are_found_by_their_secret(store: &dyn ServerStore) {
    let (own, other) = (tenant(), tenant());
    let created = token("one", "find");
    store
        .create_token(&own, created.clone(), audit("token.create"))
        .await
        .unwrap();
    let digest = SecretDigest::new("find");
    let found = store.find_token(digest).await.unwrap();
    assert_eq!(found, Some((own.clone(), created.clone())));
    let unknown = store.find_token(SecretDigest::new("x")).await;
    assert_eq!(unknown.unwrap(), None);
    assert!(store.tokens(&other).await.unwrap().is_empty());
    // An id and a secret are unique, and a failed request leaves no audit entry.
    for (tenant, id, secret) in [(&own, "one", "x"), (&other, "one", "find")] {
        let again = store.create_token(tenant, token(id, secret), audit("token.create"));
        assert!(again.await.is_err(), "{id} {secret}");
    }
    assert_eq!(store.verify_audit(&own).await.unwrap().entries, 1);

    // Days only advance.
    let used = |tenant, day: &str| store.record_token_use(tenant, "one", day.parse().unwrap());
    used(&own, "2027-01-16").await.unwrap();
    used(&own, "2027-01-15").await.unwrap();
    used(&other, "2027-01-17").await.unwrap();
    let found = store.find_token(digest).await.unwrap().unwrap().1;
    assert_eq!(found.last_used_on, "2027-01-16".parse().ok());
    assert_eq!(store.verify_audit(&own).await.unwrap().entries, 1);

    let revoke = |tenant, id: &str| {
        let of = Actor::ApiToken(id.to_owned());
        async move {
            store
                .revoke_tokens(tenant, &of, audit("token.revoke"))
                .await
        }
    };
    let none: [&str; 0] = [];
    assert_eq!(revoke(&other, "one").await.unwrap(), none);
    assert_eq!(revoke(&own, "two").await.unwrap(), none);
    assert_eq!(revoke(&own, "one").await.unwrap(), ["one"]);
    assert_eq!(revoke(&own, "one").await.unwrap(), none);
    assert_eq!(store.verify_audit(&own).await.unwrap().entries, 2);
    let revoked = store.find_token(digest).await.unwrap().unwrap().1;
    assert!(!revoked.is_valid_at(created.created_at));
}

async fn a_token_ends_with_the_token_that_created_it(store: &dyn ServerStore) {
    let (own, other) = (tenant(), tenant());
    let create = |tenant, id: &str, by: &str| {
        let token = ApiToken {
            created_by: by.to_owned(),
            ..token(id, &format!("{id} of {tenant}"))
        };
        store.create_token(tenant, token, audit("token.create"))
    };
    for (id, by) in [
        ("root", "console"),
        ("child", "token:root"),
        ("grandchild", "token:child"),
        ("sibling", "console"),
    ] {
        assert!(create(&own, id, by).await.unwrap());
        assert!(create(&other, id, by).await.unwrap());
    }
    let root = Actor::ApiToken("root".to_owned());
    let revoked = store.revoke_tokens(&own, &root, audit("token.revoke"));
    assert_eq!(revoked.await.unwrap(), ["child", "grandchild", "root"]);
    let entries = store
        .audit(&own, &AuditFilter::default(), &PageRequest::first())
        .await
        .unwrap();
    let subjects: Vec<_> = entries.items[4..]
        .iter()
        .map(|entry| &entry.subject)
        .collect();
    assert_eq!(subjects, ["child", "grandchild", "root"]);
    // A request of the token that runs at the same time creates none.
    assert!(!create(&own, "late", "token:root").await.unwrap());
    assert!(create(&other, "late", "token:root").await.unwrap());
    assert_eq!(store.verify_audit(&own).await.unwrap().entries, 7);
    // Everything that another actor created.
    let console = store.revoke_tokens(&own, &Actor::Console, audit("token.revoke"));
    assert_eq!(console.await.unwrap(), ["sibling"]);
    let tokens = store.tokens(&other).await.unwrap();
    assert!(tokens.iter().all(|token| token.revoked_at.is_none()));
}

async fn the_audit_trail_is_a_chain(store: &dyn ServerStore) {
    let (own, other) = (tenant(), tenant());
    for number in 0..5 {
        let token = token(&format!("token {number}"), &format!("{number} of {own}"));
        store
            .create_token(&own, token, audit("token.create"))
            .await
            .unwrap();
    }
    let report = store.verify_audit(&own).await.unwrap();
    assert_eq!((report.entries, report.fault), (5, None));
    let everything = AuditFilter::default();
    let first = store
        .audit(&own, &everything, &PageRequest::new(None, Some(3)))
        .await
        .unwrap();
    assert_eq!(
        first
            .items
            .iter()
            .map(|entry| entry.seq)
            .collect::<Vec<_>>(),
        [1, 2, 3]
    );
    let rest = store
        .audit(&own, &everything, &PageRequest::new(first.next, Some(3)))
        .await
        .unwrap();
    assert_eq!((rest.items.len(), rest.next), (2, None));
    assert_eq!(rest.items[1].hash, report.head);
    assert_eq!(store.verify_audit(&other).await.unwrap().entries, 0);

    let foreign = PageRequest::new(Cursor::parse("x"), None);
    let refused = store.audit(&own, &everything, &foreign).await;
    assert!(
        matches!(refused, Err(ServerStoreError::Cursor { .. })),
        "{refused:?}"
    );
}

async fn events_have_a_cursor_from_which_a_caller_polls(store: &dyn ServerStore) {
    let tenant = tenant();
    let at = audit("token.create").at;
    let empty = store.events(&tenant, &PageRequest::first()).await.unwrap();
    assert!(empty.items.is_empty());
    let change = |name: &str| {
        let token = token(name, &format!("{name} of {tenant}"));
        store.create_token(&tenant, token, audit("token.create"))
    };
    change("one").await.unwrap();
    change("two").await.unwrap();
    let page = PageRequest::new(empty.next, Some(1));
    let one = store.events(&tenant, &page).await.unwrap();
    assert_eq!(
        (one.items[0].seq, one.items[0].kind.as_str()),
        (1, "token.create")
    );
    assert_eq!(one.items[0].details, audit("token.create").details);
    let two = store
        .events(&tenant, &PageRequest::new(one.next, None))
        .await
        .unwrap();
    assert_eq!(two.items.len(), 1);
    let none = store
        .events(&tenant, &PageRequest::new(two.next, None))
        .await
        .unwrap();
    assert!(none.items.is_empty());
    for (kind, expected) in [
        (None, vec![2, 1]),
        (Some("token.create"), vec![2, 1]),
        (Some("token.*"), vec![2, 1]),
        (Some("*"), vec![2, 1]),
        (Some("token"), vec![]),
        (Some("webhook.*"), vec![]),
        (Some("token_create"), vec![]),
    ] {
        let page = PageRequest::first();
        let newest = store.newest_events(&tenant, kind, &page).await.unwrap();
        let newest = newest.items.into_iter();
        let numbers: Vec<_> = newest.map(|event| event.seq).collect();
        assert_eq!(numbers, expected, "{kind:?}");
    }
    // Numbers continue after old events were deleted, so that no caller misses an event.
    let after = time::saturating_add(at, TimeDelta::seconds(1));
    assert_eq!(store.forget_events(&tenant, at, 10).await.unwrap(), 0);
    assert_eq!(store.forget_events(&tenant, after, 10).await.unwrap(), 2);
    change("three").await.unwrap();
    let three = store
        .events(&tenant, &PageRequest::new(none.next, None))
        .await
        .unwrap();
    assert_eq!(three.items[0].seq, 3);
    // Only the newest events are kept.
    change("four").await.unwrap();
    change("five").await.unwrap();
    assert_eq!(store.forget_events(&tenant, at, 2).await.unwrap(), 1);
    let rest = store.events(&tenant, &PageRequest::first()).await.unwrap();
    let numbers: Vec<_> = rest.items.iter().map(|event| event.seq).collect();
    assert_eq!(numbers, [4, 5]);
}

async fn a_request_runs_once_for_each_key(store: &dyn ServerStore) {
    let (own, other) = (tenant(), tenant());
    let key = |caller: &str| IdempotencyKey {
        caller: caller.to_owned(),
        route: "POST /api/v1/tokens".to_owned(),
        key: "key".to_owned(),
    };
    let now = token("t", "s").created_at;
    let begin =
        |tenant, caller, body: u8| store.begin_request(tenant, key(caller), [body; 32], now);
    assert_eq!(begin(&own, "ann", 1).await.unwrap(), IdempotencyState::New);
    assert_eq!(
        begin(&own, "ann", 1).await.unwrap(),
        IdempotencyState::Running
    );
    assert_eq!(
        begin(&own, "ann", 2).await.unwrap(),
        IdempotencyState::Conflict
    );
    assert_eq!(begin(&own, "bob", 2).await.unwrap(), IdempotencyState::New);
    assert_eq!(
        begin(&other, "ann", 2).await.unwrap(),
        IdempotencyState::New
    );
    let response = StoredResponse {
        status: 201,
        content_type: "application/json".to_owned(),
        body: b"{}".to_vec(),
    };
    store
        .finish_request(&own, key("ann"), response.clone())
        .await
        .unwrap();
    // A request that is answered cannot be abandoned.
    store.abandon_request(&own, key("ann")).await.unwrap();
    let answered = IdempotencyState::Answered(response);
    assert_eq!(begin(&own, "ann", 1).await.unwrap(), answered);
    assert_eq!(
        begin(&own, "ann", 2).await.unwrap(),
        IdempotencyState::Conflict
    );
    store.abandon_request(&own, key("bob")).await.unwrap();
    assert_eq!(begin(&own, "bob", 3).await.unwrap(), IdempotencyState::New);
    let later = time::saturating_add(now, TimeDelta::seconds(1));
    store.forget_requests(&own, now, 2).await.unwrap();
    assert_eq!(begin(&own, "ann", 1).await.unwrap(), answered);
    store.forget_requests(&own, later, 2).await.unwrap();
    assert_eq!(begin(&own, "ann", 1).await.unwrap(), IdempotencyState::New);
    // Only the newest records are kept.
    let begin_later = store.begin_request(&own, key("eve"), [1; 32], later);
    assert_eq!(begin_later.await.unwrap(), IdempotencyState::New);
    store.forget_requests(&own, now, 1).await.unwrap();
    assert_eq!(begin(&own, "ann", 1).await.unwrap(), IdempotencyState::New);
    assert_eq!(
        begin(&own, "eve", 1).await.unwrap(),
        IdempotencyState::Running
    );
}
