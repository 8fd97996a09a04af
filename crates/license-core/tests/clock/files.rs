//! Files of the operating system on a simulated machine.

use license_core::chrono::{DateTime, Utc};
use license_core::state::ClockEvidence;
use license_core::time;

use crate::device::Rng;

/// Boot records, time synchronization, packages, logs, network, temporary files, and user.
const SOURCES: usize = 7;

/// The sources that are written at each boot and each use.
const BOOT: usize = 0;
const TEMPORARY: usize = 5;
const USER: usize = 6;

/// The number of files of each source.
const FILES: usize = 3;

/// The times of a file.
#[derive(Clone, Copy, Debug)]
struct File {
    /// Any program can set this time.
    modified: DateTime<Utc>,
    /// The system sets this time from the clock.
    changed: DateTime<Utc>,
}

/// The files of the sources.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    sources: [[File; FILES]; SOURCES],
}

impl Files {
    /// Creates files that were all written at one time.
    pub(crate) fn new(clock: DateTime<Utc>) -> Self {
        let file = File {
            modified: clock,
            changed: clock,
        };
        Self {
            sources: [[file; FILES]; SOURCES],
        }
    }

    fn write(&mut self, source: usize, file: usize, clock: DateTime<Utc>) {
        self.sources[source][file] = File {
            modified: clock,
            changed: clock,
        };
    }

    /// Writes what every boot and every use writes.
    pub(crate) fn use_at(&mut self, clock: DateTime<Utc>) {
        for source in [BOOT, TEMPORARY, USER] {
            self.write(source, 0, clock);
        }
    }

    /// Writes a random file.
    pub(crate) fn write_any(&mut self, clock: DateTime<Utc>, rng: &mut Rng) {
        let source = rng.index(SOURCES);
        self.write(source, rng.index(FILES), clock);
    }

    /// Writes one file of each source.
    pub(crate) fn write_each(&mut self, clock: DateTime<Utc>) {
        for source in 0..SOURCES {
            self.write(source, 0, clock);
        }
    }

    /// Sets the modification times of some files, as `touch`, a backup or a reproducible build
    /// does. The system records that they have changed now.
    pub(crate) fn touch(
        &mut self,
        one_in: u64,
        times: &[DateTime<Utc>],
        now: DateTime<Utc>,
        rng: &mut Rng,
    ) {
        for file in self.sources.iter_mut().flatten() {
            if rng.one_in(one_in) {
                *file = File {
                    modified: rng.pick(times),
                    changed: now,
                };
            }
        }
    }

    /// Gives this source and the next one times that this machine did not have, as a file server
    /// with a wrong clock or a damaged file system does.
    pub(crate) fn damage(&mut self, first: usize, times: &[DateTime<Utc>], rng: &mut Rng) {
        for source in [first, first + 1] {
            let source = source % SOURCES;
            let clock = rng.pick(times);
            let file = File {
                modified: clock,
                changed: clock,
            };
            self.sources[source] = [file; FILES];
        }
    }

    /// Returns the evidence as the client collects it.
    pub(crate) fn evidence(&self) -> ClockEvidence {
        let written = |file: &File| file.modified.min(file.changed);
        let sources = self.sources.iter();
        ClockEvidence::new(sources.map(|files| files.iter().map(written).collect()))
    }

    /// Returns the latest time that three sources have reached.
    pub(crate) fn third_latest(&self) -> DateTime<Utc> {
        let latest = |files: &[File; FILES]| {
            let files = files.iter().map(|file| file.modified.min(file.changed));
            files.max().unwrap_or(time::MIN)
        };
        let mut sources = self.sources.each_ref().map(latest);
        sources.sort_unstable();
        sources[SOURCES - 3]
    }
}
