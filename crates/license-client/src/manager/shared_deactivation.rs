//! Deactivation for all users of a machine. The activation is in the license file of the
//! administrator, and the secret of its request is in the state of the user who made the request.

use license_core::chrono::{DateTime, Utc};
use license_core::ids::Nonce;
use license_core::license::{Activation, ArmorBlock};
use license_core::{FeatureMatrix, License, LicenseFile, LicenseId, TokenKind, TrustSet};

use super::LicenseManager;
use super::requests::PreparedRequest;
use crate::installation::{self, Installation, InstallationError, Keys};
use crate::paths::Paths;
use crate::state::State;
use crate::state_dir::StateFile;
use crate::store::Damaged;

/// The activations of one license for this machine, the newest first.
struct SharedActivations<'i> {
    license: &'i LicenseId,
    all: Vec<&'i Activation>,
}

impl LicenseManager {
    /// Deactivates a license for all users of this machine, and returns the receipt for the vendor.
    /// For the manager of one user, does what [`deactivate`](Self::deactivate) does.
    ///
    /// Removes the activations of the license from the license file of the administrator. The
    /// administrator must have made the request, because only the state of the user who made it
    /// contains the secret that the receipt discloses. The deactivation is recorded in that state
    /// first, and the same activation cannot be installed for all users again. If there is no
    /// activation, the last receipt is returned again.
    ///
    /// ```
    /// use license_client::{FeatureMatrix, LicenseManager};
    ///
    /// let matrix = FeatureMatrix::built_in();
    /// let manager = LicenseManager::for_current_user(matrix.product());
    /// # let is_run = false;
    /// # if is_run {
    /// let manager = manager.for_all_users()?;
    /// let receipt = manager.deactivate_for_all_users(matrix, None, license_client::now())?;
    /// println!("send this to the vendor:\n{}", receipt.request.to_armor());
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns the errors of [`deactivate`](Self::deactivate), and
    /// [`InstallationError::OtherRequester`] if another user made the request.
    pub fn deactivate_for_all_users(
        &self,
        matrix: &FeatureMatrix,
        license: Option<&License>,
        made_at: DateTime<Utc>,
    ) -> Result<PreparedRequest, InstallationError> {
        let Some(own) = &self.own else {
            return self.deactivate(license, made_at);
        };
        let machine = self.digest().ok_or(InstallationError::NoMachine)?;
        let paths = self.writable_paths()?;
        let mut transaction =
            self.begin_request_in(own.with_known_user().map_err(Clone::clone)?)?;
        let lock = paths.user().lock()?;
        let keys = Keys::new(self.trust());
        let installed = Installation::read(paths, keys, matrix, Damaged::Leave)?;
        let ending = installed
            .as_ref()
            .map(|found| self.shared_activations(found, license))
            .transpose()?
            .flatten();
        let Some((installed, ending)) = installed.as_ref().zip(ending) else {
            let receipt = transaction.receipt(license)?;
            return Ok(transaction.finish(receipt, None, true));
        };
        let proven = ending.requested_by(|nonce| transaction.activations.can_prove(nonce))?;
        let nonce = proven.nonce();
        let is_repeated = transaction.activations.receipt_of(nonce).is_some();
        let text = without_activations(paths, &installed.keys(paths), &ending.nonces())?;
        transaction.record_deactivations(ending.ended())?;
        let machine = proven.machine().digest().unwrap_or(machine);
        transaction.store_receipt(nonce, machine, made_at)?;
        lock.write(StateFile::License, text.as_bytes())?;
        let receipt = transaction.receipt_of(nonce)?;
        Ok(transaction.finish(receipt, None, is_repeated))
    }

    /// Returns the activations for all users that apply to a license, or those of the only
    /// activated license.
    fn shared_activations<'i>(
        &self,
        installed: &'i Installation,
        license: Option<&License>,
    ) -> Result<Option<SharedActivations<'i>>, InstallationError> {
        let Some(here) = self.machine() else {
            return Err(InstallationError::NoMachine);
        };
        let activations = installed.verified().activations().iter();
        let mut all: Vec<&Activation> = activations
            .filter(|activation| activation.machine().matches(here))
            .collect();
        all.sort_by_key(|activation| std::cmp::Reverse(activation.issued_at()));
        let mut ids: Vec<&LicenseId> = Vec::new();
        for activation in &all {
            if !ids.contains(&activation.license_id()) {
                ids.push(activation.license_id());
            }
        }
        let selected = match (license, ids.as_slice()) {
            (Some(license), ids) => {
                let replaced = license.supersedes().iter().rev();
                let mut candidates = std::iter::once(license.id()).chain(replaced);
                candidates.find_map(|id| ids.iter().find(|other| **other == id).copied())
            }
            (None, []) => None,
            (None, [only]) => Some(*only),
            (None, several) => {
                let licenses = several.iter().map(|&id| id.clone()).collect();
                return Err(InstallationError::SeveralActivations { licenses });
            }
        };
        Ok(selected.map(|license| {
            all.retain(|activation| activation.license_id() == license);
            SharedActivations { license, all }
        }))
    }

    /// Returns whether the administrator has ended the activation with this nonce.
    pub(super) fn has_ended_for_all_users(&self, nonce: Nonce) -> bool {
        let own = self.own.as_ref().map(Paths::user);
        own.is_some_and(|own| {
            let state = State::load(own, self.seal(), Damaged::Leave).state;
            state.deactivated.iter().any(|(_, ended)| *ended == nonce)
        })
    }
}

impl<'i> SharedActivations<'i> {
    /// Returns the newest activation whose request this user made.
    fn requested_by(
        &self,
        is_own: impl Fn(Nonce) -> bool,
    ) -> Result<&'i Activation, InstallationError> {
        let mut all = self.all.iter();
        let own = all.find(|activation| is_own(activation.nonce())).copied();
        own.ok_or_else(|| InstallationError::OtherRequester {
            license: self.license.clone(),
            activations: self.all.iter().map(|other| other.id().clone()).collect(),
        })
    }

    fn nonces(&self) -> Vec<Nonce> {
        self.all
            .iter()
            .map(|activation| activation.nonce())
            .collect()
    }

    /// Returns the license and the nonce of each activation.
    fn ended(&self) -> Vec<(LicenseId, Nonce)> {
        let nonces = self.nonces().into_iter();
        nonces.map(|nonce| (self.license.clone(), nonce)).collect()
    }
}

/// Returns the text of the license file without the activations with these nonces.
fn without_activations(
    paths: &Paths,
    trust: &TrustSet,
    nonces: &[Nonce],
) -> Result<String, InstallationError> {
    let text = installation::read_text(paths.user(), StateFile::License)?;
    let text = text.ok_or(InstallationError::NotActivated)?;
    // The file was verified before.
    let file = LicenseFile::parse(&text).map_err(|_| InstallationError::NotActivated)?;
    let stays = |block: &&ArmorBlock<'_>| {
        let is_activation = block.token.unverified_kind() == TokenKind::Activation;
        let activation = is_activation.then(|| block.token.verify_activation(trust).ok());
        let activation = activation.flatten();
        activation.is_none_or(|activation| !nonces.contains(&activation.nonce()))
    };
    let blocks = file.blocks().iter().filter(stays);
    Ok(blocks.map(|block| block.token.to_armor()).collect())
}
