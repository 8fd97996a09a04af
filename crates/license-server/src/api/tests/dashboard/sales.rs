//! The pages of trials and invoices.

use license_issuer::ledger::Ledger;
use license_issuer::ledger::sqlite::LedgerFile;

use super::{Dashboard, PageBrowser};
use crate::domain::{Actor, EmailAddress, InvoiceState, PageRequest, Role, TenantId, TrialState};
use crate::services::tests::vendor;
use crate::services::{NewTrial, ServerRole, Services, VendorConfig};

const HOSTILE: &str = "<script>alert(1)</script> & Co";

/// A vendor's server with pages.
pub(super) struct Vendor {
    pub(super) pages: Dashboard,
    _ledger: tempfile::TempDir,
}

impl Vendor {
    pub(super) async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let ledger = directory.path().join("ledger.db");
        LedgerFile::new(&ledger).prepare().unwrap();
        let key = vendor();
        let role = ServerRole::Vendor(Box::new(VendorConfig { ledger, key }));
        Self {
            pages: Dashboard::start(role).await,
            _ledger: directory,
        }
    }

    fn services(&self) -> &Services {
        self.pages.api.tenants.own()
    }

    /// Starts a trial, and returns the path of its page.
    pub(super) async fn trial(&self, customer: &str) -> String {
        let new = NewTrial {
            email: EmailAddress::parse("tess@trial.example").unwrap(),
            customer: customer.to_owned(),
            machine: None,
        };
        let started = self.services().trials.start(&Actor::Console, new, false);
        format!("/trials/{}", started.await.unwrap().trial.id)
    }

    /// Drafts an invoice with the form, and returns the path of its page.
    async fn draft(&self, browser: &PageBrowser, fields: &[(&str, &str)]) -> String {
        let answer = self.pages.submit(browser, "/invoices/new", fields).await;
        answer.expect_redirect().to_owned()
    }

    async fn invoice_state(&self) -> InvoiceState {
        let page = PageRequest::first();
        let found = self.services().invoices.list(None, &page).await.unwrap();
        found.items.last().unwrap().state
    }
}

/// The fields of a draft with a license.
pub(super) fn fields() -> Vec<(&'static str, &'static str)> {
    vec![
        ("entity", "DE"),
        ("buyer", HOSTILE),
        ("address", "1 Road\nLondon"),
        ("tax_id", ""),
        ("email", "billing@acme.example"),
        ("currency", "EUR"),
        (
            "lines",
            "25 x 120.00 TEAM license, one year\n1 x -100 Rebate",
        ),
        ("taxes", "551.00 VAT 19 %"),
        ("purchase_order", "PO-4711"),
        ("net_days", "30"),
        ("note", ""),
        ("tier", "team"),
        ("days", "365"),
        ("seats", "5"),
    ]
}

/// Returns the fields with another value of one of them.
fn with(name: &str, value: &'static str) -> Vec<(&'static str, &'static str)> {
    let fields = fields().into_iter();
    fields
        .map(|(field, old)| (field, if field == name { value } else { old }))
        .collect()
}

#[tokio::test]
async fn a_trial_is_started_extended_and_converted_with_forms() {
    let vendor = Vendor::start().await;
    let manager = vendor.pages.sign_in(Role::LicenseManager).await;
    let pages = &vendor.pages;
    let empty = pages.open(&manager, "/trials").await.expect(200);
    empty.shows("No trials");
    let start = |email: &'static str| [("customer", HOSTILE), ("email", email), ("machine", "")];
    let refused = pages.submit(&manager, "/trials/new", &start("none")).await;
    refused.expect(400).shows("&#60;script&#62;");
    let tess = start("tess@trial.example");
    let preview = pages.submit(&manager, "/trials/new/preview", &tess).await;
    let preview = preview.expect(200);
    preview.shows("nothing has been issued yet");
    preview.shows("value=\"tess@trial.example\"");
    let none = pages.open(&manager, "/trials").await.expect(200);
    none.shows("No trials");
    let started = pages.submit(&manager, "/trials/new", &tess).await;
    let path = started.expect_redirect().to_owned();
    for path in ["/trials/new", "/trials/new/preview"] {
        let again = pages.submit(&manager, path, &tess).await;
        again.expect(409).shows("TRIAL_USED");
    }
    let page = pages.open(&manager, &path).await.expect(200);
    page.shows("Started");
    assert!(!page.html.contains("<script>alert"), "{}", page.html);
    let extend = format!("{path}/extend");
    for (days, reason) in [("0", "x"), ("many", "x"), ("7", " ")] {
        let fields = [("request", "1"), ("days", days), ("reason", reason)];
        pages.submit(&manager, &extend, &fields).await.expect(400);
    }
    let form = pages.open(&manager, &extend).await.expect(200);
    let number = form.hidden("request");
    let fields = [
        ("request", number.as_str()),
        ("days", "7"),
        ("reason", "still testing"),
    ];
    let licenses = async || {
        let found = vendor.services().licenses.list(&PageRequest::first()).await;
        found.unwrap().items.len()
    };
    // A double click extends once.
    for _ in 0..2 {
        let extended = pages.submit(&manager, &extend, &fields).await;
        assert_eq!(extended.expect_redirect(), path);
        assert_eq!(licenses().await, 2);
    }
    let unnumbered = pages.submit(&manager, &extend, &fields[1..]).await;
    assert_eq!(unnumbered.status, 400);
    let preview = format!("{extend}/preview");
    let shown = pages.submit(&manager, &preview, &fields).await.expect(200);
    shown.shows("nothing has been issued yet");
    shown.shows("action=\"/trials/");
    assert_eq!(shown.hidden("request"), number);
    assert_eq!(licenses().await, 2);
    let convert = format!("{path}/convert");
    let order = |tier| {
        [
            ("request", "1"),
            ("tier", tier),
            ("days", "365"),
            ("seats", ""),
        ]
    };
    let bad = order("none");
    pages
        .submit(&manager, &convert, &bad)
        .await
        .expect(400)
        .shows("none");
    let preview = format!("{convert}/preview");
    let shown = pages.submit(&manager, &preview, &order("team")).await;
    let shown = shown.expect(200);
    shown.shows("nothing has been issued yet");
    shown.shows("TEAM");
    let refused = pages.submit(&manager, &preview, &order("none")).await;
    refused.expect(400).shows("id=\"tier-error\"");
    assert_eq!(licenses().await, 2);
    for _ in 0..2 {
        let converted = pages.submit(&manager, &convert, &order("team")).await;
        assert_eq!(converted.expect_redirect(), path);
    }
    assert_eq!(licenses().await, 3);
    let page = pages.open(&manager, &path).await.expect(200);
    page.shows("Converted");
    assert!(!page.html.contains("/extend"), "no further action");
    let list = pages
        .open(&manager, "/trials?state=converted")
        .await
        .expect(200);
    list.shows(&path);
    let list = pages
        .open(&manager, "/trials?state=ended")
        .await
        .expect(200);
    assert!(!list.html.contains(&path));
    pages.open(&manager, "/trials?state=none").await.expect(400);
}

#[tokio::test]
async fn a_trial_whose_license_is_revoked_offers_no_change() {
    let vendor = Vendor::start().await;
    let manager = vendor.pages.sign_in(Role::LicenseManager).await;
    let pages = &vendor.pages;
    let path = vendor.trial("Trial Ltd").await;
    let page = pages.open(&manager, &path).await.expect(200);
    page.shows("/extend");
    let licenses = vendor.services().licenses.list(&PageRequest::first()).await;
    let license = licenses.unwrap().items[0].record.id.clone();
    let revoke = format!("/licenses/{license}/revoke");
    let reason = [("reason", "misused")];
    pages.submit(&manager, &revoke, &reason).await.expect(303);
    let page = pages.open(&manager, &path).await.expect(200);
    page.shows("The license is revoked");
    page.shows(">Revoked<");
    for action in ["/extend", "/convert"] {
        assert!(!page.html.contains(action), "{action} in {}", page.html);
    }
    let list = pages.open(&manager, "/trials").await.expect(200);
    list.shows(">Revoked<");
    let token = pages.api.token(&TenantId::site(), "auditor").await;
    let path = format!("/api/v1{path}");
    let trial = pages.api.send("GET", &path, &token, None).await;
    assert_eq!(trial.body["license_code"], "REVOKED", "{trial:?}");
    let trials = pages.api.send("GET", "/api/v1/trials", &token, None).await;
    let code = &trials.body["items"][0]["license_code"];
    assert_eq!(code, "REVOKED", "{trials:?}");
}

#[tokio::test]
async fn an_invoice_is_drafted_issued_and_settled_with_forms() {
    let vendor = Vendor::start().await;
    let owner = vendor.pages.sign_in(Role::Owner).await;
    let pages = &vendor.pages;
    pages
        .open(&owner, "/invoices")
        .await
        .expect(200)
        .shows("No invoices");
    pages
        .open(&owner, "/invoices/new")
        .await
        .expect(200)
        .shows("Coditect GmbH");
    for (name, value) in [
        ("entity", "US"),
        ("address", ""),
        ("email", "none"),
        ("currency", "EURO"),
        ("lines", "25 TEAM"),
        ("lines", ""),
        ("taxes", "VAT"),
        ("net_days", "121"),
        ("net_days", ""),
        ("tier", "none"),
        ("days", "x"),
    ] {
        let refused = pages
            .submit(&owner, "/invoices/new", &with(name, value))
            .await;
        let refused = refused.expect(400);
        refused.shows("PO-4711");
        assert!(!refused.html.contains("<script>alert"), "{}", refused.html);
    }
    let path = vendor.draft(&owner, &fields()).await;
    let edit = format!("{path}/edit");
    let shown = pages.open(&owner, &edit).await.expect(200);
    shown.shows("25 x 120.00 TEAM license, one year");
    shown.shows("1 x -100.00 Rebate");
    let changed = pages.submit(&owner, &edit, &with("net_days", "14")).await;
    assert_eq!(changed.expect_redirect(), path);
    pages
        .open(&owner, &format!("{path}/issue"))
        .await
        .expect(200);
    let issued = pages.submit(&owner, &format!("{path}/issue"), &[]).await;
    assert_eq!(issued.expect_redirect(), path);
    let page = pages.open(&owner, &path).await.expect(200);
    for text in [
        "Invoice DE-2027-00001",
        "3\u{202f}451.00 EUR",
        "within 14 days",
        "PO-4711",
    ] {
        page.shows(text);
    }
    assert!(!page.html.contains("<script>alert"), "{}", page.html);
    // An issued invoice does not change.
    let refused = pages.submit(&owner, &edit, &fields()).await.expect(409);
    refused.shows("INVOICE_STATE");
    let pdf = pages.open(&owner, &format!("{path}/pdf")).await.expect(200);
    assert_eq!(pdf.headers["content-type"], "application/pdf");
    assert_eq!(pdf.headers["cache-control"], "no-store");
    let payment = format!("{path}/payment");
    pages
        .open(&owner, &payment)
        .await
        .expect(200)
        .shows("3451.00");
    let fields = |on, amount, reference| {
        [
            ("paid_on", on),
            ("amount", amount),
            ("reference", reference),
        ]
    };
    for (on, amount, reference, status) in [
        ("tomorrow", "1", "7", 400),
        ("2099-01-01", "1", "7", 400),
        ("", "1", " ", 400),
        ("", "1.234", "7", 400),
        ("", "3451.01", "7", 409),
    ] {
        let fields = fields(on, amount, reference);
        pages.submit(&owner, &payment, &fields).await.expect(status);
    }
    for (amount, shown) in [("1000", "Issued, partly paid"), ("2451.00", "Paid")] {
        let fields = fields("", amount, amount);
        let paid = pages.submit(&owner, &payment, &fields).await;
        assert_eq!(paid.expect_redirect(), path);
        let page = pages.open(&owner, &path).await.expect(200);
        page.shows(shown);
        page.shows(amount);
    }
    // This server has no mail server.
    let refused = pages.submit(&owner, &format!("{path}/send"), &[]).await;
    refused.expect(409).shows("MAIL_OFF");
    assert_eq!(vendor.invoice_state().await, InvoiceState::Paid);
    let credit = format!("{path}/credit");
    pages
        .submit(&owner, &credit, &[("reason", " ")])
        .await
        .expect(400);
    let credited = pages
        .submit(&owner, &credit, &[("reason", "refunded")])
        .await;
    assert_eq!(credited.expect_redirect(), path);
    let list = pages.open(&owner, "/invoices").await.expect(200);
    list.shows("Credit note DE-2027-00002");
    list.shows("\u{2212}3\u{202f}451.00 EUR");
}

#[tokio::test]
async fn each_role_sees_what_it_may_do() {
    let vendor = Vendor::start().await;
    let owner = vendor.pages.sign_in(Role::Owner).await;
    let trial = vendor.trial("Trial Ltd").await;
    let invoice = vendor.draft(&owner, &fields()).await;
    let pages = &vendor.pages;
    for (role, trials, invoices, can_manage) in [
        (Role::Administrator, 200, 200, true),
        (Role::LicenseManager, 200, 403, false),
        (Role::Billing, 200, 200, true),
        (Role::Auditor, 200, 200, false),
        (Role::Member, 403, 403, false),
    ] {
        let browser = pages.sign_in(role).await;
        for (path, expected) in [
            ("/trials", trials),
            (trial.as_str(), trials),
            ("/invoices", invoices),
            (invoice.as_str(), invoices),
        ] {
            let answer = pages.open(&browser, path).await;
            assert_eq!(answer.status, expected, "{role} {path}");
            let is_issuer = matches!(role, Role::Administrator | Role::LicenseManager);
            if path == trial {
                assert_eq!(answer.html.contains("/extend"), is_issuer, "{role}");
            }
            if path == invoice && expected == 200 {
                assert_eq!(answer.html.contains("/issue"), can_manage, "{role}");
            }
        }
        if role == Role::Billing {
            // Who bills cannot order licenses, and cannot drop an order by accident.
            pages
                .submit(&browser, "/invoices/new", &fields())
                .await
                .expect(403);
            for form in ["edit", "activate"] {
                let path = format!("{invoice}/{form}");
                pages.open(&browser, &path).await.expect(403);
            }
            let mut plain = fields();
            plain.retain(|(name, _)| !["tier", "days", "seats"].contains(name));
            vendor.draft(&browser, &plain).await;
        }
    }
    for path in ["/trials/trl_0", "/invoices/ivc_0"] {
        pages.open(&owner, path).await.expect(404);
    }
}

#[tokio::test]
async fn a_visitor_opens_the_pages_of_mails() {
    let vendor = Vendor::start().await;
    let (pages, visitor) = (&vendor.pages, PageBrowser::default());
    for path in ["/trial", "/trial-reminders"] {
        pages
            .open(&visitor, path)
            .await
            .expect(200)
            .shows("Code of the mail");
        let refused = pages.submit(&visitor, path, &[("code", "wrong")]).await;
        refused.expect(403).shows("LINK_ENDED");
    }
    vendor.trial("Trial Ltd").await;
    let page = PageRequest::first();
    let found = vendor
        .services()
        .trials
        .list(Some(TrialState::Started), &page)
        .await;
    assert_eq!(found.unwrap().items.len(), 1);
}
