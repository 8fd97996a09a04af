//! The time of requests by the number of leases and of pools.

use std::path::Path;

use license_benches::load::{HeartbeatCaller, Leases, LoadSite, SeatCaller, SessionCaller};
use license_benches::{Line, Plot, SampleVendor, Subject, format_time, measure};
use license_tests::server::Server;

use crate::Options;
use crate::rate::Clients;

const NAME: &str = "growth";

/// A server with leases in one pool.
struct FilledServer {
    server: Server,
    site: LoadSite,
    leases: Leases,
    size: u32,
}

impl FilledServer {
    fn new(vendor: &SampleVendor, size: u32) -> Self {
        let site = LoadSite::new(vendor, 1, size + 1000);
        let server = site.start();
        site.prolong_leases(&server);
        let leases = Leases::default();
        let acquire = Clients::new(server.address(), |_| {
            Box::new(SessionCaller::new(&site.credentials, &leases))
        });
        acquire.saturate(size);
        Self {
            server,
            site,
            leases,
            size,
        }
    }

    fn heartbeats(&self) -> Clients {
        Clients::new(self.server.address(), |caller| {
            let credentials = &self.site.credentials;
            Box::new(HeartbeatCaller::new(credentials, &self.leases, caller))
        })
    }

    fn pairs(&self) -> Clients {
        let clients = Clients::new(self.server.address(), |number| {
            Box::new(SeatCaller::new(&self.site.credentials, 1_000_000 + number))
        });
        clients.pairs()
    }
}

/// Draws the plots, unless the options select other rows.
pub(crate) fn print(options: &Options, vendor: &SampleVendor) {
    if !options.is_wanted(NAME) {
        return;
    }
    println!("\n| growth | smallest | largest | exponent | of the last decade |");
    println!("|---|---|---|---|---|");
    leases(options, vendor);
    pools(options, vendor);
}

/// Returns powers of ten from `from` to `to`.
fn decades(from: u32, to: u32) -> Vec<u32> {
    let sizes = std::iter::successors(Some(from), |size| size.checked_mul(10));
    sizes.take_while(|size| *size <= to).collect()
}

fn leases(options: &Options, vendor: &SampleVendor) {
    let sizes = decades(100, options.leases);
    let servers: Vec<_> = sizes
        .iter()
        .map(|size| FilledServer::new(vendor, *size))
        .collect();
    let line = |name, clients: fn(&FilledServer) -> Clients| {
        let subjects = servers.iter().map(|server| clients(server).subject(name));
        let sizes = servers.iter().map(|server| server.size);
        measured(name, options.rounds, sizes, subjects.collect())
    };
    let lines = [
        line("heartbeat", FilledServer::heartbeats),
        line("acquire and release", FilledServer::pairs),
    ];
    draw("leases", "One pool of a license server", "leases", &lines);
}

fn pools(options: &Options, vendor: &SampleVendor) {
    let sizes = decades(1, options.licenses.min(10_000));
    let most = *sizes.last().unwrap();
    let site = LoadSite::new(vendor, most, 100);
    let server = site.start();
    let name = "acquire and release";
    let subjects = (0..).zip(&sizes).map(|(at, size)| {
        let credentials = site.credentials.first(usize::try_from(*size).unwrap());
        let clients = Clients::new(server.address(), |number| {
            // Each size has sessions of its own.
            Box::new(SeatCaller::new(&credentials, 1000 * at + number))
        });
        clients.pairs().subject(name)
    });
    let line = measured(
        name,
        options.rounds,
        sizes.iter().copied(),
        subjects.collect(),
    );
    draw(
        "pools",
        "Several pools of a license server",
        "pools",
        &[line],
    );
}

/// Measures the subjects in turn.
fn measured(
    name: &str,
    rounds: usize,
    sizes: impl Iterator<Item = u32>,
    mut subjects: Vec<Subject<'_>>,
) -> Line {
    let measured = measure(rounds, 1, &mut subjects);
    let times = (0..subjects.len()).map(|at| measured.time(at).median);
    Line::new(name, sizes.zip(times))
}

/// Prints the lines, and writes the plot.
fn draw(name: &str, title: &str, sizes: &str, lines: &[Line]) {
    for line in lines {
        let [from, to] = [line.points.first(), line.points.last()].map(|point| {
            let point = point.unwrap();
            format!("{} {sizes}: {}", point.size, format_time(point.time))
        });
        let (all, last) = (line.exponent(), line.last_exponent());
        println!("| {} | {from} | {to} | {all:.2} | {last:.2} |", line.name);
    }
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/performance");
    let file = docs.join(format!("{name}.svg"));
    let plot = Plot {
        title,
        sizes,
        lines,
    };
    plot.write(&file);
}
