//! Options of the commands that create and show keys.

use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueEnum};
use license_cli_support::{Destination, OutputFile, Source};
use license_core::jose::Algorithm;
use license_issuer::signer::KeyLocation;

use super::signing::KeyArgs;
use super::value::{algorithm, key_location};

#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("place").required(true).args(["out", "key"]),
    group = ArgGroup::new("encryption").args(["passphrase_file", "no_passphrase"])
)]
pub(crate) struct NewKey {
    /// New file for the key; - for standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<Destination>,
    /// HSM for the key, as pkcs11:token=TOKEN;object=NAME
    #[arg(
        long,
        value_name = "KEY",
        value_parser = key_location(),
        conflicts_with = "no_passphrase"
    )]
    pub(crate) key: Option<KeyLocation>,
    /// Key size in bits
    #[arg(long, value_enum, default_value = "4096")]
    pub(crate) bits: KeySize,
    /// Algorithm: RS256 or PS256; a key for PS256 cannot sign with RS256
    #[arg(long, value_parser = algorithm, default_value = "RS256", value_name = "ALG")]
    pub(crate) alg: Algorithm,
    /// File with the passphrase or PIN in its first line (or -)
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Do not encrypt the key (everyone who reads the file can sign)
    #[arg(long)]
    pub(crate) no_passphrase: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum KeySize {
    #[value(name = "2048")]
    B2048,
    #[value(name = "3072")]
    B3072,
    #[value(name = "4096")]
    B4096,
}

#[derive(Debug, Args)]
pub(crate) struct Public {
    #[command(flatten)]
    pub(crate) key: KeyArgs,
    /// Output format
    #[arg(long, value_enum, default_value = "pem")]
    pub(crate) format: PublicFormat,
    #[command(flatten)]
    pub(crate) output: OutputFile,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum PublicFormat {
    Pem,
    Jwk,
}

#[derive(Debug, Args)]
pub(crate) struct Trust {
    /// Public keys (PEM, JWK or JWK Set)
    #[arg(required = true, value_name = "FILE")]
    pub(crate) keys: Vec<Source>,
    #[command(flatten)]
    pub(crate) output: OutputFile,
}
