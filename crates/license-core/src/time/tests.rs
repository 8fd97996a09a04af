//! Tests of instants, dates and durations.

use proptest::prelude::*;

use super::*;

/// The last second of the year 9999.
const LAST: u64 = 253_402_300_799;

fn text_of(at: DateTime<Utc>) -> String {
    rfc3339(at).to_string()
}

#[test]
fn instants_up_to_the_year_9999_round_trip() {
    for text in [
        "1970-01-01T00:00:00Z",
        "2024-02-29T23:59:59Z",
        "9999-12-31T23:59:59Z",
    ] {
        assert_eq!(text_of(parse_instant(text).unwrap()), text);
    }
    assert_eq!(text_of(MAX), "9999-12-31T23:59:59Z");
    assert_eq!(unix_seconds(MAX), LAST);
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
        assert_eq!(parse_instant(text), Err(TimeError::NotAnInstant), "{text}");
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
        assert_eq!(parse_instant(text), Err(TimeError::OutOfRange), "{text}");
    }
    assert_eq!(from_unix_seconds(LAST), Some(MAX));
    for seconds in [LAST + 1, 1 << 53, u64::MAX] {
        assert_eq!(from_unix_seconds(seconds), None);
    }
}

#[test]
fn arithmetic_stays_in_bounds() {
    let second = TimeDelta::seconds(1);
    assert_eq!(saturating_add(MAX, second), MAX);
    assert_eq!(saturating_sub(MIN, second), MIN);
    assert_eq!(saturating_add(MIN, -second), MIN);
    assert_eq!(saturating_sub(MAX, -second), MAX);
    for at in [MIN, MAX, DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
        assert_eq!(saturating_add(at, TimeDelta::MAX), MAX);
        assert_eq!(saturating_sub(at, TimeDelta::MAX), MIN);
        assert_eq!(saturating_add(at, TimeDelta::MIN), MIN);
        assert_eq!(saturating_sub(at, TimeDelta::MIN), MAX);
    }
    assert_eq!(duration_since(MIN, MAX), TimeDelta::zero());
    assert_eq!(whole_seconds(duration_since(MAX, MIN)), LAST);
    for units in [seconds, hours, days] {
        assert_eq!(units(0), TimeDelta::zero());
        assert_eq!(units(u64::MAX), TimeDelta::MAX);
    }
    assert_eq!(whole_seconds(TimeDelta::MIN), 0);
}

#[test]
fn durations_are_rounded_down_and_have_singular_and_plural_units() {
    let texts = [
        (0, "0 seconds", "0 more seconds"),
        (-90_000, "0 seconds", "0 more seconds"),
        (1, "1 second", "1 more second"),
        (61, "1 minute", "1 more minute"),
        (172_799, "47 hours", "47 more hours"),
        (172_800, "2 days", "2 more days"),
    ];
    for (seconds, text, more) in texts {
        let duration = TimeDelta::seconds(seconds);
        assert_eq!(humanize(duration).to_string(), text);
        assert_eq!(humanize_more(duration).to_string(), more);
    }
}

#[test]
fn an_instant_is_clamped_to_whole_seconds_in_the_range() {
    for instant in [MIN, parse_instant("2027-03-01T12:30:15Z").unwrap(), MAX] {
        assert_eq!(clamp(instant), instant);
        let fraction = instant + TimeDelta::milliseconds(999);
        assert_eq!(clamp(fraction), instant);
        assert_eq!(text_of(fraction), text_of(instant));
        assert_eq!(unix_seconds(fraction), unix_seconds(instant));
    }
    let leap_second = NaiveDate::from_ymd_opt(2016, 12, 31).unwrap();
    let leap_second = leap_second.and_hms_milli_opt(23, 59, 59, 1500).unwrap();
    assert_eq!(text_of(leap_second.and_utc()), "2016-12-31T23:59:59Z");
    let second = TimeDelta::seconds(1);
    for (outside, bound) in [
        (MIN - TimeDelta::nanoseconds(1), MIN),
        (MIN - second, MIN),
        (DateTime::<Utc>::MIN_UTC, MIN),
        (MAX + second, MAX),
        (DateTime::<Utc>::MAX_UTC, MAX),
    ] {
        assert_eq!(clamp(outside), bound);
        assert_eq!(text_of(outside), text_of(bound));
        assert_eq!(unix_seconds(outside), unix_seconds(bound));
    }
}

#[test]
fn dates_out_of_range_are_clamped() {
    for (date, bound) in [(NaiveDate::MIN, MIN), (NaiveDate::MAX, MAX)] {
        assert_eq!(start_of_day(date), bound);
        assert_eq!(end_of_day(date), bound);
    }
}

#[test]
fn a_system_time_outside_the_range_is_refused() {
    let after = |seconds| UNIX_EPOCH.checked_add(std::time::Duration::from_millis(seconds * 1000));
    assert_eq!(from_system_time(UNIX_EPOCH), Ok(MIN));
    assert_eq!(from_system_time(after(LAST).unwrap()), Ok(MAX));
    let before = UNIX_EPOCH.checked_sub(std::time::Duration::from_nanos(1));
    for outside in [before, after(LAST + 1)].into_iter().flatten() {
        assert_eq!(from_system_time(outside), Err(TimeError::OutOfRange));
    }
}

/// A value with each form of an instant.
#[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct Forms {
    #[serde(with = "serde_unix_seconds")]
    seconds: DateTime<Utc>,
    #[serde(with = "serde_rfc3339")]
    text: DateTime<Utc>,
    #[serde(default, with = "serde_unix_seconds")]
    maybe_seconds: Option<DateTime<Utc>>,
    #[serde(default, with = "serde_rfc3339")]
    maybe_text: Option<DateTime<Utc>>,
}

#[test]
fn instants_are_written_as_numbers_and_texts() {
    let forms = |at| Forms {
        seconds: at,
        text: at,
        maybe_seconds: Some(at),
        maybe_text: Some(at),
    };
    let instant = parse_instant("2027-01-01").unwrap();
    let json = serde_json::json!({
        "seconds": 1_798_761_600, "text": "2027-01-01T00:00:00Z",
        "maybe_seconds": 1_798_761_600, "maybe_text": "2027-01-01T00:00:00Z",
    });
    let fraction = instant + TimeDelta::milliseconds(999);
    assert_eq!(serde_json::to_value(forms(fraction)).unwrap(), json);
    let read: Forms = serde_json::from_value(json).unwrap();
    assert_eq!(read, forms(instant));
    for outside in [MIN - TimeDelta::nanoseconds(1), MAX + TimeDelta::days(400)] {
        let error = serde_json::to_value(forms(outside)).unwrap_err();
        assert_eq!(error.to_string(), TimeError::OutOfRange.to_string());
    }
    let absent: Forms = serde_json::from_str(r#"{"seconds":0,"text":"1970-01-01"}"#).unwrap();
    assert_eq!((absent.maybe_seconds, absent.maybe_text), (None, None));
    for wrong in [
        r#"{"seconds":-1,"text":"1970-01-01"}"#,
        r#"{"seconds":253402300800,"text":"1970-01-01"}"#,
        r#"{"seconds":0,"text":"1969-12-31"}"#,
        r#"{"seconds":0,"text":"1970-01-01","maybe_seconds":null}"#,
        r#"{"seconds":0,"text":"1970-01-01","maybe_text":null}"#,
    ] {
        assert!(serde_json::from_str::<Forms>(wrong).is_err(), "{wrong}");
    }
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
    // The calendar repeats after 400 years.
    let is_checked = |year| !(2400..9600).contains(&year);
    let mut count = 0;
    for (number, (year, month, day)) in (0..).zip(every_day()) {
        count += 1;
        if !is_checked(year) {
            continue;
        }
        let name = format!("{year:04}-{month:02}-{day:02}");
        let date = parse_date(&name).unwrap();
        assert_eq!(unix_seconds(start_of_day(date)), number * 86_400, "{name}");
        assert_eq!(date.to_string(), name);
    }
    assert_eq!(count, 2_932_897);
}

#[test]
fn the_first_and_the_last_second_of_a_day_have_its_date() {
    let first = parse_date("1970-01-01").unwrap();
    let days = every_day().filter(|(year, ..)| *year < 2110 || *year >= 9990);
    for (year, month, day) in days {
        let compact = format!("{year:04}{month:02}{day:02}");
        let date = parse_date(&compact).unwrap();
        assert_eq!(compact_date(date).to_string(), compact);
        assert_eq!(parse_date(&date.to_string()), Ok(date));
        assert_eq!(start_of_day(date).date_naive(), date);
        assert_eq!(
            (end_of_day(date) - TimeDelta::seconds(1)).date_naive(),
            date
        );
        let passed = duration_since(start_of_day(date), start_of_day(first));
        assert_eq!(first.checked_add_signed(passed), Some(date));
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
            assert_eq!(parse_date(&text).is_ok(), is_date, "{text}");
            let instant = parse_instant(&format!("{text}T00:00:00Z"));
            match (is_real, is_date) {
                (true, true) => assert_eq!(instant, parse_date(&text).map(start_of_day)),
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
        assert_eq!(parse_date(text), Err(TimeError::NotADate), "{text}");
    }
}

#[test]
fn no_date_is_after_the_year_9999() {
    let last = parse_date("9999-12-31").unwrap();
    assert_eq!(end_of_day(last), MAX);
    let next = last.succ_opt().unwrap();
    assert_eq!(parse_date(&next.to_string()), Err(TimeError::NotADate));
    assert_eq!((start_of_day(next), end_of_day(next)), (MAX, MAX));
}

#[test]
fn only_valid_times_and_offsets_are_accepted() {
    let midnight = parse_instant("2027-03-01").unwrap();
    let noon = 12 * 3600 + 30 * 60 + 15;
    for number in 0..100_u64 {
        let read = |text: String| {
            let instant = parse_instant(&text);
            match instant {
                Ok(instant) => Some(instant.timestamp()),
                Err(error) => {
                    assert_eq!(error, TimeError::NotAnInstant, "{text}");
                    None
                }
            }
        };
        let expected =
            |is_real: bool, seconds: i64| is_real.then_some(midnight.timestamp() + seconds);
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

/// A part of an instant, and whether [`parse_instant`] accepts it.
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
                        assert_eq!(parse_instant(&text).is_ok(), expected, "{text:?}");
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
            if let Ok(instant) = parse_instant(&text) {
                prop_assert_eq!(parse_instant(&text_of(instant)), Ok(instant));
            }
        }
    }

    #[test]
    fn an_instant_prints_its_date_and_time(seconds in 0..=LAST) {
        let instant = from_unix_seconds(seconds).unwrap();
        let rest = seconds % 86_400;
        let date = instant.date_naive();
        prop_assert_eq!(unix_seconds(start_of_day(date)), seconds - rest);
        let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
        prop_assert_eq!(text_of(instant), format!("{date}T{hour:02}:{minute:02}:{second:02}Z"));
    }
}
