//! A mail server for tests.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

/// A mail server that keeps the mails in memory.
pub(crate) struct Mailbox {
    pub(crate) address: SocketAddr,
    mails: Receiver<String>,
}

impl Mailbox {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, mails) = channel();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let sender = sender.clone();
                thread::spawn(move || receive(&stream, &sender));
            }
        });
        Self { address, mails }
    }

    /// Returns the text of the next mail.
    pub(crate) fn next(&self) -> String {
        let mail = self.mails.recv_timeout(Duration::from_secs(60)).unwrap();
        mail.replace("=\r\n", "").replace("=3D", "=")
    }
}

/// Speaks SMTP with a client until it leaves.
fn receive(stream: &TcpStream, mails: &Sender<String>) -> Option<()> {
    let (mut writer, reader) = (stream, BufReader::new(stream));
    let mut say = |line: &str| writer.write_all(format!("{line}\r\n").as_bytes()).ok();
    let mut lines = reader.lines();
    say("220 mailbox")?;
    loop {
        let line = lines.next()?.ok()?;
        if line != "DATA" {
            say("250 OK")?;
            continue;
        }
        say("354 end with a dot")?;
        let mut mail = String::new();
        loop {
            let line = lines.next()?.ok()?;
            if line == "." {
                break;
            }
            mail.push_str(&line);
            mail.push_str("\r\n");
        }
        mails.send(mail).ok()?;
        say("250 OK")?;
    }
}
