//! `keygen public`.

use license_cli_support::Failure;
use license_core::issue::Signer;
use license_core::with_causes;
use serde_json::json;

use super::context::AppContext;
use crate::args::{Public, PublicFormat};
use crate::{keys, output};

pub(crate) fn run(arguments: &Public, app: AppContext<'_>) -> Result<(), Failure> {
    let terminal = app.terminal;
    let key = app.settings.key(&arguments.key)?;
    let destination = &arguments.output;
    output::check(destination)?;
    let key = keys::open(&key, terminal)?;
    let public = key.public();
    let pem = || {
        public
            .to_pem()
            .map_err(|error| Failure::malformed(with_causes(&error)))
    };
    let text = match arguments.format {
        PublicFormat::Pem => pem()?,
        PublicFormat::Jwk => format!("{:#}\n", public.to_jwk()),
    };
    let path = destination.path();
    // With --json, the object on standard output contains the key.
    if !terminal.is_json() || path.is_some() {
        output::write(destination, &text)?;
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
    if let Some(path) = path {
        terminal.note(&format!(
            "wrote {path}: key {}, {}",
            public.id(),
            public.algorithm()
        ));
    }
    Ok(())
}
