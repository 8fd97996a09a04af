//! Sums over the licenses of a customer.

use super::super::{id, token};
use super::{Metered, entries, report};
use crate::domain::Actor;

#[tokio::test]
async fn the_licenses_of_a_customer_are_summed() {
    let server = Metered::start().await;
    for (number, customer) in [(2, "acme LTD "), (3, "ACME Ltd & Sons")] {
        let license = token(number, |draft| customer.clone_into(&mut draft.customer));
        let installed = server.services.licenses.install(&Actor::Console, &license);
        installed.await.unwrap();
        let machine = entries(number, &[("2027-01-15", number, 15)]);
        let text = report(&machine, true);
        let submitted = server.services.usage.submit(id(number), &text);
        submitted.await.unwrap();
    }
    let machine = entries(1, &[("2027-01-15", 1, 12)]);
    server.submit(&report(&machine, true)).await;
    let metering = &server.services.metering;
    let found = metering.totals("ACME ltd", None).await.unwrap();
    let pools: Vec<_> = found
        .pools
        .iter()
        .map(|pool| pool.license.clone())
        .collect();
    assert_eq!(pools, [id(1), id(2)]);
    let commands = &found.meters[0];
    assert_eq!(
        (commands.quantity, commands.overage, commands.sent),
        (27, 7, 0)
    );
    for name in ["ACME", "x"] {
        let found = metering.totals(name, None).await.unwrap();
        assert!(found.pools.is_empty(), "{name}: {found:?}");
    }
    let refused = metering.totals("", None).await.unwrap_err();
    assert_eq!(refused.code, "BAD_REQUEST");
}
