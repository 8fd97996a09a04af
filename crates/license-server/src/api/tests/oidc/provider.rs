//! An OpenID provider on a port of this machine, which can also misbehave.
//!
//! The tests in `tests/tests/online` use a certified provider. This one does what such a provider
//! never does.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum_server::tls_rustls::RustlsConfig;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use percent_encoding::percent_decode_str;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::login::tests::TestProvider;

/// The credentials of the client at the provider.
pub(super) const CLIENT: &str = "licenses";
pub(super) const SECRET: &str = "secret of the client";

/// The behavior of the token endpoint.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    /// Checks the request as a provider must, and sends the tokens.
    Tokens,
    /// Sends this ID token to everybody.
    IdToken(String),
    /// Sends another status and body.
    Other(u16, String),
    /// Redirects to another URL.
    Redirect(String),
    /// Never answers.
    Silence,
}

/// A code, and the request that it answers.
struct Grant {
    redirect_uri: String,
    challenge: String,
    nonce: String,
}

pub(super) struct ProviderState {
    pub(super) keys: TestProvider,
    pub(super) key_id: String,
    /// Members that replace those of the discovery document.
    pub(super) discovery: Value,
    /// Claims that replace those of ID tokens. `null` removes a claim.
    pub(super) claims: Value,
    /// Members that replace those of the answer about the person of the last ID token.
    pub(super) user_info: Value,
    subject: Value,
    pub(super) reply: Reply,
    pub(super) now: i64,
    /// The paths of the requests.
    pub(super) requests: Vec<String>,
    issuer: String,
    grants: HashMap<String, Grant>,
}

/// A running provider.
pub(super) struct FakeProvider {
    pub(super) issuer: String,
    state: Arc<Mutex<ProviderState>>,
}

/// Replaces members of an object.
pub(super) fn merged(mut object: Value, changes: &Value) -> Value {
    for (name, value) in changes.as_object().into_iter().flatten() {
        object[name] = value.clone();
    }
    object
}

/// Returns the parameters of the query of a URL.
pub(super) fn query(url: &str) -> HashMap<String, String> {
    let (_, query) = url.split_once('?').unwrap();
    let decoded = |text: &str| percent_decode_str(text).decode_utf8().unwrap().into_owned();
    let parameters = query.split('&').map(|text| text.split_once('=').unwrap());
    parameters
        .map(|(name, value)| (name.to_owned(), decoded(value)))
        .collect()
}

impl FakeProvider {
    /// Starts a provider with one key and one person, `ann`. `now` is in Unix seconds.
    pub(super) async fn start(now: i64) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let (provider, router) = Self::new(issuer, now);
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        provider
    }

    /// Starts a provider with a certificate of an authority. Returns the certificate of the
    /// authority in PEM.
    pub(super) async fn start_with_tls(now: i64) -> (Self, String) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let issuer = format!("https://{}", listener.local_addr().unwrap());
        let (provider, router) = Self::new(issuer, now);
        let (authority, config) = certificate();
        let config = RustlsConfig::from_config(Arc::new(config));
        let server = axum_server::from_tcp_rustls(listener, config).unwrap();
        tokio::spawn(async move { server.serve(router.into_make_service()).await.unwrap() });
        (provider, authority)
    }

    fn new(issuer: String, now: i64) -> (Self, Router) {
        let state = Arc::new(Mutex::new(ProviderState {
            keys: TestProvider::new(),
            key_id: "first".to_owned(),
            discovery: json!({}),
            claims: json!({}),
            user_info: json!({}),
            subject: Value::Null,
            reply: Reply::Tokens,
            now,
            requests: Vec::new(),
            issuer: issuer.clone(),
            grants: HashMap::new(),
        }));
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/keys", get(keys))
            .route("/token", post(token))
            .route("/user", get(user_info))
            .with_state(Arc::clone(&state));
        (Self { issuer, state }, router)
    }

    pub(super) fn state(&self) -> MutexGuard<'_, ProviderState> {
        self.state.lock().unwrap()
    }

    /// Does what the provider does after the person has entered a password. Returns the parameters
    /// of the answer.
    pub(super) fn authorize(&self, location: &str) -> HashMap<String, String> {
        assert!(
            location.starts_with(&format!("{}/authorize?", self.issuer)),
            "{location}"
        );
        let query = query(location);
        for (name, expected) in [
            ("response_type", "code"),
            ("client_id", CLIENT),
            ("code_challenge_method", "S256"),
        ] {
            assert_eq!(query[name], expected, "{location}");
        }
        assert!(query["scope"].split(' ').any(|scope| scope == "openid"));
        let code = format!("code {}", self.state().grants.len());
        let grant = Grant {
            redirect_uri: query["redirect_uri"].clone(),
            challenge: query["code_challenge"].clone(),
            nonce: query["nonce"].clone(),
        };
        self.state().grants.insert(code.clone(), grant);
        HashMap::from([
            ("code".to_owned(), code),
            ("state".to_owned(), query["state"].clone()),
            ("iss".to_owned(), self.issuer.clone()),
        ])
    }

    /// Signs a token with the key of the provider.
    pub(super) fn sign(&self, typ: &str, claims: &Value) -> String {
        let state = self.state();
        let header = json!({ "alg": "ES256", "kid": state.key_id, "typ": typ });
        state.keys.sign_ec(&header, claims)
    }
}

impl ProviderState {
    /// Returns the claims of an ID token.
    pub(super) fn id_claims(&self, nonce: &str) -> Value {
        let claims = json!({
            "iss": self.issuer, "aud": CLIENT, "sub": "ann", "sid": "session of ann",
            "iat": self.now, "exp": self.now + 300, "nonce": nonce, "name": "Ann",
            "email": "ann@acme.example", "email_verified": true, "groups": ["auditors"],
        });
        let mut claims = merged(claims, &self.claims);
        claims
            .as_object_mut()
            .unwrap()
            .retain(|_, value| !value.is_null());
        claims
    }

    /// Returns the ID token for a code, if the request is right. A code counts once.
    fn redeem(&mut self, headers: &HeaderMap, form: &HashMap<String, String>) -> Option<String> {
        let pair = format!("{CLIENT}:{}", SECRET.replace(' ', "%20"));
        let expected = format!("Basic {}", STANDARD.encode(pair));
        if headers.get(header::AUTHORIZATION)?.to_str().ok()? != expected {
            return None;
        }
        let grant = self.grants.remove(form.get("code")?)?;
        let verifier = form.get("code_verifier")?;
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier));
        let is_right = form.get("grant_type")? == "authorization_code"
            && *form.get("redirect_uri")? == grant.redirect_uri
            && challenge == grant.challenge;
        let claims = self.id_claims(&grant.nonce);
        self.subject = claims["sub"].clone();
        let header = json!({ "alg": "ES256", "kid": self.key_id });
        is_right.then(|| self.keys.sign_ec(&header, &claims))
    }
}

/// Creates an authority, and a certificate of it for this machine.
fn certificate() -> (String, ServerConfig) {
    let mut parameters = CertificateParams::new(Vec::new()).unwrap();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let authority = CertifiedIssuer::self_signed(parameters, key).unwrap();
    let parameters = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let key = KeyPair::generate().unwrap();
    let chain = vec![
        parameters
            .signed_by(&key, &authority)
            .unwrap()
            .der()
            .clone(),
    ];
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key);
    (authority.pem(), config.unwrap())
}

type Shared = State<Arc<Mutex<ProviderState>>>;

async fn discovery(State(state): Shared) -> Response {
    let mut state = state.lock().unwrap();
    state.requests.push("discovery".to_owned());
    let issuer = &state.issuer;
    let document = json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "userinfo_endpoint": format!("{issuer}/user"),
        "end_session_endpoint": format!("{issuer}/end"),
        "jwks_uri": format!("{issuer}/keys"),
        "authorization_response_iss_parameter_supported": true,
    });
    axum::Json(merged(document, &state.discovery)).into_response()
}

async fn keys(State(state): Shared) -> Response {
    let mut state = state.lock().unwrap();
    state.requests.push("keys".to_owned());
    axum::Json(json!({ "keys": [state.keys.ec_jwk(&state.key_id)] })).into_response()
}

async fn token(
    State(state): Shared,
    headers: HeaderMap,
    Form(form): Form<HashMap<String, String>>,
) -> Response {
    let reply = {
        let mut state = state.lock().unwrap();
        state.requests.push("token".to_owned());
        state.reply.clone()
    };
    let token = match reply {
        Reply::Tokens => state.lock().unwrap().redeem(&headers, &form),
        Reply::IdToken(token) => Some(token),
        Reply::Other(status, body) => {
            return (StatusCode::from_u16(status).unwrap(), body).into_response();
        }
        Reply::Redirect(url) => {
            return (StatusCode::FOUND, [(header::LOCATION, url)]).into_response();
        }
        Reply::Silence => std::future::pending().await,
    };
    match token {
        Some(token) => axum::Json(
            json!({ "id_token": token, "access_token": "access", "token_type": "Bearer" }),
        )
        .into_response(),
        None => {
            let error = json!({ "error": "invalid_grant", "error_description": "<script>" });
            (StatusCode::BAD_REQUEST, axum::Json(error)).into_response()
        }
    }
}

async fn user_info(State(state): Shared, headers: HeaderMap) -> Response {
    let mut state = state.lock().unwrap();
    state.requests.push("user".to_owned());
    assert_eq!(headers[header::AUTHORIZATION], "Bearer access");
    let person = json!({ "sub": state.subject });
    axum::Json(merged(person, &state.user_info)).into_response()
}
