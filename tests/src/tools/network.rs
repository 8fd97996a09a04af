//! Networks of the tests: network namespaces, which are connected by virtual cables.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use license_test_services::skip;

use crate::Run;

/// The namespaces that a container has for itself.
const NAMESPACES: [&str; 4] = ["--net", "--uts", "--mount", "--pid"];

/// A network namespace with a loopback interface, such as that of one machine. Dropping the value
/// removes it, unless a program still uses it.
#[derive(Debug)]
pub struct Namespace {
    /// A process in the namespace. It ends with the standard input that the test holds.
    keeper: Child,
    /// The options with which `nsenter` enters the namespaces of the keeper.
    entry: Vec<String>,
}

/// A way to cut the cable between two machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// The interface of the client is down, so that its requests fail at once.
    Down,
    /// The server drops what it would send, so that the requests of the client hang.
    Dropped,
}

/// A cable between the server and a client.
#[derive(Debug)]
pub struct Cable<'n> {
    server: &'n Namespace,
    client: &'n Namespace,
    number: u8,
}

impl Namespace {
    /// Creates a namespace of a machine. Returns `None`, and prints that the running test is
    /// skipped, if this process may not create one, or if the system has no virtual cables.
    pub fn new() -> Option<Self> {
        let probe = "ip link add one type veth peer name two && ip link del one &&";
        Self::with(&["--net"], probe)
    }

    /// Creates the namespaces of a container: it has its own network, mounts, processes and host
    /// name. A file with the machine id `machine_id` is mounted at `/etc/machine-id`. Returns
    /// `None` like [`Self::new`].
    pub fn container(name: &str, machine_id: &Path) -> Option<Self> {
        let machine_id = machine_id.display();
        let script = format!("hostname {name} && mount --bind '{machine_id}' /etc/machine-id &&");
        let all = NAMESPACES.iter().chain(&["--fork", "--mount-proc"]);
        Self::with(&all.copied().collect::<Vec<_>>(), &script)
    }

    /// Starts the keeper. `script` is executed first, and ends with `&&` if there is one.
    fn with(options: &[&str], script: &str) -> Option<Self> {
        let script = format!("{script} ip link set lo up && echo ready && exec cat");
        let keeper = Command::new("unshare")
            .args(options)
            .args(["--", "sh", "-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let Ok(mut keeper) = keeper else {
            skip("`unshare` of util-linux is missing");
            return None;
        };
        let stdout = keeper.stdout.take().expect("the output is a pipe");
        let mut line = String::new();
        let read = BufReader::new(stdout).read_line(&mut line);
        if read.is_err() || line != "ready\n" {
            let reason = keeper.wait_with_output().expect("the process ends").stderr;
            let reason = String::from_utf8_lossy(&reason);
            let reason = reason.trim_end();
            skip(&format!("namespaces cannot be created: {reason}"));
            return None;
        }
        let id = keeper.id();
        // With `--fork`, only the child process of `unshare` is in all namespaces.
        let target = if options.contains(&"--fork") {
            let path = format!("/proc/{id}/task/{id}/children");
            std::fs::read_to_string(path).expect("the process runs")
        } else {
            id.to_string()
        };
        let target = ["--target", target.trim()].map(str::to_owned);
        let entered = options.iter().filter(|option| NAMESPACES.contains(option));
        let entry = entered.map(|&option| option.to_owned()).chain(target);
        Some(Self {
            entry: entry.collect(),
            keeper,
        })
    }

    /// Starts a program in the namespace. The process has the id of the program, except in a
    /// container, whose end ends all of its processes.
    pub fn run<'s>(&self, run: Run<'s>) -> Run<'s> {
        let entry = self.entry.iter().map(String::as_str);
        let words: Vec<&str> = ["nsenter"].into_iter().chain(entry).chain(["--"]).collect();
        run.through(&words)
    }

    /// Connects this namespace, in which a server runs, with that of a client.
    ///
    /// # Panics
    ///
    /// Panics if the interfaces cannot be created.
    #[track_caller]
    pub fn connect<'n>(&'n self, client: &'n Self, number: u8) -> Cable<'n> {
        let target = client
            .entry
            .last()
            .expect("the options end with the target");
        self.shell(&format!(
            "ip link add client{number} type veth peer name server netns {target} && \
             ip addr add 10.77.{number}.1/24 dev client{number} && ip link set client{number} up"
        ));
        client.shell(&format!(
            "ip addr add 10.77.{number}.2/24 dev server && ip link set server up"
        ));
        Cable {
            server: self,
            client,
            number,
        }
    }

    #[track_caller]
    fn shell(&self, script: &str) {
        let mut entered = Command::new("nsenter");
        entered.args(&self.entry).args(["--", "sh", "-c", script]);
        let done = entered.output();
        let done = done.expect("nsenter can be started");
        assert!(done.status.success(), "{script}: {done:?}");
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

impl Cable<'_> {
    /// Returns the address of the server for the client.
    pub fn server_address(&self) -> String {
        format!("10.77.{}.1", self.number)
    }

    /// Cuts the connection.
    ///
    /// # Panics
    ///
    /// Panics if the interface cannot be changed.
    pub fn cut(&self, cut: Cut) {
        match cut {
            Cut::Down => self.client.shell("ip link set server down"),
            Cut::Dropped => self.server.shell(&self.blackhole("add")),
        }
    }

    /// Restores the connection after [`Self::cut`].
    ///
    /// # Panics
    ///
    /// Panics if the interface cannot be changed.
    pub fn heal(&self, cut: Cut) {
        match cut {
            Cut::Down => self.client.shell("ip link set server up"),
            Cut::Dropped => self.server.shell(&self.blackhole("del")),
        }
    }

    fn blackhole(&self, action: &str) -> String {
        format!("ip route {action} blackhole 10.77.{}.2/32", self.number)
    }
}
