//! The pages for seats, their policy, usage and planning, and the overview.

use super::{Dashboard, PageAnswer, PageBrowser};
use crate::domain::{Actor, Permission, PoolId, Role};
use crate::services::tests::floating::{acquire_request, session};
use crate::services::tests::{administration, id, token};
use crate::services::{AcquireRequest, ServerRole};

/// A name of a person that must not become a part of a page.
const HOSTILE: &str = "ann\"><script>alert(1)</script>";

/// Starts a site with a license of five seats, all of which are held. A sixth session waits.
async fn start() -> (Dashboard, String) {
    let dashboard = Dashboard::start(ServerRole::Site).await;
    let license = token(1, |draft| draft.customer = HOSTILE.to_owned());
    let services = dashboard.api.tenants.own();
    let installed = services.licenses.install(&Actor::Console, &license);
    installed.await.unwrap();
    for number in 1..=6 {
        let request = AcquireRequest {
            user: format!("{HOSTILE}{number}"),
            ..acquire_request(&license, number, number == 6)
        };
        services.seats.acquire(request).await.unwrap();
    }
    let denied = acquire_request(&license, 7, false);
    services.seats.acquire(denied).await.unwrap_err();
    let report = administration::report(1);
    services.usage.submit(id(1), &report).await.unwrap();
    services.tick().await.unwrap();
    services.finish().await.unwrap();
    (dashboard, license)
}

fn pool() -> String {
    format!("/seats/{}", PoolId::new(&id(1)))
}

fn end(number: u8) -> String {
    format!("{}/leases/{}/end", pool(), session(number))
}

impl Dashboard {
    /// Returns the number of held seats.
    async fn held(&self) -> u32 {
        let pools = &self.api.tenants.own().pools;
        pools.get(&PoolId::new(&id(1))).await.unwrap().usage.held
    }
}

impl PageAnswer {
    fn has(&self, text: &str) -> bool {
        self.html.contains(text)
    }
}

#[tokio::test]
async fn each_role_opens_the_pages_that_it_may_see() {
    let (dashboard, _) = start().await;
    for role in Role::ALL {
        let browser = dashboard.sign_in(role).await;
        let overview = dashboard.open(&browser, "/").await.expect(200);
        let may_read = role.allows(Permission::ReadSeats);
        let may_manage = role.allows(Permission::ManageSeats);
        assert_eq!(overview.has("Seats held now"), may_read, "{role}");
        assert_eq!(overview.has("Your seats"), !may_read, "{role}");
        let may_see_health = role.allows(Permission::ReadSettings);
        assert_eq!(
            overview.has("Health of the server"),
            may_see_health,
            "{role}"
        );
        assert_eq!(overview.has("href=\"/seats\""), may_read, "{role}");
        let paths = [
            "/seats".to_owned(),
            pool(),
            format!("{}/policy", pool()),
            "/seat-planning".to_owned(),
        ];
        for path in paths {
            let expected = if may_read { 200 } else { 403 };
            let page = dashboard.open(&browser, &path).await.expect(expected);
            assert!(!page.has("<script>alert"), "{path}");
            let has_action = page.has("/end?seq=") || page.has("Save the policy");
            assert!(may_manage || !has_action, "{role} {path}");
        }
        let end_page = dashboard.open(&browser, &end(1)).await;
        end_page.expect(if may_manage { 200 } else { 403 });
        let usage = dashboard.open(&browser, "/usage").await;
        let may_read_usage = role.allows(Permission::ReadUsage);
        let usage = usage.expect(if may_read_usage { 200 } else { 403 });
        assert_eq!(usage.has("Seats held"), may_read, "{role}");
        let may_delete = role.allows(Permission::ManageUsage);
        assert_eq!(usage.has("/usage/delete-reports"), may_delete, "{role}");
        let delete = dashboard.open(&browser, "/usage/delete-reports").await;
        delete.expect(if may_delete { 200 } else { 403 });
    }
}

#[tokio::test]
async fn a_role_without_the_permission_cannot_send_the_forms() {
    let (dashboard, _) = start().await;
    let auditor = dashboard.sign_in(Role::Auditor).await;
    let fields = [("mode", "hard"), ("reason", "a test"), ("seq", "")];
    let refused = dashboard.submit(&auditor, &end(1), &fields).await;
    refused.expect(403).shows("FORBIDDEN");
    let path = format!("{}/policy", pool());
    dashboard
        .submit(&auditor, &path, &policy())
        .await
        .expect(403);
    let fields = [("through", "1")];
    let refused = dashboard.submit(&auditor, "/usage/delete-reports", &fields);
    refused.await.expect(403);
    assert_eq!(dashboard.held().await, 5);
}

#[tokio::test]
async fn the_pages_show_who_holds_a_seat_and_who_waits() {
    let (dashboard, _) = start().await;
    let browser = dashboard.sign_in(Role::LicenseManager).await;
    let list = dashboard.open(&browser, "/seats").await.expect(200);
    list.shows("5 of 5");
    list.shows("No free seat");
    list.shows("data-events=\"/api/v1/pools\"");
    list.shows(&format!("href=\"{}\"", pool()));
    let page = dashboard.open(&browser, &pool()).await.expect(200);
    for text in [
        "Who holds a seat",
        "Who waits",
        "2027-01-15 09:00 UTC",
        "In use",
    ] {
        page.shows(text);
    }
    assert_eq!(page.html.matches("/end?seq=").count(), 5);
    page.shows("aria-label=\"End: ann&#34;&#62;");
    page.shows(&format!("data-events=\"/api/v1/pools/{}\"", id(1)));
    let unknown = format!("/seats/{}", id(9));
    for path in [
        unknown.clone(),
        format!("{unknown}/policy"),
        format!("{unknown}/leases/{}/end", session(1)),
    ] {
        dashboard
            .open(&browser, &path)
            .await
            .expect(404)
            .shows("NOT_FOUND");
    }
    dashboard.open(&browser, "/seats?cursor=").await.expect(400);
    dashboard.open(&browser, "/seats?page=2").await.expect(400);
    let planning = format!("/seat-planning?pool={}", id(9));
    dashboard.open(&browser, &planning).await.expect(404);
}

#[tokio::test]
async fn pools_are_searched_and_listed_by_use() {
    let (dashboard, _) = start().await;
    let services = dashboard.api.tenants.own();
    let other = token(2, |draft| draft.customer = "Byron Ltd".to_owned());
    let installed = services.licenses.install(&Actor::Console, &other);
    installed.await.unwrap();
    let browser = dashboard.sign_in(Role::Auditor).await;
    let pools = async |query: &str| {
        let page = dashboard.open(&browser, &format!("/seats{query}")).await;
        let html = page.expect(200).html;
        let other = format!("href=\"/seats/{}\"", id(2));
        let first = format!("href=\"{}\"", pool());
        (html.contains(&first), html.contains(&other))
    };
    assert_eq!(pools("").await, (true, true));
    assert_eq!(pools("?text=byr").await, (false, true));
    assert_eq!(pools("?text=ann&sort=held").await, (true, false));
    assert_eq!(pools("?sort=held").await, (true, false));
    assert_eq!(pools("?sort=held&skip=1").await, (false, false));
    for (query, text) in [
        ("text=globex", "No pool matches"),
        ("sort=held&skip=50", "No seat is held"),
        ("sort=held", "Pools in use, the fullest first"),
    ] {
        let page = dashboard.open(&browser, &format!("/seats?{query}")).await;
        page.expect(200).shows(text);
    }
    let refused = dashboard.open(&browser, "/seats?text=a&cursor=x").await;
    refused.expect(400).shows("BAD_CURSOR");
}

#[tokio::test]
async fn a_pool_is_found_by_its_customer_if_there_are_many() {
    let (dashboard, _) = start().await;
    let services = dashboard.api.tenants.own();
    for number in 2..=102 {
        let name = format!("Customer {number}");
        let license = token(number, |draft| draft.customer = name);
        let installed = services.licenses.install(&Actor::Console, &license);
        installed.await.unwrap();
    }
    let browser = dashboard.sign_in(Role::Auditor).await;
    for path in ["/usage", "/seat-planning"] {
        let open = async |text: &str| {
            let page = dashboard
                .open(&browser, &format!("{path}?pool={text}"))
                .await;
            page.expect(200)
        };
        let page = open("").await;
        page.shows("<datalist");
        let one = open("customer+102").await;
        one.shows(&format!("value=\"{}\"", id(102)));
        one.shows("<bdi>Customer 102</bdi>");
        let several = open("customer+10").await;
        several.shows("Pools that match");
        for number in [10, 100, 101, 102] {
            several.shows(&format!(
                "href=\"{path}?pool={}\"",
                id(number).as_str().replace('-', "%2D")
            ));
        }
        open("globex").await.shows("No pool matches");
    }
}

#[tokio::test]
async fn holders_are_searched_sorted_and_exported() {
    let (dashboard, _) = start().await;
    let browser = dashboard.sign_in(Role::Auditor).await;
    let users = async |query: &str| {
        let page = dashboard
            .open(&browser, &format!("{}{query}", pool()))
            .await;
        let html = page.expect(200).html;
        let table = html.split("<h2>Who waits").next().unwrap();
        let rows = table.split("<tbody>").nth(1).unwrap_or_default();
        let names = rows.split("&#60;/script&#62;").skip(1);
        let numbers = names.map(|rest| rest.chars().next().unwrap());
        numbers.filter(char::is_ascii_digit).collect::<String>()
    };
    assert_eq!(users("").await, "12345");
    assert_eq!(users("?after=3").await, "45");
    assert_eq!(users("?sort=since&order=desc").await, "54321");
    assert_eq!(users("?sort=user").await, "12345");
    assert_eq!(users("?sort=user&order=desc").await, "54321");
    assert_eq!(users("?text=ALERT(1)%3C%2Fscript%3E3").await, "3");
    assert_eq!(users("?skip=100").await, "");
    let page = dashboard
        .open(&browser, &format!("{}?text=nobody", pool()))
        .await;
    page.expect(200).shows("No holder matches");
    let file = dashboard
        .open(&browser, &format!("{}/export", pool()))
        .await;
    let file = file.expect(200);
    let lines: Vec<_> = file.html.lines().collect();
    let header = "user,machine,groups,held_since,processes,state,session";
    assert_eq!((lines[0], lines.len()), (header, 6));
    assert!(
        lines[1].contains(",2027-01-15T09:00:00Z,1,In use,sess_"),
        "{lines:?}"
    );
    let unknown = dashboard
        .open(&browser, &format!("/seats/{}/export", id(9)))
        .await;
    unknown.expect(404);
    let member = dashboard.sign_in(Role::Member).await;
    let refused = dashboard.open(&member, &format!("{}/export", pool())).await;
    refused.expect(403);
}

#[tokio::test]
async fn an_administrator_ends_a_seat_with_a_reason() {
    let (dashboard, _) = start().await;
    let browser = dashboard.sign_in(Role::Administrator).await;
    let page = dashboard.open(&browser, &format!("{}?seq=1", end(1))).await;
    let page = page.expect(200);
    assert_eq!(page.hidden("seq"), "1");
    // The page says whose seat it is.
    page.shows("&#60;/script&#62;1</bdi>");
    page.shows("2027-01-15 09:00 UTC");
    let page = dashboard.open(&browser, &format!("{}?seq=2", end(1))).await;
    page.expect(200)
        .shows("The session no longer holds this seat");
    for path in [end(1), format!("{}?seq=x", end(1))] {
        let page = dashboard.open(&browser, &path).await.expect(200);
        assert!(!page.has("Held since"), "{path}");
    }
    for (fields, status, code) in [
        (
            [("mode", "hard"), ("reason", ""), ("seq", "1")],
            400,
            "INVALID_REASON",
        ),
        (
            [("mode", "at once"), ("reason", "a test"), ("seq", "1")],
            400,
            "MALFORMED",
        ),
        (
            [("mode", "hard"), ("reason", "a test"), ("seq", "2")],
            409,
            "NO_LEASE",
        ),
        (
            [("mode", "hard"), ("reason", "a test"), ("seq", "x")],
            404,
            "NOT_FOUND",
        ),
    ] {
        let refused = dashboard.submit(&browser, &end(1), &fields).await;
        let refused = refused.expect(status);
        refused.shows(code);
        refused.shows("When it ends");
    }
    assert_eq!(dashboard.held().await, 5);
    let fields = [("mode", "soft"), ("reason", "a <b>test</b>"), ("seq", "1")];
    let ended = dashboard.submit(&browser, &end(1), &fields).await;
    assert_eq!(ended.expect_redirect(), pool());
    let page = dashboard.open(&browser, &pool()).await.expect(200);
    page.shows("Ends: a &#60;b&#62;test");
    let fields = [
        ("mode", "hard"),
        ("reason", "needed elsewhere"),
        ("seq", "1"),
    ];
    let ended = dashboard.submit(&browser, &end(1), &fields).await;
    ended.expect_redirect();
    assert_eq!(dashboard.held().await, 4);
    let missing = [("mode", "hard"), ("reason", "a test")];
    dashboard
        .submit(&browser, &end(2), &missing)
        .await
        .expect(400);
}

/// Returns the fields of a policy.
fn policy() -> [(&'static str, &'static str); 10] {
    [
        ("lifetime_seconds", "60"),
        ("renew_seconds", "20"),
        ("max_queue", "7"),
        ("overage", "none"),
        ("overage_number", ""),
        ("max_borrowed", ""),
        ("max_borrow_days", "3"),
        ("borrow_low_water", "1"),
        ("reservations", "group 2 simulation\nuser 1 ann"),
        ("holders", "anonymous"),
    ]
}

#[tokio::test]
async fn the_policy_of_a_pool_is_changed_with_a_form() {
    let (dashboard, _) = start().await;
    let browser = dashboard.sign_in(Role::LicenseManager).await;
    let path = format!("{}/policy", pool());
    for (name, value, text) in [
        ("max_queue", "many", "id=\"max_queue-error\""),
        ("reservations", "everyone 2", "id=\"reservations-error\""),
        ("overage", "seats", "id=\"overage_number-error\""),
        (
            "reservations",
            "user 6 ann",
            "more seats than the license has",
        ),
    ] {
        let mut fields = policy();
        for field in fields.iter_mut().filter(|field| field.0 == name) {
            field.1 = value;
        }
        let refused = dashboard.submit(&browser, &path, &fields).await;
        let refused = refused.expect(400);
        refused.shows(text);
        // The other values are those that the person has entered.
        refused.shows("name=\"lifetime_seconds\" type=\"number\" value=\"60\"");
    }
    let changed = dashboard.submit(&browser, &path, &policy()).await;
    assert!(changed.expect_redirect().ends_with("/policy"));
    let page = dashboard.open(&browser, &path).await.expect(200);
    page.shows("name=\"max_queue\" type=\"number\" value=\"7\"");
    page.shows("group 2 simulation\nuser 1 ann");
    let auditor = dashboard.sign_in(Role::Auditor).await;
    let page = dashboard.open(&auditor, &path).await.expect(200);
    page.shows("Only since when");
    let (pools, pool) = (&dashboard.api.tenants.own().pools, PoolId::new(&id(1)));
    let stored = pools.policy(&pool).await.unwrap();
    assert_eq!((stored.max_queue, stored.reservations.len()), (7, 2));
}

#[tokio::test]
async fn usage_has_charts_for_each_time_and_the_reports() {
    let (dashboard, _) = start().await;
    let browser = dashboard.sign_in(Role::Auditor).await;
    let own = "time=own&from=2027-01-14&through=2027-01-15";
    let month = format!("pool={}&time=month", id(1));
    for (query, rows) in [
        ("", 24),
        (month.as_str(), 30),
        (own, 34),
        ("from=2027-01-01&through=2027-01-15&pool=", 15),
    ] {
        let page = dashboard.open(&browser, &format!("/usage?{query}")).await;
        let page = page.expect(200);
        let found = page.html.matches("<th scope=\"row\">").count();
        assert_eq!(found, 2 * rows, "{query}");
        page.shows("NO_SEAT");
        page.shows("At most 5 seats were held at one time.");
    }
    for query in [
        "time=year",
        "time=own&from=yesterday",
        "time=own&from=2027-02-01",
    ] {
        let refused = dashboard.open(&browser, &format!("/usage?{query}")).await;
        assert!(matches!(refused.status, 400 | 404), "{query}: {refused:?}");
    }
    for query in ["pool=globex", "pool=globex&time=month"] {
        let page = dashboard.open(&browser, &format!("/usage?{query}")).await;
        page.expect(200).shows("No pool matches");
    }
    let page = dashboard.open(&browser, "/usage").await.expect(200);
    page.shows("Usage reports of machines");
    page.shows("href=\"/api/v1/usage-reports/export\"");
    let export = dashboard
        .open(&browser, "/api/v1/usage-reports/export")
        .await;
    assert!(!export.expect(200).html.is_empty());
}

#[tokio::test]
async fn usage_reports_are_deleted_with_a_form() {
    let (dashboard, _) = start().await;
    let browser = dashboard.sign_in(Role::LicenseManager).await;
    let path = "/usage/delete-reports";
    for through in ["", "all", "-1"] {
        let refused = dashboard
            .submit(&browser, path, &[("through", through)])
            .await;
        refused.expect(400).shows("id=\"through-error\"");
    }
    let deleted = dashboard
        .submit(&browser, path, &[("through", "1000")])
        .await;
    assert_eq!(deleted.expect_redirect(), "/usage");
    let page = dashboard.open(&browser, "/usage").await.expect(200);
    page.shows("No usage reports");
}

#[tokio::test]
async fn planning_shows_the_requests_without_a_seat() {
    let (dashboard, _) = start().await;
    let browser = dashboard.sign_in(Role::LicenseManager).await;
    let page = dashboard.open(&browser, "/seat-planning").await.expect(200);
    // One session waits for a sixth seat, and another one was denied a seventh one.
    page.shows("7 seats serve every request at once");
    page.shows("With the 5 seats of the license, 2 of 7 requests found no free seat.");
    page.shows("With 4 seats, it would have been at most 3.");
    page.shows("<h2>Requests without a free seat by hour</h2>");
    let quarter = dashboard.open(&browser, "/seat-planning?from=2026-11-01");
    let quarter = quarter.await.expect(200);
    quarter.shows("Requests without a free seat by hour, from 2026-12-16");
    let hours = quarter.html.matches("UTC</bdi></th>").count();
    assert!((720..=744).contains(&hours), "{hours}");
    let before = "/seat-planning?from=2026-12-01&through=2026-12-31";
    let page = dashboard.open(&browser, before).await.expect(200);
    page.shows("There were no requests for a seat in this time");
    let refused = dashboard
        .open(&browser, "/seat-planning?from=2027-02-01")
        .await;
    refused.expect(400).shows("BAD_REQUEST");
}

#[tokio::test]
async fn the_overview_of_an_empty_server_says_what_is_missing() {
    let dashboard = Dashboard::start(ServerRole::Site).await;
    let visitor = PageBrowser::default();
    let page = dashboard.open(&visitor, "/sign-in").await.expect(200);
    page.shows("The server has no administrator yet");
    let browser = dashboard.sign_in(Role::Owner).await;
    let page = dashboard.open(&visitor, "/sign-in").await.expect(200);
    assert!(!page.has("no administrator yet"), "{}", page.html);
    let page = dashboard.open(&browser, "/").await.expect(200);
    page.shows("No license with seats");
    page.shows("no license");
    page.shows("The server has no license yet");
    page.shows("href=\"/licenses/install\"");
    let request = dashboard.open(&browser, "/licenses/request").await;
    let request = request.expect(200);
    assert_eq!(request.html, "the request of this server");
    let disposition = request.headers["content-disposition"].to_str().unwrap();
    assert_eq!(disposition, "attachment; filename=\"server.request\"");
    let auditor = dashboard.sign_in(Role::Auditor).await;
    let seen = dashboard.open(&auditor, "/").await.expect(200);
    assert!(!seen.has("The server has no license yet"), "{}", seen.html);
    let page = dashboard.open(&browser, "/seat-planning").await.expect(200);
    page.shows("No license with seats");
    let visitor = PageBrowser::default();
    let answer = dashboard.open(&visitor, "/seats").await;
    assert_eq!(answer.expect_redirect(), "/sign-in?return_to=%2Fseats");
}
