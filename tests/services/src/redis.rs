//! Redis servers.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use crate::service::{Service, free_port, random_password, run, write_private};
use crate::skipped::skip_without;

/// The data that a Redis server finds when it starts again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RedisData {
    /// Everything that was written before.
    Kept,
    /// Nothing, like a server without files.
    Lost,
}

/// A Redis server of a test. Clients log in with a password. Each write is in a file when it is
/// acknowledged, but maybe not on the disk.
#[derive(Debug)]
pub struct RedisServer {
    service: Service,
    port: u16,
    options: Vec<String>,
}

/// The number of ports that are tried.
const PORTS: usize = 10;

impl RedisServer {
    /// Starts a server with these command-line options, such as `--maxmemory-policy allkeys-lru` in
    /// two words. Returns `None`, and prints that the running test is skipped, if Redis is missing.
    ///
    /// # Panics
    ///
    /// Panics with the log if the server does not start.
    #[track_caller]
    pub fn start(options: &[&str]) -> Option<Self> {
        if !is_installed() {
            skip_without("Redis (redis-server and redis-cli)");
            return None;
        }
        let mut server = Self {
            service: Service::new("redis", "KILL"),
            port: 0,
            options: options.iter().map(|option| (*option).to_owned()).collect(),
        };
        let password = password();
        // Not among the arguments, because every user can read them.
        let passwords = format!("requirepass {password}\nmasterauth {password}\n");
        write_private(&server.configuration(), &passwords);
        let mut log = String::new();
        for _ in 0..PORTS {
            server.port = free_port();
            match server.try_start() {
                Ok(()) => return Some(server),
                Err(found) => log = found,
            }
        }
        panic!("Redis does not start\n{log}");
    }

    /// Returns the URL of the server.
    pub fn url(&self) -> String {
        format!("redis://:{}@127.0.0.1:{}", password(), self.port)
    }

    /// Executes a command. Returns the reply as `redis-cli` prints it, with the elements of a list
    /// in lines.
    ///
    /// # Panics
    ///
    /// Panics with the reply if it is an error.
    #[track_caller]
    pub fn command(&self, words: &[&str]) -> String {
        let mut client = self.client();
        client.args(words);
        run(client, "")
    }

    /// Removes all keys.
    ///
    /// # Panics
    ///
    /// Panics if the server does not run.
    #[track_caller]
    pub fn flush(&self) {
        self.command(&["FLUSHALL"]);
    }

    /// Changes a setting of the running server.
    ///
    /// # Panics
    ///
    /// Panics if there is no such setting.
    #[track_caller]
    pub fn config_set(&self, name: &str, value: &str) {
        self.command(&["CONFIG", "SET", name, value]);
    }

    /// Returns a value of `INFO`, such as `run_id`, or an empty text.
    ///
    /// # Panics
    ///
    /// Panics if the server does not run.
    #[track_caller]
    pub fn info(&self, name: &str) -> String {
        let info = self.command(&["INFO"]);
        let mut values = info.lines().filter_map(|line| line.split_once(':'));
        let value = values.find(|(found, _)| *found == name);
        value.map_or_else(String::new, |(_, value)| value.trim_end().to_owned())
    }

    /// Kills the server (SIGKILL).
    ///
    /// # Panics
    ///
    /// Panics if the server does not run.
    #[track_caller]
    pub fn kill(&mut self) {
        self.service.kill();
    }

    /// Starts the server again, on the same port. A server that runs is killed before.
    ///
    /// # Panics
    ///
    /// Panics with the log if the server does not start.
    #[track_caller]
    pub fn restart(&mut self, data: RedisData) {
        if self.service.is_started() {
            self.kill();
        }
        if data == RedisData::Lost {
            let _ = fs::remove_dir_all(self.data());
        }
        if let Err(log) = self.try_start() {
            panic!("Redis does not start again\n{log}");
        }
    }

    /// Stops the server (SIGSTOP), so that its clients wait.
    ///
    /// # Panics
    ///
    /// Panics if the server does not run.
    #[track_caller]
    pub fn pause(&self) {
        self.service.pause();
    }

    /// Lets the server continue after [`Self::pause`].
    ///
    /// # Panics
    ///
    /// Panics if the server does not run.
    #[track_caller]
    pub fn resume(&self) {
        self.service.resume();
    }

    /// Makes this server a replica of another one, and waits until it has the same content.
    ///
    /// # Panics
    ///
    /// Panics if the content does not arrive within a minute.
    #[track_caller]
    pub fn replica_of(&self, primary: &Self) {
        self.command(&["REPLICAOF", "127.0.0.1", &primary.port.to_string()]);
        for _ in 0..6000 {
            let is_linked = self.info("master_link_status") == "up";
            if is_linked && self.info("master_repl_offset") == primary.info("master_repl_offset") {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!(
            "the replica has other content than the primary\n{}",
            self.service.log()
        );
    }

    /// Makes a replica a primary. It keeps its content, and receives no more.
    ///
    /// # Panics
    ///
    /// Panics if the server does not run.
    #[track_caller]
    pub fn promote(&self) {
        self.command(&["REPLICAOF", "NO", "ONE"]);
    }

    fn configuration(&self) -> PathBuf {
        self.service.directory().join("redis.conf")
    }

    fn data(&self) -> PathBuf {
        self.service.directory().join("data")
    }

    fn try_start(&mut self) -> Result<(), String> {
        fs::create_dir_all(self.data()).expect("the directory can be created");
        let mut redis = self.service.command("redis-server".as_ref());
        redis
            .arg(self.configuration())
            .args(["--bind", "127.0.0.1", "--port", &self.port.to_string()])
            .args(["--appendonly", "yes", "--save", ""])
            // A replica would wait for others before it receives the content.
            .args(["--repl-diskless-sync-delay", "0", "--dir"])
            .arg(self.data())
            .args(&self.options);
        self.service.start(redis);
        let mut ping = self.client();
        ping.arg("PING").stdout(Stdio::null()).stderr(Stdio::null());
        self.service
            .wait_until_ready(|_| ping.status().is_ok_and(|status| status.success()))
    }

    fn client(&self) -> Command {
        let mut client = self.service.command("redis-cli".as_ref());
        client
            .env("REDISCLI_AUTH", password())
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string()])
            .args(["-e", "--raw"]);
        client
    }
}

/// Returns the password of all servers that this process starts. A client that fails over from a
/// server to its replica uses the same password.
fn password() -> &'static str {
    static PASSWORD: OnceLock<String> = OnceLock::new();
    PASSWORD.get_or_init(random_password)
}

/// Returns whether the programs of Redis are on the `PATH`.
fn is_installed() -> bool {
    static FOUND: OnceLock<bool> = OnceLock::new();
    *FOUND.get_or_init(|| {
        ["redis-server", "redis-cli"].iter().all(|program| {
            let mut command = Command::new(program);
            let tried = command.arg("--version").stdout(Stdio::null()).status();
            tried.is_ok_and(|status| status.success())
        })
    })
}
