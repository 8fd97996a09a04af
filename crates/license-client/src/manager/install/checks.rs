//! The checks of an installation, which come before anything is written.

use license_core::ProductCode;
use license_core::license::Activation;
use license_core::machine::Machine;

use super::InstallTransaction;
use crate::activation::{AnswerFault, applies_to};
use crate::installation::InstallationError;
use crate::manager::LicenseManager;
use crate::revocations::{self, InstalledList};
use crate::state_dir::StateFile;

const ACTIVATION: &str = "activation";
const CLOCK_REPAIR: &str = "clock repair";

impl LicenseManager {
    pub(super) fn check_machine(
        &self,
        what: &'static str,
        expected: &Machine,
    ) -> Result<(), InstallationError> {
        let actual = self.machine();
        if actual.is_some_and(|actual| expected.matches(actual)) {
            return Ok(());
        }
        Err(InstallationError::OtherMachine {
            what,
            expected: expected.clone(),
            actual: actual.cloned(),
        })
    }
}

impl InstallTransaction<'_> {
    pub(super) fn check_lists(&self) -> Result<Vec<InstalledList>, InstallationError> {
        let (candidate, user) = (self.candidate, self.paths.user());
        let product = candidate.matrix.product();
        let seen = revocations::with_stored(self.state.lists.clone(), user, candidate.trust);
        let file = user.dir().file(StateFile::Revocations);
        let lists = revocations::check(candidate.verified.revocations(), product, seen, &file);
        lists.map_err(|refused| InstallationError::from_list_refusal(refused, product))
    }

    /// Checks the answers to requests of this machine. Returns, for each activation, whether it is
    /// new.
    pub(super) fn check_answers(&self) -> Result<Vec<bool>, InstallationError> {
        let verified = self.candidate.verified;
        if self.is_shared() && !verified.clock_repairs().is_empty() {
            let what = CLOCK_REPAIR;
            return Err(InstallationError::NotForAllUsers { what });
        }
        for repair in verified.clock_repairs() {
            self.check_product(CLOCK_REPAIR, repair.product())?;
            self.manager.check_machine(CLOCK_REPAIR, repair.machine())?;
            let checked = self
                .activation_state
                .check_clock_repair(repair, &self.state.repaired);
            checked.map_err(|source| InstallationError::Answer {
                what: CLOCK_REPAIR,
                source,
            })?;
        }
        let activations = verified.activations().iter();
        activations
            .map(|answer| self.check_activation(answer))
            .collect()
    }

    fn check_activation(&self, answer: &Activation) -> Result<bool, InstallationError> {
        self.check_product(ACTIVATION, answer.product())?;
        self.manager.check_machine(ACTIVATION, answer.machine())?;
        let is_new = self.check_request(answer)?;
        // The installed license may no longer verify.
        let installed = self.installed().ok().flatten();
        let installed = installed
            .iter()
            .flat_map(|found| found.verified().licenses());
        let mut licenses = self.candidate.verified.licenses().iter().chain(installed);
        if licenses.any(|license| applies_to(license, answer.license_id())) {
            Ok(is_new)
        } else {
            Err(InstallationError::LicenseNotInstalled {
                license: answer.license_id().clone(),
            })
        }
    }

    /// Checks that the activation answers a request of this machine, and returns whether it is new.
    /// The state of a user contains the requests, so an activation for all users is not compared
    /// with them. It only must not have ended.
    fn check_request(&self, answer: &Activation) -> Result<bool, InstallationError> {
        if self.is_shared() {
            if self.manager.has_ended_for_all_users(answer.nonce()) {
                return Err(InstallationError::Answer {
                    what: ACTIVATION,
                    source: AnswerFault::Replayed,
                });
            }
            let mut stored = self.installed_activations().into_iter();
            return Ok(!stored.any(|known| known.id() == answer.id()));
        }
        let is_new = self
            .activation_state
            .check_activation(answer, &self.state.deactivated);
        is_new.map_err(|source| InstallationError::Answer {
            what: ACTIVATION,
            source,
        })
    }

    fn check_product(
        &self,
        what: &'static str,
        found: ProductCode,
    ) -> Result<(), InstallationError> {
        let expected = self.candidate.matrix.product();
        if found == expected {
            Ok(())
        } else {
            Err(InstallationError::OtherProduct {
                what,
                expected,
                found,
            })
        }
    }
}
