//! The isolation of tenants, on both databases and in both roles of a server.

mod conditions;

use std::path::Path;

use license_core::ids::Nonce;
use license_core::policy::{NAMED_USERS, Quota};
use license_core::requests::MachineRequest;
use license_issuer::ledger::Ledger;
use license_issuer::ledger::sqlite::LedgerFile;
use license_test_services::TestDatabase;

use super::walk::{Resources, identity_provider, invoice, issue_order, use_webhook};
use super::{TestApi, clock, postgres, sqlite};
use crate::domain::{
    Account, AccountId, Actor, EmailAddress, Membership, NewAuditEntry, PageRequest, Principal,
    Role, TenantId,
};
use crate::services::tests::administration::report;
use crate::services::tests::billing::TestStripe;
use crate::services::tests::floating::{acquire_request, session};
use crate::services::tests::installation::list;
use crate::services::tests::metering::{entries, report as metering_report};
use crate::services::tests::telemetry::{batch, event};
use crate::services::tests::{activations, id, token, validation, vendor};
use crate::services::{
    AcquireRequest, NewTrial, ServerRole, Services, UsageAdjustment, ValidateRequest, VendorConfig,
};

/// Gives the site licenses, seats, a queue, an activation request, reports and a revocation list.
pub(super) async fn use_site(api: &TestApi) -> Resources {
    let services = api.tenants.own();
    let license = token(1, |draft| {
        draft.set_quota(NAMED_USERS, Quota::Limit(20)).unwrap();
    });
    let activated = token(2, |draft| draft.must_activate = true);
    for text in [&license, &activated] {
        let installed = services.licenses.install(&Actor::Console, text).await;
        installed.unwrap();
    }
    let first = id(1);
    let (member, invitation) = add_people(api).await;
    let account = AccountId::parse(&member).unwrap();
    let group = services.groups.create(&Actor::Console, "Design");
    let group = group.await.unwrap().id;
    let put = services
        .groups
        .put_member(&Actor::Console, &group, &account, false);
    put.await.unwrap();
    // The first session is that of the member of the group.
    let user = |number: u8| match number {
        1 => "ann@example.com".to_owned(),
        number => format!("user{number}@acme.example"),
    };
    for number in 1..=6 {
        let email = EmailAddress::parse(&user(number)).unwrap();
        let users = &services.named_users;
        let assigned = users.assign(&Actor::Console, &first, email);
        assigned.await.unwrap();
        let request = AcquireRequest {
            user: user(number),
            ..acquire_request(&license, number, number == 6)
        };
        services.seats.acquire(request).await.unwrap();
    }
    let validated = services.validate.validate(ValidateRequest {
        user: Some(user(1)),
        ..validation::request(&license)
    });
    assert!(validated.await.unwrap().valid);
    let request = MachineRequest::Activation(activations::request(2, 1));
    let requested = services.activations.request(&request.to_armor()).await;
    requested.unwrap();
    services.usage.submit(id(1), &report(1)).await.unwrap();
    let events = vec![event(1, "2027-01-15")];
    services.telemetry.submit(batch(1, events)).await.unwrap();
    let list = list(1, &[9]);
    let imported = services.revocations.import(&Actor::Console, &list);
    imported.await.unwrap();
    services.tick().await.unwrap();
    let provider = create_provider(api, services.tenant()).await;
    let page = PageRequest::first();
    let pool = services.pools.list(&page).await.unwrap().items[0]
        .pool
        .to_string();
    let nonce = Nonce::from_random([1; 16]).to_string();
    let token = format!("tok_owner_{}", services.tenant());
    let [webhook, delivery] = use_webhook(services).await;
    let anomaly = use_meters(services, &pool).await;
    let texts = [
        &pool,
        &anomaly,
        "an outage",
        &nonce,
        &token,
        &member,
        &invitation,
        "ann@example.com",
        "carl@example.com",
        "user2",
        "user6",
        "ACME Ltd",
        "\"usage_report\":",
        "1.4.2",
        "Login of ACME",
        "license-admins",
        "Design",
        group.as_str(),
    ];
    let mut texts: Vec<_> = texts.map(|text| text.to_string()).to_vec();
    texts.extend([webhook.clone(), delivery.clone(), "secret-path".to_owned()]);
    texts.extend([id(1).to_string(), id(2).to_string(), session(1).to_string()]);
    Resources {
        ids: vec![
            ("license", Some(id(1).to_string())),
            ("pool", Some(pool)),
            ("session", Some(session(1).to_string())),
            ("id", Some(token)),
            ("nonce", Some(nonce)),
            ("member", Some(member)),
            ("invitation", Some(invitation)),
            ("provider", Some(provider)),
            ("user", Some(user(1))),
            ("group", Some(group.to_string())),
            ("webhook", Some(webhook)),
            // Only a vendor's server has a payment provider.
            ("price", None),
            ("subscription", None),
            ("customer", None),
            ("delivery", Some(delivery)),
            // Only a vendor's server has trials.
            ("trial", None),
            ("invoice", None),
            ("anomaly", Some(anomaly)),
            ("sending", None),
        ],
        texts,
    }
}

/// Gives a tenant usage and an anomaly. Returns the id of the anomaly.
async fn use_meters(services: &Services, pool: &str) -> String {
    let order = UsageAdjustment {
        customer: pool.to_owned(),
        meter: "commands".to_owned(),
        day: services.now().date_naive(),
        quantity: 7,
        reason: "an outage".to_owned(),
    };
    let adjusted = services.metering.adjust(&Actor::Console, &order, None);
    adjusted.await.unwrap();
    // Two reports of one machine contradict each other.
    for used in [3, 4] {
        let entries = entries(1, &[("2027-01-15", 1, used)]);
        let text = metering_report(&entries, true);
        services.usage.submit(id(1), &text).await.unwrap();
    }
    let page = PageRequest::first();
    let found = services.anomalies.list(None, &page).await.unwrap();
    found.items[0].id.clone()
}

/// Gives the site a member and an invitation, and returns their ids.
async fn add_people(api: &TestApi) -> (String, String) {
    let services = api.tenants.own();
    let email = |text| EmailAddress::parse(text).unwrap();
    let account = Account {
        id: AccountId::from_random([1; 16]),
        email: Some(email("ann@example.com")),
        name: "Ann".to_owned(),
        password: None,
        totp: None,
        created_at: services.now(),
        verified_at: None,
    };
    let id = account.id.to_string();
    let membership = Membership::of_owner(services.tenant().clone(), services.now());
    let audit = NewAuditEntry {
        actor: Actor::Console,
        action: "account.create",
        subject: id.clone(),
        before: None,
        details: serde_json::Value::Null,
        at: services.now(),
    };
    let created = api.store.create_account(account, membership, audit);
    assert!(created.await.unwrap());
    let console = Principal::console(services.tenant().clone());
    let invited = services
        .members
        .invite(&console, email("carl@example.com"), Role::Auditor)
        .await;
    (id, invited.unwrap().invitation.id)
}

/// Creates an identity provider of a tenant, and returns its id.
async fn create_provider(api: &TestApi, tenant: &TenantId) -> String {
    let secret = api.token(tenant, "administrator").await;
    let path = "/api/v1/identity-providers";
    let created = api
        .send("POST", path, &secret, Some(&identity_provider()))
        .await;
    assert_eq!(created.status, 201, "{created:?}");
    created.body["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_second_tenant_neither_sees_nor_changes_a_site_in_sqlite() {
    let (directory, clock) = (tempfile::tempdir().unwrap(), clock());
    let api = TestApi::start(sqlite(&directory, &clock), &clock, ServerRole::Site).await;
    let resources = use_site(&api).await;
    api.walk(&resources).await;
}

#[tokio::test]
async fn a_second_tenant_neither_sees_nor_changes_a_site_in_postgresql() {
    let Some(database) = TestDatabase::create() else {
        return;
    };
    let clock = clock();
    let store = postgres(&database, &clock).await;
    let api = TestApi::start(store, &clock, ServerRole::Site).await;
    let resources = use_site(&api).await;
    conditions::check(&database, &TenantId::site());
    let second = api.walk(&resources).await;
    assert_rows_are_hidden(&database, &TenantId::site(), &second);
}

/// Reads each table without a condition, as the role of the server and for the second tenant. The
/// database itself hides the rows of the first tenant.
fn assert_rows_are_hidden(database: &TestDatabase, first: &TenantId, second: &TenantId) {
    let tables = "SELECT c.relname FROM pg_class c
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant'
        WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace";
    let tables = database.sql(tables);
    let count = |condition: &str| {
        let counts = tables
            .lines()
            .map(|table| format!("SELECT '{table}', count(*) FROM {table} WHERE {condition}"));
        counts.collect::<Vec<_>>().join(" UNION ALL ")
    };
    let stored = database.superuser_sql(&count(&format!("tenant = '{first}'")));
    let used = stored.lines().filter(|line| !line.ends_with("|0")).count();
    assert!(used > 15, "the first tenant has rows in {used} tables only");
    let visible = database.sql(&format!(
        "SELECT set_config('license_server.tenant', '{second}', false);
         SELECT * FROM ({}) c WHERE count > 0",
        count(&format!("tenant <> '{second}'"))
    ));
    assert_eq!(visible, second.as_str());
    // A secret shows its own token only, and permits no change.
    let shown = database.sql(
        "SELECT set_config('license_server.tenant', 'secret:' || repeat('00', 32), false);
         SELECT count(*) FROM api_tokens",
    );
    assert_eq!(shown.lines().last(), Some("0"));
    let secret = database
        .superuser_sql("SELECT encode(digest, 'hex') FROM api_tokens WHERE id = 'tok_owner_site'");
    let shown = database.sql(&format!(
        "SELECT set_config('license_server.tenant', 'secret:{secret}', false);
         WITH changed AS (UPDATE api_tokens SET name = 'x' RETURNING 1) SELECT count(*) FROM changed;
         SELECT id FROM api_tokens"
    ));
    let shown: Vec<_> = shown.lines().skip(1).collect();
    assert_eq!(shown, ["0", "tok_owner_site"]);
}

/// Drafts an invoice, and returns it.
async fn draft_invoice(api: &TestApi, tenant: &TenantId) -> serde_json::Value {
    let token = api.token(tenant, "billing").await;
    let drafted = api
        .send("POST", "/api/v1/invoices", &token, Some(&invoice()))
        .await;
    assert_eq!(drafted.status, 201, "{drafted:?}");
    drafted.body
}

/// Starts a trial, and returns its id.
async fn start_trial(services: &Services) -> String {
    let new = NewTrial {
        email: EmailAddress::parse("tess@trial.example").unwrap(),
        customer: "Trial Ltd".to_owned(),
        machine: None,
    };
    let started = services.trials.start(&Actor::Console, new, false).await;
    started.unwrap().trial.id.to_string()
}

/// Gives the vendor a license, seats, a subscription, a trial and an invoice.
pub(super) async fn use_vendor(api: &TestApi, stripe: &TestStripe) -> Resources {
    stripe.sell(api.tenants.own()).await;
    let first = api.tenants.own().tenant().clone();
    let issuer = api.token(&first, "license_manager").await;
    let path = "/api/v1/licenses/issue";
    let issued = api.send("POST", path, &issuer, Some(&issue_order())).await;
    assert_eq!(issued.status, 200, "{issued:?}");
    let license = issued.body["id"].as_str().unwrap().to_owned();
    let key = issued.body["key"].as_str().unwrap();
    let acquired = api
        .tenants
        .own()
        .seats
        .acquire(acquire_request(key, 1, false));
    acquired.await.unwrap();
    let token = format!("tok_license_manager_{first}");
    let provider = create_provider(api, &first).await;
    let [webhook, delivery] = use_webhook(api.tenants.own()).await;
    let trial = start_trial(api.tenants.own()).await;
    let drafted = draft_invoice(api, &first).await;
    let invoice = drafted["id"].as_str().unwrap().to_owned();
    Resources {
        texts: vec![
            license.clone(),
            token.clone(),
            trial.clone(),
            invoice.clone(),
            "Invoice Ltd".to_owned(),
            "Trial Ltd".to_owned(),
            "ACME Ltd".to_owned(),
            "user1".to_owned(),
            "sub_1".to_owned(),
            "Globex".to_owned(),
            "price_team".to_owned(),
        ],
        ids: vec![
            ("license", Some(license.clone())),
            ("pool", Some(license)),
            ("session", Some(session(1).to_string())),
            ("id", Some(token)),
            // The answer to an activation is in the ledger.
            ("nonce", None),
            ("member", None),
            ("invitation", None),
            ("provider", Some(provider)),
            ("user", Some("user1@acme.example".to_owned())),
            ("group", None),
            ("webhook", Some(webhook)),
            ("price", Some("price_team".to_owned())),
            ("subscription", Some("sub_1".to_owned())),
            ("customer", Some("cus_1".to_owned())),
            ("delivery", Some(delivery)),
            ("trial", Some(trial)),
            ("invoice", Some(invoice)),
            ("anomaly", None),
            ("sending", None),
        ],
    }
}

/// Returns the role of a vendor with an empty ledger in a directory.
pub(super) fn vendor_role(directory: &Path) -> ServerRole {
    let ledger = directory.join("ledger.db");
    LedgerFile::new(&ledger).prepare().unwrap();
    let key = vendor();
    ServerRole::Vendor(Box::new(VendorConfig { ledger, key }))
}

#[tokio::test]
async fn a_second_tenant_neither_sees_nor_changes_the_ledger_of_a_vendor() {
    let (directory, clock) = (tempfile::tempdir().unwrap(), clock());
    let role = vendor_role(directory.path());
    let stripe = TestStripe::start();
    let store = sqlite(&directory, &clock);
    let api = TestApi::start_selling(store, &clock, role, stripe.setup()).await;
    let resources = use_vendor(&api, &stripe).await;
    api.walk(&resources).await;
}
