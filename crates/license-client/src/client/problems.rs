//! Problems with the license and the state, as text.

use std::path::PathBuf;

use license_core::with_causes;

use super::Client;

impl Client {
    /// Returns the first problem with the license or the state, in one line with its causes. A
    /// missing license is not a problem.
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
    /// if let Some(problem) = client.problem() {
    ///     eprintln!("{problem}");
    /// }
    /// # assert_eq!(client.problem(), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn problem(&self) -> Option<String> {
        self.problems().into_iter().next()
    }

    /// Returns all problems with the license and the state, each in one line with its causes. A
    /// missing license is not a problem.
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
    /// for problem in client.problems() {
    ///     eprintln!("{problem}");
    /// }
    /// # assert!(client.problems().is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn problems(&self) -> Vec<String> {
        let current = self.snapshot();
        let mut problems = Vec::new();
        match &current.installation {
            Err(error) => problems.push(with_causes(error)),
            Ok(found) => {
                let others = found.iter().flat_map(|found| found.problems());
                problems.extend(others.map(|error| with_causes(error)));
            }
        }
        let describe =
            |path: &PathBuf| format!("a damaged license was quarantined as {}", path.display());
        problems.extend(current.quarantined.iter().map(describe));
        problems.extend(self.manager.rejected_id());
        problems.extend(current.problems.iter().map(|error| with_causes(error)));
        problems
    }
}
