//! `keygen batch`: a license for each row of a table.

mod feed;
mod hand_out;
mod known;
mod manifest;
mod mint;
mod names;
mod orders;
mod progress;

use std::path::Path;

use license_core::{MAX_FILE_BYTES, Matrix};
use license_terminal::{Exit, Failure, Terminal, show_path};
use serde_json::json;

use super::{dry_run, matrix, now};
use crate::books::{self, Books};
use crate::cli::Batch;
use crate::keys;
use crate::ledger::Place;
use known::{Known, Tally};
use mint::Mint;
use names::Names;
use orders::Orders;
use progress::Progress;

pub(crate) fn run(arguments: &Batch, place: &Place, terminal: &Terminal) -> Result<(), Failure> {
    let matrix = matrix(arguments.product_file.as_ref())?;
    check_file(&arguments.orders)?;
    // Every row is read and checked before the first is signed, and before a passphrase is asked for.
    let orders = Orders::open(&arguments.orders, arguments.name.as_deref())?;
    let count = check(&orders, &matrix)?;
    if arguments.dry_run {
        return rehearse(arguments, &orders, count, place, terminal);
    }
    make_folder(&arguments.out)?;
    let mut books = Books::open(place)?;
    let key = keys::open(&arguments.key, terminal)?;
    books
        .counter(now())?
        .enter_key(license_core::issue::Sign::public(&key))?;
    let mint = Mint {
        key: &key,
        matrix: &matrix,
        orders: &orders,
        folder: &arguments.out,
        jobs: jobs(arguments),
        count,
    };
    let done = mint.run(&mut books)?;
    let manifest = show_path(&arguments.out.join(manifest::NAME));
    let object = json!({
        "rows": count,
        "minted": done.minted,
        "known": done.before.known,
        "restored": done.before.restored,
        "manifest": manifest,
        "dry_run": false,
    });
    done.before.warn(terminal);
    told(terminal, &object, || {
        let mut line = format!("minted   {}", licenses(done.minted));
        if done.before.known > 0 {
            line += &format!(
                "; {} had been minted before for these orders, of which {} were written again",
                done.before.known, done.before.restored
            );
        }
        format!("{line}\nmanifest {manifest}")
    })
}

/// Finds what would refuse the folder, the ledger, the key or a file's name, and which rows are minted already.
fn rehearse(
    arguments: &Batch,
    orders: &Orders,
    count: u64,
    place: &Place,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let folder = &arguments.out;
    let existing = folder.ancestors().find(|folder| folder.exists());
    if let Some(file) = existing.filter(|folder| !folder.is_dir()) {
        let error = std::io::ErrorKind::NotADirectory.into();
        return Err(Failure::io("write", file, &error));
    }
    let ledger = dry_run::look(&arguments.key, place, terminal)?.ledger;
    let mut before = Tally::default();
    orders.each(|order| {
        // Every row was read a moment ago.
        let Ok(order) = order else { return Ok(true) };
        let path = folder.join(&order.file);
        // A ledger that is still to be made knows nothing.
        let known = match (&ledger, place) {
            (None, Place::File(_)) => None,
            (ledger, _) => Known::find(ledger.as_ref(), &order.id, &path, now())?,
        };
        if let Some((known, _)) = known {
            before.add(&known);
        } else if path.symlink_metadata().is_ok() {
            return Err(books::not_for_these_orders(&path));
        }
        Ok(true)
    })?;
    let object = json!({
        "rows": count,
        "minted": 0,
        "known": before.known,
        "restored": 0,
        "manifest": null,
        "dry_run": true,
    });
    before.warn(terminal);
    told(terminal, &object, || {
        format!(
            "dry run    nothing was minted or written; {} would be minted, {} were before",
            licenses(count.saturating_sub(before.known)),
            before.known
        )
    })
}

fn licenses(count: u64) -> String {
    match count {
        1 => "1 license".to_owned(),
        count => format!("{count} licenses"),
    }
}

fn told(
    terminal: &Terminal,
    object: &serde_json::Value,
    text: impl Fn() -> String,
) -> Result<(), Failure> {
    match terminal.is_json() {
        true => terminal.json(object),
        false => terminal.data(&text()),
    }
}

/// Refuses standard input and pipes: orders are read several times.
fn check_file(orders: &Path) -> Result<(), Failure> {
    let is_file = orders.metadata().map_or(true, |found| found.is_file());
    if is_file && orders.as_os_str() != "-" {
        return Ok(());
    }
    let found = match orders.to_str() {
        Some("-") => "standard input".to_owned(),
        _ => show_path(orders),
    };
    Err(Failure::usage(format!(
        "expected a file of orders, which is read several times, found {found}"
    ))
    .hint("write them to a file and name that"))
}

/// How many rows there are, if all are right.
fn check(orders: &Orders, matrix: &Matrix) -> Result<u64, Failure> {
    let mut count = 0;
    let mut mistakes = Vec::new();
    let mut progress = Progress::new("rows checked", None);
    let names = orders.names_files().then(Names::new).transpose()?;
    orders.each(|order| {
        progress.tell(count);
        count += 1;
        match order {
            Ok(order) => {
                mistakes.extend(orders.check(&order, matrix).err());
                if let Some(names) = &names
                    && !names.insert(&order.file)?
                {
                    mistakes.push(order.mistake("file", "expected a name that no other row has"));
                }
            }
            Err(mistake) => mistakes.push(mistake),
        }
        Ok(mistakes.len() < MOST_MISTAKES)
    })?;
    if count == 0 {
        return Err(Failure::malformed(format!(
            "{}: expected orders, found only a header",
            orders.name
        ))
        .hint("add a row for each license"));
    }
    match mistakes.len() {
        0 => Ok(count),
        _ => {
            let mut lines: Vec<_> = mistakes.iter().map(ToString::to_string).collect();
            if lines.len() >= MOST_MISTAKES {
                lines.push("what follows was not read".to_owned());
            }
            let message = format!("{}: {}", orders.name, lines.join("; "));
            Err(Failure::new(Exit::Usage, "ORDERS", message)
                .hint("correct the rows that are named; nothing was minted"))
        }
    }
}

/// After so many the rest is not read.
const MOST_MISTAKES: usize = 20;

fn jobs(arguments: &Batch) -> usize {
    let all = std::thread::available_parallelism().map_or(1, usize::from);
    let asked = arguments
        .jobs
        .and_then(|jobs| usize::try_from(jobs.get()).ok());
    asked.map_or(all, |asked| asked.min(256))
}

fn make_folder(path: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(path).map_err(|error| Failure::io("write", path, &error))
}

/// No table of orders is larger.
const MAX_CELL: usize = MAX_FILE_BYTES;
