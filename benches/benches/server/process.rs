//! The start and the memory of the server as a process.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use license_benches::load::{Leases, LoadSite, SessionCaller};
use license_benches::{SampleVendor, Spread, format_time};
use license_tests::server::free_port;

use crate::Options;
use crate::limits::LimitProgram;
use crate::rate::Clients;

const START: &str = "start to the first answer";
const READY: &str = "start until ready to serve";

const MEMORY: &str = "memory with 10,000 live leases";

/// The number of leases.
const LEASES: u32 = 10_000;

/// Prints the rows.
pub(crate) fn print(options: &Options, vendor: &SampleVendor) {
    let is_start_wanted = options.is_wanted(START) || options.is_wanted(READY);
    if !is_start_wanted && !options.is_wanted(MEMORY) {
        return;
    }
    let site = LoadSite::new(vendor, 1, LEASES);
    println!("\n| process | ours | bare axum program | ratio | goal | reached |");
    println!("|---|---|---|---|---|---|");
    if is_start_wanted {
        start(&site, options.rounds);
    }
    if options.is_wanted(MEMORY) {
        memory(&site);
    }
}

/// Starts both programs in turn. The first answer of the server is that to `/healthz`, which needs
/// no database. The server is ready when it has printed its URL, and answers `/readyz`.
fn start(site: &LoadSite, rounds: usize) {
    let (mut bare, mut first, mut ready) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let began = Instant::now();
        let program = LimitProgram::bare();
        answer(program.address, "/healthz");
        bare.push(began.elapsed().as_secs_f64());
        drop(program);
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let began = Instant::now();
        let mut server = site.start_on(address);
        let mut log = BufReader::new(server.stderr.take().unwrap());
        let mut output = BufReader::new(server.stdout.take().unwrap());
        read_line(&mut log);
        answer(address, "/healthz");
        first.push(began.elapsed().as_secs_f64());
        read_line(&mut output);
        answer(address, "/readyz");
        ready.push(began.elapsed().as_secs_f64());
        server.kill().unwrap();
        server.wait().unwrap();
    }
    for (work, ours, goal) in [(START, &first, Some(3.0)), (READY, &ready, None)] {
        let ratios = ours.iter().zip(&bare).map(|(ours, bare)| ours / bare);
        let ratio = Spread::from_values(ratios.collect());
        let [ours, bare] = [ours, &bare].map(|times| Spread::from_values(times.clone()).median);
        let (ours, bare) = (format_time(ours), format_time(bare));
        let goal = goal.map_or([String::new(), String::new()], |goal| {
            let reached = if ratio.median <= goal { "yes" } else { "no" };
            [format!("at most {goal:.1}"), reached.to_owned()]
        });
        println!(
            "| {work} | {ours} | {bare} | {ratio} | {} |",
            goal.join(" | ")
        );
    }
}

/// Waits for a line of a program.
fn read_line(output: &mut impl BufRead) {
    let read = output.read_line(&mut String::new());
    assert_ne!(read.unwrap(), 0, "the program has ended");
}

/// Waits for a good answer to a probe.
fn answer(address: SocketAddr, path: &str) {
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut start = [0; 10];
    stream.read_exact(&mut start).unwrap();
    assert_eq!(&start, b"HTTP/1.1 2", "{path} failed");
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
