use std::path::{Path, PathBuf};

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize, PublicKeyComponents};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
    RsaEncoding,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::DateTime;
use serde_json::{Value, json};

use super::keys::{MAX_AGE_MS, RELOAD_MS};
use super::*;
use crate::clock::ManualClock;
use crate::login::key::KeySet;

pub(crate) const ISSUER: &str = "https://login.acme.example";
const NOW: i64 = 1_800_000_000;

/// The keys of a provider in a test: an RSA key and a P-256 key.
pub(crate) struct TestProvider {
    rsa: KeyPair,
    ec: EcdsaKeyPair,
}

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": "license", "sub": "u1", "exp": NOW + 300, "iat": NOW,
        "email": "ann@acme.example", "email_verified": true,
    })
}

pub(crate) fn message(header: &Value, claims: &Value) -> String {
    format!(
        "{}.{}",
        encode(header.to_string()),
        encode(claims.to_string())
    )
}

impl TestProvider {
    pub(crate) fn new() -> Self {
        let ec = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING);
        Self {
            rsa: KeyPair::generate(KeySize::Rsa2048).unwrap(),
            ec: ec.unwrap(),
        }
    }

    pub(crate) fn rsa_jwk(&self, id: &str, algorithm: Option<&str>) -> Value {
        let key = PublicKeyComponents::<Vec<u8>>::from(self.rsa.public_key());
        json!({"kty": "RSA", "kid": id, "alg": algorithm, "n": encode(key.n), "e": encode(key.e)})
    }

    pub(crate) fn ec_jwk(&self, id: &str) -> Value {
        let point = self.ec.public_key().as_ref();
        json!({
            "kty": "EC", "crv": "P-256", "kid": id, "use": "sig",
            "x": encode(&point[1..33]), "y": encode(&point[33..]),
        })
    }

    pub(crate) fn sign_rsa(
        &self,
        header: &Value,
        claims: &Value,
        encoding: &'static dyn RsaEncoding,
    ) -> String {
        let message = message(header, claims);
        let mut signature = vec![0; self.rsa.public_modulus_len()];
        let random = SystemRandom::new();
        let signed = self
            .rsa
            .sign(encoding, &random, message.as_bytes(), &mut signature);
        signed.unwrap();
        format!("{message}.{}", encode(signature))
    }

    pub(crate) fn sign_ec(&self, header: &Value, claims: &Value) -> String {
        let message = message(header, claims);
        let signature = self.ec.sign(&SystemRandom::new(), message.as_bytes());
        format!("{message}.{}", encode(signature.unwrap().as_ref()))
    }

    /// Signs a token with the P-256 key `ec`.
    pub(crate) fn token(&self, claims: &Value) -> String {
        self.sign_ec(&json!({"alg": "ES256", "kid": "ec"}), claims)
    }
}

/// A verifier with a file of keys.
struct TestVerifier {
    _scratch: tempfile::TempDir,
    path: PathBuf,
    clock: Arc<ManualClock>,
    verifier: Arc<LoginVerifier>,
}

fn write(path: &Path, keys: &[Value]) {
    std::fs::write(path, json!({ "keys": keys }).to_string()).unwrap();
}

impl TestVerifier {
    fn new(keys: &[Value]) -> Self {
        Self::with_claim(keys, "email")
    }

    fn with_claim(keys: &[Value], claim: &str) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("login.jwks");
        write(&path, keys);
        let config = LoginConfig {
            issuer: ISSUER.to_owned(),
            client_id: "license".to_owned(),
            claim: claim.to_owned(),
            is_required: true,
            keys: Some(path.clone()),
            ca_file: None,
        };
        let clock = Arc::new(ManualClock::new(DateTime::from_timestamp(NOW, 0).unwrap()));
        let verifier = LoginVerifier::new(config, Arc::<ManualClock>::clone(&clock));
        Self {
            _scratch: scratch,
            path,
            clock,
            verifier: Arc::new(
                verifier
                    .map_err(|failure| failure.message().to_owned())
                    .unwrap(),
            ),
        }
    }

    /// Returns the user, or the code and the sentence of the refusal.
    async fn user(&self, token: &str) -> Result<String, String> {
        let verified = self.verifier.verify(token).await;
        let user = verified.map(|LoginUser(user)| user);
        user.map_err(|refusal| format!("{}: {}", refusal.code, refusal.detail))
    }
}

#[track_caller]
fn assert_refused(result: Result<String, String>, code: &str, part: &str) {
    let error = result.unwrap_err();
    assert!(
        error.starts_with(&format!("{code}: ")) && error.contains(part),
        "{error}"
    );
}

#[tokio::test]
async fn the_key_determines_the_algorithm() {
    let provider = TestProvider::new();
    let keys = [
        provider.rsa_jwk("rs", None),
        provider.rsa_jwk("ps", Some("PS256")),
        provider.ec_jwk("ec"),
    ];
    let test = TestVerifier::new(&keys);
    let header = |algorithm: &str, id: &str| json!({"alg": algorithm, "kid": id, "typ": "JWT"});
    let good = [
        provider.sign_rsa(&header("RS256", "rs"), &claims(), &RSA_PKCS1_SHA256),
        provider.sign_rsa(&header("PS256", "ps"), &claims(), &RSA_PSS_SHA256),
        provider.sign_ec(&header("ES256", "ec"), &claims()),
    ];
    for token in good {
        assert_eq!(test.user(&token).await.as_deref(), Ok("ann@acme.example"));
    }
    // The signature would verify if the token chose the algorithm.
    let hmac_key = hmac::Key::new(hmac::HMAC_SHA256, keys[0]["n"].as_str().unwrap().as_bytes());
    let signed = message(&header("HS256", "rs"), &claims());
    let tag = hmac::sign(&hmac_key, signed.as_bytes());
    let bad = [
        format!("{}.", message(&header("none", "rs"), &claims())),
        format!("{signed}.{}", encode(tag.as_ref())),
        provider.sign_rsa(&header("PS256", "rs"), &claims(), &RSA_PSS_SHA256),
        provider.sign_rsa(&header("RS256", "ps"), &claims(), &RSA_PKCS1_SHA256),
        provider.sign_ec(&header("ES256", "rs"), &claims()),
    ];
    for token in bad {
        assert_refused(test.user(&token).await, "LOGIN_INVALID", "algorithm");
    }
    let forged = TestProvider::new().token(&claims());
    assert_refused(test.user(&forged).await, "LOGIN_INVALID", "signature");
    let mut changed = provider.token(&claims());
    changed.pop();
    assert!(test.user(&changed).await.is_err());
}

#[tokio::test]
async fn each_claim_is_checked() {
    let provider = TestProvider::new();
    let test = TestVerifier::new(&[provider.ec_jwk("ec")]);
    for (change, code, part) in [
        (
            json!({"iss": "https://login.acme.example/"}),
            "LOGIN_INVALID",
            "issuer",
        ),
        (json!({"aud": "other"}), "LOGIN_INVALID", "license"),
        (
            json!({"aud": ["license", "other"]}),
            "LOGIN_INVALID",
            "license",
        ),
        (json!({"azp": "other"}), "LOGIN_INVALID", "license"),
        (json!({"exp": NOW - 60}), "LOGIN_EXPIRED", "60 s"),
        (json!({"iat": NOW + 61}), "LOGIN_INVALID", "61 s"),
        (json!({"nbf": NOW + 61}), "LOGIN_INVALID", "61 s"),
        (
            json!({"email_verified": false}),
            "LOGIN_INVALID",
            "verified",
        ),
        (
            json!({"email_verified": "true"}),
            "LOGIN_INVALID",
            "verified",
        ),
        (json!({"email": ""}), "LOGIN_INVALID", "`email`"),
        (json!({"email": 7}), "LOGIN_INVALID", "`email`"),
        (json!({"email": "a\u{1b}[2J"}), "LOGIN_INVALID", "`email`"),
        (json!({"exp": "soon"}), "LOGIN_INVALID", "claims"),
    ] {
        let mut claims = claims();
        claims
            .as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        let result = test.user(&provider.token(&claims)).await;
        assert_refused(result, code, part);
    }
    for missing in ["iss", "aud", "exp", "iat", "email", "email_verified"] {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(missing);
        let result = test.user(&provider.token(&claims)).await;
        assert_refused(result, "LOGIN_INVALID", "expected");
    }
    for change in [
        json!({"exp": NOW - 59}),
        json!({"iat": NOW + 60, "nbf": NOW + 60}),
        json!({"aud": ["license"]}),
        json!({"aud": ["license", "other"], "azp": "license"}),
    ] {
        let mut claims = claims();
        claims
            .as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        let result = test.user(&provider.token(&claims)).await;
        assert_eq!(result.as_deref(), Ok("ann@acme.example"), "{change}");
    }
}

#[tokio::test]
async fn another_claim_can_name_the_user_and_needs_no_verified_address() {
    let provider = TestProvider::new();
    let test = TestVerifier::with_claim(&[provider.ec_jwk("ec")], "sub");
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove("email_verified");
    assert_eq!(
        test.user(&provider.token(&claims)).await.as_deref(),
        Ok("u1")
    );
}

#[tokio::test]
async fn text_that_is_no_id_token_is_refused_without_repeating_it() {
    let provider = TestProvider::new();
    let test = TestVerifier::new(&[provider.ec_jwk("ec")]);
    let header = |header: Value| provider.sign_ec(&header, &claims());
    for token in [
        String::new(),
        "secret".to_owned(),
        "secret.secret.secret.secret".to_owned(),
        "s".repeat(17 * 1024),
        header(json!({"alg": "ES256", "kid": "ec", "crit": ["b64"]})),
        header(json!({"alg": "ES256", "kid": "ec", "typ": "at+jwt"})),
        header(json!({"kid": "ec"})),
    ] {
        let error = test.user(&token).await.unwrap_err();
        assert!(
            error.starts_with("LOGIN_INVALID") && !error.contains("secret"),
            "{error}"
        );
    }
    // A token without a key id needs a set with one key.
    let token = header(json!({"alg": "ES256"}));
    assert!(test.user(&token).await.is_ok());
    let several = TestVerifier::new(&[provider.ec_jwk("ec"), provider.rsa_jwk("rs", None)]);
    assert_refused(several.user(&token).await, "LOGIN_INVALID", "key");
}

#[tokio::test]
async fn an_unknown_key_id_reloads_the_keys_at_most_once_a_minute() {
    let (old, new) = (TestProvider::new(), TestProvider::new());
    let sign = |provider: &TestProvider, id: &str| {
        provider.sign_ec(&json!({"alg": "ES256", "kid": id}), &claims())
    };
    let test = TestVerifier::new(&[old.ec_jwk("old")]);
    assert!(test.user(&sign(&old, "old")).await.is_ok());
    // The provider rotates its key.
    write(&test.path, &[new.ec_jwk("new")]);
    assert!(test.user(&sign(&new, "new")).await.is_ok());
    write(&test.path, &[old.ec_jwk("old")]);
    // Anyone can name an unknown key just before a rotation, so this is no refusal of the login.
    let early = test.user(&sign(&old, "old")).await;
    assert_refused(early, "LOGIN_UNAVAILABLE", "once a minute");
    test.clock.advance_ms(59_999);
    let early = test.user(&sign(&old, "old")).await;
    assert_refused(early, "LOGIN_UNAVAILABLE", "once a minute");
    test.clock.advance_ms(1);
    assert!(test.user(&sign(&old, "old")).await.is_ok());
    test.clock.advance_ms(60_000);
    let unknown = test.user(&sign(&old, "other")).await;
    assert_refused(unknown, "LOGIN_INVALID", "key");
}

#[tokio::test]
async fn known_keys_stay_while_their_source_is_out_of_reach() {
    let provider = TestProvider::new();
    let mut claims = claims();
    claims["exp"] = json!(NOW + 86_400);
    let test = TestVerifier::new(&[provider.ec_jwk("ec")]);
    assert!(test.user(&provider.token(&claims)).await.is_ok());
    std::fs::remove_file(&test.path).unwrap();
    test.clock
        .advance_ms(u32::try_from(MAX_AGE_MS).unwrap() + 1);
    test.verifier.keys.renew(0).await;
    assert!(test.user(&provider.token(&claims)).await.is_ok());
    // An unknown key may be new, so this is no refusal of the login.
    let other = provider.sign_ec(&json!({"alg": "ES256", "kid": "other"}), &claims);
    assert_refused(test.user(&other).await, "LOGIN_UNAVAILABLE", "cannot load");
    test.clock.advance_ms(u32::try_from(RELOAD_MS).unwrap());
    assert_refused(test.user(&other).await, "LOGIN_UNAVAILABLE", "keys");
}

#[tokio::test]
async fn a_load_goes_on_if_its_client_goes_away() {
    let provider = TestProvider::new();
    let test = TestVerifier::new(&[provider.ec_jwk("ec")]);
    let token = provider.token(&claims());
    let mut request = Box::pin(test.verifier.verify(&token));
    std::future::poll_fn(|context| {
        assert!(request.as_mut().poll(context).is_pending());
        std::task::Poll::Ready(())
    })
    .await;
    drop(request);
    // The load has the lock until its result counts.
    drop(test.verifier.keys.loading.lock().await);
    assert!(test.verifier.keys.loaded().is_some());
}

#[test]
fn only_keys_that_can_verify_id_tokens_count() {
    let provider = TestProvider::new();
    let with = |mut key: Value, name: &str, value: Value| {
        key[name] = value;
        key
    };
    let good = provider.ec_jwk("ec");
    for bad in [
        with(good.clone(), "use", json!("enc")),
        with(good.clone(), "crv", json!("P-384")),
        with(good.clone(), "x", json!("AA")),
        with(good.clone(), "alg", json!("ES384")),
        with(good.clone(), "kty", json!("oct")),
        with(
            provider.rsa_jwk("rs", None),
            "n",
            json!(encode([0xff; 128])),
        ),
        provider.rsa_jwk("rs", Some("RSA-OAEP")),
        provider.rsa_jwk("rs", Some("RS512")),
    ] {
        let set = json!({ "keys": [bad] }).to_string();
        assert!(KeySet::parse(set.as_bytes()).is_err(), "{bad}");
        let set = json!({ "keys": [bad, good] }).to_string();
        assert_eq!(KeySet::parse(set.as_bytes()).unwrap().len(), 1, "{bad}");
    }
    for text in ["", "[]", "{}", r#"{"keys": {}}"#, r#"{"keys": []}"#] {
        assert!(KeySet::parse(text.as_bytes()).is_err(), "{text}");
    }
}
