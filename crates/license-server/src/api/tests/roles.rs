//! Each role on each route.

use serde_json::json;

use super::{TestApi, clock, sqlite};
use crate::domain::{Permission, Role};
use crate::services::ServerRole;

#[tokio::test]
async fn each_role_gets_the_documented_status_of_each_route() {
    let (directory, clock) = (tempfile::tempdir().unwrap(), clock());
    let api = TestApi::start(sqlite(&directory, &clock), &clock, ServerRole::Site).await;
    let site = api.tenants.own().tenant().clone();
    let mut secrets = Vec::new();
    for role in Role::ALL {
        secrets.push((role, api.token(&site, role.as_str()).await));
    }
    for operation in api.operations().await {
        let path = operation.path.replace(['{', '}'], "");
        let has_body = ["POST", "PUT", "PATCH"].contains(&operation.method.as_str());
        let empty = json!({});
        let body = has_body.then_some(&empty);
        let name = format!("{} {}", operation.method, operation.path);
        let answer = api.send(&operation.method, &path, "", body).await;
        assert_eq!(answer.status, 401, "{name}: {answer:?}");
        assert_eq!(answer.body["code"], "UNAUTHORIZED", "{name}");
        let permission = Permission::parse(&operation.permission).unwrap();
        for (role, secret) in &secrets {
            let answer = api.send(&operation.method, &path, secret, body).await;
            let status = answer.status.to_string();
            assert!(operation.statuses.contains(&status), "{name}: {answer:?}");
            if role.allows(permission) {
                assert!(
                    ![401, 403].contains(&answer.status),
                    "{role} {name}: {answer:?}"
                );
                continue;
            }
            assert_eq!(answer.status, 403, "{role} {name}: {answer:?}");
            assert_eq!(answer.body["code"], "FORBIDDEN", "{role} {name}");
            assert_eq!(
                answer.body["expected"],
                permission.as_str(),
                "{role} {name}"
            );
            let actual = role.permissions().to_string();
            assert_eq!(answer.body["actual"], actual, "{role} {name}");
        }
    }
    // HEAD needs the permission of GET, and a wrong secret is no secret.
    let member = api
        .send("HEAD", "/api/v1/tokens", &secrets[5].1, None)
        .await;
    assert_eq!(member.status, 403);
    let auditor = api
        .send("HEAD", "/api/v1/tokens", &secrets[4].1, None)
        .await;
    assert_eq!(auditor.status, 200);
    let wrong = api.send("GET", "/api/v1/tokens", "lsv_wrong", None).await;
    assert_eq!(
        (wrong.status, &wrong.body["code"]),
        (401, &json!("UNAUTHORIZED"))
    );
}

#[tokio::test]
async fn a_request_cannot_give_a_token_more_than_the_caller_has() {
    let (directory, clock) = (tempfile::tempdir().unwrap(), clock());
    let api = TestApi::start(sqlite(&directory, &clock), &clock, ServerRole::Site).await;
    let site = api.tenants.own().tenant().clone();
    let secret = api
        .token(&site, "tokens:manage tokens:read seats:read")
        .await;
    let other = api.token(&site, "auditor").await;
    for (body, status) in [
        (json!({"name": "a", "scopes": ["seats:read"]}), 201),
        (
            json!({"name": "a", "scopes": ["seats:read", "seats:manage"]}),
            403,
        ),
        (json!({"name": "a", "scopes": ["administrator"]}), 403),
        (json!({"name": "a", "scopes": ["member"]}), 400),
        (json!({"name": "a", "scopes": []}), 400),
        (json!({"name": "a", "scopes": ["admin"]}), 400),
        (json!({"name": "a", "scopes": ["seats:read owner"]}), 400),
        (json!({"name": "a", "scopes": ["seats:read\u{0}"]}), 400),
        (json!({"name": "a", "scopes": "seats:read"}), 400),
        (json!({"name": "a", "scopes": vec!["seats:read"; 33]}), 400),
        // Members that only the server sets.
        (
            json!({"name": "a", "scope": "admin", "scopes": ["seats:read"]}),
            400,
        ),
        (
            json!({"name": "a", "scopes": ["seats:read"], "permissions": ["owner"]}),
            400,
        ),
        (
            json!({"name": "a", "scopes": ["seats:read"], "tenant": "other"}),
            400,
        ),
        (
            json!({"name": "a", "scopes": ["seats:read"], "created_by": "console"}),
            400,
        ),
        (
            json!({"name": "a", "scopes": ["seats:read"], "id": "tok_1"}),
            400,
        ),
        // Names that could forge a line of a log or a header.
        (
            json!({"name": "a\r\nX-Admin: 1", "scopes": ["seats:read"]}),
            400,
        ),
        (json!({"name": "a\u{85}b", "scopes": ["seats:read"]}), 400),
        (json!({"name": "a\u{1b}[2J", "scopes": ["seats:read"]}), 400),
    ] {
        let answer = api
            .send("POST", "/api/v1/tokens", &secret, Some(&body))
            .await;
        assert_eq!(answer.status, status, "{body}: {answer:?}");
    }
    let tokens = api.send("GET", "/api/v1/tokens", &secret, None).await;
    let items = tokens.body["items"].as_array().unwrap();
    assert_eq!(items.len(), 3, "{tokens:?}");
    let item = |name: &str| items.iter().find(|item| item["name"] == name).unwrap();
    let created = item("a");
    assert_eq!(created["scopes"], json!(["seats:read"]), "{created}");
    let creator = "token:tok_tokens:manage tokens:read seats:read_site";
    assert_eq!(created["created_by"], creator, "{created}");
    let used = item("tokens:manage tokens:read seats:read");
    assert_eq!(used["last_used_on"], "2027-01-15");
    assert_eq!(item("auditor")["last_used_on"], json!(null));
    assert!(!tokens.text.contains("digest") && !tokens.text.contains("lsv_"));
    // A token that reads cannot revoke.
    let path = format!("/api/v1/tokens/{}", created["id"].as_str().unwrap());
    let refused = api.send("DELETE", &path, &other, None).await;
    assert_eq!(refused.status, 403, "{refused:?}");
}
