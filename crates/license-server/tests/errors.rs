//! The public errors of the crate. The workspace test `errors` checks that the list is complete.

use std::error::Error;

use license_server::billing::{EventFault, ProviderError};
use license_server::domain::{AuditFault, AuditLineError, MeterFileError, UnmappedPrice};
use license_server::store::redis::RedisStoreError;
use license_server::store::{PostgresError, ServerStoreError};

fn assert_error<E: Error + Send + Sync + 'static>() {}

#[test]
fn every_error_can_be_sent_to_another_thread_and_be_the_source_of_another_error() {
    assert_error::<AuditFault>();
    assert_error::<AuditLineError>();
    assert_error::<EventFault>();
    assert_error::<MeterFileError>();
    assert_error::<PostgresError>();
    assert_error::<ProviderError>();
    assert_error::<RedisStoreError>();
    assert_error::<ServerStoreError>();
    assert_error::<UnmappedPrice>();
}
