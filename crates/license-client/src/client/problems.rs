//! Problems with the license and the state, as text.

use std::path::PathBuf;

use super::Client;

impl Client {
    /// Returns the first problem with the license or the state, in one line with its causes.
    pub fn problem(&self) -> Option<String> {
        self.problems().into_iter().next()
    }

    /// Returns all problems with the license and the state, each in one line with its causes.
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

/// Returns an error and its causes in one line.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line = format!("{line}: {error}");
        cause = error.source();
    }
    line
}
