//! What the paths cost when it was last accepted.

use std::fmt::Write as _;
use std::fs;

use crate::count::Count;

/// Where it is written, and read.
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/baseline.txt");
const HEAD: &str = "\
# What one call costs, on x86-64 with AVX2 as Valgrind shows it. Written by: cargo run --release -p license-counts -- update
# path        instructions  allocations  bytes
";

/// The counts of each path by its name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Baseline(pub(crate) Vec<(String, Count)>);

/// How a count stands to that of the baseline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// By less than a tenth more or less.
    Held,
    /// By a tenth or more, or there was none.
    Grew,
    /// By a tenth or more, so that the baseline lets too much pass.
    Fell,
}

impl Verdict {
    pub(crate) fn of(before: u64, now: u64) -> Self {
        let (tenths, now) = (before.saturating_mul(10), now.saturating_mul(10));
        match () {
            () if now == tenths => Self::Held,
            () if now >= tenths + before => Self::Grew,
            () if now + before <= tenths => Self::Fell,
            () => Self::Held,
        }
    }
}

impl Baseline {
    /// As it was committed.
    pub(crate) fn read() -> Option<Self> {
        Self::parse(&fs::read_to_string(FILE).ok()?)
    }

    pub(crate) fn write(&self) {
        fs::write(FILE, self.to_text()).expect("the baseline can be written");
    }

    pub(crate) fn get(&self, path: &str) -> Option<Count> {
        let mut counts = self.0.iter();
        counts
            .find(|(name, _)| name == path)
            .map(|(_, count)| *count)
    }

    fn to_text(&self) -> String {
        self.0
            .iter()
            .fold(HEAD.to_owned(), |mut text, (path, count)| {
                let Count {
                    instructions,
                    allocations,
                    bytes,
                } = count;
                writeln!(
                    text,
                    "{path:12}  {instructions:12}  {allocations:11}  {bytes:5}"
                )
                .expect("text grows");
                text
            })
    }

    fn parse(text: &str) -> Option<Self> {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines.map(line).collect::<Option<_>>().map(Self)
    }
}

fn line(line: &str) -> Option<(String, Count)> {
    let mut words = line.split_whitespace();
    let path = words.next()?.to_owned();
    let mut number = || words.next()?.parse().ok();
    let count = Count {
        instructions: number()?,
        allocations: number()?,
        bytes: number()?,
    };
    Some((path, count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_more_has_grown_and_a_tenth_less_has_fallen() {
        assert_eq!(Verdict::of(1000, 1099), Verdict::Held);
        assert_eq!(Verdict::of(1000, 1100), Verdict::Grew);
        assert_eq!(Verdict::of(1000, 901), Verdict::Held);
        assert_eq!(Verdict::of(1000, 900), Verdict::Fell);
    }

    #[test]
    fn where_nothing_was_allocated_one_allocation_has_grown() {
        assert_eq!(Verdict::of(0, 0), Verdict::Held);
        assert_eq!(Verdict::of(0, 1), Verdict::Grew);
        assert_eq!(Verdict::of(1, 0), Verdict::Fell);
    }

    #[test]
    fn a_baseline_is_read_as_it_was_written() {
        let count = Count {
            instructions: 12_345,
            allocations: 6,
            bytes: 789,
        };
        let baseline = Baseline(vec![("verify".to_owned(), count)]);
        assert_eq!(Baseline::parse(&baseline.to_text()), Some(baseline));
        assert_eq!(Baseline::parse("verify 1 2"), None);
    }
}
