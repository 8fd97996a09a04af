//! The meanings of colors.

/// The meaning of a color. The colored text has the same meaning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Tone {
    /// Without a meaning.
    #[default]
    Neutral,
    /// Everything is as it should be.
    Good,
    /// Something needs attention soon.
    Warning,
    /// Something needs attention now.
    Danger,
}

impl Tone {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Neutral => "neutral",
            Self::Good => "good",
            Self::Warning => "warning",
            Self::Danger => "danger",
        }
    }
}
