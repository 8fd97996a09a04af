//! Requests per second, and their latency.

use std::sync::Arc;
use std::thread;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use license_benches::load::{
    AlternatingCaller, EmptyCaller, HeartbeatCaller, Leases, LoadSite, RelayCaller, Schedule,
    SeatCaller, SessionCaller, ValidateCaller,
};
use license_benches::{SampleVendor, Spread, Subject, format_time};

use crate::Options;
use crate::limits::{LimitProgram, address};
use crate::rate::{CONNECTIONS, Clients, RateRow, SPAN, whole};

/// The names of the rows.
const SIGN: &str = "limit: a handler that only signs, RSA-2048";
const ROWS: &str = "limit: a handler that stores a row, committed together";
const GRANTS: &str = "limit: handlers that store and sign, then store";
const FIRST: &str = "validate with a fresh signature, for the first time";
const FRESH: &str = "validate with a fresh signature, again";
const REPEATED: &str = "validate again within a minute";
const SEATS: &str = "acquire and release a seat";
const HEARTBEAT: &str = "heartbeat without a new token";

/// The names of the lower bounds.
const EMPTY_HANDLER: &str = "a handler that answers 204";
const SIGN_HANDLER: &str = "a handler that only signs";
const ROW_HANDLER: &str = "a handler that stores a row";

/// The seconds of each measurement of latencies, unless it would have fewer than 1,000 requests.
const SCHEDULE_SECONDS: f64 = 5.0;

/// Prints the rows.
pub(crate) fn print(options: &Options, vendor: &SampleVendor) {
    let rows = [SIGN, ROWS, GRANTS, FIRST, FRESH, REPEATED, SEATS, HEARTBEAT];
    if !rows.into_iter().any(|row| options.is_wanted(row)) {
        return;
    }
    let (bare, limits) = (LimitProgram::bare(), LimitProgram::limits());
    let empty = Clients::new(bare.address, |_| Box::new(EmptyCaller::new("/", 204)));
    let post =
        |path, status| Clients::new(limits.address, |_| Box::new(EmptyCaller::new(path, status)));
    let (sign, row, commit) = (
        post("/signature", 200),
        post("/row", 204),
        post("/commit", 204),
    );
    RateRow::print_head();
    if options.is_wanted(SIGN) {
        let raw = raw_signatures("signatures alone, both cores", vendor.pair());
        let limit = RateRow::new(SIGN, sign.subject(SIGN_HANDLER)).compared_with(raw, None);
        limit.print(options.rounds);
    }
    if options.is_wanted(ROWS) {
        let single = commit.subject("a commit for each row");
        let limit = RateRow::new(ROWS, row.subject(ROW_HANDLER)).compared_with(single, None);
        limit.print(options.rounds);
    }
    if options.is_wanted(GRANTS) {
        let pairs = Clients::new(limits.address, |_| {
            let (grant, row) = (
                EmptyCaller::new("/grant", 200),
                EmptyCaller::new("/row", 204),
            );
            Box::new(AlternatingCaller::new(grant, row))
        });
        let limit = RateRow::new(GRANTS, pairs.pairs().subject(GRANTS));
        limit
            .compared_with(sign.subject(SIGN_HANDLER), None)
            .print(options.rounds);
    }
    if [FIRST, FRESH, REPEATED]
        .into_iter()
        .any(|row| options.is_wanted(row))
    {
        validations(options, vendor, &empty, &sign);
    }
    if options.is_wanted(SEATS) || options.is_wanted(HEARTBEAT) {
        seats(options, vendor, &sign, &row);
    }
}

fn validations(options: &Options, vendor: &SampleVendor, empty: &Clients, sign: &Clients) {
    let site = LoadSite::new(vendor, options.licenses, 10);
    let server = site.start();
    let callers = |caller: &dyn Fn(u32) -> ValidateCaller| {
        Clients::new(server.address(), |machine| Box::new(caller(machine)))
    };
    let fresh = callers(&|machine| ValidateCaller::fresh(&site.credentials, machine));
    if options.is_wanted(FIRST) {
        let row = RateRow::new(FIRST, fresh.subject(FIRST));
        let row = row.compared_with(sign.subject(SIGN_HANDLER), None);
        row.print(options.rounds);
    }
    if options.is_wanted(FRESH) {
        let each =
            callers(&|machine| ValidateCaller::each(&site.credentials, machine, CONNECTIONS));
        each.saturate(options.licenses);
        let row = RateRow::new(FRESH, fresh.subject(FRESH));
        let row = row.compared_with(sign.subject(SIGN_HANDLER), Some(0.8));
        let peak = row.print(options.rounds);
        latency(&fresh, peak / 2.0);
    }
    if options.is_wanted(REPEATED) {
        let repeated = callers(&|machine| ValidateCaller::repeated(&site.credentials, machine));
        let row = RateRow::new(REPEATED, repeated.subject(REPEATED));
        let row = row.compared_with(empty.subject(EMPTY_HANDLER), Some(0.3));
        row.print(options.rounds);
    }
}

/// Prints the latency at a rate.
fn latency(clients: &Clients, rate: f64) {
    let schedule = Schedule {
        rate,
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::as_conversions,
            reason = "a positive number that is small"
        )]
        requests: ((rate * SCHEDULE_SECONDS) as u64).max(1000),
    };
    let parts = [0.5, 0.95, 0.99, 0.999];
    let mut latencies = parts.map(|_| Vec::new());
    for _ in 0..5 {
        let report = clients.generator().send_on_schedule(schedule);
        assert_eq!(report.errors, 0, "failed of {} requests", report.requests);
        for (part, latencies) in parts.iter().zip(&mut latencies) {
            latencies.push(report.latency(*part).as_secs_f64());
        }
    }
    let [median, p95, p99, p999] = latencies.map(|values| Spread::from_values(values).median);
    let [median_text, p95, p99_text, p999] = [median, p95, p99, p999].map(format_time);
    let reached = if p99 < 0.01 { "yes" } else { "no" };
    println!(
        "| latency of these validations at {} per second | p50 {median_text}, p95 {p95}, p99 {p99_text}, p99.9 {p999} |  |  | p99 under 10 ms | {reached} |",
        whole(rate)
    );
}

fn seats(options: &Options, vendor: &SampleVendor, sign: &Clients, row: &Clients) {
    let site = LoadSite::new(vendor, 1, 1000);
    let server = site.start();
    site.prolong_leases(&server);
    if options.is_wanted(SEATS) {
        // These sessions are not those of the heartbeats.
        let pairs = Clients::new(server.address(), |number| {
            Box::new(SeatCaller::new(&site.credentials, 1_000_000 + number))
        });
        let seats = RateRow::new(SEATS, pairs.pairs().subject(SEATS));
        let mut seats = seats.compared_with(sign.subject(SIGN_HANDLER), Some(0.7));
        if let Some(relay) = &options.relay {
            let claims = Clients::new(address(relay), |node| Box::new(RelayCaller::new(node)));
            seats = seats.compared_with(claims.pairs().subject("Keygen Relay"), Some(5.0));
        }
        seats.print(options.rounds);
    }
    if options.is_wanted(HEARTBEAT) {
        let leases = Leases::default();
        let acquire = Clients::new(server.address(), |_| {
            Box::new(SessionCaller::new(&site.credentials, &leases))
        });
        acquire.saturate(CONNECTIONS);
        let heartbeat = Clients::new(server.address(), |caller| {
            Box::new(HeartbeatCaller::new(&site.credentials, &leases, caller))
        });
        let heartbeat = RateRow::new(HEARTBEAT, heartbeat.subject(HEARTBEAT));
        let heartbeat = heartbeat.compared_with(row.subject(ROW_HANDLER), Some(0.5));
        heartbeat.print(options.rounds);
    }
}

/// Returns a subject that makes signatures on all cores, without a server.
fn raw_signatures(name: &str, key: RsaKeyPair) -> Subject<'_> {
    let key = Arc::new(key);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let threads = u32::try_from(threads).unwrap();
    Subject::concurrent(name, SPAN, move |calls| {
        let signing = (0..threads).map(|thread| {
            let key = Arc::clone(&key);
            let calls = calls / threads + u32::from(thread < calls % threads);
            thread::spawn(move || (0..calls).for_each(|_| sign_once(&key)))
        });
        let signing: Vec<_> = signing.collect();
        signing
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
    })
}

fn sign_once(key: &RsaKeyPair) {
    let mut signature = vec![0; key.public_modulus_len()];
    let random = SystemRandom::new();
    let signed = key.sign(&RSA_PKCS1_SHA256, &random, &[7; 1000], &mut signature);
    signed.unwrap();
}
