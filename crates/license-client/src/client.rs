//! What an application links.

use license_core::{Context, Decision, Matrix, TrustSet};

use crate::{Installation, InstallationError, StateDir, Store, now};

/// Answers "may this be used, here and now?" from the installed license.
///
/// A missing or damaged license never keeps a program from starting: what is left is the base tier, and
/// [`Client::problem`] says what is wrong.
#[derive(Debug)]
pub struct Client {
    matrix: Matrix,
    installation: Option<Installation>,
    problem: Option<InstallationError>,
}

impl Client {
    /// Opens what is installed for this user, for the default product.
    pub fn open(trust: &TrustSet) -> Self {
        let matrix = Matrix::built_in();
        match StateDir::of_this_user(matrix.product().as_str()) {
            Ok(dir) => Self::open_at(dir, trust, matrix),
            Err(error) => Self {
                matrix: matrix.clone(),
                installation: None,
                problem: Some(InstallationError::Home(error)),
            },
        }
    }

    /// Opens what is installed in a certain place, for a certain product.
    pub fn open_at(dir: StateDir, trust: &TrustSet, matrix: &Matrix) -> Self {
        let (installation, problem) = match Installation::load(&Store::new(dir), trust, matrix) {
            Ok(installation) => (installation, None),
            Err(problem) => (None, Some(problem)),
        };
        Self {
            matrix: matrix.clone(),
            installation,
            problem,
        }
    }

    /// Decides at what the clock shows, for nobody in particular.
    pub fn decide(&self) -> Decision {
        self.decide_in(&Context::at(now()))
    }

    /// Decides in a context of the caller's: user, version, usage type, another instant.
    pub fn decide_in(&self, context: &Context<'_>) -> Decision {
        match &self.installation {
            Some(installation) => installation.bundle().evaluate(&self.matrix, context),
            None => Decision::without_license(&self.matrix, context.clock()),
        }
    }

    /// The product's tiers.
    pub fn matrix(&self) -> &Matrix {
        &self.matrix
    }

    /// Why the installed license could not be used, if that is so.
    pub fn problem(&self) -> Option<&InstallationError> {
        self.problem.as_ref()
    }
}
