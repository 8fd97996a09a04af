//! The sources from which a manager reads the time and the components of the machine.

use std::fmt;

use crate::clock::{Clock, SystemClock};
use crate::machine::{LocalSystem, System};

/// The clock and the machine. By default, both are those of the system on which this process runs.
/// Only the module `testing` replaces them.
pub(crate) struct Sources {
    pub(crate) clock: Box<dyn Clock>,
    pub(crate) system: Box<dyn System + Send + Sync>,
}

impl Default for Sources {
    fn default() -> Self {
        Self {
            clock: Box::new(SystemClock),
            system: Box::new(LocalSystem),
        }
    }
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sources")
    }
}
