//! Printing and parsing round-trip, even after changes by mail, chat and spreadsheets.

use license_core::chrono::TimeDelta;
use license_core::jose::Backend;
use license_core::{LicenseFile, LicenseKey, TrustSet, Unverified, time};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::{cases, date, full_key, instant, public_key, short_key, standard_key, token};

const DASHES: [&str; 12] = [
    "-", "\u{2010}", "\u{2011}", "\u{2012}", "\u{2013}", "\u{2014}", "\u{2015}", "\u{2043}",
    "\u{2212}", "\u{fe58}", "\u{fe63}", "\u{ff0d}",
];
const BREAKS: [&str; 6] = ["\n", "\r\n", "\r", "\n    ", "  \r\n\t", "\u{2028}"];
const AROUND: [(&str, &str); 12] = [
    ("", ""),
    (" ", "\n"),
    ("\u{feff}", "\r\n"),
    ("\t\u{a0}", "\u{200b}"),
    ("\"", "\""),
    ("'", "'"),
    ("`", "`"),
    ("“", "”"),
    ("„", "“"),
    ("‘", "’"),
    ("«\u{a0}", "\u{a0}»"),
    ("＂", "＂"),
];

/// Changes that mail, chat and spreadsheets make to a text.
#[derive(Clone, Debug)]
struct Damage {
    dashes: Vec<&'static str>,
    breaks: Vec<(usize, &'static str)>,
    around: Vec<(&'static str, &'static str)>,
}

fn damage() -> impl Strategy<Value = Damage> {
    let breaks = vec((any::<prop::sample::Index>(), select(&BREAKS[..])), 0..6);
    let breaks = breaks.prop_map(|breaks| {
        breaks
            .into_iter()
            .map(|(at, text)| (at.index(4096), text))
            .collect()
    });
    (
        vec(select(&DASHES[..]), 1..9),
        breaks,
        vec(select(&AROUND[..]), 0..4),
    )
        .prop_map(|(dashes, breaks, around)| Damage {
            dashes,
            breaks,
            around,
        })
}

impl Damage {
    fn replace_hyphens(&self, text: &str) -> String {
        let mut dashes = self.dashes.iter().cycle();
        let characters = text.chars().map(|character| match character {
            '-' => (*dashes.next().unwrap()).to_owned(),
            character => character.to_string(),
        });
        characters.collect()
    }

    fn insert_line_breaks(&self, text: &str) -> String {
        let mut characters: Vec<String> = text.chars().map(String::from).collect();
        for (at, line_break) in &self.breaks {
            let at = at % (characters.len() + 1);
            characters.insert(at, (*line_break).to_owned());
        }
        characters.concat()
    }

    fn wrap(&self, text: &str) -> String {
        let wrap = |text, (before, after): &(&str, &str)| format!("{before}{text}{after}");
        self.around.iter().fold(text.to_owned(), wrap)
    }

    fn apply_to(&self, line: &str) -> String {
        self.wrap(&self.insert_line_breaks(&self.replace_hyphens(line)))
    }

    /// Changes line ends and indentation, and inserts empty lines.
    fn apply_to_lines(&self, file: &str) -> String {
        let ends = self
            .breaks
            .iter()
            .map(|(at, _)| ["\n", "\r\n", "  \r\n", "\n\n", "\n  "][at % 5]);
        let ends: Vec<_> = ends.chain(["\r\n"]).collect();
        let lines = self
            .replace_hyphens(file)
            .lines()
            .map(str::to_owned)
            .collect::<Vec<_>>();
        let lines = lines
            .iter()
            .zip(ends.iter().cycle())
            .map(|(line, end)| format!("{line}{end}"));
        self.wrap(&lines.collect::<String>())
    }
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn standard_keys_round_trip(key in standard_key()) {
        let printed = key.to_string();
        prop_assert_eq!(LicenseKey::parse(&printed), Ok(LicenseKey::Standard(key)));
    }

    #[test]
    fn enterprise_keys_round_trip(full in full_key(), short in short_key()) {
        let (read_full, read_short) = (LicenseKey::parse(&full).unwrap(), LicenseKey::parse(&short).unwrap());
        prop_assert!(matches!(read_full, LicenseKey::Enterprise(_)));
        prop_assert!(matches!(read_short, LicenseKey::EnterpriseShort(_)));
        prop_assert_eq!(read_full.to_string(), full);
        prop_assert_eq!(read_short.to_string(), short);
    }

    #[test]
    fn the_short_form_of_an_enterprise_key_round_trips(full in full_key()) {
        let Ok(LicenseKey::Enterprise(key)) = LicenseKey::parse(&full) else { panic!("{full}") };
        let short = LicenseKey::parse(&key.short().to_string());
        prop_assert_eq!(short, Ok(LicenseKey::EnterpriseShort(key.short())));
    }

    #[test]
    fn tokens_round_trip_through_armor(tokens in vec(token(), 1..4)) {
        let armor = |token: &String| Unverified::parse(token).unwrap().to_armor();
        let file: String = tokens.iter().map(armor).collect();
        prop_assert!(file.lines().all(|line| line.len() <= 64));
        let read = LicenseFile::parse(&file).unwrap();
        let read: Vec<_> = read.blocks().iter().map(|block| block.token.as_str().to_owned()).collect();
        prop_assert_eq!(read, tokens);
    }

    #[test]
    fn instants_and_dates_round_trip(instant in instant(), date in date()) {
        prop_assert_eq!(time::parse_instant(&time::rfc3339(instant).to_string()), Ok(instant));
        prop_assert_eq!(time::parse_date(&date.to_string()), Ok(date));
        let compact = date.format("%Y%m%d").to_string();
        prop_assert_eq!(time::parse_date(&compact), Ok(date));
        prop_assert_eq!(time::start_of_day(date).date_naive(), date);
        let last = time::end_of_day(date) - TimeDelta::seconds(1);
        prop_assert_eq!(last.date_naive(), date);
    }

    #[test]
    fn trust_sets_round_trip(keys in vec(public_key(), 1..4)) {
        let set = TrustSet::new(keys).unwrap();
        let jwks = set.to_jwks();
        prop_assert_eq!(TrustSet::parse(&jwks.to_string()).unwrap().to_jwks(), jwks.clone());
        let pem: String = set.iter().map(|key| key.to_pem().unwrap()).collect();
        prop_assert_eq!(TrustSet::parse(&pem).unwrap().to_jwks(), jwks.clone());
        for &backend in Backend::AVAILABLE {
            prop_assert_eq!(set.with_backend(backend).unwrap().to_jwks(), jwks.clone());
        }
    }

    #[test]
    fn changes_to_standard_keys_are_reverted(
        key in standard_key(),
        damage in damage(),
        lower in vec(any::<bool>(), 40),
    ) {
        let printed = key.to_string();
        let characters = printed.chars().zip(lower.iter().cycle());
        let cased: String =
            characters.map(|(character, &lower)| {
                if lower { character.to_ascii_lowercase() } else { character }
            }).collect();
        prop_assert_eq!(LicenseKey::parse(&damage.apply_to(&cased)), Ok(LicenseKey::Standard(key)));
    }

    #[test]
    fn changes_to_enterprise_keys_are_reverted(full in full_key(), short in short_key(), damage in damage()) {
        for key in [full, short] {
            prop_assert_eq!(LicenseKey::parse(&damage.apply_to(&key)).unwrap().to_string(), key);
        }
    }

    #[test]
    fn changes_to_tokens_are_reverted(token in token(), damage in damage()) {
        let damaged = damage.apply_to(&token);
        let read = Unverified::parse(&damaged).unwrap();
        prop_assert_eq!(read.as_str(), &token);
        let file = LicenseFile::parse(&damaged).unwrap();
        prop_assert_eq!(file.blocks()[0].token.as_str(), &token);
    }

    #[test]
    fn changes_to_license_files_are_reverted(tokens in vec(token(), 1..4), damage in damage()) {
        let armor = |token: &String| Unverified::parse(token).unwrap().to_armor();
        let damaged = damage.apply_to_lines(&tokens.iter().map(armor).collect::<String>());
        let read = LicenseFile::parse(&damaged).unwrap();
        let read: Vec<_> = read.blocks().iter().map(|block| block.token.as_str().to_owned()).collect();
        prop_assert_eq!(read, tokens);
    }
}
