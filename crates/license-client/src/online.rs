//! License servers: validation, floating seats and telemetry. Feature `online`.
//!
//! No call of this module is needed for a license that needs no check-in and no floating seat.
//! Requests block their thread, within a time limit. Only seats use a thread in the background.

// Layers: a module uses only modules on the lines above its own.
//     server_url, setting, queue
//     error
//     random, proxy, resolver, settings, settings_file
//     tls, caller
//     transport
//     grant, verdict, login
//     validation, seat, heartbeats, telemetry_file
//     own_seats
//     seat_request, stored_seat, loan
//     connection, telemetry, trial
mod caller;
mod connection;
mod error;
mod grant;
mod heartbeats;
mod loan;
mod login;
mod own_seats;
mod proxy;
mod queue;
mod random;
mod resolver;
mod seat;
mod seat_request;
mod server_url;
mod setting;
mod settings;
mod settings_file;
mod stored_seat;
mod telemetry;
mod telemetry_file;
mod tls;
mod transport;
mod trial;
mod validation;
mod verdict;

pub use self::connection::OnlineClient;
pub(crate) use self::connection::RefreshLimit;
pub use self::error::{
    CertificateFault, LoginError, MissingLogin, OnlineError, ServerProblem, UnreachableReason,
};
pub use self::login::{DeviceLogin, LoginStatus, LogoutOutcome};
pub(crate) use self::own_seats::OwnSeats;
pub use self::queue::QueuePlace;
pub use self::seat::{Seat, SeatEvent};
pub use self::seat_request::SeatRequest;
pub use self::setting::{OnlineSetting, OnlineSource, OnlineValue};
pub use self::settings::OnlineSettings;
pub use self::stored_seat::StoredSeat;
pub use self::telemetry::{Telemetry, TelemetryProposal, TelemetryStatus};
pub use self::trial::StartedTrial;
pub use self::verdict::{OnlineStatus, ServerVerdict};
