//! Several nodes of a server, on one PostgreSQL and one Redis.

use std::fs::{self, DirBuilder};
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use license_test_services::{PostgresServer, RedisServer, TestDatabase};
use license_tests::server::{Response, Server, agent, license_server};
use license_tests::{Scratch, words};
use serde_json::{Value, json};

use super::super::site::{SeatRequest, Session, Site, issue, with};
use super::link::Link;

/// Without limits, because all clients have one address.
const WITHOUT_LIMITS: [&str; 4] = ["--peer-rate", "off", "--license-rate", "off"];

/// The number of seats of the pool that the clients use.
pub(super) const CAPACITY: usize = 4;

/// A pool with enough seats for probes.
const PROBES: &str = "--tier team --seats 1000000 --offline --perpetual";

/// The time after which an unanswered probe is repeated.
const PATIENCE: Duration = Duration::from_secs(2);

/// The key of all nodes.
const KEY: &str = "data/server.key";

const DATABASE: &str = "LICENSE_SERVER_DATABASE";
const REDIS: &str = "LICENSE_SERVER_REDIS";

/// A server process, and its connections.
pub(super) struct Node {
    scratch: Scratch,
    variables: Vec<(&'static str, String)>,
    server: Mutex<Option<Server>>,
    pub(super) from_clients: Link,
    pub(super) to_postgres: Link,
    pub(super) to_redis: Option<Link>,
}

/// The nodes, and the services that they use.
pub(super) struct Cluster {
    pub(super) nodes: Vec<Node>,
    /// The address of a load balancer, which leads to the nodes in turn.
    front: Link,
    pub(super) postgres: PostgresServer,
    pub(super) database: TestDatabase,
    pub(super) redis: Option<RedisServer>,
    pub(super) scratch: Scratch,
    /// The header `Authorization` of an administrator.
    pub(super) administrator: String,
    /// The header `Authorization` of the clients.
    pub(super) license: String,
    /// The header `Authorization` of the probes.
    probes: String,
    next_probe: Mutex<u32>,
}

impl Cluster {
    /// Starts the services and the nodes. Leases last ten seconds. Returns `None` if the services
    /// are missing.
    pub(super) fn start(nodes: usize, has_redis: bool) -> Option<Self> {
        let postgres = PostgresServer::start()?;
        let redis = if has_redis {
            Some(RedisServer::start(&[])?)
        } else {
            None
        };
        let database = postgres.create_database();
        let variables = vec![(DATABASE, database.url().to_owned())];
        let terms = format!("--tier team --seats {CAPACITY} --offline --perpetual");
        let site = Site::with_variables(&terms, variables);
        let probes = issue(&site.vendor, &site.scratch, &words(PROBES));
        site.install(&probes.file, &[]);
        let redis_url = redis.as_ref().map(RedisServer::url);
        let key = site.scratch.file(KEY);
        let nodes = (0..nodes).map(|_| Node::new(&key, database.url(), redis_url.as_deref()));
        let nodes: Vec<_> = nodes.collect();
        let links = nodes.iter().map(|node| node.from_clients.address());
        let mut cluster = Self {
            front: Link::balanced(links.collect()),
            nodes,
            postgres,
            database,
            redis,
            administrator: String::new(),
            license: site.authorization(),
            probes: format!("License {}", probes.key()),
            scratch: site.scratch,
            next_probe: Mutex::new(1),
        };
        cluster.administrator = cluster.nodes[0].configure();
        for node in &cluster.nodes[1..] {
            node.start();
        }
        Some(cluster)
    }

    /// Returns the URLs for clients: those of the nodes, and the one of the load balancer.
    pub(super) fn urls(&self) -> Vec<String> {
        let nodes = self.nodes.iter().map(Node::url);
        nodes.chain([self.url()]).collect()
    }

    /// Returns the URL of the load balancer.
    fn url(&self) -> String {
        format!("http://{}", self.front.address())
    }

    /// Replaces a node with a new one, which is ready before the old one is asked to stop.
    pub(super) fn replace(&mut self, node: usize) {
        let key = self.scratch.file(KEY);
        self.nodes[node].replace(&key);
    }

    /// Acquires a seat at the load balancer. Returns the session and the fencing number.
    #[track_caller]
    pub(super) fn hold(&self) -> (Session, Value) {
        let session = Session::new(&self.probes, self.next_probe());
        let request = session.acquire_request(false);
        let granted = self.insist(&request).expect(201);
        let seq = granted["seq"].clone();
        (session, seq)
    }

    /// Renews a lease at the load balancer.
    #[track_caller]
    pub(super) fn renew(&self, session: &Session, seq: &Value) {
        let renewed = self.insist(&session.heartbeat_request(seq)).expect(200);
        assert_eq!(renewed["seq"], *seq);
    }

    /// Sends a request to the load balancer. A request without a response is repeated once, as the
    /// library does.
    #[track_caller]
    fn insist(&self, request: &SeatRequest<'_>) -> Response {
        let send = || request.try_send_to(&agent(PATIENCE), &self.url());
        let sent = send().or_else(|_| send());
        sent.unwrap_or_else(|error| panic!("no response after a retry: {error}"))
    }

    /// Waits until each of these nodes grants, renews and releases a seat. Returns how long that
    /// took.
    #[track_caller]
    pub(super) fn wait_for_service(&self, nodes: &[usize]) -> Duration {
        let start = Instant::now();
        for node in nodes {
            while !self.serves(&self.nodes[*node].url()) {
                assert!(start.elapsed() < Duration::from_secs(60), "node {node}");
                thread::sleep(Duration::from_millis(20));
            }
        }
        start.elapsed()
    }

    /// Waits until the nodes renew leases in Redis. They do so after Redis has worked for ten
    /// seconds.
    #[track_caller]
    pub(super) fn wait_for_redis(&self) {
        let start = Instant::now();
        while self.database.superuser_sql("SELECT is_on FROM redis_epoch") != "1" {
            assert!(start.elapsed() < Duration::from_secs(60), "Redis is off");
            thread::sleep(Duration::from_millis(100));
        }
        println!("  Redis is on after {} ms", start.elapsed().as_millis());
    }

    fn next_probe(&self) -> u32 {
        let mut next = self.next_probe.lock().unwrap();
        *next += 1;
        *next
    }

    fn serves(&self, url: &str) -> bool {
        let agent = agent(PATIENCE);
        let session = Session::new(&self.probes, self.next_probe());
        let granted = session.acquire_request(false).try_send_to(&agent, url);
        let Some(granted) = granted.ok().filter(|granted| granted.status == 201) else {
            return false;
        };
        let seq = granted.json()["seq"].clone();
        let renewed = session.heartbeat_request(&seq).try_send_to(&agent, url);
        let released = session.release_request(&seq).try_send_to(&agent, url);
        [renewed, released]
            .iter()
            .all(|sent| sent.as_ref().is_ok_and(|sent| sent.status == 200))
    }
}

impl Node {
    fn new(key: &Path, database: &str, redis: Option<&str>) -> Self {
        let (to_postgres, database) = linked(database);
        let (to_redis, redis) = redis.map(linked).unzip();
        let mut variables = vec![(DATABASE, database)];
        variables.extend(redis.map(|redis| (REDIS, redis)));
        Self {
            scratch: with_key(key),
            variables,
            server: Mutex::default(),
            // Nothing listens there before the start.
            from_clients: Link::new(to_postgres.address()),
            to_postgres,
            to_redis,
        }
    }

    fn url(&self) -> String {
        format!("http://{}", self.from_clients.address())
    }

    /// Starts the node.
    pub(super) fn start(&self) {
        let server = self.start_in(&self.scratch);
        self.from_clients.redirect(server.address());
        *self.server.lock().unwrap() = Some(server);
    }

    fn start_in(&self, scratch: &Scratch) -> Server {
        let run = with(&self.variables, license_server(scratch));
        Server::start_with(run, scratch, &WITHOUT_LIMITS)
    }

    /// Starts a new process with a data directory of its own, waits until it is ready, leads new
    /// connections to it, and asks the old process to stop.
    fn replace(&mut self, key: &Path) {
        let scratch = with_key(key);
        let server = self.start_in(&scratch);
        let start = Instant::now();
        while server.get("/readyz").status != 200 {
            assert!(start.elapsed() < Duration::from_secs(60), "not ready");
            thread::sleep(Duration::from_millis(20));
        }
        self.from_clients.lead_to(server.address());
        let old = self.server.lock().unwrap().replace(server).unwrap();
        let stopped = old.stop();
        assert!(stopped.success(), "{stopped}");
        self.scratch = scratch;
    }

    /// Starts the first node, creates an administrator, and shortens the leases of all pools.
    fn configure(&self) -> String {
        self.start();
        let server = self.server.lock().unwrap();
        let server = server.as_ref().unwrap();
        let administrator = server.administrator();
        let pools = administrator.get("/api/v1/pools").expect(200);
        for pool in pools["items"].as_array().unwrap() {
            let policy = json!({"lifetime_seconds": 10, "renew_seconds": 2});
            let path = format!("/api/v1/pools/{}/policy", pool["pool"].as_str().unwrap());
            administrator.send("PUT", &path, &policy).expect(200);
        }
        administrator.authorization.clone()
    }

    /// Uses the server.
    pub(super) fn with<T>(&self, work: impl FnOnce(&Server) -> T) -> T {
        work(self.server.lock().unwrap().as_ref().unwrap())
    }

    /// Kills the process.
    pub(super) fn kill(&self) {
        self.server.lock().unwrap().take().unwrap().kill();
    }

    /// Asks the process to stop, and waits for its end.
    pub(super) fn stop(&self) {
        let stopped = self.server.lock().unwrap().take().unwrap().stop();
        assert!(stopped.success(), "{stopped}");
    }
}

impl Drop for Cluster {
    /// Prints the ends of the logs of a failed test.
    fn drop(&mut self) {
        if !thread::panicking() {
            return;
        }
        for (number, node) in self.nodes.iter().enumerate() {
            // A node that did not start has no log.
            let log = fs::read_to_string(node.scratch.file("server.log")).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            let last = &lines[lines.len().saturating_sub(40)..];
            println!("--- log of node {number}\n{}", last.join("\n"));
        }
    }
}

/// Creates the directory of a node with a copy of the key, because all nodes have the same key.
fn with_key(key: &Path) -> Scratch {
    let scratch = Scratch::new();
    let data = scratch.file("data");
    DirBuilder::new().mode(0o700).create(&data).unwrap();
    fs::copy(key, data.join("server.key")).unwrap();
    scratch
}

/// Returns a link to the server of a URL, and the URL with the address of the link.
fn linked(url: &str) -> (Link, String) {
    let (start, place) = url.rsplit_once('@').unwrap();
    let (address, rest) = place.split_once('/').unwrap_or((place, ""));
    let target: SocketAddr = address.parse().unwrap();
    let link = Link::new(target);
    let url = format!("{start}@{}/{rest}", link.address());
    (link, url)
}
