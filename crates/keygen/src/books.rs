//! Records entries for commands that do not use a service yet.

use license_issuer::errors::LedgerError;
use license_issuer::ledger::sqlite::{LedgerFile, SqliteWriter};
use license_issuer::ledger::{Ledger as _, LedgerWriter};
use license_terminal::Failure;

use crate::ledger::{Entry, Kind, LedgerReader, Place, Record};
use crate::output;

pub(crate) use crate::failures::{
    ledger_not_opened as not_kept, ledger_not_read as not_kept_in,
    ledger_not_written as not_entered,
};
pub(crate) use license_issuer::records::{check_in, enterprise_key, license};

/// The ledger that the command line names, opened; or that there is to be none.
#[derive(Debug)]
pub(crate) struct Books {
    file: Option<LedgerFile>,
}

/// The right to mint until it is dropped.
pub(crate) struct Counter<'b> {
    writer: Option<SqliteWriter<'b>>,
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

    /// Waits to be the only one that mints.
    pub(crate) fn counter(&mut self, now: license_core::Timestamp) -> Result<Counter<'_>, Failure> {
        let writer = match &mut self.file {
            None => None,
            Some(file) => {
                let path = file.path().to_owned();
                Some(file.acquire(now).map_err(|error| not_kept(&path, &error))?)
            }
        };
        Ok(Counter { writer })
    }
}

impl Counter<'_> {
    /// What was entered so far; nobody enters anything else meanwhile.
    pub(crate) fn ledger(&self) -> Option<&dyn LedgerReader> {
        self.writer.as_ref().map(LedgerWriter::reader)
    }

    /// Whether anything of this kind was entered about the subject.
    pub(crate) fn has(&self, kind: Kind, subject: &str) -> Result<bool, Failure> {
        match self.ledger() {
            Some(ledger) => stated(ledger.has(kind, subject)),
            None => Ok(false),
        }
    }

    /// Every usage entry of a chain, one by one.
    pub(crate) fn of_chain(&self, chain: &str, mut each: impl FnMut(Entry)) -> Result<(), Failure> {
        match self.ledger() {
            Some(ledger) => stated(ledger.visit_usage_chain(chain, &mut each)),
            None => Ok(()),
        }
    }

    /// Whether just this was entered.
    pub(crate) fn knows(&self, record: &Record) -> Result<bool, Failure> {
        match self.ledger() {
            Some(ledger) => Ok(!stated(ledger.recorded(record))?.is_empty()),
            None => Ok(false),
        }
    }

    /// Enters all of what hands nothing out, or nothing.
    pub(crate) fn enter_all(&mut self, records: &[Record]) -> Result<(), Failure> {
        match &mut self.writer {
            None => Ok(()),
            Some(writer) => stated(writer.append(records)),
        }
    }
}

fn stated<T>(done: Result<T, LedgerError>) -> Result<T, Failure> {
    done.map_err(|error| not_entered(&error))
}
