//! Table of the issued licenses in the directory of the license files.

use std::fs::{File, TryLockError};
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use license_cli_support::{Exit, Failure, show_path};

use super::orders::OrderRow;

/// File name of the manifest.
pub(super) const NAME: &str = "manifest.csv";

fn busy(directory: &Path) -> Failure {
    let message = format!("another batch is writing to {}", show_path(directory));
    Failure::new(Exit::System, "BUSY", message)
        .hint("wait until the other batch is done, or choose another directory with --out")
}

/// The manifest. It gets its final name when it is complete.
pub(super) struct Manifest {
    staging: PathBuf,
    path: PathBuf,
    writer: csv::Writer<BufWriter<File>>,
}

impl Manifest {
    /// Creates the manifest and locks it, so that one batch at a time writes to the directory.
    pub(super) fn new(directory: &Path) -> Result<Self, Failure> {
        let (staging, path) = (directory.join(".manifest"), directory.join(NAME));
        let failed = |error: std::io::Error| Failure::io("write", &staging, &error);
        let mut options = File::options();
        let options = options.write(true).create(true).truncate(false);
        let file = options.open(&staging).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(busy(directory)),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        file.set_len(0).map_err(failed)?;
        let mut manifest = Self {
            writer: csv::Writer::from_writer(BufWriter::new(file)),
            staging,
            path,
        };
        manifest.write(&["row", "file", "license_id", "key", "customer"])?;
        Ok(manifest)
    }

    pub(super) fn add(
        &mut self,
        order: &OrderRow,
        license_id: &str,
        key: &str,
    ) -> Result<(), Failure> {
        let row = order.line.to_string();
        self.write(&[&row, &order.file, license_id, key, &order.customer])
    }

    fn write(&mut self, cells: &[&str]) -> Result<(), Failure> {
        let written = self.writer.write_record(cells);
        written.map_err(|error| Failure::io("write", &self.path, &error.into()))
    }

    pub(super) fn finish(mut self) -> Result<(), Failure> {
        let failed = |error: std::io::Error| Failure::io("write", &self.path, &error);
        self.writer.flush().map_err(failed)?;
        std::fs::rename(&self.staging, &self.path).map_err(failed)
    }
}
