//! The state of telemetry, as the user sees it.

use license_core::telemetry::{TelemetryDay, TelemetryEvent, TelemetryId};

use super::super::setting::OnlineSource;
use super::super::telemetry_file::{TelemetryFile, TelemetryInstallation};

/// The state of telemetry for the user of this process.
///
/// ```
/// # const TRUST: &str = include_str!(concat!(
/// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
/// # ));
/// # let scratch = tempfile::tempdir()?;
/// # let client = license_client::Client::builder(license_client::TrustSet::parse(TRUST)?)
/// #     .product(license_client::FeatureMatrix::built_in())
/// #     .state_dir(scratch.path().join("state"))
/// #     .build()?;
/// let status = client.telemetry().status()?;
/// assert_eq!((status.is_on, status.forbidden_by), (false, None));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TelemetryStatus {
    /// Whether the user has turned telemetry on.
    pub is_on: bool,
    /// The place of the setting that forbids telemetry, if there is one. Nothing is then collected
    /// or sent, even if telemetry is on.
    pub forbidden_by: Option<OnlineSource>,
    /// The URL of the license server that gets events: the first one of the settings.
    pub recipient: Option<String>,
    /// The random id of the installation.
    pub installation: Option<TelemetryId>,
    /// The number of events that wait to be sent.
    pub queued: usize,
    /// The number of events that were dropped because the queue was full, and that no waiting event
    /// states.
    pub dropped: u64,
    /// The UTC day of the last attempt to send.
    pub attempted: Option<TelemetryDay>,
    /// The URLs of the servers that may have events.
    pub servers: Vec<String>,
    /// The number of servers that have not confirmed a deletion yet.
    pub deletions: usize,
}

impl TelemetryStatus {
    pub(super) fn new(
        file: &TelemetryFile,
        forbidden_by: Option<OnlineSource>,
        recipient: Option<String>,
    ) -> Self {
        let installation = file.installation.as_ref();
        let servers = installation.map(|one| one.servers.clone());
        let deletions = file.deletions.iter();
        Self {
            is_on: file.is_on,
            forbidden_by,
            recipient,
            installation: installation.map(|one| one.id),
            queued: file.events.len(),
            dropped: file.dropped,
            attempted: file.attempted,
            servers: servers.unwrap_or_default(),
            deletions: deletions.map(|one| one.servers.len()).sum(),
        }
    }
}

/// The first event of an installation, before the user has agreed.
///
/// ```
/// # const TRUST: &str = include_str!(concat!(
/// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
/// # ));
/// # let scratch = tempfile::tempdir()?;
/// # let client = license_client::Client::builder(license_client::TrustSet::parse(TRUST)?)
/// #     .product(license_client::FeatureMatrix::built_in())
/// #     .state_dir(scratch.path().join("state"))
/// #     .build()?;
/// let proposal = client.telemetry().propose()?;
/// assert!(proposal.body().contains("\"denials\":{}"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct TelemetryProposal {
    installation: TelemetryInstallation,
    event: TelemetryEvent,
    body: String,
}

impl TelemetryProposal {
    pub(super) fn new(installation: TelemetryInstallation, event: TelemetryEvent) -> Self {
        let batches = installation.batches(std::slice::from_ref(&event));
        let bodies = batches.iter().map(|batch| batch.to_json());
        Self {
            installation,
            event,
            body: bodies.collect(),
        }
    }

    /// Returns the body of the first request, exactly as it would be sent.
    ///
    /// ```
    /// # const TRUST: &str = include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
    /// # ));
    /// # let scratch = tempfile::tempdir()?;
    /// # let client = license_client::Client::builder(license_client::TrustSet::parse(TRUST)?)
    /// #     .product(license_client::FeatureMatrix::built_in())
    /// #     .state_dir(scratch.path().join("state"))
    /// #     .build()?;
    /// println!("{}", client.telemetry().propose()?.body());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn body(&self) -> &str {
        &self.body
    }

    pub(super) fn into_parts(self) -> (TelemetryInstallation, TelemetryEvent) {
        (self.installation, self.event)
    }
}
