//! Messages of forms about values that are not accepted: at the field, and in words for people.

use license_issuer::clock::{Clock as _, SystemClock};

use super::sales::Vendor;
use super::*;

impl PageAnswer {
    /// Returns the messages at fields, with the names of the fields.
    fn field_errors(&self) -> Vec<(&str, &str)> {
        let parts = self.html.split("<p class=\"error\" id=\"").skip(1);
        let parts = parts.map(|part| {
            let (name, rest) = part.split_once("-error\"><bdi>").unwrap();
            (name, rest.split("</bdi></p>").next().unwrap())
        });
        parts.collect()
    }
}

/// Returns the fields of a form with other values of some of them.
fn with<'a>(
    fields: &[(&'a str, &'a str)],
    others: &[(&'a str, &'a str)],
) -> Vec<(&'a str, &'a str)> {
    let mut fields = fields.to_vec();
    fields.retain(|(name, _)| !others.iter().any(|(other, _)| other == name));
    fields.extend(others);
    fields
}

/// Sends a form with values that are not accepted, and expects the message at the field of each
/// case.
async fn refuse(
    dashboard: &Dashboard,
    browser: &PageBrowser,
    (path, right): (&str, &[(&str, &str)]),
    cases: &[(&[(&str, &str)], &str)],
) {
    for (wrong, expected) in cases {
        let fields = with(right, wrong);
        let answer = dashboard.submit(browser, path, &fields).await;
        assert_eq!(answer.status, 400, "{path} {wrong:?}: {}", answer.html);
        let (field, text) = expected.split_once(": ").unwrap();
        assert_eq!(
            answer.field_errors(),
            [(field, text)],
            "{path} {wrong:?}: {}",
            answer.html
        );
        answer.shows("<p class=\"notice-title\"><bdi>Correct the field “");
        for program in ["claim", "/api/", "the member", "T00:00:00Z", "Found:"] {
            assert!(
                !answer.html.contains(program),
                "{program} in {}",
                answer.html
            );
        }
    }
}

#[tokio::test]
async fn an_order_is_refused_at_the_field() {
    let vendor = Vendor::start().await;
    let browser = vendor.pages.sign_in(Role::LicenseManager).await;
    let right = [
        ("request", "1"),
        ("customer", "ACME Ltd"),
        ("tier", "TEAM"),
        ("days", "365"),
    ];
    let one_end = "state one end only: the last day, the length, or that the license never ends.";
    let one_end = one_end.replacen('s', "S", 1);
    let [until, days] = ["expires", "days"].map(|field| format!("{field}: {one_end}"));
    // The ledger has the clock of the system.
    let today = SystemClock.now().date_naive();
    let range = |first: chrono::NaiveDate| format!("from {first} to 9999-12-30.");
    let first = range(today);
    let long = format!("days: Enter a number of days whose last one is {first}");
    let past = format!("expires: Enter a day {first}");
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[("customer", " ")], "customer: Fill in this field."),
        (&[("tier", "")], "tier: Fill in this field."),
        (&[("days", "-5")], "days: Enter a whole number, 1 or more."),
        (&[("days", "0")], "days: Enter a whole number, 1 or more."),
        (&[("days", "4000000000")], &long),
        (&[("expires", "2027-12-31")], &until),
        (&[("perpetual", "true")], &days),
        (&[("expires", "2020-01-02"), ("days", "")], &past),
        (
            &[("expires", "soon"), ("days", "")],
            "expires: Enter a date such as 2027-12-31.",
        ),
        (
            &[("days", "")],
            "expires: The order does not state the end of the license. Enter one of “Last day”, \
             “Length in days” and “Never ends”.",
        ),
        (
            &[("not_before", "later")],
            "not_before: Enter a date such as 2027-12-31.",
        ),
        (
            &[("company", "acme ltd")],
            "company: Enter 2 to 16 characters of A-Z and 0-9.",
        ),
        (
            &[("seats", "1.5")],
            "seats: Enter a whole number, 1 or more.",
        ),
        (
            &[("devices", "x")],
            "devices: Enter a whole number, 1 or more.",
        ),
        (
            &[("quotas", "commands")],
            "quotas: Enter name=number or name=unlimited in each line.",
        ),
        (
            &[("quotas", "commands=1\ncommands=2")],
            "quotas: State one limit for each name.",
        ),
        (
            &[("users", "ann\u{200b}")],
            "users: Enter a name without control characters and invisible characters.",
        ),
        (
            &[("machines", "laptop")],
            "machines: The text is not a machine of this product. Enter a fingerprint or digest, \
             as <code>license machine</code> prints it.",
        ),
        (
            &[("max_version", "three")],
            "max_version: Enter a version requirement such as &#60;3.0.0.",
        ),
        (
            &[("maintenance_until", "x")],
            "maintenance_until: Enter a date such as 2027-12-31.",
        ),
    ];
    for path in ["/licenses/issue", "/licenses/issue/preview"] {
        refuse(&vendor.pages, &browser, (path, &right), cases).await;
    }
    let issued = vendor.pages.submit(&browser, "/licenses/issue", &right);
    let license = issued.await.expect_redirect().to_owned();
    let renew = format!("{license}/renew");
    let too_early = (today + chrono::TimeDelta::days(30)).to_string();
    let next = today + chrono::TimeDelta::days(366);
    let next = format!("until: Enter a day {}", range(next));
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[("until", &too_early)], &next),
        (
            &[("days", "many")],
            "days: Enter a whole number, 1 or more.",
        ),
        (
            &[],
            "until: The order does not state the end of the renewal. Enter one of “Last day”, \
             “Length in days” and “Never ends”.",
        ),
        (
            &[("maintenance_until", "2029-01-01"), ("days", "5")],
            "maintenance_until: The value restricts the license. Enter no date, because the \
             license covers every build date.",
        ),
    ];
    refuse(&vendor.pages, &browser, (&renew, &right[..1]), cases).await;
    let upgrade = format!("{license}/upgrade");
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[("seats", "0")], "seats: Enter a whole number, 1 or more."),
        (
            &[("tier", "FREE")],
            "tier: The value is lower than that of the license. Enter TEAM or a higher tier.",
        ),
    ];
    refuse(&vendor.pages, &browser, (&upgrade, &right[..1]), cases).await;
    let revoke = [(&[("reason", " ")][..], "reason: Fill in this field.")];
    refuse(
        &vendor.pages,
        &browser,
        (&format!("{license}/revoke"), &[]),
        &revoke,
    )
    .await;
}

#[tokio::test]
async fn a_trial_and_an_invoice_are_refused_at_the_field() {
    let vendor = Vendor::start().await;
    let browser = vendor.pages.sign_in(Role::Owner).await;
    let right = [
        ("customer", "ACME Ltd"),
        ("email", "ann@acme.example"),
        ("machine", ""),
    ];
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[("customer", " ")], "customer: Fill in this field."),
        (
            &[("email", "none")],
            "email: Enter one address in ASCII, such as ann@example.com.",
        ),
        (
            &[("machine", "laptop")],
            "machine: The text is not a machine of this product. Enter a fingerprint or digest, \
             as <code>license machine</code> prints it.",
        ),
    ];
    refuse(&vendor.pages, &browser, ("/trials/new", &right), cases).await;
    let trial = vendor.trial("Trial Ltd").await;
    let right = [("request", "1"), ("days", "7"), ("reason", "more time")];
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[("days", "-5")], "days: Enter a whole number, 1 or more."),
        (&[("days", "1000")], "days: Enter a number from 1 to 365."),
        (&[("reason", " ")], "reason: Fill in this field."),
    ];
    refuse(
        &vendor.pages,
        &browser,
        (&format!("{trial}/extend"), &right),
        cases,
    )
    .await;
    let right = [
        ("request", "1"),
        ("tier", "TEAM"),
        ("days", "365"),
        ("seats", ""),
    ];
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[("days", "x")], "days: Enter a whole number, 1 or more."),
        (
            &[("seats", "-1")],
            "seats: Enter a whole number, 1 or more.",
        ),
        (&[("tier", "")], "tier: Fill in this field."),
    ];
    refuse(
        &vendor.pages,
        &browser,
        (&format!("{trial}/convert"), &right),
        cases,
    )
    .await;
    let right = sales::fields();
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[("buyer", " ")], "buyer: Fill in this field."),
        (&[("address", "")], "address: Fill in this field."),
        (
            &[("email", "none")],
            "email: Enter an e-mail address of ASCII characters, such as ann@example.com, with at \
             most 254 bytes.",
        ),
        (
            &[("currency", "EURO")],
            "currency: Enter a currency of ISO 4217, such as EUR or USD.",
        ),
        (
            &[("lines", "25 TEAM")],
            "lines: Each line has a quantity, a price and a text. Enter a line such as 25 x \
             120.00 TEAM license.",
        ),
        (
            &[("taxes", "VAT")],
            "taxes: Each line has an amount and a text. Enter a line such as 551.00 VAT 19 %.",
        ),
        (
            &[("net_days", "-1")],
            "net_days: Enter a whole number, 0 or more.",
        ),
        (&[("days", "x")], "days: Enter a whole number, 1 or more."),
    ];
    refuse(&vendor.pages, &browser, ("/invoices/new", &right), cases).await;
}

#[tokio::test]
async fn the_forms_of_an_organization_are_refused_at_the_field() {
    let dashboard = Dashboard::start(ServerRole::Site).await;
    let browser = dashboard.sign_in(Role::Owner).await;
    let long = "x".repeat(101);
    let name = |text: &'static str| [("name", text)];
    for (path, right, wrong, expected) in [
        (
            "/groups/new",
            &name("Research")[..],
            ("name", long.as_str()),
            "name: Enter 1 to 100 characters without control characters.",
        ),
        (
            "/account/name",
            &name("Ann"),
            ("name", "https://evil.example"),
            "name: Enter 1 to 100 characters without control characters and URLs.",
        ),
        (
            "/tokens/new",
            &[("name", "x"), ("role", "auditor"), ("days", "30")],
            ("days", "many"),
            "days: Enter a whole number, 1 or more.",
        ),
        (
            "/tokens/new",
            &[("name", "x"), ("role", "auditor"), ("days", "30")],
            ("days", "5000"),
            "days: Enter a number from 1 to 3650.",
        ),
        (
            "/tokens/new",
            &[("name", "x"), ("role", "auditor"), ("days", "30")],
            ("role", ""),
            "role: Choose a role or a permission.",
        ),
        (
            "/webhooks/new",
            &[
                ("url", "https://1.1.1.1/"),
                ("events", "*"),
                ("description", ""),
            ],
            ("url", "http://1.1.1.1/"),
            "url: Enter a URL with https and a host, without credentials and fragment.",
        ),
        (
            "/webhooks/new",
            &[
                ("url", "https://1.1.1.1/"),
                ("events", "*"),
                ("description", ""),
            ],
            ("events", "license.revoked"),
            "events: Enter 1 to 32 kinds such as license.revoke, license.* or *.",
        ),
        (
            "/people/invite",
            &[("email", "a@example.com"), ("role", "member")],
            ("email", "none"),
            "email: Enter one address in ASCII, such as ann@example.com.",
        ),
    ] {
        refuse(&dashboard, &browser, (path, right), &[(&[wrong], expected)]).await;
    }
}
