//! Ids that start with a time, so that later ones are greater.

/// Defines an id: a prefix, the time in milliseconds and random digits.
macro_rules! timed_id {
    ($(#[$attributes:meta])* $name:ident, $prefix:literal) => {
        $(#[$attributes])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Returns the id with a time and random bytes. The ids of later objects are greater.
            pub fn new(at: chrono::DateTime<chrono::Utc>, random: [u8; 10]) -> Self {
                let millis = u64::try_from(at.timestamp_millis()).unwrap_or_default();
                let random = license_core::encoding::hex::encode(&random);
                Self(format!("{}{millis:012x}{random}", $prefix))
            }

            #[doc = concat!("Parses an id: `", $prefix, "` and 32 hexadecimal digits. Returns `None`")]
            /// for another text.
            pub fn parse(text: &str) -> Option<Self> {
                let digits = text.strip_prefix($prefix)?;
                let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
                (digits.len() == 32 && digits.bytes().all(is_digit)).then(|| Self(text.to_owned()))
            }

            /// Returns the text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

pub(super) use timed_id;

#[cfg(test)]
mod tests {
    use license_core::time::parse_instant;

    use crate::domain::TrialId;

    #[test]
    fn an_id_has_one_form_and_follows_the_time() {
        let at = |text| parse_instant(text).unwrap();
        let id = TrialId::new(at("2027-01-15"), [0xab; 10]);
        assert_eq!(TrialId::parse(id.as_str()), Some(id.clone()));
        assert!(id < TrialId::new(at("2027-01-16"), [0; 10]));
        let upper = id.as_str().to_uppercase();
        for text in ["", "trl_", &upper, &format!("{id}0"), "trl_../x"] {
            assert_eq!(TrialId::parse(text), None, "{text}");
        }
    }
}
