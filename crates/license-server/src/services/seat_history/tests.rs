use super::*;
use crate::services::tests::at;

fn range(from: &str, to: &str, step: HistoryStep) -> HistoryRange {
    let bound = |text: &str| (!text.is_empty()).then(|| at(text));
    HistoryRange {
        from: bound(from),
        to: bound(to),
        step,
    }
}

/// Returns the first instants of the first and of the last item.
fn bounds(range: &HistoryRange) -> Result<(String, String), Refusal> {
    let (from, until) = hours(range, at("2027-01-15T09:30:00Z"))?;
    let last = until.plus(-range.step.hours());
    let text = |hour: HistoryHour| license_core::time::rfc3339(hour.start()).to_string();
    Ok((text(from), text(last)))
}

#[test]
fn a_range_has_whole_steps_and_ends_now() {
    use HistoryStep::{Day, Hour};
    for (from, to, step, first, last) in [
        ("", "", Hour, "2027-01-14T10:00:00Z", "2027-01-15T09:00:00Z"),
        ("", "", Day, "2026-12-17T00:00:00Z", "2027-01-15T00:00:00Z"),
        (
            "2027-01-15T08:59:59Z",
            "",
            Hour,
            "2027-01-15T08:00:00Z",
            "2027-01-15T09:00:00Z",
        ),
        (
            "2027-01-15T05:00:00Z",
            "2027-01-15T07:00:00Z",
            Hour,
            "2027-01-15T05:00:00Z",
            "2027-01-15T06:00:00Z",
        ),
        (
            "2027-01-15T05:00:00Z",
            "2027-01-15T07:00:01Z",
            Hour,
            "2027-01-15T05:00:00Z",
            "2027-01-15T07:00:00Z",
        ),
        (
            "2027-01-10",
            "2030-01-01",
            Day,
            "2027-01-10T00:00:00Z",
            "2027-01-15T00:00:00Z",
        ),
    ] {
        let found = bounds(&range(from, to, step)).unwrap();
        assert_eq!(found, (first.to_owned(), last.to_owned()), "{from} {to}");
    }
}

#[test]
fn a_range_that_is_empty_or_too_long_is_refused() {
    use HistoryStep::{Day, Hour};
    for (from, to, step) in [
        ("2027-01-15T07:00:00Z", "2027-01-15T05:00:00Z", Hour),
        ("2027-01-16", "", Hour),
        ("2026-12-04T17:00:00Z", "", Hour),
        ("2025-12-11", "", Day),
    ] {
        let refusal = bounds(&range(from, to, step)).unwrap_err();
        assert_eq!(refusal.code, "BAD_REQUEST", "{from} {to}");
        assert!(refusal.hint.is_some() && refusal.expected.is_some());
    }
    // A step less is accepted.
    for (from, step) in [("2026-12-04T18:00:00Z", Hour), ("2025-12-12", Day)] {
        bounds(&range(from, "", step)).unwrap();
    }
}
