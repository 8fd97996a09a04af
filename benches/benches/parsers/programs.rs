//! The parsers that only the programs have: the orders of `keygen batch`, and sealed state files.
//! GNU `time` measures the memory of the whole process.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::time::Instant;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use license_benches::format_time;
use license_tests::{Run, Scratch, Vendor, programs};
use sha2::Sha256;

const TIME: &str = "/usr/bin/time";
const MACHINE_ID: &str = "5a7c3e9b1d2f48069ab4c8e0d6f1735b";

/// A run of a program: the time in seconds, and the peak resident set in KiB.
struct Cost {
    seconds: f64,
    kilobytes: u32,
}

/// Prints the rows of the programs.
pub(crate) fn print() {
    if !Path::new(TIME).exists() {
        println!("GNU time not found at {TIME}; the programs are not measured");
        return;
    }
    println!("\n| program | input | bytes | time | time of a byte, ratio | peak of the process |");
    println!("|---|---|---|---|---|---|");
    orders();
    state();
}

fn orders() {
    let vendor = Vendor::with_new_key("2048", "RS256");
    for (name, row) in [
        ("short rows", "customer,pro,365,\n".to_owned()),
        (
            "long rows",
            format!("customer,pro,365,{}\n", "user;".repeat(10_000)),
        ),
        (
            "one cell without an end",
            "\"customer,pro,365,\n".to_owned(),
        ),
    ] {
        let machine = vendor.workstation();
        let rows = |bytes: usize| {
            let head = "customer,tier,days,user\n";
            let rows = row.trim_start_matches('"').repeat(bytes / row.len() + 1);
            let quote = if row.starts_with('"') { "\"" } else { "" };
            format!("{head}{quote}{rows}")
        };
        let args = "batch orders.csv --key vendor.key --out out --dry-run";
        let args: Vec<_> = args.split(' ').collect();
        report("keygen batch", name, &|bytes| {
            let text = rows(bytes);
            machine.write("orders.csv", &text);
            (text.len(), measure(&machine, programs::keygen(), &args))
        });
    }
}

fn state() {
    for (name, member) in [
        ("nonces", r#""repaired":["#),
        ("an array of zeros", r#""x":["#),
        ("an array of arrays", r#""x":["#),
    ] {
        let machine = Scratch::new();
        let _ = Run::license(&machine).arg("status").run();
        fs::create_dir_all(machine.state()).unwrap();
        report("license status", name, &|bytes| {
            let items = match name {
                "nonces" => nonces(bytes),
                "an array of zeros" => "0,".repeat(bytes / 2),
                _ => "[0],".repeat(bytes / 4),
            };
            let items = items.trim_end_matches(',');
            let content = format!(
                r#"{{"version":1,"high_water":{},"tally":{{"days":{{}}}},"validations":[],{member}{items}]}}"#,
                r#"{"mark":0,"proven":0,"proven_at_mark":0,"signed":0,"resets":0,"run":null}"#
            );
            for file in ["license.cache", "quota"] {
                fs::write(machine.state().join(file), seal(file, content.as_bytes())).unwrap();
            }
            (
                content.len(),
                measure(&machine, programs::license(), &["status"]),
            )
        });
    }
}

fn nonces(bytes: usize) -> String {
    let mut text = String::new();
    for number in 0..bytes / 35 {
        let _ = write!(text, "\"{number:032x}\",");
    }
    text
}

/// Seals a state file as `docs/architecture/adrs/adr-032-machine-state.md` describes.
fn seal(file: &str, content: &[u8]) -> Vec<u8> {
    let hkdf = Hkdf::<Sha256>::new(Some(b"license-state-v1"), MACHINE_ID.as_bytes());
    let (mut key, mut machine) = ([0; 32], [0; 8]);
    hkdf.expand_multi_info(&[b"key", b"CODITECT"], &mut key)
        .unwrap();
    hkdf.expand_multi_info(&[b"machine", b"CODITECT"], &mut machine)
        .unwrap();
    let mut sealed = [&b"license state 1\n"[..], &machine].concat();
    let aad = [&sealed, file.as_bytes()].concat();
    let payload = Payload {
        msg: content,
        aad: &aad,
    };
    let cipher = XChaCha20Poly1305::new(&Key::from(key));
    let encrypted = cipher.encrypt(&XNonce::from([0; 24]), payload).unwrap();
    sealed.extend([0; 24]);
    sealed.extend(encrypted);
    sealed
}

/// Prints a row for each size. `run` takes the requested size, and returns the size of the input.
fn report(program: &str, name: &str, run: &dyn Fn(usize) -> (usize, Cost)) {
    let mut smallest = None;
    for bytes in [1 << 14, 1 << 16, 1 << 18, 1 << 20] {
        let (bytes, cost) = run(bytes);
        let per_byte = cost.seconds / f64::from(u32::try_from(bytes).unwrap());
        let ratio = per_byte / *smallest.get_or_insert(per_byte);
        println!(
            "| {program} | {name} | {bytes} | {} | {ratio:.2} | {:.1} MiB |",
            format_time(cost.seconds),
            f64::from(cost.kilobytes) / 1024.0
        );
    }
}

fn measure(machine: &Scratch, program: &Path, args: &[&str]) -> Cost {
    let time = Run::new(TIME, machine).args(["-o", "time.txt", "-f", "%M"]);
    let run = time
        .arg(program)
        .args(args)
        .env("CODITECT_MACHINE_ID", MACHINE_ID);
    let start = Instant::now();
    let _ = run.env("KEYGEN_LEDGER", machine.file("ledger")).run();
    let seconds = start.elapsed().as_secs_f64();
    let report = machine.read("time.txt");
    let kilobytes = report.lines().last().unwrap().trim().parse().unwrap();
    Cost { seconds, kilobytes }
}
