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
    let (scratch, email) = (Scratch::new(), "ann@acme.example");
    let server = Server::start(&scratch, &[]);
    create_owner(&server, email, "Ann");
    let by_name = server.url().replace("127.0.0.1", "localhost");
    let settings = json!({"urls": [server.url(), by_name], "email": email});
    browser.run("sign_in.py", &settings);
    server.stop();
    let server = Server::start(&scratch, &["--tls", "on"]);
    let settings = json!({"urls": [server.url()], "email": email});
    browser.run("sign_in.py", &settings);
}
