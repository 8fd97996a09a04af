//! Lists that are searched, sorted and exported.

use super::*;

#[tokio::test]
async fn members_are_searched_sorted_and_exported() {
    let dashboard = Dashboard::start(ServerRole::Site).await;
    let owner = dashboard.sign_in(Role::Owner).await;
    dashboard.sign_in(Role::Auditor).await;
    dashboard.sign_in(Role::Member).await;
    let found = async |query: &str| {
        let page = dashboard.open(&owner, &format!("/people{query}")).await;
        let html = page.expect(200).html;
        let rows = html
            .split("<bdi>")
            .filter_map(|rest| rest.split_once("@example.com</bdi>"));
        rows.map(|(name, _)| name.to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(found("").await.len(), 3);
    assert_eq!(found("?sort=email").await, ["auditor", "member", "owner"]);
    let reversed = found("?sort=email&order=desc").await;
    assert_eq!(reversed, ["owner", "member", "auditor"]);
    assert_eq!(found("?sort=role").await, ["owner", "auditor", "member"]);
    assert_eq!(found("?text=AUDITOR").await, ["auditor"]);
    assert_eq!(found("?text=member+example").await, ["member"]);
    let page = dashboard
        .open(&owner, "/people?text=nobody")
        .await
        .expect(200);
    page.shows("No member matches");
    dashboard.open(&owner, "/people?limit=3").await.expect(400);

    let file = dashboard.open(&owner, "/people/export").await.expect(200);
    assert!(
        file.headers["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/csv")
    );
    let lines: Vec<_> = file.html.lines().collect();
    assert_eq!(lines[0], "name,email,role,one_time_codes,joined_at,id");
    assert_eq!(lines.len(), 4);
    assert!(
        file.html
            .contains("auditor@example.com,auditor,off,2027-01-15T"),
        "{}",
        file.html
    );
}

#[tokio::test]
async fn the_trail_is_found_by_the_name_of_a_person() {
    let dashboard = Dashboard::start(ServerRole::Site).await;
    let owner = dashboard.sign_in(Role::Owner).await;
    dashboard.things(&owner).await;
    for actor in ["owner%40example.com", "OWNER%40example.com"] {
        let page = dashboard
            .open(&owner, &format!("/audit?actor={actor}"))
            .await;
        page.expect(200).shows("group.create");
    }
    let page = dashboard
        .open(&owner, "/audit?actor=nobody")
        .await
        .expect(200);
    page.shows("No entry matches");
    let page = dashboard.open(&owner, "/audit").await.expect(200);
    // Times of entries have seconds, and the first column leads to the entry.
    page.shows(":00 UTC</time>");
    let row = page.html.split("<tbody>").nth(1).unwrap().trim_start();
    assert!(row.starts_with("<tr><td><a href=\"/audit/"), "{row}");

    let file = dashboard.open(&owner, "/audit/table?action=group.*").await;
    let file = file.expect(200);
    let lines: Vec<_> = file
        .html
        .split("\r\n")
        .filter(|line| !line.is_empty())
        .collect();
    assert_eq!(
        lines[0],
        "seq,at,actor,action,subject,address,before,details,hash"
    );
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines[1].contains(",group.member_put,grp_"), "{lines:?}");
    dashboard
        .open(&owner, "/audit/table?since=x")
        .await
        .expect(400);
}

#[tokio::test]
async fn events_are_filtered_by_their_kind_and_have_a_page() {
    let dashboard = Dashboard::start(ServerRole::Site).await;
    let owner = dashboard.sign_in(Role::Owner).await;
    dashboard.things(&owner).await;
    for (query, shown, hidden) in [
        (
            "?kind=webhook.*",
            ">webhook.create</bdi>",
            ">group.create</bdi>",
        ),
        (
            "?kind=group.create",
            ">group.create</bdi>",
            ">webhook.create</bdi>",
        ),
        (
            "?kind=trial.start",
            "No event of this kind",
            ">group.create</bdi>",
        ),
        ("?kind=", ">group.create</bdi>", "No event"),
    ] {
        let page = dashboard.open(&owner, &format!("/events{query}")).await;
        let page = page.expect(200);
        page.shows(shown);
        assert!(!page.html.contains(hidden), "{query}: {}", page.html);
    }
    let page = dashboard.open(&owner, "/events?kind=group.create").await;
    let number = page.html.split("href=\"/events/").nth(1).unwrap();
    let number = number.split('"').next().unwrap();
    let page = dashboard.open(&owner, &format!("/events/{number}")).await;
    let page = page.expect(200);
    page.shows("group.create");
    page.shows("Research &#60;b&#62;");
    for path in ["/events/0", "/events/9999", "/events/x"] {
        let refused = dashboard.open(&owner, path).await.status;
        assert!([400, 404].contains(&refused), "{path}: {refused}");
    }
}
