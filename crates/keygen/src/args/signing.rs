//! Groups of options that several commands share.

use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::Args;
use license_cli_support::{OutputFile, Source};
use license_core::chrono::{DateTime, Utc};
use license_core::jose::Algorithm;
use license_core::policy::{Quota, UsageType};
use license_core::time;
use license_issuer::signer::KeyLocation;

use super::value::{algorithm, count, key_location, quota, usage_type};
use crate::passphrase::is_stdin;

/// The signing key.
#[derive(Debug, Default, Args)]
pub(crate) struct KeyArgs {
    /// Signing key: PKCS#8 PEM file (or -), pkcs11:…, awskms:… or gcpkms:… [env: KEYGEN_KEY;
    /// keygen.toml: key]
    #[arg(long, value_name = "KEY", value_parser = key_location())]
    pub(crate) key: Option<KeyLocation>,
    /// File with the passphrase or PIN in its first line (or -) [env: KEYGEN_PASSPHRASE_FILE;
    /// keygen.toml: passphrase_file]
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Algorithm: RS256 or PS256 [env: KEYGEN_ALG; keygen.toml: alg] [default: the key's, or RS256]
    #[arg(long, value_parser = algorithm, value_name = "ALG")]
    pub(crate) alg: Option<Algorithm>,
}

impl KeyArgs {
    /// Returns how many of the key and its passphrase come from standard input.
    pub(crate) fn stdin_count(&self) -> usize {
        let key = self.key.as_ref().and_then(KeyLocation::file);
        let files = [key, self.passphrase_file.as_deref()];
        let files = files.into_iter().flatten();
        files.filter(|path| is_stdin(path)).count()
    }
}

/// The help of `--force` for the commands that sign an artifact.
pub(super) const FORCE: &str =
    "Replace an existing file, and sign even if the clock or the product contradicts the ledger";

/// Options of the commands that sign an artifact.
#[derive(Debug, Args)]
#[command(mut_arg("force", |force| force.help(FORCE)))]
pub(crate) struct SigningArgs {
    #[command(flatten)]
    pub(crate) key: KeyArgs,
    /// Product file (TOML) [env: KEYGEN_PRODUCT_FILE; keygen.toml: product_file]
    /// [default: the built-in product]
    #[arg(long, value_name = "FILE")]
    pub(crate) product_file: Option<Source>,
    /// Issue date, such as 2027-01-31T12:00:00Z [default: now]
    #[arg(long, value_parser = time::parse_instant, value_name = "TIME")]
    pub(crate) issued_at: Option<DateTime<Utc>>,
    #[command(flatten)]
    pub(crate) output: OutputFile,
    /// Check and show everything, but sign and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// Features and quotas that differ from those of the tier.
#[derive(Debug, Args)]
pub(crate) struct EntitlementArgs {
    /// Number of named or concurrent users
    #[arg(long, value_name = "N", value_parser = count, allow_negative_numbers = true)]
    pub(crate) seats: Option<NonZeroU32>,
    /// Number of machines that may be activated
    #[arg(long, value_name = "N", value_parser = count, allow_negative_numbers = true)]
    pub(crate) devices: Option<NonZeroU32>,
    /// Feature to add; may be repeated
    #[arg(long, value_name = "FEATURE")]
    pub(crate) add_feature: Vec<String>,
    /// Feature to leave out of the license; may be repeated
    #[arg(long, value_name = "FEATURE")]
    pub(crate) remove_feature: Vec<String>,
    /// Quota to set, -1 for unlimited; may be repeated
    #[arg(long, value_parser = quota, value_name = "NAME=N")]
    pub(crate) quota: Vec<(String, Quota)>,
}

/// Restrictions on the use of a license: kind of use, users and machines.
#[derive(Debug, Args)]
pub(crate) struct RestrictionArgs {
    /// Permitted kind of use: builder or runtime [default: both]
    #[arg(long, value_parser = usage_type, value_name = "TYPE")]
    pub(crate) usage_type: Option<UsageType>,
    /// Permitted user; may be repeated [default: all users]
    #[arg(long, value_name = "USER")]
    pub(crate) user: Vec<String>,
    /// Permitted machine (see `license machine`); may be repeated
    #[arg(long, value_name = "MACHINE")]
    pub(crate) machine: Vec<String>,
    /// Require activation on each machine (see `keygen activate`)
    #[arg(long)]
    pub(crate) activation: bool,
}
