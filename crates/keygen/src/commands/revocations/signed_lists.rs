//! Copies of the last signed revocation lists, next to the ledger.
//!
//! A ledger that is restored from a backup does not know the licenses that were revoked since the
//! backup. The copies do, because a backup of the ledger does not contain them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use license_cli_support::{Failure, Source, show_path};
use license_core::encoding::decode_text;
use license_core::jose::{MAX_FILE_BYTES, input_cap};
use license_core::license::RevocationList;
use license_core::trust::KeyId;
use license_core::{LicenseFile, ProductCode, TokenKind, Unverified};
use license_issuer::files::{self, Collision, Durability};
use license_issuer::services::revocation_lists::EarlierList;

/// The copies for one ledger and product, with one file for each key.
pub(super) struct SignedLists {
    ledger: PathBuf,
    product: ProductCode,
}

impl SignedLists {
    /// Names the copies. `ledger` is the file of an existing ledger.
    ///
    /// Symbolic links are resolved, so that a ledger has one set of copies.
    pub(super) fn new(ledger: &Path, product: ProductCode) -> Result<Self, Failure> {
        let resolved = ledger.canonicalize();
        let ledger = resolved.map_err(|error| Failure::io("read", ledger, &error))?;
        Ok(Self { ledger, product })
    }

    /// Returns the copies.
    pub(super) fn read(&self) -> Result<Vec<EarlierList>, Failure> {
        let paths = paths(&self.ledger, |code| code == self.product.as_str())?;
        let lists = paths.into_iter();
        lists
            .map(|path| read_list(&path)?.ok_or_else(|| damaged(&path)))
            .collect()
    }

    /// Replaces the copy of the last list of the same key.
    pub(super) fn keep(&self, list: &RevocationList) -> Result<(), Failure> {
        let prefix = prefix(&self.ledger);
        let name = format!("{prefix}{}-{}{SUFFIX}", self.product, list.key_id());
        let path = self.ledger.with_file_name(name);
        // The holder of the writer lock replaces the file that a killed process left.
        let staging = files::staging_path(&path, "list");
        let kept = files::stage(&staging, list.to_armor().as_bytes(), Durability::Synced);
        let kept = kept.and_then(|()| files::publish(&staging, &path, Collision::Replace));
        kept.map_err(|error| {
            // The first error is reported.
            let _ = files::discard(&staging);
            Failure::io("write", &path, &error)
        })?;
        files::sync_directory(&path);
        Ok(())
    }
}

/// Returns the paths of the copies for a ledger and all products.
pub(crate) fn all_copies(ledger: &Path) -> Result<Vec<PathBuf>, Failure> {
    let resolved = ledger.canonicalize();
    let ledger = resolved.map_err(|error| Failure::io("read", ledger, &error))?;
    paths(&ledger, |_| true)
}

/// Returns the sorted paths of the copies for the products whose codes `is_product` accepts.
fn paths(ledger: &Path, is_product: impl Fn(&str) -> bool) -> Result<Vec<PathBuf>, Failure> {
    let directory = files::directory_of(ledger);
    let failed = |error: &io::Error| Failure::io("read", directory, error);
    let (prefix, mut paths) = (prefix(ledger), Vec::new());
    // Other files may have similar names, such as `ledger.db.CODITECT-old.lic`.
    let is_copy = |name: &str| {
        let rest = name.strip_prefix(&prefix);
        let rest = rest.and_then(|rest| rest.strip_suffix(SUFFIX));
        let parts = rest.and_then(|rest| rest.split_once('-'));
        parts.is_some_and(|(code, key)| is_product(code) && KeyId::parse(key).is_some())
    };
    for entry in fs::read_dir(directory).map_err(|error| failed(&error))? {
        let path = entry.map_err(|error| failed(&error))?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        if name.is_some_and(is_copy) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// Returns the start of the names of the copies, such as `ledger.db.`.
fn prefix(ledger: &Path) -> String {
    let ledger = ledger.file_name().unwrap_or_default();
    format!("{}.", ledger.to_string_lossy())
}

/// The end of the names of the copies.
const SUFFIX: &str = ".lic";

/// Returns the list in a regular file, or `None` if the path is anything else, such as a missing
/// file or a file with a license.
pub(super) fn read_list(path: &Path) -> Result<Option<EarlierList>, Failure> {
    if !path.metadata().is_ok_and(|found| found.is_file()) {
        return Ok(None);
    }
    let source = Source::File(path.to_owned());
    let text = source.read_text_with_larger_cap(MAX_FILE_BYTES, input_cap, decode_text)?;
    let Ok(file) = LicenseFile::parse(&text) else {
        return Ok(None);
    };
    Ok(match file.blocks() {
        [block] if block.token.unverified_kind() == TokenKind::Revocations => {
            let token: Unverified<'static> = block.token.clone().into_owned();
            let name = show_path(path).to_string();
            Some(EarlierList { name, token })
        }
        _ => None,
    })
}

/// Returns the failure of a copy that is not a revocation list.
fn damaged(path: &Path) -> Failure {
    let path = show_path(path);
    let message = format!("{path}: expected the last revocation list, found other content");
    Failure::malformed(message)
        .hint("replace the file with the last list that you sent to customers, or remove it")
}
