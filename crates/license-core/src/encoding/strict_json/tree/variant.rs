//! Variants of enums: a string, or an object with one member.

use serde::Deserializer as _;
use serde::de::value::BorrowedStrDeserializer;
use serde::de::{DeserializeSeed, EnumAccess, Error, Unexpected, VariantAccess, Visitor};

use super::TreeValue;
use crate::encoding::strict_json::fault::Fault;

/// A variant with content, such as `{"seats": 2}`.
pub(super) struct TaggedVariant<'t> {
    pub(super) name: &'t str,
    pub(super) content: TreeValue<'t>,
}

impl<'de> EnumAccess<'de> for TaggedVariant<'de> {
    type Error = Fault;
    type Variant = VariantContent<'de>;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Self::Variant), Fault> {
        let name = seed.deserialize(BorrowedStrDeserializer::new(self.name))?;
        Ok((name, VariantContent(self.content)))
    }
}

/// The content of a variant.
pub(super) struct VariantContent<'t>(TreeValue<'t>);

impl<'de> VariantAccess<'de> for VariantContent<'de> {
    type Error = Fault;

    /// Refuses the second form of a variant without content, such as `{"none": null}`.
    fn unit_variant(self) -> Result<(), Fault> {
        Err(Fault::invalid_type(Unexpected::Map, &"a string"))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Fault> {
        seed.deserialize(self.0)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Fault> {
        self.0.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.0.deserialize_any(visitor)
    }
}
