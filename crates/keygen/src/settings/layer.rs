//! The values of one place: the environment, or the settings file.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use license_cli_support::{Failure, Origin, SettingValue};

use super::{CONFIG_VARIABLE, Setting};
use crate::output::LOCK_TIMEOUT;

/// The start of the name of each variable.
const PREFIX: &str = "KEYGEN_";

/// The values of one place. A path is absolute, or relative to the working directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Layer(BTreeMap<Setting, SettingValue<OsString>>);

impl Layer {
    /// Reads the environment. An empty variable counts as not set.
    ///
    /// # Errors
    ///
    /// Returns `USAGE` for `-`, because only an option can name standard input.
    pub(super) fn from_environment(
        read: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, Failure> {
        let mut layer = Self::default();
        for setting in Setting::ALL {
            let variable = setting.variable();
            let value = read(variable).filter(|value| !value.is_empty());
            let Some(value) = value else { continue };
            if is_stdin(setting, &value) {
                let message = format!("{variable}: expected the name of a file, found -");
                return Err(Failure::usage(message)
                    .hint("only an option can name standard input; /dev/fd/N reads from a file descriptor"));
            }
            layer.insert(setting, value, Origin::Variable(variable.to_owned()));
        }
        Ok(layer)
    }

    pub(super) fn insert(&mut self, setting: Setting, value: OsString, origin: Origin) {
        self.0.insert(setting, SettingValue { value, origin });
    }

    pub(super) fn get(&self, setting: Setting) -> Option<&SettingValue<OsString>> {
        self.0.get(&setting)
    }

    /// Returns whether the passphrase file and the algorithm of this place are for a key with the
    /// given origin. They are for any key if this place names no key.
    pub(super) fn is_for_key(&self, origin: &Origin) -> bool {
        let own = self.get(Setting::Key);
        own.is_none_or(|own| own.origin == *origin)
    }
}

/// Returns whether a value means standard input in an option.
pub(super) fn is_stdin(setting: Setting, value: &OsStr) -> bool {
    value == "-" && !matches!(setting, Setting::Alg | Setting::Issuer)
}

/// Returns the variables of the process that `keygen` does not know, each with a similar name that
/// it knows.
pub(crate) fn unknown_variables() -> Vec<(String, Option<String>)> {
    let settings = Setting::ALL.into_iter().map(Setting::variable);
    let known = settings.chain([CONFIG_VARIABLE, LOCK_TIMEOUT]);
    let known: Vec<_> = known.map(str::to_owned).collect();
    license_cli_support::unknown_variables(PREFIX, &known)
}
