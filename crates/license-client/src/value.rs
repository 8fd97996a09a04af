//! Text form of enums whose values have fixed names.

/// Implements `FromStr`, `Display` and serde with the functions `parse` and `as_str` of the type.
/// `parse` returns an `Option`. The JSON form is the text that `Display` prints.
macro_rules! named_value {
    ($type:ty, $expected:literal) => {
        impl std::str::FromStr for $type {
            type Err = license_core::encoding::ValueError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::parse(text).ok_or(license_core::encoding::ValueError::new($expected))
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use named_value;

#[cfg(test)]
mod tests {
    use std::fmt::{Debug, Display};
    use std::str::FromStr;

    use license_core::encoding::ValueError;
    use serde::Serialize;
    use serde::de::DeserializeOwned;
    use serde_json::{from_value, json};

    use crate::machine::{Platform, Stability};
    use crate::state_dir::StateFile;

    fn check<T>(all: &[T], foreign: &[&str])
    where
        T: FromStr<Err = ValueError> + Display + Debug + PartialEq + Serialize + DeserializeOwned,
    {
        for value in all {
            let text = value.to_string();
            assert_eq!(text.parse().as_ref(), Ok(value), "{text}");
            assert_eq!(json!(value), json!(text));
            assert_eq!(from_value::<T>(json!(text)).as_ref().ok(), Some(value));
        }
        for text in foreign {
            assert!(text.parse::<T>().is_err(), "{text}");
            assert!(from_value::<T>(json!(text)).is_err(), "{text}");
        }
        assert!(from_value::<T>(json!(null)).is_err());
        assert!(from_value::<T>(json!({ (all[0].to_string()): null })).is_err());
    }

    #[test]
    fn every_name_round_trips_as_text_and_as_json() {
        check(Platform::ALL, &["", "Linux", "linux "]);
        check(Stability::ALL, &["", "good", "STABLE"]);
        check(StateFile::ALL, &["", ".lock", "license", "../quota"]);
    }
}
