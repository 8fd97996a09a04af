//! The story of a customer with five floating seats, as its machines see it: from the first license
//! file, through everything that happens to machines and networks, to the last license file.
#![cfg(unix)]

use std::fs::{self, File};
use std::path::Path;
use std::process::Child;
use std::thread;
use std::time::Duration;

use license_tests::server::{Server, license_server};
use license_tests::tools::{Cable, Cut, Namespace, WallClock};
use license_tests::{Run, RunOutput, keygen, words};
use serde_json::Value;

use super::conditions::holder::{Machine, signal};
use super::conditions::{shorten_leases, wait_for};
use super::site::Site;

/// A machine of the customer, with a network and a state directory of its own.
struct Workplace<'s> {
    machine: Machine,
    namespace: &'s Namespace,
    clock: &'s WallClock,
}

impl<'s> Workplace<'s> {
    /// Installs the license, names the server of the site, and waits until it answers.
    fn new(site: &Site, clock: &'s WallClock, namespace: &'s Namespace, cable: &Cable<'_>) -> Self {
        let workplace = Self {
            machine: Machine::new(site),
            namespace,
            clock,
        };
        let url = format!("https://{}:8443", cable.server_address());
        let certificate = site.scratch.file("data/tls.crt");
        let certificate = certificate.to_str().unwrap();
        for (setting, value) in [("server-url", url.as_str()), ("ca-file", certificate)] {
            let set = ["config", "set", setting, value];
            workplace.license(&set).expect_code(0);
        }
        let ready = workplace.license(&["wait"]).expect_code(0);
        assert!(ready.stdout.contains("calls the TEAM license valid"));
        workplace
    }

    /// Runs `license` on the machine.
    fn license(&self, args: &[&str]) -> RunOutput {
        let run = self.clock.run(Run::license(&self.machine.scratch));
        self.namespace.run(run.args(args)).run()
    }

    /// Checks that `license status` calls the license valid or not, for this reason.
    #[track_caller]
    fn expect_status(&self, exit: i32, code: &str) {
        let status = self.license(&["status", "--json"]).expect_code(exit);
        assert_eq!(status.json()["code"], code, "{status:?}");
    }

    /// Starts `license run` with a command that ends when a test writes the file `NAME.done`. The
    /// command writes `NAME.started` first.
    fn work(&self, name: &str, project: &Path, options: &str) -> Work {
        let file = |extension: &str| self.machine.scratch.file(&format!("{name}.{extension}"));
        let (started, done) = (file("started"), file("done"));
        let script = format!(
            "touch '{}'; while [ ! -e '{}' ]; do sleep 0.2; done",
            started.display(),
            done.display()
        );
        let run = self.clock.run(Run::license(&self.machine.scratch));
        let run = run.arg("run").arg("--project").arg(project);
        let run = run.args(options.split_whitespace());
        let run = run.args(["--", "sh", "-c", &script]);
        let log = File::create(file("log")).unwrap();
        Work {
            program: self.namespace.run(run).start_with_stderr(log.into()),
            prefix: self.machine.scratch.file(name),
        }
    }
}

/// A running `license run`. Dropping the value kills it.
struct Work {
    program: Child,
    /// The path of its files without their extension.
    prefix: std::path::PathBuf,
}

impl Work {
    fn log(&self) -> String {
        fs::read_to_string(self.prefix.with_extension("log")).unwrap()
    }

    /// Waits until the command runs.
    #[track_caller]
    fn started(self) -> Self {
        let file = self.prefix.with_extension("started");
        wait_for(|| file.exists().then_some(()));
        self
    }

    /// Waits until the log contains a text, from a position on. Returns the position after it.
    #[track_caller]
    fn logged(&self, text: &str, from: usize) -> usize {
        let found = (0..1200).find_map(|_| {
            thread::sleep(Duration::from_millis(50));
            Some(from + self.log()[from..].find(text)? + text.len())
        });
        found.unwrap_or_else(|| panic!("waited a minute for {text:?}\n{}", self.log()))
    }

    /// Lets the command end, and returns the log.
    #[track_caller]
    fn end(mut self) -> String {
        fs::write(self.prefix.with_extension("done"), "").unwrap();
        let status = self.program.wait().unwrap();
        assert_eq!(status.code(), Some(0), "{}", self.log());
        self.log()
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        let _ = fs::write(self.prefix.with_extension("done"), "");
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

/// Returns the only pool, as the operator sees it at the console of the server.
fn pool(site: &Site) -> Value {
    let status = license_server(&site.scratch).args(["status", "--json"]);
    status.run().json()["pools"][0].clone()
}

/// Waits until this many seats are held, and this many sessions wait.
#[track_caller]
fn wait_for_pool(site: &Site, held: u64, waiting: u64) {
    wait_for(|| {
        let pool = pool(site);
        (pool["held"] == held && pool["waiting"] == waiting).then_some(())
    });
}

/// Starts the server in the network of the site, which no route leaves.
fn start(site: &Site, clock: &WallClock, office: &Namespace, cables: &[Cable<'_>]) -> Server {
    let names: Vec<String> = cables.iter().map(Cable::server_address).collect();
    let names = names.join(",");
    let run = office.run(clock.run(license_server(&site.scratch)));
    let listen = ["--listen", "0.0.0.0:8443", "--tls-names", names.as_str()];
    Server::start_with(run, &site.scratch, &listen)
}

/// Lets `keygen` of the vendor do something, and installs the file that it writes on the server.
fn install_from_vendor(site: &Site, command: &str, file: &str) {
    keygen(&site.vendor, &words(&format!("{command} --out {file}"))).expect_code(0);
    site.scratch.write(file, site.vendor.read(file));
    let install = license_server(&site.scratch).args(["install", file]);
    install.run().expect_code(0);
}

#[test]
fn five_seats_serve_three_machines_from_the_first_license_file_to_the_last() {
    let (Some(clock), Some(office)) = (WallClock::new(), Namespace::new()) else {
        return;
    };
    let scratch = license_tests::Scratch::new();
    let machine_id = scratch.write("machine-id", "8f2b6c1d9e4a47d0b35c6e7f80912ad4\n");
    let (Some(desk), Some(laptop)) = (Namespace::new(), Namespace::new()) else {
        return;
    };
    let Some(container) = Namespace::container("builder", &machine_id) else {
        return;
    };
    let cables = [
        office.connect(&desk, 1),
        office.connect(&laptop, 2),
        office.connect(&container, 3),
    ];

    // The vendor issues five seats for a quarter, and the operator sets up the server of the site.
    let site = Site::new("--tier team --seats 5 --offline --days 90");
    let server = site.start(&[]);
    shorten_leases(&server);
    server.stop();
    let server = start(&site, &clock, &office, &cables);
    let [desk, laptop, container] = [(&desk, 0), (&laptop, 1), (&container, 2)]
        .map(|(namespace, cable)| Workplace::new(&site, &clock, namespace, &cables[cable]));

    // Two links lead to one project, which takes one seat. In the container, the same path is the
    // project of another machine.
    let alpha = desk.machine.project("alpha");
    let link = desk.machine.scratch.file("link");
    std::os::unix::fs::symlink(&alpha, &link).unwrap();
    let mut work = vec![
        desk.work("alpha", &alpha, "").started(),
        desk.work("link", &link, "").started(),
    ];
    wait_for_pool(&site, 1, 0);
    work.push(desk.work("beta", &desk.machine.project("beta"), ""));
    work.push(laptop.work("gamma", &laptop.machine.project("gamma"), ""));
    work.push(container.work("alpha", &alpha, ""));
    let crashing = laptop.work("delta", &laptop.machine.project("delta"), "");
    let crashing = crashing.started();
    let mut work: Vec<Work> = work.into_iter().map(Work::started).collect();
    wait_for_pool(&site, 5, 0);

    // The sixth project waits. One client crashes, and the desk loses its network.
    let waiting = laptop.work("zeta", &laptop.machine.project("zeta"), "--wait 10m");
    wait_for_pool(&site, 5, 1);
    waiting.logged("position 1 of 1", 0);
    signal(crashing.program.id().into(), "KILL");
    drop(crashing);
    // The others renew their leases, so that the crashed client is the first whose lease ends.
    thread::sleep(Duration::from_secs(3));
    cables[0].cut(Cut::Dropped);
    let zeta = waiting.started();
    let of_desk = &work[..3];
    let late: Vec<usize> = of_desk
        .iter()
        .map(|work| work.logged("SEAT_LATE", 0))
        .collect();
    cables[0].heal(Cut::Dropped);
    for (work, late) in of_desk.iter().zip(late) {
        work.logged("valid again", late);
    }
    work.push(zeta);
    wait_for_pool(&site, 5, 0);

    // The server is killed and starts again. No seat is lost.
    server.kill();
    let server = start(&site, &clock, &office, &cables);
    laptop.license(&["wait"]).expect_code(0);
    assert_eq!(pool(&site)["held"], 5);
    for work in &work {
        assert!(!work.log().contains("LEASE_LOST"), "{}", work.log());
    }

    // The quarter and its grace period end. The leases end too, because nothing renews them. A
    // server does not follow a clock that jumps while it runs, so it starts again.
    let before: Vec<usize> = work.iter().map(|work| work.log().len()).collect();
    server.stop();
    clock.set(120);
    let server = start(&site, &clock, &office, &cables);
    laptop.expect_status(1, "EXPIRED");
    for (work, before) in work.iter().zip(before) {
        work.logged("SEAT_LATE", before);
    }
    // The vendor sends a renewal to the site. The machines get it from the server.
    let renew = "renew --key vendor.key acme.lic --days 365 --force";
    install_from_vendor(&site, renew, "renewal.lic");
    for workplace in [&desk, &laptop, &container] {
        wait_for(|| (workplace.license(&["validate"]).code == Some(0)).then_some(()));
        workplace.expect_status(0, "VALID");
    }

    // The work ends, and all seats are free.
    for work in work {
        let log = work.end();
        assert!(!log.contains("LEASE_LOST"), "{log}");
    }
    wait_for_pool(&site, 0, 0);

    // The customer wants license files again. The vendor revokes the floating license, and issues
    // one that needs no server.
    let revoke = ["revoke", "--customer", "ACME Ltd", "--reason", "exchanged"];
    keygen(&site.vendor, &revoke).expect_code(0);
    install_from_vendor(&site, "revocations --key vendor.key", "revocations.lic");
    let refused = wait_for(|| {
        let refused = laptop.license(&["run", "--", "true"]);
        (refused.code != Some(0)).then_some(refused)
    });
    assert_eq!(refused.code, Some(1), "{refused:?}");
    for workplace in [&desk, &laptop, &container] {
        workplace.license(&["validate"]).expect_code(1);
        workplace.expect_status(1, "REVOKED");
    }
    let issue =
        "issue --key vendor.key --tier team --seats 5 --offline --perpetual --out offline.lic";
    let issue = Run::keygen(&site.vendor).args(words(issue));
    issue.args(["--customer", "ACME Ltd"]).run().expect_code(0);
    for workplace in [&desk, &laptop, &container] {
        let file = site.vendor.read("offline.lic");
        let file = workplace.machine.scratch.write("offline.lic", file);
        let install = ["install", "--force", file.to_str().unwrap()];
        workplace.license(&install).expect_code(0);
    }

    // The server goes away for good. The license continues for years.
    assert!(server.stop().success());
    clock.set(2000);
    for workplace in [&desk, &laptop, &container] {
        workplace.expect_status(0, "VALID");
        let unreachable = workplace.license(&["validate"]);
        assert_eq!(unreachable.expect_failure(4).code, "SERVER_UNREACHABLE");
        workplace.expect_status(0, "VALID");
    }
}
