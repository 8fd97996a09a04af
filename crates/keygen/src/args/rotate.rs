//! Options of `keygen rotate`.

use std::path::PathBuf;

use clap::{ArgGroup, Args};
use license_cli_support::Source;
use license_core::{Algorithm, Timestamp};

use super::value::{algorithm, key_name};
use super::{KeyArgs, Out};
use license_issuer::signer::KeyLocation;

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true).multiple(true).args(["introduce", "retire"]))]
pub(crate) struct Rotate {
    #[command(flatten)]
    pub(crate) key: KeyArgs,
    /// Say that these public keys are to be trusted too: PEM, JWK or JWK Set; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) introduce: Vec<Source>,
    /// Say that --key is to be trusted no longer; takes a second key, which takes its place
    #[arg(long, requires = "with")]
    pub(crate) retire: bool,
    /// The second key of a retirement: trusted already, or introduced here
    #[arg(long, value_name = "KEY", value_parser = key_name(), requires = "retire")]
    pub(crate) with: Option<KeyLocation>,
    /// Take the passphrase or PIN of --with from the first line of a file; /dev/fd/N is a descriptor
    #[arg(long, value_name = "FILE", requires = "with")]
    pub(crate) with_passphrase_file: Option<PathBuf>,
    /// The algorithm that --with signs with [default: the key's own, else RS256]
    #[arg(long, value_parser = algorithm, value_name = "ALG", requires = "with")]
    pub(crate) with_alg: Option<Algorithm>,
    /// A product file (TOML) instead of the built-in one: it names the vendor
    #[arg(long, value_name = "FILE")]
    pub(crate) product_file: Option<Source>,
    /// When it counts as issued, instead of now
    #[arg(long, value_parser = Timestamp::parse, value_name = "TIME")]
    pub(crate) issued_at: Option<Timestamp>,
    #[command(flatten)]
    pub(crate) out: Out,
}

impl Rotate {
    /// The second key, as any other is named.
    pub(crate) fn second(&self) -> Option<KeyArgs> {
        let key = self.with.clone()?;
        Some(KeyArgs {
            key,
            passphrase_file: self.with_passphrase_file.clone(),
            alg: self.with_alg,
        })
    }
}
