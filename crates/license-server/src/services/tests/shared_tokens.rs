//! Validation tokens that two servers share in Redis.

use std::sync::Arc;

use license_test_services::{RedisServer, TestDatabase};

use super::{at, services, token};
use crate::clock::ManualClock;
use crate::domain::Actor;
use crate::services::{Services, ValidateRequest};
use crate::store::ServerStore;
use crate::store::postgres::{PostgresConfig, PostgresStore};
use crate::store::redis::RedisConfig;

async fn validate(services: &Services, credential: &str) -> String {
    let request = ValidateRequest {
        credential: credential.to_owned(),
        machine: "mach_00112233445566778899aabbccddeeff".to_owned(),
        user: None,
        missing_login: None,
        version: None,
        build_date: None,
        nonce: None,
    };
    let reply = services.validate.validate(request).await.unwrap();
    reply.validation.clone().unwrap()
}

#[tokio::test]
async fn servers_share_a_token_for_a_minute_and_refuse_one_that_they_cannot_verify() {
    let (Some(redis), Some(database)) = (RedisServer::start(&[]), TestDatabase::create()) else {
        return;
    };
    let clock = Arc::new(ManualClock::new(at("2027-01-15T09:00:00Z")));
    let open = || async {
        let config = PostgresConfig::parse(database.url(), None).unwrap();
        let address = RedisConfig::parse(&redis.url(), None).unwrap().patient();
        let own: Arc<ManualClock> = Arc::clone(&clock);
        let store = PostgresStore::open(&config, Some(&address), own, Arc::new(()));
        Arc::new(store.await.unwrap())
    };
    let stores: [Arc<dyn ServerStore>; 2] = [open().await, open().await];
    let first = services(Arc::clone(&stores[0]), &clock).await;
    let license = token(1, |_| {});
    let installed = first.licenses.install(&Actor::Console, &license).await;
    installed.unwrap();
    let second = services(Arc::clone(&stores[1]), &clock).await;
    let shared = validate(&first, &license).await;
    assert_eq!(validate(&second, &license).await, shared);

    clock.advance_ms(60_000);
    let next = validate(&first, &license).await;
    assert_ne!(next, shared);
    let key = "ls:{tokens}:current";
    for name in redis.command(&["HKEYS", key]).lines() {
        redis.command(&["HSET", key, name, &shared]);
    }
    let own = validate(&second, &license).await;
    assert!(own != next && own != shared);
    for store in &stores {
        store.close().await.unwrap();
    }
}
