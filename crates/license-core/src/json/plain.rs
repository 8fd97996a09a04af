//! JSON as tokens are minted: without blanks, escapes and fractions. What is spelled so is read here, several times as fast; everything
//! else, right or wrong, is left to the parser.

use super::{Json, MAX_DEPTH, Object, duplicate};

/// Longer numbers may not fit.
const MAX_DIGITS: usize = 18;

/// Objects and arrays this deep have room for some members at once.
const ROOMY_DEPTH: usize = 2;
const ROOM: usize = 16;

/// Reads an object and nothing after it. None says nothing of the text but that it is to be read otherwise.
pub(super) fn object(text: &str) -> Option<Object<'_>> {
    let mut reader = Reader { text, at: 0 };
    reader.expect(b'{')?;
    let object = reader.object(1)?;
    (reader.at == text.len()).then_some(object)
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Reader<'t> {
    fn next(&mut self) -> Option<u8> {
        let byte = self.text.as_bytes().get(self.at)?;
        self.at += 1;
        Some(*byte)
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.next()? == byte).then_some(())
    }

    fn expect_all(&mut self, bytes: &str) -> Option<()> {
        self.at += self
            .text
            .get(self.at..)?
            .starts_with(bytes)
            .then_some(bytes.len())?;
        Some(())
    }

    /// A value so many levels deep.
    fn value(&mut self, depth: usize) -> Option<Json<'t>> {
        match self.next()? {
            b'"' => Some(Json::String(self.string()?.into())),
            b'{' => Some(Json::Object(self.object(depth + 1)?)),
            b'[' => Some(Json::Array(self.array(depth + 1)?)),
            b't' => self.expect_all("rue").map(|()| Json::Bool(true)),
            b'f' => self.expect_all("alse").map(|()| Json::Bool(false)),
            b'-' => self
                .integer()
                .filter(|number| *number != 0)
                .map(|number| Json::Integer(-number)),
            b'0'..=b'9' => {
                self.at -= 1;
                self.integer().map(Json::Integer)
            }
            _ => None,
        }
    }

    fn integer(&mut self) -> Option<i64> {
        let rest = self.text.as_bytes().get(self.at..)?;
        let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let digits = rest.get(..length)?;
        let is_plain =
            length == 1 || (digits.first() != Some(&b'0') && (2..=MAX_DIGITS).contains(&length));
        // A fraction or an exponent may follow.
        let ends = matches!(rest.get(length), Some(b',' | b'}' | b']'));
        self.at += length;
        let add = |number, digit: &u8| number * 10 + i64::from(digit - b'0');
        (is_plain && ends).then(|| digits.iter().fold(0, add))
    }

    /// What stands before the next quote.
    #[inline]
    fn string(&mut self) -> Option<&'t str> {
        let start = self.at;
        let rest = self.text.as_bytes().get(start..)?;
        let (words, last) = rest.as_chunks();
        let mut in_words = (0..).step_by(8).zip(words);
        let in_word =
            in_words.find_map(|(before, word)| Some(before + ends(u64::from_le_bytes(*word))?));
        let in_last = || {
            let before = rest.len() - last.len();
            Some(before + last.iter().position(|byte| is_end(*byte))?)
        };
        let end = start + in_word.or_else(in_last)?;
        self.at = end;
        self.expect(b'"')?;
        self.text.get(start..end)
    }

    fn array(&mut self, depth: usize) -> Option<Vec<Json<'t>>> {
        let mut items = Vec::with_capacity(room(depth)?);
        if self.is_at(b']') {
            return Some(items);
        }
        loop {
            items.push(self.value(depth)?);
            match self.next()? {
                b',' => {}
                b']' => return Some(items),
                _ => return None,
            }
        }
    }

    fn object(&mut self, depth: usize) -> Option<Object<'t>> {
        let mut members = Object::with_capacity(room(depth)?);
        if self.is_at(b'}') {
            return Some(members);
        }
        loop {
            self.expect(b'"')?;
            let name = self.string()?;
            self.expect(b':')?;
            members.push((name.into(), self.value(depth)?));
            match self.next()? {
                b',' => {}
                b'}' => return duplicate(&members).is_none().then_some(members),
                _ => return None,
            }
        }
    }

    /// Goes on if this byte is the next.
    fn is_at(&mut self, byte: u8) -> bool {
        let is_next = self.text.as_bytes().get(self.at) == Some(&byte);
        self.at += usize::from(is_next);
        is_next
    }
}

fn room(depth: usize) -> Option<usize> {
    match depth {
        ..=ROOMY_DEPTH => Some(ROOM),
        ..=MAX_DEPTH => Some(0),
        _ => None,
    }
}

fn is_end(byte: u8) -> bool {
    byte == b'"' || byte == b'\\' || byte < b' '
}

/// How many of eight bytes stand before one that ends a string: a quote, a backslash or a control character.
#[inline]
fn ends(word: u64) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    // The lowest byte that is marked is right; a borrow may mark one above it.
    let below = |word: u64, limit: u8| word.wrapping_sub(ONES * u64::from(limit)) & !word & HIGH;
    let is = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    let marks = is(b'"') | is(b'\\') | below(word, b' ');
    let bits = std::num::NonZeroU64::new(marks)?.trailing_zeros();
    usize::try_from(bits / 8).ok()
}
