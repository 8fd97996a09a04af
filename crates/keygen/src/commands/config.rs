//! `keygen config`: the settings in effect, and where each comes from.

use std::path::PathBuf;

use license_cli_support::{
    Failure, Origin, SettingValue, SettingsPath, Terminal, TextColumn, TextTable, show_path,
};
use license_issuer::ledger::sqlite::LedgerLocation;
use license_issuer::signer::KeyLocation;
use serde_json::{Map, Value, json};

use super::context::AppContext;
use crate::args::KeyArgs;
use crate::settings::{Setting, Settings, unknown_variables};

pub(crate) fn run(ledger_origin: &Origin, app: AppContext<'_>) -> Result<(), Failure> {
    let AppContext {
        settings,
        location,
        terminal,
        ..
    } = app;
    let ledger = SettingValue {
        value: show_ledger(location),
        origin: ledger_origin.clone(),
    };
    let lacks_ledger = matches!(location, LedgerLocation::File(path) if !path.exists());
    let report = SettingsReport::new(settings, ledger, lacks_ledger)?;
    if terminal.is_json() {
        return terminal.json(&report.to_json(settings.path()));
    }
    for (name, similar) in unknown_variables() {
        let hint = similar.map_or_else(String::new, |similar| format!("; did you mean {similar}?"));
        let message = format!("{name} is not a variable of this program{hint}");
        terminal.warning("UNKNOWN_VARIABLE", &message);
    }
    for (setting, origin) in &report.unused {
        let note = format!("not used: {} from {origin}", setting.member());
        terminal.note(&note);
    }
    terminal.data(&report.to_text(settings.path(), terminal))
}

/// The settings in effect.
struct SettingsReport {
    /// The text of each value, or `None` if no place has a value and there is no default.
    rows: Vec<(Setting, SettingValue<Option<String>>)>,
    /// Values that do not count, because another place takes precedence or names another key.
    unused: Vec<(Setting, Origin)>,
    /// Whether the product file does not exist.
    lacks_product_file: bool,
    /// Whether the ledger does not exist.
    lacks_ledger: bool,
}

impl SettingsReport {
    fn new(
        settings: &Settings,
        ledger: SettingValue<Option<String>>,
        lacks_ledger: bool,
    ) -> Result<Self, Failure> {
        let key = settings.find_key(&KeyArgs::default())?;
        // Without a key, the passphrase file and the algorithm are for any key.
        let (passphrase_file, alg) = match &key {
            Some(key) => (key.passphrase_file.clone(), key.alg.clone()),
            None => (
                settings.path_of(Setting::PassphraseFile),
                settings.algorithm()?,
            ),
        };
        let issuer = settings.issuer()?;
        let row = |setting| match setting {
            Setting::Key => shown(key.as_ref().map(|key| key.location.clone()), show_key),
            Setting::PassphraseFile => shown(passphrase_file.clone(), show),
            Setting::Alg => shown(alg.clone(), |alg| alg.as_str().to_owned()),
            Setting::Pkcs11Module => shown(settings.path_of(setting), show),
            Setting::ProductFile => shown(settings.path_of(setting), show),
            Setting::Issuer => shown(issuer.clone(), |name| name),
            Setting::Ledger => ledger.clone(),
        };
        let rows: Vec<_> = Setting::ALL.map(|setting| (setting, row(setting))).into();
        let unused = rows.iter().flat_map(|(setting, row)| {
            let others = settings.origins(*setting);
            let others = others.filter(|origin| **origin != row.origin);
            others.map(|origin| (*setting, origin.clone()))
        });
        let unused = unused.collect();
        let product_file = settings.path_of(Setting::ProductFile);
        Ok(Self {
            rows,
            unused,
            lacks_product_file: product_file.is_some_and(|file| !file.value.exists()),
            lacks_ledger,
        })
    }

    fn to_text(&self, file: &SettingsPath, terminal: &Terminal) -> String {
        let mut table = TextTable::new([
            TextColumn::new("SETTING").without_wrapping(),
            TextColumn::new("VALUE"),
            TextColumn::new("FROM"),
        ]);
        for (setting, row) in &self.rows {
            let default = || default_text(*setting).to_owned();
            let value = row.value.clone().unwrap_or_else(default);
            let from = match &row.origin {
                Origin::File { line, .. } => format!("file, line {line}"),
                origin => origin.to_string(),
            };
            let is_missing = match setting {
                Setting::ProductFile => self.lacks_product_file,
                Setting::Ledger => self.lacks_ledger,
                _ => false,
            };
            let missing = if is_missing { " (does not exist)" } else { "" };
            table.row([setting.member(), &format!("{value}{missing}"), &from]);
        }
        let file = match file.path() {
            Some(path) if file.exists() => show_path(path),
            Some(path) => format!("{} (does not exist)", show_path(path)),
            None => "none".to_owned(),
        };
        format!("file: {file}\n\n{}", table.to_text(terminal.columns()))
    }

    fn to_json(&self, file: &SettingsPath) -> Value {
        let settings = self.rows.iter().map(|(setting, row)| {
            let mut members = origin_members(&row.origin);
            members.insert("value".to_owned(), json!(row.value));
            (setting.member().to_owned(), Value::Object(members))
        });
        let unused = self.unused.iter().map(|(setting, origin)| {
            let mut members = origin_members(origin);
            members.insert("setting".to_owned(), setting.member().into());
            Value::Object(members)
        });
        let unknown = unknown_variables().into_iter().map(|(name, _)| name);
        json!({
            "file": {
                "path": file.path().map(show_path),
                "exists": file.exists(),
                "source": file.origin().kind(),
            },
            "settings": settings.collect::<Map<_, _>>(),
            "unused": unused.collect::<Vec<_>>(),
            "unknown_variables": unknown.collect::<Vec<_>>(),
        })
    }
}

fn origin_members(origin: &Origin) -> Map<String, Value> {
    let mut members = Map::new();
    members.insert("source".to_owned(), origin.kind().into());
    members.insert("variable".to_owned(), json!(origin.variable()));
    members.insert("line".to_owned(), json!(origin.line()));
    members
}

/// Returns the text of a value, if there is one.
fn shown<T>(
    found: Option<SettingValue<T>>,
    show: impl Fn(T) -> String,
) -> SettingValue<Option<String>> {
    match found {
        Some(found) => found.map(|value| Some(show(value))),
        None => SettingValue {
            value: None,
            origin: Origin::Default,
        },
    }
}

fn show(path: PathBuf) -> String {
    show_path(&path)
}

/// Returns the location of a key. Omits the attributes of a URI that contain a PIN.
fn show_key(location: KeyLocation) -> String {
    match location {
        KeyLocation::File(path) => show_path(&path),
        KeyLocation::Pkcs11(uri) => match uri.split_once('?') {
            Some((object, query)) if query.to_ascii_lowercase().contains("pin-value") => {
                format!("pkcs11:{object}?…")
            }
            _ => format!("pkcs11:{uri}"),
        },
        KeyLocation::AwsKms(name) => format!("awskms:{name}"),
        KeyLocation::GcpKms(name) => format!("gcpkms:{name}"),
    }
}

fn show_ledger(location: &LedgerLocation) -> Option<String> {
    match location {
        LedgerLocation::File(path) => Some(show_path(path)),
        LedgerLocation::None | LedgerLocation::Unknown => None,
    }
}

/// Returns the meaning of a setting without a value.
fn default_text(setting: Setting) -> &'static str {
    match setting {
        Setting::Key | Setting::Pkcs11Module | Setting::Ledger => "none",
        Setting::PassphraseFile => "a prompt",
        Setting::Alg => "the key's",
        Setting::ProductFile => "the built-in product",
        Setting::Issuer => "the product's",
    }
}
