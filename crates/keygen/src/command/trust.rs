//! `keygen trust`.

use license_core::{MAX_FILE_BYTES, TrustSet};
use license_terminal::{Destination, Failure, Terminal};

use super::not_trusted;
use crate::cli::Trust;

pub(crate) fn run(arguments: &Trust, terminal: &Terminal) -> Result<(), Failure> {
    let mut trust = TrustSet::default();
    for source in &arguments.keys {
        let keys = TrustSet::parse(&source.read_text(MAX_FILE_BYTES)?);
        let keys = keys.map_err(|error| not_trusted(source, &error))?;
        trust
            .extend(&keys)
            .map_err(|error| not_trusted(source, &error))?;
    }
    let jwks = trust.to_jwks();
    let out = &arguments.out;
    if matches!(out.out, Destination::File(_)) {
        let text = format!("{jwks:#}\n");
        out.write(&text)?;
        terminal.note(&format!(
            "wrote {}: {} key{}",
            out.out,
            trust.len(),
            if trust.len() == 1 { "" } else { "s" }
        ));
        for key in trust.iter() {
            terminal.note(&format!(
                "  {} {} {} bits",
                key.id(),
                key.algorithm(),
                key.bits()
            ));
        }
        if !terminal.is_json() {
            return Ok(());
        }
    }
    terminal.json(&jwks)
}
