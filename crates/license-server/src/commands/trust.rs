//! The place in which `license-server install` stores the vendor's public keys.

use std::path::PathBuf;
use std::sync::Arc;

use license_cli_support::{Audience, Destination, Exit, Failure, Overwrite, Source, show_path};
use license_core::TrustSet;

use super::database::{database_name, not_opened, shared};
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::domain::TenantId;
use crate::embedded;
use crate::services::has_all;
use crate::store::{ServerStoreError, SharedStore};
use crate::trust_file::{parse_trust, read_trust};

/// The place of the vendor's public keys. The keys are never replaced: a trust statement changes
/// them.
pub(super) enum TrustPlace {
    /// A file in the data directory.
    File(PathBuf),
    /// A PostgreSQL database, for all its servers.
    Database(Arc<dyn SharedStore>),
}

impl TrustPlace {
    /// Returns the place of a server.
    ///
    /// # Errors
    ///
    /// Returns the errors of the database.
    pub(super) async fn new(config: &Config, directory: &DataDir) -> Result<Self, Failure> {
        let shared = shared(config, directory).await?;
        Ok(shared.map_or_else(|| Self::File(directory.trust()), Self::Database))
    }

    /// Installs public keys, and returns the ids of new ones.
    ///
    /// # Errors
    ///
    /// Returns `MALFORMED` if the text has no public keys, `USAGE` if the keys come from the
    /// configuration or the program, `EXISTS` if the server has other keys, and the errors of the
    /// place.
    pub(super) async fn install(
        &self,
        file: &Source,
        text: &str,
        config: &Config,
    ) -> Result<Vec<String>, Failure> {
        let trust = parse_trust(text, &file.to_string())?;
        if let Some(path) = &config.trust {
            let message = format!("the public keys come from {}", show_path(path));
            return Err(Failure::usage(message).hint("omit the file, or the setting trust"));
        }
        if let Some(known) = embedded::trust()? {
            if has_all(&known, &trust) {
                return Ok(Vec::new());
            }
            let message =
                "the public keys are embedded in this program, and the file has other keys";
            return Err(Failure::usage(message).hint(
                "omit the file; or, if the vendor's keys have changed, name it with --trust",
            ));
        }
        match self.read(config).await? {
            Some(known) if has_all(&known, &trust) => Ok(Vec::new()),
            Some(_) => Err(self.exists(config)),
            None => {
                self.add(text, config).await?;
                Ok(trust.iter().map(|key| key.id().to_string()).collect())
            }
        }
    }

    /// Removes public keys that were just installed.
    ///
    /// # Errors
    ///
    /// Returns the errors of the place.
    pub(super) async fn remove(&self, text: &str, config: &Config) -> Result<(), Failure> {
        match self {
            Self::File(path) => {
                std::fs::remove_file(path).map_err(|error| Failure::io("remove", path, &error))
            }
            Self::Database(shared) => {
                let removed = shared.remove_trust_set(&TenantId::site(), text).await;
                removed.map_err(|error| not_opened(config, &error))
            }
        }
    }

    async fn read(&self, config: &Config) -> Result<Option<TrustSet>, Failure> {
        match self {
            Self::File(path) => path.exists().then(|| read_trust(path)).transpose(),
            Self::Database(shared) => {
                let text = shared.trust_set(&TenantId::site()).await;
                let text = text.map_err(|error| not_opened(config, &error))?;
                let place = database_name(config);
                text.map(|text| parse_trust(&text, &place)).transpose()
            }
        }
    }

    async fn add(&self, text: &str, config: &Config) -> Result<(), Failure> {
        match self {
            Self::File(path) => {
                let target = Destination::File(path.clone());
                target.write(text.as_bytes(), Overwrite::Refuse, Audience::OwnerOnly)
            }
            Self::Database(shared) => {
                let added = shared.add_trust_set(&TenantId::site(), text).await;
                let added = added.map_err(|error: ServerStoreError| not_opened(config, &error))?;
                if added {
                    Ok(())
                } else {
                    Err(self.exists(config))
                }
            }
        }
    }

    fn exists(&self, config: &Config) -> Failure {
        let (message, hint) = match self {
            Self::File(path) => (
                format!("{} exists, and has other keys", show_path(path)),
                "ask the vendor for a trust statement, which introduces new keys; or, if the keys are wrong, remove the file",
            ),
            Self::Database(_) => (
                format!("{} has other public keys", database_name(config)),
                "ask the vendor for a trust statement, which introduces new keys; or name the file on each server with the setting trust",
            ),
        };
        Failure::new(Exit::Usage, "EXISTS", message).hint(hint)
    }
}
