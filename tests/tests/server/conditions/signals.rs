//! Signals to `license run` and to its command, in all orders.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::process::Child;

use license_tests::Run;
use license_tests::server::Server;

use super::super::site::Site;
use super::holder::{Machine, signal};
use super::{pool, shorten_leases, wait_for};

/// The receiver of a signal.
#[derive(Clone, Copy)]
enum To {
    /// `license run`.
    Program,
    /// The command of `license run`.
    Command,
    /// Both, as from a terminal.
    Both,
}

use To::{Both, Command, Program};

/// How the command reacts to SIGTERM and SIGHUP.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reaction {
    Ends,
    Ignores,
    /// `nohup` starts `license run`, so that both ignore SIGHUP.
    Nohup,
}

use Reaction::{Ends, Ignores, Nohup};

/// The signals in their order, and the exit code of `license run`. Without an exit code, SIGKILL
/// ends `license run`, and the seat ends with its lease. Otherwise the seat is released.
type Case = (Reaction, &'static [(To, &'static str)], Option<i32>);

const CASES: [Case; 15] = [
    (Ends, &[(Program, "TERM")], Some(143)),
    (Ends, &[(Program, "HUP")], Some(129)),
    (Ends, &[(Command, "TERM")], Some(143)),
    (Ends, &[(Command, "KILL")], Some(137)),
    (Ends, &[(Both, "TERM")], Some(143)),
    (Ends, &[(Both, "HUP")], Some(129)),
    (Ends, &[(Command, "KILL"), (Program, "TERM")], Some(137)),
    (
        Ends,
        &[(Command, "STOP"), (Program, "TERM"), (Command, "CONT")],
        Some(143),
    ),
    (
        Ends,
        &[(Program, "STOP"), (Command, "KILL"), (Program, "CONT")],
        Some(137),
    ),
    (
        Ignores,
        &[(Both, "TERM"), (Both, "HUP"), (Command, "KILL")],
        Some(137),
    ),
    (Nohup, &[(Both, "HUP"), (Both, "TERM")], Some(143)),
    (Ends, &[(Program, "KILL")], None),
    (Ends, &[(Program, "KILL"), (Command, "TERM")], None),
    (Ends, &[(Both, "KILL")], None),
    (Ignores, &[(Program, "TERM"), (Program, "KILL")], None),
];

/// A `license run` with its command. Dropping the value kills both.
struct Running {
    case: Case,
    program: Child,
    command: i64,
}

impl Running {
    fn start(machine: &Machine, server: &Server, number: usize, case: Case) -> Self {
        let project = format!("project-{number}");
        let run = Run::license(&machine.scratch).env("CODITECT_LICENSE_SERVER", server.url());
        let run = run
            .arg("run")
            .arg("--project")
            .arg(machine.project(&project));
        let script = match case.0 {
            Ignores => "trap '' TERM HUP; echo $$; exec sleep 100000",
            Ends | Nohup => "echo $$; exec sleep 100000",
        };
        let run = run.args(["--", "sh", "-c", script]);
        // The tests themselves can have been started by `nohup` or as a job of a shell script.
        let mut words = vec!["env", "--default-signal=HUP,INT,QUIT,TERM", "setsid"];
        if case.0 == Nohup {
            words.push("nohup");
        }
        let log = machine.scratch.file(&format!("{project}.log"));
        let log = File::create(log).unwrap();
        let mut program = run.through(&words).start_with_stderr(log.into());
        let mut line = String::new();
        let stdout = program.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        Self {
            case,
            program,
            command: line.trim().parse().unwrap(),
        }
    }

    /// Sends the signals.
    fn send(&self) {
        let program = i64::from(self.program.id());
        for (to, name) in self.case.1 {
            match to {
                Program => signal(program, name),
                Command => signal(self.command, name),
                // `setsid` made it the leader of a process group.
                Both => signal(-program, name),
            }
        }
    }

    /// Waits for the end of `license run`, and returns its exit code.
    fn code(&mut self) -> Option<i32> {
        wait_for(|| self.program.try_wait().unwrap()).code()
    }

    fn is_command_alive(&self) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.command));
        stat.is_ok_and(|stat| !stat.contains(") Z "))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both have ended already in most cases.
        let _ = self.program.kill();
        let _ = self.program.wait();
        if self.is_command_alive() {
            signal(self.command, "KILL");
        }
    }
}

pub(super) fn all_orders() {
    let site = Site::new(&format!(
        "--tier team --seats {} --offline --perpetual",
        CASES.len()
    ));
    let server = site.start(&[]);
    let authorization = shorten_leases(&server);
    let machine = Machine::new(&site);
    let mut running = Vec::new();
    for (number, case) in CASES.into_iter().enumerate() {
        running.push(Running::start(&machine, &server, number, case));
    }
    assert_eq!(pool(&server, &authorization)["held"], CASES.len());
    running.iter().for_each(Running::send);
    for (number, one) in running.iter_mut().enumerate() {
        let (_, signals, expected) = one.case;
        let code = one.code();
        let log = machine.scratch.read(&format!("project-{number}.log"));
        let names: Vec<&str> = signals.iter().map(|(_, name)| *name).collect();
        assert_eq!(code, expected, "{number}: {names:?}\n{log}");
        assert_eq!(log, "", "{number}: {names:?}");
        // The command of a killed program continues, unless a signal ended it too.
        let [.., (last, _)] = signals else {
            panic!("a case has a signal");
        };
        if code.is_none() && matches!(last, Program) {
            assert!(one.is_command_alive(), "{number}: {names:?}");
        } else {
            wait_for(|| (!one.is_command_alive()).then_some(()));
        }
    }
    let left = CASES.iter().filter(|(_, _, code)| code.is_none()).count();
    assert_eq!(pool(&server, &authorization)["held"], left);
    // Other sessions get the released seats at once, and the others after the leases have ended.
    let mut others = (1..).map(|number| site.session(number));
    for other in others.by_ref().take(CASES.len() - left) {
        other.acquire(&server, false).expect(201);
    }
    let last = others.next().unwrap();
    last.acquire(&server, false).expect_problem(409, "NO_SEAT");
    for other in [last].into_iter().chain(others).take(left) {
        wait_for(|| (other.acquire(&server, false).status == 201).then_some(()));
    }
}
