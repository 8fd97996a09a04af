//! The signing key of a command, as a source of signers for the services.

use license_cli_support::{Failure, Terminal};
use license_core::issue::{Signer, VerifyingSigner};
use license_core::jose::Algorithm;
use license_core::trust::TrustedKey;
use license_issuer::services::issue::SignerSource;

use super::context::AppContext;
use crate::args::KeyArgs;
use crate::keys;
use crate::settings::KeyChoice;

/// The key that the options or the settings name.
pub(super) struct KeyFile<'a> {
    key: KeyChoice,
    terminal: &'a Terminal,
}

impl<'a> KeyFile<'a> {
    pub(super) fn new(app: AppContext<'a>, options: &KeyArgs) -> Result<Self, Failure> {
        Ok(Self {
            key: app.settings.key(options)?,
            terminal: app.terminal,
        })
    }

    /// Returns the algorithm that the options or the settings name.
    pub(super) fn algorithm(&self) -> Option<Algorithm> {
        self.key.algorithm()
    }
}

impl SignerSource<VerifyingSigner> for KeyFile<'_> {
    type Error = Failure;

    fn peek(&self) -> Result<Option<VerifyingSigner>, Failure> {
        keys::probe(&self.key, self.terminal)
    }

    fn open(&self) -> Result<VerifyingSigner, Failure> {
        keys::open(&self.key, self.terminal)
    }

    fn public_keys<'s>(&self, signer: &'s VerifyingSigner) -> Vec<&'s TrustedKey> {
        vec![signer.public()]
    }
}
