//! Instants as RFC 3339 section 5.6 spells them.

use super::{hyphenated, number};

/// Seconds since 1970, negative before it. A space may stand for the `T`, a fraction of a second is dropped, and a leap second counts
/// as the second before it.
pub(super) fn parse(text: &str) -> Option<i64> {
    let (date, rest) = text.split_at_checked(10)?;
    let (time, rest) = rest
        .strip_prefix(['T', 't', ' '])?
        .split_at_checked("00:00:00".len())?;
    let days = i64::from(hyphenated(date)?);
    Some(days * 86_400 + second_of_day(time)? - offset(without_fraction(rest)?)?)
}

fn second_of_day(time: &str) -> Option<i64> {
    let (minutes, second) = time.rsplit_once(':')?;
    let second = match two_digits(second)? {
        60 => 59,
        second => second,
    };
    (second < 60).then_some(seconds(minutes)? + second)
}

/// Seconds of `hh:mm`, which is less than a day.
fn seconds(minutes: &str) -> Option<i64> {
    let (hour, minute) = minutes.split_once(':')?;
    let (hour, minute) = (two_digits(hour)?, two_digits(minute)?);
    (hour < 24 && minute < 60).then_some(hour * 3600 + minute * 60)
}

fn without_fraction(rest: &str) -> Option<&str> {
    let Some(fraction) = rest.strip_prefix('.') else {
        return Some(rest);
    };
    let rest = fraction.trim_start_matches(|letter: char| letter.is_ascii_digit());
    (rest.len() < fraction.len()).then_some(rest)
}

/// Seconds ahead of UTC. The sign may be the one that word processors write.
fn offset(zone: &str) -> Option<i64> {
    if zone == "Z" || zone == "z" {
        return Some(0);
    }
    match zone.strip_prefix('+') {
        Some(ahead) => seconds(ahead),
        None => seconds(zone.strip_prefix(['-', '\u{2212}'])?).map(|behind| -behind),
    }
}

fn two_digits(text: &str) -> Option<i64> {
    number(Some(text).filter(|text| text.len() == 2))
}

#[cfg(test)]
mod tests;
