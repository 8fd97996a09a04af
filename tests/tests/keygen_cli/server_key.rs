//! `--server-key`: the key of a customer's license server in the claim `cnf`.

use std::sync::LazyLock;

use license_core::chrono::{DateTime, TimeDelta, Utc};
use license_core::claims::LeaseMode;
use license_core::ids::Nonce;
use license_core::issue::{
    KeyBits, LeaseDraft, RandomError, ServerKey, ServerRequestDraft, Signer, SigningKey,
    VerifyingSigner,
};
use license_core::jose::Algorithm;
use license_core::requests::ActivationSecret;
use license_core::session::SessionId;
use license_core::{LicenseId, ProductCode, TrustSet, Unverified, time};

use super::*;

const NAME: &str = "licenses.acme.example";

/// The key of a license server, as PKCS#8.
static SERVER: LazyLock<Vec<u8>> = LazyLock::new(new_key);
static OTHER_SERVER: LazyLock<Vec<u8>> = LazyLock::new(new_key);

fn random(bytes: &mut [u8]) -> Result<(), RandomError> {
    getrandom::fill(bytes).map_err(RandomError::new)
}

fn new_key() -> Vec<u8> {
    let der = SigningKey::generate(KeyBits::B2048, Algorithm::Rs256, &random).unwrap();
    der.to_vec()
}

fn load(der: &[u8]) -> SigningKey {
    SigningKey::from_pkcs8(der, None, random).unwrap()
}

fn kid(der: &[u8]) -> String {
    load(der).public().id().to_string()
}

fn at(text: &str) -> DateTime<Utc> {
    time::parse_instant(text).unwrap()
}

/// Returns the request that `license-server init` writes.
fn request(der: &[u8], product: &str) -> String {
    let token = token(der, product, NAME);
    Unverified::parse(&token).unwrap().to_armor()
}

/// Returns the token of a request.
fn token(der: &[u8], product: &str, name: &str) -> String {
    let draft = ServerRequestDraft {
        product: ProductCode::parse(product).unwrap(),
        name: name.to_owned(),
        issued_at: at("2027-01-15"),
        machine: None,
    };
    draft.sign(&load(der)).unwrap()
}

/// Returns a machine with the vendor's key and the requests of two servers.
fn workstation() -> Scratch {
    let workstation = Vendor::shared().workstation();
    workstation.write("server.request", request(&SERVER, PRODUCT));
    workstation.write("other.request", request(&OTHER_SERVER, PRODUCT));
    workstation
}

const PRODUCT: &str = "CODITECT";
const TERMS: &str = "--tier team --seats 5 --offline --perpetual";

/// Runs `keygen issue` for a customer, with these options.
fn issue(workstation: &Scratch, customer: &str, options: &[&str]) -> RunOutput {
    let issue = Run::keygen(workstation).args(["issue", "--key", "vendor.key"]);
    let issue = issue.args(["--customer", customer]).args(words(TERMS));
    issue.args(options).run()
}

/// Returns the claims of the license in a file.
fn claims(workstation: &Scratch, file: &str) -> Value {
    let shown = Run::keygen(workstation).args(["inspect", "--json", file]);
    shown.run().expect_code(0).json()["tokens"][0]["claims"].clone()
}

fn named_key(workstation: &Scratch, file: &str) -> Value {
    claims(workstation, file)["cnf"]["jwk"]["kid"].clone()
}

#[test]
fn a_license_certifies_the_server_of_a_request_and_the_server_can_lend_seats() {
    let workstation = workstation();
    let options = ["--server-key", "server.request", "--out", "acme.lic"];
    let issued = issue(&workstation, "ACME Ltd", &options).expect_code(0);
    assert_eq!(issued.stderr, "");
    let (name, key) = (format!("server     {NAME}\n"), kid(&SERVER));
    assert!(issued.stdout.contains(&name), "{issued:?}");
    assert!(
        issued.stdout.contains(&format!("server key {key}\n")),
        "{issued:?}"
    );
    let shown = keygen(&workstation, &["ledger", "list", "--json"])
        .expect_code(0)
        .json();
    let recorded = &shown["licenses"][0];
    assert_eq!(
        (&recorded["server_key"], &recorded["server_name"]),
        (&json!(key), &json!(NAME))
    );
    let found = keygen(&workstation, &["ledger", "find", &key, "--json"])
        .expect_code(0)
        .json();
    assert_eq!(
        found["licenses"].as_array().map(Vec::len),
        Some(1),
        "{found}"
    );

    let trust = TrustSet::parse(&Vendor::shared().trust).unwrap();
    let file = workstation.read("acme.lic");
    let file = license_core::LicenseFile::parse(&file).unwrap();
    let license = file.blocks()[0].token.verify(&trust).unwrap();
    let signer = VerifyingSigner::new(Box::new(load(&SERVER)));
    let server = ServerKey::new(signer, &trust).unwrap();
    let machine = DIGEST.parse().unwrap();
    let lease = LeaseDraft {
        license: &license,
        issuer: NAME.to_owned(),
        id: LicenseId::from_random(at("2027-01-15"), &[7; 10]),
        issued_at: at("2027-01-15"),
        expires_at: at("2027-01-15") + TimeDelta::seconds(120),
        session: SessionId::new(Some(license.id()), None, "ann", b"/p"),
        machine,
        pool: "engineering".to_owned(),
        seq: 1,
        mode: LeaseMode::Floating,
        renew_after: TimeDelta::seconds(40),
        commitment: ActivationSecret::from_random([7; 32]).commitment(),
        nonce: Nonce::from_random([7; 16]),
    };
    let token = lease.sign(&server).unwrap();
    let lease = license.verify_lease(&Unverified::parse(&token).unwrap());
    assert_eq!(lease.unwrap().seq(), 1);
}

#[test]
fn a_dry_run_shows_the_server_and_signs_nothing() {
    let workstation = workstation();
    let options = [
        "--server-key",
        "server.request",
        "--dry-run",
        "--out",
        "acme.lic",
    ];
    let shown = issue(&workstation, "ACME Ltd", &options).expect_code(0);
    assert!(
        shown.stdout.contains(NAME) && shown.stdout.contains(&kid(&SERVER)),
        "{shown:?}"
    );
    let report = issue(
        &workstation,
        "ACME Ltd",
        &[&options[..], &["--json"]].concat(),
    );
    let report = report.expect_code(0).json();
    assert_eq!(report["server_key"], kid(&SERVER));
    assert_eq!(report["server_name"], NAME);
    assert!(!workstation.file("acme.lic").exists());
    let without = issue(&workstation, "ACME Ltd", &["--dry-run", "--json"]);
    assert_eq!(without.expect_code(0).json().get("server_key"), None);
}

/// Returns the PEM of a private key.
fn private_pem(der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<_> = text
        .as_bytes()
        .chunks(64)
        .map(String::from_utf8_lossy)
        .collect();
    format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        lines.join("\n")
    )
}

#[test]
fn other_files_are_refused_and_nothing_is_issued() {
    let vendor = Vendor::shared();
    let workstation = workstation();
    let request = request(&SERVER, PRODUCT);
    let jwk = load(&SERVER).public().to_jwk();
    let mut private_jwk = jwk.clone();
    private_jwk["d"] = "AQAB".into();
    let fixture = |name: &str| {
        let path = programs::workspace().join("fixtures").join(name);
        std::fs::read(path).unwrap()
    };
    let both = json!({"keys": [jwk, vendor.jwk]}).to_string();
    // The signature of a request with another name.
    let tokens = [NAME, "evil.example"].map(|name| token(&SERVER, PRODUCT, name));
    let [own, other] = tokens
        .each_ref()
        .map(|token| token.rsplit_once('.').unwrap());
    let changed = format!("{}.{}", other.0, own.1);
    let cases: [(&str, Vec<u8>, i32, &str, &str); 16] = [
        (
            "private.pem",
            private_pem(&SERVER).into(),
            3,
            "MALFORMED",
            "private key",
        ),
        (
            "private.jwk",
            private_jwk.to_string().into(),
            3,
            "MALFORMED",
            "private key",
        ),
        ("large", vec![b' '; 300 * 1024], 3, "MALFORMED", "bytes"),
        ("empty", Vec::new(), 3, "MALFORMED", "found nothing"),
        (
            "cut",
            request.as_bytes()[..600].into(),
            3,
            "MALFORMED",
            "END LICENSE SERVER REQUEST",
        ),
        ("changed", changed.into(), 3, "BAD_SIGNATURE", "signature"),
        ("twice", request.repeat(2).into(), 3, "MALFORMED", "found 2"),
        ("both.jwks", both.into(), 3, "MALFORMED", "found 2"),
        (
            "widget",
            self::request(&SERVER, "WIDGET").into(),
            2,
            "PRODUCT_MISMATCH",
            "WIDGET",
        ),
        (
            "vendor.pem",
            vendor.public.clone().into(),
            2,
            "SERVER_KEY_TRUSTED",
            &vendor.kid,
        ),
        (
            "pro.jwt",
            fixture("tokens/valid-pro.jwt"),
            3,
            "MALFORMED",
            "license+jwt",
        ),
        (
            "lease.jwt",
            fixture("tokens/lease.jwt"),
            3,
            "MALFORMED",
            "license-lease+jwt",
        ),
        (
            "weak.pem",
            fixture("trust/bits-1024.pem"),
            3,
            "MALFORMED",
            "2048 to 8192",
        ),
        (
            "roca.pem",
            fixture("trust/roca.pem"),
            3,
            "MALFORMED",
            "ROCA",
        ),
        (
            "ec.pem",
            fixture("trust/ec-p256.pem"),
            3,
            "MALFORMED",
            "RSA key",
        ),
        (
            "page.html",
            b"<html>404</html>".into(),
            3,
            "MALFORMED",
            "a web page",
        ),
    ];
    for (name, content, exit, code, part) in cases {
        workstation.write(name, content);
        let options = ["--server-key", name, "--out", "acme.lic", "--json"];
        let refused = issue(&workstation, "ACME Ltd", &options);
        assert_eq!(refused.expect_json_failure(exit), code, "{name}");
        let message = refused.json()["error"]["message"].to_string();
        assert!(message.contains(part), "{name}: {message}");
        assert!(!workstation.file("acme.lic").exists(), "{name}");
    }
    let options = ["--server-key", "missing", "--out", "acme.lic"];
    let _ = issue(&workstation, "ACME Ltd", &options).expect_failure(4);
}

#[test]
fn a_server_with_a_key_of_the_trust_set_is_refused() {
    let workstation = workstation();
    // The trust set contains a spare key, which has signed nothing yet.
    let spare = load(&SERVER).public().to_jwk();
    workstation.write("trust.jwks", json!({ "keys": [spare] }).to_string());
    let trust = ["--trust", "trust.jwks", "--json"];
    let with_trust = |request: &str| {
        let server = ["--server-key", request];
        issue(&workstation, "ACME Ltd", &[&server[..], &trust].concat())
    };
    let refused = with_trust("server.request");
    assert_eq!(refused.expect_json_failure(2), "SERVER_KEY_TRUSTED");
    let message = refused.json()["error"]["message"].to_string();
    assert!(message.contains(&kid(&SERVER)), "{message}");
    let _ = with_trust("other.request").expect_code(0);
    let alone = issue(&workstation, "ACME Ltd", &trust[..2]);
    assert!(alone.expect_failure(2).message.contains("--server-key"));
    let orders = "tier,customer,days,file,server-key\n\
        team,ACME Ltd,9,acme.lic,server.request\n";
    workstation.write("orders.csv", orders);
    let batch = Run::keygen(&workstation).args(["batch", "orders.csv", "--key", "vendor.key"]);
    let batch = batch.args(["--out", "out"]).args(&trust[..2]).run();
    let message = batch.expect_failure(2).text();
    assert!(message.contains(&kid(&SERVER)), "{message}");
    assert!(!workstation.file("out/acme.lic").exists());
}

#[test]
fn a_key_that_is_not_proven_or_belongs_to_another_customer_is_a_warning() {
    let workstation = workstation();
    let jwk = load(&SERVER).public().to_jwk().to_string();
    let issued = issue(
        &workstation,
        "ACME Ltd",
        &["--server-key", "server.request"],
    );
    assert!(!issued.expect_code(0).stderr.contains("warning"));
    workstation.write("server.jwk", jwk);
    let unproven = issue(&workstation, "acme  LTD", &["--server-key", "server.jwk"]);
    let unproven = unproven.expect_code(0).stderr;
    assert!(unproven.contains("SERVER_KEY_NOT_PROVEN"), "{unproven}");
    assert!(!unproven.contains("SERVER_KEY_SHARED"), "{unproven}");
    let shared = issue(&workstation, "Globex", &["--server-key", "server.request"]);
    let shared = shared.expect_code(0).stderr;
    assert!(
        shared.contains("SERVER_KEY_SHARED") && shared.contains("ACME Ltd"),
        "{shared}"
    );
    let other = issue(&workstation, "Globex", &["--server-key", "other.request"]);
    assert!(!other.expect_code(0).stderr.contains("SERVER_KEY"));
}

#[test]
fn a_successor_keeps_the_server_until_an_option_changes_it() {
    let workstation = workstation();
    let options = ["--server-key", "server.request", "--out", "acme.lic"];
    let _ = issue(&workstation, "ACME Ltd", &options).expect_code(0);
    let change = |command: &str, from: &str, options: &str, to: &str| {
        let change = Run::keygen(&workstation).args([command, from, "--key", "vendor.key"]);
        change
            .args(words(options))
            .args(["--out", to, "--force"])
            .run()
    };
    let _ = change("upgrade", "acme.lic", "--seats 7", "more.lic").expect_code(0);
    assert_eq!(named_key(&workstation, "more.lic"), kid(&SERVER));
    let moved = change(
        "upgrade",
        "more.lic",
        "--server-key other.request",
        "moved.lic",
    );
    let moved = moved.expect_code(0);
    assert!(moved.stdout.contains(&kid(&OTHER_SERVER)), "{moved:?}");
    assert_eq!(named_key(&workstation, "moved.lic"), kid(&OTHER_SERVER));
    let difference = keygen(&workstation, &["diff", "more.lic", "moved.lic", "--json"]);
    let difference = difference.expect_code(0).stdout;
    assert!(difference.contains("license_server"), "{difference}");
    let same = change(
        "upgrade",
        "moved.lic",
        "--server-key other.request",
        "same.lic",
    );
    let same = same.expect_failure(2).message;
    assert!(same.contains("already has the requested terms"), "{same}");
    let both = "--server-key other.request --no-server-key";
    let _ = change("upgrade", "moved.lic", both, "x.lic").expect_failure(2);
    // The vendor's trust set contains a key that has signed nothing yet.
    let jwk = load(&SERVER).public().to_jwk().to_string();
    workstation.write("spare.jwk", jwk);
    let spare = "--server-key server.request --trust spare.jwk --json";
    let refused = change("upgrade", "moved.lic", spare, "x.lic");
    assert_eq!(refused.expect_json_failure(2), "SERVER_KEY_TRUSTED");
    let gone = change("upgrade", "moved.lic", "--no-server-key", "gone.lic").expect_code(0);
    assert!(gone.stderr.contains("no longer lend seats"), "{gone:?}");
    assert_eq!(named_key(&workstation, "gone.lic"), Value::Null);
}

#[test]
fn renewals_change_the_server_of_one_license_only() {
    let workstation = workstation();
    let terms = "--tier team --offline --expires 2030-12-31 --server-key server.request";
    let terms = [&words(terms)[..], &["--out", "acme.lic"]].concat();
    let _ = issued(&workstation, &terms).expect_code(0);
    let renew = |options: &str| {
        let renew = Run::keygen(&workstation).args(["renew", "--key", "vendor.key"]);
        renew.args(words(options)).run()
    };
    let kept = renew("acme.lic --days 365 --dry-run --json")
        .expect_code(0)
        .json();
    assert_eq!(kept["server_key"], kid(&SERVER));
    let moved = renew("acme.lic --days 365 --server-key other.request --dry-run --json");
    assert_eq!(
        moved.expect_code(0).json()["server_key"],
        kid(&OTHER_SERVER)
    );
    workstation.write("list.csv", "license_id\n");
    let list = renew("--from list.csv --days 365 --server-key other.request --out out");
    let list = list.expect_failure(2).message;
    assert!(
        list.contains("--server-key") && list.contains("--from"),
        "{list}"
    );
    let removed = renew("acme.lic --days 365 --no-server-key --out next.lic");
    let _ = removed.expect_code(0);
    assert_eq!(named_key(&workstation, "next.lic"), Value::Null);
}

#[test]
fn the_rows_of_a_batch_name_the_requests_of_their_servers() {
    let workstation = workstation();
    let orders = "tier,customer,expires,offline,server-key,file\n\
        team,ACME Ltd,2030-12-31,yes,server.request,acme.lic\n\
        team,Globex,2030-12-31,yes,,globex.lic\n\
        team,Initech,2030-12-31,yes,server.request,initech.lic\n";
    workstation.write("orders.csv", orders);
    let batch = |options: &[&str]| {
        let batch = Run::keygen(&workstation).args(["batch", "orders.csv", "--key", "vendor.key"]);
        batch.args(["--out", "out"]).args(options).run()
    };
    let report = batch(&[]).expect_code(0);
    assert!(report.stderr.contains("SERVER_KEY_SHARED"), "{report:?}");
    assert_eq!(named_key(&workstation, "out/acme.lic"), kid(&SERVER));
    assert_eq!(named_key(&workstation, "out/globex.lic"), Value::Null);
    for (cell, part) in [
        ("vendor.key", "private key"),
        ("missing", "missing"),
        ("-", "the name of a file"),
    ] {
        workstation.write("orders.csv", orders.replacen("server.request", cell, 1));
        let refused = batch(&["--name", "again"]).expect_failure(2);
        assert!(
            refused.message.contains(part),
            "{cell}: {}",
            refused.message
        );
    }
}

#[test]
fn the_commands_of_the_guide_certify_replace_and_remove_a_server() {
    let path = programs::workspace().join("docs/vendor.md");
    let guide = std::fs::read_to_string(path).unwrap();
    let section = guide
        .split("### Certify a license server\n")
        .nth(1)
        .unwrap();
    let section = section.split("\n## ").next().unwrap();
    let commands = guide::commands(section.lines());
    assert!(commands.len() >= 6, "{commands:?}");
    let server = commands
        .iter()
        .find(|line| line.ends_with("acme-server.lic"));
    let server = guide::words(server.unwrap());
    for line in &commands {
        // The commands are separate examples.
        let workstation = workstation();
        workstation.write("new-server.request", request(&OTHER_SERVER, PRODUCT));
        let terms = "--tier team --offline --days 365 --out acme.lic";
        let _ = issued(&workstation, &words(terms)).expect_code(0);
        if !line.ends_with("acme-server.lic") {
            let _ = Run::keygen(&workstation)
                .args(&server[1..])
                .run()
                .expect_code(0);
        }
        let run = Run::keygen(&workstation).args(&guide::words(line)[1..]);
        let _ = run.run().expect_code(0);
    }
}
