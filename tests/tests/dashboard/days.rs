//! The day of an administrator and of a vendor, with and without scripts.

use license_tests::{Run, Vendor, tools, words};
use serde_json::{Value, json};

use super::people::create_owner;
use super::site::{Site, acquire_body};
use super::vendor::VendorSite;

/// Runs the day of an administrator on a new server.
fn administrate(javascript: bool) {
    let Some(browser) = tools::browser() else {
        return;
    };
    let site = Site::without_keys();
    let terms = "--tier team --seats 2 --days 30 --offline";
    let report = site
        .issue("acme.lic", "ACME Ltd", terms)
        .expect_code(0)
        .json();
    let renew = words("renew acme.lic --force --key vendor.key --days 365 --out renewal.lic");
    Run::keygen(&site.workstation)
        .args(renew)
        .run()
        .expect_code(0);
    let terms = "--tier team --days 300 --floating --quota named_users=3";
    site.issue("named.lic", "ACME Design", terms).expect_code(0);
    let seats: Vec<Value> = (1_u32..)
        .zip(["bob", "carol", "dave"])
        .map(|(number, user)| acquire_body(number, user, true))
        .collect();
    let read = |file: &str| site.workstation.read(file);
    let server = site.start();
    let settings = json!({
        "url": server.url(),
        "setup_url": server.start["setup_url"],
        "authorization": format!("License {}", report["key"].as_str().unwrap()),
        "seats": seats,
        "files": {
            "trust": Vendor::shared().trust,
            "license": read("acme.lic"), "renewal": read("renewal.lic"), "named": read("named.lic"),
        },
        "javascript": javascript,
    });
    browser.run("administrator.py", &settings);
}

/// Runs the day of a vendor on a new server.
fn sell(javascript: bool) {
    let Some(browser) = tools::browser() else {
        return;
    };
    let vendor = VendorSite::new();
    let server = vendor.start();
    let email = "ann@vendor.example";
    create_owner(&server, email, "Ann");
    let settings = json!({"url": server.url(), "email": email, "javascript": javascript});
    browser.run("vendor.py", &settings);
}

#[test]
fn an_administrator_manages_a_site() {
    administrate(true);
}

#[test]
fn an_administrator_manages_a_site_without_scripts() {
    administrate(false);
}

#[test]
fn a_vendor_sells_changes_and_revokes_licenses() {
    sell(true);
}

#[test]
fn a_vendor_sells_changes_and_revokes_licenses_without_scripts() {
    sell(false);
}
