//! The audit trail of people: from where a change came, and what was there before.

use super::*;

#[tokio::test]
async fn each_change_of_a_person_has_its_address_and_the_former_state() {
    let people = PeopleApi::start().await;
    let site = people.site();
    people.create(&site, "ann@example.com", Role::Owner).await;
    let bob = people.create(&site, "bob@example.com", Role::Auditor).await;
    let mut ann = people.browser("ann@example.com").await;
    // The session that the program had before ends with its next sign-in.
    people
        .sign_in(&mut ann, "ann@example.com", None)
        .await
        .expect(201);
    let name = json!({"name": "Annette"});
    people
        .send(&ann, "PATCH", "/account", name)
        .await
        .expect(200);
    let invited = json!({"email": "carl@example.com", "role": "member"});
    let invited = people.send(&ann, "POST", "/invitations", invited).await;
    let invited = invited.expect(201);
    let link = invited["link"].as_str().unwrap();
    let token = link.split_once('#').unwrap().1;
    let carl = json!({"token": token, "name": "Carl", "password": PASSWORD});
    let accept = "/invitations/accept";
    let joined = people.send(&Browser::default(), "POST", accept, carl).await;
    joined.expect(200);
    let dora = json!({"email": "dora@example.com", "role": "billing"});
    let dora = people
        .send(&ann, "POST", "/invitations", dora)
        .await
        .expect(201);
    let path = format!("/invitations/{}", dora["id"].as_str().unwrap());
    people
        .send(&ann, "DELETE", &path, Value::Null)
        .await
        .expect(204);
    let path = format!("/members/{bob}");
    let role = json!({"role": "billing"});
    people.send(&ann, "PATCH", &path, role).await.expect(200);
    people
        .send(&ann, "DELETE", &path, Value::Null)
        .await
        .expect(204);

    let trail = people
        .send(&ann, "GET", "/audit?limit=500", Value::Null)
        .await;
    let trail = trail.expect(200);
    let text = trail.to_string();
    for private in ["@example.com", "Ann", "Carl"] {
        assert!(!text.contains(private), "{private} in {text}");
    }
    let entries = trail["items"].as_array().unwrap();
    let of = |action: &str| {
        let found = entries.iter().filter(|entry| entry["action"] == action);
        found.collect::<Vec<_>>()
    };
    // Requests of these tests have no connection.
    let without = entries.iter().filter(|entry| entry["address"] != "0.0.0.0");
    let without: Vec<_> = without.map(|entry| &entry["actor"]).collect();
    assert_eq!(without, ["console", "console"], "the accounts of the tests");
    for (action, count) in [
        ("session.create", 2),
        ("session.end", 1),
        ("account.rename", 1),
        ("invitation.create", 2),
        ("member.join", 1),
    ] {
        let found = of(action);
        assert_eq!(found.len(), count, "{action}");
        assert!(
            found.iter().all(|entry| entry["before"].is_null()),
            "{found:?}"
        );
    }
    let withdrawn = of("invitation.withdraw");
    assert_eq!(withdrawn[0]["before"]["role"], "billing");
    assert_eq!(withdrawn[0]["before"]["link"], "shown");
    let change = of("member.change");
    assert_eq!(change[0]["before"], json!({"role": "auditor"}));
    assert_eq!(change[0]["details"], json!({"role": "billing"}));
    assert_eq!(of("member.remove")[0]["before"], json!({"role": "billing"}));
}
