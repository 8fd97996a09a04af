//! Lists that are short enough to be searched and sorted in memory, with their state in the URL.

use axum::http::header;
use axum::response::{IntoResponse, Response};
use license_dashboard::{Column, Field, Form, Table};
use serde::Deserialize;

use super::list::with_query;
use crate::services::csv_line;

/// The number of rows on a page.
const ROWS: usize = 100;

/// The state of a list. A browser sends empty fields too.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ListingQuery {
    pub(super) text: String,
    pub(super) sort: String,
    pub(super) order: String,
    pub(super) skip: String,
}

/// A list at a path.
pub(super) struct Listing<'a> {
    path: &'a str,
    query: &'a ListingQuery,
}

impl<'a> Listing<'a> {
    pub(super) fn new(path: &'a str, query: &'a ListingQuery) -> Self {
        Self { path, query }
    }

    /// Returns the name of the column that sorts the list, if there is one.
    pub(super) fn sort(&self) -> &'a str {
        &self.query.sort
    }

    /// Reverses rows in ascending order, if the list is in descending order.
    pub(super) fn ordered<T>(&self, mut rows: Vec<T>) -> Vec<T> {
        if self.is_descending() {
            rows.reverse();
        }
        rows
    }

    fn is_descending(&self) -> bool {
        self.query.order == "desc"
    }

    /// Returns whether the texts of a row contain each word of the search.
    pub(super) fn finds(&self, texts: &[&str]) -> bool {
        let texts: Vec<_> = texts.iter().map(|text| text.to_lowercase()).collect();
        let text = self.query.text.to_lowercase();
        let mut words = text.split_whitespace();
        words.all(|word| texts.iter().any(|text| text.contains(word)))
    }

    /// Returns a column that sorts the list. A second click reverses the order. `is_default`: the
    /// list has this order without a choice.
    pub(super) fn column(&self, label: &str, sort: &str, is_default: bool) -> Column {
        let is_current = self.query.sort == sort || is_default && self.query.sort.is_empty();
        let ascends = !self.is_descending();
        let order = if is_current && ascends { "desc" } else { "" };
        let target = self.at(sort, order, "");
        Column::text(label).sorted_by(target, is_current.then_some(ascends))
    }

    /// Returns the path of the list in another order, or at another position.
    fn at(&self, sort: &str, order: &str, skip: &str) -> String {
        let text = self.query.text.as_str();
        let values = [
            ("text", text),
            ("sort", sort),
            ("order", order),
            ("skip", skip),
        ];
        with_query(self.path, &values.map(|(name, value)| (name, Some(value))))
    }

    /// Returns the rows of this page, and gives the table the links to the others and the search.
    pub(super) fn paged<T>(&self, table: &mut Table, label: &str, rows: Vec<T>) -> Vec<T> {
        let query = self.query;
        let skip: usize = query.skip.parse().unwrap_or(0);
        let here = |skip: &str| self.at(&query.sort, &query.order, skip);
        let end = skip.saturating_add(ROWS);
        table.next = (rows.len() > end).then(|| here(&end.to_string()));
        table.first = (skip > 0).then(|| here(""));
        table.filter = Some(self.filter(label));
        rows.into_iter().skip(skip).take(ROWS).collect()
    }

    /// Returns the search.
    pub(super) fn filter(&self, label: &str) -> Form {
        let query = self.query;
        let text = Field::text("text", label).max_length(200);
        Form::new(self.path, "Search")
            .hidden("sort", &query.sort)
            .hidden("order", &query.order)
            .field(text.value(&query.text))
    }

    /// Returns whether a search has left rows out.
    pub(super) fn is_filtered(&self) -> bool {
        !self.query.text.trim().is_empty()
    }
}

/// Returns a table as a file for spreadsheets. `name` is the name of the file, without its ending.
pub(super) fn csv<const N: usize>(
    name: &str,
    header: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> Response {
    let mut text = csv_line(header);
    for row in rows {
        text.push_str(&csv_line(row));
    }
    let headers = [
        (
            header::CONTENT_TYPE,
            "text/csv; charset=utf-8; header=present".to_owned(),
        ),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{name}.csv\""),
        ),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    (headers, text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str, skip: &str) -> ListingQuery {
        ListingQuery {
            text: text.to_owned(),
            skip: skip.to_owned(),
            ..ListingQuery::default()
        }
    }

    #[test]
    fn a_search_finds_rows_with_each_word() {
        let state = query("ANN example", "");
        let listing = Listing::new("/people", &state);
        assert!(listing.finds(&["Joanna", "x@example.com"]));
        assert!(!listing.finds(&["Joanna", "x@acme.org"]));
        let empty = ListingQuery::default();
        assert!(Listing::new("/people", &empty).finds(&[""]));
    }

    #[test]
    fn a_page_has_a_hundred_rows() {
        for (skip, first, count, has_next) in [
            ("", Some(0), 100, true),
            ("100", Some(100), 100, true),
            ("200", Some(200), 50, false),
            ("300", None, 0, false),
            ("-1", Some(0), 100, true),
            ("99999999999999999999", Some(0), 100, true),
        ] {
            let state = query("a b", skip);
            let mut table = Table::new("Rows", Vec::new());
            let rows = (0..250).collect();
            let shown = Listing::new("/people", &state).paged(&mut table, "Name", rows);
            assert_eq!(
                (shown.first().copied(), shown.len()),
                (first, count),
                "{skip}"
            );
            assert_eq!(table.next.is_some(), has_next, "{skip}");
        }
        let state = query("a b", "");
        let mut table = Table::new("Rows", Vec::new());
        Listing::new("/people", &state).paged(&mut table, "Name", (0..101).collect());
        assert_eq!(table.next.as_deref(), Some("/people?text=a%20b&skip=100"));
    }
}
