//! TLS, with real certificates.

use license_core::with_causes;
use license_test_services::{PostgresServer, TestDatabase};

use crate::store::ServerStoreError;
use crate::store::postgres::{PostgresConfig, PostgresStore};
use crate::store::tls::authority::{Authority, ClientFiles};

/// Connects to the database at this host with these parameters.
async fn connect(
    database: &TestDatabase,
    host: &str,
    parameters: &str,
) -> Result<(), ServerStoreError> {
    let url = database.url().replace("127.0.0.1", host);
    let config = PostgresConfig::parse(&format!("{url}?{parameters}"), None).unwrap();
    PostgresStore::create_tables(&config).await
}

/// Checks that a connection is refused with this reason and this hint.
async fn refused(
    database: &TestDatabase,
    host: &str,
    parameters: &str,
    (reason, hint): (&str, &str),
) {
    let error = connect(database, host, parameters).await.unwrap_err();
    let text = with_causes(&error);
    assert!(text.contains(reason), "{reason}: {text}");
    let found = error.hint().unwrap();
    assert!(found.contains(hint), "{reason}: {found}");
}

#[tokio::test]
async fn the_certificate_and_the_host_of_the_database_are_verified() {
    let Some(mut server) = PostgresServer::start() else {
        return;
    };
    let database = server.create_database();
    let authority = Authority::new("site");
    let files = ClientFiles::new(&authority);
    let (right, other) = (files.authority("ca.pem"), files.authority("other.pem"));
    let no_tls = ("server does not support TLS", "ssl = on");
    refused(&database, "localhost", &right, no_tls).await;

    let issued = authority.issue("localhost");
    for (name, text) in [
        ("ssl_ca_file", authority.pem()),
        ("ssl_cert_file", issued.certificate),
        ("ssl_key_file", issued.key),
    ] {
        let path = server.write_file(name, &text);
        server.configure(name, path.to_str().unwrap());
    }
    server.configure("ssl", "on");
    let is_on = || server.superuser_sql("postgres", "SHOW ssl") == "on";
    assert!((0..200).any(|_| is_on()), "PostgreSQL does not turn TLS on");
    connect(&database, "localhost", &right).await.unwrap();
    let issuer = ("UnknownIssuer", "add sslrootcert=FILE");
    refused(&database, "localhost", &other, issuer).await;
    let name = ("certificate not valid for name", "a host in the URL");
    refused(&database, "127.0.0.1", &right, name).await;

    // Only this role needs TLS and a certificate, and not the superuser of the test.
    let role = database.name();
    let rules = format!(
        "hostssl all {role} 127.0.0.1/32 scram-sha-256 clientcert=verify-ca\n\
         host all postgres 127.0.0.1/32 scram-sha-256\n"
    );
    let rules = server.write_file("rules.conf", &rules);
    server.configure("hba_file", rules.to_str().unwrap());
    server.restart();
    let plain = ("no encryption", "sslmode=verify-full");
    refused(&database, "127.0.0.1", "", plain).await;
    let unknown = ("requires a valid client certificate", "sslcert=FILE");
    refused(&database, "localhost", &right, unknown).await;
    let client = files.client();
    connect(&database, "localhost", &client).await.unwrap();
}
