//! Overage of a customer with a subscription, against localstripe: a server that is killed before
//! it has recorded an answer bills nothing twice.

use std::time::{Duration, Instant};

use license_core::LicenseId;
use license_core::ProductCode;
use license_core::time::from_system_time;
use license_core::usage::{OpenPeriod, UsageCounts, write};
use license_tests::server::{Server, agent, send};
use license_tests::tools;
use rusqlite::Connection;
use serde_json::{Value, json};

use super::billing::{Localstripe, SELL, Shop, open_shop};

/// A TEAM license includes ten commands a month.
const METERS: &str = r#"
[[meters]]
name = "commands"
source = "quota:commands_per_day"
overage = "bill"
event = "coditect_commands"
included = { FREE = 0, TEAM = 10, PRO = 100, ENT = "unlimited" }
"#;

/// The section of the guide about usage.
const USAGE: &str = "Bill usage";

/// How long the test waits for the work of a server.
const PATIENCE: Duration = Duration::from_secs(20);

/// Returns a report of a machine that has used commands today.
fn report(license: &str, used: u64) -> String {
    let product = ProductCode::parse("CODITECT").unwrap();
    let license = LicenseId::parse(license).unwrap();
    let now = from_system_time(std::time::SystemTime::now()).unwrap();
    let mut period = OpenPeriod::new(None, [7; 16], 0);
    let counts = UsageCounts::quota_used("commands_per_day", used);
    period.add(Some(&license), &counts, now);
    let closed = period.close(product, Some("mach_00"), 0, || Some([9; 16]));
    write(product, &closed.unwrap(), true)
}

/// Returns the amounts that localstripe has counted, and the requests that it has got.
fn counted(stripe: &Localstripe) -> (Vec<Value>, usize) {
    let url = format!("{}/_config/meter_events", stripe.url);
    let answer = send(&agent(PATIENCE), "GET", &url, &[], "")
        .unwrap()
        .expect(200);
    let requests = answer["requests"].as_array().unwrap().len();
    (answer["events"].as_array().unwrap().clone(), requests)
}

/// Waits until localstripe has got a number of requests.
#[track_caller]
fn wait_for(stripe: &Localstripe, expected: usize) {
    let start = Instant::now();
    while counted(stripe).1 < expected {
        assert!(start.elapsed() < PATIENCE, "{:?}", counted(stripe));
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Returns what the customer of a license sees.
fn own(server: &Server, file: &str) -> Value {
    let authorization = format!("License {file}");
    let headers = [("authorization", authorization.as_str())];
    let answer = server.send("GET", "/api/v1/usage/own", &headers, "");
    answer.expect(200)["meters"][0].clone()
}

/// Starts the server again. It settles usage at its start.
fn restart(shop: &Shop, stripe: &Localstripe, server: Server) -> Server {
    server.kill();
    shop.start(stripe)
}

#[test]
fn overage_is_billed_once_although_the_server_was_killed_before_it_recorded_the_answer() {
    let (Some(_), Some(stripe)) = (tools::curl(), Localstripe::start()) else {
        return;
    };
    let (shop, _, server) = open_shop(&stripe, METERS);
    shop.run(SELL, "/v1/subscriptions");
    let sold = shop.wait("sold", |found| found["state"] == "active");
    let license = sold["license"].as_str().unwrap();
    for part in ["/v1/billing/meters", "/v1/prices", "/v1/subscription_items"] {
        shop.run(USAGE, part);
    }
    assert_eq!(
        shop.block(USAGE, "meters_file"),
        "meters_file = \"meters.toml\"\n"
    );
    let file = shop.run(SELL, "/licenses/$LICENSE/file");
    let token = token_of(&file);
    let authorization = format!("License {token}");
    let headers = [("authorization", authorization.as_str())];
    let body = json!({ "file": report(license, 17) }).to_string();
    server
        .send("POST", "/api/v1/usage-reports", &headers, &body)
        .expect(200);
    assert_eq!(own(&server, &token)["overage"], 7);

    // Stripe counts the amount, and the answer does not come before the server is killed.
    let hold = format!("{}/_config/meter_events/hold", stripe.url);
    let form = [("content-type", "application/x-www-form-urlencoded")];
    send(&agent(PATIENCE), "POST", &hold, &form, "count=1")
        .unwrap()
        .expect(200);
    let server = restart(&shop, &stripe, server);
    wait_for(&stripe, 1);
    assert_eq!(own(&server, &token)["sent"], 0);
    server.kill();
    // Two minutes later, the next attempt is due.
    let path = shop.operator.data("server.db");
    let db = Connection::open(path).unwrap();
    let changed = db.execute(
        "UPDATE usage_sendings SET next_at = 0, attempts = attempts",
        [],
    );
    assert_eq!(changed.unwrap(), 1);
    drop(db);
    let server = shop.start(&stripe);
    wait_for(&stripe, 2);
    let start = Instant::now();
    while own(&server, &token)["sent"] != 7 {
        assert!(start.elapsed() < PATIENCE, "{}", own(&server, &token));
        std::thread::sleep(Duration::from_millis(50));
    }
    let sendings = shop.run(USAGE, "/usage/sendings");
    assert!(sendings.contains("\"state\":\"sent\""), "{sendings}");
    let (events, requests) = counted(&stripe);
    assert_eq!((events.len(), requests), (1, 2), "{events:?}");
    assert_eq!(events[0]["payload"]["value"], "7");
    assert_eq!(events[0]["payload"]["stripe_customer_id"], sold["customer"]);
    assert_eq!(events[0]["event_name"], "coditect_commands");
    // A metered price has no plan, and does not change the license.
    let list = "license-server billing reconcile --config license-server.toml";
    shop.operator.run(list);
    let after = shop.wait("compared", |found| found["state"] == "active");
    assert_eq!(after["license"], license);
    assert_eq!(after["fault"], Value::Null);
}

/// Returns the token of a license file, as machines send it.
fn token_of(file: &str) -> String {
    let file = license_core::LicenseFile::parse(file).unwrap();
    file.blocks()[0].token.as_str().to_owned()
}
