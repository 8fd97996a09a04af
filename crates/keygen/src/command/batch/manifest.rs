//! The table of what was minted, in the folder of the licenses.

use std::fs::{File, TryLockError};
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use license_terminal::{Exit, Failure, show_path};

use super::orders::Order;

/// What it is called.
pub(super) const NAME: &str = "manifest.csv";

fn busy(folder: &Path) -> Failure {
    let message = format!("another batch writes to {} now", show_path(folder));
    Failure::new(Exit::Machine, "BUSY", message)
        .hint("wait until it is done, or choose another folder with --out")
}

/// It gets its name when it is whole.
pub(super) struct Manifest {
    passing: PathBuf,
    path: PathBuf,
    writer: csv::Writer<BufWriter<File>>,
}

impl Manifest {
    pub(super) fn new(folder: &Path) -> Result<Self, Failure> {
        let (passing, path) = (folder.join(".manifest"), folder.join(NAME));
        let failed = |error: std::io::Error| Failure::io("write", &passing, &error);
        let mut options = File::options();
        let options = options.write(true).create(true).truncate(false);
        let file = options.open(&passing).map_err(failed)?;
        // Another batch that writes here would write another manifest.
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(busy(folder)),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        file.set_len(0).map_err(failed)?;
        let mut manifest = Self {
            writer: csv::Writer::from_writer(BufWriter::new(file)),
            passing,
            path,
        };
        manifest.write(&["row", "file", "license_id", "key", "customer"])?;
        Ok(manifest)
    }

    pub(super) fn add(
        &mut self,
        order: &Order,
        license_id: &str,
        key: &str,
    ) -> Result<(), Failure> {
        let row = order.row.to_string();
        self.write(&[&row, &order.file, license_id, key, &order.customer])
    }

    fn write(&mut self, cells: &[&str]) -> Result<(), Failure> {
        let written = self.writer.write_record(cells);
        written.map_err(|error| Failure::io("write", &self.path, &error.into()))
    }

    pub(super) fn finish(mut self) -> Result<(), Failure> {
        let failed = |error: std::io::Error| Failure::io("write", &self.path, &error);
        self.writer.flush().map_err(failed)?;
        std::fs::rename(&self.passing, &self.path).map_err(failed)
    }
}
