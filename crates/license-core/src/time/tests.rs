//! Tests of instants, dates and durations.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use proptest::prelude::*;

use super::{Date, Span, TimeError, Timestamp};

/// The last second of the year 9999.
const LAST: u64 = 253_402_300_799;

#[test]
fn instants_up_to_the_year_9999_round_trip() {
    for text in [
        "1970-01-01T00:00:00Z",
        "2024-02-29T23:59:59Z",
        "9999-12-31T23:59:59Z",
    ] {
        assert_eq!(Timestamp::parse(text).unwrap().to_string(), text);
    }
    assert_eq!(Timestamp::MAX.to_string(), "9999-12-31T23:59:59Z");
    assert_eq!(Timestamp::MAX.unix_seconds(), LAST);
}

#[test]
fn texts_in_other_forms_are_not_instants() {
    for text in [
        "",
        "tomorrow",
        "2027-02-30",
        "+2027-01-1",
        "2027-13-01T00:00:00Z",
        "2027-01-01T00:00:00",
        "１９９９-01-01",
    ] {
        assert_eq!(
            Timestamp::parse(text),
            Err(TimeError::NotAnInstant),
            "{text}"
        );
    }
}

#[test]
fn instants_before_1970_and_after_9999_are_refused() {
    for text in [
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:59:59+01:00",
        "0000-01-01T00:00:00Z",
        "9999-12-31T23:59:59-00:01",
    ] {
        assert_eq!(Timestamp::parse(text), Err(TimeError::OutOfRange), "{text}");
    }
    assert_eq!(Timestamp::from_unix_seconds(LAST), Some(Timestamp::MAX));
    for seconds in [LAST + 1, 1 << 53, u64::MAX] {
        assert_eq!(Timestamp::from_unix_seconds(seconds), None);
    }
}

#[test]
fn arithmetic_stays_in_bounds() {
    assert_eq!(Timestamp::MAX.plus(1), Timestamp::MAX);
    assert_eq!(Timestamp::MIN.plus(u64::MAX), Timestamp::MAX);
    assert_eq!(Timestamp::MIN.minus(1), Timestamp::MIN);
    assert_eq!(Timestamp::MIN.seconds_since(Timestamp::MAX), 0);
    assert_eq!(Timestamp::MAX.seconds_since(Timestamp::MIN), LAST);
}

#[test]
fn durations_are_rounded_down_and_have_singular_and_plural_units() {
    let spans = [
        (0, "0 seconds"),
        (61, "1 minute"),
        (172_799, "47 hours"),
        (172_800, "2 days"),
    ];
    for (seconds, text) in spans {
        assert_eq!(Span(seconds).to_string(), text);
    }
}

#[test]
fn conversions_to_chrono_and_back_keep_the_value_and_reject_values_out_of_range() {
    for instant in [
        Timestamp::MIN,
        Timestamp::parse("2027-03-01T12:30:15Z").unwrap(),
        Timestamp::MAX,
    ] {
        let other = DateTime::<Utc>::from(instant);
        assert_eq!(Timestamp::try_from(other), Ok(instant));
        let fraction = other + TimeDelta::milliseconds(999);
        assert_eq!(Timestamp::try_from(fraction), Ok(instant));
        let date = instant.date().unwrap();
        assert_eq!(Date::try_from(NaiveDate::from(date)), Ok(date));
    }
    let second = TimeDelta::seconds(1);
    for outside in [
        DateTime::<Utc>::from(Timestamp::MIN) - second,
        DateTime::<Utc>::from(Timestamp::MAX) + second,
    ] {
        assert_eq!(Timestamp::try_from(outside), Err(TimeError::OutOfRange));
        let date = outside.date_naive();
        assert_eq!(Date::try_from(date), Err(TimeError::OutOfRange));
    }
    let span = TimeDelta::try_from(Span(90)).unwrap();
    assert_eq!(span, TimeDelta::seconds(90));
    assert_eq!(Span::try_from(span).unwrap().0, 90);
    assert!(Span::try_from(TimeDelta::milliseconds(-1)).is_err());
    assert!(TimeDelta::try_from(Span(u64::MAX)).is_err());
}

/// Returns the number of days of a month in the Gregorian calendar.
fn days_in_month(year: u32, month: u32) -> u32 {
    let is_leap = year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Returns all days from 1970 to 9999, each as year, month and day.
fn every_day() -> impl Iterator<Item = (u32, u32, u32)> {
    let months = (1970..=9999).flat_map(|year| (1..=12).map(move |month| (year, month)));
    months.flat_map(|(year, month)| {
        (1..=days_in_month(year, month)).map(move |day| (year, month, day))
    })
}

#[test]
fn every_day_is_parsed_and_printed() {
    let mut count = 0;
    for (number, (year, month, day)) in (0..).zip(every_day()) {
        let name = format!("{year:04}-{month:02}-{day:02}");
        let date = Date::parse(&name).unwrap();
        assert_eq!(date.start().unix_seconds(), number * 86_400, "{name}");
        assert_eq!(date.to_string(), name);
        count += 1;
    }
    assert_eq!(count, 2_932_897);
}

#[test]
fn the_first_and_the_last_second_of_a_day_have_its_date() {
    let first = Date::parse("1970-01-01").unwrap();
    let days = every_day().filter(|(year, ..)| *year < 2110 || *year >= 9990);
    for (year, month, day) in days {
        let compact = format!("{year:04}{month:02}{day:02}");
        let date = Date::parse(&compact).unwrap();
        assert_eq!(date.compact().to_string(), compact);
        assert_eq!(Date::parse(&date.to_string()), Ok(date));
        assert_eq!(date.start().date(), Some(date));
        assert_eq!(date.end().minus(1).date(), Some(date));
        let days = date.start().seconds_since(first.start()) / 86_400;
        assert_eq!(first.plus_days(days), Some(date));
    }
}

#[test]
fn only_real_dates_are_accepted() {
    for year in (0..=9999).step_by(7).chain([1900, 1970, 2000, 2100, 2400]) {
        for (month, day) in (0..=13).flat_map(|month| (0..=32).map(move |day| (month, day))) {
            let is_real =
                (1..=12).contains(&month) && (1..=days_in_month(year, month)).contains(&day);
            let text = format!("{year:04}-{month:02}-{day:02}");
            let is_date = is_real && year >= 1970;
            assert_eq!(Date::parse(&text).is_ok(), is_date, "{text}");
            let instant = Timestamp::parse(&format!("{text}T00:00:00Z"));
            match (is_real, is_date) {
                (true, true) => assert_eq!(instant, Ok(Date::parse(&text).unwrap().start())),
                (true, false) => assert_eq!(instant, Err(TimeError::OutOfRange), "{text}"),
                (false, _) => assert_eq!(instant, Err(TimeError::NotAnInstant), "{text}"),
            }
        }
    }
}

#[test]
fn dates_in_other_forms_are_rejected() {
    for text in [
        "2027-1-01",
        "2027-01-1 ",
        "+2027-1-01",
        "2027/01/01",
        "2027 01 01",
        "202701-01",
        "+2270101",
        "2027 101",
        "2027011",
        "202701011",
        "2027-01-01Z",
        "２027-1-01",
    ] {
        assert_eq!(Date::parse(text), Err(TimeError::NotADate), "{text}");
    }
}

#[test]
fn no_date_is_after_the_year_9999() {
    let last = Date::parse("9999-12-31").unwrap();
    assert_eq!(last.plus_days(1), None);
    assert_eq!(last.plus_days(u64::MAX), None);
    assert_eq!(last.end(), Timestamp::MAX);
    let date = Date::parse("2027-01-31").unwrap();
    assert_eq!(date.plus_days(400).unwrap().to_string(), "2028-03-06");
    assert_eq!(format!("{date:?}"), "Date(2027-01-31)");
}

#[test]
fn only_valid_times_and_offsets_are_accepted() {
    let midnight = Timestamp::parse("2027-03-01").unwrap();
    let noon = 12 * 3600 + 30 * 60 + 15;
    for number in 0..100_u64 {
        let read = |text: String| {
            let instant = Timestamp::parse(&text);
            match instant {
                Ok(instant) => Some(instant.unix_seconds().cast_signed()),
                Err(error) => {
                    assert_eq!(error, TimeError::NotAnInstant, "{text}");
                    None
                }
            }
        };
        let expected = |is_real: bool, seconds: i64| {
            is_real.then_some(midnight.unix_seconds().cast_signed() + seconds)
        };
        let signed = number.cast_signed();
        assert_eq!(
            read(format!("2027-03-01T{number:02}:30:15Z")),
            expected(number < 24, signed * 3600 + 30 * 60 + 15)
        );
        assert_eq!(
            read(format!("2027-03-01T12:{number:02}:15Z")),
            expected(number < 60, 12 * 3600 + signed * 60 + 15)
        );
        assert_eq!(
            read(format!("2027-03-01T12:30:{number:02}Z")),
            expected(number <= 60, 12 * 3600 + 30 * 60 + signed.min(59))
        );
        assert_eq!(
            read(format!("2027-03-01T12:30:15+{number:02}:30")),
            expected(number < 24, noon - signed * 3600 - 30 * 60)
        );
        assert_eq!(
            read(format!("2027-03-01T12:30:15-12:{number:02}")),
            expected(number < 60, noon + 12 * 3600 + signed * 60)
        );
    }
}

/// A part of an instant, and whether [`Timestamp::parse`] accepts it.
type Part = (&'static str, bool);

#[test]
fn an_instant_is_accepted_only_if_each_part_is_valid() {
    const DATES: [Part; 8] = [
        ("2027-03-01", true),
        ("2027-3-01", false),
        ("+027-03-01", false),
        ("-027-03-01", false),
        ("20270301", false),
        ("2027-02-29", false),
        ("٢٠٢٧-03-01", false),
        ("", false),
    ];
    const SEPARATORS: [Part; 7] = [
        ("T", true),
        ("t", true),
        (" ", true),
        ("", false),
        ("_", false),
        ("  ", false),
        ("\n", false),
    ];
    const TIMES: [Part; 9] = [
        ("12:30:15", true),
        ("12:30:60", true),
        ("12:30", false),
        ("123015", false),
        ("1:30:15", false),
        ("+2:30:15", false),
        ("12:30:15:", false),
        ("12:30:1５", false),
        ("24:00:00", false),
    ];
    const FRACTIONS: [Part; 8] = [
        ("", true),
        (".", false),
        (".5", true),
        (".123456789", true),
        (".12345678901234567890", true),
        (".5x", false),
        (",5", false),
        ("..5", false),
    ];
    // The minus sign U+2212 is accepted as a hyphen. Other dashes are not.
    const ZONES: [Part; 19] = [
        ("Z", true),
        ("z", true),
        ("", false),
        ("+00:00", true),
        ("-00:00", true),
        ("\u{2212}01:00", true),
        ("\u{2013}01:00", false),
        ("+24:00", false),
        ("-23:59", true),
        ("+1:00", false),
        ("+0100", false),
        ("+01", false),
        ("+01:0", false),
        ("+01:000", false),
        ("+01:00 ", false),
        ("ZZ", false),
        (" Z", false),
        ("+-1:00", false),
        ("UTC", false),
    ];
    let mut accepted = 0;
    for (date, is_date) in DATES {
        for (separator, is_separator) in SEPARATORS {
            for (time, is_time) in TIMES {
                for (fraction, is_fraction) in FRACTIONS {
                    for (zone, is_zone) in ZONES {
                        let text = format!("{date}{separator}{time}{fraction}{zone}");
                        let expected = is_date && is_separator && is_time && is_fraction && is_zone;
                        assert_eq!(Timestamp::parse(&text).is_ok(), expected, "{text:?}");
                        accepted += usize::from(expected);
                    }
                }
            }
        }
    }
    assert_eq!(accepted, 3 * 2 * 4 * 6);
}

proptest! {
    #[test]
    fn the_parser_does_not_panic(text in "[0-9]{4}-[01][0-9]-[0-3][0-9][Tt ][0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{0,12})?([Zz]|[+−-][0-2][0-9]:[0-6][0-9])", at in any::<prop::sample::Index>(), character in any::<Option<char>>()) {
        let mut characters: Vec<char> = text.chars().collect();
        match character {
            Some(character) => characters[at.index(text.chars().count())] = character,
            None => drop(characters.remove(at.index(text.chars().count()))),
        }
        for text in [text, characters.into_iter().collect()] {
            if let Ok(instant) = Timestamp::parse(&text) {
                prop_assert_eq!(Timestamp::parse(&instant.to_string()), Ok(instant));
            }
        }
    }

    #[test]
    fn an_instant_prints_its_date_and_time(seconds in 0..=LAST) {
        let instant = Timestamp::from_unix_seconds(seconds).unwrap();
        let rest = seconds % 86_400;
        let date = instant.date().unwrap();
        prop_assert_eq!(date.start().unix_seconds(), seconds - rest);
        let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
        prop_assert_eq!(instant.to_string(), format!("{date}T{hour:02}:{minute:02}:{second:02}Z"));
    }
}
