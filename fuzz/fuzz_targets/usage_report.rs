//! Usage reports of customers.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use license_core::chrono::{DateTime, Utc};
use license_core::usage::{UsageEntry, UsageHash, UsageReport, examine};
use license_core::{time, with_causes};
use license_fuzz::{assert_printable, bounded, json};

const MEMORY_FACTOR: u64 = 128;

static NOW: LazyLock<DateTime<Utc>> =
    LazyLock::new(|| time::parse_instant("2027-01-15T09:00:00Z").unwrap());

fuzz_target!(|text: &str| {
    let reports = match bounded(MEMORY_FACTOR, text.as_bytes(), || {
        UsageReport::parse_all(text)
    }) {
        Ok(reports) => reports,
        Err(error) => return assert_printable(&with_causes(&error)),
    };
    assert!(!reports.is_empty());
    for report in &reports {
        for (line, entry, hash) in report.entries() {
            assert!(json::strict_object(line.as_bytes()).is_some(), "{line}");
            assert_eq!(hash, UsageHash::from_entry(line));
            let printed = entry.to_line();
            assert!(printed.is_ascii());
            assert_printable(&printed);
            assert_eq!(&UsageEntry::parse(&printed).unwrap(), entry);
        }
    }
    let summaries = examine(&reports, *NOW);
    for summary in &summaries {
        let entries = reports.iter().flat_map(UsageReport::entries);
        let of_chain = entries.filter(|(_, entry, _)| entry.chain == summary.chain);
        assert!(summary.entries <= of_chain.count());
    }
});
