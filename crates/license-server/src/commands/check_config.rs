//! `license-server check-config`: the settings in effect, and where each comes from.

use license_cli_support::{
    Failure, Meaning, Origin, StyledText, Terminal, TextColumn, TextTable, show_path,
};
use serde_json::{Map, Value, json};

use super::billing;
use super::database::{not_opened, postgres, redis};
use super::sales;
use crate::certificate::CertificateFiles;
use crate::config::{self, Config, SETTINGS, Settings, Tls, shown_origin};
use crate::data_dir::DataDir;
use crate::login;
use crate::mail;
use crate::store::ServerStoreError;
use crate::trust_file;

pub(super) fn run(
    settings: &Settings,
    config: Result<Config, Failure>,
    terminal: &Terminal,
) -> Result<(), Failure> {
    // The table helps to correct a setting, so it is printed even if the configuration is refused.
    let data_dir = config
        .as_ref()
        .ok()
        .map(|config| show_path(&config.data_dir));
    let checked = config.and_then(|config| check_files(&config, terminal));
    if terminal.is_json() {
        checked?;
        return terminal.json(&to_json(settings));
    }
    for (name, similar) in settings.unknown_variables() {
        let similar = similar.as_ref();
        let hint = similar.map_or_else(String::new, |similar| format!("; did you mean {similar}?"));
        let message = format!("{name} is not a variable of this program{hint}");
        terminal.warning("UNKNOWN_VARIABLE", &message);
    }
    for (setting, origin) in settings.unused() {
        terminal.note(&format!("not used: {} from {origin}", setting.name));
    }
    terminal.data(&to_text(settings, data_dir.as_deref(), terminal))?;
    checked?;
    terminal.note("the configuration can be used");
    Ok(())
}

/// Checks that the files of the configuration can be read, and that the data directory, if it
/// exists, can be used.
fn check_files(config: &Config, terminal: &Terminal) -> Result<(), Failure> {
    if config.data_dir.exists() {
        DataDir::open(&config.data_dir)?;
    }
    for (name, path) in config::files(config) {
        std::fs::File::open(path)
            .map(drop)
            .map_err(|error| Failure::io("read", path, &error).with_remark(name))?;
    }
    if let Some(service) = &config.database {
        let checked = postgres(service)?.check_files();
        checked.map_err(|error| not_opened(config, &error))?;
    }
    if let Some(service) = &config.redis {
        let checked = redis(service)?.check_files();
        checked.map_err(|error| not_opened(config, &ServerStoreError::Redis(error)))?;
    }
    if let Tls::Files { cert, key } = &config.tls {
        let files = CertificateFiles {
            cert: cert.clone(),
            key: key.clone(),
        };
        files.load()?.warn(&config.tls, terminal);
    }
    if config.metering.file.is_some() {
        let matrix = trust_file::read_product(config.product_file.as_ref())?;
        trust_file::read_meters(config.metering.file.as_ref(), &matrix)?;
    }
    if let Some(mail) = &config.mail {
        mail::check(mail)?;
    }
    sales::invoices(&config.invoices)?;
    if let Some(billing) = &config.billing {
        billing::stripe(billing)?;
    }
    config.login.as_ref().map_or(Ok(()), login::check)
}

fn to_text(settings: &Settings, data_dir: Option<&str>, terminal: &Terminal) -> String {
    let mut table = TextTable::new([
        TextColumn::new("SETTING").without_wrapping(),
        TextColumn::new("VALUE"),
        TextColumn::new("FROM"),
    ]);
    for setting in SETTINGS {
        let value = settings.get(setting.name);
        let absent = data_dir.filter(|_| setting.name == "data_dir");
        let absent = absent.unwrap_or(setting.absent);
        let shown = setting.shown(&value).unwrap_or_else(|| absent.to_owned());
        let from = shown_origin(&value.origin);
        let from = match value.origin {
            Origin::Default => StyledText::new(Meaning::Dim, &from),
            _ => StyledText::from(from),
        };
        table.row([setting.name.into(), shown.into(), from]);
    }
    let file = match settings.file() {
        Some(path) if path.exists() => show_path(path),
        Some(path) => format!("{} (does not exist)", show_path(path)),
        None => "none".to_owned(),
    };
    format!("file: {file}\n\n{}", table.to_text(terminal.columns()))
}

fn to_json(settings: &Settings) -> Value {
    let values = SETTINGS.iter().map(|setting| {
        let value = settings.get(setting.name);
        let mut members = origin_members(&value.origin);
        members.insert("value".to_owned(), setting.shown(&value).into());
        (setting.name.to_owned(), Value::Object(members))
    });
    let unused = settings.unused().map(|(setting, origin)| {
        let mut members = origin_members(origin);
        members.insert("setting".to_owned(), setting.name.into());
        Value::Object(members)
    });
    let unknown = settings.unknown_variables().iter();
    json!({
        "file": {
            "path": settings.file().map(show_path),
            "exists": settings.file().is_some_and(std::path::Path::exists),
        },
        "settings": values.collect::<Map<_, _>>(),
        "unused": unused.collect::<Vec<_>>(),
        "unknown_variables": unknown.map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
    })
}

fn origin_members(origin: &Origin) -> Map<String, Value> {
    let mut members = Map::new();
    members.insert("source".to_owned(), origin.kind().into());
    members.insert("variable".to_owned(), json!(origin.variable()));
    members.insert("line".to_owned(), json!(origin.line()));
    members
}
