//! The times of the pages of the dashboard, on a server with many licenses and live seats.
//!
//!     cargo bench -p license-benches --bench dashboard
//!
//! The pages are those that an owner reaches by links from the first page, one of each kind, the
//! pages of the pool with the seats, and searches, filters and orders of the long lists. Each is
//! requested 100 times, one request after the other.
//!
//! - `-- WORD` measures only the pages whose paths contain the word.
//! - `-- --vendor` measures the server of a vendor, with trials and invoices and without seats.
//! - `-- --licenses 1000 --seats 100` creates fewer licenses and seats.
#![allow(missing_docs, reason = "a benchmark is not a library")]
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints, and panics if its setup fails"
)]

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use clap::Parser;
use license_benches::SampleVendor;
use license_benches::load::{Caller, Generator, Leases, LoadSite, LoadVendor, SessionCaller};
use license_core::issue::KeyBits;
use license_tests::server::{Response, Server};
use serde_json::json;

/// The longest time of the slowest of 100 requests.
const GOAL: Duration = Duration::from_millis(50);

/// The number of pages that are opened to find links.
const MAX_PAGES: usize = 200;

/// Searches, filters and orders of long lists, which links do not lead to with a value. `{number}`
/// is that of a customer in the middle.
const SEARCHES: [&str; 21] = [
    "/licenses?text=ACME",
    "/licenses?text={number}",
    "/licenses?text=absent",
    "/licenses?state=active",
    "/licenses?state=ending",
    "/licenses?state=expired",
    "/licenses?state=revoked",
    "/licenses?state=superseded",
    "/licenses?state=active&text=ACME",
    "/licenses?tier=TEAM",
    "/licenses?tier=FREE",
    "/licenses?sort=customer",
    "/licenses?sort=customer&order=desc",
    "/licenses?sort=expires",
    "/licenses?sort=expires&order=desc",
    "/licenses?sort=customer&text=ACME",
    "/machines?machine=mach",
    "/people?text=ann",
    "/people?sort=email&order=desc",
    "/audit?action=license.*",
    "/audit?since=2026-01-01",
];

/// Pages of a vendor's server that the search for links can miss.
const OF_VENDOR: [&str; 7] = [
    "/ledger",
    "/licenses/issue",
    "/trials?state=started",
    "/trials/new",
    "/invoices",
    "/invoices/new",
    "/metering",
];

/// The number of trials and of invoices.
const SALES: u32 = 100;

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
    /// Measure the server of a vendor.
    #[arg(long)]
    vendor: bool,
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

    /// Returns the path of the first link of a page that begins with a text and has an id.
    fn first_link(&self, path: &str, start: &str) -> String {
        let page = self.open(path);
        assert_eq!(page.status, 200, "{path}");
        let mut links = links(&page.body);
        let is_id = |link: &String| link.starts_with(start) && kind(link) != *link;
        links
            .find(is_id)
            .unwrap_or_else(|| panic!("no link to {start} on {path}"))
    }

    /// Returns the path of the pool with live seats.
    fn pool(&self, licenses: u32) -> String {
        let headers = [("cookie", self.cookie.as_str())];
        let mut cursor = String::new();
        for _ in 0..=licenses / 500 {
            let path = format!("/api/v1/pools?limit=500{cursor}");
            let page = self.server.send("GET", &path, &headers, "").json();
            let items = page["items"].as_array().unwrap();
            if let Some(pool) = items.iter().find(|pool| pool["held"].as_u64() > Some(0)) {
                return format!("/seats/{}", pool["pool"].as_str().unwrap());
            }
            cursor = format!("&cursor={}", page["next"].as_str().unwrap_or_default());
        }
        panic!("no pool has live seats")
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

/// Returns the paths of the pages that a page links to.
fn links(html: &str) -> impl Iterator<Item = String> {
    let values = html.split("href=\"").skip(1);
    let is_file = |rest: &str| {
        rest.split('>')
            .next()
            .is_some_and(|link| link.contains(" download"))
    };
    let values = values.filter(move |rest| !is_file(rest));
    let values = values.filter_map(|rest| rest.split('"').next());
    let is_page = |path: &str| {
        path.starts_with('/') && !path.starts_with("/assets/") && !path.ends_with("/pdf")
    };
    let own = values.filter(move |value| is_page(value));
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

/// Returns the paths to measure: those that links lead to, and those that are stated.
fn paths(owner: &Owner<'_>, options: &Options, stated: &[String]) -> Vec<String> {
    let number = (options.licenses / 2).to_string();
    let searches = SEARCHES.map(|path| path.replace("{number}", &number));
    let mut paths = owner.pages();
    for path in searches.iter().chain(stated) {
        if !paths.contains(path) {
            paths.push(path.clone());
        }
    }
    let has_words = |path: &String| {
        let mut words = options.words.iter();
        words.all(|word| path.contains(word.as_str()))
    };
    paths.retain(has_words);
    paths
}

/// Returns a path for the table: with the values that are stated, and without ids.
fn shown(path: &str) -> String {
    let (place, query) = path.split_once('?').unwrap_or((path, ""));
    let place = kind(place);
    let is_stated = SEARCHES.iter().chain(&OF_VENDOR).any(|stated| {
        let (stated, _) = stated.split_once('?').unwrap_or((stated, ""));
        stated == place
    });
    if query.is_empty() || (is_stated && !query.contains("cursor=")) {
        path.split_once('?')
            .map_or(place.clone(), |(_, query)| format!("{place}?{query}"))
    } else {
        kind(path)
    }
}

fn measure(owner: &Owner<'_>, options: &Options, paths: &[String]) {
    println!(
        "| page | median | p99 | HTML | under {} ms |",
        GOAL.as_millis()
    );
    println!("|---|---|---|---|---|");
    for path in paths {
        let status = owner.open(path).status;
        assert_eq!(status, 200, "{path}");
        let times = Times::measure(owner, path, options.rounds);
        let (median, p99) = (times.percentile(50), times.percentile(99));
        let reached = if p99 < GOAL { "yes" } else { "no" };
        let kibibytes = times.bytes.div_ceil(1024);
        println!(
            "| `{}` | {} | {} | {kibibytes} KiB | {reached} |",
            shown(path),
            milliseconds(median),
            milliseconds(p99),
        );
    }
}

fn measure_site(options: &Options) {
    let vendor = SampleVendor::new(KeyBits::B2048);
    let site = LoadSite::new(&vendor, options.licenses, options.seats);
    let server = site.start();
    let leases = Leases::default();
    // All seats are in one pool.
    let first = site.credentials.first(1);
    let take = || -> Box<dyn Caller> { Box::new(SessionCaller::new(&first, &leases)) };
    let callers = (0..CONNECTIONS).map(|_| take()).collect();
    let report = Generator::connect(server.address(), callers).saturate(options.seats.into());
    assert_eq!(report.errors, 0, "a seat was refused");
    let owner = Owner::new(&server);
    println!(
        "{} licenses, {} live seats of one pool\n",
        options.licenses,
        leases.all().len()
    );
    let pool = owner.pool(options.licenses);
    let stated = [
        pool.clone(),
        format!("{pool}?text=user"),
        format!("{pool}/policy"),
    ];
    measure(&owner, options, &paths(&owner, options, &stated));
}

fn measure_vendor(options: &Options) {
    let vendor = LoadVendor::new(options.licenses);
    let server = vendor.start();
    let owner = Owner::new(&server);
    vendor.sell(&server, SALES);
    println!(
        "{} licenses in the ledger, {SALES} trials, {SALES} invoices\n",
        options.licenses
    );
    let license = owner.first_link("/licenses?sort=expires&order=desc", "/licenses/");
    let trial = owner.first_link("/trials", "/trials/trl_");
    let invoice = owner.first_link("/invoices", "/invoices/ivc_");
    let mut stated = OF_VENDOR.map(str::to_owned).to_vec();
    for name in ["", "/renew", "/upgrade", "/revoke"] {
        stated.push(format!("{license}{name}"));
    }
    for name in ["", "/extend", "/convert"] {
        stated.push(format!("{trial}{name}"));
    }
    stated.push(invoice);
    measure(&owner, options, &paths(&owner, options, &stated));
}

fn main() {
    let options = Options::parse();
    if options.vendor {
        measure_vendor(&options);
    } else {
        measure_site(&options);
    }
}
