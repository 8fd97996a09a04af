//! `keygen trust`.

use license_cli_support::{Failure, Terminal, plural};
use license_core::TrustSet;

use crate::args::Trust;
use crate::inputs::add_keys;
use crate::output;

pub(crate) fn run(arguments: &Trust, terminal: &Terminal) -> Result<(), Failure> {
    let mut trust = TrustSet::default();
    add_keys(&mut trust, &arguments.keys)?;
    let jwks = trust.to_jwks();
    if let Some(path) = arguments.output.path() {
        output::write(&arguments.output, &format!("{jwks:#}\n"))?;
        terminal.note(&format!(
            "wrote {path}: {}",
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
