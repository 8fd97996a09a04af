//! Accounts of the people who open the pages.

use license_tests::server::{Administrator, Server};
use serde_json::{Value, json};

/// The password of all accounts, which the scripts know too.
const PASSWORD: &str = "correct horse battery staple";

/// Creates the account of the first administrator with the one-time link.
pub(super) fn create_owner(server: &Server, email: &str, name: &str) {
    let link = server.start["setup_url"].as_str().unwrap();
    let (_, secret) = link.rsplit_once('/').unwrap();
    let body = json!({"secret": secret, "name": name, "email": email, "password": PASSWORD});
    server.post("/api/v1/setup", &body).expect(201);
}

/// A kind of person who sees pages of their own: the role, and a name for the kind.
const KINDS: [(&str, &str); 7] = [
    ("owner", "owner"),
    ("administrator", "administrator"),
    ("license_manager", "license_manager"),
    ("billing", "billing"),
    ("auditor", "auditor"),
    ("member", "member"),
    ("member", "group_administrator"),
];

/// Creates an account with a role.
fn invite(server: &Server, administrator: &Administrator<'_>, role: &str, email: &str, name: &str) {
    let order = json!({"email": email, "role": role});
    let invitation = administrator.post("/api/v1/invitations", &order);
    let link = invitation.expect(201)["link"].clone();
    let (_, token) = link.as_str().unwrap().split_once('#').unwrap();
    let body = json!({"token": token, "name": name, "password": PASSWORD});
    server.post("/api/v1/invitations/accept", &body).expect(200);
}

/// Creates an account of each kind, the owner first. The last one administers a group. Returns the
/// kinds with their e-mail addresses.
pub(super) fn invite_all(
    server: &Server,
    administrator: &Administrator<'_>,
    names: &[&str],
    group: &str,
) -> Value {
    let mut people = Vec::new();
    for ((role, kind), name) in KINDS.iter().zip(names.iter().cycle()) {
        let email = format!("{kind}@acme.example");
        invite(server, administrator, role, &email, name);
        people.push(json!([kind, email]));
    }
    let members = administrator.get("/api/v1/members?limit=100").expect(200);
    let members = members["items"].as_array().unwrap();
    let email = "group_administrator@acme.example";
    let last = members.iter().find(|member| member["email"] == email);
    let id = last.unwrap()["id"].as_str().unwrap();
    let path = format!("/api/v1/groups/{group}/members/{id}");
    let put = administrator.send("PUT", &path, &json!({"administrator": true}));
    assert!((200..300).contains(&put.status), "{put:?}");
    people.into()
}
