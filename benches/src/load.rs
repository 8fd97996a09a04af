//! Load for HTTP servers: requests on a fixed schedule, and as many requests as a server answers.
//!
//! A server is measured by its URL, so servers of any kind can be compared. The connections stay
//! open. One thread drives all of them, and adds little to the time of a request.

mod callers;
mod connection;
mod generator;
mod relay;
mod site;

pub use callers::{
    Caller, EmptyCaller, HeartbeatCaller, Lease, Leases, SeatCaller, SessionCaller, ValidateCaller,
};
pub use generator::{Generator, LoadReport, Schedule};
pub use relay::RelayCaller;
pub use site::{Credentials, LoadSite};

#[cfg(test)]
mod tests;
