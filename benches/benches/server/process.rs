//! The start and the memory of the server as a process.

use std::fs;
use std::net::SocketAddr;
use std::time::Instant;

use license_benches::load::{Caller, Generator, Leases, LoadSite, SessionCaller};
use license_benches::{SampleVendor, Spread, format_time};

use crate::Options;
use crate::limits::LimitProgram;
use crate::rate::Clients;

const START: &str = "start to the first answer";
const MEMORY: &str = "memory with 10,000 live leases";

/// The number of leases.
const LEASES: u32 = 10_000;

/// Prints the rows.
pub(crate) fn print(options: &Options, vendor: &SampleVendor) {
    if !options.is_wanted(START) && !options.is_wanted(MEMORY) {
        return;
    }
    let site = LoadSite::new(vendor, 1, LEASES);
    println!("\n| process | ours | bare axum program | ratio | goal | reached |");
    println!("|---|---|---|---|---|---|");
    if options.is_wanted(START) {
        start(&site, options.rounds);
    }
    if options.is_wanted(MEMORY) {
        memory(&site);
    }
}

/// Starts both programs in turn.
fn start(site: &LoadSite, rounds: usize) {
    let (mut ours, mut bare, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let began = Instant::now();
        let program = LimitProgram::bare();
        answer(program.address);
        let limit = began.elapsed().as_secs_f64();
        drop(program);
        let began = Instant::now();
        let server = site.start();
        answer(server.address());
        let own = began.elapsed().as_secs_f64();
        drop(server);
        ours.push(own);
        bare.push(limit);
        ratios.push(own / limit);
    }
    let [ours, bare, ratio] = [ours, bare, ratios].map(Spread::from_values);
    let reached = if ratio.median <= 3.0 { "yes" } else { "no" };
    let [ours, bare] = [ours, bare].map(|spread| format_time(spread.median));
    println!("| {START} | {ours} | {bare} | {ratio} | at most 3.0 | {reached} |");
}

/// Accepts an answer with any status.
struct AnyAnswer;

impl Caller for AnyAnswer {
    fn request(&mut self) -> &[u8] {
        b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n"
    }

    fn accept(&mut self, _: u16, _: &[u8]) -> bool {
        true
    }
}

/// Waits for an answer to a request, whatever its status.
fn answer(address: SocketAddr) {
    let report = Generator::connect(address, vec![Box::new(AnyAnswer)]).saturate(1);
    assert_eq!(report.errors, 0, "the server gave no answer");
}

fn memory(site: &LoadSite) {
    let (server, bare) = (site.start(), LimitProgram::bare());
    site.prolong_leases(&server);
    let empty = resident(server.id());
    let leases = Leases::default();
    let acquire = Clients::new(server.address(), |_| {
        Box::new(SessionCaller::new(&site.credentials, &leases))
    });
    acquire.saturate(LEASES);
    assert_eq!(u32::try_from(leases.all().len()), Ok(LEASES));
    let (ours, bare) = (resident(server.id()), resident(bare.id()));
    let reached = if ours < 40.0 { "yes" } else { "no" };
    println!(
        "| {MEMORY} | {ours:.1} MiB, {empty:.1} MiB at the start | {bare:.1} MiB | {:.1} | under 40 MiB | {reached} |",
        ours / bare
    );
}

/// Returns the resident set of a process in MiB, as Linux reports it.
fn resident(process: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.unwrap().trim().trim_end_matches("kB").trim();
    kibibytes.parse::<f64>().unwrap() / 1024.0
}
