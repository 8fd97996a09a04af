//! Load for HTTP servers: requests on a fixed schedule, and as many requests as a server answers.
//!
//! A server is measured by its URL, so servers of any kind can be compared. The connections stay
//! open. One thread drives all of them. Its own work limits the rate of very short handlers, such
//! as one that answers 204.

mod callers;
mod connection;
mod generator;
mod relay;
mod site;
mod vendor;

pub use callers::{
    AlternatingCaller, Caller, EmptyCaller, HeartbeatCaller, Lease, Leases, SeatCaller,
    SessionCaller, ValidateCaller,
};
pub use generator::{Generator, LoadReport, Schedule};
pub use relay::RelayCaller;
pub use site::{Credentials, LoadSite};
pub use vendor::LoadVendor;

#[cfg(test)]
mod tests;
