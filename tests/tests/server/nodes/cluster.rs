//! Several nodes of a server, on one PostgreSQL and one Redis.

use std::fs::{self, DirBuilder};
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use license_test_services::{PostgresServer, RedisServer, TestDatabase};
use license_tests::server::{Server, agent, license_server};
use license_tests::{Scratch, words};
use serde_json::json;

use super::super::site::{Session, Site, issue, with};
use super::link::Link;

/// Without limits, because all clients have one address.
const WITHOUT_LIMITS: [&str; 4] = ["--peer-rate", "off", "--license-rate", "off"];

/// The number of seats of the pool that the clients use.
pub(super) const CAPACITY: usize = 4;

/// A pool with enough seats for probes.
const PROBES: &str = "--tier team --seats 1000000 --offline --perpetual";

/// The time after which an unanswered probe is repeated.
const PATIENCE: Duration = Duration::from_secs(2);

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
        let nodes = (0..nodes).map(|_| Node::new(&site, database.url(), redis_url.as_deref()));
        let mut cluster = Self {
            nodes: nodes.collect(),
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

    /// Returns the URLs of the nodes for clients.
    pub(super) fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(Node::url).collect()
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

    fn serves(&self, url: &str) -> bool {
        let number = {
            let mut next = self.next_probe.lock().unwrap();
            *next += 1;
            *next
        };
        let agent = agent(PATIENCE);
        let session = Session::new(&self.probes, number);
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
    fn new(site: &Site, database: &str, redis: Option<&str>) -> Self {
        let scratch = Scratch::new();
        // The nodes have the same key.
        let data = scratch.file("data");
        DirBuilder::new().mode(0o700).create(&data).unwrap();
        let key = site.scratch.file("data/server.key");
        fs::copy(key, data.join("server.key")).unwrap();
        let (to_postgres, database) = linked(database);
        let (to_redis, redis) = redis.map(linked).unzip();
        let mut variables = vec![(DATABASE, database)];
        variables.extend(redis.map(|redis| (REDIS, redis)));
        Self {
            scratch,
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
        let run = with(&self.variables, license_server(&self.scratch));
        let server = Server::start_with(run, &self.scratch, &WITHOUT_LIMITS);
        self.from_clients.redirect(server.address());
        *self.server.lock().unwrap() = Some(server);
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

/// Returns a link to the server of a URL, and the URL with the address of the link.
fn linked(url: &str) -> (Link, String) {
    let (start, place) = url.rsplit_once('@').unwrap();
    let (address, rest) = place.split_once('/').unwrap_or((place, ""));
    let target: SocketAddr = address.parse().unwrap();
    let link = Link::new(target);
    let url = format!("{start}@{}/{rest}", link.address());
    (link, url)
}
