//! Who may open which page, and what it offers.

use std::collections::{BTreeSet, VecDeque};

use super::*;
use crate::domain::Permission as P;

/// Returns the paths of this server that follow a text in a page.
fn paths(html: &str, before: &str) -> Vec<String> {
    let start = format!("{before}=\"/");
    let values = html.split(start.as_str()).skip(1);
    let values = values.map(|rest| rest.split('"').next().unwrap());
    values
        .map(|path| format!("/{}", path.replace("&#38;", "&").replace("&amp;", "&")))
        .collect()
}

fn is_here(path: &str) -> bool {
    AREAS.iter().any(|area| path.starts_with(area))
}

#[tokio::test]
async fn each_role_opens_the_pages_of_its_permissions() {
    let dashboard = Dashboard::start(ServerRole::Site).await;
    let owner = dashboard.sign_in(Role::Owner).await;
    let things = dashboard.things(&owner).await;
    let (member, token) = (&things.member, &things.token);
    let (group, provider) = (things.group.as_str(), things.provider.as_str());
    let webhook = format!("/webhooks/{}", things.webhook);
    let pages = [
        ("/people".to_owned(), P::ReadPeople),
        (format!("/people/{member}"), P::ReadPeople),
        ("/people/invite".to_owned(), P::ManagePeople),
        (format!("/people/{member}/role"), P::ManagePeople),
        (format!("/people/{member}/remove"), P::ManagePeople),
        ("/groups".to_owned(), P::ReadPeople),
        (group.to_owned(), P::ReadPeople),
        ("/groups/new".to_owned(), P::ManagePeople),
        (format!("{group}/name"), P::ManagePeople),
        (format!("{group}/delete"), P::ManagePeople),
        (format!("{group}/members/add"), P::ManagePeople),
        (format!("{group}/seats"), P::ManageSeats),
        ("/tokens".to_owned(), P::ReadTokens),
        ("/tokens/new".to_owned(), P::ManageTokens),
        (format!("/tokens/{token}/revoke"), P::ManageTokens),
        ("/audit".to_owned(), P::ReadAudit),
        ("/audit/1".to_owned(), P::ReadAudit),
        ("/audit/verification".to_owned(), P::ReadAudit),
        ("/audit/export".to_owned(), P::ReadAudit),
        ("/audit/table".to_owned(), P::ReadAudit),
        ("/people/export".to_owned(), P::ReadPeople),
        (format!("/people/{member}/codes"), P::ManagePeople),
        ("/licenses/request".to_owned(), P::IssueLicenses),
        ("/events".to_owned(), P::ReadAudit),
        ("/events/1".to_owned(), P::ReadAudit),
        ("/webhooks".to_owned(), P::ReadWebhooks),
        (webhook.clone(), P::ReadWebhooks),
        ("/webhooks/new".to_owned(), P::ManageWebhooks),
        (format!("{webhook}/edit"), P::ManageWebhooks),
        (format!("{webhook}/secret"), P::ManageWebhooks),
        (format!("{webhook}/replay"), P::ManageWebhooks),
        (format!("{webhook}/delete"), P::ManageWebhooks),
        ("/identity-providers".to_owned(), P::ReadSettings),
        (provider.to_owned(), P::ReadSettings),
        ("/identity-providers/new".to_owned(), P::ManageSettings),
        (format!("{provider}/edit"), P::ManageSettings),
        (format!("{provider}/delete"), P::ManageSettings),
        ("/settings".to_owned(), P::ReadSettings),
        ("/settings/delete".to_owned(), P::ManageOrganization),
        ("/settings/telemetry".to_owned(), P::ManageUsage),
    ];
    for role in Role::ALL {
        let browser = match role {
            Role::Owner => owner.clone(),
            role => dashboard.sign_in(role).await,
        };
        for (path, permission) in &pages {
            let answer = dashboard.open(&browser, path).await;
            let expected = if role.allows(*permission) { 200 } else { 403 };
            assert_eq!(answer.status, expected, "{role} {path}: {}", answer.html);
            let is_page = !path.ends_with("/export") && !path.ends_with("/table");
            assert!(
                !is_page || !answer.html.contains("<b>"),
                "{path}: {}",
                answer.html
            );
        }
        dashboard.open(&browser, "/account").await.expect(200);
    }
}

/// A person can follow each link and use each button that a page shows. Otherwise, the page offers
/// something that the role may not do.
#[tokio::test]
async fn each_link_and_each_button_works_for_the_role_that_sees_it() {
    for role in Role::ALL {
        let dashboard = Dashboard::start(ServerRole::Site).await;
        let owner = dashboard.sign_in(Role::Owner).await;
        dashboard.things(&owner).await;
        let browser = match role {
            Role::Owner => owner,
            role => dashboard.sign_in(role).await,
        };
        let mut waiting: VecDeque<String> = ["/", "/account"].map(str::to_owned).into();
        let (mut seen, mut actions) = (BTreeSet::new(), BTreeSet::new());
        while let Some(path) = waiting.pop_front() {
            if !seen.insert(path.clone()) {
                continue;
            }
            let page = dashboard.open(&browser, &path).await;
            assert_eq!(page.status, 200, "{role} {path}: {}", page.html);
            waiting.extend(
                paths(&page.html, "href")
                    .into_iter()
                    .filter(|path| is_here(path)),
            );
            let found = paths(&page.html, "method=\"post\" action").into_iter();
            actions.extend(found.filter(|path| is_here(path)));
        }
        assert!(seen.len() > 8, "{role}: {seen:?}");
        if role == Role::Owner {
            for area in AREAS.iter().filter(|area| **area != "/invitations") {
                assert!(seen.contains(*area), "{area} in {seen:?}");
            }
        }
        // The buttons that take something away come last.
        let (ends, others): (Vec<_>, Vec<_>) = actions.into_iter().partition(|path| {
            let last = path.rsplit('/').next().unwrap();
            ["delete", "revoke", "remove", "end", "withdraw"].contains(&last)
        });
        for path in others.into_iter().chain(ends) {
            let answer = dashboard.submit(&browser, &path, &[]).await;
            let is_permitted = ![403, 405].contains(&answer.status) && answer.status < 500;
            assert!(is_permitted, "{role} {path}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn an_administrator_of_a_group_sees_the_own_group_only() {
    let dashboard = Dashboard::start(ServerRole::Site).await;
    let owner = dashboard.sign_in(Role::Owner).await;
    let group = [("name", "Research")];
    let own = dashboard.sends(&owner, "/groups/new", &group).await;
    let other = [("name", "Sales")];
    let other = dashboard.sends(&owner, "/groups/new", &other).await;
    let member = dashboard.sign_in(Role::Member).await;
    let refused = dashboard.open(&member, "/groups").await.expect(403);
    // A person has a role, and no token.
    refused.shows("ask an administrator for a role");
    assert!(
        !refused.html.contains("href=\"/groups\""),
        "{}",
        refused.html
    );
    let members = dashboard.api.tenants.own().members.clone();
    let page = crate::domain::PageRequest::first();
    let found = members.list(&page).await.unwrap().items;
    let id = found.iter().find(|one| one.role == Role::Member).unwrap();
    let fields = [("member", id.account.as_str()), ("administrator", "true")];
    let add = format!("{own}/members/add");
    dashboard.sends(&owner, &add, &fields).await;

    let overview = dashboard.open(&member, "/").await.expect(200);
    overview.shows("<a href=\"/groups\">Groups</a>");
    let list = dashboard.open(&member, "/groups").await.expect(200);
    list.shows("Research");
    assert!(!list.html.contains("Sales") && !list.html.contains("Create a group"));
    let page = dashboard.open(&member, &own).await.expect(200);
    page.shows("Seats that members hold");
    for absent in ["Rename", "Add a member", "Set seats"] {
        assert!(!page.html.contains(absent), "{absent}");
    }
    dashboard.open(&member, &other).await.expect(404);
    for path in [format!("{own}/name"), format!("{own}/delete"), add] {
        let refused = dashboard.submit(&member, &path, &fields).await;
        refused.expect(403);
    }
}

#[tokio::test]
async fn another_organization_reaches_nothing() {
    let dashboard = Dashboard::start(ServerRole::Site).await;
    let owner = dashboard.sign_in(Role::Owner).await;
    let things = dashboard.things(&owner).await;
    let tenant = TenantId::new(uuid::Uuid::from_u128(2));
    let create = super::super::super::people::create_account;
    create(&dashboard.api, &tenant, "mallory@example.org", Role::Owner).await;
    let mallory = dashboard.sign_in_as("mallory@example.org").await;
    let webhook = format!("/webhooks/{}", things.webhook);
    let (group, provider) = (&things.group, &things.provider);
    let (member, token) = (&things.member, &things.token);
    for path in [
        format!("/people/{member}"),
        format!("/people/{member}/role"),
        group.clone(),
        format!("{group}/name"),
        webhook.clone(),
        format!("{webhook}/edit"),
        format!("/tokens/{token}/revoke"),
        provider.clone(),
        format!("{provider}/edit"),
    ] {
        dashboard.open(&mallory, &path).await.expect(404);
    }
    let before = dashboard.open(&owner, "/audit").await.expect(200).html;
    for (path, fields) in [
        (format!("/people/{member}/role"), &[("role", "owner")][..]),
        (format!("/people/{member}/remove"), &[]),
        (format!("/people/{member}/reset-password"), &[]),
        (format!("/invitations/{}/withdraw", things.invitation), &[]),
        (format!("{group}/name"), &[("name", "mine")]),
        (format!("{group}/delete"), &[]),
        (format!("{group}/members/{member}/remove"), &[]),
        (format!("{webhook}/test"), &[]),
        (format!("{webhook}/secret"), &[]),
        (format!("{webhook}/delete"), &[]),
        (format!("/tokens/{token}/revoke"), &[]),
        (format!("{provider}/delete"), &[]),
    ] {
        let refused = dashboard.submit(&mallory, &path, fields).await;
        assert_eq!(refused.status, 404, "{path}: {refused:?}");
    }
    let after = dashboard.open(&owner, "/audit").await.expect(200).html;
    assert_eq!(before, after);
    // The settings of the server are those of its own organization.
    let own = dashboard.open(&owner, "/settings").await.expect(200);
    own.shows("data_dir");
    let page = dashboard.open(&mallory, "/settings").await.expect(200);
    assert!(!page.html.contains("data_dir"), "{}", page.html);
    page.shows("Delete the organization");
}
