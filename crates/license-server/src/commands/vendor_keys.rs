//! The vendor's public keys of a server: where they come from, and the installation of the first
//! ones.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use license_cli_support::{Audience, Destination, Failure, Overwrite};
use license_core::TrustSet;
use license_issuer::ledger::LedgerReader;

use super::opened::{ledger_failed, open_ledger, refused};
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::domain::{Refusal, RefusalKind, ServerCode, TenantId};
use crate::embedded;
use crate::services::{TrustRoots, has_all, other_keys};
use crate::store::SharedStore;
use crate::trust_file;

/// Returns the vendor's public keys: those of the configuration, of the program, of the data
/// directory or of a PostgreSQL database, and those of the ledger.
pub(super) fn roots(
    config: &Config,
    directory: &DataDir,
    shared: Option<Arc<dyn SharedStore>>,
) -> Result<VendorKeys, Failure> {
    if let Some(path) = &config.trust {
        let found = path.metadata();
        found.map_err(|error| Failure::io("read", path, &error))?;
    }
    let ledger = config.vendor.as_ref().map(|vendor| vendor.ledger.as_path());
    let keys = match ledger {
        None => TrustSet::default(),
        Some(path) => match open_ledger(path)? {
            None => TrustSet::default(),
            Some(ledger) => {
                let keys = ledger.signing_keys();
                keys.map_err(|error| ledger_failed(path, &error))?
            }
        },
    };
    let source = match (&config.trust, embedded::trust()?, shared) {
        (Some(path), ..) => TrustSource::Setting(path.clone()),
        (None, Some(keys), _) => TrustSource::Embedded(keys),
        (None, None, Some(shared)) => TrustSource::Database(shared),
        (None, None, None) => TrustSource::Installed(directory.trust()),
    };
    Ok(VendorKeys {
        source,
        ledger: keys,
    })
}

/// The source of the vendor's public keys.
enum TrustSource {
    /// The file that the settings name.
    Setting(PathBuf),
    /// A file in the data directory. It can be installed while the server runs.
    Installed(PathBuf),
    /// The keys that are embedded in the program.
    Embedded(TrustSet),
    /// The keys that `license-server install` stored for all servers of a database.
    Database(Arc<dyn SharedStore>),
}

/// The vendor's public keys.
pub(super) struct VendorKeys {
    source: TrustSource,
    /// The keys of the ledger when the server started.
    ledger: TrustSet,
}

impl VendorKeys {
    pub(super) async fn keys(&self) -> Result<TrustSet, Failure> {
        let keys = match &self.source {
            TrustSource::Setting(path) | TrustSource::Installed(path) => {
                trust_file::read_trust(path)?
            }
            TrustSource::Embedded(keys) => keys.clone(),
            TrustSource::Database(shared) => {
                let text = shared.trust_set(&TenantId::site()).await;
                let text = text.map_err(|error| refused(&error.into()))?;
                let parsed = text.map(|text| trust_file::parse_trust(&text, "the database"));
                parsed.transpose()?.unwrap_or_default()
            }
        };
        Ok(keys.joined(&self.ledger))
    }
}

#[async_trait]
impl TrustRoots for VendorKeys {
    async fn read(&self) -> Result<TrustSet, Refusal> {
        let keys = self.keys().await;
        keys.map_err(|failure| storage_failed(&failure, "the vendor's public keys cannot be read"))
    }

    async fn add(&self, text: &str, keys: &TrustSet) -> Result<(), Refusal> {
        const STATEMENT: &str = "ask the vendor for a trust statement, which introduces new keys";
        match &self.source {
            TrustSource::Setting(_) | TrustSource::Embedded(_) => Err(other_keys(
                "the keys come from the settings or the program of the server; its operator changes \
                 them",
            )),
            TrustSource::Installed(path) => {
                if path.exists() {
                    return Err(other_keys(STATEMENT));
                }
                let target = Destination::File(path.clone());
                let written = target.write(text.as_bytes(), Overwrite::Refuse, Audience::OwnerOnly);
                written.map_err(|failure| {
                    storage_failed(&failure, "the vendor's public keys cannot be stored")
                })
            }
            TrustSource::Database(shared) => {
                let is_new = shared.add_trust_set(&TenantId::site(), text).await?;
                // Another server can have stored the same keys meanwhile.
                if is_new || has_all(&self.read().await?, keys) {
                    Ok(())
                } else {
                    Err(other_keys(STATEMENT))
                }
            }
        }
    }
}

/// Returns the refusal for a client. The log has the cause, whose text can contain a path.
fn storage_failed(failure: &Failure, detail: &str) -> Refusal {
    tracing::error!(reason = failure.message(), "{detail}");
    Refusal::new(RefusalKind::Unavailable, ServerCode::StorageFailed, detail)
        .hint("the log of the server has the cause")
}
