//! Holds a floating seat as an application does, and logs what it knows about the seat.
//!
//!     seat-holder TRUST LOG PROJECT
//!
//! The program asks for a seat of the project until it has one, and then looks at it a hundred
//! times a second. `LOG` gets one JSON object for each change, with the time of the boot-time clock
//! in seconds. A test asks for something with a file whose name is that of the log, with another
//! extension: with `fork`, the program forks once, and with `end`, it drops the seat and ends.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test program fails by panicking"
)]

#[cfg(unix)]
fn main() {
    unix::main();
}

/// The tests that use this program need Unix.
#[cfg(not(unix))]
fn main() {}

#[cfg(unix)]
mod unix {
    use std::fs::{self, File, OpenOptions};
    use std::io::Write;
    use std::path::{Path, PathBuf};
    use std::process;
    use std::sync::Arc;
    use std::thread;
    use std::time::Duration;

    use fork::Fork;
    use license_client::{Client, FeatureMatrix, OnlineSettings, Seat, SeatEvent, TrustSet};
    use rustix::time::{ClockId, clock_gettime};
    use serde_json::{Value, json};

    /// The longest life of the program. Nobody ends the program of a test that was killed.
    const LIFE: f64 = 600.0;

    /// Returns the time of the boot-time clock in seconds.
    fn now() -> f64 {
        let time = clock_gettime(ClockId::Boottime);
        let time = Duration::new(
            time.tv_sec.try_into().expect("the clock is not negative"),
            time.tv_nsec
                .try_into()
                .expect("nanoseconds are below a billion"),
        );
        time.as_secs_f64()
    }

    /// A log that threads and processes can share: each object is one write at the end of the file.
    struct Log {
        path: PathBuf,
        file: File,
    }

    impl Log {
        fn open(path: &Path) -> Self {
            let file = OpenOptions::new().create(true).append(true).open(path);
            Self {
                path: path.to_owned(),
                file: file.expect("the log can be written"),
            }
        }

        fn write(&self, event: &str, mut members: Value) {
            members["event"] = event.into();
            members["at"] = now().into();
            let line = format!("{members}\n");
            let written = (&self.file).write_all(line.as_bytes());
            written.expect("the log can be written");
        }

        /// Returns whether the test asks for something.
        fn is_asked(&self, what: &str) -> bool {
            self.path.with_extension(what).exists()
        }
    }

    pub(super) fn main() {
        let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
        let [trust, log, project] = arguments.as_slice() else {
            panic!("expected TRUST LOG PROJECT");
        };
        let log = Arc::new(Log::open(log));
        let trust = fs::read_to_string(trust).expect("the trust set can be read");
        let trust = TrustSet::parse(&trust).expect("the trust set is valid");
        let builder = Client::builder(trust).product(FeatureMatrix::built_in());
        let client = builder.online(OnlineSettings::new()).build();
        let client = client.expect("the settings are valid");
        let Some(seat) = acquire(&client, project, &log) else {
            return;
        };
        drop(hold(seat, &client, project, &log));
        log.write("ended", json!({}));
    }

    /// Asks for a seat until there is one. Returns `None` if the test ends the program before.
    fn acquire(client: &Client, project: &Path, log: &Arc<Log>) -> Option<Seat> {
        let started = now();
        let mut was_denied = false;
        while !log.is_asked("end") && now() < started + LIFE {
            let request = client.seat(project).expect("the project exists");
            let events = Arc::clone(log);
            let request = request.on_event(move |event| report(event, &events));
            let sent = now();
            match request.acquire() {
                Ok(seat) => {
                    let (seq, until) = (seq(&seat), now() + seat.expires_in().as_secs_f64());
                    let members = json!({"sent": sent, "seq": seq, "until": until});
                    log.write("acquired", members);
                    return Some(seat);
                }
                Err(error) if error.code() == "NO_SEAT" => {
                    if !was_denied {
                        log.write("denied", json!({}));
                    }
                    was_denied = true;
                    thread::sleep(Duration::from_millis(100));
                }
                Err(error) => panic!("{}", license_client::with_causes(&error)),
            }
        }
        None
    }

    fn report(event: &SeatEvent, log: &Log) {
        match event {
            SeatEvent::Late { error } => {
                let error = error.as_ref().map(|error| error.code().to_owned());
                log.write("late", json!({"error": error}));
            }
            SeatEvent::Recovered => log.write("recovered", json!({})),
            SeatEvent::Lost { code, detail } => {
                log.write("lost", json!({"code": code, "detail": detail}));
            }
            other => log.write("other", json!({"text": other.to_string()})),
        }
    }

    fn seq(seat: &Seat) -> Option<u64> {
        seat.lease().map(|lease| lease.seq())
    }

    /// Looks at the seat until the test ends the program.
    fn hold(seat: Seat, client: &Client, project: &Path, log: &Log) -> Seat {
        let started = now();
        let (mut was_valid, mut last_valid, mut last_until) = (true, started, 0.0);
        let mut has_forked = false;
        while !log.is_asked("end") && now() < started + LIFE {
            // The clock is read first, so that a seat is never logged as valid for too long.
            let at = now();
            let (is_valid, until) = (seat.is_valid(), at + seat.expires_in().as_secs_f64());
            if is_valid && until > last_until + 0.5 {
                let wall = license_client::now().timestamp();
                let members = json!({"seq": seq(&seat), "until": until, "wall": wall});
                log.write("renewed", members);
                last_until = until;
            }
            if is_valid != was_valid {
                let event = if is_valid { "valid" } else { "invalid" };
                log.write(event, json!({"last_valid": last_valid}));
            }
            if is_valid {
                last_valid = at;
            }
            was_valid = is_valid;
            if log.is_asked("fork") && !has_forked {
                has_forked = true;
                match fork::fork().expect("the system has room for a process") {
                    Fork::Child => child(seat, client, project, &log.path),
                    Fork::Parent(child) => {
                        let status = fork::waitpid(child).expect("the process is a child");
                        log.write("child-ended", json!({"status": status}));
                    }
                }
            }
            thread::sleep(Duration::from_millis(10));
        }
        seat
    }

    /// The child process: it has no seat, and can acquire one of its own.
    fn child(seat: Seat, client: &Client, project: &Path, log: &Path) -> ! {
        let log = Log::open(log);
        let members = json!({
            "valid": seat.is_valid(),
            "expires_in": seat.expires_in().as_secs_f64(),
            "has_lease": seat.lease().is_some(),
        });
        log.write("child", members);
        // `release` also drops the seat.
        let released = seat.release().map_err(|error| error.code().to_owned());
        log.write("child-released", json!({"error": released.err()}));
        let own = client
            .seat(project.join("child"))
            .expect("the project exists");
        match own.acquire() {
            Ok(own) => {
                log.write(
                    "child-acquired",
                    json!({"valid": own.is_valid(), "seq": seq(&own)}),
                );
                let released = own.release().ok();
                log.write("child-freed", json!({"freed": released}));
            }
            Err(error) => {
                let error = license_client::with_causes(&error).to_string();
                log.write("child-denied", json!({"error": error}));
            }
        }
        process::exit(0)
    }
}
