//! `keygen public`.

use license_cli_support::{Destination, Failure, Terminal};
use license_core::issue::Sign;
use serde_json::json;

use crate::args::{Public, PublicFormat};
use crate::keys;

pub(crate) fn run(arguments: &Public, terminal: &Terminal) -> Result<(), Failure> {
    arguments.out.check()?;
    let key = keys::open(&arguments.key, terminal)?;
    let public = key.public();
    let pem = || {
        public
            .to_pem()
            .map_err(|error| Failure::malformed(error.to_string()))
    };
    let text = match arguments.format {
        PublicFormat::Pem => pem()?,
        PublicFormat::Jwk => format!("{:#}\n", public.to_jwk()),
    };
    let out = &arguments.out;
    // With --json the key itself is in the object, unless a file takes it.
    if !(terminal.is_json() && out.is_stdout()) {
        out.write(&text)?;
    }
    if terminal.is_json() {
        return terminal.json(&json!({
            "kid": public.id().as_str(),
            "alg": public.algorithm().as_str(),
            "bits": public.bits(),
            "jwk": public.to_jwk(),
            "pem": pem()?,
        }));
    }
    if matches!(out.out, Destination::File(_)) {
        terminal.note(&format!(
            "wrote {}: key {}, {}",
            out.out,
            public.id(),
            public.algorithm()
        ));
    }
    Ok(())
}
