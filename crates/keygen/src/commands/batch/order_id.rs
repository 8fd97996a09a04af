//! Ids of orders, by which the ledger knows the rows that are already issued.

use std::collections::HashMap;

use license_core::encoding::hex;
use sha2::{Digest, Sha256};

/// Number of hexadecimal digits of the id in a file name.
const DIGITS: usize = 16;

/// Maximum number of characters of the customer in a file name. With four bytes for each character,
/// the file name has at most 181 bytes.
const MAX_CUSTOMER: usize = 40;

/// Content of a row that decides which license it orders: its options and its file name.
#[derive(Debug, Default)]
pub(super) struct OrderContent<'r> {
    cells: Vec<(&'r str, &'r str)>,
}

impl<'r> OrderContent<'r> {
    /// Adds a cell. An empty cell is the same as no column.
    pub(super) fn add(&mut self, column: &'r str, cell: &'r str) {
        if !cell.is_empty() {
            self.cells.push((column, cell));
        }
    }

    /// Returns a hash that does not depend on the order of the columns.
    fn hash(mut self) -> Sha256 {
        self.cells.sort_unstable();
        let mut hash = Sha256::new();
        for (column, cell) in self.cells {
            let (length, size) = (column.len(), cell.len());
            hash.update(format!("{length}:{column}={size}:{cell}\n"));
        }
        hash
    }
}

/// Id of a row.
#[derive(Debug)]
pub(in crate::commands) struct OrderId {
    pub(in crate::commands) id: String,
    /// Number of earlier rows with the same content.
    pub(super) copy: u64,
}

/// Ids of the rows of a table.
///
/// An id does not depend on the position of the row, so that rows can be inserted and moved. Rows
/// with the same content are numbered. The numbers need about 30 bytes of memory for each row.
#[derive(Debug, Default)]
pub(super) struct OrderIds {
    /// Number of rows for the first 64 bits of the hash of their content. Two contents with the
    /// same bits would only be numbered together.
    counts: HashMap<u64, u64>,
}

impl OrderIds {
    /// Returns the id of the next row. `batch` is the name of the batch.
    pub(super) fn next(&mut self, content: OrderContent<'_>, batch: Option<&str>) -> OrderId {
        let mut hash = content.hash();
        let start = hash.clone().finalize().into_iter().take(8);
        let start = start.fold(0, |start: u64, byte| start << 8 | u64::from(byte));
        let count = self.counts.entry(start).or_default();
        let copy = *count;
        *count += 1;
        hash.update(format!("copy {copy}"));
        if let Some(batch) = batch {
            hash.update(format!(" of {batch}"));
        }
        let id = hex::encode(&hash.finalize());
        OrderId { id, copy }
    }
}

impl OrderId {
    /// Returns the id of the renewal of a license. `attempt` is the number of earlier renewals that
    /// were issued from a list and then revoked.
    pub(in crate::commands) fn of_renewal(license: &str, attempt: u64) -> Self {
        let content = format!("renewal {attempt} of {license}");
        Self {
            id: hex::encode(&Sha256::digest(content)),
            copy: 0,
        }
    }

    /// Returns the name of the license file, for a row that does not name it.
    pub(in crate::commands) fn file_name(&self, customer: &str) -> String {
        let words = customer.split(|character: char| !character.is_alphanumeric());
        let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
        let customer: String = words.join("-").chars().take(MAX_CUSTOMER).collect();
        let name = if customer.is_empty() {
            "license"
        } else {
            customer.trim_end_matches('-')
        };
        let digits: String = self.id.chars().take(DIGITS).collect();
        format!("{name}-{digits}.lic")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(ids: &mut OrderIds, cells: &[(&'static str, &'static str)]) -> OrderId {
        let mut content = OrderContent::default();
        cells
            .iter()
            .for_each(|(column, cell)| content.add(column, cell));
        ids.next(content, None)
    }

    #[test]
    fn an_id_depends_on_the_content_and_on_the_number_of_earlier_copies_only() {
        let mut ids = OrderIds::default();
        let first = next(&mut ids, &[("tier", "pro"), ("days", "9"), ("seats", "")]);
        let copy = next(&mut ids, &[("days", "9"), ("tier", "pro")]);
        let other = next(&mut ids, &[("days", "99"), ("tier", "pro")]);
        assert_eq!((first.copy, copy.copy, other.copy), (0, 1, 0));
        assert!(first.id != copy.id && first.id != other.id);
        let mut again = OrderIds::default();
        let _ = next(&mut again, &[("days", "99"), ("tier", "pro")]);
        let first_again = next(&mut again, &[("days", "9"), ("tier", "pro")]);
        assert_eq!(first_again.id, first.id);
    }

    #[test]
    fn a_file_name_has_the_customer_and_the_start_of_the_id() {
        let id = next(&mut OrderIds::default(), &[("tier", "pro")]);
        let digits: String = id.id.chars().take(16).collect();
        for (customer, expected) in [
            ("ACME, Ltd.", "ACME-Ltd"),
            ("../../Größe\u{0}", "Größe"),
            ("=1+1", "1-1"),
            ("-*-", "license"),
        ] {
            assert_eq!(id.file_name(customer), format!("{expected}-{digits}.lic"));
        }
        let long = id.file_name(&"\u{20000}".repeat(300));
        assert!(long.len() <= 200, "{}", long.len());
    }
}
