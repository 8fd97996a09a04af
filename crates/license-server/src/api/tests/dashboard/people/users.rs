//! Assigned users of a license, seats of groups, and what a person uses.

use super::*;
use crate::api::tests::people::usage::use_license;
use crate::domain::Actor;
use crate::services::tests::id;

/// A site whose license has two assigned users: a member of a group, and another person.
async fn site() -> (Dashboard, PageBrowser, PageBrowser, String) {
    let dashboard = Dashboard::start(ServerRole::Site).await;
    let owner = dashboard.sign_in(Role::Owner).await;
    let member = dashboard.sign_in(Role::Member).await;
    let services = std::sync::Arc::clone(dashboard.api.tenants.own());
    let page = crate::domain::PageRequest::first();
    let members = services.members.list(&page).await.unwrap().items;
    let account = members.iter().find(|one| one.role == Role::Member);
    let account = account.unwrap().account.clone();
    let (groups, console) = (&services.groups, &Actor::Console);
    let group = groups.create(console, "Design").await.unwrap();
    let put = groups.put_member(console, &group.id, &account, true);
    put.await.unwrap();
    use_license(&services, ["member@example.com", "bob@example.com"]).await;
    (dashboard, owner, member, format!("/groups/{}", group.id))
}

#[tokio::test]
async fn users_are_assigned_and_removed_with_a_cool_down() {
    let (dashboard, owner, member, _) = site().await;
    let path = format!("/licenses/{}/users", id(1));
    let list = dashboard.open(&owner, &path).await.expect(200);
    list.shows("member@example.com");
    list.shows("bob@example.com");
    // An administrator of a group sees and assigns its members only.
    let own = dashboard.open(&member, &path).await.expect(200);
    own.shows("member@example.com");
    assert!(!own.html.contains("bob@example.com"), "{}", own.html);
    let assign = format!("{path}/assign");
    let new = [("email", "new@example.com")];
    dashboard.submit(&member, &assign, &new).await.expect(404);
    let auditor = dashboard.sign_in(Role::Auditor).await;
    let list = dashboard.open(&auditor, &path).await.expect(200);
    assert!(!list.html.contains("Assign users"), "{}", list.html);
    dashboard.submit(&auditor, &assign, &new).await.expect(403);

    let full = dashboard.submit(&owner, &assign, &new).await;
    full.expect(409).shows(">new@example.com</textarea>");
    let several = [(
        "email",
        "bob@example.com\r\nnew@example.com\r\nother@example.com",
    )];
    let stopped = dashboard.submit(&owner, &assign, &several).await;
    let stopped = stopped.expect(409);
    stopped.shows("1 user is assigned");
    stopped.shows(">new@example.com\nother@example.com</textarea>");
    let none = dashboard.submit(&owner, &assign, &[("email", " ")]).await;
    none.expect(400).shows("email-error");
    let wrong = [("email", "no address")];
    dashboard.submit(&owner, &assign, &wrong).await.expect(400);
    let again = [("email", "BOB@example.com")];
    assert_eq!(dashboard.sends(&owner, &assign, &again).await, path);
    let remove = format!("{path}/bob@example.com/remove");
    let asked = dashboard.open(&owner, &remove).await.expect(200);
    asked.shows("after the time that the list shows");
    assert_eq!(dashboard.sends(&owner, &remove, &[]).await, path);
    dashboard
        .open(&owner, &path)
        .await
        .expect(200)
        .shows("Removed");
    // The place is not free yet.
    let early = dashboard.submit(&owner, &assign, &new).await;
    early.expect(409).shows("COOL_DOWN");
    for unknown in [
        format!("/licenses/{}/users", id(200)),
        format!("{path}/stranger/remove"),
    ] {
        dashboard.open(&owner, &unknown).await.expect(404);
    }
}

#[tokio::test]
async fn a_group_has_seats_and_its_administrator_ends_those_of_members() {
    let (dashboard, owner, member, group) = site().await;
    let pool = id(1).to_string();
    let share = |reserved, at_most| {
        let fields = [
            ("pool", pool.as_str()),
            ("reserved", reserved),
            ("at_most", at_most),
        ];
        fields.map(|(name, value): (&str, &str)| (name, value))
    };
    let seats = format!("{group}/seats");
    for (fields, status, shown) in [
        (share("many", ""), 400, "reserved-error"),
        (share("3", "2"), 400, "BAD_REQUEST"),
        (share("1000000", ""), 400, "BAD_REQUEST"),
        (
            [("pool", "globex"), ("reserved", "1"), ("at_most", "")],
            400,
            "pool-error",
        ),
        (
            [("pool", " "), ("reserved", "1"), ("at_most", "")],
            400,
            "pool-error",
        ),
    ] {
        let refused = dashboard.submit(&owner, &seats, &fields).await;
        refused.expect(status).shows(shown);
    }
    let form = dashboard.open(&owner, &seats).await.expect(200);
    form.shows(&format!("<option value=\"{pool}\""));
    let set = dashboard.sends(&owner, &seats, &share("1", "2")).await;
    assert_eq!(set, group);
    let page = dashboard.open(&owner, &group).await.expect(200);
    page.shows(&pool);
    let refused = dashboard.submit(&member, &seats, &share("2", "")).await;
    refused.expect(403);

    // The member administers the group, and sees the own seat.
    let page = dashboard.open(&member, &group).await.expect(200);
    page.shows(&format!("href=\"/licenses/{pool}/users\""));
    let users = dashboard
        .open(&member, &format!("/licenses/{pool}/users"))
        .await;
    users.expect(200).shows("href=\"/groups\"");
    page.shows("member@example.com");
    assert!(!page.html.contains("bob@example.com"), "{}", page.html);
    let end = page.html.split(&format!("href=\"{group}/end?")).nth(1);
    let query = end.unwrap().split('"').next().unwrap();
    let query = query.replace("&#38;", "&");
    let target = format!("{group}/end");
    let form = dashboard.open(&member, &format!("{target}?{query}")).await;
    let form = form.expect(200);
    form.shows("Held since");
    form.shows("<bdi>member@example.com</bdi>");
    let (session, seq) = (form.hidden("session"), form.hidden("seq"));
    let fields = |reason| {
        [
            ("pool", pool.as_str()),
            ("session", session.as_str()),
            ("seq", seq.as_str()),
            ("mode", "hard"),
            ("reason", reason),
        ]
    };
    let missing = dashboard.submit(&member, &target, &fields("")).await;
    missing.expect(400).shows("INVALID_REASON");
    let ended = dashboard.sends(&member, &target, &fields("left")).await;
    assert_eq!(ended, group);
    let page = dashboard.open(&member, &group).await.expect(200);
    page.shows("No member holds a seat");
}

#[tokio::test]
async fn a_person_sees_the_own_seats_and_machines() {
    let (dashboard, owner, member, _) = site().await;
    let link = "Groups that you administer";
    let account = dashboard.open(&member, "/account").await.expect(200);
    account.shows(link);
    let account = dashboard.open(&owner, "/account").await.expect(200);
    assert!(!account.html.contains(link), "{}", account.html);
    let page = dashboard.open(&member, "/account/use").await.expect(200);
    page.shows("mach_1111");
    page.shows("…01010101");
    assert!(!page.html.contains("mach_2222"), "{}", page.html);
}
