//! Sign-in of people at a real OpenID provider, in the part of a browser.
#![cfg(unix)]

use std::collections::BTreeMap;

use license_tests::Scratch;
use license_tests::server::{Administrator, Response, Server};
use serde_json::{Value, json};

use super::provider::LoginProvider;

/// The cookies that a browser has of the license server.
#[derive(Clone, Default)]
struct Cookies(BTreeMap<String, String>);

impl Cookies {
    /// Opens a URL of the server, and keeps the cookies of the answer.
    fn open(&mut self, server: &Server, url: &str) -> Response {
        let pairs = self.0.iter().map(|(name, value)| format!("{name}={value}"));
        let cookie = pairs.collect::<Vec<_>>().join("; ");
        let answer = server.send("GET", url, &[("cookie", &cookie)], "");
        for line in answer.headers.get_all("set-cookie") {
            let line = line.to_str().unwrap();
            let (name, value) = line.split(';').next().unwrap().split_once('=').unwrap();
            if value.is_empty() {
                self.0.remove(name);
            } else {
                self.0.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }

    fn is_signed_in(&mut self, server: &Server) -> bool {
        let answer = self.open(server, "/api/v1/audit");
        assert!([200, 401].contains(&answer.status), "{answer:?}");
        answer.status == 200
    }
}

/// Registers a server and its provider at each other. Returns the settings at the server.
fn register(provider: &LoginProvider, administrator: &Administrator<'_>) -> Value {
    let settings = json!({
        "name": "ACME", "issuer": provider.issuer, "client_id": "licenses",
        "client_secret": "secret of the client", "creates_people": true,
        "scopes": ["openid", "email", "profile", "groups"],
        "roles": [{"group": "auditors", "role": "auditor"}, {"group": "admins", "role": "administrator"}],
    });
    let created = administrator.post("/api/v1/identity-providers", &settings);
    let created = created.expect(201);
    let uri = |name: &str| encode(created[name].as_str().unwrap());
    let (redirect, logout) = (uri("redirect_uri"), uri("backchannel_logout_uri"));
    provider.test(&format!(
        "client?redirect_uri={redirect}&logout_uri={logout}"
    ));
    created
}

fn encode(text: &str) -> String {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let encode = |byte: u8| match byte {
        byte if unreserved(byte) => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

/// Signs a user in, and returns the answer of the server.
fn sign_in(
    (provider, server): (&LoginProvider, &Server),
    start_url: &str,
    user: &str,
    cookies: &mut Cookies,
) -> Response {
    let started = cookies.open(server, start_url);
    assert_eq!(started.status, 303, "{started:?}");
    let location = encode(started.header("location"));
    let answer = provider.test(&format!("sign-in?user={user}&url={location}"));
    cookies.open(server, answer["url"].as_str().unwrap())
}

#[test]
fn people_sign_in_and_out_at_the_pages_of_the_provider() {
    let scratch = Scratch::new();
    let Some(provider) = LoginProvider::start(&scratch) else {
        return;
    };
    let server = Server::start(&scratch, &[]);
    let administrator = server.administrator();
    let settings = register(&provider, &administrator);
    let start = settings["start_url"].as_str().unwrap();
    let place = (&provider, &server);
    let mut ann = Cookies::default();
    // Without a group, the sign-in is refused.
    let refused = sign_in(place, start, "ann", &mut ann);
    refused.expect_problem(403, "LOGIN_NO_ROLE");
    provider.test("person?user=ann&groups=auditors,others");
    let entered = sign_in(
        place,
        &format!("{start}?return_to=%2Fseats"),
        "ann",
        &mut ann,
    );
    assert_eq!(
        (entered.status, entered.header("location")),
        (303, "/seats")
    );
    assert!(ann.is_signed_in(&server));
    assert_eq!(ann.open(&server, "/api/v1/pools").status, 200);
    // The provider changes its key.
    provider.test("rotate");
    let mut bob = Cookies::default();
    provider.test("person?user=bob&groups=admins");
    assert_eq!(sign_in(place, start, "bob", &mut bob).status, 303);
    assert!(bob.is_signed_in(&server));
    // The answer of a sign-in counts once, and in its own browser.
    let mut victim = Cookies::default();
    let started = victim.open(&server, start);
    let location = encode(started.header("location"));
    let answer = provider.test(&format!("sign-in?user=bob&url={location}"));
    let url = answer["url"].as_str().unwrap();
    let stranger = Cookies::default().open(&server, url);
    stranger.expect_problem(403, "LOGIN_STATE");
    let mut copy = victim.clone();
    assert_eq!(victim.open(&server, url).status, 303);
    copy.open(&server, url).expect_problem(403, "LOGIN_STATE");
    // A sign-out at the provider ends the session here.
    provider.test("sign-out?user=bob");
    assert!(!bob.is_signed_in(&server) && !victim.is_signed_in(&server));
    assert!(ann.is_signed_in(&server));
    // A group that ann has lost ends the role and the session.
    provider.test("person?user=ann&groups=others");
    let refused = sign_in(place, start, "ann", &mut Cookies::default());
    refused.expect_problem(403, "LOGIN_NO_ROLE");
    assert!(!ann.is_signed_in(&server));
    let log = scratch.read("server.log");
    assert!(
        !log.contains("secret of the client") && !log.contains("code="),
        "{log}"
    );
}
