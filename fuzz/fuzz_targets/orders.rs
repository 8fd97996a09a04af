//! Tables of orders for `keygen batch`.
#![no_main]

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path};

use libfuzzer_sys::fuzz_target;
use license_fuzz::{assert_printable, bounded};
use license_keygen::fuzzing::read_orders;
use tempfile::NamedTempFile;

/// The CSV reader and the option parser have buffers of a fixed size.
const FIXED_BYTES: u64 = 1 << 20;
const MEMORY_FACTOR: u64 = 64;

thread_local! {
    static TABLE: RefCell<NamedTempFile> = RefCell::new(NamedTempFile::new().unwrap());
}

fuzz_target!(|table: &[u8]| TABLE.with_borrow(|file| {
    let path = file.path();
    fs::write(path, table).unwrap();
    // Only the length counts: it sets the memory limit.
    let fixed = usize::try_from(FIXED_BYTES / MEMORY_FACTOR).unwrap();
    let input = vec![0; table.len() + fixed];
    let rows = match bounded(MEMORY_FACTOR, &input, || read_orders(path)) {
        Ok(rows) => rows,
        Err(message) => return assert_printable(&message),
    };
    let mut ids = BTreeSet::new();
    for row in &rows {
        match row {
            Ok(order) => {
                assert!(is_plain(&order.file), "{:?}", order.file);
                assert!(ids.insert(order.id.clone()));
                // Signing adds claims, such as the key. After that, nothing changes.
                let license = order.draft.read_back().unwrap();
                assert_eq!(license.customer, order.draft.customer);
                assert_eq!(license.read_back().unwrap(), license);
            }
            Err(message) => assert_printable(message),
        }
    }
    // The orders are read several times, and must be the same each time.
    let again = read_orders(path).unwrap();
    for (one, two) in rows.iter().zip(&again) {
        let id = |row: &Result<_, _>| row.as_ref().ok().map(id_and_file);
        assert_eq!(id(one), id(two));
    }
    assert_eq!(rows.len(), again.len());
}));

fn id_and_file(order: &license_keygen::fuzzing::ReadOrder) -> (String, String) {
    (order.id.clone(), order.file.clone())
}

/// Returns whether a file name stays in its directory.
fn is_plain(name: &str) -> bool {
    let components: Vec<_> = Path::new(name).components().collect();
    matches!(components.as_slice(), [Component::Normal(only)] if *only == name)
        && !name.contains(['\\', ':'])
        && name.ends_with(".lic")
}
