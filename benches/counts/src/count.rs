//! Measurement of a code path under Valgrind.

use std::env;
use std::fs;
use std::process::Command;

use crate::path::CodePath;

/// The cost of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) instructions: u64,
    pub(crate) allocations: u64,
    pub(crate) bytes: u64,
}

impl Count {
    /// Measures a code path, without the part that belongs to another library.
    pub(crate) fn measure(path: CodePath) -> Self {
        let all = Self::whole(path);
        path.foreign_part()
            .map_or(all, |other| all.minus(Self::whole(other)))
    }

    /// Returns the cost of one call, from the additional cost of [`CALLS`] more calls. The
    /// difference excludes setup and cleanup.
    fn whole(path: CodePath) -> Self {
        let (few, many) = (total(path, FEW), total(path, FEW + CALLS));
        many.minus(few).map(|count| count / CALLS)
    }

    fn minus(self, other: Self) -> Self {
        Self {
            instructions: self.instructions.saturating_sub(other.instructions),
            allocations: self.allocations.saturating_sub(other.allocations),
            bytes: self.bytes.saturating_sub(other.bytes),
        }
    }

    fn map(self, with: impl Fn(u64) -> u64) -> Self {
        Self {
            instructions: with(self.instructions),
            allocations: with(self.allocations),
            bytes: with(self.bytes),
        }
    }
}

/// The number of calls before counting, so that one-time work is done.
const FEW: u64 = 5;
/// The number of counted calls.
const CALLS: u64 = 20;

/// Measures a process that runs a code path `times` times.
///
/// DHAT, a tool of Valgrind, counts allocations, bytes and instructions. Under DHAT, a program
/// allocates and copies memory in the same way on every machine.
///
/// The count of `cached` can jump between 1,400 and 9,100 instructions although no code has
/// changed: the compiler compares the token with `bcmp` or with `memcmp`, and only `memcmp` is
/// replaced by DHAT, with a loop over the bytes. The baseline keeps the larger count.
fn total(path: CodePath, times: u64) -> Count {
    let report = env::temp_dir().join(format!("license-counts-{}", std::process::id()));
    let output = Command::new("valgrind")
        .arg("--tool=dhat")
        .arg(format!("--dhat-out-file={}", report.display()))
        .arg(env::current_exe().expect("a program knows its path"))
        .args([path.name(), &times.to_string()])
        .output()
        .expect("valgrind can be started: install `valgrind`");
    let summary = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{summary}");
    let profile = fs::read_to_string(&report).expect("DHAT writes its profile");
    let _ = fs::remove_file(report);
    read(&profile, &summary).expect("a profile of DHAT")
}

/// Parses the output of DHAT.
///
/// The profile contains the instructions (`"te":123`), and the summary the rest
/// (`Total: 1,234 bytes in 56 blocks`).
fn read(profile: &str, summary: &str) -> Option<Count> {
    let digits = |text: &str| {
        text.chars()
            .filter(char::is_ascii_digit)
            .collect::<String>()
    };
    let (_, instructions) = profile.split_once("\"te\":")?;
    let instructions = instructions.lines().next()?;
    let total = summary.lines().find(|line| line.contains("Total: "))?;
    let (_, total) = total.split_once("Total: ")?;
    let (bytes, blocks) = total.split_once(" bytes in ")?;
    Some(Count {
        instructions: digits(instructions).parse().ok()?,
        allocations: digits(blocks).parse().ok()?,
        bytes: digits(bytes).parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_output_of_dhat_is_parsed() {
        let summary = "==7== Command: x 5\n==7== Total:     1,234 bytes in 56 blocks\n==7== At t-gmax: 9 bytes in 1 blocks\n";
        let profile = "{\"dhatFileVersion\":2\n,\"pid\":7\n,\"te\":175315\n,\"tg\":1\n}";
        let count = Count {
            instructions: 175_315,
            allocations: 56,
            bytes: 1234,
        };
        assert_eq!(read(profile, summary), Some(count));
        assert_eq!(read(profile, "killed"), None);
        assert_eq!(read("{}", summary), None);
    }
}
