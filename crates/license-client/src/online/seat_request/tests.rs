use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{self, Receiver};
use std::thread;

use license_core::FeatureMatrix;
use license_core::claims::LeaseMode;
use license_core::ids::Nonce;

use super::super::seat::tests::parts_of;
use super::super::setting::OnlineSetting;
use super::super::settings::OnlineSettings;
use super::*;
use crate::returned_seats;
use crate::seat_file::{self, SeatEntry, SeatOrigin};
use crate::state_dir::{StateDir, StateFile};
use crate::testing;

/// Starts a server that sends these answers, a status and JSON, one for each request. An empty one
/// closes the connection. Returns its URL, and the heads and bodies of the requests.
fn server<const N: usize>(
    answers: [(&'static str, &'static str); N],
) -> (String, Receiver<(String, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, requests) = mpsc::channel();
    thread::spawn(move || {
        for ((status, json), stream) in answers.into_iter().zip(listener.incoming()) {
            let mut stream = BufReader::new(stream.unwrap());
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                stream.read_line(&mut head).unwrap();
            }
            let head = head.to_ascii_lowercase();
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            let mut body = vec![0; length.unwrap().parse().unwrap()];
            stream.read_exact(&mut body).unwrap();
            sender
                .send((head, String::from_utf8(body).unwrap()))
                .unwrap();
            let media_type = if status.starts_with("200") {
                "json"
            } else {
                "problem+json"
            };
            let length = json.len();
            let answer = format!(
                "HTTP/1.1 {status}\r\ncontent-type: application/{media_type}\r\n\
                 content-length: {length}\r\nconnection: close\r\n\r\n{json}"
            );
            if !status.is_empty() {
                stream.get_mut().write_all(answer.as_bytes()).unwrap();
            }
        }
    });
    (url, requests)
}

fn manager(scratch: &tempfile::TempDir) -> LicenseManager {
    let dir = StateDir::at(scratch.path().join("state"));
    LicenseManager::at(FeatureMatrix::built_in().product(), dir)
}

/// Returns a request of a project that has borrowed a seat from `granted_by`.
fn request(
    scratch: &tempfile::TempDir,
    settings: &OnlineSettings,
    granted_by: &str,
) -> SeatRequest {
    let (core, root) = parts_of(scratch, LeaseMode::Borrowed);
    let (lease, _) = core.valid_lease().unwrap();
    let holder = core.holder;
    let lock = holder.store.lock().unwrap();
    let entry = SeatEntry {
        session: holder.session.to_string(),
        stored_by: SeatOrigin::Borrow,
        lease: lease.as_str().to_owned(),
        ends: None,
        server: granted_by.to_owned(),
        instance: holder.instance.clone(),
        seq: 1,
        secret: holder.secret.to_string(),
    };
    seat_file::put(&lock, &holder.store, None, entry).unwrap();
    drop(lock);
    let resolved = manager(scratch).resolve_online(settings).unwrap();
    SeatRequest {
        transport: Arc::new(Transport::new(&resolved).unwrap()),
        login: RequestLogin::new(&resolved, holder.store.clone()).unwrap(),
        store: holder.store,
        license: holder.license,
        license_key: holder.license_key,
        machine: holder.machine,
        session: holder.session,
        root,
        earlier_sessions: Vec::new(),
        now: testing::START,
        boot: None,
        seal: holder.seal,
        user: None,
        groups: Vec::new(),
        callback: None,
        counted_by: None,
    }
}

#[test]
fn a_return_whose_answer_is_lost_ends_the_use_and_can_be_repeated() {
    let scratch = tempfile::tempdir().unwrap();
    let problem = r#"{"code": "NOT_BORROWED", "detail": "the seat is not borrowed"}"#;
    let (url, _requests) = server([("", ""), ("409 Conflict", problem)]);
    let settings = OnlineSettings::new().server(url.as_str());
    let lost = request(&scratch, &settings, &url);
    let (store, session) = (lost.store.clone(), lost.session);
    assert!(lost.borrowed().unwrap().is_some());
    assert_eq!(
        lost.return_borrowed().unwrap_err().code(),
        "SERVER_UNREACHABLE"
    );
    let again = request(&scratch, &settings, &url);
    assert!(again.borrowed().unwrap().is_none());
    assert_eq!(again.return_borrowed().unwrap(), Some(false));
    assert!(seat_file::of_session(&store, session).unwrap().is_empty());
}

#[test]
fn a_return_that_no_server_gets_leaves_the_loan() {
    let scratch = tempfile::tempdir().unwrap();
    // Nothing listens at port 9 of this machine.
    let url = "http://127.0.0.1:9";
    let settings = OnlineSettings::new().server(url);
    let refused = request(&scratch, &settings, url).return_borrowed();
    assert_eq!(refused.unwrap_err().code(), "SERVER_UNREACHABLE");
    let request = request(&scratch, &settings, url);
    assert!(request.borrowed().unwrap().is_some());
    // The receipt has disclosed the secret, so a failed return does not bring the loan back.
    let commitment = request.entry().unwrap().unwrap().1.commitment();
    returned_seats::record(&request.store, &request.seal, commitment).unwrap();
    let (store, seal) = (request.store.clone(), request.seal.clone());
    request.return_borrowed().unwrap_err();
    assert!(returned_seats::is_returned(&store, &seal, commitment));
}

#[test]
fn a_server_that_does_not_know_a_seat_does_not_end_it() {
    let lost = r#"{"code": "LEASE_LOST", "detail": "the lease has ended"}"#;
    let not_freed = ("200 OK", r#"{"freed": false}"#);
    for answer in [not_freed, ("409 Conflict", lost)] {
        let scratch = tempfile::tempdir().unwrap();
        let (url, _requests) = server([answer]);
        let settings = OnlineSettings::new().server(url);
        let request = request(&scratch, &settings, "https://old.acme.example");
        let (store, session) = (request.store.clone(), request.session);
        let error = request.return_borrowed().unwrap_err();
        assert_eq!(error.code(), "OTHER_SERVER", "{error}");
        assert_eq!(seat_file::of_session(&store, session).unwrap().len(), 1);
    }
}

#[test]
fn a_question_about_a_loan_asks_the_server_and_names_the_reason_of_its_end() {
    let ended = r#"{"code": "LEASE_LOST", "detail": "the lease 7 has ended: lost laptop"}"#;
    let forgotten = r#"{"code": "UNKNOWN_INSTANCE", "detail": "no such instance"}"#;
    let scratch = tempfile::tempdir().unwrap();
    let answers = [
        ("409 Conflict", forgotten),
        ("", ""),
        ("409 Conflict", ended),
    ];
    let (url, _requests) = server(answers);
    let settings = OnlineSettings::new().server(url.as_str());
    let ask = || request(&scratch, &settings, &url).stored();
    // The loan does not depend on the process that borrowed the seat.
    assert!(ask().unwrap().unwrap().unconfirmed().is_none());
    // Without an answer, the loan counts.
    let unconfirmed = ask().unwrap().unwrap();
    assert_eq!(
        unconfirmed.unconfirmed().unwrap().code(),
        "SERVER_UNREACHABLE"
    );
    let error = ask().unwrap_err();
    assert!(error.to_string().contains("lost laptop"), "{error}");
}

#[test]
fn a_question_after_the_end_of_a_loan_acquires_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let (url, requests) = server([]);
    let settings = OnlineSettings::new().server(url.as_str());
    let mut request = request(&scratch, &settings, &url);
    request.now += license_core::chrono::TimeDelta::days(400);
    assert_eq!(request.stored().unwrap_err().code(), "LOAN_ENDED");
    assert!(requests.try_recv().is_err(), "nothing was sent");
}

const ISSUER: &str = "https://login.acme.example";

/// Sends an acquire of a user whose ID token ends at a time in Unix seconds.
fn acquire(url: &str, expires_at: i64) -> Result<Answer, OnlineError> {
    let scratch = tempfile::tempdir().unwrap();
    let settings = OnlineSettings::new().server(url);
    let settings = settings.set(OnlineSetting::LoginIssuer, ISSUER).unwrap();
    let settings = settings
        .set(OnlineSetting::LoginClientId, "license")
        .unwrap();
    let request = request(&scratch, &settings, url);
    let login = serde_json::json!({
        "issuer": ISSUER, "client_id": "license", "id_token": "a.b.c", "expires_at": expires_at,
        "refresh_token": null,
    });
    let file = request.store.dir().file(StateFile::Login);
    fs::write(file, login.to_string()).unwrap();
    request.send_acquire(&Attempt::new().unwrap(), false, Nonce::from_random([0; 16]))
}

#[test]
fn a_login_that_cannot_be_renewed_is_needed_only_if_the_server_says_so() {
    let required = r#"{"code": "LOGIN_REQUIRED", "detail": "expected a login, found none"}"#;
    let answers = [("200 OK", "{}"), ("401 Unauthorized", required)];
    let (url, requests) = server(answers);
    assert!(acquire(&url, 0).is_ok());
    let (head, body) = requests.recv().unwrap();
    assert!(
        !head.contains("x-login-token") && body.contains(r#""user":"#),
        "{head}{body}"
    );
    let error = acquire(&url, 0).err().unwrap();
    assert_eq!(error.code(), "LOGIN_EXPIRED", "{error}");
}

#[test]
fn a_server_without_logins_gets_the_name_of_the_user() {
    let malformed = r#"{"code": "MALFORMED", "detail": "user: expected the name, found none"}"#;
    let answers = [("400 Bad Request", malformed), ("200 OK", "{}")];
    let (url, requests) = server(answers);
    assert!(acquire(&url, i64::MAX).is_ok());
    let (head, body) = requests.recv().unwrap();
    assert!(
        head.contains("x-login-token") && !body.contains(r#""user":"#),
        "{head}{body}"
    );
    let (head, body) = requests.recv().unwrap();
    assert!(
        !head.contains("x-login-token") && body.contains(r#""user":"#),
        "{head}{body}"
    );
}
