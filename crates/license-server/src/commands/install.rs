//! `license-server install`: licenses, signed lists and the vendor's public keys from files.

use license_cli_support::{Exit, Failure, Source, Terminal, escape, plural, show_path};
use license_core::encoding::{TextKind, decode_text};
use serde_json::json;

use super::database::{DatabaseAccess, not_opened};
use super::last_day;
use super::opened::{OpenedServer, open, refused, runtime};
use super::trust::TrustPlace;
use crate::args::Install;
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::domain::{Actor, Refusal, ServerCode};
use crate::services::{InstalledLicense, LentSeats, LicenseInstallReport, LicenseState};

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
    let is_done = runtime()?.block_on(async {
        // The keys come first, because the licenses may need them.
        let mut new_trust = None;
        for (file, text) in &trusts {
            let place = TrustPlace::new(config, &directory).await?;
            let keys = place.install(file, text, config).await?;
            if !keys.is_empty() {
                new_trust = Some((place, text));
            }
            installed.keys.extend(keys);
        }
        if texts.is_empty() && installed.keys.is_empty() {
            return Ok(());
        }
        let result = install(&texts, config, &directory, &mut installed).await;
        // Keys stay if files before the refused one are installed.
        if let (Err(_), Some((place, text)), false) = (&result, new_trust, installed.has_content())
        {
            place.remove(text, config).await?;
        }
        result
    });
    if is_done.is_ok() || (installed.has_content() && !terminal.is_json()) {
        // After a refusal, the report names the files that are installed.
        installed.print(&directory, terminal)?;
    }
    is_done
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
    let closed = server.database.store.close().await;
    closed.map_err(|error| not_opened(config, &error))?;
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
    let seats = match installed.seats() {
        LentSeats::Limit(seats) => plural(u64::from(seats), "seat", "seats"),
        LentSeats::Unlimited => "no limit of seats".to_owned(),
        LentSeats::None => "no floating seats".to_owned(),
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
