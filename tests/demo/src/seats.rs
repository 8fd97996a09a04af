//! The second act: a license server lends two seats to three projects.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use super::{Demo, is_expected, print_command, step};

/// A process in the background, in a process group of its own. Dropping the value ends the group: a
/// command outlives its `license run` that was killed, and a reader of the demo's output would wait
/// for it.
struct Background(Child);

impl Background {
    fn start(command: &mut Command) -> Option<Self> {
        command.process_group(0).spawn().ok().map(Self)
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // The processes may have ended.
        send_signal("TERM", &format!("-{}", self.0.id()));
        let _ = self.0.wait();
    }
}

/// Runs the second act. Returns whether each command ended with the expected exit code.
pub(crate) fn run(demo: &Demo) -> bool {
    let Some(address) = free_address() else {
        println!("error: this machine has no free port");
        return false;
    };
    issue(demo)
        && start(demo, address).is_some_and(|_server| {
            connect(demo, address) && shorten_leases(demo, address) && share(demo)
        })
}

/// Issues a license that certifies the key of the server, and installs it on both.
fn issue(demo: &Demo) -> bool {
    let steps = [
        step(
            "Site server: create a key, and a request for the vendor.",
            "license-server init",
            0,
        ),
        step(
            "Vendor: issue a license with two seats, which certifies the key of the server.",
            "keygen issue --tier team --customer 'ACME Ltd' --perpetual --seats 2 --force --offline \
             --server-key server/server.request --out site/floating.lic",
            0,
        ),
        step(
            "Site server: install the license, and start.",
            "license-server install site/trust.jwks site/floating.lic",
            0,
        ),
    ];
    steps.iter().all(|step| demo.run(step))
}

/// Starts the server. Its log is in a file.
fn start(demo: &Demo, address: SocketAddr) -> Option<Background> {
    let line = format!("license-server run --listen {address} --metrics-listen off");
    print_command("", &format!("{line} &"));
    let log = File::create(demo.directory.join("server.log")).ok()?;
    let mut command = demo.command(&line);
    let command = command.stdout(Stdio::null()).stderr(log);
    Background::start(command)
}

/// Installs the license at a workplace, and names the server.
fn connect(demo: &Demo, address: SocketAddr) -> bool {
    let set = format!("license config set server-url http://{address}");
    let steps = [
        step(
            "Workplace: install the same license, and name the server.",
            "license install --force site/floating.lic",
            0,
        ),
        step("", &set, 0),
        step(
            "Wait until the server answers and calls the license valid.",
            "license wait --limit 1m",
            0,
        ),
    ];
    steps.iter().all(|step| demo.run(step))
}

/// Sets a short lifetime of leases, so that the seat of a killed program is free soon.
fn shorten_leases(demo: &Demo, address: SocketAddr) -> bool {
    let line = "license-server token create --name demo --json";
    print_command(
        "Administrator: lend seats for ten seconds instead of two minutes.",
        line,
    );
    let token = demo.command(line).output().ok();
    let token = token.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let Some(token) = token.and_then(|json| member(&json, "secret")) else {
        return false;
    };
    let pools = send(address, "GET", "/api/v1/pools", &token, "");
    let Some(pool) = pools.and_then(|json| member(&json, "pool")) else {
        return false;
    };
    let policy = r#"{"lifetime_seconds": 10, "renew_seconds": 2}"#;
    let path = format!("/api/v1/pools/{pool}/policy");
    println!("PUT {path} {policy}");
    let answer = send(address, "PUT", &path, &token, policy);
    answer.is_some_and(|answer| answer.starts_with("HTTP/1.1 200"))
}

/// Three projects share two seats.
fn share(demo: &Demo) -> bool {
    for project in ["one", "two", "three"] {
        let path = demo.directory.join(project).join(".git");
        fs::create_dir_all(path).expect("a directory can be created");
    }
    let link = demo.directory.join("link");
    std::os::unix::fs::symlink("one", link).expect("a link can be created");

    let work = "sh -c 'echo working; exec sleep 120'";
    let text = "Two projects hold a seat each, as long as their commands run.";
    let one = hold(demo, text, &format!("license run --project one -- {work}"));
    let two = hold(demo, "", &format!("license run --project two -- {work}"));
    let (Some(one), Some(two)) = (one, two) else {
        return false;
    };
    let steps = [
        step(
            "The same project through a symbolic link shares its seat.",
            "license run --project link -- echo working",
            0,
        ),
        step(
            "A third project gets no seat. Exit code 1: denied.",
            "license run --project three -- echo working",
            1,
        ),
    ];
    if !steps.iter().all(|step| demo.run(step)) {
        return false;
    }
    let wait = "license run --wait 5m --project three -- echo working";
    print_command("It waits in the queue.", &format!("{wait} &"));
    let Ok(mut queued) = demo.command(wait).stderr(Stdio::piped()).spawn() else {
        return false;
    };
    let place = queued.stderr.take().and_then(first_line);
    println!("{}", place.unwrap_or_default());
    print_command(
        "SIGTERM ends project one, which frees its seat at once.",
        "kill PID",
    );
    signal(&one, "TERM");
    if !queued.wait().is_ok_and(|status| is_expected(status, 0)) {
        return false;
    }
    let text = "Both seats are held again, and project two is killed. It cannot release its seat.";
    let one = hold(demo, text, &format!("license run --project one -- {work}"));
    print_command("", "kill -9 PID");
    signal(&two, "KILL");
    let last = step(
        "Project three gets this seat as soon as its lease and a margin of two seconds are over.",
        wait,
        0,
    );
    one.is_some() && demo.run(&last)
}

/// Starts a command in the background, and waits until it works.
fn hold(demo: &Demo, text: &str, line: &str) -> Option<Background> {
    print_command(text, &format!("{line} &"));
    let mut holder = Background::start(demo.command(line).stdout(Stdio::piped()))?;
    let first = holder.0.stdout.take().and_then(first_line);
    println!("{}", first.as_deref()?);
    Some(holder)
}

fn first_line(output: impl Read) -> Option<String> {
    BufReader::new(output).lines().next()?.ok()
}

/// Sends a signal to a process.
fn signal(process: &Background, name: &str) {
    send_signal(name, &process.0.id().to_string());
}

/// Sends a signal to a process id, or with `-` before it to a process group.
fn send_signal(name: &str, target: &str) {
    let sent = Command::new("kill")
        .args(["-s", name, "--", target])
        .stderr(Stdio::null())
        .status();
    sent.expect("kill can be started");
}

/// Returns an address of this machine that no program uses.
fn free_address() -> Option<SocketAddr> {
    TcpListener::bind("127.0.0.1:0").ok()?.local_addr().ok()
}

/// Sends a request, and returns the whole response.
fn send(address: SocketAddr, method: &str, path: &str, token: &str, body: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n\
         {body}"
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut response = String::new();
    stream.read_to_string(&mut response).ok()?;
    Some(response)
}

/// Returns a member of a JSON object that is a text without escapes.
fn member(json: &str, name: &str) -> Option<String> {
    let (_, rest) = json.split_once(&format!("\"{name}\""))?;
    let (_, rest) = rest.split_once('"')?;
    let (value, _) = rest.split_once('"')?;
    Some(value.to_owned())
}
