//! Machines and seats of people, and administrators of groups with real sessions.

use license_core::policy::{NAMED_USERS, Quota};

use super::*;
use crate::services::tests::floating::{acquire_request, session};
use crate::services::tests::{id, token, validation};
use crate::services::{AcquireRequest, Services, ValidateRequest};

/// Gives the site a license for two users, and a seat and a machine to each of them.
pub(in crate::api::tests) async fn use_license(services: &Services, users: [&str; 2]) {
    let license = token(1, |draft| {
        draft.set_quota(NAMED_USERS, Quota::Limit(2)).unwrap();
    });
    let installed = services.licenses.install(&Actor::Console, &license).await;
    installed.unwrap();
    let license_id = id(1);
    for (number, user) in (1..).zip(users) {
        let email = EmailAddress::parse(user).unwrap();
        let named = &services.named_users;
        let assigned = named.assign(&Actor::Console, &license_id, email).await;
        assigned.unwrap();
        let acquire = AcquireRequest {
            user: user.to_owned(),
            machine: format!("mach_{}", format!("{number}").repeat(32)),
            ..acquire_request(&license, number, false)
        };
        services.seats.acquire(acquire).await.unwrap();
        let validate = ValidateRequest {
            user: Some(user.to_owned()),
            machine: format!("mach_{}", format!("{number}").repeat(32)),
            ..validation::request(&license)
        };
        let validated = services.validate.validate(validate).await.unwrap();
        assert!(validated.valid);
    }
    services.tick().await.unwrap();
}

#[tokio::test]
async fn a_person_sees_the_own_machines_and_seats_only() {
    let people = PeopleApi::start().await;
    let other = TenantId::new(uuid::Uuid::from_u128(5));
    for (tenant, email) in [
        (people.site(), "ann@example.com"),
        (people.site(), "bob@example.com"),
        (other, "eve@example.com"),
    ] {
        people.create(&tenant, email, Role::Member).await;
    }
    use_license(
        people.api.tenants.own(),
        ["ANN@example.com", "bob@example.com"],
    )
    .await;
    for (email, machine) in [
        ("ann@example.com", "mach_1111"),
        ("bob@example.com", "mach_2222"),
    ] {
        let browser = people.browser(email).await;
        let send = |path| people.send(&browser, "GET", path, Value::Null);
        let machines = send("/account/machines").await.expect(200);
        let items = machines["items"].as_array().unwrap();
        assert_eq!(items.len(), 1, "{machines}");
        assert!(items[0]["machine"].as_str().unwrap().starts_with(machine));
        let seats = send("/account/seats").await.expect(200);
        let items = seats["items"].as_array().unwrap();
        assert_eq!(items.len(), 1, "{seats}");
        assert_eq!(items[0]["user"], email);
        assert_eq!(items[0]["pool"], id(1).to_string());
    }
    // The export has the same, and the assignment.
    let ann = people.browser("ann@example.com").await;
    let export = people.send(&ann, "GET", "/account/export", Value::Null);
    let export = export.await.expect(200);
    let of_site = &export["organizations"][0];
    assert_eq!(of_site["assignments"][0]["pool"], id(1).to_string());
    assert_eq!(of_site["assignments"].as_array().unwrap().len(), 1);
    let seats = of_site["seats"].as_array().unwrap();
    assert_eq!(seats.len(), 1, "{export}");
    assert_eq!(seats[0]["user"], "ann@example.com");
    let machines = of_site["machines"].as_array().unwrap();
    assert_eq!(machines.len(), 1, "{export}");
    assert!(!export.to_string().contains("bob@"), "{export}");
    // Only people of the organization see the usage.
    let eve = people.browser("eve@example.com").await;
    let owner = people.api.token(&people.site(), "owner").await;
    for path in ["/account/machines", "/account/seats"] {
        let found = people
            .send(&eve, "GET", path, Value::Null)
            .await
            .expect(200);
        assert_eq!(found["items"], json!([]), "{path}");
        let stranger = Browser::default();
        let refused = people.send(&stranger, "GET", path, Value::Null).await;
        refused.expect_problem(401, "UNAUTHORIZED");
        let refused = people.send_as(&owner, "GET", path, Value::Null).await;
        refused.expect_problem(401, "UNAUTHORIZED");
    }
}

#[tokio::test]
async fn a_session_of_an_administrator_of_a_group_passes_to_its_group() {
    let people = PeopleApi::start().await;
    let ann = people
        .create(&people.site(), "ann@example.com", Role::Member)
        .await;
    let bob = people
        .create(&people.site(), "bob@example.com", Role::Member)
        .await;
    use_license(
        people.api.tenants.own(),
        ["bob@example.com", "carl@example.com"],
    )
    .await;
    let (groups, console) = (&people.api.tenants.own().groups, &Actor::Console);
    let design = groups.create(console, "Design").await.unwrap().id;
    let sales = groups.create(console, "Sales").await.unwrap().id;
    let path = format!("/groups/{design}");
    let browser = people.browser("ann@example.com").await;
    let get = |path: String| {
        let (people, browser) = (&people, browser.clone());
        async move { people.send(&browser, "GET", &path, Value::Null).await }
    };
    get(path.clone()).await.expect_problem(403, "FORBIDDEN");
    for (group, account, is_administrator) in [
        (&design, &ann, true),
        (&sales, &bob, true),
        (&design, &bob, false),
    ] {
        let put = groups.put_member(console, group, account, is_administrator);
        put.await.unwrap();
    }
    get(path.clone()).await.expect(200);
    get(format!("/groups/{sales}"))
        .await
        .expect_problem(404, "NOT_FOUND");
    get("/members".to_owned())
        .await
        .expect_problem(403, "FORBIDDEN");
    // A change needs the CSRF token, and the seat was granted before Bob joined the group.
    let users = format!("/licenses/{}/users/bob@example.com", id(1));
    let without = Browser {
        csrf: None,
        ..browser.clone()
    };
    let refused = people.send(&without, "DELETE", &users, Value::Null).await;
    refused.expect_problem(403, "CSRF_REQUIRED");
    let end = format!("{path}/pools/{}/leases/{}/end", id(1), session(1));
    let reason = json!({"mode": "hard", "reason": "a test"});
    let refused = people.send(&browser, "POST", &end, reason).await;
    refused.expect_problem(404, "NOT_FOUND");
    let removed = people.send(&browser, "DELETE", &users, Value::Null).await;
    assert_eq!(removed.status, 204, "{removed:?}");
    let auditor = people.api.token(&people.site(), "auditor").await;
    let trail = people.send_as(&auditor, "GET", "/audit?limit=500", Value::Null);
    let trail = trail.await.expect(200);
    let mut entries = trail["items"].as_array().unwrap().iter();
    let entry = entries.find(|entry| entry["action"] == "user.unassign");
    let entry = entry.unwrap();
    assert_eq!(entry["actor"], format!("account:{ann}"), "{entry}");
    assert!(!entry.to_string().contains('@'), "{entry}");
}
