//! One claim, read as the type that it must have.

use std::borrow::Cow;

use crate::json::{self, Json};
use crate::license::terms::{CheckIn, MAX_SPAN, Renewal};
use crate::token::VerifyError;
use crate::trust::TrustedKey;
use crate::{Company, ProductCode, Quota, Tier, Timestamp};

const TEXT: &str = "a string that is not empty";
const TEXTS: &str = "an array of strings that are not empty";
const SECONDS: &str = "whole seconds from 0 to 253402300799";
const COUNT: &str = "an integer from 0 on";

/// A claim of a payload, if it is there.
#[derive(Clone, Copy)]
pub(super) struct Claim<'j> {
    name: &'static str,
    value: Option<&'j Json<'j>>,
}

pub(super) fn wrong(
    claim: &'static str,
    expected: &'static str,
    found: Option<&'static str>,
) -> VerifyError {
    VerifyError::Claim {
        claim,
        expected,
        found: found.unwrap_or("nothing"),
    }
}

impl<'j> Claim<'j> {
    pub(super) fn new(members: &'j json::Object<'_>, name: &'static str) -> Self {
        let value = members
            .iter()
            .find(|(other, _)| other == name)
            .map(|(_, value)| value);
        Self { name, value }
    }

    pub(super) fn name(self) -> &'static str {
        self.name
    }

    pub(super) fn value(self) -> Option<&'j Json<'j>> {
        self.value
    }

    fn wrong(self, expected: &'static str) -> VerifyError {
        wrong(self.name, expected, self.value.map(Json::type_name))
    }

    /// The right type, but a value out of its bounds.
    fn out_of_bounds(self, expected: &'static str) -> VerifyError {
        wrong(self.name, expected, Some("another value"))
    }

    /// This claim if it is there. JSON's `null` is a value of the wrong type, not an absence.
    pub(super) fn optional(self) -> Option<Self> {
        self.value.map(|_| self)
    }

    pub(super) fn text(self) -> Result<&'j str, VerifyError> {
        match self.value {
            Some(Json::String(text)) if !text.is_empty() => Ok(text),
            _ => Err(self.wrong(TEXT)),
        }
    }

    pub(super) fn optional_text(self) -> Result<Option<&'j str>, VerifyError> {
        self.optional().map(Self::text).transpose()
    }

    pub(super) fn texts(self) -> Result<Vec<&'j str>, VerifyError> {
        let Some(Json::Array(items)) = self.value else {
            return Err(self.wrong(TEXTS));
        };
        let text = |item: &'j Json<'j>| match item {
            Json::String(text) if !text.is_empty() => Ok(text.as_ref()),
            _ => Err(wrong(self.name, TEXTS, Some("something else in it"))),
        };
        items.iter().map(text).collect()
    }

    pub(super) fn optional_texts(self) -> Result<Option<Vec<&'j str>>, VerifyError> {
        self.optional().map(Self::texts).transpose()
    }

    /// A list that restricts something; empty, it would say nothing or forbid everything.
    pub(super) fn names(self) -> Result<Option<Box<[Box<str>]>>, VerifyError> {
        match self.optional_texts()? {
            Some(names) if names.is_empty() => Err(wrong(self.name, TEXTS, Some("an empty one"))),
            names => Ok(names.map(|names| names.into_iter().map(Into::into).collect())),
        }
    }

    pub(super) fn flag(self) -> Result<bool, VerifyError> {
        match self.value {
            None => Ok(false),
            Some(Json::Bool(flag)) => Ok(*flag),
            Some(_) => Err(self.wrong("true or false")),
        }
    }

    pub(super) fn integer(self) -> Result<i64, VerifyError> {
        match self.value {
            Some(Json::Integer(number)) => Ok(*number),
            _ => Err(self.wrong("an integer")),
        }
    }

    pub(super) fn count(self) -> Result<u64, VerifyError> {
        let number = self.integer()?;
        u64::try_from(number).map_err(|_| self.out_of_bounds(COUNT))
    }

    pub(super) fn optional_positive(self) -> Result<Option<u64>, VerifyError> {
        match self.optional().map(Self::count).transpose()? {
            Some(0) => Err(self.out_of_bounds("an integer from 1 on")),
            count => Ok(count),
        }
    }

    pub(super) fn timestamp(self) -> Result<Timestamp, VerifyError> {
        match self.value {
            Some(Json::Integer(seconds)) => u64::try_from(*seconds)
                .ok()
                .and_then(Timestamp::from_unix_seconds)
                .ok_or(self.out_of_bounds(SECONDS)),
            _ => Err(self.wrong(SECONDS)),
        }
    }

    pub(super) fn optional_timestamp(self) -> Result<Option<Timestamp>, VerifyError> {
        self.optional().map(Self::timestamp).transpose()
    }

    pub(super) fn optional_named<T>(
        self,
        parse: fn(&str) -> Option<T>,
        expected: &'static str,
    ) -> Result<Option<T>, VerifyError> {
        let Some(text) = self.optional_text()? else {
            return Ok(None);
        };
        parse(text).map(Some).ok_or(self.out_of_bounds(expected))
    }

    pub(super) fn product(self) -> Result<ProductCode, VerifyError> {
        ProductCode::parse(self.text()?).map_err(|error| self.out_of_bounds(error.expected))
    }

    pub(super) fn tier(self) -> Result<Tier, VerifyError> {
        Tier::parse(self.text()?).map_err(|error| self.out_of_bounds(error.expected))
    }

    pub(super) fn company(self) -> Result<Option<Company>, VerifyError> {
        let Some(text) = self.optional_text()? else {
            return Ok(None);
        };
        Company::parse(text)
            .map(Some)
            .map_err(|error| self.out_of_bounds(error.expected))
    }

    pub(super) fn version_requirement(self) -> Result<Option<semver::VersionReq>, VerifyError> {
        let parse = |text: &str| semver::VersionReq::parse(text).ok();
        self.optional_named(parse, "a semantic version requirement such as `<3.0.0`")
    }

    pub(super) fn quotas(self) -> Result<Vec<(&'j str, Quota)>, VerifyError> {
        const EXPECTED: &str = "an object of integers from -1 on";
        let Some(Json::Object(members)) = self.value else {
            return Err(self.wrong(EXPECTED));
        };
        let quota = |(name, value): &'j (Cow<'j, str>, Json<'j>)| match value {
            Json::Integer(number) => Some((name.as_ref(), Quota::from_number(*number)?)),
            _ => None,
        };
        let quotas: Option<_> = members.iter().map(quota).collect();
        quotas.ok_or_else(|| wrong(self.name, EXPECTED, Some("something else in it")))
    }

    /// Two whole numbers of an object.
    fn pair(
        self,
        first: &str,
        second: &str,
        expected: &'static str,
    ) -> Result<Option<(u64, u64)>, VerifyError> {
        let members = match self.value {
            None => return Ok(None),
            Some(Json::Object(members)) => members,
            Some(_) => return Err(self.wrong(expected)),
        };
        let number = |name: &str| match members.iter().find(|(other, _)| other == name) {
            Some((_, Json::Integer(number))) => u64::try_from(*number).ok(),
            _ => None,
        };
        let pair = number(first).zip(number(second));
        pair.map(Some).ok_or(self.out_of_bounds(expected))
    }

    pub(super) fn check_in(self) -> Result<Option<CheckIn>, VerifyError> {
        const EXPECTED: &str = "{every_hours, grace_hours}, from 1 on, grace not less than every";
        let Some((every, grace)) = self.pair("every_hours", "grace_hours", EXPECTED)? else {
            return Ok(None);
        };
        CheckIn::new(every, grace)
            .map(Some)
            .ok_or(self.out_of_bounds(EXPECTED))
    }

    pub(super) fn renewal(self) -> Result<Option<Renewal>, VerifyError> {
        const EXPECTED: &str = "{notify_days, grace_hours}, each from 0 on";
        const { assert!(MAX_SPAN < u64::MAX / 86_400) };
        let Some((notify, grace)) = self.pair("notify_days", "grace_hours", EXPECTED)? else {
            return Ok(None);
        };
        Renewal::new(notify, grace)
            .map(Some)
            .ok_or(self.out_of_bounds(EXPECTED))
    }

    pub(super) fn confirmation(self) -> Result<Option<TrustedKey>, VerifyError> {
        const EXPECTED: &str = "{jwk} with an RSA public key that may be trusted";
        let jwk = match self.value {
            None => return Ok(None),
            Some(Json::Object(members)) => members.iter().find(|(name, _)| name == "jwk"),
            Some(_) => return Err(self.wrong(EXPECTED)),
        };
        let Some((_, Json::Object(jwk))) = jwk else {
            return Err(self.out_of_bounds(EXPECTED));
        };
        TrustedKey::from_jwk(jwk)
            .map(Some)
            .map_err(|_| self.out_of_bounds(EXPECTED))
    }
}
