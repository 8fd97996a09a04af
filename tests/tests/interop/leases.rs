//! OpenSSL verifies a lease with the key in the claim `cnf` of the license.

use license_core::chrono::{DateTime, TimeDelta, Utc};
use license_core::claims::LeaseMode;
use license_core::ids::Nonce;
use license_core::issue::{
    KeyBits, LeaseDraft, RandomError, ServerKey, Signer, SigningKey, VerifyingSigner,
};
use license_core::jose::Algorithm;
use license_core::requests::ActivationSecret;
use license_core::session::SessionId;
use license_core::{License, LicenseId, TrustSet, Unverified, time};

use super::*;

fn random(bytes: &mut [u8]) -> Result<(), RandomError> {
    getrandom::fill(bytes).map_err(RandomError::new)
}

/// Creates the key of a license server.
fn server_key(algorithm: Algorithm) -> SigningKey {
    let der = SigningKey::generate(KeyBits::B2048, algorithm, &random).unwrap();
    SigningKey::from_pkcs8(&der, None, random).unwrap()
}

fn at(text: &str) -> DateTime<Utc> {
    time::parse_instant(text).unwrap()
}

/// Issues a license that names the key.
fn certified(vendor: &Vendor, key: &SigningKey) -> String {
    let workstation = vendor.workstation();
    workstation.write("server.jwk", key.public().to_jwk().to_string());
    let issue = [
        "issue",
        "--key",
        "vendor.key",
        "--customer",
        "ACME Ltd",
        "--json",
    ];
    let issue = Run::keygen(&workstation).args(issue);
    let issue = issue.args(["--tier", "team", "--perpetual", "--offline"]);
    let issue = issue.args(["--server-key", "server.jwk"]).run();
    issue.expect_code(0).json()["token"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// Signs a lease.
fn signed(license: &License, key: SigningKey, trust: &TrustSet) -> String {
    let server = ServerKey::new(VerifyingSigner::new(Box::new(key)), trust).unwrap();
    let issued_at = at("2020-01-02");
    let lease = LeaseDraft {
        license,
        issuer: "licenses.acme.example".to_owned(),
        id: LicenseId::from_random(issued_at, &[7; 10]),
        issued_at,
        expires_at: at("2999-12-31"),
        session: SessionId::new(Some(license.id()), None, "ann", b"/p"),
        machine: "mach_00112233445566778899aabbccddeeff".parse().unwrap(),
        pool: "engineering".to_owned(),
        seq: 7,
        mode: LeaseMode::Borrowed,
        renew_after: TimeDelta::days(1),
        commitment: ActivationSecret::from_random([7; 32]).commitment(),
        nonce: Nonce::from_random([9; 16]),
    };
    lease.sign(&server).unwrap()
}

#[test]
fn openssl_verifies_a_lease_with_the_key_in_the_license() {
    let Some(openssl) = tools::openssl() else {
        return;
    };
    let vendor = Vendor::shared();
    let trust = TrustSet::parse(&vendor.trust).unwrap();
    for algorithm in [Algorithm::Rs256, Algorithm::Ps256] {
        let key = server_key(algorithm);
        let token = certified(vendor, &key);
        let license = Unverified::parse(&token).unwrap().verify(&trust).unwrap();
        let lease = signed(&license, key, &trust);
        let claims = payload(&token);
        let named = TrustSet::parse(&claims["cnf"]["jwk"].to_string()).unwrap();
        let named = named.iter().next().unwrap();
        let (text, signature) = lease.rsplit_once('.').unwrap();
        let pem = named.to_pem().unwrap();
        let verify = |key| verify_digest(openssl, algorithm.as_str(), key, text, signature);
        let _ = verify(&pem).expect_code(0);
        let _ = verify(&vendor.public).expect_code(1);
        let read = payload(&lease);
        assert_eq!(read["lic"], claims["jti"]);
        assert_eq!(
            (&read["seq"], &read["mode"]),
            (&json!(7), &json!("borrowed"))
        );
    }
}
