//! Settings: values of options that a vendor sets once, in the environment or in `keygen.toml`.
//!
//! An option takes precedence over a variable, and a variable over the file.

mod file;
mod key_choice;
mod layer;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use license_cli_support::{Failure, Origin, SettingValue, SettingsPath, Source, show_path};
use license_core::jose::Algorithm;
use license_issuer::ledger::sqlite::LedgerLocation;
use license_issuer::signer::KeyLocation;

use crate::args::{KeyArgs, SettingsFileArgs};
use crate::output::default_ledger;

pub(crate) use key_choice::KeyChoice;
use layer::Layer;
pub(crate) use layer::unknown_variables;

/// The variable with the path of the settings file.
const CONFIG_VARIABLE: &str = "KEYGEN_CONFIG";

/// The name of the settings file.
const NAME: &str = "keygen.toml";

/// A value that a vendor sets once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Setting {
    Key,
    PassphraseFile,
    Alg,
    Pkcs11Module,
    ProductFile,
    Issuer,
    Ledger,
}

impl Setting {
    pub(crate) const ALL: [Self; 7] = [
        Self::Key,
        Self::PassphraseFile,
        Self::Alg,
        Self::Pkcs11Module,
        Self::ProductFile,
        Self::Issuer,
        Self::Ledger,
    ];

    /// Returns the name of the member in `keygen.toml`.
    pub(crate) const fn member(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::PassphraseFile => "passphrase_file",
            Self::Alg => "alg",
            Self::Pkcs11Module => "pkcs11_module",
            Self::ProductFile => "product_file",
            Self::Issuer => "issuer",
            Self::Ledger => "ledger",
        }
    }

    /// Returns the name of the environment variable.
    pub(crate) const fn variable(self) -> &'static str {
        match self {
            Self::Key => "KEYGEN_KEY",
            Self::PassphraseFile => "KEYGEN_PASSPHRASE_FILE",
            Self::Alg => "KEYGEN_ALG",
            Self::Pkcs11Module => "KEYGEN_PKCS11_MODULE",
            Self::ProductFile => "KEYGEN_PRODUCT_FILE",
            Self::Issuer => "KEYGEN_ISSUER",
            Self::Ledger => "KEYGEN_LEDGER",
        }
    }
}

/// The settings of a command. The default has no values.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    path: SettingsPath,
    environment: Layer,
    file: Layer,
}

impl Settings {
    /// Reads the variables and the settings file.
    ///
    /// # Errors
    ///
    /// Returns `USAGE` for a variable that is not valid, `IO` for a file that cannot be read,
    /// `INSECURE_FILE` for a file that another user can change, and `MALFORMED` for a file that is
    /// not valid.
    pub(crate) fn load(options: &SettingsFileArgs) -> Result<Self, Failure> {
        let path = if options.no_config {
            SettingsPath::none()
        } else {
            let option = options.config.as_deref();
            SettingsPath::new("keygen", CONFIG_VARIABLE, option, |name| {
                std::env::var_os(name)
            })
        };
        let file = match path.to_read() {
            Some(file) => file::read(file).map_err(|failure| path.explain(failure))?,
            None => Layer::default(),
        };
        Ok(Self {
            path,
            environment: Layer::from_environment(|name| std::env::var_os(name))?,
            file,
        })
    }

    /// Returns a hint. If the working directory has a settings file, the hint states that the file
    /// is not read.
    fn hint_about(&self, hint: &str) -> String {
        if *self.path.origin() == Origin::Default && Path::new(NAME).exists() {
            format!("{hint}; {NAME} in this directory is read only with --config {NAME}")
        } else {
            hint.to_owned()
        }
    }

    /// Returns the settings file.
    pub(crate) fn path(&self) -> &SettingsPath {
        &self.path
    }

    /// Returns the key that signs.
    ///
    /// # Errors
    ///
    /// Returns `USAGE` if no place names a key, and the errors of [`Self::find_key`].
    pub(crate) fn key(&self, options: &KeyArgs) -> Result<KeyChoice, Failure> {
        let found = self.find_key(options)?;
        found.ok_or_else(|| {
            Failure::usage("expected a signing key, found none").hint(self.hint_about(
                "add --key FILE, or set the key once: `keygen config --help` shows how",
            ))
        })
    }

    /// Returns the key that signs, or `None` if no place names a key.
    ///
    /// The passphrase file and the algorithm belong to the key that is named in the same place. A
    /// PIN must never go to another token, which would count a wrong try.
    ///
    /// # Errors
    ///
    /// Returns `USAGE` if the algorithm is not valid.
    pub(crate) fn find_key(&self, options: &KeyArgs) -> Result<Option<KeyChoice>, Failure> {
        let option = options.key.clone().map(SettingValue::option);
        let set = || Some(self.find(Setting::Key)?.map(KeyLocation::from));
        option
            .or_else(set)
            .map(|location| self.choice(location, options))
            .transpose()
    }

    fn choice(
        &self,
        location: SettingValue<KeyLocation>,
        options: &KeyArgs,
    ) -> Result<KeyChoice, Failure> {
        let layers = || {
            self.layers()
                .filter(|layer| layer.is_for_key(&location.origin))
        };
        let of_key = |setting| layers().find_map(|layer| layer.get(setting)).cloned();
        let passphrase_file = options.passphrase_file.clone().map(SettingValue::option);
        let passphrase_file =
            passphrase_file.or_else(|| Some(of_key(Setting::PassphraseFile)?.map(PathBuf::from)));
        let alg = match options.alg {
            Some(alg) => Some(SettingValue::option(alg)),
            None => of_key(Setting::Alg)
                .map(key_choice::algorithm)
                .transpose()?,
        };
        let unused_passphrase = self.find(Setting::PassphraseFile);
        Ok(KeyChoice {
            unused_passphrase: unused_passphrase
                .filter(|_| passphrase_file.is_none())
                .map(|unused| unused.origin),
            location,
            passphrase_file,
            alg,
            module: self.path_of(Setting::Pkcs11Module),
        })
    }

    /// Returns a key other than the one that signs, such as a new key. Only the PKCS#11 module
    /// comes from the settings.
    pub(crate) fn other_key(&self, location: KeyLocation, options: &KeyArgs) -> KeyChoice {
        KeyChoice {
            location: SettingValue::option(location),
            passphrase_file: options.passphrase_file.clone().map(SettingValue::option),
            alg: options.alg.map(SettingValue::option),
            module: self.path_of(Setting::Pkcs11Module),
            unused_passphrase: None,
        }
    }

    /// Returns the algorithm of the settings for a key that the settings do not name.
    ///
    /// # Errors
    ///
    /// Returns `USAGE` if the algorithm is not valid.
    pub(crate) fn algorithm(&self) -> Result<Option<SettingValue<Algorithm>>, Failure> {
        let found = self.find(Setting::Alg);
        found.map(key_choice::algorithm).transpose()
    }

    /// Returns the path of a setting that no option sets.
    pub(crate) fn path_of(&self, setting: Setting) -> Option<SettingValue<PathBuf>> {
        Some(self.find(setting)?.map(PathBuf::from))
    }

    /// Returns the product file, or `None` for the built-in product.
    pub(crate) fn product_file(&self, option: Option<&Source>) -> Option<SettingValue<Source>> {
        let option = option.cloned().map(SettingValue::option);
        let set = || Some(self.find(Setting::ProductFile)?.map(Source::from));
        option.or_else(set)
    }

    /// Returns whether an option or a setting names the product.
    pub(crate) fn names_product(&self, option: Option<&Source>) -> bool {
        self.product_file(option).is_some()
    }

    /// Returns the name of the vendor, or `None` for the name in the product file.
    ///
    /// # Errors
    ///
    /// Returns `USAGE` if the name is not valid.
    pub(crate) fn issuer(&self) -> Result<Option<SettingValue<String>>, Failure> {
        let Some(SettingValue { value, origin }) = self.find(Setting::Issuer) else {
            return Ok(None);
        };
        match value.into_string() {
            Ok(value) if !value.trim().is_empty() => Ok(Some(SettingValue { value, origin })),
            _ => Err(origin.explain(
                Setting::Issuer.member(),
                Failure::usage("expected the name of a vendor, found an empty or invalid text")
                    .hint("correct the value, or remove it"),
            )),
        }
    }

    /// Returns the ledger.
    pub(crate) fn ledger(
        &self,
        option: Option<&PathBuf>,
        none: bool,
    ) -> SettingValue<LedgerLocation> {
        if none {
            return SettingValue::option(LedgerLocation::None);
        }
        let option = option.cloned().map(SettingValue::option);
        option
            .or_else(|| self.path_of(Setting::Ledger))
            .map_or_else(
                || SettingValue {
                    value: default_ledger().map_or(LedgerLocation::Unknown, LedgerLocation::File),
                    origin: Origin::Default,
                },
                |chosen| chosen.map(LedgerLocation::File),
            )
    }

    /// Returns the places that have a value, in the order of precedence.
    pub(crate) fn origins(&self, setting: Setting) -> impl Iterator<Item = &Origin> {
        let found = self.layers().filter_map(move |layer| layer.get(setting));
        found.map(|value| &value.origin)
    }

    fn find(&self, setting: Setting) -> Option<SettingValue<OsString>> {
        self.layers().find_map(|layer| layer.get(setting)).cloned()
    }

    /// Returns the environment and the file, in the order of precedence.
    fn layers(&self) -> impl Iterator<Item = &Layer> {
        [&self.environment, &self.file].into_iter()
    }
}

/// Adds the origin of the ledger to a failure that names the ledger.
pub(crate) fn explain_ledger(ledger: &SettingValue<LedgerLocation>, failure: Failure) -> Failure {
    match &ledger.value {
        LedgerLocation::File(path) if failure.message().contains(&show_path(path)) => {
            ledger.origin.explain(Setting::Ledger.member(), failure)
        }
        _ => failure,
    }
}
