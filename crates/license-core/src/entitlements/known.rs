//! Lists that many licenses have in common: all licenses of a tier mostly have the same.

use std::sync::{Arc, OnceLock};

use super::Entitlements;
use crate::Tier;

/// So many lists are kept: a product has some tiers, and licenses of its last versions.
const PLACES: usize = 8;

/// Longer texts are not kept, bytes.
const MOST_TEXT: usize = 16 * 1024;

/// The first lists that were read, by the text that they were read from, which trusted keys have signed. Nothing is ever put out, so that threads
/// look one up without waiting for each other.
#[derive(Default)]
pub(crate) struct KnownEntitlements {
    places: [OnceLock<Known>; PLACES],
}

struct Known {
    /// The features and quotas of a license as they are written, to the end of an object.
    text: Box<str>,
    entitlements: Arc<Entitlements>,
}

impl KnownEntitlements {
    /// What this text begins with, and how long that is.
    pub(crate) fn find(&self, tier: Tier, text: &str) -> Option<(&Arc<Entitlements>, usize)> {
        let begins = |known: &&Known| {
            known.entitlements.tier() == tier && text.as_bytes().starts_with(known.text.as_bytes())
        };
        let known = self.known().find(begins)?;
        Some((&known.entitlements, known.text.len()))
    }

    /// Keeps what was read from a text, if there is a place left and no other thread has just kept it.
    pub(crate) fn keep(&self, text: &str, entitlements: &Arc<Entitlements>) {
        let known = || Known {
            text: text.into(),
            entitlements: Arc::clone(entitlements),
        };
        let is_it =
            |kept: &Known| *kept.text == *text && kept.entitlements.tier() == entitlements.tier();
        if text.len() <= MOST_TEXT {
            let _ = self
                .places
                .iter()
                .any(|place| is_it(place.get_or_init(known)));
        }
    }

    fn known(&self) -> impl Iterator<Item = &Known> {
        self.places.iter().map_while(OnceLock::get)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(tier: &str, feature: &str) -> Arc<Entitlements> {
        let tier = Tier::parse(tier).unwrap();
        Arc::new(Entitlements::of(tier, vec![feature], Vec::new()))
    }

    #[test]
    fn what_threads_keep_at_once_takes_one_place() {
        let (known, pro) = (KnownEntitlements::default(), of("PRO", "a"));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| known.keep(r#"["a"],"quotas":{}"#, &pro));
            }
        });
        assert_eq!(known.known().count(), 1);
        known.keep(r#"["a"],"quotas":{}"#, &of("TEAM", "a"));
        assert_eq!(known.known().count(), 2);
        let found = |tier| {
            known.find(
                Tier::parse(tier).unwrap(),
                r#"["a"],"quotas":{},"seats":1}"#,
            )
        };
        assert_eq!(found("TEAM").unwrap().0.tier().as_str(), "TEAM");
        assert_eq!(found("PRO").unwrap().1, r#"["a"],"quotas":{}"#.len());
        assert!(found("ENT").is_none());
    }

    #[test]
    fn no_more_is_kept_than_there_are_places_and_nothing_long() {
        let known = KnownEntitlements::default();
        known.keep(&"x".repeat(MOST_TEXT + 1), &of("PRO", "x"));
        assert_eq!(known.known().count(), 0);
        for feature in 0..2 * PLACES {
            known.keep(&feature.to_string(), &of("PRO", "x"));
        }
        assert_eq!(known.known().count(), PLACES);
    }
}
