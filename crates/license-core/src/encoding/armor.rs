//! Kinds of machine requests and their armor labels.

/// The kind of a request or receipt that a machine sends to the vendor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MachineRequestKind {
    /// A request to activate a license.
    Activation,
    /// A request to lower the clock high-water mark.
    Clock,
    /// A deactivation receipt.
    Deactivation,
}

impl MachineRequestKind {
    pub(crate) const ALL: [Self; 3] = [Self::Activation, Self::Clock, Self::Deactivation];

    /// Returns the label of the armor block, as in `-----BEGIN LICENSE ACTIVATION REQUEST-----`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Activation => "LICENSE ACTIVATION REQUEST",
            Self::Clock => "LICENSE CLOCK REQUEST",
            Self::Deactivation => "LICENSE DEACTIVATION",
        }
    }

    /// Returns a noun phrase for messages, such as `an activation request`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Activation => "an activation request",
            Self::Clock => "a clock request",
            Self::Deactivation => "a deactivation receipt",
        }
    }

    pub(crate) fn from_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.label() == label)
    }

    /// Returns the number of the kind in the compact form.
    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::Activation => 1,
            Self::Clock => 2,
            Self::Deactivation => 3,
        }
    }
}
