//! Durations that people type, such as `30d`.

use chrono::TimeDelta;

use super::TimeError;

/// Parses a number of days or hours, such as `30d` or `12h`, up to 4294967295.
///
/// ```
/// use license_core::chrono::TimeDelta;
/// use license_core::time::parse_duration;
///
/// assert_eq!(parse_duration("30d")?, TimeDelta::days(30));
/// assert_eq!(parse_duration("12h")?, TimeDelta::hours(12));
/// assert!(parse_duration("30").is_err());
/// # Ok::<(), license_core::time::TimeError>(())
/// ```
///
/// # Errors
///
/// Returns [`TimeError::NotADuration`] if the text has another form.
pub fn parse_duration(text: &str) -> Result<TimeDelta, TimeError> {
    let (count, unit): (&str, fn(i64) -> TimeDelta) = match text.strip_suffix('d') {
        Some(count) => (count, TimeDelta::days),
        None => {
            let count = text.strip_suffix('h').ok_or(TimeError::NotADuration)?;
            (count, TimeDelta::hours)
        }
    };
    let is_number = !count.is_empty() && count.bytes().all(|byte| byte.is_ascii_digit());
    let count: Option<u32> = count.parse().ok().filter(|_| is_number);
    count
        .map(|count| unit(count.into()))
        .ok_or(TimeError::NotADuration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_a_whole_number_of_days_or_hours() {
        let valid = [("0d", 0), ("1h", 1), ("30d", 720)];
        for (text, hours) in [&valid[..], &[("4294967295h", 4_294_967_295)]].concat() {
            assert_eq!(parse_duration(text), Ok(TimeDelta::hours(hours)), "{text}");
        }
        let invalid = "|d|h|30|30D|+1d|-1d|1.5d| 1d|1d |4294967296d|1w|é";
        for text in invalid.split('|') {
            assert_eq!(parse_duration(text), Err(TimeError::NotADuration), "{text}");
        }
    }
}
