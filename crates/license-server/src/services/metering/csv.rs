//! Recorded amounts as CSV.

use std::collections::BTreeMap;

use license_core::time::rfc3339;

use crate::domain::{PoolId, UsageTotal};
use crate::services::csv::cell;

/// The names of the columns.
const HEADER: &str = "seq,customer,customer_name,period_start,period_end,meter,number,quantity,\
included,overage,booked_start,booked_end,recorded_at\r\n";

/// Returns rows as CSV (RFC 4180), with a header. An empty `included` means that there is no limit.
pub(super) fn totals(rows: &[UsageTotal], names: &BTreeMap<PoolId, String>) -> String {
    let mut text = HEADER.to_owned();
    for row in rows {
        let name = names.get(&row.customer).map_or("", String::as_str);
        let included = row.included.map(|included| included.to_string());
        let cells = [
            row.seq.to_string(),
            cell(row.customer.as_str()),
            cell(name),
            row.period.start.to_string(),
            row.period.end.to_string(),
            cell(&row.meter),
            row.number.to_string(),
            row.quantity.to_string(),
            included.unwrap_or_default(),
            row.overage.to_string(),
            row.booked.start.to_string(),
            row.booked.end.to_string(),
            rfc3339(row.recorded_at).to_string(),
        ];
        text.push_str(&cells.join(","));
        text.push_str("\r\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::UsagePeriod;

    #[test]
    fn a_correction_stays_a_number() {
        let pool = PoolId::parse("a").unwrap();
        let day = |text: &str| text.parse().unwrap();
        let period = UsagePeriod {
            start: day("2027-01-01"),
            end: day("2027-02-01"),
        };
        let row = UsageTotal {
            seq: 9,
            customer: pool.clone(),
            period,
            meter: "commands".to_owned(),
            number: 1,
            quantity: -5,
            included: None,
            overage: 0,
            booked: period,
            recorded_at: license_core::time::parse_instant("2027-02-03").unwrap(),
        };
        let names = [(pool, "=ACME".to_owned())].into();
        let text = totals(&[row], &names);
        assert!(
            text.ends_with(
                "\r\n9,a,\"'=ACME\",2027-01-01,2027-02-01,commands,1,-5,,0,2027-01-01,2027-02-01,\
             2027-02-03T00:00:00Z\r\n"
            ),
            "{text}"
        );
        let columns = |line: &str| line.split(',').count();
        let counts: Vec<_> = text.lines().map(columns).collect();
        assert_eq!(counts, [13, 13]);
    }
}
