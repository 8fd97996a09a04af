//! Issues licenses: signers, the ledger of issued artifacts, and the services that draft, sign,
//! verify, record and deliver.

pub mod signer;
