//! JSON as tokens are minted: without blanks, escapes and fractions. What is spelled so is read several times as fast as by a parser.

/// Longer numbers may not fit.
const MAX_DIGITS: usize = 18;

/// Reads a text from its beginning, for whoever knows what must come next. None says nothing of the text but that a parser is to read it.
pub(crate) struct Plain<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Plain<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    #[inline]
    fn rest(&self) -> Option<&'t [u8]> {
        self.text.as_bytes().get(self.at..)
    }

    #[inline]
    fn next(&mut self) -> Option<u8> {
        let byte = self.rest()?.first()?;
        self.at += 1;
        Some(*byte)
    }

    #[inline]
    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.next()? == byte).then_some(())
    }

    /// Goes on if this byte is the next.
    #[inline]
    fn goes_on(&mut self, byte: u8) -> bool {
        let is_next = self.rest().and_then(<[u8]>::first) == Some(&byte);
        self.at += usize::from(is_next);
        is_next
    }

    /// What is still to be read.
    #[inline]
    pub(crate) fn rest_text(&self) -> Option<&'t str> {
        self.text.get(self.at..)
    }

    /// Goes on behind so many bytes, which have been read otherwise.
    #[inline]
    pub(crate) fn skip(&mut self, bytes: usize) {
        self.at += bytes;
    }

    /// Goes on if this text is next.
    #[inline(always)]
    fn is_next(&mut self, text: &str) -> bool {
        let rest = self.rest().unwrap_or_default();
        let is_next = rest.starts_with(text.as_bytes());
        self.at += if is_next { text.len() } else { 0 };
        is_next
    }

    /// Exactly this text.
    #[inline(always)]
    pub(crate) fn literal(&mut self, text: &str) -> Option<()> {
        self.is_next(text).then_some(())
    }

    /// What stands behind this name, if that is next.
    #[inline(always)]
    pub(crate) fn optional<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Option<Option<T>> {
        match self.is_next(name) {
            true => read(self).map(Some),
            false => Some(None),
        }
    }

    /// Whether all has been read.
    pub(crate) fn end(&self) -> Option<()> {
        (self.at == self.text.len()).then_some(())
    }

    /// An object: `member` reads the value of each name.
    #[inline]
    pub(crate) fn object(
        &mut self,
        mut member: impl FnMut(&mut Self, &'t str) -> Option<()>,
    ) -> Option<()> {
        self.expect(b'{')?;
        if self.goes_on(b'}') {
            return Some(());
        }
        loop {
            let name = self.text()?;
            self.expect(b':')?;
            member(self, name)?;
            if !self.goes_on(b',') {
                return self.expect(b'}');
            }
        }
    }

    /// An array: `item` reads each of its values.
    #[inline]
    pub(crate) fn array(&mut self, mut item: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.expect(b'[')?;
        if self.goes_on(b']') {
            return Some(());
        }
        loop {
            item(self)?;
            if !self.goes_on(b',') {
                return self.expect(b']');
            }
        }
    }

    /// True or false.
    pub(crate) fn flag(&mut self) -> Option<bool> {
        let (flag, length) = match self.rest()? {
            [b't', b'r', b'u', b'e', ..] => (true, 4),
            [b'f', b'a', b'l', b's', b'e', ..] => (false, 5),
            _ => return None,
        };
        self.at += length;
        Some(flag)
    }

    /// A whole number, of which a value of an object or an array stands alone.
    #[inline]
    pub(crate) fn integer(&mut self) -> Option<i64> {
        let is_negative = self.goes_on(b'-');
        let rest = self.rest()?;
        let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let digits = rest.get(..length)?;
        // What begins with a zero is zero, or no number; a negative zero is none that is whole.
        let is_whole = match digits {
            [b'0'] => !is_negative,
            [b'0', ..] | [] => false,
            _ => length <= MAX_DIGITS,
        };
        // A fraction or an exponent may follow.
        let is_all = matches!(rest.get(length), Some(b',' | b'}' | b']'));
        self.at += length;
        let add = |number, digit: &u8| number * 10 + i64::from(digit - b'0');
        let number = digits.get(..length.min(MAX_DIGITS))?.iter().fold(0, add);
        (is_whole && is_all).then_some(if is_negative { -number } else { number })
    }

    /// A string.
    #[inline]
    pub(crate) fn text(&mut self) -> Option<&'t str> {
        self.expect(b'"')?;
        let rest = self.rest_text()?;
        let mut bytes = rest.as_bytes();
        while let Some((word, after)) = bytes.split_first_chunk() {
            if let Some(before) = before_end(u64::from_le_bytes(*word)) {
                return self.text_of(rest, rest.len() - bytes.len() + before);
            }
            bytes = after;
        }
        let is_end = |byte: &u8| *byte == b'"' || *byte == b'\\' || *byte < b' ';
        let before = bytes.iter().position(is_end)?;
        self.text_of(rest, rest.len() - bytes.len() + before)
    }

    /// What stands before a quote.
    #[inline]
    fn text_of(&mut self, rest: &'t str, length: usize) -> Option<&'t str> {
        self.at += length + 1;
        let is_quoted = rest.as_bytes().get(length) == Some(&b'"');
        rest.get(..length).filter(|_| is_quoted)
    }
}

/// How many of eight bytes stand before one that ends a string: a quote, a backslash or a control character.
#[inline]
fn before_end(word: u64) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    // The lowest byte that is marked is right; a borrow may mark one above it.
    let below = |word: u64, limit: u8| word.wrapping_sub(ONES * u64::from(limit)) & !word & HIGH;
    let is = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    let marks = is(b'"') | is(b'\\') | below(word, b' ');
    let bits = std::num::NonZeroU64::new(marks)?.trailing_zeros();
    usize::try_from(bits / 8).ok()
}
