//! A year of a site that has no network: everything that an online customer can do, by files, a picture and lines read out.

use std::fs;
use std::path::Path;

use license_core::spoken;
use license_tests::tools;

use super::*;

/// The machines of the site, each by the id that makes it a certain one.
const FIRST: &str = "asset-0001-of-the-year";
const SECOND: &str = "asset-0002-of-the-year";
const THIRD: &str = "asset-0003-of-the-year";

/// The vendor, who has a ledger.
struct Desk(Scratch);

impl Desk {
    fn open() -> Self {
        let desk = Scratch::new();
        desk.write_private("passphrase", "a long walk in the rain\n");
        for name in ["vendor", "next"] {
            let (key, jwk) = (format!("{name}.key"), format!("{name}.jwk"));
            keygen(&desk, &["new-key", "--bits", "2048", "--out", &key]);
            keygen(
                &desk,
                &["public", "--key", &key, "--format", "jwk", "--out", &jwk],
            );
        }
        let desk = Self(desk);
        let trust = ["trust", "vendor.jwk", "--out", "trust.jwks"];
        let _ = desk.run(&trust).expect_code(0);
        desk
    }

    fn run(&self, args: &[&str]) -> Outcome {
        Run::keygen(&self.0).args(args).run()
    }

    /// With the vendor's key, at a date.
    fn signs(&self, args: &[&str], at: &str, out: &str) -> Outcome {
        let key = ["--key", "vendor.key", "--passphrase-file", "passphrase"];
        let rest = ["--issued-at", at, "--out", out];
        self.run(&[args, &key, &rest].concat())
    }

    /// Everything that is revoked or given up until today, the real one: nobody signs a list of a day to come.
    fn lists(&self, out: &str) {
        let key = ["--key", "vendor.key", "--passphrase-file", "passphrase"];
        let list = [&["revocations", "--out", out], &key[..]].concat();
        let _ = self.run(&list).expect_code(0);
    }

    fn id(&self, file: &str) -> String {
        let told = self.run(&["inspect", "--json", file]).expect_code(0).json();
        told["tokens"][0]["claims"]["jti"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// What a person carries from here to there.
    fn carry(&self, file: &str, site: &Machine) {
        fs::copy(self.0.file(file), site.scratch.file(file)).unwrap();
    }
}

/// A machine of the site.
struct Machine {
    scratch: Scratch,
    id: &'static str,
}

impl Machine {
    /// With the keys and the license that the vendor sent.
    fn new(id: &'static str, desk: &Desk, license: &str, at: &str) -> Self {
        let machine = Self {
            scratch: Scratch::new(),
            id,
        };
        desk.carry("trust.jwks", &machine);
        desk.carry(license, &machine);
        let _ = machine.run(&["install", "--trust", "trust.jwks", license, "--at", at]);
        machine
    }

    fn run(&self, args: &[&str]) -> Outcome {
        let run = Run::license(&self.scratch).env("CODITECT_MACHINE_ID", self.id);
        run.args(args).run()
    }

    #[track_caller]
    fn expect(&self, at: &str, code: &str) {
        let said = self.run(&["status", "--json", "--at", at]).json();
        assert_eq!(said["code"], code, "{at}: {said:#}");
    }

    fn carry(&self, file: &str, desk: &Desk) {
        fs::copy(self.scratch.file(file), desk.0.file(file)).unwrap();
    }
}

#[track_caller]
fn refused(outcome: &Outcome, exit: i32, part: &str) {
    let complaint = outcome.expect_failure(exit);
    let message = complaint.message;
    assert!(message.contains(part), "no {part} in {message}");
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[test]
fn a_site_without_a_network_lives_through_a_year() {
    let desk = Desk::open();
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
    let _ = desk.signs(&team, "2027-01-01", "team.lic").expect_code(0);

    // January: the first machine asks by file, and is answered by file.
    let first = Machine::new(FIRST, &desk, "team.lic", "2027-01-02");
    first.expect("2027-01-02", "NOT_ACTIVATED");
    let request = words("request --out first-request.lic --at 2027-01-02");
    let _ = first.run(&request).expect_code(0);
    first.carry("first-request.lic", &desk);
    let activate = ["activate", "first-request.lic"];
    let _ = desk
        .signs(&activate, "2027-01-03", "first.lic")
        .expect_code(0);
    desk.carry("first.lic", &first);
    let _ = first
        .run(&["activate", "first.lic", "--at", "2027-01-04"])
        .expect_code(0);
    first.expect("2027-01-04", "VALID");

    // The second reads its request out over a phone; who types it makes a mistake, is told where, and mends it.
    let second = Machine::new(SECOND, &desk, "team.lic", "2027-01-05");
    let said = second.run(&["request", "--speak", "--at", "2027-01-05"]);
    let said = said.expect_code(0).stdout;
    assert!(spoken::is_likely(&said), "{said}");
    let wrong: Vec<String> = said.lines().enumerate().map(mistyped).collect();
    desk.0.write("second-request.txt", wrong.join("\n"));
    let activate = ["activate", "second-request.txt"];
    refused(
        &desk.signs(&activate, "2027-01-05", "second.lic"),
        3,
        "line 4",
    );
    desk.0.write("second-request.txt", said.to_lowercase());
    let _ = desk
        .signs(&activate, "2027-01-05", "second.lic")
        .expect_code(0);
    desk.carry("second.lic", &second);
    let _ = second
        .run(&["activate", "second.lic", "--at", "2027-01-05"])
        .expect_code(0);

    // A third is one too many. An answer for one machine is none for another, and none works twice.
    let third = Machine::new(THIRD, &desk, "team.lic", "2027-02-01");
    let request = words("request --out third-request.lic --at 2027-02-01");
    let _ = third.run(&request).expect_code(0);
    third.carry("third-request.lic", &desk);
    let activate = ["activate", "third-request.lic"];
    refused(
        &desk.signs(&activate, "2027-02-01", "third.lic"),
        2,
        "2 machines",
    );
    desk.carry("second.lic", &third);
    refused(&third.run(&["activate", "second.lic"]), 1, "machine");
    refused(&first.run(&["activate", "first.lic"]), 3, "REPLAYED");

    // March: the second machine is replaced by the third. Somebody has kept a backup of it.
    let backup = Scratch::new();
    copy_folder(&second.scratch.state(), &backup.file("state"));
    let give_up = ["deactivate", "--out", "receipt.lic", "--at", "2027-03-01"];
    let _ = second.run(&give_up).expect_code(0);
    second.expect("2027-03-01", "DEACTIVATED");
    second.carry("receipt.lic", &desk);
    let _ = desk.run(&["release", "receipt.lic"]).expect_code(0);
    refused(&desk.run(&["release", "receipt.lic"]), 2, "already");
    let _ = desk
        .signs(&activate, "2027-03-02", "third.lic")
        .expect_code(0);
    desk.carry("third.lic", &third);
    let _ = third
        .run(&["activate", "third.lic", "--at", "2027-03-02"])
        .expect_code(0);
    third.expect("2027-03-02", "VALID");

    // May: another license of the site is revoked. The list ends the backup of March too, which nothing else could.
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
    let _ = desk.signs(&pro, "2027-04-01", "pro.lic").expect_code(0);
    let contractor = Machine::new(FIRST, &desk, "pro.lic", "2027-04-02");
    contractor.expect("2027-04-02", "VALID");
    desk.lists("early.lic");
    let revoke = [
        "revoke",
        &desk.id("pro.lic"),
        "--reason",
        "left the company",
    ];
    let _ = desk.run(&revoke).expect_code(0);
    desk.lists("list.lic");
    desk.carry("list.lic", &contractor);
    desk.carry("early.lic", &contractor);
    let _ = contractor
        .run(&["install", "list.lic", "--at", "2027-05-02"])
        .expect_code(1);
    contractor.expect("2027-05-02", "REVOKED");
    refused(&contractor.run(&["install", "early.lic"]), 3, "STALE_LIST");
    fs::remove_dir_all(second.scratch.state()).unwrap();
    copy_folder(&backup.file("state"), &second.scratch.state());
    second.expect("2027-05-02", "VALID");
    desk.carry("list.lic", &second);
    let _ = second
        .run(&["install", "list.lic", "--at", "2027-05-02"])
        .expect_code(1);
    second.expect("2027-05-02", "NOT_ACTIVATED");

    // December: a new signing key, and the renewal that it signs, all in one file, which is taken whole.
    let introduce = ["rotate", "--introduce", "next.jwk"];
    let _ = desk
        .signs(&introduce, "2027-12-01", "keys.lic")
        .expect_code(0);
    let renew = words(
        "renew team.lic --until 2028-12-31 --key next.key --passphrase-file passphrase --issued-at 2027-12-02 --out renewal.lic",
    );
    let _ = desk.run(&renew).expect_code(0);
    desk.carry("renewal.lic", &first);
    refused(&first.run(&["install", "renewal.lic"]), 3, "UNTRUSTED_KEY");
    let bundle = words("bundle renewal.lic list.lic keys.lic --out december.lic");
    let _ = desk.run(&bundle).expect_code(0);
    for machine in [&first, &third] {
        desk.carry("december.lic", machine);
        let install = ["install", "december.lic", "--at", "2027-12-10"];
        let told = machine.run(&install).expect_code(0).stderr;
        for block in ["license ", "revocation list ", "2028-01-01"] {
            assert!(told.contains(block), "no {block} in {told}");
        }
        // The list is to be followed within a month; nobody is locked out for that.
        expect_warned(machine, "2027-12-20", &["LIST_OUTDATED"]);
        expect_warned(machine, "2028-01-02", &["LIST_OUTDATED"]);
    }
    // A renewal that comes early does not wake what was given up.
    desk.carry("december.lic", &second);
    let _ = second.run(&["install", "december.lic", "--at", "2027-12-10"]);
    second.expect("2028-02-01", "NOT_ACTIVATED");

    retire_a_key(&desk, &first);
    repair_a_clock(&desk, &first);
    let verified = desk.run(&["ledger", "verify", "--json"]).expect_code(0);
    assert!(
        verified.json()["entries"].as_u64() > Some(12),
        "{}",
        verified.stdout
    );
    assert_no_private_key_in(first.scratch.path());
}

/// The old key goes, and what it had activated is signed anew: without another request, in one file.
fn retire_a_key(desk: &Desk, machine: &Machine) {
    let with = ["--with", "next.key", "--with-passphrase-file", "passphrase"];
    let retire = [&["rotate", "--retire"], &with[..]].concat();
    let _ = desk
        .signs(&retire, "2028-01-10", "retire.lic")
        .expect_code(0);
    let anew = words(
        "activate first-request.lic --reissue --key next.key --passphrase-file passphrase --issued-at 2028-01-10 --out first-anew.lic",
    );
    let _ = desk.run(&anew).expect_code(0);
    let parts = ["retire.lic", "first-anew.lic"];
    let half = [&["bundle", "--out", "half.lic"], &parts[..]].concat();
    let _ = desk.run(&half).expect_code(0);
    desk.carry("half.lic", machine);
    // The license of before, which stands beside its renewal, would not verify any more.
    let install = ["install", "half.lic", "--at", "2028-01-11"];
    refused(&machine.run(&install), 1, "RETIRED_KEY");
    machine.expect("2028-01-11", "VALID");
    let whole = [
        &["bundle", "--out", "january.lic", "renewal.lic"],
        &parts[..],
    ]
    .concat();
    let _ = desk.run(&whole).expect_code(0);
    desk.carry("january.lic", machine);
    let install = ["install", "january.lic", "--at", "2028-01-11"];
    let _ = machine.run(&install).expect_code(0);
    machine.expect("2028-02-01", "VALID");
}

/// One character of the fourth line is another.
fn mistyped((index, line): (usize, &str)) -> String {
    let last = line.chars().last().unwrap();
    let other = if last == '7' { '8' } else { '7' };
    match index {
        3 => format!("{}{other}", &line[..line.len() - 1]),
        _ => line.to_owned(),
    }
}

#[track_caller]
fn expect_warned(machine: &Machine, at: &str, expected: &[&str]) {
    let said = machine
        .run(&["status", "--json", "--at", at])
        .expect_code(0);
    let (code, warnings) = codes(&said);
    assert_eq!(code, "VALID", "{at}");
    assert_eq!(warnings, expected, "{at}");
}

/// A clock jumps to 2050 while the machine is off, and is set right by hand; what the machine has seen stays until the vendor says so.
fn repair_a_clock(desk: &Desk, machine: &Machine) {
    let Some(faketime) = tools::faketime() else {
        return;
    };
    let far = |args: &[&str]| {
        let run = faketime
            .run(&machine.scratch)
            .args(["-f", "@2050-06-01 12:00:00"]);
        let run = run.env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        let run = run
            .env("NO_FAKE_STAT", "1")
            .env("CODITECT_MACHINE_ID", machine.id);
        run.arg(license_tests::programs::license()).args(args).run()
    };
    let jumped = far(&["status", "--json"]).json();
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
    machine.carry("clock-request.lic", desk);
    let key = ["--key", "next.key", "--passphrase-file", "passphrase"];
    let rest = ["--issued-at", "2028-01-15", "--out", "repair.lic"];
    let repair = ["clock-repair", "clock-request.lic"];
    let _ = desk
        .run(&[&repair[..], &key, &rest].concat())
        .expect_code(0);
    desk.carry("repair.lic", machine);
    let _ = machine.run(&["install", "repair.lic"]).expect_code(0);
    let mended = machine.run(&["status", "--json"]).expect_code(0).json();
    assert_eq!(mended["code"], "VALID", "{mended:#}");
    refused(&machine.run(&["install", "repair.lic"]), 3, "REPLAYED");
}
