//! Programs that run in the background.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// The time after which a test stops waiting and fails. No test asserts that something takes this
/// long.
const PATIENCE: Duration = Duration::from_secs(60);

/// Ends the last process whose id is on standard input, when standard input ends. Then removes the
/// directory `$1`. `$2` is the name of the signal.
///
/// A paused process receives the signal when it continues. A process that does not end is killed.
/// The shell ignores the signals that end all processes of the tests, because it must clean up.
const WATCHER: &str = r#"
trap '' HUP INT TERM
while read -r line; do pid=$line; done
if [ "${pid:-0}" -gt 0 ]; then
  all="$pid $(cat "/proc/$pid/task/$pid/children")"
  kill -s "$2" $pid
  kill -s CONT $all
  for _ in $(seq 300); do
    kill -s 0 $pid || break
    # The parent may be unable to collect the status.
    case "$(cat "/proc/$pid/stat")" in *') Z '*) break ;; esac
    sleep 0.02
  done
  ! kill -s 0 $pid || kill -s KILL $all
fi
rm -rf "$1" || { sleep 1; rm -rf "$1"; }
"#;

/// A program that runs in the background, and its directory.
///
/// A shell watches this process through a pipe. When the value is dropped, or when this process
/// ends in any way, the shell ends the program and removes the directory.
#[derive(Debug)]
pub(crate) struct Service {
    directory: PathBuf,
    watcher: Child,
    child: Option<Child>,
}

impl Service {
    /// Creates the directory of a program that will be ended with this signal.
    pub(crate) fn new(name: &str, signal: &str) -> Self {
        let prefix = format!("license-tests-{name}-");
        let directory = tempfile::Builder::new().prefix(&prefix).tempdir();
        let directory = directory.expect("a temporary directory can be created");
        let watcher = clean_command(Path::new("sh"), directory.path())
            .args(["-c", WATCHER, "watcher"])
            .arg(directory.path())
            .arg(signal)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("sh can be started");
        Self {
            directory: directory.keep(),
            watcher,
            child: None,
        }
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Returns whether the program was started, and was not stopped or killed.
    pub(crate) fn is_started(&self) -> bool {
        self.child.is_some()
    }

    /// Returns a command with an environment of its own, in the directory of the service.
    pub(crate) fn command(&self, program: &Path) -> Command {
        clean_command(program, &self.directory)
    }

    /// Starts the program, whose output is appended to a log.
    pub(crate) fn start(&mut self, mut command: Command) {
        assert!(!self.is_started(), "the service runs already");
        let log = OpenOptions::new()
            .append(true)
            .create(true)
            .open(self.log_file());
        let log = log.expect("the log can be opened");
        let errors = log.try_clone().expect("a descriptor can be duplicated");
        command.stdin(Stdio::null()).stdout(log).stderr(errors);
        let child = command.spawn();
        let child = child.unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        self.report_to_watcher(child.id());
        self.child = Some(child);
    }

    /// Waits until the program is ready. Returns its log if it ends before.
    pub(crate) fn wait_until_ready(
        &mut self,
        mut is_ready: impl FnMut(u32) -> bool,
    ) -> Result<(), String> {
        let start = Instant::now();
        loop {
            let child = self.child.as_mut().expect("the service was started");
            if child.try_wait().expect("a child has a status").is_some() {
                self.wait();
                return Err(self.log());
            }
            if is_ready(child.id()) {
                return Ok(());
            }
            if start.elapsed() > PATIENCE {
                panic!("not ready after {PATIENCE:?}\n{}", self.log());
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Sends a signal to the program, but not to the processes that it started.
    pub(crate) fn signal(&self, signal: Signal) {
        send(self.pid(), signal);
    }

    /// Waits for the end of the program.
    pub(crate) fn wait(&mut self) {
        let mut child = self.child.take().expect("the service was started");
        child.wait().expect("a child can be waited for");
        self.report_to_watcher(0);
    }

    /// Stops the program and the processes that it started, until they are resumed.
    pub(crate) fn pause(&self) {
        // A stopped process starts no others.
        self.signal(Signal::STOP);
        for child in self.children() {
            send(child, Signal::STOP);
        }
    }

    /// Lets the program and its processes continue.
    pub(crate) fn resume(&self) {
        for child in self.children() {
            send(child, Signal::CONT);
        }
        self.signal(Signal::CONT);
    }

    /// Kills the program and the processes that it started.
    pub(crate) fn kill(&mut self) {
        self.signal(Signal::STOP);
        for child in self.children() {
            send(child, Signal::KILL);
        }
        self.signal(Signal::KILL);
        self.wait();
    }

    pub(crate) fn log(&self) -> String {
        let mut text = Vec::new();
        let log = File::open(self.log_file());
        let read = log.and_then(|mut log| log.read_to_end(&mut text));
        read.expect("the log can be read");
        String::from_utf8_lossy(&text).into_owned()
    }

    fn log_file(&self) -> PathBuf {
        self.directory.join("log")
    }

    fn pid(&self) -> Pid {
        Pid::from_child(self.child.as_ref().expect("the service was started"))
    }

    /// Returns the processes that the program started. Where the system does not list them, they
    /// end when they notice the end of the program.
    fn children(&self) -> Vec<Pid> {
        let pid = self.pid().as_raw_nonzero();
        let list = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        let list = list.unwrap_or_default();
        let ids = list.split_ascii_whitespace();
        ids.filter_map(|id| Pid::from_raw(id.parse().ok()?))
            .collect()
    }

    /// Tells the watcher which process to end; 0 means no process.
    fn report_to_watcher(&mut self, process: u32) {
        let pipe = self.watcher.stdin.as_mut();
        let written = writeln!(pipe.expect("the watcher has a pipe"), "{process}");
        written.expect("the watcher runs");
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.watcher.stdin.take());
        if let Some(child) = &mut self.child {
            let _ = child.wait();
        }
        let _ = self.watcher.wait();
    }
}

/// Returns a command that has an environment and a process group of its own. Ctrl-C ends the tests,
/// and the watcher then ends the services.
fn clean_command(program: &Path, directory: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("LC_ALL", "C")
        .current_dir(directory)
        .process_group(0);
    command
}

/// Runs a program until it ends, and returns its output.
///
/// # Panics
///
/// Panics with the output of the program if it fails.
#[track_caller]
pub(crate) fn run(mut command: Command, input: &str) -> String {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
    let mut stdin = child.stdin.take().expect("the input is a pipe");
    let input = input.to_owned();
    // The program may print before it has read everything.
    let feeder = thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().expect("the program ends");
    // A program may end before it has read everything.
    let _ = feeder.join();
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    let program = command.get_program().display();
    assert!(output.status.success(), "{program}: {stdout}{stderr}");
    stdout.trim_end().to_owned()
}

/// Sends a signal. A process that has ended receives none.
fn send(process: Pid, signal: Signal) {
    let _ = kill_process(process, signal);
}

/// Writes a file that only its owner can read.
pub(crate) fn write_private(path: &Path, text: &str) {
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
    written.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

/// Returns 32 random hexadecimal digits.
pub(crate) fn random_password() -> String {
    let mut bytes = [0; 16];
    let random = File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes));
    random.expect("the system has random numbers");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns a free port of the loopback interface. Another process can take it before it is used.
///
/// Systems use ports from 32768 on for clients. Below, a service that is down finds its port free
/// when it starts again.
pub(crate) fn free_port() -> u16 {
    const FIRST: u16 = 10_000;
    const COUNT: u16 = 20_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(std::process::id() % u32::from(COUNT)).unwrap_or_default();
    for _ in 0..COUNT {
        let next = NEXT.fetch_add(1, Ordering::Relaxed) % COUNT;
        // Processes with ids next to each other begin at distant ports.
        let offset = (u32::from(start) * 101 + u32::from(next)) % u32::from(COUNT);
        let port = FIRST + u16::try_from(offset).unwrap_or_default();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("the loopback interface has no free port");
}
