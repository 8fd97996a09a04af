//! Trials over HTTP: with a mail, with an account, and without permission.

use super::*;
use crate::services::tests::vendor;
use crate::services::{ServerRole, VendorConfig};
use license_issuer::ledger::Ledger;
use license_issuer::ledger::sqlite::LedgerFile;

fn body(number: u8, email: &str) -> Value {
    json!({
        "email": email, "customer": format!("Customer {number}"),
        "machine": format!("fp1:id={number:024x}"),
    })
}

impl PeopleApi {
    /// Starts a vendor's server that sends mail to a listener.
    async fn vendor() -> (Self, TempDir) {
        let directory = tempfile::tempdir().unwrap();
        let ledger = directory.path().join("ledger.db");
        LedgerFile::new(&ledger).prepare().unwrap();
        let key = vendor();
        let role = ServerRole::Vendor(Box::new(VendorConfig { ledger, key }));
        let sink = Some(Sink::start(&[]).await);
        (Self::new_as(role, sink).await, directory)
    }
}

#[tokio::test]
async fn a_stranger_starts_a_trial_with_a_mail_and_is_limited() {
    let (mut people, _ledger) = PeopleApi::vendor().await;
    let stranger = Browser::default();
    let requests = "/trial-requests";
    for (name, value, code) in [
        ("email", "none", "MALFORMED"),
        ("customer", "", "BAD_REQUEST"),
        ("machine", "dongle", "BAD_REQUEST"),
    ] {
        let mut bad = body(1, "tess@example.com");
        bad[name] = json!(value);
        let refused = people.send(&stranger, "POST", requests, bad).await;
        refused.expect_problem(400, code);
    }
    let good = body(1, "tess@example.com");
    let first = people.send(&stranger, "POST", requests, good).await;
    let answer = first.expect(202);
    let secret = people.sink.as_mut().unwrap().next().await.secret();
    assert!(!answer.to_string().contains(&secret));
    let confirm = "/trial-requests/confirm";
    let wrong = json!({"token": "wrong"});
    let refused = people.send(&stranger, "POST", confirm, wrong).await;
    refused.expect_problem(403, "LINK_ENDED");
    let token = json!({ "token": secret });
    let started = people.send(&stranger, "POST", confirm, token.clone()).await;
    let started = started.expect(200);
    assert!(started["file"].as_str().unwrap().contains("BEGIN"));
    let again = people.send(&stranger, "POST", confirm, token).await;
    assert_eq!(again.expect(200)["license"], started["license"]);
    let stop = json!({"code": "trl_0.x"});
    let refused = people
        .send(&stranger, "POST", "/trial-reminders/stop", stop)
        .await;
    refused.expect_problem(403, "LINK_ENDED");

    // An address gets few mails, also if several strangers ask for them.
    let mut statuses = Vec::new();
    for number in 2..10 {
        let body = body(number, "victim@example.com");
        statuses.push(people.send(&stranger, "POST", requests, body).await.status);
    }
    assert!(
        statuses.contains(&202) && statuses.contains(&429),
        "{statuses:?}"
    );
}

#[tokio::test]
async fn a_person_with_a_verified_address_starts_a_trial_without_a_mail() {
    let (people, _ledger) = PeopleApi::vendor().await;
    let id = people
        .create(&people.site(), "ann@example.com", Role::Member)
        .await;
    let ann = people.browser("ann@example.com").await;
    let trial = json!({"customer": "ACME Ltd", "machine": format!("fp1:id={:024x}", 7)});
    let path = "/account/trials";
    let refused = people.send(&ann, "POST", path, trial.clone()).await;
    refused.expect_problem(403, "FORBIDDEN");
    verify(&people, &id).await;
    let ann = people.browser("ann@example.com").await;
    let started = people
        .send(&ann, "POST", path, trial.clone())
        .await
        .expect(200);
    let second = people.send(&ann, "POST", path, trial).await;
    second.expect_problem(409, "TRIAL_USED");
    let stranger = people
        .send(&Browser::default(), "POST", path, json!({}))
        .await;
    assert_eq!(stranger.status, 401);
    // The originator is the account.
    let token = people.api.token(&people.site(), "auditor").await;
    let list = people
        .send_as(&token, "GET", "/trials", Value::Null)
        .await
        .expect(200);
    let listed = &list["items"][0];
    assert_eq!(listed["id"], started["id"]);
    assert_eq!(listed["started_by"], json!(format!("account:{id}")));
    for (method, path) in [("POST", "/trials"), ("POST", "/invoices")] {
        let refused = people.send_as(&token, method, path, json!({})).await;
        refused.expect_problem(403, "FORBIDDEN");
    }
}

/// Marks the address of an account as verified.
async fn verify(people: &PeopleApi, id: &AccountId) {
    let store = &people.api.store;
    let now = people.api.tenants.own().now();
    let account = store.account(id).await.unwrap().unwrap();
    let link = crate::domain::AccountLink {
        digest: SecretDigest::new("verify"),
        purpose: crate::domain::LinkPurpose::EmailChange,
        email: account.email.unwrap(),
        account: Some(id.clone()),
        created_at: now,
        expires_at: now + chrono::TimeDelta::hours(1),
    };
    assert!(store.create_link(link, 1).await.unwrap());
    let audit = NewAuditEntry {
        actor: Actor::Console,
        action: "account.email",
        subject: id.to_string(),
        before: None,
        details: Value::Null,
        at: now,
    };
    let completed = store.complete_email_change(SecretDigest::new("verify"), audit);
    assert_eq!(completed.await.unwrap(), JoinOutcome::Joined);
}

#[tokio::test]
async fn a_site_server_starts_no_trials_and_issues_no_invoices() {
    let people = PeopleApi::with_mail().await;
    let stranger = Browser::default();
    let asked = people.send(
        &stranger,
        "POST",
        "/trial-requests",
        body(1, "a@example.com"),
    );
    asked.await.expect_problem(403, "TRIALS_OFF");
    let owner = people.api.token(&people.site(), "owner").await;
    let trial = json!({"email": "a@example.com", "customer": "A"});
    let started = people.send_as(&owner, "POST", "/trials", trial).await;
    started.expect_problem(409, "WRONG_ROLE");
    let drafted = people
        .send_as(&owner, "POST", "/invoices", super::super::walk::invoice())
        .await;
    drafted.expect_problem(409, "WRONG_ROLE");
}
