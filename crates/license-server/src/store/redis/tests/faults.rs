//! Lost, late and hostile values.

use super::*;

#[tokio::test]
async fn a_heartbeat_extends_its_lease_until_the_time_of_the_pool() {
    let Some(server) = RedisServer::start(&[]) else {
        return;
    };
    let (mut database, mut node, epoch) = one_seat(&server).await;
    let beat = heartbeat(1, 1, 1);
    assert_eq!(until(&node.renew(&beat, at(20)).await), 140);
    // Another fencing number, process or session, other terms, and an ended license.
    assert!(is_missed(&node.answer(&heartbeat(1, 1, 2), at(20)).await));
    assert!(is_missed(&node.answer(&heartbeat(1, 2, 1), at(20)).await));
    assert!(is_missed(&node.answer(&heartbeat(2, 1, 1), at(20)).await));
    let ended = at(20).with_license_left(LeaseSpan::ZERO);
    assert!(is_missed(&node.answer(&beat, ended).await));
    let terms = std::mem::replace(&mut node.terms, Arc::new(PoolTerms::with_capacity(3)));
    assert!(is_missed(&node.answer(&beat, at(20)).await));
    node.terms = terms;
    // The lease is late after its lifetime, which PostgreSQL must record.
    node.permit(&epoch, at(140));
    assert_eq!(until(&node.renew(&beat, at(140)).await), 260);
    node.permit(&epoch, at(261));
    assert!(is_missed(&node.answer(&beat, at(261)).await));
    let late = node
        .apply(&mut database, &epoch, SeatCommand::Tick, at(261))
        .await;
    assert_eq!(late.len(), 1);
    // A late lease does not stop the heartbeats of other leases, after its seat can be granted.
    node.apply(&mut database, &epoch, acquire(2, 1, None), at(265))
        .await;
    node.permit(&epoch, at(270));
    assert!(is_missed(&node.answer(&beat, at(270)).await));
    assert_eq!(until(&node.renew(&heartbeat(2, 1, 2), at(270)).await), 390);
}

#[tokio::test]
async fn redis_is_used_for_less_than_a_second_after_a_reading() {
    let Some(server) = RedisServer::start(&[]) else {
        return;
    };
    let (_, node, epoch) = one_seat(&server).await;
    let beat = heartbeat(1, 1, 1);
    node.clock.advance_boot_ms(999);
    let reply = node.renew(&beat, at(20)).await;
    assert_eq!(reply.now.as_millis(), 20_999);
    node.clock.advance_boot_ms(1);
    assert!(is_missed(&node.answer(&beat, at(20)).await));
    // Another epoch, another Redis, and no epoch.
    let mut other = epoch.clone();
    other.number += 1;
    node.permit(&other, at(21));
    assert!(is_missed(&node.answer(&beat, at(21)).await));
    other = epoch.clone();
    other.server = "other".into();
    node.permit(&other, at(21));
    assert!(is_missed(&node.answer(&beat, at(21)).await));
    node.permit(&RedisEpoch::default(), at(21));
    assert!(is_missed(&node.answer(&beat, at(21)).await));
    node.permit(&epoch, at(21));
    assert_eq!(until(&node.renew(&beat, at(21)).await), 141);
}

#[tokio::test]
async fn a_reserved_pool_answers_no_heartbeat_and_a_late_confirmation_changes_nothing() {
    let Some(server) = RedisServer::start(&[]) else {
        return;
    };
    let (mut database, mut node, epoch) = one_seat(&server).await;
    let mut other = Node::open(&server, &database).await;
    let beat = heartbeat(1, 1, 1);
    let stored = PoolEpoch {
        number: database.epoch,
        version: database.version,
    };
    let (tenant, id) = (TenantId::site(), pool_id());
    let mut cursor = FoldCursor::default();
    let paused = node
        .renewals
        .reserve(&tenant, &id, stored, &epoch, &mut cursor);
    let paused = paused.await.unwrap();
    assert!(is_missed(&node.answer(&beat, at(20)).await));
    // The other server has the lock after the transaction of the first one ended.
    let reserved = other
        .renewals
        .reserve(&tenant, &id, stored, &epoch, &mut cursor);
    let reserved = reserved.await.unwrap();
    node.renewals
        .confirm(
            paused,
            &Pool::new(PoolTerms::with_capacity(2)),
            &[],
            9,
            at(99),
            &mut cursor,
        )
        .await
        .unwrap();
    assert!(is_missed(&node.answer(&beat, at(20)).await));
    other.reload(&database);
    let (version, now) = (database.version, at(20));
    other
        .renewals
        .confirm(reserved, &other.pool, &[], version, now, &mut cursor)
        .await
        .unwrap();
    assert_eq!(until(&node.renew(&beat, at(20)).await), 140);
    node.apply(&mut database, &epoch, SeatCommand::Tick, at(21))
        .await;
}

#[tokio::test]
async fn lost_renewals_extend_all_leases_before_any_command() {
    let Some(server) = RedisServer::start(&[]) else {
        return;
    };
    type Loss = fn(&RedisServer);
    let key = "ls:{site/pool}:meta";
    let losses: [Loss; 3] = [
        RedisServer::flush,
        |server| drop(server.command(&["DEL", "ls:{site/pool}:meta"])),
        // Redis is ahead of PostgreSQL, which was restored.
        |server| drop(server.command(&["HSET", "ls:{site/pool}:meta", "version", "99"])),
    ];
    for loss in losses {
        server.flush();
        let (mut database, mut node, epoch) = one_seat(&server).await;
        let beat = heartbeat(1, 1, 1);
        // The client uses its seat until 140 s, but PostgreSQL knows only 130 s.
        assert_eq!(until(&node.renew(&beat, at(20)).await), 140);
        loss(&server);
        // A batch that is rolled back does not hide the loss.
        let rolled_back = node.batch(
            &mut database,
            &epoch,
            SeatCommand::Tick,
            at(25),
            Fault::RolledBack,
        );
        rolled_back.await.unwrap();
        assert!(is_missed(&node.answer(&beat, at(25)).await));
        node.apply(&mut database, &epoch, SeatCommand::Tick, at(30))
            .await;
        let lease = node.pool.lease(&session(1)).unwrap();
        // 120 s, 2 s, and the margin of both.
        assert_eq!(lease.free_at.as_millis(), 30_000 + 122_000 + 2_122);
        assert_eq!(database.pool.lease(&session(1)), Some(lease));
        assert_eq!(until(&node.renew(&beat, at(30)).await), 150);
        assert_eq!(server.command(&["HGET", key, "reserved"]), "");
    }
}

#[tokio::test]
async fn another_epoch_extends_all_leases_and_no_epoch_extends_none() {
    let Some(server) = RedisServer::start(&[]) else {
        return;
    };
    let (mut database, mut node, mut epoch) = one_seat(&server).await;
    let extended = |node: &Node, at: u64| {
        let lease = node.pool.lease(&session(1)).unwrap();
        lease.free_at.as_millis() == at * 1000 + 124_122
    };
    epoch.number = 7;
    node.apply(&mut database, &epoch, SeatCommand::Tick, at(20))
        .await;
    assert!(extended(&node, 20));
    assert_eq!(database.epoch, 7);
    // Redis is turned off, and later on again. It has nothing that PostgreSQL lacks.
    let off = RedisEpoch::default();
    node.apply(&mut database, &off, SeatCommand::Tick, at(30))
        .await;
    assert!(extended(&node, 30));
    assert_eq!(database.epoch, 0);
    node.apply(&mut database, &off, SeatCommand::Tick, at(40))
        .await;
    assert!(extended(&node, 30));
    epoch.number = 9;
    node.apply(&mut database, &epoch, SeatCommand::Tick, at(50))
        .await;
    assert!(extended(&node, 30));
    assert_eq!(database.epoch, 9);
    node.permit(&epoch, at(60));
    assert_eq!(until(&node.renew(&heartbeat(1, 1, 1), at(60)).await), 180);
    // An epoch that is older than that of Redis is an error, which turns Redis off.
    epoch.number = 8;
    let batch = node.batch(
        &mut database,
        &epoch,
        SeatCommand::Tick,
        at(61),
        Fault::None,
    );
    let error = batch.await.unwrap_err();
    assert!(matches!(error, RedisStoreError::Value { .. }), "{error:?}");
}

#[tokio::test]
async fn a_value_that_no_server_wrote_is_an_error() {
    let Some(server) = RedisServer::start(&[]) else {
        return;
    };
    let session = session(1).to_string();
    let lease = "ls:{site/pool}:leases";
    let seats = "ls:{site/pool}:seats";
    let meta = "ls:{site/pool}:meta";
    let heartbeats: [&[&str]; 9] = [
        &["HSET", lease, &session, "{}"],
        &["HSET", lease, &session, "1e999"],
        &["HDEL", lease, &session],
        &["SET", lease, "text"],
        &["HSET", seats, &session, "1 2"],
        &["HDEL", seats, &session],
        &["LPUSH", seats, "text"],
        &["HSET", meta, "deadline", "text"],
        &["HSET", meta, "usage", "{\"capacity\":-1}"],
    ];
    for change in heartbeats {
        server.flush();
        let (_, node, _) = one_seat(&server).await;
        if change[0] == "SET" || change[0] == "LPUSH" {
            server.command(&["DEL", change[1]]);
        }
        server.command(change);
        let answer = node.answer(&heartbeat(1, 1, 1), at(20)).await;
        assert!(
            matches!(answer, HeartbeatAnswer::Failed(5, _)),
            "{change:?}: {answer:?}"
        );
    }
    let batches: [&[&str]; 5] = [
        &["HSET", seats, &session, "1 2 3 4"],
        &["HDEL", seats, &session],
        &["HSET", meta, "version", "text"],
        &["SET", meta, "text"],
        &["ZADD", "ls:{site/pool}:renewed", "1.5", "text"],
    ];
    for change in batches {
        server.flush();
        let (mut database, mut node, epoch) = one_seat(&server).await;
        node.renew(&heartbeat(1, 1, 1), at(20)).await;
        server.command(change);
        let batch = node.batch(
            &mut database,
            &epoch,
            SeatCommand::Tick,
            at(21),
            Fault::None,
        );
        let error = batch.await.unwrap_err();
        assert!(!error.is_disconnected(), "{change:?}: {error:?}");
    }
}
