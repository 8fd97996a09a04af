//! Orders for the fuzz target, read as `keygen batch` reads them before the first license is
//! signed.

use std::path::Path;

use license_core::FeatureMatrix;
use license_core::issue::LicenseDraft;
use license_issuer::services::batch::BatchSource;

use super::orders::Orders;
use super::servers::BatchServers;

/// A row whose license can be issued.
#[derive(Debug, PartialEq)]
pub struct ReadOrder {
    /// The line on which the row begins.
    pub line: u64,
    /// The name of the license file.
    pub file: String,
    /// The id of the row.
    pub id: String,
    /// The license.
    pub draft: LicenseDraft,
}

/// Reads a table of orders. The errors are the messages for the user.
pub fn read_orders(table: &Path) -> Result<Vec<Result<ReadOrder, String>>, String> {
    let message = |failure: license_cli_support::Failure| failure.message().to_owned();
    let orders = Orders::open(
        table,
        None,
        FeatureMatrix::built_in(),
        BatchServers::default(),
    )
    .map_err(message)?;
    let mut rows = Vec::new();
    let read = orders.each(|order| {
        let row = order.and_then(|order| {
            orders.check(&order, None)?;
            let draft = orders.draft(&order, None);
            let draft = draft.map_err(|failure| order.error("order", failure.message()))?;
            Ok(ReadOrder {
                line: order.line,
                file: order.file,
                id: order.id,
                draft,
            })
        });
        rows.push(row.map_err(|error| error.to_string()));
        Ok(true)
    });
    read.map(|()| rows).map_err(message)
}
