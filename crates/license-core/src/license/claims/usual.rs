//! Licenses as they are minted, read in one pass in the order of their claims. What is spelled or made up in another way, right or wrong,
//! is left to the reader that takes and names everything.

use std::sync::Arc;

use super::standard_key;
use crate::entitlements::KnownEntitlements;
use crate::json::Plain;
use crate::license::{Facts, LicenseId};
use crate::{
    CheckIn, Company, Entitlements, Machine, ProductCode, Quota, Renewal, Tier, Timestamp,
};

/// So many features and quotas are made room for at first.
const ROOM: usize = 16;

pub(super) fn license(payload: &[u8], known: Option<&KnownEntitlements>) -> Option<Facts> {
    let mut claims = Plain::new(std::str::from_utf8(payload).ok()?);
    // Of version 1, [`FORMAT_VERSION`](super::FORMAT_VERSION).
    claims.literal(r#"{"ver":1,"iss":"#)?;
    let issuer = text(&mut claims)?.into();
    claims.literal(r#","aud":"#)?;
    let product = ProductCode::parse(claims.text()?).ok()?;
    claims.literal(r#","sub":"#)?;
    let customer = text(&mut claims)?.into();
    claims.literal(r#","jti":"#)?;
    let id = LicenseId::parse_uuid(claims.text()?)?;
    let serial = claims.optional(r#","serial":"#, count)?;
    let supersedes = claims.optional(r#","supersedes":"#, license_ids)?;
    claims.literal(r#","iat":"#)?;
    let issued_at = timestamp(&mut claims)?;
    let not_before = claims.optional(r#","nbf":"#, timestamp)?;
    let expires_at = claims.optional(r#","exp":"#, timestamp)?;
    claims.literal(r#","tier":"#)?;
    let tier = Tier::parse(claims.text()?).ok()?;
    claims.literal(r#","features":"#)?;
    let facts = Facts {
        issuer: Some(issuer),
        product,
        customer,
        id,
        serial,
        supersedes: supersedes.unwrap_or_default().into(),
        issued_at: Some(issued_at),
        not_before: Some(not_before.unwrap_or(issued_at)),
        expires_at,
        entitlements: entitlements(tier, &mut claims, known)?,
        seats: claims.optional(r#","seats":"#, positive)?,
        devices: claims.optional(r#","devices":"#, positive)?,
        must_activate: false,
        usage_type: None,
        trial: claims
            .optional(r#","trial":"#, Plain::flag)?
            .unwrap_or(false),
        check_in: claims.optional(r#","check_in":"#, check_in)?,
        renewal: claims.optional(r#","renewal":"#, renewal)?,
        maintenance_until: claims.optional(r#","maintenance_until":"#, timestamp)?,
        max_version: None,
        machines: claims.optional(r#","machines":"#, machines)?,
        users: claims.optional(r#","users":"#, users)?,
        company: claims.optional(r#","company":"#, company)?,
        confirmation: None,
        critical: Box::default(),
        extension: None,
    };
    let key = claims.optional(r#","key":"#, Plain::text)?;
    claims.literal("}")?;
    claims.end()?;
    let is_named = key.is_none_or(|key| standard_key(&facts).is_written(key));
    is_named.then_some(facts)
}

#[inline]
fn text<'t>(value: &mut Plain<'t>) -> Option<&'t str> {
    value.text().filter(|text| !text.is_empty())
}

fn texts<'t>(value: &mut Plain<'t>) -> Option<Vec<&'t str>> {
    let mut texts = Vec::with_capacity(ROOM);
    value.array(|item| {
        texts.push(text(item)?);
        Some(())
    })?;
    Some(texts)
}

fn company(value: &mut Plain<'_>) -> Option<Company> {
    Company::parse(value.text()?).ok()
}

fn machines(value: &mut Plain<'_>) -> Option<Box<[Machine]>> {
    Some(names(value)?.into_iter().map(Machine::parse).collect())
}

fn users(value: &mut Plain<'_>) -> Option<Arc<[Box<str>]>> {
    Some(names(value)?.into_iter().map(Into::into).collect())
}

fn names<'t>(value: &mut Plain<'t>) -> Option<Vec<&'t str>> {
    texts(value).filter(|names| !names.is_empty())
}

fn license_ids(value: &mut Plain<'_>) -> Option<Vec<LicenseId>> {
    texts(value)?.into_iter().map(LicenseId::parse).collect()
}

#[inline]
fn count(value: &mut Plain<'_>) -> Option<u64> {
    u64::try_from(value.integer()?).ok()
}

fn positive(value: &mut Plain<'_>) -> Option<u64> {
    count(value).filter(|count| *count > 0)
}

fn timestamp(value: &mut Plain<'_>) -> Option<Timestamp> {
    Timestamp::from_unix_seconds(count(value)?)
}

/// Features with quotas right behind them, as they are minted. What is known of others is not read again.
fn entitlements(
    tier: Tier,
    value: &mut Plain<'_>,
    known: Option<&KnownEntitlements>,
) -> Option<Arc<Entitlements>> {
    let text = value.rest_text()?;
    if let Some((entitlements, length)) = known.and_then(|known| known.find(tier, text)) {
        value.skip(length);
        return Some(Arc::clone(entitlements));
    }
    let features = texts(value)?;
    value.literal(r#","quotas":"#)?;
    let entitlements = Arc::new(Entitlements::of(tier, features, quotas(value)?));
    if let Some(known) = known {
        let length = text.len() - value.rest_text()?.len();
        known.keep(text.get(..length)?, &entitlements);
    }
    Some(entitlements)
}

fn quotas<'t>(value: &mut Plain<'t>) -> Option<Vec<(&'t str, Quota)>> {
    let mut quotas: Vec<(&str, Quota)> = Vec::with_capacity(ROOM);
    value.object(|value, name| {
        let is_new = quotas.iter().all(|(other, _)| *other != name);
        let quota = Quota::from_number(value.integer()?)?;
        quotas.push((name, quota));
        (is_new && quotas.len() <= ROOM).then_some(())
    })?;
    Some(quotas)
}

fn check_in(value: &mut Plain<'_>) -> Option<CheckIn> {
    value.literal(r#"{"every_hours":"#)?;
    let every = count(value)?;
    value.literal(r#","grace_hours":"#)?;
    let terms = CheckIn::new(every, count(value)?);
    value.literal("}")?;
    terms
}

fn renewal(value: &mut Plain<'_>) -> Option<Renewal> {
    value.literal(r#"{"notify_days":"#)?;
    let notify = count(value)?;
    value.literal(r#","grace_hours":"#)?;
    let terms = Renewal::new(notify, count(value)?);
    value.literal("}")?;
    terms
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::super::any_license;
    use super::*;

    const PAYLOAD: &str = r#"{"ver":1,"iss":"CODITECT","aud":"CODITECT","sub":"ACME Ltd ä","jti":"01a2ce8b-d400-7a10-8c4e-5f1d2a3b4c01","serial":1001,"supersedes":["01a2ce8b-d400-7a10-8c4e-5f1d2a3b4c02"],"iat":1798761600,"nbf":1798761601,"exp":1830297600,"tier":"PRO","features":["b","a"],"quotas":{"agents":52,"users":-1},"seats":5,"devices":2,"trial":true,"check_in":{"every_hours":24,"grace_hours":168},"renewal":{"notify_days":14,"grace_hours":72},"maintenance_until":1830297601,"machines":["m"],"users":["alice"],"company":"ACME"}"#;

    /// What is read in one pass is read as by the reader that takes everything, also where its features and quotas are known. Returns
    /// whether it was.
    fn check(payload: &[u8]) -> bool {
        static KNOWN: LazyLock<KnownEntitlements> = LazyLock::new(|| {
            let known = KnownEntitlements::default();
            assert!(license(PAYLOAD.as_bytes(), Some(&known)).is_some());
            known
        });
        let among = license(payload, Some(&*KNOWN));
        let usual = license(payload, None);
        assert_eq!(format!("{among:?}"), format!("{usual:?}"));
        let Some(usual) = usual else {
            return false;
        };
        let any = any_license(payload);
        let text = String::from_utf8_lossy(payload);
        assert_eq!(
            format!("{usual:?}"),
            format!("{:?}", any.unwrap()),
            "{text}"
        );
        true
    }

    #[test]
    fn a_minted_license_is_read_as_by_the_reader_that_takes_everything() {
        assert!(check(PAYLOAD.as_bytes()));
        let facts = license(PAYLOAD.as_bytes(), None).unwrap();
        let key = format!(r#","key":"{}"}}"#, standard_key(&facts));
        let named = PAYLOAD.strip_suffix('}').unwrap().to_owned() + &key;
        assert!(check(named.as_bytes()));
        let lower = named.replace("CODITECT-PRO", "coditect-pro");
        assert!(!check(lower.as_bytes()) && any_license(lower.as_bytes()).is_ok());
    }

    #[test]
    fn any_other_byte_at_any_place_is_read_alike_or_left() {
        let mut read = 0;
        for at in 0..PAYLOAD.len() {
            for byte in 0..=255 {
                let mut payload = PAYLOAD.as_bytes().to_vec();
                payload[at] = byte;
                read += usize::from(check(&payload));
            }
            assert!(!check(&PAYLOAD.as_bytes()[..at]));
        }
        // Other letters in names, other digits in numbers.
        assert!(read > 5_000, "{read}");
    }

    #[test]
    fn what_is_spelled_otherwise_is_left() {
        let changes = [
            ("\"ver\":1", "\"ver\": 1"),
            ("\"ver\":1", "\"ver\":1.0"),
            ("\"ver\":1", "\"ver\":2"),
            ("\"ver\":1", "\"ver\":01"),
            ("\"ver\":1,", "\"ver\":1,\"ver\":1,"),
            ("\"ver\":1,", ""),
            ("\"trial\":true", "\"trial\":tru"),
            ("\"trial\":true", "\"trial\":null"),
            ("52", "-0"),
            ("52", "-2"),
            ("52", "9223372036854775808"),
            ("\"agents\":52", "\"agents\":52,\"agents\":52"),
            ("1001", "9007199254740993000"),
            ("1798761600", "-1798761600"),
            ("\"b\",\"a\"", "\"b\",\"\""),
            ("\"b\",\"a\"", "\"b\",1"),
            ("\"b\",\"a\"", "\"b\",\"\\u0061\""),
            ("[\"m\"]", "[]"),
            (
                "\"company\":\"ACME\"",
                "\"company\":\"ACME\",\"unknown\":{}",
            ),
            ("\"company\":\"ACME\"", "\"company\":\"ACME\",\"crit\":[]"),
            ("\"company\":\"ACME\"}", "\"company\":\"ACME\"}x"),
            ("\"company\":\"ACME\"}", "\"company\":\"ACME\"}}"),
        ];
        for (from, to) in changes {
            let changed = PAYLOAD.replacen(from, to, 1);
            assert_ne!(changed, PAYLOAD, "{from}");
            assert!(!check(changed.as_bytes()), "{to}");
        }
    }
}
