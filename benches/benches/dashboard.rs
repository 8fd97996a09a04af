//! The times of the pages of the dashboard, on a server with many licenses and live seats.
//!
//!     cargo bench -p license-benches --bench dashboard
//!
//! The pages are those that an owner reaches by links from the first page: one of each kind. Each
//! is requested 100 times, one request after the other.
//!
//! - `-- WORD` measures only the pages whose paths contain the word.
//! - `-- --licenses 1000 --seats 100` creates fewer licenses and seats.
#![allow(missing_docs, reason = "a benchmark is not a library")]
#![allow(
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints, and panics if its setup fails"
)]

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use clap::Parser;
use license_benches::SampleVendor;
use license_benches::load::{Caller, Generator, Leases, LoadSite, SessionCaller};
use license_core::issue::KeyBits;
use license_tests::server::{Response, Server};
use serde_json::json;

/// The longest time of the slowest of 100 requests.
const GOAL: Duration = Duration::from_millis(50);

/// The number of pages that are opened to find links.
const MAX_PAGES: usize = 200;

/// The number of connections that take seats.
const CONNECTIONS: usize = 8;

/// The options after `--`.
#[derive(Debug, Parser)]
struct Options {
    /// Words that the path of a page must contain.
    words: Vec<String>,
    /// The number of installed licenses.
    #[arg(long, default_value_t = 100_000)]
    licenses: u32,
    /// The number of live seats of the first license.
    #[arg(long, default_value_t = 10_000)]
    seats: u32,
    /// The number of requests of each page.
    #[arg(long, default_value_t = 100)]
    rounds: usize,
    /// Cargo passes this option.
    #[arg(long, hide = true)]
    bench: bool,
}

/// An owner in a browser.
struct Owner<'s> {
    server: &'s Server,
    cookie: String,
}

impl<'s> Owner<'s> {
    /// Creates the account of the owner, and signs in.
    fn new(server: &'s Server) -> Self {
        let link = server.start["setup_url"].as_str().unwrap();
        let (_, secret) = link.rsplit_once('/').unwrap();
        let (email, password) = ("ann@acme.example", "correct horse battery staple");
        let account =
            json!({"secret": secret, "name": "Ann", "email": email, "password": password});
        server.post("/api/v1/setup", &account).expect(201);
        let sign_in = json!({"email": email, "password": password});
        let answer = server.post("/api/v1/sessions", &sign_in);
        let lines = answer.headers.get_all("set-cookie").iter();
        let pairs = lines.map(|line| line.to_str().unwrap().split(';').next().unwrap());
        Self {
            server,
            cookie: pairs.collect::<Vec<_>>().join("; "),
        }
    }

    fn open(&self, path: &str) -> Response {
        let headers = [("cookie", self.cookie.as_str()), ("accept", "text/html")];
        self.server.send("GET", path, &headers, "")
    }

    /// Returns the paths of pages, one of each kind.
    fn pages(&self) -> Vec<String> {
        let mut pages = BTreeMap::new();
        let mut waiting = VecDeque::from(["/".to_owned()]);
        while let Some(path) = waiting.pop_front() {
            let kind = kind(&path);
            if pages.contains_key(&kind) || pages.len() >= MAX_PAGES {
                continue;
            }
            let page = self.open(&path);
            let is_page =
                page.status == 200 && page.header("content-type").starts_with("text/html");
            if !is_page {
                continue;
            }
            waiting.extend(links(&page.body));
            pages.insert(kind, path);
        }
        pages.into_values().collect()
    }
}

/// Returns the paths that a page links to.
fn links(html: &str) -> impl Iterator<Item = String> {
    let values = html.split("href=\"").skip(1);
    let values = values.filter_map(|rest| rest.split('"').next());
    let own = values.filter(|value| value.starts_with('/') && !value.starts_with("/assets/"));
    own.map(|value| value.replace("&amp;", "&").replace("&#38;", "&"))
}

/// Returns what the paths of pages of one kind have in common.
fn kind(path: &str) -> String {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let is_id = |part: &&str| part.len() > 20 || part.contains(|c: char| c.is_ascii_digit());
    let parts = path.split('/');
    let parts: Vec<_> = parts
        .map(|part| if is_id(&part) { "ID" } else { part })
        .collect();
    let names = query.split('&').filter_map(|pair| pair.split('=').next());
    let names: Vec<_> = names.filter(|name| !name.is_empty()).collect();
    let separator = if names.is_empty() { "" } else { "?" };
    format!("{}{separator}{}", parts.join("/"), names.join("&"))
}

/// The times of a page, and the size of its HTML.
struct Times {
    sorted: Vec<Duration>,
    bytes: usize,
}

impl Times {
    fn measure(owner: &Owner<'_>, path: &str, rounds: usize) -> Self {
        let mut bytes = 0;
        let mut sorted: Vec<_> = (0..rounds)
            .map(|_| {
                let start = Instant::now();
                bytes = owner.open(path).body.len();
                start.elapsed()
            })
            .collect();
        sorted.sort();
        Self { sorted, bytes }
    }

    /// Returns the time that this share of the requests does not exceed, in percent.
    fn percentile(&self, percent: usize) -> Duration {
        let at = (self.sorted.len() * percent).div_ceil(100).max(1) - 1;
        self.sorted.get(at).copied().unwrap_or_default()
    }
}

fn milliseconds(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1000.0)
}

fn main() {
    let options = Options::parse();
    let vendor = SampleVendor::new(KeyBits::B2048);
    let site = LoadSite::new(&vendor, options.licenses, options.seats);
    let server = site.start();
    let leases = Leases::default();
    let take = || -> Box<dyn Caller> { Box::new(SessionCaller::new(&site.credentials, &leases)) };
    let callers = (0..CONNECTIONS).map(|_| take()).collect();
    let report = Generator::connect(server.address(), callers).saturate(options.seats.into());
    assert_eq!(report.errors, 0, "a seat was refused");
    let owner = Owner::new(&server);
    println!(
        "{} licenses, {} live seats\n",
        options.licenses,
        leases.all().len()
    );
    println!(
        "| page | median | p99 | HTML | under {} ms |",
        GOAL.as_millis()
    );
    println!("|---|---|---|---|---|");
    for path in owner.pages() {
        if !options
            .words
            .iter()
            .all(|word| path.contains(word.as_str()))
        {
            continue;
        }
        let times = Times::measure(&owner, &path, options.rounds);
        let (median, p99) = (times.percentile(50), times.percentile(99));
        let reached = if p99 < GOAL { "yes" } else { "no" };
        let kibibytes = times.bytes.div_ceil(1024);
        println!(
            "| `{}` | {} | {} | {kibibytes} KiB | {reached} |",
            kind(&path),
            milliseconds(median),
            milliseconds(p99),
        );
    }
}
