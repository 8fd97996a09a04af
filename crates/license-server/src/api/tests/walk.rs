//! A walk over all routes with the credentials of two tenants.

mod others;

use std::cmp::Reverse;

use license_core::ids::Nonce;
use serde_json::{Value, json};

use super::{Answer, Operation, TestApi};
use crate::domain::{GroupId, Principal, TenantId};
use crate::services::tests::floating::session;
use crate::services::tests::installation::list;
use crate::services::tests::{activations, id, token};
use crate::services::{Services, WebhookOrder};

/// The path of the organization of the caller.
const ORGANIZATION: &str = "/api/v1/organization";

/// Returns the second tenant.
fn second() -> TenantId {
    TenantId::new(uuid::Uuid::from_u128(2))
}

/// The resources of the first tenant.
pub(super) struct Resources {
    /// The values of the parameters of paths. `None`: a server of this role has no such resource.
    pub(super) ids: Vec<(&'static str, Option<String>)>,
    /// Texts that only answers to the first tenant have.
    pub(super) texts: Vec<String>,
}

impl Resources {
    /// Returns the path of an operation, unless the server has no such resource.
    fn path(&self, operation: &Operation) -> Option<String> {
        let is_named = |name: &str| operation.path.contains(&format!("{{{name}}}"));
        let ids = self.ids.iter().filter(|(name, _)| is_named(name));
        let ids: Option<Vec<_>> = ids.map(|(name, id)| Some((*name, id.clone()?))).collect();
        ids.map(|ids| fill(&operation.path, &ids))
    }
}

/// Returns ids that no tenant has, with the form of real ones.
fn unknown() -> Vec<(&'static str, String)> {
    vec![
        ("license", id(200).to_string()),
        ("pool", id(200).to_string()),
        ("session", session(200).to_string()),
        ("id", "tok_00000000000000000000000000000000".to_owned()),
        ("nonce", Nonce::from_random([200; 16]).to_string()),
        ("member", "acc_00000000000000000000000000000000".to_owned()),
        (
            "invitation",
            "inv_00000000000000000000000000000000".to_owned(),
        ),
        (
            "provider",
            "idp_00000000000000000000000000000000".to_owned(),
        ),
        ("user", "stranger@acme.example".to_owned()),
        ("group", GroupId::from_random([200; 16]).to_string()),
        ("webhook", "whk_00000000000000000000000000000000".to_owned()),
        ("price", "price_unknown".to_owned()),
        ("subscription", "sub_unknown".to_owned()),
        ("customer", "cus_unknown".to_owned()),
        ("delivery", format!("msg_{}", "0".repeat(32))),
        ("trial", format!("trl_{}", "0".repeat(32))),
        ("invoice", format!("ivc_{}", "0".repeat(32))),
        ("anomaly", format!("anm_{}", "0".repeat(32))),
        ("sending", format!("mtr_{}", "0".repeat(32))),
    ]
}

fn fill(path: &str, values: &[(&'static str, String)]) -> String {
    let filled = values.iter().fold(path.to_owned(), |path, (name, value)| {
        path.replace(&format!("{{{name}}}"), value)
    });
    assert!(
        !filled.contains('{'),
        "add a value for the parameters of {path}"
    );
    filled
}

/// Returns a query and a body that the route accepts.
fn input(operation: &Operation) -> (&'static str, Option<Value>) {
    let file = |text: String| ("", Some(json!({ "file": text })));
    let order = |order: Value| ("", Some(order));
    match (operation.method.as_str(), operation.path.as_str()) {
        ("POST", "/api/v1/licenses") => file(token(3, |_| {})),
        ("POST", "/api/v1/ledger/import") => file(token(3, |_| {})),
        ("POST", "/api/v1/revocations") => file(list(2, &[1])),
        ("POST", "/api/v1/trust-statements") => file("none".to_owned()),
        ("POST", "/api/v1/activation-answers") => {
            file(activations::answer(&activations::request(2, 1)))
        }
        ("POST", "/api/v1/licenses/issue") => order(issue_order()),
        ("POST", "/api/v1/licenses/{license}/renew") => order(json!({"days": 30})),
        ("POST", "/api/v1/licenses/{license}/upgrade") => order(json!({"reissue": true})),
        ("POST", "/api/v1/licenses/{license}/reassign") => {
            order(json!({"from": "ann", "to": "carol", "waive_cool_down": true}))
        }
        ("POST", path) if path.ends_with("/revoke") || path.ends_with("/reinstate") => {
            order(json!({"reason": "a test", "with_successors": true}))
        }
        ("POST", "/api/v1/pools/{pool}/leases/{session}/end") => {
            order(json!({"mode": "hard", "reason": "a test"}))
        }
        ("POST", "/api/v1/licenses/{license}/users") => order(json!({"email": "new@acme.example"})),
        ("POST", "/api/v1/groups") => order(json!({"name": "new"})),
        ("PATCH", "/api/v1/groups/{group}") => order(json!({"name": "renamed"})),
        ("PUT", "/api/v1/groups/{group}/members/{member}") => order(json!({"administrator": true})),
        ("POST", "/api/v1/groups/{group}/pools/{pool}/leases/{session}/end") => {
            order(json!({"mode": "hard", "reason": "a test"}))
        }
        ("PUT", "/api/v1/pools/{pool}/policy") => order(json!({"max_queue": 7})),
        ("POST", "/api/v1/identity-providers")
        | ("PUT", "/api/v1/identity-providers/{provider}") => order(identity_provider()),
        ("POST", "/api/v1/tokens") => order(json!({"name": "new", "scopes": ["auditor"]})),
        ("PATCH", "/api/v1/members/{member}") => order(json!({"role": "member"})),
        ("POST", "/api/v1/members/{member}/password-resets")
        | ("DELETE", "/api/v1/members/{member}/totp") => ("", None),
        ("POST", "/api/v1/invitations") => {
            order(json!({"email": "bob@example.com", "role": "auditor"}))
        }
        ("POST", "/api/v1/webhooks") => order(json!({
            "url": "https://hooks.example.com/", "events": ["license.*"],
        })),
        ("PATCH", "/api/v1/webhooks/{webhook}") => order(json!({"description": "changed"})),
        ("POST", "/api/v1/webhooks/{webhook}/replay") => {
            order(json!({"since": "2027-01-01T00:00:00Z"}))
        }
        ("POST", path) if path.starts_with("/api/v1/webhooks/") => ("", None),
        ("POST", "/api/v1/trials") => order(json!({
            "email": "eve@acme.example", "customer": "Eve",
        })),
        ("POST", "/api/v1/trials/{trial}/extend") => order(json!({"days": 7, "reason": "a test"})),
        ("POST", "/api/v1/trials/{trial}/convert") => {
            order(json!({"tier": "team", "days": 300, "offline": true}))
        }
        ("POST", "/api/v1/invoices") | ("PUT", "/api/v1/invoices/{invoice}") => order(invoice()),
        ("POST", "/api/v1/invoices/{invoice}/issue" | "/api/v1/invoices/{invoice}/send") => {
            ("", None)
        }
        ("POST", "/api/v1/invoices/{invoice}/payment") => order(json!({"reference": "7"})),
        ("POST", path) if path.starts_with("/api/v1/invoices/") => {
            order(json!({"reason": "a test"}))
        }
        ("POST", "/api/v1/usage/customers/{pool}/adjustments") => order(json!({
            "meter": "commands", "day": "2027-01-15", "quantity": 5, "reason": "a test",
        })),
        ("PUT", "/api/v1/usage/customers/{pool}/anchor") => order(json!({"day": "2027-01-10"})),
        ("POST", "/api/v1/usage/sendings/{sending}/decision") => {
            order(json!({"state": "sent", "reason": "a test"}))
        }
        ("POST", "/api/v1/anomalies/{anomaly}/dismiss") => order(json!({"note": "a test"})),
        ("PUT", "/api/v1/billing/plans/{price}") => order(json!({"tier": "team", "seats": 2})),
        ("POST", "/api/v1/billing/checkout") => order(json!({
            "price": "price_team", "success_url": "https://vendor.example/ok",
            "cancel_url": "https://vendor.example/",
        })),
        ("POST", "/api/v1/billing/portal") => order(json!({
            "customer": "cus_1", "return_url": "https://vendor.example/",
        })),
        ("POST", "/api/v1/billing/reconcile") => ("", None),
        ("PATCH", ORGANIZATION) => order(json!({"name": "Second Ltd"})),
        ("DELETE", ORGANIZATION) => order(json!({ "organization": second().as_str() })),
        ("DELETE", "/api/v1/usage-reports") => ("?through=1000", None),
        ("GET", "/api/v1/usage/totals") => ("?customer=ACME%20Ltd", None),
        ("GET" | "DELETE", _) => ("", None),
        _ => panic!("add a body that {operation:?} accepts"),
    }
}

/// Returns the settings of an identity provider.
pub(super) fn identity_provider() -> Value {
    json!({
        "name": "Login of ACME", "issuer": "https://login.acme.example", "client_id": "licenses",
        "roles": [{"group": "license-admins", "role": "administrator"}],
    })
}

/// Returns an invoice to draft.
pub(super) fn invoice() -> Value {
    json!({
        "entity": "DE", "currency": "EUR", "net_days": 30, "purchase_order": "PO-4711",
        "buyer": {"name": "Invoice Ltd", "address": ["1 Road"]},
        "lines": [{"description": "License", "quantity": 2, "unit_price": 5000}],
    })
}

/// Gives a tenant a webhook with a delivery. Returns their ids.
pub(super) async fn use_webhook(services: &Services) -> [String; 2] {
    let order = WebhookOrder {
        url: "https://hooks.example.com/secret-path".to_owned(),
        events: vec!["*".to_owned()],
        description: "chat of the team".to_owned(),
    };
    let console = Principal::console(services.tenant().clone());
    let webhooks = &services.webhooks;
    let new = webhooks.create(&console, &order).await.unwrap();
    let id = new.webhook.id;
    let delivery = webhooks.test(&console.actor, &id).await.unwrap();
    [id, delivery]
}

/// Returns an order for a license that never needs a check-in.
pub(super) fn issue_order() -> Value {
    json!({
        "customer": "ACME Ltd", "tier": "team", "days": 300, "offline": true, "seats": 5,
    })
}

impl TestApi {
    async fn request(&self, operation: &Operation, path: &str, secret: &str) -> Answer {
        let (query, body) = input(operation);
        let path = format!("{path}{query}");
        self.send(&operation.method, &path, secret, body.as_ref())
            .await
    }

    /// Makes a change that names no resource.
    async fn change(&self, operation: &Operation, secret: &str) {
        let answer = self.request(operation, &operation.path, secret).await;
        let status = answer.status.to_string();
        assert!(
            operation.statuses.contains(&status),
            "{operation:?}: {answer:?}"
        );
        assert_ne!(answer.status, 401, "{operation:?}: {answer:?}");
    }

    /// Returns the answers to everything that an owner of the first tenant can read.
    async fn everything(&self, resources: &Resources, secret: &str) -> Vec<(String, String)> {
        let mut all = Vec::new();
        for operation in self.operations().await {
            if let Some(path) = resources.path(&operation)
                && operation.method == "GET"
            {
                let answer = self.request(&operation, &path, secret).await;
                assert!(is_answered(&answer), "{path}: {answer:?}");
                all.push((path, answer.text));
            }
        }
        // The newest revocation list needs no credentials.
        let path = "/api/v1/revocations".to_owned();
        let answer = self.send("GET", &path, "", None).await;
        all.push((path, answer.text));
        all
    }

    /// Walks all routes with the credentials of a second tenant. The second tenant can neither see
    /// nor change the resources of the first one, and does not learn whether they exist.
    pub(super) async fn walk(&self, resources: &Resources) -> TenantId {
        let first = self.tenants.own().tenant().clone();
        let second = second();
        let owner = self.token(&first, "owner").await;
        let stranger = self.token(&second, "owner").await;
        let people = self.people().await;
        // The first request records the day of the use.
        self.send("GET", "/api/v1/tokens", &owner, None).await;
        let before = self.everything(resources, &owner).await;
        for text in &resources.texts {
            let is_shown = before.iter().any(|(_, answer)| answer.contains(text));
            assert!(is_shown, "no answer to the first tenant has {text}");
        }
        self.walk_others(resources, &people, &before).await;
        let operations = self.operations().await;
        let (named, unnamed): (Vec<_>, Vec<_>) = operations
            .iter()
            .partition(|operation| operation.path.contains('{'));
        for operation in &named {
            let Some(path) = resources.path(operation) else {
                continue;
            };
            let real = self.request(operation, &path, &stranger).await;
            let path = fill(&operation.path, &unknown());
            let other = self.request(operation, &path, &stranger).await;
            let code = real.body["code"].as_str().unwrap_or_default();
            let is_hidden = (real.status, code) == (404, "NOT_FOUND")
                || (real.status, code) == (409, "WRONG_ROLE");
            assert!(is_hidden, "{operation:?}: {real:?}");
            let found = (
                other.status,
                other.body["code"].as_str().unwrap_or_default(),
            );
            assert_eq!(found, (real.status, code), "{operation:?}: {other:?}");
        }
        let (read, changed): (Vec<_>, Vec<_>) = unnamed
            .into_iter()
            .partition(|operation| operation.method == "GET");
        // The credentials of the second tenant end with it.
        let (last, changed): (Vec<_>, Vec<_>) = changed
            .into_iter()
            .partition(|operation| operation.path == ORGANIZATION && operation.method == "DELETE");
        for operation in read {
            let answer = self.request(operation, &operation.path, &stranger).await;
            let is_other_role = answer.body["code"] == "WRONG_ROLE";
            let is_answered = answer.status == 200 || is_other_role;
            assert!(is_answered, "{operation:?}: {answer:?}");
            let (query, _) = input(operation);
            for text in &resources.texts {
                // An answer repeats the name that the request itself states.
                let is_sent = query.contains(&text.replace(' ', "%20"));
                assert!(
                    is_sent || !answer.text.contains(text),
                    "{text} in {answer:?}"
                );
            }
        }
        for operation in changed {
            self.change(operation, &stranger).await;
        }
        let after = self.everything(resources, &owner).await;
        assert_eq!(before, after, "the second tenant changed the first one");
        for operation in last {
            self.change(operation, &stranger).await;
        }
        let gone = self.send("GET", "/api/v1/tokens", &stranger, None).await;
        assert_eq!(gone.status, 401, "{gone:?}");
        // Only the trail of the server records the end of the second tenant.
        let kept = |all: Vec<(String, String)>| {
            let is_trail = |path: &str| {
                let trails = ["/api/v1/audit", "/api/v1/events"];
                trails.iter().any(|trail| path.starts_with(trail))
            };
            let kept = all.into_iter().filter(|(path, _)| !is_trail(path));
            kept.collect::<Vec<_>>()
        };
        let ended = self.everything(resources, &owner).await;
        assert_eq!(
            kept(before),
            kept(ended),
            "the second tenant changed the first one"
        );
        // The owner of the resources can make the requests that were refused, the removals last.
        let (mut removals, changes): (Vec<_>, Vec<_>) = named
            .into_iter()
            .filter(|operation| operation.method != "GET")
            .partition(|operation| operation.method == "DELETE");
        // A resource is removed before the one that contains it, and the token of the owner last.
        removals.sort_by_key(|operation| {
            let is_token = operation.path.starts_with("/api/v1/tokens/");
            (is_token, Reverse(operation.path.len()))
        });
        for operation in changes.into_iter().chain(removals) {
            let Some(path) = resources.path(operation) else {
                continue;
            };
            let answer = self.request(operation, &path, &owner).await;
            assert!(is_answered(&answer), "{operation:?}: {answer:?}");
        }
        second
    }
}

/// Returns whether a request had its effect, or reached a resource or a role that does not permit
/// it.
fn is_answered(answer: &Answer) -> bool {
    (200..300).contains(&answer.status) || answer.status == 409
}
