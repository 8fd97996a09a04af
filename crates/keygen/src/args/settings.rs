//! Options that select the settings file.

use std::path::PathBuf;

use clap::Args;

/// The settings file.
#[derive(Debug, Default, Args)]
// Prevents clap from using the sentence above as the description of the command.
#[command(about = None, long_about = None)]
pub(crate) struct SettingsFileArgs {
    /// Settings file (TOML) [env: KEYGEN_CONFIG] [default: keygen/keygen.toml in the user
    /// configuration directory]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Settings")]
    pub(crate) config: Option<PathBuf>,
    /// Read no settings file
    #[arg(
        long,
        global = true,
        conflicts_with = "config",
        help_heading = "Settings"
    )]
    pub(crate) no_config: bool,
}

/// The end of the help of `keygen config`.
pub(super) const AFTER_HELP: &str = "\
Settings, each as an option, a variable and a member of keygen.toml:
  --key              KEYGEN_KEY              key
  --passphrase-file  KEYGEN_PASSPHRASE_FILE  passphrase_file
  --alg              KEYGEN_ALG              alg
                     KEYGEN_PKCS11_MODULE    pkcs11_module
  --product-file     KEYGEN_PRODUCT_FILE     product_file
  --issuer           KEYGEN_ISSUER           issuer
  --ledger           KEYGEN_LEDGER           ledger

An option takes precedence over a variable, and a variable over the file. \
An empty variable counts as not set.

`passphrase_file` and `alg` belong to the key that is named in the same place: \
if the file names a key, its `passphrase_file` and `alg` do not apply to --key.

Paths in the file are relative to the directory of the file. The file contains no passphrase. \
Only you and root may have write access to it.

Example of a file:
  key = \"keys/vendor.key\"
  product_file = \"product.toml\"
  ledger = \"~/vendor/ledger.db\"";
