//! Marks of known devices: a change of the credentials ends them, and codes are counted.

use super::*;

const OTHER_PASSWORD: &str = "another correct horse";

impl Browser {
    /// Returns the browser without its session.
    fn signed_out(&self) -> Self {
        Self {
            device: self.device.clone(),
            ..Self::default()
        }
    }
}

impl PeopleApi {
    /// Uses up the attempts that strangers have for an account.
    async fn exhaust(&self, email: &str) {
        for number in 0..25 {
            let body = json!({"email": email, "password": format!("wrong {number}")});
            self.send(&Browser::default(), "POST", "/sessions", body)
                .await;
        }
    }

    /// Turns one-time codes on, and returns their secret. The browser keeps its new mark.
    async fn turn_totp_on(&self, browser: &mut Browser) -> String {
        let proof = json!({"password": PASSWORD});
        let new = self.send(browser, "POST", "/account/totp", proof).await;
        let secret = new.expect(201)["secret"].as_str().unwrap().to_owned();
        let confirm = json!({"totp": code(&secret, &self.clock)});
        let path = "/account/totp/confirm";
        let confirmed = self.send(browser, "POST", path, confirm).await;
        browser.device = confirmed.cookie(cookies::DEVICE);
        confirmed.expect(201);
        secret
    }
}

#[tokio::test]
async fn a_new_password_ends_the_marks_of_other_devices() {
    let mut people = PeopleApi::with_mail().await;
    let email = "ann@example.com";
    people.create(&people.site(), email, Role::Owner).await;
    let thief = people.browser(email).await;
    let mut ann = people.browser(email).await;
    let change = json!({"current": PASSWORD, "new": OTHER_PASSWORD});
    let changed = people.send(&ann, "POST", "/account/password", change).await;
    ann.device = changed.cookie(cookies::DEVICE);
    assert_eq!(changed.status, 204);
    people.exhaust(email).await;
    // Both know the password. The thief had signed in before.
    let body = json!({"email": email, "password": OTHER_PASSWORD});
    let send = async |browser: &Browser| {
        let browser = browser.signed_out();
        people
            .send(&browser, "POST", "/sessions", body.clone())
            .await
    };
    send(&thief).await.expect_problem(429, "RATE_LIMITED");
    send(&ann).await.expect(201);
    // The browser that resets the password is known, and the former ones are not.
    let reset = json!({ "email": email });
    people
        .send(&ann, "POST", "/password-resets", reset)
        .await
        .expect(202);
    let sink = people.sink.as_mut().unwrap();
    // The first mail announces the change of the password.
    sink.next().await;
    let token = sink.next().await.secret();
    let body = json!({"token": token, "password": PASSWORD});
    let stranger = Browser::default();
    let confirmed = people
        .send(&stranger, "POST", "/password-resets/confirm", body)
        .await;
    assert_eq!(confirmed.status, 204, "{confirmed:?}");
    let mut fresh = Browser {
        device: confirmed.cookie(cookies::DEVICE),
        ..stranger
    };
    let mut former = ann.signed_out();
    people
        .sign_in(&mut former, email, None)
        .await
        .expect_problem(429, "RATE_LIMITED");
    people.sign_in(&mut fresh, email, None).await.expect(201);
}

#[tokio::test]
async fn wrong_codes_count_for_the_account_and_do_not_lock_its_owner_out() {
    let people = PeopleApi::start().await;
    let email = "ann@example.com";
    people.create(&people.site(), email, Role::Owner).await;
    // A thief of the password signs in a few times before codes are needed, and keeps the marks.
    let mut marks = Vec::new();
    for _ in 0..3 {
        marks.push(people.browser(email).await.signed_out());
    }
    let mut ann = people.browser(email).await;
    let secret = people.turn_totp_on(&mut ann).await;
    let mut statuses = Vec::new();
    for number in 0..12 {
        let mut thief = marks[number % marks.len()].clone();
        let guess = format!("{number:06}");
        let refused = people.sign_in(&mut thief, email, Some(&guess)).await;
        statuses.push(refused.status);
    }
    let expected = [vec![401; 10], vec![429; 2]].concat();
    assert_eq!(statuses, expected);
    // The right code no longer helps the thief. A missing code is no guess.
    people.clock.advance_ms(60_000);
    let right = code(&secret, &people.clock);
    let refused = people
        .sign_in(&mut marks[0].clone(), email, Some(&right))
        .await;
    refused.expect_problem(429, "RATE_LIMITED");
    let missing = people.sign_in(&mut marks[0].clone(), email, None).await;
    missing.expect_problem(401, "TOTP_REQUIRED");
    // The device with which the owner turned the codes on is known.
    let mut known = ann.signed_out();
    people
        .sign_in(&mut known, email, Some(&right))
        .await
        .expect(201);
}
