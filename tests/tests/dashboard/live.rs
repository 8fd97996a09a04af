//! Pages that change while a person looks at them.

use license_tests::tools;
use serde_json::{Value, json};

use super::people::create_owner;
use super::site::{Site, acquire_body};

#[test]
fn a_new_holder_of_a_seat_appears_without_a_reload_and_takes_nothing_away() {
    let Some(browser) = tools::browser() else {
        return;
    };
    let site = Site::new();
    let license = site.install("ACME Ltd", "--tier team --seats 5 --days 30 --offline");
    let server = site.start();
    let email = "ann@acme.example";
    create_owner(&server, email, "Ann");
    let seats: Vec<Value> = (1_u32..)
        .zip(["bob", "carol", "dave", "erin"])
        .map(|(number, user)| acquire_body(number, user, false))
        .collect();
    let settings = json!({
        "url": server.url(),
        "email": email,
        "authorization": license.authorization,
        "seats": seats,
    });
    browser.run("live.py", &settings);
}
