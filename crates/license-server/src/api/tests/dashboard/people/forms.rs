//! The forms of people, groups, tokens, webhooks, identity providers and the audit trail.

use super::*;
use crate::domain::{AuditLine, AuditReport};

#[tokio::test]
async fn a_form_that_is_refused_shows_its_values_and_the_reason() {
    let dashboard = Dashboard::start(ServerRole::Site).await;
    let owner = dashboard.sign_in(Role::Owner).await;
    let long = "x".repeat(101);
    let provider = |name: &'static str, value: &'static str| {
        let values = [
            ("name", "ACME"),
            ("issuer", "https://login.acme.example"),
            ("client_id", "licenses"),
            ("scopes", "openid"),
            ("hosts", ""),
            ("ca_certificates", ""),
            ("groups_claim", "groups"),
            ("roles", ""),
            ("departments", ""),
            ("default_role", "member"),
            ("highest_role", ""),
            ("email_domains", ""),
            ("after_logout", ""),
        ];
        let values = values.map(|(field, kept)| (field, if field == name { value } else { kept }));
        values.to_vec()
    };
    let token = |name: &'static str, value: &'static str| {
        let values = [("name", "x"), ("role", "auditor"), ("days", "")];
        let values = values.map(|(field, kept)| (field, if field == name { value } else { kept }));
        values.to_vec()
    };
    let webhook = |name: &'static str, value: &'static str| {
        let values = [
            ("url", "https://1.1.1.1/"),
            ("events", "*"),
            ("description", ""),
        ];
        let values = values.map(|(field, kept)| (field, if field == name { value } else { kept }));
        values.to_vec()
    };
    for (path, fields, shown) in [
        (
            "/people/invite",
            vec![("email", "no <address>"), ("role", "member")],
            "value=\"no &#60;address&#62;\"",
        ),
        (
            "/people/invite",
            vec![("email", "a@example.com"), ("role", "root")],
            "a@example.com",
        ),
        ("/groups/new", vec![("name", long.as_str())], "BAD_REQUEST"),
        ("/tokens/new", token("role", ""), "role-error"),
        ("/tokens/new", token("days", ""), "days-error"),
        ("/tokens/new", token("days", "0"), "days-error"),
        ("/tokens/new", token("days", "many"), "days-error"),
        (
            "/webhooks/new",
            webhook("url", "http://10.0.0.1/"),
            "http://10.0.0.1/",
        ),
        (
            "/webhooks/new",
            webhook("events", "license.revoked"),
            "license.revoked",
        ),
        (
            "/identity-providers/new",
            provider("issuer", "no URL"),
            "no URL",
        ),
        (
            "/identity-providers/new",
            provider("roles", "admins"),
            "roles-error",
        ),
        (
            "/identity-providers/new",
            provider("roles", "admins = root"),
            "roles-error",
        ),
        (
            "/identity-providers/new",
            provider("departments", "staff"),
            "departments-error",
        ),
    ] {
        let refused = dashboard.submit(&owner, path, &fields).await;
        assert_eq!(refused.status, 400, "{path} {fields:?}: {refused:?}");
        refused.shows(shown);
    }
    // A field that the form does not have is refused, and so is a missing one.
    for fields in [&[("name", "x"), ("id", "1")][..], &[]] {
        let refused = dashboard.submit(&owner, "/groups/new", fields).await;
        refused.expect(400).shows("MALFORMED");
    }
}

#[tokio::test]
async fn a_member_is_changed_and_removed() {
    let dashboard = Dashboard::start(ServerRole::Site).await;
    let owner = dashboard.sign_in(Role::Owner).await;
    let things = dashboard.things(&owner).await;
    let path = format!("/people/{}", things.member);
    let role = [("role", "auditor")];
    let role = dashboard
        .sends(&owner, &format!("{path}/role"), &role)
        .await;
    assert_eq!(role, path);
    dashboard
        .open(&owner, &path)
        .await
        .expect(200)
        .shows("Auditor");
    let reset = dashboard
        .submit(&owner, &format!("{path}/reset-password"), &[])
        .await;
    reset.expect(201).shows("/password-reset#lsv_");
    let removed = dashboard
        .sends(&owner, &format!("{path}/remove"), &[])
        .await;
    assert_eq!(removed, "/people");
    dashboard.open(&owner, &path).await.expect(404);
    // The last owner stays.
    let services = dashboard.api.tenants.own();
    let page = crate::domain::PageRequest::first();
    let members = services.members.list(&page).await.unwrap().items;
    let path = format!("/people/{}", members[0].account);
    let refused = dashboard
        .submit(&owner, &format!("{path}/role"), &[("role", "member")])
        .await;
    refused.expect(409).shows("LAST_OWNER");
    let withdraw = format!("/invitations/{}/withdraw", things.invitation);
    assert_eq!(dashboard.sends(&owner, &withdraw, &[]).await, "/people");
    assert!(services.members.invitations().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_revocation_leads_to_what_the_token_changed() {
    let dashboard = Dashboard::start(ServerRole::Site).await;
    let owner = dashboard.sign_in(Role::Owner).await;
    let page = dashboard.open(&owner, "/tokens/new").await.expect(200);
    page.shows("name=\"days\" type=\"number\" value=\"90\"");
    let token = [
        ("name", "stolen"),
        ("role", "owner"),
        ("days", ""),
        ("never", "true"),
    ];
    let token = dashboard.submit(&owner, "/tokens/new", &token).await;
    let token = token.expect(201).html;
    let secret = token.split("lsv_").nth(1).unwrap();
    let secret = format!("lsv_{}", secret.split('<').next().unwrap());
    let group = serde_json::json!({"name": "left behind"});
    let path = "/api/v1/groups";
    let created = dashboard
        .api
        .send("POST", path, &secret, Some(&group))
        .await;
    assert_eq!(created.status, 201, "{created:?}");
    let tokens = dashboard.api.tenants.own().tokens.list().await.unwrap();
    let path = format!("/tokens/{}/revoke", tokens[0].id);
    let trail = dashboard.sends(&owner, &path, &[]).await;
    let trail = dashboard.open(&owner, &trail).await.expect(200);
    trail.shows(">group.create</bdi>");
    assert!(
        !trail.html.contains(">token.create</bdi>"),
        "{}",
        trail.html
    );
    let list = dashboard.open(&owner, "/tokens").await.expect(200);
    list.shows("Revoked");
    let again = dashboard
        .api
        .send("GET", "/api/v1/groups", &secret, None)
        .await;
    assert_eq!(again.status, 401);
}

#[tokio::test]
async fn the_trail_is_searched_verified_and_exported() {
    let dashboard = Dashboard::start(ServerRole::Site).await;
    let owner = dashboard.sign_in(Role::Owner).await;
    dashboard.things(&owner).await;
    for (query, shown, hidden) in [
        (
            "?action=webhook.*",
            ">webhook.create</bdi>",
            ">group.create</bdi>",
        ),
        (
            "?since=2027-01-15&until=2027-01-15",
            ">group.create</bdi>",
            "No entry matches",
        ),
        (
            "?since=2027-01-16",
            "No entry matches",
            ">group.create</bdi>",
        ),
        (
            "?until=2027-01-14",
            "No entry matches",
            ">group.create</bdi>",
        ),
        (
            "?actor=console",
            ">account.create</bdi>",
            ">group.create</bdi>",
        ),
    ] {
        let path = format!("/audit{query}");
        let page = dashboard.open(&owner, &path).await.expect(200);
        page.shows(shown);
        assert!(!page.html.contains(hidden), "{query}");
    }
    // People and things are shown with names and ids.
    let page = dashboard.open(&owner, "/audit").await.expect(200);
    for name in [
        "Ann",
        "Console of the server",
        "Research &#60;b&#62;",
        "helpdesk &#60;b&#62;",
    ] {
        page.shows(name);
    }
    for path in [
        "/audit?since=yesterday",
        "/audit?cursor=x",
        "/audit/0",
        "/audit/9999",
    ] {
        let refused = dashboard.open(&owner, path).await.status;
        assert!([400, 404].contains(&refused), "{path}: {refused}");
    }
    let page = dashboard.open(&owner, "/audit/verification").await;
    page.expect(200).shows("The audit trail is intact");
    let export = dashboard.open(&owner, "/audit/export").await.expect(200);
    let mut report = AuditReport::new();
    let lines: Vec<_> = export.html.lines().collect();
    for line in &lines {
        let (entry, _) = AuditLine::parse(line.as_bytes()).unwrap();
        assert!(report.verify(&entry), "{line}");
    }
    assert!(lines.len() > 8, "{lines:?}");
    let events = dashboard.open(&owner, "/events").await.expect(200);
    events.shows("identity_provider.create");
}

#[tokio::test]
async fn a_webhook_is_changed_tested_and_deleted() {
    let dashboard = Dashboard::start(ServerRole::Site).await;
    let owner = dashboard.sign_in(Role::Owner).await;
    let things = dashboard.things(&owner).await;
    let path = format!("/webhooks/{}", things.webhook);
    let list = dashboard.open(&owner, "/webhooks").await.expect(200);
    assert!(!list.html.contains("secret-path"), "the list has the host");
    assert_eq!(
        dashboard.sends(&owner, &format!("{path}/test"), &[]).await,
        path
    );
    let page = dashboard.open(&owner, &path).await.expect(200);
    page.shows("webhook.ping");
    page.shows("Waiting");
    let failed = dashboard
        .open(&owner, &format!("{path}?state=failed"))
        .await;
    failed.expect(200).shows("No delivery");
    let secret = dashboard
        .submit(&owner, &format!("{path}/secret"), &[])
        .await;
    secret.expect(201).shows("whsec_");
    let since = [("since", "2027-01-01")];
    let replayed = dashboard
        .sends(&owner, &format!("{path}/replay"), &since)
        .await;
    assert_eq!(replayed, path);
    // Without the checkbox, the webhook gets no deliveries.
    let change = [
        ("url", "https://hooks.example.com/other"),
        ("events", "*"),
        ("description", ""),
    ];
    dashboard
        .sends(&owner, &format!("{path}/edit"), &change)
        .await;
    dashboard
        .open(&owner, &path)
        .await
        .expect(200)
        .shows("Disabled");
    let refused = dashboard.submit(&owner, &format!("{path}/test"), &[]).await;
    refused.expect(409).shows("WEBHOOK_DISABLED");
    let deleted = dashboard
        .sends(&owner, &format!("{path}/delete"), &[])
        .await;
    assert_eq!(deleted, "/webhooks");
    dashboard.open(&owner, &path).await.expect(404);
}

#[tokio::test]
async fn a_provider_keeps_its_secret_and_is_of_owners_only() {
    let dashboard = Dashboard::start(ServerRole::Site).await;
    let owner = dashboard.sign_in(Role::Owner).await;
    let things = dashboard.things(&owner).await;
    let edit = format!("{}/edit", things.provider);
    let form = dashboard.open(&owner, &edit).await.expect(200);
    form.shows("admins = administrator");
    form.shows("team=a = member");
    assert!(!form.html.contains("hunter2"), "{}", form.html);
    let fields = [
        ("name", "ACME"),
        ("issuer", "https://login.acme.example"),
        ("client_id", "licenses"),
        ("client_secret", ""),
        ("scopes", "openid"),
        ("hosts", ""),
        ("ca_certificates", ""),
        ("groups_claim", "groups"),
        ("roles", "owners = owner"),
        ("departments", ""),
        ("default_role", ""),
        ("highest_role", ""),
        ("email_domains", ""),
        ("after_logout", ""),
    ];
    dashboard.sends(&owner, &edit, &fields).await;
    let page = dashboard.open(&owner, &things.provider).await.expect(200);
    page.shows("Stored");
    page.shows("/callback");
    // Owners sign in through it now, so an administrator can neither change nor delete it.
    let administrator = dashboard.sign_in(Role::Administrator).await;
    let page = dashboard.open(&administrator, &things.provider).await;
    let page = page.expect(200).html;
    assert!(
        !page.contains("/edit") && !page.contains("/delete"),
        "{page}"
    );
    let delete = format!("{}/delete", things.provider);
    for (path, fields) in [(&edit, &fields[..]), (&delete, &[])] {
        let refused = dashboard.submit(&administrator, path, fields).await;
        refused.expect(403).shows("FORBIDDEN");
    }
    let deleted = dashboard.sends(&owner, &delete, &[]).await;
    assert_eq!(deleted, "/identity-providers");
}
