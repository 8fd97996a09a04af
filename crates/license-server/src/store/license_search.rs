//! The parts of a search in licenses that are alike in all databases.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::ServerStoreError;
use super::values::bad_row;
use crate::domain::{Cursor, LicenseOrdering, LicenseSelection, Page, PageRequest};

/// The largest number of licenses with a word that are read and sorted. If more licenses have each
/// searched word, the licenses are read in their order until a page is full.
pub(super) const MAX_CANDIDATES: i64 = 20_000;

/// The value by which a license is sorted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SortKey {
    Text(String),
    Number(i64),
}

/// The position of a license in a sorted list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SortPosition {
    pub(super) key: SortKey,
    pub(super) number: i64,
}

impl SortPosition {
    /// Returns the position after which a page starts.
    pub(super) fn start(
        selection: &LicenseSelection,
        page: &PageRequest,
    ) -> Result<Self, ServerStoreError> {
        let Some(cursor) = &page.after else {
            return Ok(Self::before_all(selection));
        };
        let found = || ServerStoreError::Cursor {
            found: cursor.as_str().to_owned(),
        };
        Self::parse(selection, cursor.as_str()).ok_or_else(found)
    }

    /// Returns the position before the first selected license.
    fn before_all(selection: &LicenseSelection) -> Self {
        let ends_at = selection.ranges().ends_at;
        let (key, number) = match (selection.order, selection.is_descending) {
            (LicenseOrdering::Customer, false) => (SortKey::Text(String::new()), i64::MIN),
            (LicenseOrdering::Customer, true) => (SortKey::Text('\u{10ffff}'.into()), i64::MAX),
            // The end is also selected, so the list starts at the first end that is.
            (LicenseOrdering::Expires, false) => (SortKey::Number(ends_at.0), i64::MIN),
            (LicenseOrdering::Expires, true) => (SortKey::Number(ends_at.1), i64::MAX),
            (_, false) => (SortKey::Number(i64::MIN), i64::MIN),
            (_, true) => (SortKey::Number(i64::MAX), i64::MAX),
        };
        Self { key, number }
    }

    /// Returns the beginning of cursors of this order.
    fn order(selection: &LicenseSelection) -> String {
        let direction = if selection.is_descending { "d" } else { "a" };
        format!("{}-{direction}", selection.order.as_str())
    }

    /// Returns the cursor after the license.
    pub(super) fn cursor(&self, selection: &LicenseSelection) -> String {
        let key = match &self.key {
            SortKey::Text(text) => URL_SAFE_NO_PAD.encode(text),
            SortKey::Number(number) => number.to_string(),
        };
        format!("{}.{key}.{}", Self::order(selection), self.number)
    }

    fn parse(selection: &LicenseSelection, text: &str) -> Option<Self> {
        let rest = text.strip_prefix(&Self::order(selection))?;
        let (key, number) = rest.strip_prefix('.')?.rsplit_once('.')?;
        let key = match selection.order {
            LicenseOrdering::Customer => {
                let bytes = URL_SAFE_NO_PAD.decode(key).ok()?;
                SortKey::Text(String::from_utf8(bytes).ok()?)
            }
            _ => SortKey::Number(key.parse().ok()?),
        };
        let number = number.parse().ok()?;
        Some(Self { key, number })
    }
}

/// The licenses that a search reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Candidates {
    /// All licenses, in their order.
    #[default]
    All,
    /// Those with the first word of the search.
    Words,
    /// Those with the first word of the search for names.
    Names,
}

/// The words of a search, those with the fewest licenses first.
#[derive(Clone, Debug, Default)]
pub(super) struct SearchWords {
    pub(super) words: Vec<String>,
    pub(super) names: Vec<String>,
    pub(super) candidates: Candidates,
    /// The word that all candidates have. The other lists do not contain it.
    pub(super) candidate_word: Option<String>,
}

impl SearchWords {
    /// Sorts words by the number of licenses that have them. Numbers above [`MAX_CANDIDATES`] count
    /// as equal.
    pub(super) fn new(mut words: Vec<(i64, String)>, mut names: Vec<(i64, String)>) -> Self {
        words.sort();
        names.sort();
        let first = |words: &[(i64, String)]| words.first().map(|(count, _)| *count);
        let is_few = |count: Option<i64>| count.filter(|count| *count <= MAX_CANDIDATES);
        let candidates = match (is_few(first(&words)), is_few(first(&names))) {
            (None, None) => Candidates::All,
            (Some(words), Some(names)) if names < words => Candidates::Names,
            (None, Some(_)) => Candidates::Names,
            (Some(_), _) => Candidates::Words,
        };
        let candidate = match candidates {
            Candidates::All => None,
            Candidates::Words => Some(words.remove(0)),
            Candidates::Names => Some(names.remove(0)),
        };
        let texts = |words: Vec<(i64, String)>| words.into_iter().map(|(_, word)| word).collect();
        Self {
            words: texts(words),
            names: texts(names),
            candidates,
            candidate_word: candidate.map(|(_, word)| word),
        }
    }
}

/// Returns the text of a search from its template. `source` has the rows that are read.
pub(super) fn sql(template: &str, selection: &LicenseSelection, source: &str) -> String {
    let key = match selection.order {
        LicenseOrdering::Installed => "number",
        LicenseOrdering::Customer => "name",
        LicenseOrdering::Expires => "ends_at",
        LicenseOrdering::Issued => "issued_at",
    };
    let (after, direction) = if selection.is_descending {
        ("<", "DESC")
    } else {
        (">", "ASC")
    };
    template
        .replace("{key}", key)
        .replace("{source}", source)
        .replace("{after}", after)
        .replace("{direction}", direction)
}

/// Returns the error of a column that has another type than expected.
pub(super) fn bad_key() -> ServerStoreError {
    bad_row("license_terms", "a key of another type")
}

/// Returns the cursor of a page of `(key, item)` rows, and the items.
pub(super) fn page<T>(
    rows: Vec<(SortPosition, T)>,
    selection: &LicenseSelection,
    page: &PageRequest,
) -> Page<T> {
    let found = Page::from_excess(rows, page.limit(), |(position, _)| {
        position.cursor(selection)
    });
    debug_assert!(found.next.as_ref().is_none_or(is_accepted));
    found.map(|(_, item)| item)
}

/// Returns whether a client may send the cursor back.
fn is_accepted(cursor: &Cursor) -> bool {
    Cursor::parse(cursor.as_str()).is_some()
}

#[cfg(test)]
mod tests {
    use license_core::time;

    use super::*;

    #[test]
    fn cursors_belong_to_one_order_and_fit() {
        let mut selection = LicenseSelection::all(time::MIN);
        let position = |key| SortPosition { key, number: 7 };
        for order in LicenseOrdering::ALL {
            selection.order = order;
            let key = match order {
                LicenseOrdering::Customer => SortKey::Text("\u{10000}".repeat(40)),
                _ => SortKey::Number(-5),
            };
            let text = position(key.clone()).cursor(&selection);
            assert!(Cursor::parse(&text).is_some(), "{text}");
            assert_eq!(
                SortPosition::parse(&selection, &text),
                Some(position(key)),
                "{text}"
            );
            selection.is_descending = true;
            assert_eq!(SortPosition::parse(&selection, &text), None, "{text}");
            selection.is_descending = false;
        }
    }

    #[test]
    fn a_search_reads_the_licenses_of_its_rarest_word() {
        let counted = |words: &[(i64, &str)]| -> Vec<(i64, String)> {
            let words = words.iter();
            words
                .map(|(count, word)| (*count, (*word).to_owned()))
                .collect()
        };
        let words = SearchWords::new(counted(&[(9, "b"), (3, "a")]), counted(&[(5, "c")]));
        assert_eq!(words.candidates, Candidates::Words);
        assert_eq!(words.candidate_word.as_deref(), Some("a"));
        assert_eq!(
            (&*words.words, &*words.names),
            (&["b".to_owned()][..], &["c".to_owned()][..])
        );
        let words = SearchWords::new(counted(&[(9, "b")]), counted(&[(5, "c")]));
        assert_eq!(words.candidates, Candidates::Names);
        let many = MAX_CANDIDATES + 1;
        let words = SearchWords::new(counted(&[(many, "b")]), Vec::new());
        assert_eq!(words.candidates, Candidates::All);
    }
}
