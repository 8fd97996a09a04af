//! The commands that use a license server.

mod child;
mod config;
mod login;
mod run;
mod seat;
mod telemetry;
mod trial;
mod validate;
mod wait;

use std::path::Path;

use license_cli_support::{Exit, Failure, Terminal};
use license_client::{OnlineClient, OnlineSettings, SeatRequest};

pub(super) use self::run::run;
use crate::args::{OnlineArgs, OnlineCommand};
use crate::context::AppContext;
use crate::output::failure;

/// Runs a command whose exit code is one of the program.
///
/// # Errors
///
/// Returns the failure that ends the program.
pub(super) fn run_command(
    app: AppContext,
    command: &OnlineCommand,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    match command {
        OnlineCommand::Config(arguments) => config::run(app, arguments, terminal),
        OnlineCommand::Login(arguments) => login::run(&app, arguments, terminal),
        OnlineCommand::Logout => login::logout(&app, terminal),
        OnlineCommand::Validate(arguments) => validate::run(&app, arguments, terminal),
        OnlineCommand::Seat(arguments) => seat::run(&app, arguments, terminal),
        OnlineCommand::Wait(arguments) => wait::run(&app, arguments, terminal),
        OnlineCommand::Trial(arguments) => trial::run(&app, arguments, terminal),
        OnlineCommand::Telemetry(arguments) => telemetry::run(&app, arguments, terminal),
        OnlineCommand::Run(arguments) => run(&app, arguments, terminal).map(|_| Exit::Success),
    }
}

/// Returns a connection to the configured servers.
fn connect(app: &AppContext, arguments: &OnlineArgs) -> Result<OnlineClient, Failure> {
    let urls = arguments.server_url.iter();
    let settings = urls.fold(OnlineSettings::new(), |settings, url| settings.server(url));
    OnlineClient::new(&app.manager, &settings).map_err(|error| failure::online(&error))
}

/// Prepares the request for a seat of the project that contains a path.
fn seat_request(
    app: &AppContext,
    online: &OnlineClient,
    arguments: &OnlineArgs,
    path: &Path,
) -> Result<SeatRequest, Failure> {
    let context = arguments.context();
    let evaluation = app.installed(&context)?;
    let request = online.seat(&app.manager, &app.matrix, &evaluation.context(), path);
    request.map_err(|error| match &error {
        license_client::OnlineError::Project(error) => failure::project(error, path),
        error => failure::online(error),
    })
}
