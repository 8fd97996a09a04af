//! The options `--server-key` and `--no-server-key`: the license server of a customer.

use license_cli_support::{Exit, Failure, Source};
use license_core::claims::Confirmation;
use license_core::encoding::decode_text;
use license_core::issue::{LicenseDraft, VerifyingSigner};
use license_core::jose::MAX_FILE_BYTES;
use license_core::trust::TrustError;
use license_core::{ProductCode, TrustSet, with_causes};
use license_issuer::ledger::LedgerReader;
use license_issuer::services::issue::own_trust_set;
use license_issuer::services::licenses::LicenseOrder;
use license_issuer::services::server_keys::{
    self, CertifiedServer, ServerKeyError, ServerKeyHolders,
};

use super::lookup::signing_keys;
use crate::args::ChangeArgs;
use crate::failures;

/// Hint for a file that is not the key of a license server.
const REQUEST_HINT: &str = "use the request that `license-server init` wrote, or the public key of the server in PEM or as a JWK";

/// The file of the option `--server-key`.
///
/// The file is read once, because a draft is made twice and standard input can be read only once.
pub(super) struct ServerKeyFile<'a> {
    source: &'a Source,
    text: String,
}

impl<'a> ServerKeyFile<'a> {
    /// Reads the file of the option, if the option is given.
    pub(super) fn read(option: Option<&'a Source>) -> Result<Option<Self>, Failure> {
        option.map(Self::open).transpose()
    }

    /// Reads a file.
    pub(super) fn open(source: &'a Source) -> Result<Self, Failure> {
        let text = source.read_text(MAX_FILE_BYTES, decode_text);
        let text = text.map_err(failures::keys_not_read)?;
        Ok(Self { source, text })
    }

    /// Verifies the request or key.
    pub(super) fn parse(&self, product: ProductCode) -> Result<CertifiedServer, Failure> {
        let server = CertifiedServer::parse(&self.text, product);
        server.map_err(|error| refused(&error).with_subject(&self.source.to_string()))
    }
}

/// The change of the license server in the successor of a license.
pub(super) struct ServerKeyChange<'a> {
    file: Option<ServerKeyFile<'a>>,
    is_removed: bool,
}

impl<'a> ServerKeyChange<'a> {
    pub(super) fn read(arguments: &'a ChangeArgs) -> Result<Self, Failure> {
        Ok(Self {
            file: ServerKeyFile::read(arguments.server_key.as_ref())?,
            is_removed: arguments.no_server_key,
        })
    }

    /// Changes the draft, and returns the new license server.
    ///
    /// Without an option, the draft keeps the license server of the license that it replaces.
    pub(super) fn apply(
        &self,
        draft: &mut LicenseDraft,
    ) -> Result<Option<CertifiedServer>, Failure> {
        if self.is_removed {
            draft.confirmation = None;
        }
        let file = self.file.as_ref();
        let server = file.map(|file| file.parse(draft.product)).transpose()?;
        if let Some(server) = &server {
            draft.confirmation = Some(server.confirmation().clone());
        }
        Ok(server)
    }
}

/// Adds the name of a license server to the ledger entry of a license, and the warnings about its
/// key.
pub(super) fn describe(
    server: &CertifiedServer,
    order: &mut LicenseOrder<'_>,
    ledger: Option<&dyn LedgerReader>,
) -> Result<(), Failure> {
    if let Some(name) = server.name() {
        let members = &mut order.members;
        members.insert("server_name".to_owned(), name.into());
    }
    let holders = holders(ledger)?;
    let customer = &order.draft.customer;
    let warnings = server_keys::warnings(server, customer, &holders);
    order.warnings.extend(warnings);
    Ok(())
}

/// Returns the customers whose licenses name the keys of license servers.
pub(super) fn holders(ledger: Option<&dyn LedgerReader>) -> Result<ServerKeyHolders, Failure> {
    match ledger {
        Some(ledger) => ServerKeyHolders::read(ledger).map_err(failures::ledger_not_read(ledger)),
        None => Ok(ServerKeyHolders::default()),
    }
}

/// Refuses a license server whose key can sign licenses: a signing key of the ledger, or the key
/// that signs this license.
pub(super) fn refuse_vendor_key(
    draft: &LicenseDraft,
    ledger: Option<&dyn LedgerReader>,
    signer: Option<&VerifyingSigner>,
) -> Result<(), Failure> {
    let Some(server) = draft.confirmation.as_ref().map(Confirmation::key) else {
        return Ok(());
    };
    let recorded = ledger.map(signing_keys).transpose()?.unwrap_or_default();
    let own = signer.map(own_trust_set).transpose();
    let own = own.map_err(|error| failures::two_algorithms(&error))?;
    let keys = recorded.joined(&own.unwrap_or_default());
    server_keys::refuse_vendor_key(server, &keys).map_err(|error| refused(&error))
}

/// Refuses a license server whose key is in the trust set that the command line names.
pub(super) fn refuse_trusted_key(draft: &LicenseDraft, trust: &TrustSet) -> Result<(), Failure> {
    let server = draft.confirmation.as_ref().map(Confirmation::key);
    let checked = server.map(|server| server_keys::refuse_vendor_key(server, trust));
    checked
        .transpose()
        .map(drop)
        .map_err(|error| refused(&error))
}

/// Maps the reason why the key of a license server cannot be certified.
pub(super) fn refused(error: &ServerKeyError) -> Failure {
    let exit = match error {
        ServerKeyError::OtherProduct { .. } | ServerKeyError::VendorKey { .. } => Exit::Usage,
        _ => Exit::Indeterminate,
    };
    let failure = Failure::new(exit, error.code().as_str(), with_causes(error));
    match error {
        ServerKeyError::OtherProduct { found, .. } => failure.hint(format!(
            "ask the customer for a request for this product, or add the product file of {found} with --product-file"
        )),
        ServerKeyError::VendorKey { .. } => failure.hint(failures::OWN_SERVER_KEY_HINT),
        ServerKeyError::Request(_) => failure.hint(
            "ask the customer for the request that `license-server init` wrote; this file is another one, or was changed",
        ),
        ServerKeyError::Key(TrustError::PrivateKey) => failure.hint(
            "ask the customer for the request of a new key: `license-server init` with a new --data-dir writes both, and a private key must not leave its server",
        ),
        _ => failure.hint(REQUEST_HINT),
    }
}
