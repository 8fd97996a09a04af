//! The first line of the report of a dry run.

use license_terminal::Destination;

/// Returns the line that says that nothing was issued.
pub(super) fn line(out: &Destination) -> String {
    let out = match out {
        Destination::Stdout => "standard output".to_owned(),
        file => file.to_string(),
    };
    format!("dry run    nothing was minted or written; it would go to {out}")
}
