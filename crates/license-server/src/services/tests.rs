pub(crate) mod activations;
pub(crate) mod administration;
pub(crate) mod billing;
pub(crate) mod floating;
mod groups;
pub(crate) mod installation;
pub(crate) mod metering;
mod named_users;
mod readiness;
mod seat_answers;
mod seat_history;
#[cfg(unix)]
mod shared_tokens;
pub(crate) mod telemetry;
pub(crate) mod validation;
mod webhooks;

use std::num::NonZeroU32;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use license_core::issue::{
    KeyBits, LeaseDraft, LicenseDraft, RandomError, ServerKey, Signer, SigningError, SigningKey,
    ValidationDraft, VerifyingSigner,
};
use license_core::jose::Algorithm;
use license_core::trust::TrustedKey;
use license_core::{FeatureMatrix, LicenseId, Tier, TrustSet, time};
use tempfile::TempDir;

use super::{
    HashCost, InvoiceSettings, MailQueue, PeopleSettings, PeopleTools, Sealer, ServerRole,
    ServerSigner, Services, ServicesConfig, TrialSettings,
};
use crate::clock::ManualClock;
use crate::domain::{Actor, ReminderDays, TenantId, test_seller};
use crate::store::ServerStore;
use crate::store::sqlite::SqliteStore;

fn random(bytes: &mut [u8]) -> Result<(), RandomError> {
    getrandom::fill(bytes).map_err(RandomError::new)
}

pub(crate) fn at(text: &str) -> DateTime<Utc> {
    time::parse_instant(text).unwrap()
}

/// Returns one of three keys, which are created once.
fn key(number: usize) -> VerifyingSigner {
    static KEYS: [OnceLock<Vec<u8>>; 3] = [const { OnceLock::new() }; 3];
    let der = KEYS[number].get_or_init(|| {
        let der = SigningKey::generate(KeyBits::B2048, Algorithm::Rs256, &random).unwrap();
        der.as_slice().to_vec()
    });
    let key = SigningKey::from_pkcs8(der, None, random).unwrap();
    VerifyingSigner::new(Box::new(key))
}

pub(crate) fn vendor() -> VerifyingSigner {
    key(0)
}

pub(crate) fn trust() -> TrustSet {
    TrustSet::parse(&vendor().public().to_jwk().to_string()).unwrap()
}

fn matrix() -> &'static FeatureMatrix {
    FeatureMatrix::built_in()
}

pub(crate) fn id(number: u8) -> LicenseId {
    LicenseId::from_random(at("2027-01-01"), &[number; 10])
}

/// Returns the draft of a license for 2027 with five seats, which certifies the server's key.
fn draft(number: u8) -> LicenseDraft {
    let tier = matrix().tier(Tier::parse("ENT").unwrap()).unwrap();
    let customer = "ACME Ltd".to_owned();
    let mut draft = LicenseDraft::for_tier(matrix(), tier, id(number), customer, at("2027-01-01"));
    draft.expires_at = Some(at("2028-01-01"));
    draft.confirmation = Some(key(1).public().to_jwk().try_into().unwrap());
    draft
        .set_seats(NonZeroU32::new(5).unwrap(), matrix())
        .unwrap();
    draft
}

/// Returns the token of a license, after a change of its draft.
pub(crate) fn token(number: u8, change: impl FnOnce(&mut LicenseDraft)) -> String {
    let mut draft = draft(number);
    change(&mut draft);
    draft.sign(&vendor()).unwrap()
}

struct TestSigner(ServerKey);

#[async_trait]
impl ServerSigner for TestSigner {
    fn public(&self) -> &TrustedKey {
        self.0.public()
    }

    async fn sign_lease(&self, draft: &LeaseDraft<'_>) -> Result<String, SigningError> {
        draft.sign(&self.0)
    }

    async fn sign_validation(&self, draft: &ValidationDraft<'_>) -> Result<String, SigningError> {
        draft.sign_as_server(&self.0)
    }
}

/// Returns the configuration of a site over a store.
pub(crate) fn config(store: Arc<dyn ServerStore>, clock: &Arc<ManualClock>) -> ServicesConfig {
    let signer = TestSigner(ServerKey::new(key(1), &trust()).unwrap());
    ServicesConfig {
        store,
        clock: Arc::<ManualClock>::clone(clock),
        signer: Arc::new(signer),
        tenant: TenantId::site(),
        roots: Arc::new(trust()),
        signatures: Arc::default(),
        matrix: Arc::new(matrix().clone()),
        issuer: "licenses.acme.example".to_owned(),
        role: ServerRole::Site,
        telemetry_days: 400,
        people: people(None),
        webhooks: Arc::default(),
        trials: trials(),
        invoices: invoices(),
        metering: Arc::default(),
        billing: None,
    }
}

/// Returns the settings of a server with one legal entity.
pub(crate) fn invoices() -> InvoiceSettings {
    InvoiceSettings {
        entities: vec![test_seller()],
        reminders: ReminderDays::new(vec![1, 7]),
    }
}

/// Returns the settings of a server on which people start trials.
pub(crate) fn trials() -> TrialSettings {
    TrialSettings {
        is_open: true,
        reminders: ReminderDays::new(vec![7, 3, 1]),
    }
}

/// Returns the parts that the services of people share, with cheap hashes.
pub(crate) fn people(mail: Option<Arc<dyn MailQueue>>) -> Arc<PeopleTools> {
    let settings = PeopleSettings {
        registration: true,
        session_idle: TimeDelta::hours(12),
        session_lifetime: TimeDelta::days(30),
        cost: HashCost {
            memory: 8,
            passes: 1,
        },
    };
    let sealer = Sealer::new([&b"key of the tests"[..]]).unwrap();
    PeopleTools::new(settings, "https://licenses.example.com/", sealer, mail).unwrap()
}

/// Opens the services of a site over a store.
async fn services(store: Arc<dyn ServerStore>, clock: &Arc<ManualClock>) -> Arc<Services> {
    Services::open(config(store, clock)).await.unwrap()
}

/// A server without HTTP.
pub(crate) struct TestServer {
    pub(crate) services: Arc<Services>,
    store: Arc<SqliteStore>,
    clock: Arc<ManualClock>,
    directory: TempDir,
}

impl TestServer {
    /// Starts a server on 2027-01-15 without a license.
    pub(crate) async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(at("2027-01-15T09:00:00Z")));
        let store = SqliteStore::open(directory.path(), Arc::<ManualClock>::clone(&clock)).unwrap();
        let store = Arc::new(store);
        let services = services(Arc::<SqliteStore>::clone(&store), &clock).await;
        Self {
            services,
            store,
            clock,
            directory,
        }
    }

    /// Starts a server with a license of five seats. Returns its token too.
    async fn with_license() -> (Self, String) {
        let server = Self::start().await;
        let token = token(1, |_| {});
        server.install(&token).await;
        (server, token)
    }

    async fn install(&self, text: &str) {
        self.services
            .licenses
            .install(&Actor::Console, text)
            .await
            .unwrap();
    }

    /// Lets time pass, in steps of one second, with a tick at the end.
    async fn pass(&self, seconds: u32) {
        for _ in 0..seconds {
            self.clock.advance_ms(1000);
            self.store.check().await.unwrap();
        }
        self.services.tick().await.unwrap();
    }
}
