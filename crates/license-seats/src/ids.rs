//! Ids of instances and tickets, fencing numbers and secrets.

use std::fmt;

use license_core::encoding::{ValueError, hex};
use license_core::ids::Commitment;
use license_core::requests::ActivationSecret;
use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal, $expected:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name([u8; 16]);

        impl $name {
            /// Creates an id from random bytes that the caller provides.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// Returns the bytes of the id.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }

            #[doc = concat!("Parses ", $expected, ". Returns `None` for any other text.")]
            pub fn parse(text: &str) -> Option<Self> {
                text.strip_prefix($prefix).and_then(hex::decode_lower).map(Self)
            }
        }

        impl std::str::FromStr for $name {
            type Err = ValueError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::parse(text).ok_or(ValueError::new($expected))
            }
        }

        impl TryFrom<String> for $name {
            type Error = ValueError;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}{}", $prefix, hex::encode(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }
    };
}

id! {
    /// The id of an instance, which is a process in a session: `inst_` and 32 hexadecimal digits.
    ///
    /// The process chooses the id at random when it starts, and keeps it until it exits.
    ///
    /// ```
    /// use license_seats::InstanceId;
    ///
    /// let id = InstanceId::from_bytes([7; 16]);
    /// assert_eq!(id.to_string().parse(), Ok(id));
    /// assert!(InstanceId::parse("07").is_none());
    /// ```
    InstanceId, "inst_", "`inst_` and 32 hexadecimal digits in lower case"
}

id! {
    /// The id of a queue ticket: `tick_` and 32 hexadecimal digits.
    ///
    /// The server chooses the id at random, so that another caller cannot guess it.
    ///
    /// ```
    /// use license_seats::TicketId;
    ///
    /// let id = TicketId::from_bytes([7; 16]);
    /// assert_eq!(id.to_string(), format!("tick_{}", "07".repeat(16)));
    /// ```
    TicketId, "tick_", "`tick_` and 32 hexadecimal digits in lower case"
}

/// The fencing number of a lease.
///
/// The number increases with each new lease of a pool, and never with a renewal. The first lease of
/// a pool has number 1, and there are no gaps.
///
/// ```
/// use license_seats::Seq;
///
/// assert!(Seq(2) > Seq(1));
/// assert_eq!(serde_json::to_string(&Seq(2))?, "2");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Seq(pub u64);

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// 256 random bits that an instance keeps secret until it releases its seat.
///
/// ```
/// use license_seats::SeatSecret;
///
/// let secret = SeatSecret::from_bytes([7; 32]);
/// // The lease carries the commitment, which is the SHA-256 of the secret.
/// assert_eq!(secret.commitment(), SeatSecret::from_bytes([7; 32]).commitment());
/// assert_eq!(format!("{secret:?}"), "SeatSecret");
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SeatSecret([u8; 32]);

impl SeatSecret {
    /// Creates a secret from random bytes that the caller provides.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Parses 64 hexadecimal digits in lower case. Returns `None` for any other text.
    ///
    /// ```
    /// use license_seats::SeatSecret;
    ///
    /// assert!(SeatSecret::parse(&"07".repeat(32)).is_some());
    /// assert!(SeatSecret::parse("07").is_none());
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        hex::decode_lower(text).map(Self)
    }

    /// Returns the commitment to the secret: its SHA-256, which can be published.
    ///
    /// A deactivation receipt of `license-core` reveals a secret of the same form.
    pub fn commitment(&self) -> Commitment {
        ActivationSecret::from_random(self.0).commitment()
    }
}

impl fmt::Debug for SeatSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SeatSecret")
    }
}
