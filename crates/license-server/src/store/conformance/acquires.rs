//! Many concurrent acquires.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use license_core::requests::ActivationSecret;
use license_seats::{PoolTerms, Release, SeatCommand, SeatReply, SeatSecret};

use super::sample::{acquire_command, id, instance, session, tenant};
use crate::domain::PoolId;
use crate::store::{PoolReply, PoolRequest, Store};

/// Acquires and releases seats from many tasks.
///
/// No more seats than the capacity are held at any instant, and the fencing numbers are unique and
/// without gaps. A task counts its seat after the reply and stops counting it before the release,
/// so that the count is never above the true number.
pub(in crate::store) async fn concurrent_acquires(
    store: Arc<dyn Store>,
    tasks: u32,
    seats: u32,
    acquires: u32,
) {
    let (tenant, pool) = (tenant(), PoolId::new(&id(1)));
    let (held, next) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let seqs = Arc::new(Mutex::new(BTreeSet::new()));
    let terms = Arc::new(PoolTerms::with_capacity(seats));
    let mut running = tokio::task::JoinSet::new();
    for task in 0..tasks {
        let (store, tenant, pool) = (Arc::clone(&store), tenant.clone(), pool.clone());
        let (held, next, seqs) = (Arc::clone(&held), Arc::clone(&next), Arc::clone(&seqs));
        let terms = Arc::clone(&terms);
        running.spawn(async move {
            while next.fetch_add(1, Ordering::Relaxed) < acquires {
                let apply = |command| {
                    let request = PoolRequest {
                        pool: pool.clone(),
                        terms: Arc::clone(&terms),
                        license_left: None,
                        command,
                    };
                    store.apply(&tenant, request, None)
                };
                let reply = apply(acquire_command(task, None)).await.unwrap();
                let Some(seq) = granted(&reply) else {
                    tokio::task::yield_now().await;
                    continue;
                };
                assert!(
                    held.fetch_add(1, Ordering::SeqCst) < seats,
                    "too many seats"
                );
                assert!(
                    seqs.lock().unwrap().insert(seq.0),
                    "{seq} was granted twice"
                );
                held.fetch_sub(1, Ordering::SeqCst);
                let secret = ActivationSecret::from_random([7; 32]).reveal();
                let release = SeatCommand::Release(Release {
                    session: session(task),
                    instance: instance(task),
                    seq,
                    secret: SeatSecret::parse(&secret).unwrap(),
                });
                apply(release).await.unwrap().outcome.reply.unwrap();
            }
        });
    }
    running.join_all().await;
    {
        let seqs = seqs.lock().unwrap();
        let count = u64::try_from(seqs.len()).unwrap();
        assert!(count > 0);
        assert_eq!(seqs.first(), Some(&1));
        assert_eq!(seqs.last(), Some(&count), "the fencing numbers have gaps");
    }
    let view = store.pool(&tenant, &pool).await.unwrap().unwrap();
    assert_eq!(view.usage.held, 0);
}

fn granted(reply: &PoolReply) -> Option<license_seats::Seq> {
    match &reply.outcome.reply {
        Ok(SeatReply::Seat(grant)) => Some(grant.lease.seq),
        _ => None,
    }
}
