//! An entry: what was counted of one license in one period, and where it stands in its chain.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::counts::QuotaCount;
use super::line::{self, LineError, Members, Written, ascii, wrong};
use super::{ChainId, Hash};
use crate::json::Json;
use crate::{Date, LicenseId, ProductCode, Timestamp};

/// Where an entry stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The chain.
    pub chain: ChainId,
    /// Its number in the chain, from 1.
    pub seq: u64,
    /// The hash of the entry before it; [`Hash::NONE`] for the first.
    pub prev: Hash,
}

/// What was seen of the clock in a period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClockSeen {
    /// How often it was found behind the latest time seen, by more than five minutes.
    pub behind: u64,
    /// By how many seconds at most.
    pub most_seconds: u64,
    /// How often the latest time seen was lowered, by something that the vendor signed later.
    pub lowered: u64,
}

/// An entry, as its line says it. Nothing proves what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UsageEntry {
    /// Where it stands.
    pub place: Place,
    /// The product.
    pub product: ProductCode,
    /// The license; none if none was in effect.
    pub license: Option<LicenseId>,
    /// When the first of it was counted, by the latest time that the machine had seen.
    pub from: Timestamp,
    /// When the last of it was.
    pub to: Timestamp,
    /// Of each quota how much was used and refused.
    pub quotas: BTreeMap<String, QuotaCount>,
    /// How often something was denied, by reason code.
    pub denials: BTreeMap<String, u64>,
    /// How often each feature was refused.
    pub refused_features: BTreeMap<String, u64>,
    /// How many sessions were opened.
    pub sessions: u64,
    /// On how many projects.
    pub projects: u64,
    /// By how many users.
    pub users: u64,
    /// What was seen of the clock.
    pub clock: ClockSeen,
    /// Whether what was counted since the entry before it was lost.
    pub lost: bool,
    /// Whether entries before it may have counted the same, for the state that counted it was older than the journal.
    pub recounted: bool,
    /// The commitment to its private part.
    pub private: Hash,
}

impl UsageEntry {
    /// Reads its line, which must be as it was written, without line break.
    ///
    /// # Errors
    /// [`LineError`] if a member is missing or of another type, or stands twice.
    pub fn parse(line: &str) -> Result<Self, LineError> {
        Self::read(Members::of(&line::object(line)?))
    }

    pub(super) fn read(members: Members<'_>) -> Result<Self, LineError> {
        let place = Place {
            seq: members.count("entry")?,
            chain: members.chain("chain")?,
            prev: members.hash("prev")?,
        };
        let clock = members.members("clock")?;
        let (from, to) = (members.instant("from")?, members.instant("to")?);
        if place.seq == 0 || (place.seq == 1 && place.prev != Hash::NONE) {
            return Err(wrong("entry", "a number from 1, where 1 follows nothing"));
        }
        if to < from {
            return Err(wrong("to", "no earlier than `from`"));
        }
        Ok(Self {
            place,
            product: members.product("product")?,
            license: license(members)?,
            from,
            to,
            quotas: members.each("quotas", "used and refused by name", quota)?,
            denials: members.counts("denials")?,
            refused_features: members.counts("refused_features")?,
            sessions: members.count("sessions")?,
            projects: members.count("projects")?,
            users: members.count("users")?,
            clock: ClockSeen {
                behind: clock.count("behind")?,
                most_seconds: clock.count("most_seconds")?,
                lowered: clock.count("lowered")?,
            },
            lost: members.flag("lost")?,
            recounted: members.flag("recounted")?,
            private: members.hash("private_part")?,
        })
    }

    /// Its line, without line break.
    pub fn to_line(&self) -> String {
        ascii(&self.members())
    }

    /// Everything by name, in the order of its line.
    pub fn to_json(&self) -> Value {
        let members = self.members().into_iter();
        Value::Object(
            members
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        )
    }

    fn members(&self) -> [Written; 17] {
        let quota = |(name, count): (&String, &QuotaCount)| {
            let count = json!({ "used": count.used, "refused": count.refused });
            (name.clone(), count)
        };
        let clock = json!({
            "behind": self.clock.behind,
            "most_seconds": self.clock.most_seconds,
            "lowered": self.clock.lowered,
        });
        let quotas: Map<_, _> = self.quotas.iter().map(quota).collect();
        [
            ("entry", self.place.seq.into()),
            ("chain", self.place.chain.to_string().into()),
            ("prev", self.place.prev.to_string().into()),
            ("product", self.product.as_str().into()),
            (
                "license",
                self.license.as_ref().map(LicenseId::as_str).into(),
            ),
            ("from", self.from.to_string().into()),
            ("to", self.to.to_string().into()),
            ("quotas", quotas.into()),
            ("denials", json!(self.denials)),
            ("refused_features", json!(self.refused_features)),
            ("sessions", self.sessions.into()),
            ("projects", self.projects.into()),
            ("users", self.users.into()),
            ("clock", clock),
            ("lost", self.lost.into()),
            ("recounted", self.recounted.into()),
            ("private_part", self.private.to_string().into()),
        ]
    }

    /// The UTC day on which it began.
    pub fn day(&self) -> Option<Date> {
        self.from.date()
    }
}

fn license(members: Members<'_>) -> Result<Option<LicenseId>, LineError> {
    let id = members.optional_text("license")?;
    id.map(|id| LicenseId::parse(id).ok_or_else(|| wrong("license", LicenseId::EXPECTED_OF_ANY)))
        .transpose()
}

fn quota(value: &Json<'_>) -> Option<QuotaCount> {
    let Json::Object(object) = value else {
        return None;
    };
    let members = Members::of(object);
    Some(QuotaCount {
        used: line::count(members.get("used")?)?,
        refused: line::count(members.get("refused")?)?,
    })
}
