//! A walk over all pages as each role, on servers whose names contain markup, text in two
//! directions and long words.

use license_tests::server::{Administrator, Server};
use license_tests::tools;
use serde_json::{Value, json};

use super::names;
use super::people::invite_all;
use super::site::{InstalledLicense, Site, acquire};
use super::vendor::VendorSite;

const TERMS: &str = "--tier team --seats 3 --offline --perpetual";

/// The longest name of a person, a token or a group, in characters.
const MAX_NAME: usize = 100;

/// Returns the settings of the script. Pictures are written to the directory that the variable
/// `LICENSE_TESTS_PICTURES` names.
fn settings(server: &Server, people: &Value, directory: &str) -> Value {
    let pictures = std::env::var("LICENSE_TESTS_PICTURES").ok();
    let pictures = pictures.map(|path| format!("{path}/{directory}"));
    json!({"url": server.url(), "people": people, "pictures": pictures})
}

/// Creates what both servers have, with names that people choose.
fn fill(server: &Server, administrator: &Administrator<'_>) -> Value {
    let hostile = names::all(MAX_NAME);
    let accepted = names::create(
        administrator,
        "/api/v1/tokens",
        &hostile,
        |name| json!({"name": name, "scopes": ["auditor"]}),
    );
    let groups = names::create(
        administrator,
        "/api/v1/groups",
        &hostile,
        |name| json!({ "name": name }),
    );
    names::create(
        administrator,
        "/api/v1/webhooks",
        &names::all(200),
        |name| {
            json!({
                "url": format!("https://hooks.example.com/{}", names::long(1500)),
                "events": ["license.*"], "description": name,
            })
        },
    );
    names::create(
        administrator,
        "/api/v1/identity-providers",
        &hostile,
        |name| {
            json!({
                "name": name, "issuer": "https://login.acme.example", "client_id": names::long(200),
                "roles": [{"group": name, "role": "administrator"}],
            })
        },
    );
    let invitation = json!({"email": format!("{}@acme.example", "w".repeat(60)), "role": "member"});
    administrator
        .post("/api/v1/invitations", &invitation)
        .expect(201);
    // People have the names that tokens may have.
    let accepted: Vec<_> = accepted
        .iter()
        .filter_map(|token| token["name"].as_str())
        .collect();
    let group = groups[0]["id"].as_str().unwrap();
    invite_all(server, administrator, &accepted, group)
}

/// Uses the seats of a license under names of programs, and ends one with a reason.
fn use_seats(server: &Server, administrator: &Administrator<'_>, license: &InstalledLicense) {
    for (number, name) in (1_u32..).zip(names::all(256)) {
        acquire(server, license, number, &name, true).expect(201);
    }
    for (number, name) in (10_u32..).zip(names::all(256)) {
        acquire(server, license, number, &name, true).expect(202);
    }
    let pool = administrator.get("/api/v1/pools").expect(200)["items"][0]["pool"].clone();
    let session = format!("sess_{:032x}", 3);
    let path = format!(
        "/api/v1/pools/{}/leases/{session}/end",
        pool.as_str().unwrap()
    );
    let order = json!({"mode": "hard", "reason": names::MARKUP});
    administrator.post(&path, &order).expect(200);
}

#[test]
fn every_page_of_a_site_is_sound_for_each_role() {
    let Some(browser) = tools::browser() else {
        return;
    };
    let site = Site::new();
    let license = site.install(names::MARKUP, TERMS);
    site.install(names::BIDIRECTIONAL, "--tier pro --days 20 --offline");
    site.install(
        &names::long(10_000),
        "--tier team --seats 2 --days 300 --floating",
    );
    let named = site.install(
        "Named",
        "--tier team --days 300 --floating --quota named_users=3",
    );
    let server = site.start();
    let administrator = server.administrator();
    let people = fill(&server, &administrator);
    use_seats(&server, &administrator, &license);
    let path = format!("/api/v1/licenses/{}/users", named.id);
    let user = json!({"email": format!("{}@acme.example", "w".repeat(60))});
    administrator.post(&path, &user).expect(201);
    println!(
        "{}",
        browser.run("walk.py", &settings(&server, &people, "site"))
    );
}

#[test]
fn every_page_of_a_vendor_is_sound_for_each_role() {
    let Some(browser) = tools::browser() else {
        return;
    };
    let vendor = VendorSite::new();
    let server = vendor.start();
    let administrator = server.administrator();
    let people = fill(&server, &administrator);
    let issued = names::create(
        &administrator,
        "/api/v1/licenses/issue",
        &names::all(200),
        |name| json!({"customer": name, "tier": "team", "days": 20, "offline": true, "seats": 5}),
    );
    let id = issued[0]["id"].as_str().unwrap();
    let revoke = format!("/api/v1/licenses/{id}/revoke");
    administrator
        .post(&revoke, &json!({"reason": names::MARKUP}))
        .expect(200);
    println!(
        "{}",
        browser.run("walk.py", &settings(&server, &people, "vendor"))
    );
}
