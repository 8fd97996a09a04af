//! Users whom administrators assign to licenses.

use chrono::TimeDelta;
use license_core::Code;
use license_core::policy::{NAMED_USERS, Quota, USER_COOL_DOWN_DAYS};
use rusqlite::Connection;

use super::floating::acquire_request;
use super::validation::request;
use super::{TestServer, id, services, token};
use crate::domain::{
    Actor, EmailAddress, NamedUserKey, PageRequest, Refusal, RefusalKind, ServerCode,
};
use crate::services::{AcquireReply, AcquireRequest, NamedUserView, ValidateRequest};
use crate::store::sqlite::SqliteStore;
use crate::store::{NamedUserStore, ServerStore};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Returns the token of a license for a number of assigned users, with a cool-down of ten days.
fn named(number: u8, users: u64) -> String {
    token(number, |draft| {
        let quotas = [(NAMED_USERS, users), (USER_COOL_DOWN_DAYS, 10)];
        for (name, limit) in quotas {
            draft.set_quota(name, Quota::Limit(limit)).unwrap();
        }
    })
}

fn email(text: &str) -> EmailAddress {
    EmailAddress::parse(text).unwrap()
}

impl TestServer {
    async fn with_users(users: u64) -> (Self, String) {
        let server = Self::start().await;
        let token = named(1, users);
        server.install(&token).await;
        (server, token)
    }

    async fn assign(&self, user: &str) -> Result<(NamedUserView, bool), Refusal> {
        let users = &self.services.named_users;
        users.assign(&Actor::Console, &id(1), email(user)).await
    }

    async fn unassign(&self, user: &str) -> Result<(), Refusal> {
        let users = &self.services.named_users;
        let key = NamedUserKey::parse(user).unwrap();
        let removed = users.unassign(&Actor::Console, &id(1), key, None).await;
        removed.map(drop)
    }

    /// Validates the license for a user, and returns the code.
    async fn code(&self, token: &str, user: Option<&str>) -> &'static str {
        let request = ValidateRequest {
            user: user.map(str::to_owned),
            ..request(token)
        };
        let reply = self.services.validate.validate(request).await.unwrap();
        assert_eq!(reply.valid, reply.code == Code::Valid.as_str());
        assert_eq!(reply.validation.is_some(), reply.valid);
        reply.code
    }

    async fn seat(&self, token: &str, number: u8, user: &str) -> Result<u64, Refusal> {
        let request = AcquireRequest {
            user: user.to_owned(),
            ..acquire_request(token, number, false)
        };
        match self.services.seats.acquire(request).await? {
            AcquireReply::Granted(seat) | AcquireReply::Held(seat) => Ok(seat.seq),
            AcquireReply::Queued(state) => panic!("{state:?}"),
        }
    }

    /// Restarts the server, after its lease clock has run for some days.
    async fn run_for_days(self, days: i64) -> Self {
        self.store.close().await.unwrap();
        drop(self.services);
        let db = Connection::open(self.directory.path().join("server.db")).unwrap();
        let sql = "UPDATE lease_clock SET now_lease = now_lease + ?1";
        db.execute(sql, [days * DAY_MS]).unwrap();
        drop(db);
        let clock = std::sync::Arc::clone(&self.clock);
        let store = SqliteStore::open(self.directory.path(), clock).unwrap();
        let store = std::sync::Arc::new(store);
        let services = services(std::sync::Arc::<SqliteStore>::clone(&store), &self.clock).await;
        Self {
            services,
            store,
            ..self
        }
    }
}

#[tokio::test]
async fn only_assigned_users_can_use_the_license() {
    let (server, token) = TestServer::with_users(2).await;
    let (ann, not_assigned) = (Some("ann@acme.example"), "USER_NOT_ASSIGNED");
    assert_eq!(server.code(&token, ann).await, not_assigned);
    assert_eq!(server.code(&token, None).await, not_assigned);
    let denied = server
        .seat(&token, 1, "ann@acme.example")
        .await
        .unwrap_err();
    assert_eq!(
        (denied.kind, denied.code),
        (RefusalKind::Conflict, not_assigned)
    );
    assert_eq!(denied.actual.as_deref(), Some("ann@acme.example"));
    assert!(denied.hint.is_some() && denied.expected.is_some());

    let (view, is_new) = server.assign("Ann@ACME.example").await.unwrap();
    assert!(is_new && view.is_permitted);
    assert_eq!(view.user.email.as_str(), "ann@acme.example");
    // The assignment counts at once, for every spelling of the address.
    for spelling in ["ann@acme.example", "ANN@ACME.EXAMPLE", " Ann@acme.example "] {
        assert_eq!(
            server.code(&token, Some(spelling)).await,
            "VALID",
            "{spelling}"
        );
    }
    // Other addresses stay other addresses.
    for other in [
        "ann",
        "ann@acme.example.org",
        "\u{430}nn@acme.example",
        "ann\u{200b}@acme.example",
        "\u{ff41}nn@acme.example",
        "ann+1@acme.example",
        "bob@acme.example",
    ] {
        assert_eq!(
            server.code(&token, Some(other)).await,
            not_assigned,
            "{other}"
        );
        let denied = server.seat(&token, 2, other).await.unwrap_err();
        assert_eq!(denied.code, not_assigned, "{other}");
    }
    server.seat(&token, 1, "ANN@acme.example").await.unwrap();
    server.services.tick().await.unwrap();
    let page = PageRequest::first();
    let leases = server.services.pools.list(&page).await.unwrap();
    let pool = &leases.items[0].pool;
    let leases = server.services.pools.leases(pool, &page).await.unwrap();
    assert_eq!(leases.items[0].user, "ann@acme.example");
    let (store, ann) = (&server.store, email("ann@acme.example"));
    let tenant = server.services.tenant();
    let machines = store.machines_of_user(tenant, &ann, &page).await.unwrap();
    assert_eq!(machines.items.len(), 1);

    // A check-in explains itself too.
    let request = ValidateRequest {
        user: Some("bob@acme.example".to_owned()),
        ..request(&token)
    };
    let refused = server.services.check_ins.check_in(request).await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.code, not_assigned);
    assert!(refused.hint.is_some());
}

#[tokio::test]
async fn a_license_without_the_quota_has_no_assigned_users() {
    let server = TestServer::start().await;
    let plain = token(1, |_| {});
    let listed = token(2, |draft| {
        draft.users = vec!["ann".to_owned()];
        draft.set_quota(NAMED_USERS, Quota::Limit(5)).unwrap();
    });
    for text in [&plain, &listed] {
        server.install(text).await;
    }
    assert_eq!(server.code(&plain, None).await, "VALID");
    // The vendor has named the users of the other license.
    assert_eq!(server.code(&listed, Some("ann")).await, "VALID");
    assert_eq!(server.code(&listed, Some("bob")).await, "USER_MISMATCH");
    let users = &server.services.named_users;
    for number in [1, 2] {
        let license = id(number);
        let assigned = users.assign(&Actor::Console, &license, email("a@b.example"));
        let refused = assigned.await.unwrap_err();
        assert_eq!(refused.code, "NO_NAMED_USERS");
        let listed = users.list(&id(number), &PageRequest::first(), None).await;
        assert_eq!(listed.unwrap_err().code, "NO_NAMED_USERS");
    }
    let unknown = users.list(&id(9), &PageRequest::first(), None).await;
    assert_eq!(unknown.unwrap_err().kind, RefusalKind::NotFound);
}

#[tokio::test]
async fn a_removed_user_loses_access_and_keeps_the_place_for_the_cool_down() {
    let (server, token) = TestServer::with_users(1).await;
    let (ann, bob) = ("ann@acme.example", "bob@acme.example");
    server.assign(ann).await.unwrap();
    let full = server.assign(bob).await.unwrap_err();
    assert_eq!(
        (full.code, full.kind),
        ("USER_LIMIT_REACHED", RefusalKind::Conflict)
    );
    assert!(!server.assign(ann).await.unwrap().1, "assigned before");
    server.seat(&token, 1, ann).await.unwrap();
    server.unassign(ann).await.unwrap();
    assert_eq!(server.code(&token, Some(ann)).await, "USER_NOT_ASSIGNED");
    // The seat is no longer renewed, and no new one is granted.
    let refused = server.seat(&token, 1, ann).await.unwrap_err();
    assert_eq!(refused.code, "USER_NOT_ASSIGNED");
    let refused = server.heartbeat(&token, 1, 1).await.unwrap_err();
    assert_eq!(refused.code, "USER_NOT_ASSIGNED");
    let page = PageRequest::first();
    let pool = server.services.pools.list(&page).await.unwrap().items[0]
        .pool
        .clone();
    let leases = server.services.pools.leases(&pool, &page).await.unwrap();
    assert!(leases.items[0].soft_end.is_some(), "{leases:?}");

    // Neither adding and removing a user nor changing the wall clock shortens a cool-down.
    let refused = server.assign(bob).await.unwrap_err();
    assert_eq!(refused.code, "COOL_DOWN");
    let expected = refused.expected.unwrap();
    assert!(expected.contains("2027-01-25T09:00:0"), "{expected}");
    assert!(refused.facts.unwrap()["available_at"].is_string());
    server.assign(ann).await.unwrap();
    server.unassign(ann).await.unwrap();
    server
        .clock
        .set_wall(super::at("2027-01-15T09:00:00Z") + TimeDelta::days(300));
    let refused = server.assign(bob).await.unwrap_err();
    assert_eq!(refused.code, "COOL_DOWN");
    let server = server.run_for_days(0).await;
    assert_eq!(server.assign(bob).await.unwrap_err().code, "COOL_DOWN");
    server.clock.set_wall(super::at("2027-01-15T09:00:00Z"));

    let server = server.run_for_days(9).await;
    assert_eq!(server.assign(bob).await.unwrap_err().code, "COOL_DOWN");
    let server = server.run_for_days(1).await;
    let (view, is_new) = server.assign(bob).await.unwrap();
    assert!(is_new && view.is_permitted && view.place_free_at.is_some());
    assert_eq!(server.code(&token, Some(bob)).await, "VALID");
    assert_eq!(
        server.assign(ann).await.unwrap_err().code,
        "USER_LIMIT_REACHED"
    );
    // A place whose cool-down has passed is free as soon as its user is removed.
    let server = server.run_for_days(10).await;
    server.unassign(bob).await.unwrap();
    server.assign(ann).await.unwrap();
    assert_eq!(
        server.unassign(bob).await.unwrap_err().kind,
        RefusalKind::NotFound
    );
}

#[tokio::test]
async fn a_renewal_keeps_its_users_and_counts_the_first_ones() {
    let (server, token) = TestServer::with_users(3).await;
    for user in ["a@b.example", "c@b.example", "e@b.example"] {
        server.assign(user).await.unwrap();
        // The order is that of the lease clock.
        server.pass(2).await;
    }
    let smaller = super::token(2, |draft| {
        draft.supersedes = vec![id(1)];
        draft.set_quota(NAMED_USERS, Quota::Limit(2)).unwrap();
    });
    server.install(&smaller).await;
    let users = &server.services.named_users;
    let list = users
        .list(&id(2), &PageRequest::first(), None)
        .await
        .unwrap();
    assert_eq!((list.limit, list.taken), (Some(2), 3));
    let permitted: Vec<_> = list
        .page
        .items
        .iter()
        .map(|view| view.is_permitted)
        .collect();
    assert_eq!(permitted.iter().filter(|permitted| **permitted).count(), 2);
    assert_eq!(server.code(&smaller, Some("c@b.example")).await, "VALID");
    let code = server.code(&smaller, Some("e@b.example")).await;
    assert_eq!(code, "USER_NOT_ASSIGNED");
    // The old license lasts until its own end.
    assert_eq!(server.code(&token, Some("e@b.example")).await, "VALID");
    let renewal = id(2);
    let assigned = users.assign(&Actor::Console, &renewal, email("f@b.example"));
    assert_eq!(assigned.await.unwrap_err().code, "USER_LIMIT_REACHED");
    // Pages have all users once.
    let (mut seen, mut page) = (Vec::new(), PageRequest::new(None, Some(2)));
    loop {
        let list = users.list(&id(2), &page, None).await.unwrap();
        seen.extend(list.page.items.into_iter().map(|view| view.user.email));
        let Some(next) = list.page.next else { break };
        page = PageRequest::new(Some(next), Some(2));
    }
    seen.sort_unstable();
    assert_eq!(seen.len(), 3);
}

#[tokio::test]
async fn a_required_login_cannot_be_replaced_by_a_stated_user() {
    let (server, token) = TestServer::with_users(1).await;
    server.assign("ann@acme.example").await.unwrap();
    // A reply to a verified user is in the cache.
    assert_eq!(server.code(&token, Some("ann@acme.example")).await, "VALID");
    let refusal = Refusal::new(RefusalKind::Unauthorized, ServerCode::LoginRequired, "none");
    let stated = ValidateRequest {
        user: Some("ann@acme.example".to_owned()),
        missing_login: Some(refusal.clone()),
        ..request(&token)
    };
    let refused = server.services.validate.validate(stated).await;
    assert_eq!(refused.unwrap_err().code, "LOGIN_REQUIRED");
    // A license without assigned users needs no login.
    server.install(&super::token(3, |_| {})).await;
    let other = ValidateRequest {
        missing_login: Some(refusal),
        ..request(&super::token(3, |_| {}))
    };
    assert!(
        server
            .services
            .validate
            .validate(other)
            .await
            .unwrap()
            .valid
    );
}
