//! What is read and written, beside `chrono`.

use chrono::{DateTime, Days, NaiveDate};
use proptest::prelude::*;

use crate::time::{Date, TimeError, Timestamp};

/// What `chrono` reads, in our bounds.
fn expected(text: &str) -> Result<u64, TimeError> {
    let instant = DateTime::parse_from_rfc3339(text).map_err(|_| TimeError::NotAnInstant)?;
    u64::try_from(instant.timestamp()).map_err(|_| TimeError::OutOfRange)
}

/// Instants alone: a date is not `chrono`'s business here.
fn agree(text: &str) {
    if Date::parse(text).is_err() {
        let read = Timestamp::parse(text).map(Timestamp::unix_seconds);
        assert_eq!(read, expected(text), "{text:?}");
    }
}

#[test]
fn every_day_has_the_same_name_and_number() {
    let first = NaiveDate::from_ymd_opt(1970, 1, 1).unwrap();
    for (number, day) in (0..2_932_897).zip(first.iter_days()) {
        let name = day.to_string();
        let date = Date::parse(&name).unwrap();
        assert_eq!(date.start().unix_seconds(), number * 86_400, "{name}");
        assert_eq!(date.to_string(), name);
    }
}

#[test]
fn every_day_of_some_years_is_found_from_each_of_its_ends() {
    let first = Date::parse("1970-01-01").unwrap();
    let years = (1970..2110).chain(9990..=9999);
    for day in years.flat_map(|year| {
        NaiveDate::from_ymd_opt(year, 1, 1)
            .unwrap()
            .iter_days()
            .take(365)
    }) {
        let date = Date::parse(&day.to_string()).unwrap();
        let compact = day.format("%Y%m%d").to_string();
        assert_eq!(date.compact().to_string(), compact);
        assert_eq!(Date::parse(&compact), Ok(date));
        assert_eq!(date.start().date(), Some(date));
        assert_eq!(date.end().minus(1).date(), Some(date));
        let days = date.start().seconds_since(first.start()) / 86_400;
        assert_eq!(first.plus_days(days), Some(date));
    }
}

#[test]
fn dates_are_real_for_both_or_for_neither() {
    for year in (0..=9999).step_by(7).chain([1900, 1970, 2000, 2100, 2400]) {
        for (month, day) in (0..=13).flat_map(|month| (0..=32).map(move |day| (month, day))) {
            let real = NaiveDate::from_ymd_opt(year, month, day).filter(|_| year >= 1970);
            let text = format!("{year:04}-{month:02}-{day:02}");
            assert_eq!(Date::parse(&text).is_ok(), real.is_some(), "{text}");
            agree(&format!("{text}T00:00:00Z"));
        }
    }
}

#[test]
fn the_last_day_is_that_of_the_year_9999() {
    let last = Date::parse("9999-12-31").unwrap();
    assert_eq!(last.plus_days(1), None);
    assert_eq!(last.plus_days(u64::MAX), None);
    assert_eq!(last.end().date(), None);
    let later = NaiveDate::from_ymd_opt(2027, 1, 31).unwrap() + Days::new(400);
    let date = Date::parse("2027-01-31").unwrap();
    assert_eq!(date.plus_days(400).unwrap().to_string(), later.to_string());
    assert_eq!(format!("{date:?}"), "Date(2027-01-31)");
}

#[test]
fn every_time_and_every_offset_is_read_the_same() {
    for number in 0..100 {
        for text in [
            format!("2027-03-01T{number:02}:30:15Z"),
            format!("2027-03-01T12:{number:02}:15Z"),
            format!("2027-03-01T12:30:{number:02}Z"),
            format!("2027-03-01T12:30:15+{number:02}:30"),
            format!("2027-03-01T12:30:15-12:{number:02}"),
            format!("1970-01-01T12:30:15+{number:02}:59"),
        ] {
            agree(&text);
        }
    }
}

#[test]
fn what_stands_around_them_is_read_the_same() {
    let dates = [
        "2027-03-01",
        "2027-3-01",
        "+027-03-01",
        "-027-03-01",
        "20270301",
        "0000-01-01",
        "9999-12-31",
        "٢٠٢٧-03-01",
        "",
    ];
    let separators = ["T", "t", " ", "", "_", "  ", "\n"];
    let times = [
        "12:30:15",
        "12:30:60",
        "12:30",
        "123015",
        "1:30:15",
        "+2:30:15",
        "12:30:15:",
        "12:30:1５",
        "24:00:00",
    ];
    let fractions = [
        "",
        ".",
        ".5",
        ".123456789",
        ".12345678901234567890",
        ".5x",
        ",5",
        "..5",
    ];
    let zones = [
        "Z", "z", "", "+00:00", "-00:00", "−01:00", "–01:00", "+24:00", "-23:59", "+1:00", "+0100",
        "+01", "+01:0", "+01:000", "+01:00 ", "ZZ", " Z", "+-1:00", "UTC",
    ];
    for date in dates {
        for separator in separators {
            for time in times {
                for fraction in fractions {
                    for zone in zones {
                        agree(&format!("{date}{separator}{time}{fraction}{zone}"));
                    }
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn texts_that_are_nearly_right_are_read_the_same(text in "[0-9]{4}-[01][0-9]-[0-3][0-9][Tt ][0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{0,12})?([Zz]|[+−-][0-2][0-9]:[0-6][0-9])", at in any::<prop::sample::Index>(), letter in any::<Option<char>>()) {
        agree(&text);
        let mut letters: Vec<char> = text.chars().collect();
        match letter {
            Some(letter) => letters[at.index(text.chars().count())] = letter,
            None => drop(letters.remove(at.index(text.chars().count()))),
        }
        agree(&letters.into_iter().collect::<String>());
    }

    #[test]
    fn instants_print_the_same(seconds in 0..253_402_300_800_u64) {
        let printed = Timestamp::from_unix_seconds(seconds).unwrap().to_string();
        let other = DateTime::from_timestamp(seconds.try_into().unwrap(), 0).unwrap();
        prop_assert_eq!(printed, other.format("%Y-%m-%dT%H:%M:%SZ").to_string());
    }
}
