//! Options of `keygen rotate`.

use std::path::PathBuf;

use clap::{ArgGroup, Args};
use license_cli_support::Source;
use license_core::jose::Algorithm;
use license_issuer::signer::KeyLocation;

use super::signing::{KeyArgs, SigningArgs};
use super::value::{algorithm, key_location};

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("statement").required(true).multiple(true).args(["introduce", "retire"]))]
pub(crate) struct Rotate {
    /// Public keys to introduce as trusted; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) introduce: Vec<Source>,
    /// Retire the key that --key names; needs --with
    #[arg(long, requires = "with")]
    pub(crate) retire: bool,
    /// Successor of the retired key, already trusted or named by --introduce
    #[arg(long, value_name = "KEY", value_parser = key_location(), requires = "retire")]
    pub(crate) with: Option<KeyLocation>,
    /// File with the passphrase or PIN of --with in its first line
    #[arg(long, value_name = "FILE", requires = "with")]
    pub(crate) with_passphrase_file: Option<PathBuf>,
    /// Algorithm of --with [default: the key's, or RS256]
    #[arg(long, value_parser = algorithm, value_name = "ALG", requires = "with")]
    pub(crate) with_alg: Option<Algorithm>,
    #[command(flatten)]
    pub(crate) signing: SigningArgs,
}

impl Rotate {
    /// Returns the successor of the retired key, with the options to open it.
    pub(crate) fn successor(&self) -> Option<(KeyLocation, KeyArgs)> {
        let options = KeyArgs {
            key: None,
            passphrase_file: self.with_passphrase_file.clone(),
            alg: self.with_alg,
        };
        Some((self.with.clone()?, options))
    }
}
