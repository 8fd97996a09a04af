//! Sign-in and sign-out.

use license_tests::server::Server;
use license_tests::{Scratch, tools};
use serde_json::json;

use super::people::create_owner;

#[test]
fn a_person_signs_in_over_http_on_this_machine_and_over_tls() {
    let Some(browser) = tools::browser() else {
        return;
    };
    let (plain, secure) = (Scratch::new(), Scratch::new());
    let plain = Server::start(&plain, &[]);
    let secure = Server::start(&secure, &["--tls", "on"]);
    let email = "ann@acme.example";
    create_owner(&plain, email, "Ann");
    create_owner(&secure, email, "Ann");
    let by_name = plain.url().replace("127.0.0.1", "localhost");
    let settings = json!({"urls": [plain.url(), by_name, secure.url()], "email": email});
    browser.run("sign_in.py", &settings);
}
