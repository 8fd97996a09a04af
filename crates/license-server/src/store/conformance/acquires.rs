//! Many concurrent acquires.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use license_seats::{PoolTerms, Release, SeatCommand, SeatReply};
use tokio::sync::watch;

use super::sample::{acquire_command, id, instance, secret, session, tenant};
use crate::domain::PoolId;
use crate::store::{PoolReply, PoolRequest, ServerStore};

/// The outcome of many concurrent acquires.
#[derive(Debug)]
pub(in crate::store) struct AcquireCounts {
    /// The number of grants.
    pub(in crate::store) granted: u32,
    /// The number of denials.
    pub(in crate::store) denied: u32,
    /// The largest number of seats that were held at a time.
    pub(in crate::store) most_held: u32,
}

/// Acquires and releases seats from many tasks.
///
/// No more seats than the capacity are held at any instant, and the fencing numbers are unique and
/// without gaps. A task counts its seat after the reply and stops counting it before the release,
/// so that the count is never above the true number. It keeps its seat until another task is
/// denied, so that the pool is full again and again. There must be more tasks than seats.
/// `progress` gets the number of acquires that have begun, ten times. The tasks use the stores in
/// turn, which are nodes of one database.
pub(in crate::store) async fn concurrent_acquires(
    stores: &[Arc<dyn ServerStore>],
    tasks: u32,
    seats: u32,
    acquires: u32,
    progress: impl Fn(u32) + Copy + Send + 'static,
) -> AcquireCounts {
    let (tenant, pool) = (tenant(), PoolId::new(&id(1)));
    let new = || Arc::new(AtomicU32::new(0));
    let (held, most_held, next) = (new(), new(), new());
    let denied = Arc::new(watch::Sender::new(0_u32));
    // The memory of the test does not grow, so that the memory of the store can be observed.
    let is_used: Arc<[AtomicBool]> = (0..=acquires).map(|_| AtomicBool::new(false)).collect();
    let terms = Arc::new(PoolTerms::with_capacity(seats));
    let mut running = tokio::task::JoinSet::new();
    for (task, store) in (0..tasks).zip(stores.iter().cycle()) {
        let (store, tenant, pool) = (Arc::clone(store), tenant.clone(), pool.clone());
        let (held, most_held, next) = (held.clone(), most_held.clone(), next.clone());
        let (denied, is_used, terms) = (denied.clone(), is_used.clone(), terms.clone());
        running.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::SeqCst);
                if number >= acquires {
                    // Wakes the tasks that still keep their seats.
                    denied.send_modify(|_| {});
                    return;
                }
                if number % acquires.div_ceil(10) == 0 {
                    progress(number);
                }
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
                    denied.send_modify(|denied| *denied += 1);
                    tokio::task::yield_now().await;
                    continue;
                };
                let now_held = held.fetch_add(1, Ordering::SeqCst) + 1;
                assert!(now_held <= seats, "too many seats");
                most_held.fetch_max(now_held, Ordering::Relaxed);
                let was_used =
                    is_used[usize::try_from(seq.0).unwrap()].swap(true, Ordering::SeqCst);
                assert!(!was_used, "{seq} was granted twice");
                let mut denials = denied.subscribe();
                if next.load(Ordering::SeqCst) < acquires {
                    denials.changed().await.unwrap();
                }
                held.fetch_sub(1, Ordering::SeqCst);
                let release = SeatCommand::Release(Release {
                    session: session(task),
                    instance: instance(task),
                    seq,
                    secret: secret(),
                });
                apply(release).await.unwrap().outcome.reply.unwrap();
            }
        });
    }
    running.join_all().await;
    let is_used: Vec<bool> = is_used
        .iter()
        .map(|used| used.load(Ordering::SeqCst))
        .collect();
    let used = is_used.iter().filter(|is_used| **is_used).count();
    let is_dense = !is_used[0] && is_used[1..=used].iter().all(|is_used| *is_used);
    assert!(is_dense, "the fencing numbers have gaps");
    for store in stores {
        let view = store.pool(&tenant, &pool).await.unwrap().unwrap();
        assert_eq!(view.usage.held, 0);
    }
    AcquireCounts {
        granted: u32::try_from(used).unwrap(),
        denied: *denied.borrow(),
        most_held: most_held.load(Ordering::SeqCst),
    }
}

fn granted(reply: &PoolReply) -> Option<license_seats::Seq> {
    match &reply.outcome.reply {
        Ok(SeatReply::Seat(grant)) => Some(grant.lease.seq),
        _ => None,
    }
}
