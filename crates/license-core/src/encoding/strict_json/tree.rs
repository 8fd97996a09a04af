//! A parsed JSON object that borrows the text without copying it.

mod variant;

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::value::{BorrowedStrDeserializer, MapDeserializer, SeqDeserializer};
use serde::de::{DeserializeSeed, Error, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::MAX_DEPTH;
use super::fault::Fault;
use crate::encoding::count_bytes;
use crate::encoding::quoted::quoted;
use variant::TaggedVariant;

/// The number of members up to which duplicate names are found without allocating memory.
const FEW_MEMBERS: usize = 32;

/// A JSON object in which no object has duplicate members.
///
/// The nodes are in the order of the text: an array or object comes before its items.
///
/// A node takes 24 bytes, the text of a node takes at least 2, and the list of nodes never grows.
/// A tree therefore takes at most 12 times the size of its text. In addition, the names of one
/// object at a time are collected to find duplicates, so that parsing takes at most 16 times the
/// size of the text. Parsing takes time in proportion to the text.
#[derive(Debug)]
pub(crate) struct Tree<'a> {
    nodes: Vec<Node<'a>>,
}

#[derive(Debug)]
enum Node<'a> {
    Null,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text(Cow<'a, str>),
    /// An array with its number of items, and the number of nodes of all items.
    Array {
        items: usize,
        nodes: usize,
    },
    /// An object with the number of nodes of all members. A member is a text and a value.
    Object {
        nodes: usize,
    },
}

impl<'a> Tree<'a> {
    /// Parses a text that is exactly one object.
    pub(super) fn parse(text: &'a str) -> Result<Self, serde_json::Error> {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let mut nodes = Vec::with_capacity(max_nodes(text));
        let seed = NodeSeed {
            nodes: &mut nodes,
            levels: MAX_DEPTH,
        };
        seed.deserialize(&mut deserializer)?;
        deserializer.end()?;
        match nodes.first() {
            Some(Node::Object { .. }) => Ok(Self { nodes }),
            other => Err(Error::custom(format_args!(
                "expected a JSON object, found {}",
                other.map_or("nothing", Node::kind)
            ))),
        }
    }

    /// Returns the object.
    pub(crate) fn root(&self) -> TreeValue<'_> {
        Values(&self.nodes).next().unwrap_or(TreeValue {
            node: &Node::Null,
            children: Values(&[]),
        })
    }
}

/// Returns the maximum number of nodes of a text.
///
/// Each node except the root follows one of four characters. Such a character may also be part of a
/// string, or come before the end of an empty array. Each node except the root has at least two
/// characters of its own: this one, and a character of a value or the end of an array or object.
fn max_nodes(text: &str) -> usize {
    let precedes_node = |byte| matches!(byte, b',' | b':' | b'[' | b'{');
    let count = count_bytes(text.as_bytes(), precedes_node);
    count.min(text.len() / 2) + 1
}

impl Node<'_> {
    fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Unsigned(_) | Self::Signed(_) | Self::Float(_) => "a number",
            Self::Text(_) => "a string",
            Self::Array { .. } => "an array",
            Self::Object { .. } => "an object",
        }
    }
}

/// Parses one value and appends its nodes. The value may open at most `levels` nested arrays and
/// objects.
struct NodeSeed<'n, 'a> {
    nodes: &'n mut Vec<Node<'a>>,
    levels: usize,
}

impl<'a> NodeSeed<'_, 'a> {
    fn push<E>(self, node: Node<'a>) -> Result<(), E> {
        self.nodes.push(node);
        Ok(())
    }

    /// Returns the seed of an item or a member.
    fn nested<E: Error>(&mut self) -> Result<NodeSeed<'_, 'a>, E> {
        let too_deep = || E::custom(format_args!("nested deeper than {MAX_DEPTH} levels"));
        Ok(NodeSeed {
            levels: self.levels.checked_sub(1).ok_or_else(too_deep)?,
            nodes: self.nodes,
        })
    }

    /// Replaces the node at this index, which was appended before its items.
    fn close(self, index: usize, node: impl FnOnce(usize) -> Node<'a>) {
        let node = node(self.nodes.len() - index - 1);
        if let Some(opened) = self.nodes.get_mut(index) {
            *opened = node;
        }
    }
}

impl<'de> DeserializeSeed<'de> for NodeSeed<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for NodeSeed<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.push(Node::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.push(Node::Bool(value))
    }

    fn visit_i64<E: Error>(self, integer: i64) -> Result<(), E> {
        self.push(Node::Signed(integer))
    }

    fn visit_u64<E: Error>(self, integer: u64) -> Result<(), E> {
        self.push(Node::Unsigned(integer))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<(), E> {
        self.push(Node::Float(number))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<(), E> {
        self.push(Node::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.push(Node::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        let index = self.nodes.len();
        self.nodes.push(Node::Null);
        let mut items = 0;
        while list.next_element_seed(self.nested()?)?.is_some() {
            items += 1;
        }
        self.close(index, |nodes| Node::Array { items, nodes });
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        let index = self.nodes.len();
        self.nodes.push(Node::Null);
        let mut count = 0;
        while let Some(Name(name)) = members.next_key()? {
            self.nodes.push(Node::Text(name));
            members.next_value_seed(self.nested()?)?;
            count += 1;
        }
        let nodes = self.nodes.get(index + 1..).unwrap_or_default();
        if let Some(name) = duplicate(ObjectMembers(Values(nodes)), count) {
            return Err(A::Error::custom(format_args!(
                "duplicate member `{}`",
                quoted(name)
            )));
        }
        self.close(index, |nodes| Node::Object { nodes });
        Ok(())
    }
}

/// A member name with its escapes resolved, so that `"a"` and `"\u0061"` are equal.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// Returns a name that two of `count` members have. The time is linear in the number of nodes.
fn duplicate<'t>(members: ObjectMembers<'t>, count: usize) -> Option<&'t str> {
    let mut names = members.map(|(name, _)| name);
    if count > FEW_MEMBERS {
        let mut seen = HashSet::with_capacity(count);
        return names.find(|name| !seen.insert(*name));
    }
    // Most names have a unique tag, so few names are compared with the earlier names.
    let mut tags = 0;
    names.enumerate().find_map(|(index, name)| {
        let is_new = tags & tag(name) == 0;
        tags |= tag(name);
        let mut earlier = members.take(index);
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

/// A value in a tree, as a deserializer. It is serialized as in the text.
#[derive(Clone, Copy)]
pub(crate) struct TreeValue<'t> {
    node: &'t Node<'t>,
    /// The items of an array or the members of an object.
    children: Values<'t>,
}

impl<'t> TreeValue<'t> {
    /// Returns the value of a member, if this value is an object that has it.
    pub(crate) fn get(self, name: &str) -> Option<Self> {
        let is_object = matches!(self.node, Node::Object { .. });
        let mut members = ObjectMembers(self.children);
        let found = members.find(|(other, _)| is_object && *other == name);
        found.map(|(_, value)| value)
    }

    /// Returns an integer from 0 to 2^64 - 1.
    pub(crate) fn as_u64(self) -> Option<u64> {
        match self.node {
            Node::Unsigned(integer) => Some(*integer),
            _ => None,
        }
    }

    /// Returns a string.
    pub(crate) fn as_str(self) -> Option<&'t str> {
        match self.node {
            Node::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl Serialize for TreeValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.node {
            Node::Null => serializer.serialize_unit(),
            Node::Bool(value) => serializer.serialize_bool(*value),
            Node::Unsigned(integer) => serializer.serialize_u64(*integer),
            Node::Signed(integer) => serializer.serialize_i64(*integer),
            Node::Float(number) => serializer.serialize_f64(*number),
            Node::Text(text) => serializer.serialize_str(text),
            Node::Array { .. } => serializer.collect_seq(self.children),
            Node::Object { .. } => serializer.collect_map(ObjectMembers(self.children)),
        }
    }
}

/// The values that these nodes represent.
#[derive(Clone, Copy)]
struct Values<'t>(&'t [Node<'t>]);

impl<'t> Iterator for Values<'t> {
    type Item = TreeValue<'t>;

    fn next(&mut self) -> Option<TreeValue<'t>> {
        let (node, rest) = self.0.split_first()?;
        let nodes = match node {
            Node::Array { nodes, .. } | Node::Object { nodes } => *nodes,
            _ => 0,
        };
        let (children, rest) = rest.split_at_checked(nodes)?;
        self.0 = rest;
        let children = Self(children);
        Some(TreeValue { node, children })
    }
}

/// The items of an array, with their exact number as a hint.
struct ArrayItems<'t> {
    values: Values<'t>,
    remaining: usize,
}

impl<'t> Iterator for ArrayItems<'t> {
    type Item = TreeValue<'t>;

    fn next(&mut self) -> Option<TreeValue<'t>> {
        self.remaining = self.remaining.checked_sub(1)?;
        self.values.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.remaining, Some(self.remaining))
    }
}

/// The members of an object.
#[derive(Clone, Copy)]
struct ObjectMembers<'t>(Values<'t>);

impl<'t> Iterator for ObjectMembers<'t> {
    type Item = (&'t str, TreeValue<'t>);

    fn next(&mut self) -> Option<(&'t str, TreeValue<'t>)> {
        let (Node::Text(name), values) = self.0.0.split_first()? else {
            return None;
        };
        self.0 = Values(values);
        Some((name, self.0.next()?))
    }
}

impl<'de> IntoDeserializer<'de, Fault> for TreeValue<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for TreeValue<'de> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.node {
            Node::Null => visitor.visit_unit(),
            Node::Bool(value) => visitor.visit_bool(*value),
            Node::Unsigned(integer) => visitor.visit_u64(*integer),
            Node::Signed(integer) => visitor.visit_i64(*integer),
            Node::Float(number) => visitor.visit_f64(*number),
            Node::Text(text) => visitor.visit_borrowed_str(text),
            Node::Array { items, .. } => {
                let items = ArrayItems {
                    values: self.children,
                    remaining: *items,
                };
                let mut items = SeqDeserializer::new(items);
                let value = visitor.visit_seq(&mut items)?;
                items.end().map(|()| value)
            }
            Node::Object { .. } => {
                let mut members = MapDeserializer::new(ObjectMembers(self.children));
                let value = visitor.visit_map(&mut members)?;
                members.end().map(|()| value)
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.node {
            Node::Null => visitor.visit_none(),
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

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.node {
            Node::Text(name) => visitor.visit_enum(BorrowedStrDeserializer::new(name)),
            Node::Object { .. } => {
                let mut members = ObjectMembers(self.children);
                match (members.next(), members.next()) {
                    (Some((name, content)), None) => {
                        visitor.visit_enum(TaggedVariant { name, content })
                    }
                    _ => self.deserialize_any(visitor),
                }
            }
            _ => self.deserialize_any(visitor),
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

#[cfg(test)]
mod tests;
