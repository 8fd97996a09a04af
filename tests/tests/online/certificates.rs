//! Certificates that a client accepts, and those that it must refuse.

use std::io::Write;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use license_client::license_core::claims::Status;
use license_client::{CertificateFault, OnlineError, OnlineSetting, OnlineSettings};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use super::fake::{Fake, Licensed, Received, json_answer, read_request};

type Authority = CertifiedIssuer<'static, KeyPair>;

/// A certificate with its key, in PEM.
struct Pair {
    certificate: String,
    key: String,
}

fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![
        KeyUsagePurpose::KeyCertSign,
        KeyUsagePurpose::DigitalSignature,
    ];
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, name);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn certificate(
    authority: &Authority,
    name: &str,
    change: impl FnOnce(&mut CertificateParams),
) -> Pair {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::ServerAuth,
        ExtendedKeyUsagePurpose::ClientAuth,
    ];
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    Pair {
        certificate: params.signed_by(&key, authority).unwrap().pem(),
        key: key.serialize_pem(),
    }
}

fn tls_config(pair: &Pair, clients: Option<&Authority>) -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(authority.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let chain = CertificateDer::from_pem_slice(pair.certificate.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap();
    Arc::new(builder.with_single_cert(vec![chain], key).unwrap())
}

/// Starts a server with TLS that judges the license valid. Returns its port.
fn start(licensed: &Licensed, config: Arc<ServerConfig>) -> u16 {
    let (key, now) = (Arc::clone(&licensed.key), licensed.machine.now());
    start_with(config, move |request| {
        key.judge(request, now, Status::Active)
    })
}

/// Starts a server with TLS. Returns its port.
fn start_with(
    config: Arc<ServerConfig>,
    answer: impl Fn(&Received) -> Vec<u8> + Send + 'static,
) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream: StreamOwned<_, TcpStream> =
                StreamOwned::new(connection, stream.unwrap());
            // A client that refuses the certificate sends no request.
            if let Some(request) = read_request(&mut stream) {
                let _ = stream.write_all(&answer(&request));
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
            // The system would drop an alert if the socket were closed with unread bytes.
            let _ = stream.sock.shutdown(Shutdown::Write);
            let _ = std::io::copy(&mut stream.sock, &mut std::io::sink());
        }
    });
    port
}

/// Writes a file into the state directory of the machine.
fn write(licensed: &Licensed, name: &str, text: &str) -> PathBuf {
    let path = licensed.machine.state_dir().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn validate(licensed: &Licensed, settings: OnlineSettings) -> Result<(), OnlineError> {
    licensed.client(settings).validate().map(drop)
}

#[track_caller]
fn fault(result: Result<(), OnlineError>) -> CertificateFault {
    match result {
        Err(error @ OnlineError::Certificate { .. }) => {
            assert_eq!(error.code(), "SERVER_CERTIFICATE");
            assert!(error.is_unreachable());
            let OnlineError::Certificate { fault, .. } = error else {
                unreachable!("the error was matched");
            };
            fault
        }
        other => panic!("expected an error of the certificate, found {other:?}"),
    }
}

#[test]
fn a_certificate_is_accepted_only_with_its_issuer_time_and_name() {
    let licensed = Licensed::new();
    let (known, unknown) = (authority("known"), authority("unknown"));
    let ca = write(&licensed, "ca.pem", &known.pem());
    let try_pair = |pair: &Pair| {
        let port = start(&licensed, tls_config(pair, None));
        let url = format!("https://127.0.0.1:{port}");
        validate(&licensed, OnlineSettings::new().server(url).ca_file(&ca))
    };
    let good = certificate(&known, "127.0.0.1", |_| {});
    try_pair(&good).unwrap();
    let foreign = certificate(&unknown, "127.0.0.1", |_| {});
    assert_eq!(fault(try_pair(&foreign)), CertificateFault::UnknownIssuer);
    let expired = certificate(&known, "127.0.0.1", |params| {
        params.not_after = date_time_ymd(2020, 1, 1);
    });
    assert_eq!(fault(try_pair(&expired)), CertificateFault::Expired);
    let early = certificate(&known, "127.0.0.1", |params| {
        params.not_before = date_time_ymd(4000, 1, 1);
        params.not_after = date_time_ymd(4001, 1, 1);
    });
    assert_eq!(fault(try_pair(&early)), CertificateFault::NotYetValid);
    let other = certificate(&known, "licenses.acme.example", |_| {});
    let wrong = fault(try_pair(&other));
    let expected = "its certificate is for another host name: licenses.acme.example";
    assert_eq!(wrong.to_string(), expected);
    // The usual certificate of `openssl req -x509`.
    let of_authority = certificate(&known, "127.0.0.1", |params| {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    });
    assert_eq!(fault(try_pair(&of_authority)), CertificateFault::Authority);
    // The public authorities do not include the authority of the test.
    let port = start(&licensed, tls_config(&good, None));
    let url = format!("https://127.0.0.1:{port}");
    let result = validate(&licensed, OnlineSettings::new().server(url));
    assert_eq!(fault(result), CertificateFault::UnknownIssuer);
}

#[test]
fn a_server_can_require_the_certificate_of_a_client() {
    let licensed = Licensed::new();
    let (servers, clients) = (authority("servers"), authority("clients"));
    let ca = write(&licensed, "ca.pem", &servers.pem());
    let pair = certificate(&servers, "127.0.0.1", |_| {});
    let port = start(&licensed, tls_config(&pair, Some(&clients)));
    let settings = || {
        let url = format!("https://127.0.0.1:{port}");
        OnlineSettings::new().server(url).ca_file(&ca)
    };
    let client = |name: &str, authority: &Authority| {
        let pair = certificate(authority, "client", |_| {});
        let certificate = write(&licensed, &format!("{name}.crt"), &pair.certificate);
        (
            certificate,
            write(&licensed, &format!("{name}.key"), &pair.key),
        )
    };
    let (certificate, key) = client("good", &clients);
    validate(&licensed, settings().client_certificate(&certificate, &key)).unwrap();
    assert_eq!(
        fault(validate(&licensed, settings())),
        CertificateFault::Client
    );
    let (foreign, foreign_key) = client("foreign", &servers);
    let result = validate(
        &licensed,
        settings().client_certificate(&foreign, &foreign_key),
    );
    assert_eq!(fault(result), CertificateFault::Client);
    // A key that does not belong to the certificate is an error of the settings, not a panic.
    for (certificate, key) in [
        (&certificate, &foreign_key),
        (&key, &key),
        (&certificate, &certificate),
    ] {
        let error = validate(&licensed, settings().client_certificate(certificate, key));
        let error = error.unwrap_err();
        assert_eq!(error.code(), "ONLINE_SETTING", "{error}");
        assert!(error.to_string().contains("client-"), "{error}");
    }
}

#[test]
fn a_server_without_tls_is_not_reached_by_https_and_the_other_way_around() {
    let licensed = Licensed::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
            let _ = stream.shutdown(Shutdown::Write);
            let _ = std::io::copy(&mut stream, &mut std::io::sink());
        }
    });
    let mixed = fault(validate(&licensed, OnlineSettings::new().server(url)));
    assert!(matches!(mixed, CertificateFault::Other(_)), "{mixed:?}");
    let known = authority("known");
    let pair = certificate(&known, "127.0.0.1", |_| {});
    let port = start(&licensed, tls_config(&pair, None));
    let url = format!("http://127.0.0.1:{port}");
    let error = validate(&licensed, OnlineSettings::new().server(url)).unwrap_err();
    assert!(error.is_unreachable(), "{error}");
}

#[test]
fn a_damaged_file_with_authorities_is_an_error_of_the_settings() {
    let licensed = Licensed::new();
    let fake = Fake::start(|_| Vec::new());
    let known = authority("known");
    for (name, text) in [
        ("empty.pem", String::new()),
        ("key.pem", KeyPair::generate().unwrap().serialize_pem()),
        ("cut.pem", known.pem()[..200].to_owned()),
    ] {
        let path = write(&licensed, name, &text);
        let error = validate(&licensed, fake.settings().ca_file(&path)).unwrap_err();
        assert_eq!(error.code(), "ONLINE_SETTING", "{name}: {error}");
        assert!(error.to_string().contains(name), "{error}");
    }
    assert!(fake.received().is_empty());
}

#[test]
fn a_provider_of_logins_needs_a_certificate_of_the_ca_file_or_of_a_public_authority() {
    let licensed = Licensed::new();
    let (known, unknown) = (authority("known"), authority("unknown"));
    let ca = write(&licensed, "ca.pem", &known.pem());
    let login = |issuer: &Authority| {
        let pair = certificate(issuer, "127.0.0.1", |_| {});
        let empty = |_: &Received| json_answer("200 OK", &serde_json::json!({}));
        let port = start_with(tls_config(&pair, None), empty);
        let settings = OnlineSettings::new().ca_file(&ca);
        let provider = format!("https://127.0.0.1:{port}");
        let settings = settings.set(OnlineSetting::LoginIssuer, &provider).unwrap();
        let settings = settings.set(OnlineSetting::LoginClientId, "license");
        let started = licensed.machine.manager().start_login(&settings.unwrap());
        started.map(drop)
    };
    // The connection is accepted, and the answer is not one of a provider.
    assert_eq!(login(&known).unwrap_err().code(), "LOGIN_PROVIDER");
    assert_eq!(fault(login(&unknown)), CertificateFault::UnknownIssuer);
}
