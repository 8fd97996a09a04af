//! Kinds of machine requests and their armor labels.

use super::value::named_value;

/// The kind of a request or receipt that a machine sends to the vendor.
///
/// ```
/// use license_core::requests::MachineRequestKind;
///
/// let kind: MachineRequestKind = "LICENSE CLOCK REQUEST".parse()?;
/// assert_eq!(kind, MachineRequestKind::Clock);
/// assert_eq!(kind.name(), "a clock request");
/// # Ok::<(), license_core::encoding::ValueError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
    /// Returns the label of the armor block, as in `-----BEGIN LICENSE ACTIVATION REQUEST-----`.
    ///
    /// ```
    /// use license_core::requests::MachineRequestKind;
    ///
    /// assert_eq!(MachineRequestKind::Clock.label(), "LICENSE CLOCK REQUEST");
    /// ```
    pub const fn label(self) -> &'static str {
        match self {
            Self::Activation => "LICENSE ACTIVATION REQUEST",
            Self::Clock => "LICENSE CLOCK REQUEST",
            Self::Deactivation => "LICENSE DEACTIVATION",
        }
    }

    /// Returns the label of the armor block, which is also the text form of the kind.
    pub const fn as_str(self) -> &'static str {
        self.label()
    }

    /// Returns a noun phrase for messages, such as `an activation request`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Activation => "an activation request",
            Self::Clock => "a clock request",
            Self::Deactivation => "a deactivation receipt",
        }
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

named_value!(
    MachineRequestKind,
    "kind",
    "`LICENSE ACTIVATION REQUEST`, `LICENSE CLOCK REQUEST` or `LICENSE DEACTIVATION`",
    [Activation, Clock, Deactivation]
);
