//! Sessions of the user of the application.

use std::path::Path;

use license_core::Context;

use super::{Client, ClientError};
use crate::session::Session;

impl Client {
    /// Opens a session on the project that contains `path`, for the user of the builder, or else
    /// for the system user of this process.
    ///
    /// Every path to the project gives the same session id. The session lasts until it is dropped
    /// or the process ends.
    ///
    /// ```
    /// # const TRUST: &str = include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
    /// # ));
    /// # let scratch = tempfile::tempdir()?;
    /// # let project = scratch.path();
    /// # let client = license_client::Client::builder(license_client::TrustSet::parse(TRUST)?)
    /// #     .product(license_client::FeatureMatrix::built_in())
    /// #     .user("ann")
    /// #     .state_dir(project.join("state"))
    /// #     .build()?;
    /// let session = client.session(project)?;
    /// println!("session {} on {}", session.id(), session.root().path().display());
    /// # assert!(session.id().to_string().starts_with("sess_"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Blocking
    ///
    /// Reads the directories from `path` to the root of the project and creates a locked file.
    /// Writes the usage counts, unless another process is writing. Waits for no lock. The first
    /// session of a process also examines the session files of crashed processes.
    ///
    /// # Errors
    ///
    /// Returns [`ClientError::Project`] if no readable project is found, and
    /// [`ClientError::MissingContext`] as [`Client::decide`] does.
    pub fn session(&self, path: impl AsRef<Path>) -> Result<Session, ClientError> {
        self.session_in(&self.context(), path)
    }

    /// Opens a session in the context that the caller provides, for the user of the context, or
    /// else for the system user of this process.
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
    /// # let project = scratch.path();
    /// let (ann, bob) = (client.context().user("ann"), client.context().user("bob"));
    /// let first = client.session_in(&ann, project)?;
    /// let second = client.session_in(&bob, project)?;
    /// assert_ne!(first.id(), second.id());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Blocking
    ///
    /// Same as [`Client::session`].
    ///
    /// # Errors
    ///
    /// Same as [`Client::session`].
    pub fn session_in(
        &self,
        context: &Context<'_>,
        path: impl AsRef<Path>,
    ) -> Result<Session, ClientError> {
        let decision = self.evaluate(context)?;
        let license = decision.license().map(|license| license.id());
        let user = context.named_user();
        Session::open(&self.manager, license, user, path.as_ref()).map_err(ClientError::Project)
    }
}
