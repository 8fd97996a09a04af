//! Administrators of groups: what they may do, and that they see nothing of other groups.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use license_core::policy::{NAMED_USERS, Quota};
use license_core::time;
use serde_json::{Value, json};

use super::{Answer, TestApi, clock, sqlite};
use crate::api::permissions::RoutePermissions;
use crate::api::{App, body, credentials, router};
use crate::domain::{
    Account, AccountId, Actor, EmailAddress, GroupId, Membership, NewAuditEntry, Permissions,
    Principal, Role,
};
use crate::services::tests::floating::{acquire_request, session};
use crate::services::tests::{id, token};
use crate::services::{AcquireRequest, ServerRole};

/// Admits a person without permissions, who has signed in.
async fn admit(
    State((app, permissions, account)): State<(App, Arc<RoutePermissions>, AccountId)>,
    mut request: Request,
    next: Next,
) -> Response {
    let principal = Principal {
        tenant: app.tenants().own().tenant().clone(),
        actor: Actor::Account(account),
        permissions: Permissions::NONE,
    };
    let needed = permissions.needed(&request);
    match credentials::admit(&app, principal, needed).await {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    }
}

/// A site with two departments. Ann administers one, and Bob the other one.
struct Departments {
    api: TestApi,
    ann: AccountId,
    bob: AccountId,
    eve: AccountId,
    design: GroupId,
    sales: GroupId,
    _directory: tempfile::TempDir,
}

impl Departments {
    async fn create() -> Self {
        let (directory, clock) = (tempfile::tempdir().unwrap(), clock());
        let api = TestApi::start(sqlite(&directory, &clock), &clock, ServerRole::Site).await;
        let services = Arc::clone(api.tenants.own());
        let license = token(1, |draft| {
            draft.set_quota(NAMED_USERS, Quota::Limit(9)).unwrap();
        });
        let installed = services.licenses.install(&Actor::Console, &license).await;
        installed.unwrap();
        let mut accounts = Vec::new();
        for (number, name) in (1..).zip(["ann", "bob", "eve"]) {
            let account = AccountId::from_random([number; 16]);
            create_member(&api, &account, name).await;
            accounts.push(account);
        }
        let [ann, bob, eve] = accounts.try_into().unwrap();
        let (groups, console) = (&services.groups, &Actor::Console);
        let design = groups.create(console, "Design").await.unwrap().id;
        let sales = groups.create(console, "Sales").await.unwrap().id;
        for (group, account, is_administrator) in [
            (&design, &ann, true),
            (&design, &eve, false),
            (&sales, &bob, true),
        ] {
            let put = groups.put_member(console, group, account, is_administrator);
            put.await.unwrap();
        }
        // Bob is assigned, and holds a seat.
        let (license_id, bob_email) = (id(1), email("bob"));
        let users = &services.named_users;
        let assigned = users.assign(console, &license_id, bob_email).await;
        assigned.unwrap();
        let request = AcquireRequest {
            user: "bob@acme.example".to_owned(),
            ..acquire_request(&license, 2, false)
        };
        services.seats.acquire(request).await.unwrap();
        Self {
            api,
            ann,
            bob,
            eve,
            design,
            sales,
            _directory: directory,
        }
    }

    /// Returns the routes with the real admission, for a person who has signed in.
    fn router(&self, account: &AccountId) -> Router {
        let routes = router::documented();
        let permissions = Arc::new(RoutePermissions::of(routes.documents()));
        let app = self.api.app.clone();
        let state = (app.clone(), permissions, account.clone());
        let routes = routes
            .route_layer(from_fn_with_state(state, admit))
            .route_layer(from_fn_with_state(app.clone(), body::receive));
        routes.into_parts().0.with_state(app)
    }

    async fn send(
        &self,
        account: &AccountId,
        (method, path): (&str, &str),
        body: Option<Value>,
    ) -> Answer {
        let router = self.router(account);
        let path = format!("/api/v1{path}");
        let sent = self
            .api
            .send_to(&router, (method, &path), "", body.as_ref());
        sent.await
    }

    async fn get(&self, account: &AccountId, path: &str) -> Answer {
        self.send(account, ("GET", path), None).await
    }
}

fn email(name: &str) -> EmailAddress {
    EmailAddress::parse(&format!("{name}@acme.example")).unwrap()
}

async fn create_member(api: &TestApi, id: &AccountId, name: &str) {
    let account = Account {
        id: id.clone(),
        email: Some(email(name)),
        name: name.to_owned(),
        password: None,
        totp: None,
        created_at: time::MIN,
        verified_at: None,
    };
    let tenant = api.tenants.own().tenant().clone();
    let membership = Membership::new(tenant, Role::Member, time::MIN);
    let audit = NewAuditEntry {
        actor: Actor::Console,
        action: "account.create",
        subject: id.to_string(),
        before: None,
        details: json!({}),
        at: time::MIN,
    };
    let created = api.store.create_account(account, membership, audit);
    assert!(created.await.unwrap());
}

/// Returns a request for each route of a group, and one of named users.
fn requests(group: &GroupId, member: &AccountId) -> Vec<(&'static str, String, Option<Value>)> {
    let end = json!({"mode": "hard", "reason": "a test"});
    let (pool, session) = (id(1), session(2));
    vec![
        ("GET", format!("/groups/{group}"), None),
        ("GET", format!("/groups/{group}/members"), None),
        ("GET", format!("/groups/{group}/leases"), None),
        (
            "POST",
            format!("/groups/{group}/pools/{pool}/leases/{session}/end"),
            Some(end),
        ),
        (
            "PATCH",
            format!("/groups/{group}"),
            Some(json!({"name": "x"})),
        ),
        ("DELETE", format!("/groups/{group}"), None),
        (
            "PUT",
            format!("/groups/{group}/members/{member}"),
            Some(json!({"administrator": true})),
        ),
        ("DELETE", format!("/groups/{group}/members/{member}"), None),
    ]
}

#[tokio::test]
async fn an_administrator_sees_nothing_of_another_group() {
    let site = Departments::create().await;
    let unknown = GroupId::from_random([77; 16]);
    for (real, none) in requests(&site.sales, &site.bob)
        .into_iter()
        .zip(requests(&unknown, &site.bob))
    {
        let (method, path, body) = real;
        let is_managed = ["PATCH", "DELETE", "PUT"].contains(&method);
        let found = site.send(&site.ann, (method, &path), body).await;
        let expected = if is_managed { 403 } else { 404 };
        assert_eq!(found.status, expected, "{method} {path}: {found:?}");
        assert!(!found.text.contains("Sales") && !found.text.contains("bob"));
        // A group that does not exist gets the same answer.
        let other = site.send(&site.ann, (none.0, &none.1), none.2).await;
        assert_eq!(found.text, other.text, "{method} {path}");
    }
    let groups = site.get(&site.ann, "/groups").await;
    let items = groups.body["items"].as_array().unwrap();
    assert_eq!(items.len(), 1, "{groups:?}");
    assert_eq!(items[0]["id"], site.design.as_str());
    // The seat of the other group is not one of this group.
    let path = format!(
        "/groups/{}/pools/{}/leases/{}/end",
        site.design,
        id(1),
        session(2)
    );
    let end = json!({"mode": "hard", "reason": "a test"});
    let found = site.send(&site.ann, ("POST", &path), Some(end)).await;
    assert_eq!(found.status, 404, "{found:?}");
    let leases = site
        .get(&site.bob, &format!("/groups/{}/leases", site.sales))
        .await;
    assert_eq!(leases.body["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_administrator_assigns_the_members_of_the_group_only() {
    let site = Departments::create().await;
    let users = format!("/licenses/{}/users", id(1));
    let assign = async |email: &str| {
        let body = Some(json!({"email": email}));
        site.send(&site.ann, ("POST", &users), body).await
    };
    for foreign in [
        "bob@acme.example",
        "BOB@acme.example",
        "stranger@acme.example",
    ] {
        let refused = assign(foreign).await;
        assert_eq!(refused.status, 404, "{foreign}: {refused:?}");
    }
    let assigned = assign("Eve@acme.example").await;
    assert_eq!(assigned.status, 201, "{assigned:?}");
    assert_eq!(assign("eve@acme.example").await.status, 200);
    let by = assigned.body["assigned_by"].as_str().unwrap();
    assert_eq!(by, format!("account:{}", site.ann));
    let listed = site.get(&site.ann, &users).await;
    assert_eq!(listed.body["items"].as_array().unwrap().len(), 1);
    // The place of a member of another group is counted, and its user is not named.
    assert_eq!(listed.body["taken"], 2);
    assert!(!listed.text.contains("bob"), "{listed:?}");
    // The assignment of a foreign user is found neither by its address nor by its id.
    let of_bob = site.get(&site.bob, &users).await;
    let id_of_bob = of_bob.body["items"][0]["id"].as_str().unwrap();
    for name in [
        "bob@acme.example",
        id_of_bob,
        "usr_0",
        "stranger@acme.example",
    ] {
        let path = format!("{users}/{name}");
        let refused = site.send(&site.ann, ("DELETE", &path), None).await;
        assert_eq!(refused.status, 404, "{name}: {refused:?}");
    }
    let path = format!("{users}/EVE@acme.example");
    let removed = site.send(&site.ann, ("DELETE", &path), None).await;
    assert_eq!(removed.status, 204, "{removed:?}");
}

#[tokio::test]
async fn only_administrators_of_groups_pass_and_only_their_routes() {
    let site = Departments::create().await;
    let users = format!("/licenses/{}/users", id(1));
    // A member without administration, and a member who was an administrator.
    let design = format!("/groups/{}", site.design);
    for path in ["/groups", &design, &users, "/pools", "/tokens", "/licenses"] {
        let refused = site.get(&site.eve, path).await;
        assert_eq!(refused.status, 403, "{path}: {refused:?}");
    }
    for path in ["/pools", "/tokens", "/licenses", "/audit", "/usage-reports"] {
        let refused = site.get(&site.ann, path).await;
        assert_eq!(refused.status, 403, "{path}: {refused:?}");
    }
    assert_eq!(site.get(&site.ann, &design).await.status, 200);
    let groups = &site.api.tenants.own().groups;
    let put = groups.put_member(&Actor::Console, &site.design, &site.ann, false);
    put.await.unwrap();
    assert_eq!(site.get(&site.ann, &design).await.status, 403);
    // An API token administers no group, whatever its creator does.
    let tenant = site.api.tenants.own().tenant().clone();
    let secret = site.api.token(&tenant, "audit:read").await;
    let refused = site.api.send("GET", "/api/v1/groups", &secret, None).await;
    assert_eq!(refused.status, 403, "{refused:?}");
}

#[tokio::test]
async fn seats_of_a_group_need_the_permission_for_the_policy_of_the_pool() {
    let site = Departments::create().await;
    let tenant = site.api.tenants.own().tenant().clone();
    let people = site.api.token(&tenant, "people:manage").await;
    let both = site.api.token(&tenant, "people:manage seats:manage").await;
    let path = format!("/api/v1/groups/{}", site.design);
    let name = json!({"name": "Studio"});
    let seats = json!({"seats": [{"pool": id(1).to_string(), "reserved": 1}]});
    for (token, body, expected) in [
        (&people, &name, 200),
        (&people, &seats, 403),
        (&both, &seats, 200),
    ] {
        let answer = site.api.send("PATCH", &path, token, Some(body)).await;
        assert_eq!(answer.status, expected, "{body}: {answer:?}");
    }
}

#[tokio::test]
async fn members_that_only_the_server_sets_are_refused() {
    let site = Departments::create().await;
    let tenant = site.api.tenants.own().tenant().clone();
    let owner = site.api.token(&tenant, "owner").await;
    let (design, account) = (&site.design, &site.eve);
    let users = format!("/licenses/{}/users", id(1));
    let group = format!("/groups/{design}");
    let member = format!("{group}/members/{account}");
    for (method, path, body) in [
        (
            "POST",
            &users,
            json!({"email": "a@b.example", "assigned_by": "console"}),
        ),
        ("POST", &users, json!({"email": "a@b.example", "since": 0})),
        (
            "POST",
            &users,
            json!({"email": "a@b.example", "assigned_at": "2020-01-01T00:00:00Z"}),
        ),
        ("POST", &users, json!({"email": ["a@b.example"]})),
        (
            "POST",
            &users,
            json!({"email": "a@b.example\r\nBcc: x@y.example"}),
        ),
        ("POST", &users, json!({"email": "\u{430}nn@acme.example"})),
        (
            "POST",
            &"/groups".to_owned(),
            json!({"name": "x", "id": "grp_1"}),
        ),
        ("POST", &"/groups".to_owned(), json!({"name": "a\u{0}b"})),
        ("PATCH", &group, json!({"name": "x", "tenant": "other"})),
        (
            "PATCH",
            &group,
            json!({"seats": [{"pool": id(1).to_string(), "held": 0}]}),
        ),
        (
            "PATCH",
            &group,
            json!({"seats": [{"pool": id(1).to_string(), "reserved": -1}]}),
        ),
        (
            "PATCH",
            &group,
            json!({"seats": [{"pool": id(1).to_string()}, {"pool": id(1).to_string()}]}),
        ),
        (
            "PUT",
            &member,
            json!({"administrator": true, "role": "owner"}),
        ),
        ("PUT", &member, json!({"administrator": "yes"})),
    ] {
        let path = format!("/api/v1{path}");
        let refused = site.api.send(method, &path, &owner, Some(&body)).await;
        assert_eq!(refused.status, 400, "{method} {path} {body}: {refused:?}");
    }
    // A member of no organization, and a pool that does not exist.
    let path = format!("/api/v1{group}/members/acc_{}", "0".repeat(32));
    let put = site.api.send("PUT", &path, &owner, Some(&json!({}))).await;
    assert_eq!(put.status, 404, "{put:?}");
    let body = json!({"seats": [{"pool": id(99).to_string(), "reserved": 1}]});
    let path = format!("/api/v1{group}");
    let changed = site.api.send("PATCH", &path, &owner, Some(&body)).await;
    assert_eq!(changed.status, 404, "{changed:?}");
    let body = json!({"name": "Art", "seats": [{"pool": id(1).to_string(), "at_most": 2}]});
    let changed = site.api.send("PATCH", &path, &owner, Some(&body)).await;
    assert_eq!(
        (changed.status, &changed.body["name"]),
        (200, &json!("Art"))
    );
    assert_eq!(changed.body["seats"][0]["at_most"], 2);
}
