//! `license-server install`: licenses, signed lists and the vendor's public keys from files.

use license_cli_support::{
    Audience, Destination, Exit, Failure, Overwrite, Source, Terminal, escape, plural, show_path,
};
use license_core::encoding::{TextKind, decode_text};
use license_core::trust::TrustedKey;
use license_core::{TrustSet, with_causes};
use serde_json::json;

use super::last_day;
use super::opened::{DatabaseAccess, OpenedServer, not_opened, open, refused, runtime};
use crate::args::Install;
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::domain::{Actor, Refusal, ServerCode};
use crate::services::{InstalledLicense, LicenseInstallReport, LicenseState};

/// The maximum size of a file, which may contain a revocation list.
const MAX_BYTES: usize = 32 * 1024 * 1024;

/// The content of the installed files.
#[derive(Default)]
struct Installed {
    licenses: Vec<(InstalledLicense, LicenseState)>,
    revocations: Vec<u64>,
    statements: usize,
    /// The ids of new public keys.
    keys: Vec<String>,
}

pub(super) fn run(
    arguments: &Install,
    config: &Config,
    terminal: &Terminal,
) -> Result<(), Failure> {
    if !arguments.warn {
        return install_files(&arguments.files, config, terminal);
    }
    for file in &arguments.files {
        let installed = install_files(std::slice::from_ref(file), config, terminal);
        installed.or_else(|failure| warn(file, failure, terminal))?;
    }
    Ok(())
}

/// Prints the reason why a file is not installed. Returns the failure if the reason is the server
/// and not the file.
fn warn(file: &Source, failure: Failure, terminal: &Terminal) -> Result<(), Failure> {
    let is_missing = matches!(file, Source::File(path) if !path.exists());
    if failure.exit() == Exit::System && !(is_missing && failure.code() == "IO") {
        return Err(failure);
    }
    let hint = failure.advice().map(|advice| format!("; {advice}"));
    let message = format!("{}{}", failure.message(), hint.unwrap_or_default());
    terminal.warning(failure.code(), &message);
    Ok(())
}

fn install_files(files: &[Source], config: &Config, terminal: &Terminal) -> Result<(), Failure> {
    let directory = DataDir::open(&config.data_dir)?;
    let mut installed = Installed::default();
    let mut texts = Vec::new();
    let mut trusts = Vec::new();
    for file in files {
        let text = file.read_text(MAX_BYTES, decode_text)?;
        if TextKind::detect(&text) == Some(TextKind::PublicKeys) {
            trusts.push((file, text));
        } else {
            texts.push((file, text));
        }
    }
    // The keys come first, because the licenses may need them.
    for (file, text) in &trusts {
        let keys = install_trust(file, text, config, &directory)?;
        installed.keys.extend(keys);
    }
    if !texts.is_empty() || !installed.keys.is_empty() {
        let result = runtime()?.block_on(install(&texts, config, &directory, &mut installed));
        if let Err(failure) = result {
            roll_back(&installed, &directory, terminal)?;
            return Err(failure);
        }
    }
    installed.print(&directory, terminal)
}

/// Removes new public keys after a refusal. If earlier files are installed already, their keys stay
/// and the report names both.
fn roll_back(
    installed: &Installed,
    directory: &DataDir,
    terminal: &Terminal,
) -> Result<(), Failure> {
    if installed.has_content() {
        return if terminal.is_json() {
            Ok(())
        } else {
            installed.print(directory, terminal)
        };
    }
    if !installed.keys.is_empty() {
        let path = directory.trust();
        std::fs::remove_file(&path).map_err(|error| Failure::io("remove", &path, &error))?;
    }
    Ok(())
}

async fn install(
    texts: &[(&Source, String)],
    config: &Config,
    directory: &DataDir,
    installed: &mut Installed,
) -> Result<(), Failure> {
    let server = open(config, directory, DatabaseAccess::Beside).await?;
    if !server.has_trust {
        let message = "the server does not know the vendor's public keys";
        return Err(Failure::new(Exit::Indeterminate, "UNTRUSTED_KEY", message)
            .hint("add the vendor's trust set: `license-server install trust.jwks acme.lic`"));
    }
    let mut result = Ok(());
    for (file, text) in texts {
        match server
            .services
            .licenses
            .install(&Actor::Console, text)
            .await
        {
            Ok(report) => installed.add(report, &server),
            Err(refusal) => {
                result = Err(not_installed(&refusal, file, directory));
                break;
            }
        }
    }
    if !installed.keys.is_empty() && (result.is_ok() || installed.has_content()) {
        let trust = &server.services.trust;
        let recorded = trust.record_keys(&Actor::Console, &installed.keys).await;
        recorded.map_err(|refusal| refused(&refusal))?;
    }
    let closed = server.store.close().await;
    closed.map_err(|error| not_opened(directory, &error))?;
    result
}

fn not_installed(refusal: &Refusal, file: &Source, directory: &DataDir) -> Failure {
    let failure = refused(refusal).with_subject(&file.to_string());
    if refusal.code != ServerCode::NotCertified.as_str() {
        return failure;
    }
    let request = show_path(&directory.request());
    failure.hint(format!("send the file {request} to the vendor"))
}

impl Installed {
    fn add(&mut self, report: LicenseInstallReport, server: &OpenedServer) {
        let licenses = report.licenses.into_iter().map(|license| {
            let state = server.services.licenses.state(&license.license);
            (license, state)
        });
        self.licenses.extend(licenses);
        self.revocations.extend(report.revocations);
        self.statements += report.statements;
    }

    /// Returns whether the database has something of the files.
    fn has_content(&self) -> bool {
        !self.licenses.is_empty() || !self.revocations.is_empty() || self.statements > 0
    }

    fn print(&self, directory: &DataDir, terminal: &Terminal) -> Result<(), Failure> {
        if terminal.is_json() {
            let ids = self.licenses.iter();
            let ids = ids.map(|(license, _)| license.record.id.as_str());
            return terminal.json(&json!({
                "data_dir": show_path(directory.path()),
                "licenses": ids.collect::<Vec<_>>(),
                "codes": self.licenses.iter().map(|(_, state)| state.code).collect::<Vec<_>>(),
                "revocations": self.revocations,
                "statements": self.statements,
                "keys": self.keys.len(),
            }));
        }
        let licenses = self.licenses.iter();
        let mut lines: Vec<String> = licenses
            .map(|(license, state)| describe(license, *state))
            .collect();
        let lists = self.revocations.iter();
        lines.extend(lists.map(|seq| format!("imported revocation list {seq}")));
        let mut count = |count: usize, one: &str, many: &str| {
            if count > 0 {
                let count = u64::try_from(count).unwrap_or(u64::MAX);
                lines.push(format!("installed {}", plural(count, one, many)));
            }
        };
        count(self.keys.len(), "public key", "public keys");
        count(self.statements, "trust statement", "trust statements");
        if lines.is_empty() {
            lines.push("nothing new: the server has these files already".to_owned());
        }
        terminal.data(&lines.join("\n"))?;
        terminal.note(&format!("data directory: {}", show_path(directory.path())));
        for (license, state) in self.licenses.iter().filter(|(_, state)| !state.is_valid) {
            let id = &license.record.id;
            let message =
                format!("license {id} is not in effect, so the server lends no seats of it");
            terminal.warning(state.code, &message);
        }
        Ok(())
    }
}

/// Describes an installed license in one line.
fn describe(installed: &InstalledLicense, state: LicenseState) -> String {
    let InstalledLicense {
        record, license, ..
    } = installed;
    let seats = match license.seats() {
        Some(seats) => plural(seats, "seat", "seats"),
        None => "no limit of seats".to_owned(),
    };
    format!(
        "installed license {}: {}, {}, {seats}, last day {}, {}",
        record.id,
        escape(&record.customer),
        license.tier(),
        last_day(license),
        state.code
    )
}

/// Installs the vendor's public keys, and returns the ids of new ones. The keys are never replaced:
/// a trust statement changes them.
fn install_trust(
    file: &Source,
    text: &str,
    config: &Config,
    directory: &DataDir,
) -> Result<Vec<String>, Failure> {
    let trust = TrustSet::parse(text).map_err(|error| {
        Failure::malformed(format!("{file}: {}", with_causes(&error)))
            .hint("use the trust set that the vendor wrote with `keygen trust`")
    })?;
    if let Some(path) = &config.trust {
        let message = format!("the public keys come from {}", show_path(path));
        return Err(Failure::usage(message).hint("omit the file, or the setting trust"));
    }
    if let Some(known) = crate::embedded::trust()? {
        let is_known = |key: &TrustedKey| known.get(key.id().as_str()).is_some();
        if trust.iter().all(is_known) {
            return Ok(Vec::new());
        }
        let message = "the public keys are embedded in this program, and the file has other keys";
        return Err(Failure::usage(message)
            .hint("omit the file; or, if the vendor's keys have changed, name it with --trust"));
    }
    let path = directory.trust();
    if path.exists() {
        let known = crate::trust_file::read_trust(&path)?;
        if trust
            .iter()
            .all(|key| known.get(key.id().as_str()).is_some())
        {
            return Ok(Vec::new());
        }
        let message = format!("{} exists, and has other keys", show_path(&path));
        return Err(Failure::new(Exit::Usage, "EXISTS", message).hint(
            "ask the vendor for a trust statement, which introduces new keys; or, if the keys are wrong, remove the file",
        ));
    }
    let target = Destination::File(path);
    target.write(text.as_bytes(), Overwrite::Refuse, Audience::OwnerOnly)?;
    Ok(trust.iter().map(|key| key.id().to_string()).collect())
}
