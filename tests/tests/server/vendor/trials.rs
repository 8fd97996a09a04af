//! Trials that a user starts with `license trial`, with a mail server, and their conversion by
//! `keygen`.

use std::collections::HashSet;

use license_tests::server::{Response, Server};
use license_tests::{Run, RunOutput, Scratch, words};
use serde_json::{Value, json};

use super::{VendorSite, eventually};
use crate::mailbox::Mailbox;

fn license(scratch: &Scratch, server: &Server, line: &str) -> RunOutput {
    let run = Run::license(scratch).args(words(line));
    run.args(["--server-url", server.url()]).run()
}

#[test]
fn a_user_starts_a_trial_with_a_mail_and_keygen_converts_it() {
    let (site, mailbox) = (VendorSite::new(), Mailbox::start());
    let settings = format!(
        "--ledger ledger.db --signing-key vendor.key --trials on --mail smtp://{} \
         --mail-from licenses@example.com",
        mailbox.address
    );
    let server = Server::start(&site.scratch, &words(&settings));
    // The user has another machine, without a license.
    let user = Scratch::new();
    user.write("trust.jwks", &license_tests::Vendor::shared().trust);
    let start = "trial start --email ann@acme.example --customer Initech";
    license(&user, &server, start).expect_code(0);
    let mail = mailbox.next();
    let command = mail
        .lines()
        .find_map(|line| line.strip_prefix("license trial confirm "));
    license(&user, &server, "trial confirm wrong --trust trust.jwks").expect_code(1);
    // The command of the mail works on a machine that does not know the server.
    // The address of this server has the port 0, so the system has chosen another one.
    let command = command.unwrap().replace("http://127.0.0.1:0", server.url());
    let confirm = format!("trial confirm {command} --trust trust.jwks");
    let run = Run::license(&user).args(words(&confirm)).run();
    run.expect_code(0);
    assert!(
        mailbox.next().contains("BEGIN"),
        "the license comes by mail"
    );
    let status = Run::license(&user).args(["status", "--json"]).run();
    let status = status.expect_code(0).json();
    assert_eq!(status["code"], "VALID", "{status}");
    let text = status.to_string();
    assert!(text.contains("TRIAL") && text.contains("Initech"), "{text}");

    // keygen knows the trial, and converts it.
    let again = site.keygen("trial --key vendor.key --customer initech --out second.lic");
    assert!(again.expect_code(2).stderr.contains("TRIAL_USED"));
    let administrator = server.administrator();
    let trials = administrator.get("/api/v1/trials").expect(200);
    let trial = &trials["items"][0];
    assert_eq!(trial["state"], "started");
    let id = trial["license"].as_str().unwrap();
    let convert = format!("issue --key vendor.key --convert {id} --tier team --days 365");
    site.keygen(&format!("{convert} --offline --out paid.lic"))
        .expect_code(0);
    let path = format!("/api/v1/trials/{}", trial["id"].as_str().unwrap());
    // The server follows the ledger once a minute, and when it starts.
    let authorization = administrator.authorization.clone();
    assert!(server.stop().success());
    let server = Server::start(&site.scratch, &words(&settings));
    let administrator = server.as_administrator(&authorization);
    let converted = eventually(
        || administrator.get(&path),
        |answer| answer.json()["state"] == "converted",
    );
    assert!(converted.json()["paid_license"].is_string());
    site.verify_ledger();
}

#[test]
fn a_trial_of_keygen_is_listed_and_converted_by_the_server() {
    let site = VendorSite::new();
    // The server finds a trial that was there before, and one that `keygen` issues while it runs.
    let trial = |customer: &str| {
        let line = format!("trial --key vendor.key --customer {customer} --out {customer}.lic");
        site.keygen(&line).expect_code(0);
    };
    trial("Globex");
    let server = site.start();
    trial("Initech");
    let administrator = server.administrator();
    let list = || administrator.get("/api/v1/trials");
    let items = |answer: &Response| answer.json()["items"].as_array().unwrap().clone();
    let found = items(&eventually(list, |answer| items(answer).len() == 2));
    // Trials of the same second have no order.
    let customers: HashSet<_> = found
        .iter()
        .map(|trial| trial["customer"].as_str())
        .collect();
    assert_eq!(customers, HashSet::from([Some("Globex"), Some("Initech")]));
    for trial in &found {
        assert_eq!(trial["issued_by"], "keygen", "{trial}");
        assert_eq!(
            (&trial["state"], &trial["email"]),
            (&json!("started"), &Value::Null)
        );
    }
    // It counts for the rule of one trial.
    let again = json!({"email": "ann@initech.example", "customer": " INITECH "});
    let refused = administrator.post("/api/v1/trials", &again).expect(409);
    assert_eq!(refused["code"], "TRIAL_USED");
    let of_initech = found.iter().find(|trial| trial["customer"] == "Initech");
    let id = of_initech.unwrap()["id"].as_str().unwrap();
    let path = format!("/api/v1/trials/{id}");
    let order = json!({"tier": "team", "days": 365, "offline": true});
    let converted = administrator
        .post(&format!("{path}/convert"), &order)
        .expect(200);
    assert_eq!(converted["trial"]["state"], "converted");
    assert_eq!(converted["license"]["claims"]["sub"], "Initech");
    let own = json!({"email": "bob@hooli.example", "customer": "Hooli"});
    let started = administrator.post("/api/v1/trials", &own).expect(200);
    assert!(started["license"].is_string(), "{started}");
    // The trial of the server is in the ledger too, and is listed once.
    let found = items(&list());
    let issued_by: Vec<_> = found.iter().map(|trial| &trial["issued_by"]).collect();
    assert_eq!(issued_by, ["server", "keygen", "keygen"]);
    site.verify_ledger();
}
