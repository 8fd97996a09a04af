//! What two fingerprints have in common, and when that makes them one machine.

use std::fmt;

use serde::Serialize;

use super::ComponentKind;

/// A machine beside one that a license names.
///
/// It is the same if its id is, or most of the other components that the license names are. So a new network card locks
/// nobody out, and neither does a new system on the old hardware.
///
/// | changed since | the same machine |
/// |---|---|
/// | network card, processor, disk, board: all of them, not the machine id | yes |
/// | machine id (a new system) | yes, if most of board, network card, processor and disk are as they were |
/// | machine id and network card | yes, if board, processor and disk were named and are as they were |
/// | machine id and disk (a new system on a new disk) | yes, if board, network card and processor are as they were |
/// | machine id, disk and network card | no |
/// | all but the processor's model, which a fleet shares | no |
/// | the id that an administrator gave | no, whatever else is as it was |
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// What is the same.
    pub matching: Vec<ComponentKind>,
    /// What is another.
    pub differing: Vec<ComponentKind>,
    /// What the license names and this machine does not tell.
    pub missing: Vec<ComponentKind>,
}

impl Comparison {
    /// Whether that makes them the same machine: an id matches, or more than half of the other components that the license
    /// names do, among them two besides the processor's model.
    pub fn is_same(&self) -> bool {
        let id_matches = self.matching.iter().any(|kind| kind.is_identity());
        let others = |kinds: &[ComponentKind]| {
            let others = kinds.iter().filter(|kind| !kind.is_identity());
            others.count()
        };
        let matching = others(&self.matching);
        let named = matching + others(&self.differing) + others(&self.missing);
        let telling = matching - usize::from(self.matching.contains(&ComponentKind::Cpu));
        // An administrator gives ids to tell machines apart that are otherwise alike.
        let is_told_apart = self.differing.contains(&ComponentKind::GivenId);
        !is_told_apart && (id_matches || (matching * 2 > named && telling >= 2))
    }

    pub(crate) fn facts(&self) -> [(&'static str, &[ComponentKind]); 3] {
        [
            ("the same", &self.matching),
            ("another", &self.differing),
            ("not found here", &self.missing),
        ]
    }
}

/// `the same cpu; another id, mac; not found here uuid`.
impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (what, kinds) in self
            .facts()
            .into_iter()
            .filter(|(_, kinds)| !kinds.is_empty())
        {
            let names: Vec<_> = kinds.iter().map(|kind| kind.as_str()).collect();
            write!(f, "{separator}{what}: {}", names.join(", "))?;
            separator = "; ";
        }
        Ok(())
    }
}
