//! Signing key of the command line, as a source of signers for the services.

use license_cli_support::{Failure, Terminal};
use license_core::issue::{Signer, VerifyingSigner};
use license_core::trust::TrustedKey;
use license_issuer::services::issue::SignerSource;

use crate::args::KeyArgs;
use crate::keys;

/// Key of the option `--key`.
pub(super) struct KeyFile<'a> {
    arguments: &'a KeyArgs,
    terminal: &'a Terminal,
}

impl<'a> KeyFile<'a> {
    pub(super) fn new(arguments: &'a KeyArgs, terminal: &'a Terminal) -> Self {
        Self {
            arguments,
            terminal,
        }
    }
}

impl SignerSource<VerifyingSigner> for KeyFile<'_> {
    type Error = Failure;

    fn peek(&self) -> Result<Option<VerifyingSigner>, Failure> {
        keys::probe(self.arguments, self.terminal)
    }

    fn open(&self) -> Result<VerifyingSigner, Failure> {
        keys::open(self.arguments, self.terminal)
    }

    fn public_keys<'s>(&self, signer: &'s VerifyingSigner) -> Vec<&'s TrustedKey> {
        vec![signer.public()]
    }
}
