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

/// Creates an account with a role. Returns its e-mail address.
pub(super) fn invite(
    server: &Server,
    administrator: &Administrator<'_>,
    role: &str,
    name: &str,
) -> String {
    let email = format!("{role}@acme.example");
    let order = json!({"email": email, "role": role});
    let invitation = administrator
        .post("/api/v1/invitations", &order)
        .expect(201);
    let link = invitation["link"].as_str().unwrap();
    let (_, token) = link.split_once('#').unwrap();
    let body = json!({"token": token, "name": name, "password": PASSWORD});
    server.post("/api/v1/invitations/accept", &body).expect(200);
    email
}

/// Creates an account with each role. Returns the addresses by role, and the owner first.
pub(super) fn invite_all(
    server: &Server,
    administrator: &Administrator<'_>,
    names: &[&str],
) -> Value {
    let roles = [
        "owner",
        "administrator",
        "license_manager",
        "billing",
        "auditor",
        "member",
    ];
    let names = names.iter().cycle();
    let people = roles.iter().zip(names);
    people
        .map(|(role, name)| json!([role, invite(server, administrator, role, name)]))
        .collect()
}
