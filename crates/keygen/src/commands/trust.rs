//! `keygen trust`.

use license_cli_support::{Destination, Failure, Terminal, plural};
use license_core::TrustSet;

use crate::args::Trust;
use crate::inputs::add_keys;

pub(crate) fn run(arguments: &Trust, terminal: &Terminal) -> Result<(), Failure> {
    let mut trust = TrustSet::default();
    add_keys(&mut trust, &arguments.keys)?;
    let jwks = trust.to_jwks();
    let out = &arguments.out;
    if matches!(out.out, Destination::File(_)) {
        let text = format!("{jwks:#}\n");
        out.write(&text)?;
        terminal.note(&format!(
            "wrote {}: {}",
            out.out,
            plural(trust.len(), "key", "keys")
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
