//! The file `telemetry.json`: the events that wait to be sent, and the secrets that delete those
//! that were sent.

use license_core::Version;
use license_core::encoding::from_strict_json;
use license_core::requests::ActivationSecret;
use license_core::telemetry::{TelemetryBatch, TelemetryDay, TelemetryEvent, TelemetryId};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::error::OnlineError;
use super::random;
use crate::state_dir::StateFile;
use crate::store::{Store, StoreLock};

/// The maximum size of the file in bytes. It fits the largest queue.
const MAX_FILE: usize = 1024 * 1024;
/// The maximum number of events in the queue: about three months without a server.
const MAX_EVENTS: usize = 90;
/// The maximum size of all events in the queue in bytes.
const MAX_EVENT_BYTES: usize = 256 * 1024;
/// The maximum number of installations whose deletion is not confirmed.
const MAX_DELETIONS: usize = 16;

/// The content of the file. Without a file, telemetry is off.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TelemetryFile {
    /// Whether the user has turned telemetry on.
    pub(super) is_on: bool,
    /// The installation of the events. After telemetry was turned off, it stays if a server may
    /// have events of it.
    pub(super) installation: Option<TelemetryInstallation>,
    /// The installations whose events servers have not deleted yet.
    pub(super) deletions: Vec<TelemetryInstallation>,
    /// The first day whose counts have no event.
    pub(super) since: Option<TelemetryDay>,
    /// The last day on which a program ran.
    pub(super) ran: Option<TelemetryDay>,
    /// The version of this program, if it stated one.
    pub(super) version: Option<Version>,
    /// The day of the last attempt to send.
    pub(super) attempted: Option<TelemetryDay>,
    /// The number of dropped events that no event states.
    pub(super) dropped: u64,
    /// The events that wait, the oldest first.
    pub(super) events: Vec<TelemetryEvent>,
}

/// The random identity of an installation.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TelemetryInstallation {
    pub(super) id: TelemetryId,
    /// The secret that deletes the events at a server.
    secret: String,
    /// The URLs of the servers that may have events.
    pub(super) servers: Vec<String>,
}

impl std::fmt::Debug for TelemetryInstallation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TelemetryInstallation({})", self.id)
    }
}

impl Drop for TelemetryInstallation {
    fn drop(&mut self) {
        drop(Zeroizing::new(std::mem::take(&mut self.secret)));
    }
}

impl TelemetryInstallation {
    /// Creates an installation with a new id and secret.
    pub(super) fn new() -> Result<Self, OnlineError> {
        Ok(Self {
            id: random::telemetry_id()?,
            secret: ActivationSecret::from_random(random::secret()?).reveal(),
            servers: Vec::new(),
        })
    }

    /// Returns the secret. Returns `None` if the file was damaged.
    pub(super) fn secret(&self) -> Option<ActivationSecret> {
        ActivationSecret::parse(&self.secret)
    }

    /// Divides events of this installation into the bodies of requests.
    pub(super) fn batches(&self, events: &[TelemetryEvent]) -> Vec<TelemetryBatch> {
        let Some(secret) = self.secret() else {
            return Vec::new();
        };
        TelemetryBatch::split(self.id, secret.commitment(), events.to_vec())
    }
}

impl TelemetryFile {
    /// Reads the file. A damaged file counts as missing, so telemetry is off.
    pub(super) fn read(store: &Store) -> Result<Self, OnlineError> {
        let bytes = store.read(StateFile::Telemetry, MAX_FILE);
        let bytes = match bytes {
            Err(crate::store::StoreError::TooLarge { .. }) => None,
            read => read?.map(Zeroizing::new),
        };
        let file: Option<Self> = bytes.and_then(|bytes| from_strict_json(&bytes).ok());
        let is_whole = |file: &Self| {
            let mut installations = file.installation.iter().chain(&file.deletions);
            installations.all(|one| one.secret().is_some())
                && (file.installation.is_some() || !file.is_on)
        };
        Ok(file.filter(is_whole).unwrap_or_default())
    }

    /// Writes the file, or removes it if it has nothing to remember.
    pub(super) fn write(&self, lock: &StoreLock) -> Result<(), OnlineError> {
        if self.installation.is_none() && self.deletions.is_empty() {
            lock.remove(StateFile::Telemetry)?;
            return Ok(());
        }
        // The structs have string keys only, so that the conversion does not fail.
        let bytes = Zeroizing::new(serde_json::to_vec_pretty(self).unwrap_or_default());
        Ok(lock.write(StateFile::Telemetry, &bytes)?)
    }

    /// Adds an event, which states how many were dropped before. The oldest events make room.
    pub(super) fn push(&mut self, event: TelemetryEvent) {
        self.events.push(TelemetryEvent {
            dropped: std::mem::take(&mut self.dropped),
            ..event
        });
        let size = |events: &[TelemetryEvent]| -> usize {
            events.iter().map(|event| event.to_json().len()).sum()
        };
        while self.events.len() > MAX_EVENTS || size(&self.events) > MAX_EVENT_BYTES {
            // A dropped event may itself state dropped events.
            let oldest = self.events.remove(0);
            let lost = oldest.dropped.saturating_add(1);
            self.dropped = self.dropped.saturating_add(lost);
        }
    }

    /// Turns telemetry off, and empties the queue. Forgets the installation, unless a server may
    /// have events of it.
    pub(super) fn turn_off(&mut self) {
        let installation = self.installation.take();
        let deletions = std::mem::take(&mut self.deletions);
        *self = Self {
            installation: installation.filter(|one| !one.servers.is_empty()),
            deletions,
            ..Self::default()
        };
    }

    /// Turns telemetry off, and remembers only the events that servers have to delete.
    pub(super) fn begin_deletion(&mut self) {
        self.turn_off();
        self.deletions.extend(self.installation.take());
        let excess = self.deletions.len().saturating_sub(MAX_DELETIONS);
        self.deletions.drain(..excess);
    }

    /// Records that a server has deleted the events of an installation.
    pub(super) fn end_deletion(&mut self, id: TelemetryId, server: &str) {
        for one in &mut self.deletions {
            if one.id == id {
                one.servers.retain(|url| url != server);
            }
        }
        self.deletions.retain(|one| !one.servers.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use license_core::FeatureMatrix;

    use super::*;
    use crate::state_dir::StateDir;

    fn event(number: u32) -> TelemetryEvent {
        let mut id = [0; 16];
        id[..4].copy_from_slice(&number.to_be_bytes());
        let matrix = FeatureMatrix::built_in();
        TelemetryEvent {
            id: TelemetryId(id),
            day: TelemetryDay::parse("2027-03-01").unwrap(),
            client: Version::new(0, 1, 0),
            product: matrix.product(),
            version: None,
            tier: matrix.base_tier().name(),
            os: "linux".to_owned(),
            arch: "x86_64".to_owned(),
            dropped: 0,
            quotas: Default::default(),
            refused_features: Default::default(),
            denials: Default::default(),
        }
    }

    fn turned_on() -> TelemetryFile {
        TelemetryFile {
            is_on: true,
            installation: Some(TelemetryInstallation::new().unwrap()),
            ..TelemetryFile::default()
        }
    }

    #[test]
    fn the_oldest_events_make_room_and_the_next_event_states_how_many() {
        let mut file = turned_on();
        let last = u32::try_from(MAX_EVENTS).unwrap() + 2;
        (0..=last).for_each(|number| file.push(event(number)));
        assert_eq!(file.events.len(), MAX_EVENTS);
        assert_eq!(file.events[0].id, event(3).id);
        // Each of the last three has dropped one, which the next one states.
        let stated: Vec<_> = file
            .events
            .iter()
            .rev()
            .take(4)
            .map(|e| e.dropped)
            .collect();
        assert_eq!(stated, [1, 1, 0, 0]);
        assert_eq!(file.dropped, 1);
        // A dropped event passes on what it stated.
        file.events[0].dropped = 5;
        file.push(event(last + 1));
        assert_eq!(file.dropped, 6);
    }

    #[test]
    fn a_damaged_file_means_that_telemetry_is_off() {
        let scratch = tempfile::tempdir().unwrap();
        let store = Store::new(StateDir::at(scratch.path()));
        let file = turned_on();
        file.write(&store.lock().unwrap()).unwrap();
        assert_eq!(TelemetryFile::read(&store).unwrap(), file);
        let text = serde_json::to_string(&file).unwrap();
        for damaged in [
            String::new(),
            "[]".to_owned(),
            text.replace("\"is_on\":true", "\"is_on\":1"),
            text.replace("\"secret\":\"", "\"secret\":\"x"),
            text.replace("\"dropped\"", "\"user\":\"ann\",\"dropped\""),
            text.replacen('{', "{\"is_on\":true,", 1),
            " ".repeat(MAX_FILE + 1),
        ] {
            let lock = store.lock().unwrap();
            lock.write(StateFile::Telemetry, damaged.as_bytes())
                .unwrap();
            drop(lock);
            let read = TelemetryFile::read(&store).unwrap();
            assert_eq!(read, TelemetryFile::default(), "{damaged:.60}");
        }
    }

    #[test]
    fn an_installation_is_remembered_only_while_a_server_may_have_its_events() {
        let scratch = tempfile::tempdir().unwrap();
        let store = Store::new(StateDir::at(scratch.path()));
        let mut file = turned_on();
        file.push(event(1));
        let mut unsent = file.clone();
        unsent.turn_off();
        assert_eq!(unsent, TelemetryFile::default());
        let server = "https://a.example".to_owned();
        let id = file.installation.as_ref().unwrap().id;
        file.installation
            .as_mut()
            .unwrap()
            .servers
            .push(server.clone());
        file.turn_off();
        assert!(!file.is_on && file.events.is_empty());
        assert_eq!(file.installation.as_ref().map(|one| one.id), Some(id));
        file.begin_deletion();
        assert_eq!(
            (file.installation.is_none(), file.deletions.len()),
            (true, 1)
        );
        file.write(&store.lock().unwrap()).unwrap();
        file.end_deletion(id, "https://b.example");
        assert_eq!(file.deletions.len(), 1);
        file.end_deletion(id, &server);
        file.write(&store.lock().unwrap()).unwrap();
        assert!(!store.dir().file(StateFile::Telemetry).exists());
    }
}
