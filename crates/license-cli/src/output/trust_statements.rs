//! Trust statements as text.

use license_cli_support::{Terminal, plural, show_path};
use license_client::InstalledStatement;
use license_core::license::TrustStatement;
use license_core::time::rfc3339;

/// The result of applying the trust statements in a file.
#[derive(Default)]
pub(crate) struct StatementsReport {
    /// The statements that changed the trusted keys.
    pub(crate) new: Vec<TrustStatement>,
    /// The number of statements that were already known.
    pub(crate) known: usize,
}

impl StatementsReport {
    /// Returns a line for each new statement, and one line for all known statements.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines: Vec<_> = self.new.iter().map(line).collect();
        if self.known > 0 {
            lines.push(plural(
                self.known,
                "trust statement is already known",
                "trust statements are already known",
            ));
        }
        lines
    }
}

/// Describes a statement in one line.
fn line(statement: &TrustStatement) -> String {
    let (signer, at) = (statement.signer(), statement.issued_at());
    if let Some(successor) = statement.countersigner() {
        return format!(
            "key {signer} is retired and replaced by key {successor}; signed {}",
            rfc3339(at)
        );
    }
    let keys = statement
        .introduces()
        .map(|key| format!("{} ({}, {} bits)", key.id(), key.algorithm(), key.bits()));
    let keys = keys.collect::<Vec<_>>().join(", ");
    format!("key {signer} introduces {keys}; signed {}", rfc3339(at))
}

/// Prints a note with the path where new statements were stored.
pub(crate) fn note_installed(installed: &[InstalledStatement], terminal: &Terminal) {
    let mut new = installed
        .iter()
        .filter(|installed| installed.statement.is_some());
    if let Some(first) = new.next() {
        let path = show_path(&first.path);
        terminal.note(&format!("trust statements stored in {path}"));
    }
}
