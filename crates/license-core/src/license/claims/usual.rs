//! Licenses as they are minted, read in one pass. What is spelled or made up in another way, right or wrong, is left to the reader that
//! takes and names everything.

use std::sync::Arc;

use super::{FORMAT_VERSION, standard_key};
use crate::json::Plain;
use crate::license::{Facts, LicenseId};
use crate::{
    CheckIn, Company, Entitlements, Machine, ProductCode, Quota, Renewal, Tier, Timestamp,
};

/// So many features and quotas are made room for at first.
const ROOM: usize = 16;

/// The claims that most licenses have.
#[derive(Default)]
struct Claims<'t> {
    ver: Option<i64>,
    iss: Option<&'t str>,
    aud: Option<ProductCode>,
    sub: Option<&'t str>,
    jti: Option<LicenseId>,
    serial: Option<u64>,
    supersedes: Option<Vec<LicenseId>>,
    iat: Option<Timestamp>,
    nbf: Option<Timestamp>,
    exp: Option<Timestamp>,
    tier: Option<Tier>,
    features: Option<Vec<&'t str>>,
    quotas: Option<Vec<(&'t str, Quota)>>,
    seats: Option<u64>,
    devices: Option<u64>,
    trial: Option<bool>,
    check_in: Option<CheckIn>,
    renewal: Option<Renewal>,
    maintenance_until: Option<Timestamp>,
    machines: Option<Vec<&'t str>>,
    users: Option<Vec<&'t str>>,
    company: Option<Company>,
    key: Option<&'t str>,
}

pub(super) fn license(payload: &[u8]) -> Option<Facts> {
    let mut text = Plain::new(std::str::from_utf8(payload).ok()?);
    let mut claims = Claims::default();
    text.object(|value, name| claims.read(name, value))?;
    text.end()?;
    claims.into_facts()
}

impl<'t> Claims<'t> {
    fn read(&mut self, name: &str, value: &mut Plain<'t>) -> Option<()> {
        match name.as_bytes() {
            b"ver" => once(&mut self.ver, value.integer()),
            b"iss" => once(&mut self.iss, text(value)),
            b"aud" => once(&mut self.aud, ProductCode::parse(value.text()?).ok()),
            b"sub" => once(&mut self.sub, text(value)),
            b"jti" => once(&mut self.jti, LicenseId::parse_uuid(value.text()?)),
            b"serial" => once(&mut self.serial, count(value)),
            b"supersedes" => once(&mut self.supersedes, license_ids(value)),
            b"iat" => once(&mut self.iat, timestamp(value)),
            b"nbf" => once(&mut self.nbf, timestamp(value)),
            b"exp" => once(&mut self.exp, timestamp(value)),
            b"tier" => once(&mut self.tier, Tier::parse(value.text()?).ok()),
            b"features" => once(&mut self.features, texts(value)),
            b"quotas" => once(&mut self.quotas, quotas(value)),
            b"seats" => once(&mut self.seats, positive(value)),
            b"devices" => once(&mut self.devices, positive(value)),
            b"trial" => once(&mut self.trial, value.flag()),
            b"check_in" => {
                let pair = pair(value, "every_hours", "grace_hours");
                let terms = pair.and_then(|(every, grace)| CheckIn::new(every, grace));
                once(&mut self.check_in, terms)
            }
            b"renewal" => {
                let pair = pair(value, "notify_days", "grace_hours");
                let terms = pair.and_then(|(notify, grace)| Renewal::new(notify, grace));
                once(&mut self.renewal, terms)
            }
            b"maintenance_until" => once(&mut self.maintenance_until, timestamp(value)),
            b"machines" => once(&mut self.machines, names(value)),
            b"users" => once(&mut self.users, names(value)),
            b"company" => once(&mut self.company, Company::parse(value.text()?).ok()),
            b"key" => once(&mut self.key, text(value)),
            _ => None,
        }
    }

    fn into_facts(self) -> Option<Facts> {
        let issued_at = self.iat?;
        let machines = |names: Vec<&str>| names.into_iter().map(Machine::parse).collect();
        let users = |names: Vec<&str>| names.into_iter().map(Into::into).collect();
        let entitlements = Entitlements::of(self.tier?, self.features?, self.quotas?);
        let facts = Facts {
            issuer: Some(self.iss?.into()),
            product: self.aud?,
            customer: self.sub?.into(),
            id: self.jti?,
            serial: self.serial,
            supersedes: self.supersedes.unwrap_or_default().into(),
            issued_at: Some(issued_at),
            not_before: Some(self.nbf.unwrap_or(issued_at)),
            expires_at: self.exp,
            entitlements: Arc::new(entitlements),
            seats: self.seats,
            devices: self.devices,
            must_activate: false,
            usage_type: None,
            trial: self.trial.unwrap_or(false),
            check_in: self.check_in,
            renewal: self.renewal,
            maintenance_until: self.maintenance_until,
            max_version: None,
            machines: self.machines.map(machines),
            users: self.users.map(users),
            company: self.company,
            confirmation: None,
            critical: Box::default(),
            extension: None,
        };
        let is_named = self
            .key
            .is_none_or(|key| standard_key(&facts).is_written(key));
        let is_this_format = self.ver? == i64::from(FORMAT_VERSION);
        (is_named && is_this_format).then_some(facts)
    }
}

/// A claim that stands twice is for the other reader to refuse.
#[inline]
fn once<T>(claim: &mut Option<T>, value: Option<T>) -> Option<()> {
    match claim.replace(value?) {
        None => Some(()),
        Some(_) => None,
    }
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

/// Two numbers of an object that has no others.
fn pair(value: &mut Plain<'_>, first: &str, second: &str) -> Option<(u64, u64)> {
    let (mut one, mut other) = (None, None);
    value.object(|value, name| match name {
        name if name == first => once(&mut one, count(value)),
        name if name == second => once(&mut other, count(value)),
        _ => None,
    })?;
    one.zip(other)
}

#[cfg(test)]
mod tests {
    use super::super::any_license;
    use super::*;

    const PAYLOAD: &str = r#"{"ver":1,"iss":"CODITECT","aud":"CODITECT","sub":"ACME Ltd ä","jti":"01a2ce8b-d400-7a10-8c4e-5f1d2a3b4c01","serial":1001,"supersedes":["01a2ce8b-d400-7a10-8c4e-5f1d2a3b4c02"],"iat":1798761600,"nbf":1798761601,"exp":1830297600,"tier":"PRO","features":["b","a"],"quotas":{"agents":52,"users":-1},"seats":5,"devices":2,"trial":true,"check_in":{"every_hours":24,"grace_hours":168},"renewal":{"notify_days":14,"grace_hours":72},"maintenance_until":1830297601,"machines":["m"],"users":["alice"],"company":"ACME"}"#;

    /// What is read in one pass is read as by the reader that takes everything. Returns whether it was.
    fn check(payload: &[u8]) -> bool {
        let Some(usual) = license(payload) else {
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
        let facts = license(PAYLOAD.as_bytes()).unwrap();
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
