//! A customer without a network exchanges files and readback lines with the vendor for a year.

use std::fs;

use license_core::requests::readback;
use license_tests::{copy_files, tools};

use super::*;

/// The ids of the customer's machines.
const FIRST: &str = "asset-0001-of-the-year";
const SECOND: &str = "asset-0002-of-the-year";
const THIRD: &str = "asset-0003-of-the-year";

/// The vendor's workstation, which has a ledger.
struct Workstation(Scratch);

impl Workstation {
    fn new() -> Self {
        let workstation = Scratch::new();
        workstation.write_private("passphrase", "a long walk in the rain\n");
        for name in ["vendor", "next"] {
            let (key, jwk) = (format!("{name}.key"), format!("{name}.jwk"));
            keygen(&workstation, &["new-key", "--bits", "2048", "--out", &key]);
            keygen(
                &workstation,
                &["public", "--key", &key, "--format", "jwk", "--out", &jwk],
            );
        }
        let workstation = Self(workstation);
        let trust = ["trust", "vendor.jwk", "--out", "trust.jwks"];
        let _ = workstation.run(&trust).expect_code(0);
        workstation
    }

    fn run(&self, args: &[&str]) -> RunOutput {
        Run::keygen(&self.0).args(args).run()
    }

    /// Runs a command that signs with the vendor's key, with this issue date.
    fn sign(&self, args: &[&str], at: &str, out: &str) -> RunOutput {
        let key = ["--key", "vendor.key", "--passphrase-file", "passphrase"];
        let rest = ["--issued-at", at, "--out", out];
        self.run(&[args, &key, &rest].concat())
    }

    /// Writes a revocation list. Its issue date is today, because a list cannot be in the future.
    fn write_list(&self, out: &str) {
        let key = ["--key", "vendor.key", "--passphrase-file", "passphrase"];
        let list = [&["revocations", "--out", out], &key[..]].concat();
        let _ = self.run(&list).expect_code(0);
    }

    fn license_id(&self, file: &str) -> String {
        let report = self.run(&["inspect", "--json", file]).expect_code(0).json();
        report["tokens"][0]["claims"]["jti"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// Copies a file to a machine.
    fn carry(&self, file: &str, machine: &Machine) {
        fs::copy(self.0.file(file), machine.scratch.file(file)).unwrap();
    }
}

/// A machine of the customer.
struct Machine {
    scratch: Scratch,
    id: &'static str,
}

impl Machine {
    /// Creates a machine, and installs the vendor's keys and a license.
    fn new(id: &'static str, workstation: &Workstation, license: &str, at: &str) -> Self {
        let machine = Self {
            scratch: Scratch::new(),
            id,
        };
        workstation.carry("trust.jwks", &machine);
        workstation.carry(license, &machine);
        let _ = machine.run(&["install", "--trust", "trust.jwks", license, "--at", at]);
        machine
    }

    fn run(&self, args: &[&str]) -> RunOutput {
        let run = Run::license(&self.scratch).env("CODITECT_MACHINE_ID", self.id);
        run.args(args).run()
    }

    #[track_caller]
    fn expect_code_at(&self, at: &str, code: &str) {
        let status = self.run(&["status", "--json", "--at", at]).json();
        assert_eq!(status["code"], code, "{at}: {status:#}");
    }

    fn carry(&self, file: &str, workstation: &Workstation) {
        fs::copy(self.scratch.file(file), workstation.0.file(file)).unwrap();
    }
}

#[track_caller]
fn expect_error(outcome: &RunOutput, exit: i32, part: &str) {
    let message = outcome.expect_failure(exit).text();
    assert!(message.contains(part), "no {part} in {message}");
}

#[test]
fn machines_without_a_network_work_for_a_year() {
    let workstation = Workstation::new();
    let team = [
        "issue",
        "--tier",
        "team",
        "--customer",
        "ACME Ltd",
        "--expires",
        "2027-12-31",
        "--seats",
        "5",
        "--devices",
        "2",
        "--offline",
        "--activation",
    ];
    let _ = workstation
        .sign(&team, "2027-01-01", "team.lic")
        .expect_code(0);

    // January: the first machine is activated with files.
    let first = Machine::new(FIRST, &workstation, "team.lic", "2027-01-02");
    first.expect_code_at("2027-01-02", "NOT_ACTIVATED");
    let request = words("request --out first-request.lic --at 2027-01-02");
    let _ = first.run(&request).expect_code(0);
    first.carry("first-request.lic", &workstation);
    let activate = ["activate", "first-request.lic"];
    let _ = workstation
        .sign(&activate, "2027-01-03", "first.lic")
        .expect_code(0);
    workstation.carry("first.lic", &first);
    let _ = first
        .run(&["activate", "first.lic", "--at", "2027-01-04"])
        .expect_code(0);
    first.expect_code_at("2027-01-04", "VALID");

    // The second machine prints readback lines. The error names the line with a typing mistake.
    let second = Machine::new(SECOND, &workstation, "team.lic", "2027-01-05");
    let lines = second.run(&["request", "--speak", "--at", "2027-01-05"]);
    let lines = lines.expect_code(0).stdout;
    assert!(readback::looks_like_lines(&lines), "{lines}");
    let wrong: Vec<String> = lines.lines().enumerate().map(mistyped).collect();
    workstation.0.write("second-request.txt", wrong.join("\n"));
    let activate = ["activate", "second-request.txt"];
    expect_error(
        &workstation.sign(&activate, "2027-01-05", "second.lic"),
        3,
        "line 4",
    );
    workstation
        .0
        .write("second-request.txt", lines.to_lowercase());
    let _ = workstation
        .sign(&activate, "2027-01-05", "second.lic")
        .expect_code(0);
    workstation.carry("second.lic", &second);
    let _ = second
        .run(&["activate", "second.lic", "--at", "2027-01-05"])
        .expect_code(0);

    // A third machine exceeds the device limit. An activation can be installed only once, and only
    // on its machine.
    let third = Machine::new(THIRD, &workstation, "team.lic", "2027-02-01");
    let request = words("request --out third-request.lic --at 2027-02-01");
    let _ = third.run(&request).expect_code(0);
    third.carry("third-request.lic", &workstation);
    let activate = ["activate", "third-request.lic"];
    expect_error(
        &workstation.sign(&activate, "2027-02-01", "third.lic"),
        2,
        "2 machines",
    );
    workstation.carry("second.lic", &third);
    expect_error(&third.run(&["activate", "second.lic"]), 1, "machine");
    // The same answer again changes nothing.
    let again = words("activate first.lic --at 2027-02-01");
    let _ = first.run(&again).expect_code(0);

    // March: the third machine replaces the second. A backup of the second machine exists.
    let backup = Scratch::new();
    copy_files(&second.scratch.state(), &backup.file("state"));
    let deactivate = ["deactivate", "--out", "receipt.lic", "--at", "2027-03-01"];
    let _ = second.run(&deactivate).expect_code(0);
    second.expect_code_at("2027-03-01", "DEACTIVATED");
    second.carry("receipt.lic", &workstation);
    let _ = workstation.run(&["release", "receipt.lic"]).expect_code(0);
    expect_error(&workstation.run(&["release", "receipt.lic"]), 2, "already");
    let _ = workstation
        .sign(&activate, "2027-03-02", "third.lic")
        .expect_code(0);
    workstation.carry("third.lic", &third);
    let _ = third
        .run(&["activate", "third.lic", "--at", "2027-03-02"])
        .expect_code(0);
    third.expect_code_at("2027-03-02", "VALID");

    // May: another license of the customer is revoked. The same list invalidates the restored
    // backup.
    let pro = [
        "issue",
        "--tier",
        "pro",
        "--customer",
        "ACME Ltd",
        "--expires",
        "2028-06-30",
        "--offline",
    ];
    let _ = workstation
        .sign(&pro, "2027-04-01", "pro.lic")
        .expect_code(0);
    let contractor = Machine::new(FIRST, &workstation, "pro.lic", "2027-04-02");
    contractor.expect_code_at("2027-04-02", "VALID");
    workstation.write_list("early.lic");
    let revoke = [
        "revoke",
        &workstation.license_id("pro.lic"),
        "--reason",
        "left the company",
    ];
    let _ = workstation.run(&revoke).expect_code(0);
    workstation.write_list("list.lic");
    workstation.carry("list.lic", &contractor);
    workstation.carry("early.lic", &contractor);
    let _ = contractor
        .run(&["install", "list.lic", "--at", "2027-05-02"])
        .expect_code(1);
    contractor.expect_code_at("2027-05-02", "REVOKED");
    expect_error(&contractor.run(&["install", "early.lic"]), 3, "STALE_LIST");
    copy_files(&backup.file("state"), &second.scratch.state());
    second.expect_code_at("2027-05-02", "VALID");
    workstation.carry("list.lic", &second);
    let _ = second
        .run(&["install", "list.lic", "--at", "2027-05-02"])
        .expect_code(1);
    second.expect_code_at("2027-05-02", "NOT_ACTIVATED");

    // December: one file contains a new signing key and a renewal that is signed with this key.
    let introduce = ["rotate", "--introduce", "next.jwk"];
    let _ = workstation
        .sign(&introduce, "2027-12-01", "keys.lic")
        .expect_code(0);
    let renew = words(
        "renew team.lic --until 2028-12-31 --key next.key --passphrase-file passphrase --issued-at 2027-12-02 --out renewal.lic",
    );
    let _ = workstation.run(&renew).expect_code(0);
    workstation.carry("renewal.lic", &first);
    expect_error(&first.run(&["install", "renewal.lic"]), 3, "UNTRUSTED_KEY");
    let bundle = words("bundle renewal.lic list.lic keys.lic --out december.lic");
    let _ = workstation.run(&bundle).expect_code(0);
    for machine in [&first, &third] {
        workstation.carry("december.lic", machine);
        let install = ["install", "december.lic", "--at", "2027-12-10"];
        let summary = machine.run(&install).expect_code(0).stderr;
        for block in ["license ", "revocation list ", "2028-01-01"] {
            assert!(summary.contains(block), "no {block} in {summary}");
        }
        // The next list is due within a month. An outdated list only causes a warning.
        expect_warnings(machine, "2027-12-20", &["LIST_OUTDATED"]);
        expect_warnings(machine, "2028-01-02", &["LIST_OUTDATED"]);
    }
    // An early renewal does not reactivate a deactivated machine.
    workstation.carry("december.lic", &second);
    let _ = second.run(&["install", "december.lic", "--at", "2027-12-10"]);
    second.expect_code_at("2028-02-01", "NOT_ACTIVATED");

    retire_a_key(&workstation, &first);
    repair_a_clock(&workstation, &first);
    let verified = workstation
        .run(&["ledger", "verify", "--json"])
        .expect_code(0);
    assert!(
        verified.json()["entries"].as_u64() > Some(12),
        "{}",
        verified.stdout
    );
    assert_no_private_key_in(first.scratch.path());
}

/// Retires the old key. The same file contains a reissued activation, which needs no new request.
fn retire_a_key(workstation: &Workstation, machine: &Machine) {
    let with = ["--with", "next.key", "--with-passphrase-file", "passphrase"];
    let retire = [&["rotate", "--retire"], &with[..]].concat();
    let _ = workstation
        .sign(&retire, "2028-01-10", "retire.lic")
        .expect_code(0);
    let reissue = words(
        "activate first-request.lic --reissue --key next.key --passphrase-file passphrase --issued-at 2028-01-10 --out first-reissued.lic",
    );
    let _ = workstation.run(&reissue).expect_code(0);
    let parts = ["retire.lic", "first-reissued.lic"];
    let half = [&["bundle", "--out", "half.lic"], &parts[..]].concat();
    let _ = workstation.run(&half).expect_code(0);
    workstation.carry("half.lic", machine);
    // Without the old key, the installed old license would not verify.
    let install = ["install", "half.lic", "--at", "2028-01-11"];
    expect_error(&machine.run(&install), 1, "RETIRED_KEY");
    machine.expect_code_at("2028-01-11", "VALID");
    let whole = [
        &["bundle", "--out", "january.lic", "renewal.lic"],
        &parts[..],
    ]
    .concat();
    let _ = workstation.run(&whole).expect_code(0);
    workstation.carry("january.lic", machine);
    let install = ["install", "january.lic", "--at", "2028-01-11"];
    let _ = machine.run(&install).expect_code(0);
    machine.expect_code_at("2028-02-01", "VALID");
}

/// Changes one character of the fourth line.
fn mistyped((index, line): (usize, &str)) -> String {
    let last = line.chars().last().unwrap();
    let other = if last == '7' { '8' } else { '7' };
    if index == 3 {
        format!("{}{other}", &line[..line.len() - 1])
    } else {
        line.to_owned()
    }
}

#[track_caller]
fn expect_warnings(machine: &Machine, at: &str, expected: &[&str]) {
    let status = machine
        .run(&["status", "--json", "--at", at])
        .expect_code(0);
    let (code, warnings) = codes(&status);
    assert_eq!(code, "VALID", "{at}");
    assert_eq!(warnings, expected, "{at}");
}

/// Repairs the clock high-water mark after the clock has jumped to 2050 and back.
///
/// The mark stays in 2050 until the vendor signs a clock repair.
fn repair_a_clock(workstation: &Workstation, machine: &Machine) {
    let Some(faketime) = tools::faketime() else {
        return;
    };
    let run = tools::license_at_time(faketime, &machine.scratch, "@2050-06-01 12:00:00");
    let run = run.env("CODITECT_MACHINE_ID", machine.id);
    let jumped = run.args(["status", "--json"]).run().json();
    assert_eq!(jumped["code"], "EXPIRED", "{jumped:#}");
    let stuck = machine.run(&["status", "--json"]).json();
    assert_eq!(stuck["code"], "EXPIRED", "{stuck:#}");
    assert!(
        codes(&machine.run(&["status", "--json"]))
            .1
            .contains(&"CLOCK_BEHIND".to_owned())
    );
    let _ = machine
        .run(&["request", "--clock", "--out", "clock-request.lic"])
        .expect_code(0);
    machine.carry("clock-request.lic", workstation);
    let key = ["--key", "next.key", "--passphrase-file", "passphrase"];
    let rest = ["--issued-at", "2028-01-15", "--out", "repair.lic"];
    let repair = ["clock-repair", "clock-request.lic"];
    let _ = workstation
        .run(&[&repair[..], &key, &rest].concat())
        .expect_code(0);
    workstation.carry("repair.lic", machine);
    let _ = machine.run(&["install", "repair.lic"]).expect_code(0);
    let repaired = machine.run(&["status", "--json"]).expect_code(0).json();
    assert_eq!(repaired["code"], "VALID", "{repaired:#}");
    expect_error(&machine.run(&["install", "repair.lic"]), 3, "REPLAYED");
}
