//! `license-server install`: licenses, signed lists and the vendor's public keys from files.

use license_cli_support::{
    Audience, Destination, Exit, Failure, Overwrite, Source, Terminal, plural, show_path,
};
use license_core::encoding::{TextKind, decode_text};
use license_core::trust::TrustedKey;
use license_core::{TrustSet, with_causes};
use serde_json::json;

use super::opened::{DatabaseAccess, open, refused, runtime};
use crate::args::Install;
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::domain::Actor;
use crate::services::LicenseInstallReport;

/// The maximum size of a file, which may contain a revocation list.
const MAX_BYTES: usize = 32 * 1024 * 1024;

/// The content of the installed files.
#[derive(Default)]
struct Installed {
    licenses: Vec<String>,
    revocations: Vec<u64>,
    statements: usize,
    keys: usize,
}

pub(super) fn run(
    arguments: &Install,
    config: &Config,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let directory = DataDir::open(&config.data_dir)?;
    let mut installed = Installed::default();
    let mut texts = Vec::new();
    // The keys come first, because the licenses may need them.
    for file in &arguments.files {
        let text = file.read_text(MAX_BYTES, decode_text)?;
        if TextKind::detect(&text) == Some(TextKind::PublicKeys) {
            installed.keys += install_trust(file, &text, config, &directory)?;
        } else {
            texts.push((file, text));
        }
    }
    if !texts.is_empty() {
        runtime()?.block_on(install(&texts, config, &directory, &mut installed))?;
    }
    print(&installed, terminal)
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
    for (file, text) in texts {
        let report = server
            .services
            .licenses
            .install(&Actor::Console, text)
            .await;
        let report = report.map_err(|refusal| refused(&refusal).with_subject(&file.to_string()))?;
        installed.add(report);
    }
    let closed = server.store.close().await;
    closed.map_err(|error| super::opened::not_opened(directory, &error))
}

impl Installed {
    fn add(&mut self, report: LicenseInstallReport) {
        let ids = report
            .licenses
            .iter()
            .map(|license| license.record.id.to_string());
        self.licenses.extend(ids);
        self.revocations.extend(report.revocations);
        self.statements += report.statements;
    }
}

/// Installs the vendor's public keys. They are never replaced: a trust statement changes them.
fn install_trust(
    file: &Source,
    text: &str,
    config: &Config,
    directory: &DataDir,
) -> Result<usize, Failure> {
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
            return Ok(0);
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
            return Ok(0);
        }
        let message = format!("{} exists, and has other keys", show_path(&path));
        return Err(Failure::new(Exit::Usage, "EXISTS", message).hint(
            "ask the vendor for a trust statement, which introduces new keys; or, if the keys are wrong, remove the file",
        ));
    }
    let target = Destination::File(path);
    target.write(text.as_bytes(), Overwrite::Refuse, Audience::OwnerOnly)?;
    Ok(trust.len())
}

fn print(installed: &Installed, terminal: &Terminal) -> Result<(), Failure> {
    if terminal.is_json() {
        return terminal.json(&json!({
            "licenses": installed.licenses,
            "revocations": installed.revocations,
            "statements": installed.statements,
            "keys": installed.keys,
        }));
    }
    let mut lines: Vec<String> = Vec::new();
    lines.extend(
        installed
            .licenses
            .iter()
            .map(|id| format!("installed license {id}")),
    );
    let lists = installed.revocations.iter();
    lines.extend(lists.map(|seq| format!("imported revocation list {seq}")));
    let mut count = |count: usize, one: &str, many: &str| {
        if count > 0 {
            let count = u64::try_from(count).unwrap_or(u64::MAX);
            lines.push(format!("installed {}", plural(count, one, many)));
        }
    };
    count(installed.keys, "public key", "public keys");
    count(installed.statements, "trust statement", "trust statements");
    if lines.is_empty() {
        lines.push("nothing new: the server has these files already".to_owned());
    }
    terminal.data(&lines.join("\n"))
}
