//! A set of names that is asked at every turn.

use std::cmp::Ordering;
use std::fmt;

/// Multiplied with, it spreads over the high bits what the words differ in (2^64 by the golden ratio).
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

/// A name stands within so many places of where it belongs, or is searched for: so that no choice of names makes a look-up slow.
const STEPS: usize = 8;

/// Names in alphabetical order, each once. Looking one up takes the same time however many there are.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Names {
    /// One after the other.
    text: Box<str>,
    names: Box<[Name]>,
    /// Where each belongs by its fingerprint: its number from 1 on, or 0 where nothing is. A power of two of them, at least four times as
    /// many as names, so that most names stand where they belong.
    places: Box<[u32]>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Name {
    /// None that a fingerprint equals if the name has more than 32 bytes: it doesn't say all of such a name.
    fingerprint: Fingerprint,
    start: usize,
    end: usize,
}

/// A name's length and its first and last bytes: all of it, if it has 32 bytes or fewer.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Fingerprint {
    first: u128,
    last: u128,
    length: usize,
}

impl Fingerprint {
    /// The longest name that its fingerprint says all of.
    const WHOLE: usize = 32;

    /// Calls with the fingerprint of a name; one call for each class of lengths, so that each is compiled by itself.
    #[inline(always)]
    fn of<T>(name: &str, then: impl Fn(Self) -> T) -> T {
        let bytes = name.as_bytes();
        let length = bytes.len();
        let with = |first, last| Self {
            first,
            last,
            length,
        };
        if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
            return then(with(
                u128::from_le_bytes(*first),
                u128::from_le_bytes(*last),
            ));
        }
        if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
            let [first, last] = [first, last].map(|word| u64::from_le_bytes(*word));
            return then(with(first.into(), last.into()));
        }
        if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
            let [first, last] = [first, last].map(|word| u32::from_le_bytes(*word));
            return then(with(first.into(), last.into()));
        }
        let add = |word, byte: &u8| word << 8 | u128::from(*byte);
        then(with(bytes.iter().fold(0, add), 0))
    }

    /// A number that is another for nearly every other name.
    #[inline]
    fn spread(&self) -> usize {
        let [a, b] = halves(self.first);
        let [c, d] = halves(self.last);
        let mixed = a ^ b.rotate_left(17) ^ c.rotate_left(31) ^ d.rotate_left(47);
        usize::try_from(mixed.wrapping_mul(SPREAD) >> 32).unwrap_or_default()
    }
}

#[inline]
fn halves(word: u128) -> [u64; 2] {
    let half = |word: u128| u64::try_from(word & u128::from(u64::MAX)).unwrap_or_default();
    [half(word), half(word >> 64)]
}

impl Names {
    /// Of names in alphabetical order, each once.
    #[allow(
        clippy::slow_vector_initialization,
        reason = "glibc takes longer to find zeros than to write so few"
    )]
    pub(super) fn of_sorted<'n>(sorted: impl ExactSizeIterator<Item = &'n str> + Clone) -> Self {
        let mut text = String::with_capacity(sorted.clone().map(str::len).sum());
        let mut names = Vec::with_capacity(sorted.len());
        let count = (4 * sorted.len()).next_power_of_two();
        let mut places = Vec::with_capacity(count);
        places.resize(count, 0);
        for (number, name) in (1..).zip(sorted) {
            let start = text.len();
            text.push_str(name);
            let mut fingerprint = Fingerprint::of(name, |fingerprint| fingerprint);
            put(&mut places, fingerprint.spread(), number);
            if name.len() > Fingerprint::WHOLE {
                fingerprint.length = usize::MAX;
            }
            names.push(Name {
                fingerprint,
                start,
                end: text.len(),
            });
        }
        Self {
            text: text.into(),
            names: names.into(),
            places: places.into(),
        }
    }

    /// Which one it is, counted from 0.
    #[inline]
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        Fingerprint::of(name, |fingerprint| {
            let spread = fingerprint.spread();
            let place = spread & self.places.len().wrapping_sub(1);
            let number = usize::try_from(*self.places.get(place)?).ok()?;
            let index = number.checked_sub(1)?;
            match self.names.get(index)?.fingerprint == fingerprint {
                true => Some(index),
                false => self.further(name, spread),
            }
        })
    }

    /// Where what belongs to one place stands in another, or is longer than its fingerprint says.
    #[inline(never)]
    fn further(&self, name: &str, spread: usize) -> Option<usize> {
        for place in places(spread, self.places.len()) {
            let number = usize::try_from(*self.places.get(place)?).ok()?;
            let index = number.checked_sub(1)?;
            if self.get(index) == Some(name) {
                return Some(index);
            }
        }
        self.search(name)
    }

    /// Where too many names belong to one place.
    fn search(&self, name: &str) -> Option<usize> {
        let (mut from, mut to) = (0, self.names.len());
        while from < to {
            let middle = from.midpoint(to);
            match self.get(middle)?.cmp(name) {
                Ordering::Equal => return Some(middle),
                Ordering::Less => from = middle + 1,
                Ordering::Greater => to = middle,
            }
        }
        None
    }

    fn get(&self, index: usize) -> Option<&str> {
        let name = self.names.get(index)?;
        self.text.get(name.start..name.end)
    }

    /// In alphabetical order.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        (0..self.names.len()).map(|index| self.get(index).unwrap_or_default())
    }
}

/// The first free place takes the name; if there is none near, it is searched for.
fn put(all: &mut [u32], spread: usize, number: u32) {
    for place in places(spread, all.len()) {
        if let Some(free @ 0) = all.get_mut(place) {
            *free = number;
            return;
        }
    }
}

/// The places of a name, the nearest first.
fn places(spread: usize, count: usize) -> impl Iterator<Item = usize> {
    let mask = count.wrapping_sub(1);
    (0..STEPS).map(move |step| spread.wrapping_add(step) & mask)
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asks for each, and for what is nearly each.
    fn check(names: &[String]) {
        let mut sorted: Vec<&str> = names.iter().map(String::as_str).collect();
        sorted.sort_unstable();
        sorted.dedup();
        let set = Names::of_sorted(sorted.iter().copied());
        assert!(set.iter().eq(sorted.iter().copied()));
        for (index, name) in sorted.iter().enumerate() {
            assert_eq!(set.position(name), Some(index), "{name}");
            for near in [format!("{name}x"), format!("x{name}"), name.to_uppercase()] {
                let expected = sorted.binary_search(&near.as_str()).ok();
                assert_eq!(set.position(&near), expected, "{near}");
            }
        }
    }

    #[test]
    fn names_of_every_length_are_found() {
        check(&[]);
        for count in [1, 2, 3, 26, 1000] {
            check(
                &(0..count)
                    .map(|n| format!("feature_{n}"))
                    .collect::<Vec<_>>(),
            );
        }
        let letters: String = ('a'..='z').cycle().take(70).collect();
        let lengths: Vec<_> = (0..70).map(|length| letters[..length].to_owned()).collect();
        check(&lengths);
        let last_differs: Vec<_> = lengths.iter().map(|name| format!("{name}!")).collect();
        check(&[lengths, last_differs].concat());
    }

    #[test]
    fn names_of_control_characters_are_told_apart() {
        for letter in '\0'..=' ' {
            let letters = |count| letter.to_string().repeat(count);
            check(&(0..40).map(letters).collect::<Vec<_>>());
            let ends = |count| format!("{letter}{}\u{10}", "\0".repeat(count));
            check(&(0..40).map(ends).collect::<Vec<_>>());
        }
    }

    #[test]
    fn names_with_one_fingerprint_are_told_apart() {
        let alike: Vec<_> = (0..100)
            .map(|n| format!("a_long_beginning_{n:03}_and_the_same_ending"))
            .collect();
        let spread = |name: &String| Fingerprint::of(name, |fingerprint| fingerprint.spread());
        let first = spread(&alike[0]);
        assert!(alike.iter().all(|name| spread(name) == first));
        check(&alike);
    }
}
