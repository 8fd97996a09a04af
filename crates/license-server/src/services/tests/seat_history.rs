//! The history of floating seats.

use std::num::NonZeroU32;

use chrono::NaiveDate;

use super::{TestServer, at, id};
use crate::domain::{Actor, PageRequest, PoolCapacity, PoolId, SeatPolicy};
use crate::services::{HistoryRange, HistoryStep, SeatHistory};

fn pool() -> PoolId {
    PoolId::new(&id(1))
}

fn hours() -> HistoryRange {
    HistoryRange {
        from: None,
        to: None,
        step: HistoryStep::Hour,
    }
}

impl TestServer {
    async fn history(&self, pool: Option<&PoolId>) -> SeatHistory {
        let history = &self.services.seat_history;
        history.history(pool, &hours()).await.unwrap()
    }

    /// Lets seconds pass with a tick in each.
    async fn pass_with_ticks(&self, seconds: u32) {
        for _ in 0..seconds {
            self.pass(1).await;
        }
    }
}

#[tokio::test]
async fn the_history_has_the_seats_of_each_hour_and_the_requests_without_one() {
    let (server, token) = TestServer::with_license().await;
    server.pass_with_ticks(1).await;
    for number in 1..=5 {
        server.acquire(&token, number).await.unwrap();
    }
    for _ in 0..2 {
        let refusal = server.acquire(&token, 6).await.unwrap_err();
        assert_eq!(refusal.code, "NO_SEAT");
    }
    server.acquire(&token, 7).await.unwrap_err();
    server.pass_with_ticks(10).await;
    let history = server.history(Some(&pool())).await;
    assert_eq!(history.items.len(), 24);
    let last = history.items.last().unwrap();
    assert_eq!(last.start, at("2027-01-15T09:00:00Z"));
    assert_eq!(last.capacity(), Some((5, 5)));
    assert_eq!((last.sums.held_high, last.sums.granted), (5, 5));
    assert_eq!(last.denials, [("NO_SEAT".to_owned(), 3)].into());
    // The server stores what it observed every five seconds.
    let seconds = last.sums.full_ms / 1000;
    assert!((5..=10).contains(&seconds), "{seconds}");
    assert_eq!(last.sums.held_ms, 5 * last.sums.full_ms);
    let expected = f64::from(u32::try_from(last.sums.held_ms).unwrap()) / 11_000.0;
    assert!(
        (last.held_mean() - expected).abs() < 0.01,
        "{}",
        last.held_mean()
    );
    let all = server.history(None).await;
    assert_eq!((all.total().granted, all.total().held_high), (5, 5));
    assert_eq!(all.denials(), history.denials());

    let history = &server.services.seat_history;
    let plan = history.plan(&pool(), None, None).await.unwrap();
    let without: Vec<_> = (3..=7).map(|seats| plan.without_a_seat(seats)).collect();
    // The repeated request needs the same sixth seat as the first one.
    assert_eq!(without, [5, 4, 3, 1, 0]);
    assert_eq!((plan.seats_for(0), plan.capacity), (7, Some(5)));
    assert_eq!((plan.full_hours, plan.through), (1, day("2027-01-15")));
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

#[tokio::test]
async fn a_server_that_stops_stores_the_last_seconds() {
    let (server, token) = TestServer::with_license().await;
    server.acquire(&token, 1).await.unwrap();
    assert_eq!(server.history(None).await.total().granted, 0);
    server.services.finish().await.unwrap();
    assert_eq!(server.history(None).await.total().granted, 1);
    server.services.finish().await.unwrap();
    assert_eq!(server.history(None).await.total().granted, 1);
}

#[tokio::test]
async fn a_pool_without_a_license_has_no_history() {
    let (server, _) = TestServer::with_license().await;
    let unknown = PoolId::new(&id(9));
    let history = &server.services.seat_history;
    let refusal = history.history(Some(&unknown), &hours()).await.unwrap_err();
    assert_eq!(refusal.code, "NOT_FOUND");
    let refusal = history.plan(&unknown, None, None).await.unwrap_err();
    assert_eq!(refusal.code, "NOT_FOUND");
    let plan = |from: &str, through: &str| {
        let (from, through) = (day(from), day(through));
        async move { history.plan(&pool(), Some(from), Some(through)).await }
    };
    for (from, through) in [("2027-01-16", "2027-01-20"), ("2025-12-11", "2027-01-15")] {
        let refusal = plan(from, through).await.unwrap_err();
        assert_eq!(refusal.code, "BAD_REQUEST", "{from}");
    }
    plan("2025-12-12", "2027-01-15").await.unwrap();
}

#[tokio::test]
async fn those_who_watch_the_pools_are_woken_by_changes_only() {
    let (server, token) = TestServer::with_license().await;
    let pools = &server.services.pools;
    let mut changes = pools.watch();
    server.pass(1).await;
    changes.mark_unchanged();
    server.pass_with_ticks(3).await;
    assert!(!changes.has_changed().unwrap());
    let first = pools.shared_list(&PageRequest::first()).await.unwrap();
    assert_eq!(first.items[0].usage.held, 0);
    server.acquire(&token, 1).await.unwrap();
    server.pass(1).await;
    assert!(changes.has_changed().unwrap());
    let next = pools.shared_list(&PageRequest::first()).await.unwrap();
    assert_eq!(next.items[0].usage.held, 1);
    changes.mark_unchanged();
    // A change of the policy is one of the content.
    let policy = SeatPolicy {
        max_queue: 7,
        ..SeatPolicy::default()
    };
    let pool = pool();
    let changed = pools.set_policy(&Actor::Console, &pool, policy);
    changed.await.unwrap();
    server.pass(1).await;
    assert!(changes.has_changed().unwrap());
}

#[tokio::test]
async fn the_overview_counts_all_pools_and_names_the_fullest() {
    let server = TestServer::start().await;
    // The last pool by id is the only full one, and one session waits for it.
    for number in 1..=60 {
        server.install(&super::token(number, |_| {})).await;
    }
    let full = super::token(61, |draft| {
        draft.set_seats(NonZeroU32::MIN, super::matrix()).unwrap();
    });
    server.install(&full).await;
    server.acquire(&super::token(60, |_| {}), 1).await.unwrap();
    server.acquire(&full, 2).await.unwrap();
    server.wait(&full, 3).await;
    let (overview, pools) = (&server.services.overview, &server.services.pools);
    let seats = overview.seats().await.unwrap();
    assert_eq!((seats.held, seats.waiting, seats.full_pools), (2, 1, 1));
    let capacity = PoolCapacity {
        pools: 61,
        seats: 60 * 5 + 1,
    };
    assert_eq!((seats.capacity, seats.has_more), (capacity, true));
    assert_eq!(seats.fullest.len(), 50);
    let first = seats.fullest[..2].iter();
    let first: Vec<_> = first.map(|status| status.pool.clone()).collect();
    assert_eq!(first, [61, 60].map(|number| PoolId::new(&id(number))));
    let in_use = pools.in_use(1, 1).await.unwrap();
    assert_eq!(in_use.items[0].pool, PoolId::new(&id(60)));
    assert!(!in_use.has_more && pools.in_use(0, 1).await.unwrap().has_more);
}

#[tokio::test]
async fn pools_are_found_by_the_words_of_their_current_license() {
    let server = TestServer::start().await;
    let named =
        |number, name: &'static str| super::token(number, |draft| draft.customer = name.to_owned());
    server.install(&named(1, "Ada Works")).await;
    server.install(&named(2, "Byron Ltd")).await;
    let renewed = super::token(3, |draft| {
        draft.customer = "Ada Engines".to_owned();
        draft.supersedes = vec![id(1)];
    });
    server.install(&renewed).await;
    let found = async |text: &str| {
        let page = PageRequest::first();
        let found = server.services.pools.search(text, &page).await.unwrap();
        let found = found.items.into_iter();
        let found = found.map(|status| (status.pool, status.customer));
        found.collect::<Vec<_>>()
    };
    let first = PoolId::new(&id(1));
    assert_eq!(found("ada").await, [(first, "Ada Engines".to_owned())]);
    // The name of a license that was renewed is not that of the pool.
    assert_eq!(found("works").await, []);
    assert_eq!(found(id(2).as_str()).await.len(), 1);
    assert_eq!(found("globex").await, []);
}

#[tokio::test]
async fn the_overview_has_the_seats_and_the_licenses_that_end_soon() {
    let (server, token) = TestServer::with_license().await;
    let soon = super::token(2, |draft| draft.expires_at = Some(at("2027-02-20")));
    let in_grace = super::token(3, |draft| draft.expires_at = Some(at("2027-01-10")));
    server.install(&soon).await;
    server.install(&in_grace).await;
    server.acquire(&token, 1).await.unwrap();
    let overview = &server.services.overview;
    let seats = overview.seats().await.unwrap();
    assert_eq!((seats.held, seats.waiting, seats.full_pools), (1, 0, 0));
    assert_eq!((seats.fullest.len(), seats.has_more), (3, false));
    let ending = overview.ending_licenses().await.unwrap();
    let ids: Vec<_> = ending.licenses.iter().map(|one| one.id.clone()).collect();
    assert_eq!((ids, ending.has_more), (vec![id(3), id(2)], false));
    // A license that replaces it has another end.
    let renewed = super::token(4, |draft| draft.supersedes = vec![id(2)]);
    server.install(&renewed).await;
    let ending = overview.ending_licenses().await.unwrap();
    let ids: Vec<_> = ending.licenses.iter().map(|one| one.id.clone()).collect();
    assert_eq!(ids, [id(3)]);
    assert!(overview.failing_webhooks().await.unwrap().is_empty());
    server.pass(1).await;
    let health = overview.health().await;
    assert!(health.readiness.unwrap().is_ready());
    assert_eq!(health.last_work_ago.unwrap().num_seconds(), 0);
    assert_eq!(health.redis_is_on, None);
}
