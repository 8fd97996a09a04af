//! TLS, with real certificates.

use std::net::TcpListener;
use std::time::Duration;

use license_core::with_causes;

use super::*;
use crate::store::tls::authority::{Authority, ClientFiles};

/// Waits until a server has connected to the Redis of this URL, or until it has not for this
/// reason. Returns the hint.
async fn outcome(url: &str, reason: &str) -> Option<&'static str> {
    let clock = ManualClock::new(DateTime::from_timestamp_millis(0).unwrap());
    let config = RedisConfig::parse(url, None).unwrap();
    let (renewals, _) = open(&config, Arc::new(clock)).await.unwrap();
    let mut found = String::new();
    for _ in 0..200 {
        match renewals.server() {
            Ok(_) if reason.is_empty() => return None,
            Ok(_) => panic!("expected {reason}, found a connection"),
            Err(error) => {
                found = with_causes(&error);
                // A connection attempt of a busy machine can take too long.
                if !reason.is_empty() && found.contains(reason) {
                    return error.hint();
                }
            }
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("expected {reason:?}, found {found}");
}

/// Checks that a connection is refused with this reason and this hint.
async fn refused(url: &str, (reason, hint): (&str, &str)) {
    let found = outcome(url, reason).await.unwrap();
    assert!(found.contains(hint), "{reason}: {found}");
}

#[tokio::test]
async fn the_certificate_and_the_host_of_redis_are_verified() {
    let Some(server) = RedisServer::start(&[]) else {
        return;
    };
    let authority = Authority::new("site");
    let files = ClientFiles::new(&authority);
    let issued = authority.issue("localhost");
    let file = |name: &str, text: &str| {
        let path = files.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port().to_string();
    drop(free);
    let set = ["CONFIG", "SET", "tls-cert-file"];
    let certificate = file("server.pem", &issued.certificate);
    let key = file("server.key", &issued.key);
    let clients = file("clients.pem", &authority.pem());
    let rest = [
        certificate.as_str(),
        "tls-key-file",
        &key,
        "tls-ca-cert-file",
        &clients,
        "tls-auth-clients",
        "no",
        "tls-port",
        &port,
    ];
    server.command(&[&set[..], &rest].concat());

    let plain_url = server.url();
    let (login, plain_port) = plain_url.rsplit_once("127.0.0.1:").unwrap();
    let (_, login) = login.split_once("://").unwrap();
    let url = |host: &str, port: &str, parameters: &str| {
        format!("rediss://{login}{host}:{port}?{parameters}")
    };
    let (right, other) = (files.authority("ca.pem"), files.authority("other.pem"));
    assert_eq!(outcome(&url("localhost", &port, &right), "").await, None);
    let issuer = ("UnknownIssuer", "add sslrootcert=FILE");
    refused(&url("localhost", &port, &other), issuer).await;
    let name = ("certificate not valid for name", "a host in the URL");
    refused(&url("127.0.0.1", &port, &right), name).await;
    // One side uses TLS, and the other does not.
    let address = ("Redis cannot be reached", "check the address");
    refused(&url("localhost", plain_port, &right), address).await;
    refused(&format!("redis://{login}127.0.0.1:{port}"), address).await;

    server.config_set("tls-auth-clients", "yes");
    let unknown = ("CertificateRequired", "sslcert=FILE");
    refused(&url("localhost", &port, &right), unknown).await;
    let client = files.client();
    assert_eq!(outcome(&url("localhost", &port, &client), "").await, None);
}
