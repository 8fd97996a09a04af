//! The accepted cost of the code paths.

use std::fmt::Write as _;
use std::fs;

use crate::count::Count;

/// The path of the baseline.
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/baseline.txt");
const HEAD: &str = "\
# Cost of one call, on x86-64 with AVX2 under Valgrind. Written by: cargo run --release -p license-counts -- update
# path        instructions  allocations  bytes
";

/// The counts of each path, by its name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Baseline(pub(crate) Vec<(String, Count)>);

/// The comparison of a count with the baseline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The difference is less than a tenth.
    Unchanged,
    /// Higher by a tenth or more, or not in the baseline.
    Grew,
    /// Lower by a tenth or more, so that the baseline allows too much.
    Fell,
}

impl Verdict {
    pub(crate) fn compare(before: u64, now: u64) -> Self {
        let (tenths, now) = (before.saturating_mul(10), now.saturating_mul(10));
        match () {
            () if now == tenths => Self::Unchanged,
            () if now >= tenths + before => Self::Grew,
            () if now + before <= tenths => Self::Fell,
            () => Self::Unchanged,
        }
    }
}

impl Baseline {
    /// Reads the committed baseline.
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
                .expect("writing to a string cannot fail");
                text
            })
    }

    fn parse(text: &str) -> Option<Self> {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines.map(parse_line).collect::<Option<_>>().map(Self)
    }
}

fn parse_line(line: &str) -> Option<(String, Count)> {
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
    fn a_count_grew_or_fell_if_it_differs_by_a_tenth() {
        assert_eq!(Verdict::compare(1000, 1099), Verdict::Unchanged);
        assert_eq!(Verdict::compare(1000, 1100), Verdict::Grew);
        assert_eq!(Verdict::compare(1000, 901), Verdict::Unchanged);
        assert_eq!(Verdict::compare(1000, 900), Verdict::Fell);
    }

    #[test]
    fn a_first_allocation_is_growth() {
        assert_eq!(Verdict::compare(0, 0), Verdict::Unchanged);
        assert_eq!(Verdict::compare(0, 1), Verdict::Grew);
        assert_eq!(Verdict::compare(1, 0), Verdict::Fell);
    }

    #[test]
    fn a_baseline_is_read_as_written() {
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
