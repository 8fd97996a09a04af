//! Pages for licenses, machines and the ledger.

use license_issuer::ledger::Ledger;
use license_issuer::ledger::sqlite::LedgerFile;
use tempfile::TempDir;

use super::{Dashboard, PageAnswer, PageBrowser};
use crate::domain::{Permission, Role};
use crate::services::tests::{id, token, vendor};
use crate::services::{ServerRole, VendorConfig};

/// A customer who tries to change the page.
const HOSTILE: &str = "<script>alert(1)</script>\"'& Ltd";

/// Starts a vendor's server with an empty ledger.
async fn start_vendor() -> (Dashboard, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let ledger = directory.path().join("ledger.db");
    LedgerFile::new(&ledger).prepare().unwrap();
    let key = vendor();
    let role = ServerRole::Vendor(Box::new(VendorConfig { ledger, key }));
    (Dashboard::start(role).await, directory)
}

/// Installs licenses 1 and 2 of two customers on a site server, the second one with the form.
async fn start_site() -> (Dashboard, PageBrowser) {
    let dashboard = Dashboard::start(ServerRole::Site).await;
    let browser = dashboard.sign_in(Role::LicenseManager).await;
    for (number, customer) in [(1, "ACME Ltd"), (2, HOSTILE)] {
        let file = token(number, |draft| draft.customer = customer.to_owned());
        let fields = [("file", file.as_str())];
        let answer = dashboard
            .submit(&browser, "/licenses/install", &fields)
            .await;
        assert_eq!(
            answer.expect_redirect(),
            format!("/licenses/{}", id(number))
        );
    }
    (dashboard, browser)
}

/// Returns the id in the address of a new license.
fn issued(answer: &PageAnswer) -> String {
    let path = answer.expect_redirect();
    path.strip_prefix("/licenses/").unwrap().to_owned()
}

#[tokio::test]
async fn installed_licenses_are_listed_searched_and_explained() {
    let (dashboard, browser) = start_site().await;
    let list = dashboard.open(&browser, "/licenses").await.expect(200);
    list.shows("ACME Ltd");
    list.shows("&#60;script&#62;alert(1)");
    list.shows("href=\"/licenses?sort=customer\"");
    assert!(!list.html.contains("<script>alert"), "{}", list.html);
    for (query, found) in [
        ("text=acme", true),
        ("text=cme", false),
        ("state=active&sort=expires&order=desc", true),
        ("state=ending", false),
        ("state=revoked", false),
        ("tier=ENT", true),
        ("tier=PRO", false),
    ] {
        let page = dashboard
            .open(&browser, &format!("/licenses?{query}"))
            .await;
        let page = page.expect(200);
        assert_eq!(page.html.contains("ACME Ltd"), found, "{query}");
        assert_eq!(page.html.contains("No license matches"), !found, "{query}");
    }
    for query in ["state=lost", "sort=name", "cursor=x", "unknown=1"] {
        let page = dashboard
            .open(&browser, &format!("/licenses?{query}"))
            .await;
        page.expect(400);
    }
    for number in [1, 2] {
        let path = format!("/licenses/{}", id(number));
        let page = dashboard.open(&browser, &path).await.expect(200);
        page.shows("The license is active");
        page.shows("Every claim of the license");
        page.shows("Remove");
        assert!(!page.html.contains("<script>alert"), "{}", page.html);
        let file = dashboard.open(&browser, &format!("{path}/file")).await;
        file.expect(200).shows("-----BEGIN LICENSE-----");
        let code = dashboard.open(&browser, &format!("{path}/qr-code")).await;
        code.expect(200).shows("<svg");
        let machines = dashboard.open(&browser, &format!("{path}/machines")).await;
        machines.expect(200).shows("No machine has validated");
    }
    let machines = dashboard.open(&browser, "/machines?machine=ab").await;
    machines.expect(200).shows("No machine matches");
}

#[tokio::test]
async fn a_file_that_is_refused_is_shown_again_with_the_reason() {
    let (dashboard, browser) = start_site().await;
    for file in ["", "</textarea><b>no license", "-----BEGIN LICENSE-----"] {
        let fields = [("file", file)];
        let answer = dashboard
            .submit(&browser, "/licenses/install", &fields)
            .await;
        let answer = answer.expect(400);
        answer.shows("Install");
        assert!(!answer.html.contains("<b>no license"), "{}", answer.html);
    }
    let path = format!("/licenses/{}/remove", id(1));
    dashboard
        .open(&browser, &path)
        .await
        .expect(200)
        .shows("Remove");
    let answer = dashboard.submit(&browser, &path, &[]).await;
    assert_eq!(answer.expect_redirect(), "/licenses");
    dashboard.open(&browser, &path).await.expect(404);
    // A site server issues nothing.
    dashboard
        .open(&browser, "/licenses/issue")
        .await
        .expect(409);
    let path = format!("/licenses/{}/renew", id(2));
    dashboard
        .open(&browser, &path)
        .await
        .expect(409)
        .shows("WRONG_ROLE");
}

/// The pages of a license, with the permissions that they need.
const PAGES: [(&str, Permission); 10] = [
    ("/licenses", Permission::ReadLicenses),
    ("/machines", Permission::ReadLicenses),
    ("/licenses/{license}", Permission::ReadLicenses),
    ("/licenses/{license}/file", Permission::ReadLicenses),
    ("/licenses/{license}/qr-code", Permission::ReadLicenses),
    ("/licenses/{license}/machines", Permission::ReadLicenses),
    ("/licenses/issue", Permission::IssueLicenses),
    ("/licenses/{license}/renew", Permission::IssueLicenses),
    ("/licenses/{license}/revoke", Permission::RevokeLicenses),
    ("/ledger", Permission::ReadLedger),
];

#[tokio::test]
async fn each_role_sees_its_pages_and_no_action_that_it_may_not_do() {
    let (dashboard, _directory) = start_vendor().await;
    let owner = dashboard.sign_in(Role::Owner).await;
    let license = issue(&dashboard, &owner, HOSTILE).await;
    for role in Role::ALL.into_iter().filter(|role| *role != Role::Owner) {
        let browser = dashboard.sign_in(role).await;
        for (path, permission) in PAGES {
            let path = path.replace("{license}", &license);
            let status = if role.allows(permission) { 200 } else { 403 };
            let page = dashboard.open(&browser, &path).await.expect(status);
            for (link, permission) in PAGES.iter().skip(6) {
                let link = format!("href=\"{}\"", link.replace("{license}", &license));
                let is_shown = page.html.contains(&link);
                assert!(
                    !is_shown || role.allows(*permission),
                    "{role} sees {link} on {path}"
                );
            }
            assert!(!page.html.contains("<script>alert"), "{path}");
        }
        let fields = [("reason", "a test")];
        let path = format!("/licenses/{license}/revoke/preview");
        let answer = dashboard.submit(&browser, &path, &fields).await;
        let may_revoke = role.allows(Permission::RevokeLicenses);
        answer.expect(if may_revoke { 200 } else { 403 });
    }
    for path in ["/licenses/no-license", &format!("/licenses/{}", id(9))] {
        for page in [
            "",
            "/renew",
            "/upgrade",
            "/reassign",
            "/revoke",
            "/reinstate",
            "/file",
        ] {
            let answer = dashboard.open(&owner, &format!("{path}{page}")).await;
            answer.expect(404);
        }
    }
}

/// Issues a license for a year with the form, and returns its id.
async fn issue(dashboard: &Dashboard, browser: &PageBrowser, customer: &str) -> String {
    let form = dashboard.open(browser, "/licenses/issue").await.expect(200);
    let request = form.hidden("request");
    let fields = [
        ("request", request.as_str()),
        ("customer", customer),
        ("tier", "TEAM"),
        ("days", "365"),
        ("seats", "5"),
        ("users", "ann\r\nbob"),
    ];
    issued(&dashboard.submit(browser, "/licenses/issue", &fields).await)
}

#[tokio::test]
async fn a_license_is_previewed_and_then_issued_once() {
    let (dashboard, _directory) = start_vendor().await;
    let browser = dashboard.sign_in(Role::LicenseManager).await;
    let form = dashboard
        .open(&browser, "/licenses/issue")
        .await
        .expect(200);
    let request = form.hidden("request");
    let fields = [
        ("request", request.as_str()),
        ("customer", HOSTILE),
        ("tier", "PRO"),
        ("days", "30"),
    ];
    let preview = "/licenses/issue/preview";
    let page = dashboard
        .submit(&browser, preview, &fields)
        .await
        .expect(200);
    page.shows("nothing has been issued yet");
    page.shows("action=\"/licenses/issue\"");
    assert_eq!(page.hidden("request"), request);
    assert!(!page.html.contains("<script>alert"), "{}", page.html);
    let list = dashboard.open(&browser, "/licenses").await.expect(200);
    list.shows("There are no licenses yet");

    // A double click sends the same form twice.
    let send = || dashboard.submit(&browser, "/licenses/issue", &fields);
    let (first, second) = tokio::join!(send(), send());
    assert_eq!(issued(&first), issued(&second));
    let other = dashboard
        .open(&browser, "/licenses/issue")
        .await
        .expect(200);
    assert_ne!(other.hidden("request"), request);

    // A mistake is shown at its field, with the values that were entered.
    for (name, value, shown) in [
        ("seats", "many", "seats-error"),
        ("days", "0", "days-error"),
        ("customer", " ", "customer-error"),
        (
            "customer",
            "ACME\u{202e}dtL",
            "control characters and invisible",
        ),
        ("customer", "ACME\0", "control characters and invisible"),
        ("users", "ann\u{200b}", "control characters and invisible"),
        ("tier", "GOLD", "tier-error"),
        ("request", "", "the form has no number"),
    ] {
        let mut fields = fields.to_vec();
        fields.retain(|(field, _)| *field != name);
        fields.push((name, value));
        let answer = dashboard.submit(&browser, "/licenses/issue", &fields).await;
        answer.expect(400).shows(shown);
    }
    let unknown = [("unknown", "1")];
    let answer = dashboard
        .submit(&browser, "/licenses/issue", &unknown)
        .await;
    answer.expect(400);
}

#[tokio::test]
async fn a_license_is_changed_by_forms_with_a_preview() {
    let (dashboard, _directory) = start_vendor().await;
    let browser = dashboard.sign_in(Role::LicenseManager).await;
    let first = issue(&dashboard, &browser, "ACME Ltd").await;
    let change = async |license: &str, name: &str, fields: &[(&str, &str)], expected: &str| {
        let path = format!("/licenses/{license}/{name}");
        let form = dashboard.open(&browser, &path).await.expect(200);
        let request = form.hidden("request");
        let fields = [&[("request", request.as_str())], fields].concat();
        let preview = format!("{path}/preview");
        let page = dashboard.submit(&browser, &preview, &fields).await;
        page.expect(200).shows(expected);
        dashboard.submit(&browser, &path, &fields).await
    };
    let fields = [
        ("from", "ann"),
        ("to", "carol"),
        ("waive_cool_down", "true"),
    ];
    let second = change(&first, "reassign", &fields, "carol").await;
    let second = issued(&second);
    let fields = [("seats", "9")];
    let third = issued(&change(&second, "upgrade", &fields, "seats").await);
    let fourth = issued(&change(&third, "renew", &[("days", "90")], "Last day").await);
    let page = dashboard
        .open(&browser, &format!("/licenses/{fourth}"))
        .await;
    let page = page.expect(200);
    page.shows("Renewals and upgrades");
    page.shows("The license starts on");
    page.shows("Replaced, valid through");

    // A preview shows a loss, and the order is refused until the person accepts it.
    let path = format!("/licenses/{fourth}/upgrade");
    let form = dashboard.open(&browser, &path).await.expect(200);
    let request = form.hidden("request");
    let feature = license_core::FeatureMatrix::built_in().features()[0].0;
    let fields = [
        ("request", request.as_str()),
        ("seats", "6"),
        ("add_features[]", feature),
        ("add_features[]", feature),
    ];
    let preview = format!("{path}/preview");
    let answer = dashboard
        .submit(&browser, &preview, &fields)
        .await
        .expect(200);
    answer.shows("Loses");
    answer.shows(&format!("value=\"{feature}\" checked"));
    let answer = dashboard.submit(&browser, &path, &fields).await.expect(409);
    answer.shows("LOSS");
    answer.shows("check “The customer may lose");
    let accepted = [&fields[..], &[("accept_loss", "true")]].concat();
    issued(&dashboard.submit(&browser, &path, &accepted).await);
    // A license that was replaced cannot be changed again.
    let path = format!("/licenses/{first}/renew/preview");
    let answer = dashboard.submit(&browser, &path, &fields[..1]).await;
    answer.expect(409).shows("SUPERSEDED");
}

#[tokio::test]
async fn a_license_is_revoked_with_a_reason_and_reinstated() {
    let (dashboard, _directory) = start_vendor().await;
    let browser = dashboard.sign_in(Role::LicenseManager).await;
    let license = issue(&dashboard, &browser, "ACME Ltd").await;
    let page = format!("/licenses/{license}");
    let revoke = format!("{page}/revoke");
    for reason in [" ", "a\u{202e}b"] {
        let answer = dashboard
            .submit(&browser, &revoke, &[("reason", reason)])
            .await;
        answer.expect(400).shows("INVALID_REASON");
    }
    let reason = [("reason", "unpaid <b>invoice</b>")];
    let preview = format!("{revoke}/preview");
    let answer = dashboard
        .submit(&browser, &preview, &reason)
        .await
        .expect(200);
    answer.shows("nothing has changed yet");
    assert!(!answer.html.contains("<b>invoice"), "{}", answer.html);
    let detail = dashboard.open(&browser, &page).await.expect(200);
    detail.shows("The license is active");
    let answer = dashboard.submit(&browser, &revoke, &reason).await;
    assert_eq!(answer.expect_redirect(), page);
    let detail = dashboard.open(&browser, &page).await.expect(200);
    detail.shows("REVOKED");
    detail.shows("Reinstate");
    let list = dashboard.open(&browser, "/licenses?state=revoked").await;
    list.expect(200).shows("ACME Ltd");
    let reinstate = format!("{page}/reinstate");
    let answer = dashboard
        .submit(&browser, &reinstate, &[("reason", "paid")])
        .await;
    assert_eq!(answer.expect_redirect(), page);
    let list = dashboard.open(&browser, "/licenses?state=active").await;
    list.expect(200).shows("ACME Ltd");
}

#[tokio::test]
async fn a_ledger_is_exported_and_imported_into_another_one() {
    let (source, _directory) = start_vendor().await;
    let owner = source.sign_in(Role::Owner).await;
    let license = issue(&source, &owner, "ACME Ltd").await;
    let ledger = source.open(&owner, "/ledger").await.expect(200);
    let verified = source.open(&owner, "/ledger/verification").await;
    verified.expect(200).shows("The ledger is intact");
    assert!(!ledger.html.contains("The ledger is intact"));
    let export = source.open(&owner, "/ledger/export").await.expect(200).html;
    let lines: Vec<_> = export.lines().collect();
    assert!(lines.iter().any(|line| line.contains(&license)), "{export}");

    let (target, _directory) = start_vendor().await;
    let owner = target.sign_in(Role::Owner).await;
    let overview = target.open(&owner, "/").await.expect(200);
    overview.shows("No license has been issued yet");
    overview.shows("href=\"/ledger/import\"");
    let file = [("file", export.as_str())];
    let page = target.submit(&owner, "/ledger/import/preview", &file).await;
    page.expect(200).shows("nothing has been imported yet");
    let list = target.open(&owner, "/licenses").await.expect(200);
    list.shows("There are no licenses yet");
    let answer = target.submit(&owner, "/ledger/import", &file).await;
    assert_eq!(answer.expect_redirect(), "/ledger");
    let path = format!("/licenses/{license}");
    target
        .open(&owner, &path)
        .await
        .expect(200)
        .shows("ACME Ltd");
    // A later change is refused, and no part of it is imported.
    let changed = export.replace("ACME Ltd", "ACME Inc");
    let file = [("file", changed.as_str())];
    let answer = target.submit(&owner, "/ledger/import", &file).await;
    answer
        .expect(400)
        .shows("does not match its signed artifact");
    let answer = target
        .submit(&owner, "/ledger/import", &[("file", "{}")])
        .await;
    answer.expect(400).shows("line 1");
    let verified = target.open(&owner, "/ledger/verification").await;
    verified.expect(200).shows("The ledger is intact");
}
