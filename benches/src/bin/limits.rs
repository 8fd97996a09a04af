//! Lower bounds of `license-server`: axum handlers that only sign, or that only store a row.
//!
//!     limits DIRECTORY
//!
//! - `POST /signature` signs 1,000 bytes with RSA-2048, and returns the signature.
//! - `POST /row` stores a row. All waiting requests are committed together.
//! - `POST /commit` stores a row in a transaction of its own.
//! - `POST /grant` stores a row like `/row`, then signs. With a `/row` that follows, this is the
//!   work of acquiring and releasing a seat.
//!
//! The rows are in a SQLite database in the directory, with the write-ahead log and
//! `synchronous=FULL`, like those of the server. Prints its URL, and runs until it is killed.
#![allow(clippy::print_stdout, reason = "the program prints its URL")]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use rusqlite::Connection;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

/// The number of bytes that are signed, as many as those of a validation token.
const SIGNED: usize = 1000;

/// The text of a row, as long as that of a lease.
const ROW: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\
                   0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\
                   0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\
                   0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// The maximum number of rows that are committed together, like that of the server.
const MAX_BATCH: usize = 512;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

#[derive(Clone)]
struct App {
    key: Arc<RsaKeyPair>,
    /// Commits all waiting rows together.
    batches: Sender<oneshot::Sender<()>>,
    /// Commits each row alone.
    single: Sender<oneshot::Sender<()>>,
}

fn main() -> Outcome<()> {
    let directory = std::env::args().nth(1).map(PathBuf::from);
    let directory = directory.ok_or("expected a directory, found no argument")?;
    let key = RsaKeyPair::generate(KeySize::Rsa2048)?;
    let app = App {
        key: Arc::new(key),
        batches: start_writer(&directory, "batches", MAX_BATCH)?,
        single: start_writer(&directory, "single", 1)?,
    };
    Runtime::new()?.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("http://{}", listener.local_addr()?);
        let router = Router::new()
            .route("/signature", post(sign))
            .route("/row", post(store))
            .route("/commit", post(commit))
            .route("/grant", post(grant))
            .with_state(app);
        Ok(axum::serve(listener, router).await?)
    })
}

/// The bytes that are signed.
const MESSAGE: [u8; SIGNED] = [7; SIGNED];

async fn sign(State(app): State<App>) -> Result<Body, StatusCode> {
    Ok(signature(&app)?.into())
}

fn signature(app: &App) -> Result<Vec<u8>, StatusCode> {
    let mut signature = vec![0; app.key.public_modulus_len()];
    let random = SystemRandom::new();
    let signed = app
        .key
        .sign(&RSA_PKCS1_SHA256, &random, &MESSAGE, &mut signature);
    signed.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok(signature)
}

async fn grant(State(app): State<App>) -> Result<Body, StatusCode> {
    if written_by(&app.batches).await != StatusCode::NO_CONTENT {
        return Err(StatusCode::INTERNAL_SERVER_ERROR);
    }
    Ok(signature(&app)?.into())
}

async fn store(State(app): State<App>) -> StatusCode {
    written_by(&app.batches).await
}

async fn commit(State(app): State<App>) -> StatusCode {
    written_by(&app.single).await
}

async fn written_by(writer: &Sender<oneshot::Sender<()>>) -> StatusCode {
    let (reply, stored) = oneshot::channel();
    let is_sent = writer.send(reply).is_ok();
    if is_sent && stored.await.is_ok() {
        StatusCode::NO_CONTENT
    } else {
        StatusCode::INTERNAL_SERVER_ERROR
    }
}

/// Starts a thread that stores a row for each message, and answers after the commit.
fn start_writer(
    directory: &Path,
    name: &str,
    max_batch: usize,
) -> Outcome<Sender<oneshot::Sender<()>>> {
    let db = Connection::open(directory.join(name).with_extension("db"))?;
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "wal_autocheckpoint", 4 * 1024)?;
    db.execute_batch("CREATE TABLE stored (number INTEGER PRIMARY KEY, body TEXT NOT NULL)")?;
    let (sender, receiver) = channel();
    // Without the writer, the handlers answer 500, and the measurement fails.
    thread::spawn(move || write(&db, &receiver, max_batch).map_err(|error| error.to_string()));
    Ok(sender)
}

fn write(
    db: &Connection,
    receiver: &Receiver<oneshot::Sender<()>>,
    max_batch: usize,
) -> Outcome<()> {
    let mut begin = db.prepare("BEGIN IMMEDIATE")?;
    let mut insert = db.prepare("INSERT INTO stored (body) VALUES (?1)")?;
    let mut commit = db.prepare("COMMIT")?;
    while let Ok(first) = receiver.recv() {
        let waiting = std::iter::once(first).chain(receiver.try_iter());
        let replies: Vec<_> = waiting.take(max_batch).collect();
        begin.execute([])?;
        for _ in &replies {
            insert.execute([ROW])?;
        }
        commit.execute([])?;
        for reply in replies {
            // The request may have ended.
            let _ = reply.send(());
        }
    }
    Ok(())
}
