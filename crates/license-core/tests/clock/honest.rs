//! Machines of honest users with wrong clocks.

use std::thread;

use license_core::chrono::{DateTime, Utc};
use license_core::evaluate::Outcome;

use crate::device::{DAY, Device, HOUR, InSeconds, Rng, ahead, is_behind, to_i64};
use crate::files::Files;
use crate::support::{at, issued};
use crate::vendor::{PRODUCTS, Product, horizon, last_start};

const MINUTE: u64 = 60;

/// An event on a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    Run,
    Sleep,
    Off,
    /// A boot of another system that interprets the clock as local time, then a boot of this
    /// system.
    OtherSystem,
    /// The clock starts at a default date of the firmware.
    DeadBattery,
    /// The user sets the clock instead of the time zone.
    Travel,
    SummerTime,
    /// The network sets the clock.
    NetworkTime,
    Snapshot,
    RestoreSnapshot,
    RestoreState,
    JumpWithinBoot,
    JumpAtBoot,
    /// The machine runs until a few seconds before or after midnight.
    Midnight,
    /// The state is removed, or the user starts with a new home directory.
    LoseState,
    /// A program of the system writes a file.
    WriteFiles,
    /// Modification times are set by mistake, by a backup, or by a reproducible build.
    TouchFiles,
    /// Two sources have any times, because of a file server or a damaged file system.
    DamageFiles,
    /// The machine starts from a new image, or is cloned. The files have any modification times.
    NewImage,
    /// The machine starts from a medium that cannot be written. No file is new.
    LiveSystem,
}

use Event::{
    DamageFiles, DeadBattery, JumpAtBoot, JumpWithinBoot, LiveSystem, LoseState, Midnight,
    NetworkTime, NewImage, Off, OtherSystem, RestoreSnapshot, RestoreState, Run, Sleep, Snapshot,
    SummerTime, TouchFiles, Travel, WriteFiles,
};

struct Class {
    name: &'static str,
    histories: u64,
    events: &'static [Event],
    /// Maximum hours by which the clock is behind and ahead of the true time at a boot.
    offsets: (u64, u64),
    /// Maximum drift in seconds per day.
    drift: u64,
    /// Maximum seconds by which the mark is ahead of the true time.
    lead: u64,
    start: Option<&'static str>,
}

const SIMPLE: Class = Class {
    name: "",
    histories: 900,
    events: &[],
    offsets: (0, 0),
    drift: 0,
    lead: 0,
    start: None,
};

/// Maximum error of a clock because of drift or manual setting.
const SLACK: u64 = 30 * MINUTE;

const CLASSES: &[Class] = &[
    Class {
        name: "suspend and power-off",
        ..SIMPLE
    },
    Class {
        name: "dual boot, 14 h either way",
        events: &[OtherSystem],
        offsets: (14, 14),
        lead: 14 * HOUR,
        ..SIMPLE
    },
    Class {
        name: "dual boot, 10 h behind to 14 h ahead",
        events: &[OtherSystem],
        offsets: (10, 14),
        lead: 14 * HOUR,
        ..SIMPLE
    },
    Class {
        name: "travel, 12 h either way",
        events: &[Travel, Off],
        offsets: (12, 12),
        lead: 12 * HOUR,
        ..SIMPLE
    },
    Class {
        name: "travel, 14 h either way, with summer time",
        events: &[Travel, SummerTime, NetworkTime],
        offsets: (14, 14),
        lead: 14 * HOUR,
        ..SIMPLE
    },
    Class {
        name: "summer time",
        events: &[SummerTime, NetworkTime],
        offsets: (1, 1),
        lead: HOUR,
        ..SIMPLE
    },
    Class {
        name: "drift and corrections by NTP",
        events: &[NetworkTime, Sleep],
        drift: 9,
        lead: SLACK,
        ..SIMPLE
    },
    Class {
        name: "leap day",
        events: &[Midnight, OtherSystem],
        offsets: (8, 8),
        lead: 8 * HOUR,
        start: Some("2028-02-20"),
        ..SIMPLE
    },
    Class {
        name: "year's end",
        events: &[Midnight, OtherSystem],
        offsets: (8, 8),
        lead: 8 * HOUR,
        start: Some("2027-12-20"),
        ..SIMPLE
    },
    Class {
        name: "dead battery",
        events: &[DeadBattery, NetworkTime],
        ..SIMPLE
    },
    Class {
        name: "snapshots of the whole machine",
        events: &[Snapshot, RestoreSnapshot, NetworkTime],
        ..SIMPLE
    },
    Class {
        name: "state restored from a backup",
        events: &[Snapshot, RestoreState],
        ..SIMPLE
    },
    Class {
        name: "jumps to 2099 within a boot",
        events: &[JumpWithinBoot],
        lead: DAY,
        ..SIMPLE
    },
    Class {
        name: "jumps to 2099 at a boot, repaired",
        events: &[JumpAtBoot, NetworkTime],
        ..SIMPLE
    },
    Class {
        name: "everything at once",
        histories: 1500,
        events: &[
            OtherSystem,
            DeadBattery,
            Travel,
            SummerTime,
            NetworkTime,
            Snapshot,
            RestoreSnapshot,
            RestoreState,
            JumpWithinBoot,
            JumpAtBoot,
        ],
        offsets: (14, 14),
        drift: 9,
        lead: DAY + 14 * HOUR + SLACK,
        ..SIMPLE
    },
    Class {
        name: "state lost",
        events: &[LoseState, WriteFiles],
        ..SIMPLE
    },
    Class {
        name: "state lost, dead battery",
        events: &[LoseState, WriteFiles, DeadBattery, NetworkTime],
        ..SIMPLE
    },
    Class {
        name: "state lost, files with any times",
        events: &[LoseState, WriteFiles, TouchFiles, DamageFiles],
        ..SIMPLE
    },
    Class {
        name: "images, clones and live systems",
        events: &[NewImage, LiveSystem, LoseState, DeadBattery, NetworkTime],
        ..SIMPLE
    },
    Class {
        name: "state lost, dual boot, 14 h either way",
        events: &[LoseState, WriteFiles, OtherSystem, Travel],
        offsets: (14, 14),
        lead: 14 * HOUR,
        ..SIMPLE
    },
    Class {
        name: "state lost, everything at once",
        histories: 1500,
        events: &[
            LoseState,
            WriteFiles,
            TouchFiles,
            DamageFiles,
            NewImage,
            OtherSystem,
            DeadBattery,
            Travel,
            NetworkTime,
            Snapshot,
            RestoreSnapshot,
            RestoreState,
            JumpWithinBoot,
            JumpAtBoot,
        ],
        offsets: (14, 14),
        drift: 9,
        lead: DAY + 14 * HOUR + SLACK,
        ..SIMPLE
    },
];

/// Times of files: never set, a reproducible build, a typing error, and the ends of 32-bit times.
const FILE_TIMES: &[&str] = &[
    "1970-01-01",
    "2020-01-01",
    "2028-03-01",
    "2030-01-01",
    "2038-01-19",
    "2099-06-01",
    "2106-02-07",
];

#[derive(Default)]
struct Counts {
    evaluations: u64,
    denied: u64,
    /// Denials of a valid license because of a wrong clock.
    by_clock: u64,
    /// Denials because of the mark shortly before the end of the license.
    early: u64,
    /// Maximum seconds between such a denial and the end of the license.
    earliest: u64,
    /// Denials because of the mark shortly before the check-in is overdue. The machine was off when
    /// the customer should have installed another check-in.
    overdue_early: u64,
    warned: u64,
    /// Denials before the mark was repaired.
    unrepaired: u64,
    repairs: u64,
    lead: i64,
    /// Lost states whose time came from files.
    from_files: u64,
}

struct Simulation<'a> {
    class: &'a Class,
    product: &'static Product,
    rng: Rng,
    device: Device,
    snapshot: Option<Device>,
    /// Maximum time for which the machine is off.
    max_off: u64,
    /// Age of a check-in at which the customer installs a new one.
    renews_after: u64,
    /// The last true time at which a clock that was far ahead raised the mark.
    raised_at: Option<DateTime<Utc>>,
    /// The first of two sources whose files may have any times.
    damaged: usize,
    counts: &'a mut Counts,
}

impl<'a> Simulation<'a> {
    fn new(class: &'a Class, seed: u64, counts: &'a mut Counts) -> Self {
        let mut rng = Rng(seed);
        let count = u64::try_from(PRODUCTS.len()).unwrap();
        let product = &PRODUCTS[usize::try_from(rng.within(0, count - 1)).unwrap()];
        let last = last_start(product);
        let earliest = match product.end() {
            Some(end) if rng.one_in(2) => end.minus(40 * DAY).max(issued()),
            _ => issued(),
        };
        let start = match class.start.map(at) {
            Some(start) if start < last => start.plus(rng.within(0, 5 * DAY)),
            _ => issued().plus(rng.within(
                earliest.seconds_since(issued()),
                last.seconds_since(issued()),
            )),
        };
        let mut device = Device::new(start);
        if class.drift > 0 {
            device.drift = to_i64(rng.within(0, 2 * class.drift)) - to_i64(class.drift);
        }
        let max_off = rng.pick(&[30 * HOUR, 8 * DAY, 90 * DAY]);
        let renews_after = rng.within(DAY, 4 * DAY);
        let mut simulation = Self {
            class,
            product,
            rng,
            device,
            snapshot: None,
            max_off,
            renews_after,
            raised_at: None,
            damaged: usize::try_from(seed % 7).unwrap(),
            counts,
        };
        let (license, reading) = (&product.license, simulation.device.reading());
        simulation
            .device
            .seen
            .record_signature(license.issued_at().unwrap(), reading);
        simulation.check_in();
        simulation
    }

    fn is_over(&self) -> bool {
        let over = self.product.end().map(|end| end.plus(3 * DAY));
        let truth = self.device.truth;
        truth.plus(100 * DAY) > horizon() || over.is_some_and(|over| truth > over)
    }

    fn offset(&mut self) -> i64 {
        let (behind, ahead) = self.class.offsets;
        let quarters = self.rng.within(0, 4 * (behind + ahead));
        let quarters = match self.rng.within(0, 4) {
            0 => 0,
            1 => 4 * (behind + ahead),
            _ => quarters,
        };
        to_i64(quarters * 15 * MINUTE) - to_i64(behind * HOUR)
    }

    fn restart(&mut self, at_least: u64) {
        let off = self.rng.within(at_least, self.max_off.max(at_least));
        self.device.restart(off);
        if self.rng.one_in(2) && self.raised_at.is_none() {
            self.device.error = 0;
        }
    }

    fn apply(&mut self, event: Event) {
        match event {
            Run => self.device.run(self.rng.within(MINUTE, 12 * HOUR)),
            Sleep => {
                let asleep = self.rng.within(HOUR, self.max_off.min(20 * DAY));
                self.device.run(asleep);
            }
            Off => self.restart(MINUTE),
            OtherSystem => {
                self.restart(MINUTE);
                self.device.error = self.offset();
                self.use_license();
                self.device.restart(self.rng.within(MINUTE, 6 * HOUR));
                self.device.error = 0;
            }
            DeadBattery => {
                self.restart(MINUTE);
                let shown = self.rng.pick(&["1970-01-01", "2000-01-01", "2026-06-15"]);
                self.device.set_clock(at(shown));
                self.use_license();
                self.device.run(self.rng.within(MINUTE, 3 * DAY));
                if !self.rng.one_in(3) {
                    self.device.error = 0;
                }
            }
            Travel => self.device.error = self.offset() / to_i64(HOUR) * to_i64(HOUR),
            SummerTime => {
                let by = self.rng.pick(&[-1, 1]) * to_i64(HOUR);
                let (behind, ahead) = self.class.offsets;
                let error = self.device.error + by;
                if error >= -to_i64(behind * HOUR) && error <= to_i64(ahead * HOUR) {
                    self.device.error = error;
                }
            }
            NetworkTime => self.device.error = 0,
            Snapshot => {
                if self.raised_at.is_none() && self.device.lead() <= to_i64(14 * HOUR + SLACK) {
                    self.snapshot = Some(self.device.clone());
                }
            }
            RestoreSnapshot => self.restore_snapshot(),
            RestoreState => {
                if let Some(snapshot) = &self.snapshot {
                    self.device.seen = snapshot.seen.clone();
                    self.device.check_ins = snapshot.check_ins.clone();
                    self.raised_at = None;
                }
            }
            JumpWithinBoot => self.jump_within_boot(),
            JumpAtBoot => self.jump_at_boot(),
            LoseState => self.lose_state(),
            WriteFiles => {
                let clock = self.device.clock();
                self.device.files.write_any(clock, &mut self.rng);
            }
            TouchFiles => self.touch_files(self.rng.0 % 5 + 1),
            DamageFiles => {
                let times: Vec<_> = FILE_TIMES.iter().map(|time| at(time)).collect();
                let files = &mut self.device.files;
                files.damage(self.damaged, &times, &mut self.rng);
            }
            NewImage => {
                self.restart(MINUTE);
                self.touch_files(1);
                self.lose_state();
            }
            LiveSystem => {
                self.restart(MINUTE);
                self.device.files = Files::new(at("2026-06-15"));
                self.lose_state();
            }
            Midnight => {
                let into_day = self.device.truth.unix_seconds() % DAY;
                let duration = (DAY - into_day + 2).saturating_sub(self.rng.within(0, 4));
                self.device.run(duration);
            }
        }
        self.use_license();
    }

    fn lose_state(&mut self) {
        self.device.lose_state(self.product);
        self.raised_at = None;
        self.counts.from_files += u64::from(self.device.seen.is_from_files());
    }

    fn touch_files(&mut self, one_in: u64) {
        let times: Vec<_> = FILE_TIMES.iter().map(|time| at(time)).collect();
        let clock = self.device.clock();
        let files = &mut self.device.files;
        files.touch(one_in, &times, clock, &mut self.rng);
    }

    fn restore_snapshot(&mut self) {
        let Some(snapshot) = &self.snapshot else {
            return;
        };
        self.device.restore(snapshot);
        self.raised_at = None;
        if self.rng.one_in(2) {
            self.device.error = 0;
        }
    }

    /// The clock jumps and returns several times. Then the machine is off for at least a day.
    fn jump_within_boot(&mut self) {
        self.use_license();
        let error = self.device.error;
        for _ in 0..self.rng.within(1, 4) {
            self.device
                .set_clock(at("2099-06-01").plus(self.rng.within(0, DAY)));
            self.device.files.write_each(self.device.clock());
            self.use_license();
            self.device.run(self.rng.within(0, 4 * HOUR));
            self.use_license();
            self.device.error = error;
            self.device.run(self.rng.within(0, 4 * HOUR));
            self.use_license();
        }
        if self.rng.one_in(2) {
            self.device.run(self.rng.within(0, 5 * DAY));
            self.use_license();
        }
        self.restart(DAY);
    }

    /// The clock is corrected within the same boot or at the next boot. Then a check-in arrives
    /// that was signed after the clock was wrong.
    fn jump_at_boot(&mut self) {
        self.restart(MINUTE);
        self.device
            .set_clock(at("2099-06-01").plus(self.rng.within(0, DAY)));
        self.raised_at = Some(self.device.truth);
        self.device.files.write_each(self.device.clock());
        for _ in 0..self.rng.within(1, 3) {
            self.use_license();
            self.device.run(self.rng.within(MINUTE, 10 * HOUR));
        }
        self.raised_at = self.use_license().or(self.raised_at);
        if self.rng.one_in(2) {
            self.device.restart(self.rng.within(MINUTE, 3 * DAY));
        }
        self.device.error = 0;
        self.use_license();
        while let Some(raised_at) = self.raised_at {
            self.device.run(self.rng.within(HOUR, 12 * HOUR));
            self.evaluate();
            let lag = self.rng.within(0, 36 * HOUR);
            let check_in = self.product.check_in(self.device.truth.minus(lag));
            let newest = self
                .device
                .check_ins
                .last()
                .map(|check_in| check_in.issued_at());
            if check_in.issued_at() < raised_at || newest >= Some(check_in.issued_at()) {
                continue;
            }
            let signed_at = check_in.issued_at();
            assert!(
                self.install(check_in),
                "signed at {signed_at:?}, after {raised_at:?}, but the mark is unchanged at {:?}: {:?}",
                self.device.truth,
                self.device
            );
        }
        let lead = self.device.lead();
        assert!(lead <= to_i64(SLACK), "repaired, but {lead} s ahead");
    }

    fn install(&mut self, check_in: license_core::license::Validation) -> bool {
        let is_lowered = self.device.install(check_in);
        if is_lowered && self.raised_at.is_some() {
            self.raised_at = None;
            self.counts.repairs += 1;
        }
        is_lowered
    }

    /// Installs a check-in that is up to 36 hours old, if the customer needs a check-in.
    fn check_in(&mut self) {
        if !self.product.needs_check_in() {
            return;
        }
        let newest = self
            .device
            .check_ins
            .last()
            .map(|check_in| check_in.issued_at());
        let age = newest.map(|newest| self.device.truth.seconds_since(newest));
        if age.is_some_and(|age| age < self.renews_after) {
            return;
        }
        let lag = self.rng.within(0, 36 * HOUR);
        let check_in = self.product.check_in(self.device.truth.minus(lag));
        if newest < Some(check_in.issued_at()) {
            self.install(check_in);
        }
    }

    /// Evaluates the license before and after a check-in. Returns the true time if the clock is far
    /// ahead.
    fn use_license(&mut self) -> Option<DateTime<Utc>> {
        self.device.files.use_at(self.device.clock());
        self.evaluate();
        let truth = self.device.truth;
        self.check_in();
        self.device.run(self.rng.within(0, 10 * MINUTE));
        self.evaluate();
        (self.device.error > to_i64(2 * DAY)).then_some(truth.max(self.device.truth))
    }

    fn evaluate(&mut self) {
        let before = self.device.seen.mark();
        let decision = self.device.evaluate(self.product);
        self.counts.evaluations += 1;
        let (device, class) = (&self.device, self.class);
        let describe = || {
            format!(
                "{}: at {:?} the clock shows {:?}, the mark was {before:?} and is {:?}: {decision:?}",
                class.name,
                device.truth,
                device.clock(),
                device.seen.mark()
            )
        };
        if self.raised_at.is_none() {
            self.counts.lead = self.counts.lead.max(device.lead());
            assert!(device.lead() <= to_i64(class.lead), "{}", describe());
        }
        if is_behind(&decision) {
            self.counts.warned += 1;
            let (behind, ahead) = class.offsets;
            let bound = DAY.saturating_sub(ahead * HOUR);
            let is_offset = device.error >= -to_i64(behind * HOUR + SLACK);
            if class.lead <= 14 * HOUR && self.raised_at.is_none() && is_offset {
                // A warning requires that the clock is far behind soon after it was far ahead.
                assert!(behind + ahead > 24, "{}", describe());
                assert!(device.error < -to_i64(bound), "{}", describe());
            }
        }
        if decision.outcome() != Outcome::Denied {
            return;
        }
        self.counts.denied += 1;
        if device.outcome_at(self.product, device.truth) == Outcome::Denied {
            return;
        }
        if device.outcome_at(self.product, device.clock()) == Outcome::Denied {
            assert!(device.error > 0, "{}", describe());
            self.counts.by_clock += 1;
        } else if self.raised_at.is_some() {
            self.counts.unrepaired += 1;
        } else {
            let until = |end: DateTime<Utc>| u64::try_from(ahead(device.truth, end)).ok();
            let end = self.product.end().and_then(until);
            let overdue = device.overdue_at(self.product).and_then(until);
            if let Some(early) = end.filter(|&early| early <= class.lead) {
                self.counts.early += 1;
                self.counts.earliest = self.counts.earliest.max(early);
            } else {
                let is_nearly_overdue = overdue.is_some_and(|early| early <= class.lead);
                assert!(is_nearly_overdue, "denied too early: {}", describe());
                self.counts.overdue_early += 1;
            }
        }
    }
}

#[test]
fn honest_users_with_wrong_clocks_are_not_denied() {
    thread::scope(|scope| {
        for (number, class) in (0_u64..).zip(CLASSES) {
            scope.spawn(move || simulate(number, class));
        }
    });
    let histories: u64 = CLASSES.iter().map(|class| class.histories).sum();
    assert!(histories >= 10_000, "{histories}");
}

/// Simulates the histories of a class, and prints their counts.
fn simulate(number: u64, class: &'static Class) {
    let mut counts = Counts::default();
    for seed in 0..class.histories {
        let mut simulation = Simulation::new(class, (number << 32) + seed, &mut counts);
        let events = simulation.rng.within(30, 60);
        for _ in 0..events {
            if simulation.is_over() {
                break;
            }
            let event = match simulation.rng.within(0, 5) {
                0 => Run,
                1 => Sleep,
                2 => Off,
                _ if class.events.is_empty() => Off,
                _ => simulation.rng.pick(class.events),
            };
            simulation.apply(event);
        }
    }
    println!(
        "honest, {}: {} histories, {} evaluations, {} denied; denials of a valid license: {} by \
         the clock itself, {} by the mark within {} h of the end, {} by the mark shortly before a \
         check-in was overdue, {} before a repair ({} repairs); {} warnings; mark at most {} s \
         ahead; {} marks from files",
        class.name,
        class.histories,
        counts.evaluations,
        counts.denied,
        counts.by_clock,
        counts.early,
        counts.earliest.div_ceil(HOUR),
        counts.overdue_early,
        counts.unrepaired,
        counts.repairs,
        counts.warned,
        counts.lead,
        counts.from_files
    );
    let (behind, ahead) = class.offsets;
    if class.lead <= 14 * HOUR && behind + ahead <= 24 && class.events.contains(&OtherSystem) {
        assert_eq!(counts.warned, 0, "{}", class.name);
    }
}
