//! The programs that set lower bounds, as processes of their own like the server.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use license_tests::Scratch;

const BARE: &str = env!("CARGO_BIN_EXE_bare");
const LIMITS: &str = env!("CARGO_BIN_EXE_limits");

/// A running program. Dropping it kills the process.
pub(crate) struct LimitProgram {
    child: Child,
    pub(crate) address: SocketAddr,
    /// The directory of the databases.
    _scratch: Option<Scratch>,
}

impl LimitProgram {
    /// Starts the axum program that answers 204 to everything.
    pub(crate) fn bare() -> Self {
        Self::start(Command::new(BARE), None)
    }

    /// Starts the program whose handlers only sign, or only store a row.
    pub(crate) fn limits() -> Self {
        let scratch = Scratch::new();
        let mut command = Command::new(LIMITS);
        command.arg(scratch.path());
        Self::start(command, Some(scratch))
    }

    fn start(mut command: Command, scratch: Option<Scratch>) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let output = BufReader::new(child.stdout.take().unwrap()).read_line(&mut line);
        output.unwrap();
        Self {
            child,
            address: address(line.trim()),
            _scratch: scratch,
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for LimitProgram {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the address in a URL such as `http://127.0.0.1:8443`.
pub(crate) fn address(url: &str) -> SocketAddr {
    let (_, address) = url.split_once("://").unwrap();
    address.trim_end_matches('/').parse().unwrap()
}
