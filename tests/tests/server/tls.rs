//! TLS: on outside loopback, with a certificate of the operator or one of the server.

use std::sync::Arc;
use std::time::Duration;

use license_tests::Scratch;
use license_tests::server::{Server, license_server};
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// Returns a client that trusts one certificate.
fn agent(certificate: &str) -> Agent {
    let certificate = Certificate::from_pem(certificate.as_bytes())
        .unwrap()
        .to_owned();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::Specific(Arc::new(vec![certificate])))
        .unversioned_rustls_crypto_provider(provider)
        .build();
    Agent::config_builder()
        .http_status_as_error(false)
        .tls_config(tls)
        .timeout_global(Some(Duration::from_secs(60)))
        .build()
        .into()
}

fn status(agent: &Agent, url: &str) -> Result<u16, ureq::Error> {
    let response = agent.get(format!("{url}/healthz")).call()?;
    Ok(response.status().as_u16())
}

#[test]
fn the_certificate_of_the_server_is_created_once_and_works() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch, &["--tls", "on"]);
    assert!(
        server.url().starts_with("https://127.0.0.1:"),
        "{}",
        server.url()
    );
    let fingerprint = server.start["certificate_sha256"].clone();
    assert_eq!(fingerprint.as_str().unwrap().len(), 95);
    let client = agent(&scratch.read("data/tls.crt"));
    assert_eq!(status(&client, server.url()).unwrap(), 200);
    server.stop();
    let server = Server::start(&scratch, &["--tls", "on"]);
    assert_eq!(server.start["certificate_sha256"], fingerprint);
}

#[test]
fn a_client_that_trusts_another_certificate_refuses_the_server() {
    let (scratch, other) = (Scratch::new(), Scratch::new());
    let server = Server::start(&scratch, &["--tls", "on"]);
    Server::start(&other, &["--tls", "on"]).stop();
    let client = agent(&other.read("data/tls.crt"));
    assert!(status(&client, server.url()).is_err());
    assert_eq!(
        status(&agent(&scratch.read("data/tls.crt")), server.url()).unwrap(),
        200
    );
}

#[test]
fn outside_loopback_tls_is_on_and_cannot_be_off_by_mistake() {
    let scratch = Scratch::new();
    let run = |arguments: &[&str]| {
        let run = license_server(&scratch).args(["check-config", "--no-config", "--listen"]);
        run.args(["0.0.0.0:8443"]).args(arguments).run()
    };
    run(&[]).expect_code(0);
    let error = run(&["--tls", "off"]);
    assert!(
        error.stderr.contains("can be reached from other machines"),
        "{error:?}"
    );
    assert!(error.stderr.contains("--trusted-proxies"), "{error:?}");
    assert_eq!(error.code, Some(2));
    run(&["--tls", "off", "--trusted-proxies", "10.0.0.0/8"]).expect_code(0);
    assert_eq!(run(&["--tls-cert", "a.crt"]).code, Some(2));
}

#[test]
fn a_new_certificate_is_read_on_sighup_and_a_damaged_one_is_not() {
    let (scratch, other) = (Scratch::new(), Scratch::new());
    Server::start(&other, &["--tls", "on"]).stop();
    let server = Server::start(&scratch, &["--tls", "on"]);
    let first = agent(&scratch.read("data/tls.crt"));
    assert_eq!(status(&first, server.url()).unwrap(), 200);
    scratch.write("data/tls.crt", "damaged");
    server.signal("HUP");
    let wait_for_log = |text: &str| {
        let found = (0..600).any(|_| {
            std::thread::sleep(Duration::from_millis(50));
            scratch.read("server.log").contains(text)
        });
        assert!(found, "{}", scratch.read("server.log"));
    };
    wait_for_log("the certificate stays");
    assert_eq!(status(&first, server.url()).unwrap(), 200);
    scratch.write("data/tls.crt", other.read("data/tls.crt"));
    scratch.write("data/tls.key", other.read("data/tls.key"));
    server.signal("HUP");
    wait_for_log("the certificate was read again");
    let second = agent(&other.read("data/tls.crt"));
    assert_eq!(status(&second, server.url()).unwrap(), 200);
}
