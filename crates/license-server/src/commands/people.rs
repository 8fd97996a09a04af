//! The parts of a server that serve people who sign in.

use std::sync::Arc;

use license_cli_support::Failure;

use super::database::DatabaseAccess;
use super::opened::refused;
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::keys;
use crate::mail::Mailer;
use crate::services::{HashCost, MailQueue, PeopleSettings, PeopleTools, Sealer};

/// Creates the parts that the services of people share. Only a server sends mail: a command ends
/// before its mails were sent, and shows links instead.
///
/// # Errors
///
/// Returns the errors of the key and of the settings of mail.
pub(super) fn tools(
    config: &Config,
    directory: &DataDir,
    access: &DatabaseAccess,
) -> Result<Arc<PeopleTools>, Failure> {
    let materials = keys::account_keys(config, directory)?;
    let sealer = Sealer::new(materials.iter().map(|material| material.as_slice()));
    let sealer = sealer.map_err(|refusal| refused(&refusal))?;
    let mail: Option<Arc<dyn MailQueue>> = match (&config.mail, access) {
        (Some(mail), DatabaseAccess::Serve(observer)) => {
            Some(Arc::new(Mailer::start(mail, Arc::clone(observer))?))
        }
        _ => None,
    };
    let settings = PeopleSettings {
        registration: config.accounts.registration,
        session_idle: config.accounts.session_idle,
        session_lifetime: config.accounts.session_lifetime,
        cost: HashCost::RECOMMENDED,
    };
    let base_url = config.url(config.listen);
    PeopleTools::new(settings, &base_url, sealer, mail).map_err(|refusal| refused(&refusal))
}
