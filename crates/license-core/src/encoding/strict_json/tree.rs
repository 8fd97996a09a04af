//! A parsed JSON object that borrows the text without copying it.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{DeserializeSeed, Error, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::fault::Fault;
use super::{MAX_DEPTH, MAX_QUOTED_CHARS};

/// The number of members for which the outermost object reserves memory. A license has about as
/// many.
const USUAL_MEMBERS: usize = 16;

/// The number of members up to which duplicate names are found without allocating memory.
const FEW_MEMBERS: usize = 32;

/// A JSON value in which no object has duplicate members.
///
/// A node takes 32 bytes and a member 56. A list reserves memory for at least four of them, so each
/// array of one item takes 128 bytes for its two brackets. A tree therefore takes at most 64 times
/// the size of its text, in addition to the reserve of the outermost object.
#[derive(Debug)]
pub(super) enum Tree<'a> {
    Null,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text(Cow<'a, str>),
    Array(Vec<Tree<'a>>),
    Object(Vec<(Cow<'a, str>, Tree<'a>)>),
}

impl<'a> Tree<'a> {
    /// Parses a text that is exactly one object.
    pub(super) fn parse(text: &'a str) -> Result<Self, serde_json::Error> {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let tree = ValueSeed { levels: MAX_DEPTH }.deserialize(&mut deserializer)?;
        deserializer.end()?;
        match tree {
            Self::Object(_) => Ok(tree),
            other => Err(Error::custom(format_args!(
                "expected a JSON object, found {}",
                other.kind()
            ))),
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Unsigned(_) | Self::Signed(_) | Self::Float(_) => "a number",
            Self::Text(_) => "a string",
            Self::Array(_) => "an array",
            Self::Object(_) => "an object",
        }
    }
}

/// Parses one value, which may open this many levels of arrays and objects.
#[derive(Clone, Copy)]
struct ValueSeed {
    levels: usize,
}

impl ValueSeed {
    fn is_outermost(self) -> bool {
        self.levels == MAX_DEPTH
    }

    fn nested<E: Error>(self) -> Result<Self, E> {
        let levels = self.levels.checked_sub(1);
        let too_deep = || E::custom(format_args!("nested deeper than {MAX_DEPTH} levels"));
        levels.map(|levels| Self { levels }).ok_or_else(too_deep)
    }
}

impl<'de> DeserializeSeed<'de> for ValueSeed {
    type Value = Tree<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed {
    type Value = Tree<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Tree<'de>, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Tree<'de>, E> {
        Ok(Tree::Bool(value))
    }

    fn visit_i64<E: Error>(self, integer: i64) -> Result<Tree<'de>, E> {
        Ok(Tree::Signed(integer))
    }

    fn visit_u64<E: Error>(self, integer: u64) -> Result<Tree<'de>, E> {
        Ok(Tree::Unsigned(integer))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Tree<'de>, E> {
        Ok(Tree::Float(number))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Tree<'de>, E> {
        Ok(Tree::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Tree<'de>, E> {
        Ok(Tree::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Tree<'de>, A::Error> {
        let nested = self.nested()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(nested)? {
            list.push(item);
        }
        Ok(Tree::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Tree<'de>, A::Error> {
        let nested = self.nested()?;
        let capacity = if self.is_outermost() {
            USUAL_MEMBERS
        } else {
            0
        };
        let mut list = Vec::with_capacity(capacity);
        while let Some(Name(name)) = members.next_key()? {
            list.push((name, members.next_value_seed(nested)?));
        }
        match duplicate(&list) {
            Some(name) => Err(A::Error::custom(format_args!(
                "duplicate member `{name:.MAX_QUOTED_CHARS$}`"
            ))),
            None => Ok(Tree::Object(list)),
        }
    }
}

/// A member name with its escapes resolved, so that `"a"` and `"\u0061"` are equal.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// Returns a name that two members have. The time is linear in the number of members.
fn duplicate<'m>(members: &'m [(Cow<'_, str>, Tree<'_>)]) -> Option<&'m str> {
    let mut names = members.iter().map(|(name, _)| name.as_ref());
    if members.len() > FEW_MEMBERS {
        let mut seen = HashSet::with_capacity(members.len());
        return names.find(|name| !seen.insert(*name));
    }
    // Most names have a tag of their own, so few names are compared with those before them.
    let mut tags = 0;
    names.enumerate().find_map(|(count, name)| {
        let is_new = tags & tag(name) == 0;
        tags |= tag(name);
        let mut earlier = members.iter().take(count);
        (!is_new && earlier.any(|(other, _)| other == name)).then_some(name)
    })
}

/// Returns one of 64 bits for a name. Equal names have the same bit. The factors give the claims of
/// a license different bits.
fn tag(name: &str) -> u64 {
    let byte = |byte: Option<&u8>| byte.map_or(0, |&byte| usize::from(byte));
    let (first, last) = (name.as_bytes().first(), name.as_bytes().last());
    let bit = byte(first).wrapping_mul(7) ^ byte(last).wrapping_mul(55) ^ name.len();
    1 << (bit % 64)
}

impl<'de> IntoDeserializer<'de, Fault> for &'de Tree<'_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for &'de Tree<'_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self {
            Tree::Null => visitor.visit_unit(),
            Tree::Bool(value) => visitor.visit_bool(*value),
            Tree::Unsigned(integer) => visitor.visit_u64(*integer),
            Tree::Signed(integer) => visitor.visit_i64(*integer),
            Tree::Float(number) => visitor.visit_f64(*number),
            Tree::Text(text) => visitor.visit_borrowed_str(text),
            Tree::Array(items) => {
                let mut items = SeqDeserializer::new(items.iter());
                let value = visitor.visit_seq(&mut items)?;
                items.end().map(|()| value)
            }
            Tree::Object(members) => {
                let members = members.iter().map(|(name, value)| (name.as_ref(), value));
                let mut members = MapDeserializer::new(members);
                let value = visitor.visit_map(&mut members)?;
                members.end().map(|()| value)
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self {
            Tree::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[cfg(target_pointer_width = "64")]
    #[test]
    fn a_node_and_a_member_have_the_documented_sizes() {
        assert_eq!(size_of::<Tree<'_>>(), 32);
        assert_eq!(size_of::<(Cow<'_, str>, Tree<'_>)>(), 56);
    }

    #[test]
    fn an_array_with_more_items_than_the_type_reads_is_refused() {
        for (text, is_pair) in [(r#"{"pair":[1,2]}"#, true), (r#"{"pair":[1,2,3]}"#, false)] {
            let tree = Tree::parse(text).unwrap();
            let pairs = BTreeMap::<String, (u64, u64)>::deserialize(&tree);
            assert_eq!(pairs.is_ok(), is_pair, "{text}");
        }
    }
}
