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

    /// Keeps what was read from a text, if there is a place left.
    pub(crate) fn keep(&self, text: &str, entitlements: &Arc<Entitlements>) {
        let free = self.places.iter().find(|place| place.get().is_none());
        if let Some(place) = free.filter(|_| text.len() <= MOST_TEXT) {
            place.get_or_init(|| Known {
                text: text.into(),
                entitlements: Arc::clone(entitlements),
            });
        }
    }

    fn known(&self) -> impl Iterator<Item = &Known> {
        self.places.iter().map_while(OnceLock::get)
    }
}
