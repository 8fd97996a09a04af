//! Options of what makes and shows keys.

use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueEnum};
use license_cli_support::{Destination, Source};
use license_core::Algorithm;

use super::Out;
use super::value::{algorithm, key_name};
use crate::passphrase::is_stdin;
use license_issuer::signer::KeyLocation;

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("seal").args(["passphrase_file", "no_passphrase"]))]
pub(crate) struct NewKey {
    /// Where the key goes, - is standard output; it never replaces a file
    #[arg(long, value_name = "FILE", required_unless_present = "key")]
    pub(crate) out: Option<Destination>,
    /// Make it in an HSM instead, which never gives it away: pkcs11:token=TOKEN;object=NAME
    #[arg(
        long,
        value_name = "KEY",
        value_parser = key_name(),
        conflicts_with_all = ["out", "no_passphrase"]
    )]
    pub(crate) key: Option<KeyLocation>,
    /// Size of the key in bits
    #[arg(long, value_enum, default_value = "4096")]
    pub(crate) bits: Bits,
    /// The one algorithm of the key; a key made for PS256 signs nothing else
    #[arg(long, value_parser = algorithm, default_value = "RS256", value_name = "ALG")]
    pub(crate) alg: Algorithm,
    /// Take the passphrase, or the HSM's PIN, from the first line of a file; /dev/fd/N is a descriptor
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Leave the key open to whoever can read the file
    #[arg(long)]
    pub(crate) no_passphrase: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Bits {
    /// About 112 bits of strength
    #[value(name = "2048")]
    B2048,
    /// About 128 bits of strength
    #[value(name = "3072")]
    B3072,
    /// For keys that shall last
    #[value(name = "4096")]
    B4096,
}

/// The private key to use.
#[derive(Debug, Args)]
pub(crate) struct KeyArgs {
    /// The signing key: a file (PKCS#8 PEM; - is standard input), pkcs11:… in an HSM, or awskms:… at AWS
    #[arg(long, value_name = "KEY", value_parser = key_name())]
    pub(crate) key: KeyLocation,
    /// Take its passphrase or PIN from the first line of a file; /dev/fd/N is a descriptor
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// The algorithm to sign with, RS256 or PS256 [default: the key's own, else RS256]
    #[arg(long, value_parser = algorithm, value_name = "ALG")]
    pub(crate) alg: Option<Algorithm>,
}

impl KeyArgs {
    /// Returns how many of the key and its passphrase come from standard input.
    pub(crate) fn stdin_count(&self) -> usize {
        let files = [self.key.file(), self.passphrase_file.as_deref()];
        let files = files.into_iter().flatten();
        files.filter(|path| is_stdin(path)).count()
    }
}

#[derive(Debug, Args)]
pub(crate) struct Public {
    #[command(flatten)]
    pub(crate) key: KeyArgs,
    /// PEM (SubjectPublicKeyInfo) or JWK
    #[arg(long, value_enum, default_value = "pem")]
    pub(crate) format: PublicFormat,
    #[command(flatten)]
    pub(crate) out: Out,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum PublicFormat {
    /// SubjectPublicKeyInfo, as OpenSSL reads it
    Pem,
    /// A JSON Web Key with its id and algorithm
    Jwk,
}

#[derive(Debug, Args)]
pub(crate) struct Trust {
    /// Public keys: PEM, JWK or JWK Set
    #[arg(required = true, value_name = "FILE")]
    pub(crate) keys: Vec<Source>,
    #[command(flatten)]
    pub(crate) out: Out,
}
