//! `license config`: the settings for license servers.

use std::ffi::OsStr;
use std::path::Path;

use license_cli_support::{
    Exit, Failure, Source, Terminal, TextColumn, TextTable, escape, show_path,
};
use license_client::{
    OnlineClient, OnlineError, OnlineSetting, OnlineSettings, OnlineSource, OnlineValue,
};
use license_core::encoding::decode_text;
use license_core::with_causes;
use serde_json::{Map, Value, json};

use crate::args::{Config, ConfigAction, SystemArgs};
use crate::context::AppContext;
use crate::output::failure;

/// The maximum size of a value on standard input in bytes.
const MAX_VALUE: usize = 64 * 1024;

/// Shows or changes the settings.
///
/// # Errors
///
/// Returns the failure that ends the program.
pub(super) fn run(
    app: AppContext,
    arguments: &Config,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    match &arguments.action {
        None | Some(ConfigAction::Show) => show(&app, terminal)?,
        Some(ConfigAction::Set {
            setting,
            value,
            system,
        }) => {
            let app = for_users(app, *system, "config set --system SETTING VALUE")?;
            change(&app, *setting, Some(&read(*setting, value)?), terminal)?;
        }
        Some(ConfigAction::Unset { setting, system }) => {
            let app = for_users(app, *system, "config unset --system SETTING")?;
            change(&app, *setting, None, terminal)?;
        }
    }
    Ok(Exit::Success)
}

fn for_users(app: AppContext, users: SystemArgs, command: &str) -> Result<AppContext, Failure> {
    if users.system {
        app.for_all_users(command)
    } else {
        Ok(app)
    }
}

fn values(app: &AppContext) -> Result<Vec<OnlineValue>, Failure> {
    let values = app.manager.online_values(&OnlineSettings::new());
    values.map_err(|error| failure::online(&error))
}

fn show(app: &AppContext, terminal: &Terminal) -> Result<(), Failure> {
    let values = values(app)?;
    if terminal.is_json() {
        let settings = values.iter().map(|value| {
            let members = json!({
                "value": value.value,
                "source": kind(&value.source),
                "variable": variable(&value.source),
                "path": file(&value.source).map(show_path),
            });
            (value.setting.as_str().to_owned(), members)
        });
        return terminal.json(&json!({ "settings": settings.collect::<Map<_, _>>() }));
    }
    let mut table = TextTable::new([
        TextColumn::new("SETTING").without_wrapping(),
        TextColumn::new("VALUE"),
        TextColumn::new("FROM"),
    ]);
    for value in &values {
        let shown = value.value.as_deref().unwrap_or("none");
        let unit = match value.setting {
            OnlineSetting::ConnectTimeout | OnlineSetting::Timeout => " s",
            _ => "",
        };
        let from = match file(&value.source) {
            Some(path) => show_path(path),
            None => value.source.to_string().replace("the default", "default"),
        };
        table.row([
            value.setting.as_str(),
            &format!("{}{unit}", escape(shown)),
            &from,
        ]);
    }
    terminal.data(&table.to_text(terminal.columns()))
}

/// Returns the value of the argument, or of standard input. A relative path becomes absolute,
/// because the file has the setting for each working directory.
fn read(setting: OnlineSetting, argument: &OsStr) -> Result<String, Failure> {
    if argument == "-" {
        let text = Source::from(argument.to_owned()).read_text(MAX_VALUE, decode_text)?;
        return Ok(text.trim().to_owned());
    }
    let Some(text) = argument.to_str() else {
        return Err(Failure::usage(
            "expected a value in UTF-8, found other bytes",
        ));
    };
    let absolute = is_path(setting)
        .then(|| std::path::absolute(text).ok())
        .flatten();
    let absolute = absolute.map(|path| path.to_string_lossy().into_owned());
    Ok(absolute.unwrap_or_else(|| text.to_owned()))
}

fn change(
    app: &AppContext,
    setting: OnlineSetting,
    value: Option<&str>,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let changed = app.manager.set_online(setting, value);
    let path = changed.map_err(|error| failure::online(&error))?;
    let overriding = overriding(app, setting, &path)?;
    if let Some(value) = value {
        warn(app, setting, value, terminal);
    }
    if terminal.is_json() {
        return terminal.json(&json!({
            "setting": setting.as_str(),
            "path": show_path(&path),
            "overridden_by": overriding.as_ref().map(ToString::to_string),
        }));
    }
    let change = if value.is_some() { "set" } else { "removed" };
    let path = show_path(&path);
    terminal.data(&format!("{change} {setting} in {path}"))?;
    if let Some(source) = overriding {
        terminal.note(&format!("{setting} from {source} takes precedence"));
    }
    Ok(())
}

/// Warns about a setting that the next command would refuse. It is stored all the same, because a
/// file can appear later.
fn warn(app: &AppContext, setting: OnlineSetting, value: &str, terminal: &Terminal) {
    if is_path(setting)
        && let Err(error) = std::fs::File::open(value)
    {
        let failure = Failure::io("read", Path::new(value), &error);
        terminal.warning("ONLINE_SETTING", failure.message());
        return;
    }
    match OnlineClient::new(&app.manager, &OnlineSettings::new()) {
        Ok(_) | Err(OnlineError::NoServer) => {}
        Err(error) => terminal.warning(error.code(), &with_causes(&error)),
    }
}

fn is_path(setting: OnlineSetting) -> bool {
    matches!(
        setting,
        OnlineSetting::CaFile | OnlineSetting::ClientCertificate | OnlineSetting::ClientKey
    )
}

/// Returns the place whose value of the setting takes precedence over the changed file.
fn overriding(
    app: &AppContext,
    setting: OnlineSetting,
    changed: &Path,
) -> Result<Option<OnlineSource>, Failure> {
    let values = values(app)?;
    let value = values.into_iter().find(|value| value.setting == setting);
    let source = value.map(|value| value.source);
    Ok(source.filter(|source| match source {
        OnlineSource::Default => false,
        source => file(source).is_none_or(|path| path != changed),
    }))
}

fn kind(source: &OnlineSource) -> &'static str {
    match source {
        OnlineSource::Option => "option",
        OnlineSource::Variable(_) => "variable",
        OnlineSource::User(_) => "user",
        OnlineSource::Administrator(_) => "administrator",
        _ => "default",
    }
}

fn variable(source: &OnlineSource) -> Value {
    match source {
        OnlineSource::Variable(name) => name.as_str().into(),
        _ => Value::Null,
    }
}

fn file(source: &OnlineSource) -> Option<&Path> {
    match source {
        OnlineSource::User(path) | OnlineSource::Administrator(path) => Some(path),
        _ => None,
    }
}
