//! The operations of the store.

mod seats;
