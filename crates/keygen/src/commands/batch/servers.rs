//! License servers of a batch.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use license_cli_support::{Failure, Source};
use license_core::issue::LicenseDraft;
use license_core::{ProductCode, TrustSet};
use license_issuer::ledger::LedgerReader;
use license_issuer::services::server_keys::{self, CertifiedServer, ServerKeyHolders};
use license_issuer::services::warnings::IssueWarning;

use super::super::server_key::{ServerKeyFile, holders, refuse_trusted_key, refuse_vendor_key};
use crate::inputs::add_keys;

/// The license servers that the column `server-key` names.
///
/// Each file is read once, so that a license names the key that was checked.
#[derive(Default)]
pub(super) struct BatchServers {
    servers: Mutex<BTreeMap<PathBuf, CertifiedServer>>,
    /// The customers of each key in the ledger and in the checked rows.
    holders: Mutex<Option<ServerKeyHolders>>,
    /// The keys of the option `--trust`.
    trust: TrustSet,
}

impl BatchServers {
    /// Reads the trust sets of the option `--trust`.
    pub(super) fn new(trust: &[Source]) -> Result<Self, Failure> {
        let mut servers = Self::default();
        add_keys(&mut servers.trust, trust)?;
        Ok(servers)
    }

    /// Returns the license server that a cell names.
    pub(super) fn server(
        &self,
        source: &Source,
        product: ProductCode,
    ) -> Result<CertifiedServer, Failure> {
        let Source::File(path) = source else {
            return Err(Failure::usage("expected the name of a file, found `-`"));
        };
        let mut servers = lock(&self.servers);
        if let Some(server) = servers.get(path) {
            return Ok(server.clone());
        }
        let file = ServerKeyFile::open(source)?;
        let server = file.parse(product)?;
        servers.insert(path.clone(), server.clone());
        Ok(server)
    }

    /// Checks the license server of a row. Returns the warnings about its key.
    pub(super) fn check(
        &self,
        source: &Source,
        draft: &LicenseDraft,
        ledger: Option<&dyn LedgerReader>,
    ) -> Result<Vec<IssueWarning>, Failure> {
        refuse_vendor_key(draft, ledger, None)?;
        refuse_trusted_key(draft, &self.trust)?;
        let server = self.server(source, draft.product)?;
        let mut known = lock(&self.holders);
        let mut all = match known.take() {
            Some(all) => all,
            None => holders(ledger)?,
        };
        let warnings = server_keys::warnings(&server, &draft.customer, &all);
        all.add(server.key().id().as_str(), &draft.customer);
        *known = Some(all);
        Ok(warnings)
    }
}

/// Locks a mutex. A panic of another thread leaves no partial change, so poisoning is ignored.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
