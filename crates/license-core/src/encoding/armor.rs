//! Labels of armored blocks that a machine sends to its vendor.

/// What a letter is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LetterKind {
    /// A request to activate a license.
    Activation,
    /// A request to repair what a machine remembers of time.
    Clock,
    /// A receipt of a deactivation.
    Deactivation,
}

impl LetterKind {
    pub(crate) const ALL: [Self; 3] = [Self::Activation, Self::Clock, Self::Deactivation];

    /// The label of its armor, as in `-----BEGIN LICENSE ACTIVATION REQUEST-----`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Activation => "LICENSE ACTIVATION REQUEST",
            Self::Clock => "LICENSE CLOCK REQUEST",
            Self::Deactivation => "LICENSE DEACTIVATION",
        }
    }

    /// What it is, for a person.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Activation => "an activation request",
            Self::Clock => "a clock request",
            Self::Deactivation => "a deactivation receipt",
        }
    }

    pub(crate) fn of_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.label() == label)
    }

    /// The byte that says so in the compact form.
    #[cfg(feature = "requests")]
    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::Activation => 1,
            Self::Clock => 2,
            Self::Deactivation => 3,
        }
    }
}
