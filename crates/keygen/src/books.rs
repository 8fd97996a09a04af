//! Records and delivers what a command has signed, for commands that do not use the issue service
//! yet.

use license_core::TrustedKey;
use license_issuer::delivery::ArtifactDestination;
use license_issuer::errors::LedgerError;
use license_issuer::ledger::sqlite::{LedgerFile, SqliteWriter};
use license_issuer::ledger::{Ledger as _, LedgerWriter, PendingArtifact};
use license_issuer::services::issue::record_signing_key;
use license_issuer::services::{Deliverable, IssueTransaction};
use license_terminal::Failure;

use crate::args::Out;
use crate::ledger::{Kind, LedgerReader, Place, Record};
use crate::{failures, output};

pub(crate) use crate::failures::{
    ledger_not_opened as not_kept, ledger_not_read as not_kept_in,
    ledger_not_written as not_entered,
};
pub(crate) use license_issuer::records::check_in;

/// The ledger that the command line names, opened; or that there is to be none.
#[derive(Debug)]
pub(crate) struct Books {
    file: Option<LedgerFile>,
}

/// The right to mint until it is dropped.
pub(crate) struct Counter<'b> {
    writer: Option<SqliteWriter<'b>>,
    /// What its caller prints.
    printed: Vec<PendingArtifact>,
}

impl Books {
    /// Opens the ledger, and makes it if there is none.
    pub(crate) fn open(place: &Place) -> Result<Self, Failure> {
        let mut file = output::ledger_file(place)?;
        if let Some(file) = &mut file {
            let path = file.path().to_owned();
            file.prepare().map_err(|error| not_kept(&path, &error))?;
        }
        Ok(Self { file })
    }

    pub(crate) fn ledger(&self) -> Option<&dyn LedgerReader> {
        let open = self.file.as_ref()?.reader()?;
        Some(open)
    }

    /// Waits to be the only one that mints.
    pub(crate) fn counter(&mut self, now: license_core::Timestamp) -> Result<Counter<'_>, Failure> {
        let writer = match &mut self.file {
            None => None,
            Some(file) => {
                let path = file.path().to_owned();
                Some(file.acquire(now).map_err(|error| not_kept(&path, &error))?)
            }
        };
        Ok(Counter {
            writer,
            printed: Vec::new(),
        })
    }
}

/// Whether there is, or can be, a ledger to enter something in; nothing is made or changed. What there is can be looked into.
pub(crate) fn rehearse(place: &Place) -> Result<Option<Box<dyn LedgerReader>>, Failure> {
    let Some(file) = output::ledger_file(place)? else {
        return Ok(None);
    };
    let checked = file.check();
    checked.map_err(|error| not_kept(file.path(), &error))
}

impl Counter<'_> {
    /// What was entered so far; nobody enters anything else meanwhile.
    pub(crate) fn ledger(&self) -> Option<&dyn LedgerReader> {
        self.writer.as_ref().map(LedgerWriter::reader)
    }

    /// Hands out what was minted: enters it, and writes `content` where it goes. With `content` absent whoever called prints it in JSON,
    /// before this counter is dropped.
    pub(crate) fn hand_out(
        &mut self,
        records: Vec<Record>,
        out: &Out,
        content: Option<&str>,
    ) -> Result<(), Failure> {
        out.check()?;
        let mut destination = output::destination(out)?;
        if content.is_none() {
            destination = ArtifactDestination::Stream;
        }
        let mut artifacts = Vec::new();
        if let Some(ledger) = self.ledger() {
            for record in records {
                let same = stated(ledger.recorded(&record))?;
                if !same.iter().any(|entry| entry.delivered) {
                    artifacts.push(PendingArtifact::new(record, destination.clone()));
                }
            }
        }
        let Some(content) = content else {
            if let Some(writer) = &mut self.writer {
                stated(writer.begin(&mut artifacts))?;
                self.printed = artifacts;
            }
            return Ok(());
        };
        let mut transaction = IssueTransaction {
            artifacts,
            deliverables: vec![Deliverable {
                destination,
                content: content.as_bytes().to_vec(),
            }],
        };
        let mut delivery = output::delivery(out);
        let writer: Option<&mut dyn LedgerWriter> = match &mut self.writer {
            Some(writer) => Some(writer),
            None => None,
        };
        transaction
            .commit(writer, &mut *delivery)
            .map_err(|error| failures::not_committed(&error))
    }

    /// Enters the public half of a signing key, if it is the first time that it is seen.
    pub(crate) fn enter_key(&mut self, key: &TrustedKey) -> Result<(), Failure> {
        match &mut self.writer {
            None => Ok(()),
            Some(writer) => stated(record_signing_key(writer, key)),
        }
    }

    /// Whether anything of this kind was entered about the subject.
    pub(crate) fn has(&self, kind: Kind, subject: &str) -> Result<bool, Failure> {
        match self.ledger() {
            Some(ledger) => stated(ledger.has(kind, subject)),
            None => Ok(false),
        }
    }

    /// Enters what hands nothing out.
    pub(crate) fn enter(&mut self, record: Record) -> Result<(), Failure> {
        self.enter_all(&[record])
    }

    /// Enters all of what hands nothing out, or nothing.
    pub(crate) fn enter_all(&mut self, records: &[Record]) -> Result<(), Failure> {
        match &mut self.writer {
            None => Ok(()),
            Some(writer) => stated(writer.append(records)),
        }
    }
}

impl Drop for Counter<'_> {
    /// What the caller was to print is printed by now. What can't be entered now is entered by whoever mints next.
    fn drop(&mut self) {
        if let Some(writer) = &mut self.writer {
            let state = license_issuer::ledger::DeliveryState::Delivered;
            if writer.record(&self.printed, state).is_ok() {
                let _ = writer.finish(&self.printed);
            }
        }
    }
}

fn stated<T>(done: Result<T, LedgerError>) -> Result<T, Failure> {
    done.map_err(|error| not_entered(&error))
}
