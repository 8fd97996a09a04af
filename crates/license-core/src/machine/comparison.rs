//! Comparison of two fingerprints.

use std::fmt;

use serde::Serialize;

use super::ComponentKind;

/// Comparison of a machine with the fingerprint in a license.
///
/// The machine is the same if its id is equal, or if most of the other components in the license
/// are equal. A license therefore survives a new network card. It also survives a new operating
/// system on the same hardware, which changes the machine id.
///
/// | changed components | same machine |
/// |---|---|
/// | network card, processor, disk and board, but not the machine id | yes |
/// | machine id | yes, if most of board, network card, processor and disk are unchanged |
/// | machine id and network card | yes, if board, processor and disk are known and unchanged |
/// | machine id and disk | yes, if board, network card and processor are known and unchanged |
/// | machine id, disk and network card | no |
/// | all components except the processor model, which many machines share | no |
/// | the id that an administrator assigned | no, even if nothing else changed |
///
/// ```
/// use license_core::machine::Fingerprint;
///
/// let licensed: Fingerprint =
///     "fp1:id=0123456789abcdef01234567,mac=89abcdef0123456789abcdef".parse()?;
/// let with_new_card: Fingerprint =
///     "fp1:id=0123456789abcdef01234567,mac=0123456789abcdef89abcdef".parse()?;
/// let comparison = with_new_card.compare(&licensed);
/// assert!(comparison.is_same());
/// assert_eq!(comparison.to_string(), "same: id; different: mac");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FingerprintComparison {
    /// The components that are equal.
    pub matching: Vec<ComponentKind>,
    /// The components that differ.
    pub differing: Vec<ComponentKind>,
    /// The components in the license that were not found on the machine.
    pub missing: Vec<ComponentKind>,
}

impl FingerprintComparison {
    /// Returns whether the machine is the one that the license names.
    ///
    /// The machine is the same if an id matches. Without a matching id, more than half of the other
    /// components in the license must match, and at least two matching components must not be the
    /// processor model. A machine with another configured id is always another machine.
    ///
    /// ```
    /// use license_core::machine::Fingerprint;
    ///
    /// let licensed: Fingerprint = "fp1:id=0123456789abcdef01234567".parse()?;
    /// let other: Fingerprint = "fp1:id=89abcdef0123456789abcdef".parse()?;
    /// assert!(licensed.compare(&licensed).is_same());
    /// assert!(!other.compare(&licensed).is_same());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_same(&self) -> bool {
        let id_matches = self.matching.iter().any(|kind| kind.is_identity());
        let count_others = |kinds: &[ComponentKind]| {
            let others = kinds.iter().filter(|kind| !kind.is_identity());
            others.count()
        };
        let matching = count_others(&self.matching);
        let licensed = matching + count_others(&self.differing) + count_others(&self.missing);
        let significant = matching - usize::from(self.matching.contains(&ComponentKind::Cpu));
        // An administrator assigns ids to distinguish machines that are otherwise equal.
        let has_other_assigned_id = self.differing.contains(&ComponentKind::AssignedId);
        !has_other_assigned_id && (id_matches || (matching * 2 > licensed && significant >= 2))
    }

    /// Returns the components by result, with the label of each result.
    fn labeled(&self) -> [(&'static str, &[ComponentKind]); 3] {
        [
            ("same", &self.matching),
            ("different", &self.differing),
            ("not found", &self.missing),
        ]
    }
}

/// Writes `same: cpu; different: id, mac; not found: uuid`.
impl fmt::Display for FingerprintComparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (label, kinds) in self
            .labeled()
            .into_iter()
            .filter(|(_, kinds)| !kinds.is_empty())
        {
            let names: Vec<_> = kinds.iter().map(|kind| kind.as_str()).collect();
            write!(f, "{separator}{label}: {}", names.join(", "))?;
            separator = "; ";
        }
        Ok(())
    }
}
