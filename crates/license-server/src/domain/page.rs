//! Pages of lists, by cursor.

/// The position after the last item of a page. Clients treat the text as opaque.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cursor(String);

impl Cursor {
    /// The longest accepted cursor, in bytes.
    const MAX_BYTES: usize = 256;

    /// Creates the cursor after the item with this key.
    pub fn after(key: impl Into<String>) -> Self {
        Self(key.into())
    }

    /// Parses a cursor of a client. Returns `None` if the text is too long or empty.
    pub fn parse(text: &str) -> Option<Self> {
        let is_plain = |byte: u8| byte.is_ascii_graphic();
        let is_accepted =
            !text.is_empty() && text.len() <= Self::MAX_BYTES && text.bytes().all(is_plain);
        is_accepted.then(|| Self(text.to_owned()))
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}

/// The part of a list that a caller requests.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PageRequest {
    /// The position after which the page starts. `None` requests the first page.
    pub after: Option<Cursor>,
    limit: usize,
}

impl PageRequest {
    /// The default number of items.
    pub const DEFAULT_LIMIT: usize = 50;
    /// The maximum number of items.
    pub const MAX_LIMIT: usize = 500;

    /// Creates a request for at most `limit` items. The limit is at least 1 and at most
    /// [`PageRequest::MAX_LIMIT`].
    pub fn new(after: Option<Cursor>, limit: Option<usize>) -> Self {
        let limit = limit.unwrap_or(Self::DEFAULT_LIMIT);
        Self {
            after,
            limit: limit.clamp(1, Self::MAX_LIMIT),
        }
    }

    /// Requests the first page with the default number of items.
    pub fn first() -> Self {
        Self::new(None, None)
    }

    /// Returns the maximum number of items.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Returns the text of the cursor, or an empty text, which sorts before every key.
    pub fn after_key(&self) -> &str {
        self.after.as_ref().map_or("", Cursor::as_str)
    }

    /// Returns the number in the cursor, or `first` without a cursor. A cursor that is not a number
    /// returns `None`.
    pub fn after_number(&self, first: i64) -> Option<i64> {
        match &self.after {
            None => Some(first),
            Some(cursor) => cursor.as_str().parse().ok(),
        }
    }
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// The position of the next page. `None` means that the list has no more items.
    pub next: Option<Cursor>,
}

impl<T> Page<T> {
    /// Creates a page from up to `limit + 1` items. The additional item only shows that another
    /// page follows. `key` returns the position of an item.
    pub fn from_excess(mut items: Vec<T>, limit: usize, key: impl Fn(&T) -> String) -> Self {
        let has_more = items.len() > limit;
        items.truncate(limit);
        let last = items.last().filter(|_| has_more);
        let next = last.map(|item| Cursor::after(key(item)));
        Self { items, next }
    }

    /// Converts the items.
    pub fn map<U>(self, convert: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(convert).collect(),
            next: self.next,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_ends_with_a_cursor_only_if_more_items_follow() {
        let page =
            |count: u32, limit| Page::from_excess((0..count).collect(), limit, u32::to_string);
        assert_eq!(page(2, 2).next, None);
        assert_eq!(page(3, 2).next, Some(Cursor::after("1")));
        assert_eq!(page(3, 2).items, [0, 1]);
    }

    #[test]
    fn limits_and_cursors_of_clients_are_bounded() {
        assert_eq!(PageRequest::new(None, Some(0)).limit(), 1);
        assert_eq!(PageRequest::new(None, Some(usize::MAX)).limit(), 500);
        assert_eq!(Cursor::parse(""), None);
        assert_eq!(Cursor::parse("a b"), None);
        assert_eq!(Cursor::parse(&"a".repeat(257)), None);
        let page = PageRequest::new(Cursor::parse("x"), None);
        assert_eq!(page.after_number(0), None);
    }
}
