//! Machine requests: activation, clock repair and deactivation without a network.

use std::path::PathBuf;

use license_core::chrono::{DateTime, Utc};
use license_core::ids::Nonce;
use license_core::license::Activation;
use license_core::machine::{Fingerprint, Machine, MachineDigest};
use license_core::requests::{
    ActivationRequest, ActivationSecret, ClockRequest, DeactivationReceipt, MachineRequest,
};
use license_core::{FeatureMatrix, License, LicenseId, time};

use super::LicenseManager;
use crate::activation::{ActivationState, DeactivationRecord, OpenRequest};
use crate::installation::{Installation, InstallationError, Keys};
use crate::paths::Paths;
use crate::problem::StateProblem;
use crate::sealed_file::Durability;
use crate::state::State;
use crate::store::StoreLock;

/// A request to send to the vendor, and how it relates to earlier requests.
///
/// ```
/// use license_client::PreparedRequest;
///
/// /// Returns what a dialog shows with a request.
/// fn note(prepared: &PreparedRequest) -> Option<String> {
///     if prepared.is_repeated {
///         return Some("This is the pending request again.".to_owned());
///     }
///     let date = prepared.superseded?.date_naive();
///     Some(format!("The answer to the request of {date} will be rejected."))
/// }
/// ```
#[derive(Debug)]
#[non_exhaustive]
#[must_use]
pub struct PreparedRequest {
    /// The request to send to the vendor.
    pub request: MachineRequest,
    /// The time of the earlier request that this request supersedes.
    pub superseded: Option<DateTime<Utc>>,
    /// Whether this request was already made before.
    pub is_repeated: bool,
    /// Files that could not be read or written.
    pub problems: Vec<StateProblem>,
}

/// How to treat a pending request. A request is pending until its answer is installed.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
/// # let vendor = fixture::Vendor::new()?;
/// # let machine = fixture::Workstation::with_license(&vendor, "PRO")?;
/// # let manager = &machine.manager;
/// # let license = vendor.draft("PRO")?.id;
/// use license_client::PendingRequestPolicy::{Repeat, Replace};
///
/// // `license` is the id of the license to activate.
/// let now = license_client::now();
/// let first = manager.request_activation(&license, now, Repeat)?;
/// let again = manager.request_activation(&license, now, Repeat)?;
/// assert!(again.is_repeated && again.request == first.request);
/// let other = manager.request_activation(&license, now, Replace)?;
/// assert_eq!(other.superseded, Some(now));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PendingRequestPolicy {
    /// The pending request is returned again.
    Repeat,
    /// A new request supersedes the pending one.
    Replace,
}

/// The state that requests change, under the writer lock.
pub(super) struct RequestTransaction<'h> {
    manager: &'h LicenseManager,
    lock: StoreLock,
    state: State,
    pub(super) activations: ActivationState,
    problems: Vec<StateProblem>,
}

impl LicenseManager {
    /// Requests an activation of a license for this machine.
    ///
    /// The request contains a commitment to a secret, which stays on this machine. A pending
    /// request is returned again, unless `pending` requires a new request or the machine has
    /// changed. A new request supersedes the earlier one. The answer to the earlier request is then
    /// no longer accepted. `made_at` is the time that a new request states.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let vendor = fixture::Vendor::new()?;
    /// # let machine = fixture::Workstation::with_license(&vendor, "PRO")?;
    /// # let manager = &machine.manager;
    /// # let matrix = &vendor.matrix;
    /// use license_client::PendingRequestPolicy;
    ///
    /// let snapshot = manager.inspect(matrix);
    /// let installed = snapshot.installed().ok_or("no license")?;
    /// let license = installed.verified().licenses().first().ok_or("no license")?;
    ///
    /// let now = license_client::now();
    /// let prepared = manager.request_activation(license.id(), now, PendingRequestPolicy::Repeat)?;
    /// println!("{}", prepared.request.to_armor());
    /// # let answer = vendor.answer(&prepared.request)?;
    ///
    /// // `answer` is what the vendor returned. Install it like a license.
    /// # machine.install(&vendor, &answer)?;
    /// let snapshot = manager.inspect(matrix);
    /// let installed = snapshot.installed().ok_or("no license")?;
    /// assert_eq!(installed.verified().activations().len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`InstallationError`] if nothing identifies this machine, or if the request cannot
    /// be saved.
    pub fn request_activation(
        &self,
        license: &LicenseId,
        made_at: DateTime<Utc>,
        pending: PendingRequestPolicy,
    ) -> Result<PreparedRequest, InstallationError> {
        let machine = self.fingerprint()?;
        let mut transaction = self.begin_request()?;
        let described = machine.to_string();
        let waiting = transaction.activations.open_request(license);
        if let Some(open) = waiting
            .filter(|open| pending == PendingRequestPolicy::Repeat && open.machine == described)
        {
            let request = self.activation_request(open, machine);
            return Ok(transaction.finish(request, None, true));
        }
        let open = OpenRequest {
            license: license.clone(),
            nonce: Nonce::from_random(random()?),
            secret: ActivationSecret::from_random(random()?),
            machine: described,
            made_at: time::clamp(made_at),
        };
        let request = self.activation_request(&open, machine);
        let replaced = transaction.activations.add_request(open);
        transaction.save_activations()?;
        Ok(transaction.finish(request, replaced, false))
    }

    fn activation_request(&self, open: &OpenRequest, machine: Fingerprint) -> MachineRequest {
        MachineRequest::Activation(ActivationRequest {
            product: self.product,
            license: open.license.clone(),
            machine,
            nonce: open.nonce,
            commitment: open.secret.commitment(),
            made_at: open.made_at,
        })
    }

    /// Requests a clock repair, which lowers the clock high-water mark.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let vendor = fixture::Vendor::new()?;
    /// # let machine = fixture::Workstation::with_license(&vendor, "PRO")?;
    /// # let manager = &machine.manager;
    /// use license_client::PendingRequestPolicy;
    ///
    /// let now = license_client::now();
    /// let prepared = manager.request_clock_repair(now, PendingRequestPolicy::Repeat)?;
    /// println!("{}", prepared.request.to_armor());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Same as [`Self::request_activation`].
    pub fn request_clock_repair(
        &self,
        made_at: DateTime<Utc>,
        pending: PendingRequestPolicy,
    ) -> Result<PreparedRequest, InstallationError> {
        let machine = self.fingerprint()?;
        let mut transaction = self.begin_request()?;
        let waiting = transaction
            .activations
            .open_clock_request(&transaction.state.repaired);
        let waiting = waiting.filter(|_| pending == PendingRequestPolicy::Repeat);
        let nonce = match waiting {
            Some(nonce) => nonce,
            None => Nonce::from_random(random()?),
        };
        if waiting.is_none() {
            transaction.activations.add_clock_request(nonce);
            transaction.save_activations()?;
        }
        let request = ClockRequest {
            product: self.product,
            machine,
            nonce,
            mark: transaction.state.high_water.mark(),
            made_at: time::clamp(made_at),
        };
        Ok(transaction.finish(MachineRequest::Clock(request), None, waiting.is_some()))
    }

    /// Deactivates a license on this machine, and returns the receipt for the vendor.
    ///
    /// Without `license`, the only activation of this machine is deactivated. The deactivation is
    /// recorded in both files of the state before the receipt is returned, so that the license
    /// stays unusable on this machine even if one of the files is lost. If there is no activation,
    /// the last receipt is returned again.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let vendor = fixture::Vendor::new()?;
    /// # let machine = fixture::Workstation::with_license(&vendor, "PRO")?;
    /// # let manager = &machine.manager;
    /// # machine.activate(&vendor)?;
    /// let receipt = manager.deactivate(None, license_client::now())?;
    /// println!("send this to the vendor:\n{}", receipt.request.to_armor());
    ///
    /// // A second call returns the same receipt, in case the first one was lost.
    /// assert!(manager.deactivate(None, license_client::now())?.is_repeated);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`InstallationError::NotActivated`] if there is neither an activation nor a receipt,
    /// [`InstallationError::SeveralActivations`] if `license` is `None` and this machine has more
    /// than one activation, [`InstallationError::NoMachine`] if nothing identifies this machine,
    /// and other errors if the deactivation cannot be saved.
    pub fn deactivate(
        &self,
        license: Option<&License>,
        made_at: DateTime<Utc>,
    ) -> Result<PreparedRequest, InstallationError> {
        let machine = self.digest().ok_or(InstallationError::NoMachine)?;
        let mut transaction = self.begin_request()?;
        let Some((id, nonce)) = transaction.activation_to_deactivate(license)? else {
            let receipt = transaction.receipt(license)?;
            return Ok(transaction.finish(receipt, None, true));
        };
        transaction.record_deactivations([(id, nonce)])?;
        transaction.store_receipt(nonce, machine, made_at)?;
        let receipt = transaction.receipt(license)?;
        Ok(transaction.finish(receipt, None, false))
    }

    /// Returns the path of the administrator's license file, if the file contains an activation for
    /// this machine and `is_match` returns `true` for the id of the activated license.
    ///
    /// An activation in this file applies to all users of the machine. Only an administrator can
    /// remove it.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let vendor = fixture::Vendor::new()?;
    /// # let machine = fixture::Workstation::with_license(&vendor, "PRO")?;
    /// # let manager = &machine.manager;
    /// # let matrix = &vendor.matrix;
    /// // This closure accepts the activation of any license.
    /// if let Some(path) = manager.system_activation(matrix, |_| true) {
    ///     println!("only an administrator can remove the activation in {}", path.display());
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn system_activation(
        &self,
        matrix: &FeatureMatrix,
        is_match: impl Fn(&LicenseId) -> bool,
    ) -> Option<PathBuf> {
        let paths = &self.paths;
        let (verified, path) =
            Installation::system_licenses(paths, Keys::new(self.trust()), matrix)?;
        let machine = self.machine()?;
        let applies = |activation: &Activation| {
            is_match(activation.license_id()) && activation.machine().matches(machine)
        };
        verified.activations().iter().any(applies).then_some(path)
    }

    fn fingerprint(&self) -> Result<Fingerprint, InstallationError> {
        match self.machine() {
            Some(Machine::Fingerprint(fingerprint)) if fingerprint.digest().is_some() => {
                Ok(fingerprint.clone())
            }
            _ => Err(InstallationError::NoMachine),
        }
    }

    fn begin_request(&self) -> Result<RequestTransaction<'_>, InstallationError> {
        self.begin_request_in(self.writable_paths()?)
    }

    /// Begins a request with the state of the user in these paths.
    pub(super) fn begin_request_in(
        &self,
        paths: &Paths,
    ) -> Result<RequestTransaction<'_>, InstallationError> {
        let lock = paths.user().lock()?;
        let mut loaded = State::load_locked(&lock, paths.user(), self.seal());
        if let Some(problem) = loaded.problems.pop_if(|_| loaded.is_partial) {
            return Err(problem.into());
        }
        let (activations, problem) = ActivationState::load_locked(&lock, paths.user(), self.seal());
        if let Some(problem @ StateProblem::Store(_)) = problem {
            return Err(problem.into());
        }
        let mut problems = loaded.problems;
        problems.extend(problem);
        Ok(RequestTransaction {
            manager: self,
            lock,
            state: loaded.state,
            activations,
            problems,
        })
    }
}

impl RequestTransaction<'_> {
    /// Returns the license id and the nonce of the activation to deactivate, if there is one.
    fn activation_to_deactivate(
        &self,
        license: Option<&License>,
    ) -> Result<Option<(LicenseId, Nonce)>, InstallationError> {
        let activations = &self.activations;
        if let Some(license) = license {
            return Ok(activations.active_under(license.id(), license.supersedes()));
        }
        let licenses: Vec<_> = activations.licenses().collect();
        match licenses.as_slice() {
            [] => Ok(None),
            [only] => Ok(activations.active_under(only, &[])),
            several => Err(InstallationError::SeveralActivations {
                licenses: several.iter().map(|&id| id.clone()).collect(),
            }),
        }
    }

    /// Records that these activations have ended, before a receipt discloses a secret.
    pub(super) fn record_deactivations(
        &mut self,
        ended: impl IntoIterator<Item = (LicenseId, Nonce)>,
    ) -> Result<(), InstallationError> {
        for (license, nonce) in ended {
            let mut known = self.state.deactivated.iter();
            if !known.any(|(_, other)| *other == nonce) {
                self.state.deactivated.push((license, nonce));
            }
        }
        self.save_state()
    }

    /// Removes an activation and stores its receipt.
    pub(super) fn store_receipt(
        &mut self,
        nonce: Nonce,
        machine: MachineDigest,
        made_at: DateTime<Utc>,
    ) -> Result<(), InstallationError> {
        let made_at = time::clamp(made_at);
        self.activations.deactivate(nonce, machine, made_at);
        self.save_activations()
    }

    /// Returns the latest receipt for a license, or for any license.
    pub(super) fn receipt(
        &self,
        license: Option<&License>,
    ) -> Result<MachineRequest, InstallationError> {
        let replaced = license.map(License::supersedes).unwrap_or_default();
        self.to_receipt(self.activations.receipt(license.map(License::id), replaced))
    }

    /// Returns the receipt for the activation with this nonce.
    pub(super) fn receipt_of(&self, nonce: Nonce) -> Result<MachineRequest, InstallationError> {
        self.to_receipt(self.activations.receipt_of(nonce))
    }

    fn to_receipt(
        &self,
        record: Option<&DeactivationRecord>,
    ) -> Result<MachineRequest, InstallationError> {
        let DeactivationRecord {
            license,
            nonce,
            secret,
            machine,
            made_at,
        } = record.ok_or(InstallationError::NotActivated)?;
        let secret =
            ActivationSecret::parse(&secret.reveal()).ok_or(InstallationError::NotActivated)?;
        Ok(MachineRequest::Deactivation(DeactivationReceipt {
            product: self.manager.product,
            license: license.clone(),
            machine: *machine,
            nonce: *nonce,
            secret,
            made_at: *made_at,
        }))
    }

    fn save_activations(&self) -> Result<(), InstallationError> {
        Ok(self.activations.save(&self.lock, self.manager.seal())?)
    }

    /// Writes both files of the state. Each of the files survives a loss of power.
    fn save_state(&self) -> Result<(), InstallationError> {
        let (durable, seal) = (Durability::PowerLoss, self.manager.seal());
        let saved = self.state.save(&self.lock, seal, durable, durable);
        saved.map_err(|unsaved| InstallationError::Store(unsaved.source))
    }

    pub(super) fn finish(
        self,
        request: MachineRequest,
        replaced: Option<DateTime<Utc>>,
        is_repeated: bool,
    ) -> PreparedRequest {
        PreparedRequest {
            request,
            superseded: replaced,
            is_repeated,
            problems: self.problems,
        }
    }
}

fn random<const N: usize>() -> Result<[u8; N], InstallationError> {
    super::random().ok_or(InstallationError::Random)
}
