//! The generator of load.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::callers::Caller;
use super::connection::Connection;

/// The significant decimal digits of a latency.
const DIGITS: u8 = 3;

/// Requests at fixed times.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    /// The number of requests per second.
    pub rate: f64,
    /// The number of requests.
    pub requests: u64,
}

impl Schedule {
    /// Returns when a request is due, from the start.
    fn due(&self, number: u64) -> Duration {
        let interval = Duration::from_secs(1).div_f64(self.rate);
        let nanos = interval.as_nanos().saturating_mul(number.into());
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

/// The result of a load.
#[derive(Clone, Debug)]
pub struct LoadReport {
    /// The number of requests, with those that failed.
    pub requests: u64,
    /// The number of requests without the expected response.
    pub errors: u64,
    /// The time from the first request to the last response.
    pub elapsed: Duration,
    /// The latencies of all requests in nanoseconds. On a schedule, a latency counts from the time
    /// when the request was due, so a stall of the server counts for each request that it delays.
    pub latencies: Histogram<u64>,
}

impl LoadReport {
    /// Returns the latency below which a part of the requests, from 0 to 1, was answered.
    pub fn latency(&self, part: f64) -> Duration {
        Duration::from_nanos(self.latencies.value_at_quantile(part))
    }
}

/// Connections to a server, each with its own sequence of requests.
pub struct Generator {
    runtime: Runtime,
    address: SocketAddr,
    workers: Vec<Worker>,
}

struct Worker {
    connection: Option<Connection>,
    caller: Box<dyn Caller>,
}

/// The state that the connections share during a load.
struct Load {
    address: SocketAddr,
    start: Instant,
    requests: u64,
    next: AtomicU64,
    /// The schedule, with a permit for each request that is due.
    schedule: Option<(Schedule, Semaphore)>,
    results: Mutex<Results>,
}

struct Results {
    latencies: Histogram<u64>,
    errors: u64,
}

impl Generator {
    /// Opens a connection for each caller.
    ///
    /// # Panics
    ///
    /// Panics if the server refuses a connection.
    pub fn connect(address: SocketAddr, callers: Vec<Box<dyn Caller>>) -> Self {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build();
        let runtime = runtime.expect("a runtime can be created");
        let open = |caller| {
            let connection = runtime.block_on(Connection::open(address));
            Worker {
                connection: Some(connection.expect("the server accepts connections")),
                caller,
            }
        };
        let workers = callers.into_iter().map(open).collect();
        Self {
            runtime,
            address,
            workers,
        }
    }

    /// Sends requests as fast as the server answers them: each connection sends its next request
    /// when it has the response to the one before.
    pub fn saturate(&mut self, requests: u64) -> LoadReport {
        self.run(requests, None)
    }

    /// Sends requests at fixed times, on the connections that are free. A request waits if no
    /// connection is free. Its latency counts from the time when it was due.
    pub fn send_on_schedule(&mut self, schedule: Schedule) -> LoadReport {
        self.run(schedule.requests, Some(schedule))
    }

    fn run(&mut self, requests: u64, schedule: Option<Schedule>) -> LoadReport {
        let load = Arc::new(Load {
            address: self.address,
            start: Instant::now(),
            requests,
            next: AtomicU64::new(0),
            schedule: schedule.map(|schedule| (schedule, Semaphore::new(0))),
            results: Mutex::new(Results {
                latencies: Histogram::new(DIGITS).expect("a valid number of digits"),
                errors: 0,
            }),
        });
        let count = self.workers.len();
        let pacer = schedule.is_some().then(|| {
            let load = Arc::clone(&load);
            thread::spawn(move || load.pace(count))
        });
        let mut running = JoinSet::new();
        for worker in self.workers.drain(..) {
            running.spawn_on(worker.run(Arc::clone(&load)), self.runtime.handle());
        }
        self.workers = self.runtime.block_on(running.join_all());
        let elapsed = load.start.elapsed();
        if let Some(pacer) = pacer {
            pacer.join().expect("the pacer does not panic");
        }
        let results = load.lock();
        LoadReport {
            requests,
            errors: results.errors,
            elapsed,
            latencies: results.latencies.clone(),
        }
    }
}

impl Load {
    /// Adds a permit for each request when it is due. `thread::sleep` is more precise than the
    /// timers of the runtime, which have a resolution of a millisecond.
    fn pace(&self, workers: usize) {
        let Some((schedule, due)) = &self.schedule else {
            return;
        };
        for number in 0..self.requests {
            let wait = schedule.due(number).saturating_sub(self.start.elapsed());
            if !wait.is_zero() {
                thread::sleep(wait);
            }
            due.add_permits(1);
        }
        // Each worker then finds that no request is left.
        due.add_permits(workers);
    }

    /// Returns when the next request is due, as soon as it is. Returns `None` if all requests were
    /// sent.
    async fn next(&self) -> Option<Instant> {
        if let Some((_, due)) = &self.schedule {
            due.acquire().await.ok()?.forget();
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        if number >= self.requests {
            return None;
        }
        match &self.schedule {
            Some((schedule, _)) => self.start.checked_add(schedule.due(number)),
            None => Some(Instant::now()),
        }
    }

    fn record(&self, latency: Duration, is_expected: bool) {
        let mut results = self.lock();
        let nanos = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        let recorded = results.latencies.record(nanos.max(1));
        recorded.expect("the histogram grows by itself");
        results.errors += u64::from(!is_expected);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Results> {
        self.results.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Worker {
    async fn run(mut self, load: Arc<Load>) -> Self {
        while let Some(since) = load.next().await {
            let is_expected = self.call(load.address).await.unwrap_or(false);
            load.record(since.elapsed(), is_expected);
        }
        self
    }

    /// Sends the next request. Returns whether the response is the expected one.
    async fn call(&mut self, address: SocketAddr) -> io::Result<bool> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => Connection::open(address).await?,
        };
        let answer = connection.exchange(self.caller.request()).await?;
        let is_expected = self.caller.accept(answer.status, answer.body);
        self.connection = Some(connection);
        Ok(is_expected)
    }
}
