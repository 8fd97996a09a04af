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
        let directory = files::directory_of(&self.ledger);
        let failed = |error: &io::Error| Failure::io("read", directory, error);
        let (prefix, mut lists) = (self.prefix(), Vec::new());
        for entry in fs::read_dir(directory).map_err(|error| failed(&error))? {
            let path = entry.map_err(|error| failed(&error))?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            // Other files may have similar names, such as the copies of a product `CODITECT-PLUS`.
            let is_copy = |name: &str| {
                let key = name.strip_prefix(&prefix);
                let key = key.and_then(|key| key.strip_suffix(SUFFIX));
                key.is_some_and(|key| KeyId::parse(key).is_some())
            };
            if name.is_some_and(is_copy) {
                lists.push(read_list(&path)?.ok_or_else(|| damaged(&path))?);
            }
        }
        lists.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(lists)
    }

    /// Replaces the copy of the last list of the same key.
    pub(super) fn keep(&self, list: &RevocationList) -> Result<(), Failure> {
        let name = format!("{}{}{SUFFIX}", self.prefix(), list.key_id());
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

    /// Returns the start of the names of the copies, such as `ledger.db.CODITECT-`.
    fn prefix(&self) -> String {
        let ledger = self.ledger.file_name().unwrap_or_default();
        format!("{}.{}-", ledger.to_string_lossy(), self.product)
    }
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
