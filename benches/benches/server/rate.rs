//! Rows about rates: our requests per second, compared with lower bounds and other servers.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use license_benches::load::{Caller, Generator};
use license_benches::{Subject, measure};

/// The number of connections.
pub(crate) const CONNECTIONS: u32 = 64;

/// About how long a subject runs in each round. It makes at least 64 calls, so a slow subject runs
/// longer.
pub(crate) const SPAN: Duration = Duration::from_millis(250);

/// Connections to a server, which several rows can use.
#[derive(Clone)]
pub(crate) struct Clients {
    generator: Rc<RefCell<Generator>>,
    /// The number of requests that count as one.
    requests_per_call: u32,
}

impl Clients {
    /// Opens a connection for each caller.
    pub(crate) fn new(address: SocketAddr, caller: impl Fn(u32) -> Box<dyn Caller>) -> Self {
        let callers = (0..CONNECTIONS).map(caller).collect();
        Self {
            generator: Rc::new(RefCell::new(Generator::connect(address, callers))),
            requests_per_call: 1,
        }
    }

    /// Counts two requests as one.
    pub(crate) fn pairs(self) -> Self {
        Self {
            requests_per_call: 2,
            ..self
        }
    }

    /// Returns the subject that makes as many calls as the server answers.
    pub(crate) fn subject<'a>(&self, name: &'a str) -> Subject<'a> {
        let clients = self.clone();
        Subject::concurrent(name, SPAN, move |calls| clients.saturate(calls))
    }

    pub(crate) fn saturate(&self, calls: u32) {
        let requests = u64::from(calls) * u64::from(self.requests_per_call);
        let report = self.generator.borrow_mut().saturate(requests);
        assert_eq!(report.errors, 0, "failed of {requests} requests");
    }

    pub(crate) fn generator(&self) -> std::cell::RefMut<'_, Generator> {
        self.generator.borrow_mut()
    }
}

/// A row of the table.
pub(crate) struct RateRow<'a> {
    work: &'a str,
    subjects: Vec<Subject<'a>>,
    /// The lowest accepted ratio of our rate to that of each other subject.
    goals: Vec<Option<f64>>,
}

impl<'a> RateRow<'a> {
    /// Creates a row with our subject.
    pub(crate) fn new(work: &'a str, ours: Subject<'a>) -> Self {
        Self {
            work,
            subjects: vec![ours],
            goals: Vec::new(),
        }
    }

    /// Adds a subject to compare with. `goal` is the lowest accepted ratio of our rate to its rate.
    pub(crate) fn compared_with(mut self, subject: Subject<'a>, goal: Option<f64>) -> Self {
        self.subjects.push(subject);
        self.goals.push(goal);
        self
    }

    pub(crate) fn print_head() {
        println!(
            "| work | per second | compared with | ratio (middle half of the rounds) | goal | reached |"
        );
        println!("|---|---|---|---|---|---|");
    }

    /// Measures the row and prints it. Returns our rate.
    pub(crate) fn print(mut self, rounds: usize) -> f64 {
        let measured = measure(rounds, 1, &mut self.subjects);
        let rate = |subject| measured.time(subject).median.recip();
        let ours = rate(0);
        let (mut others, mut ratios) = (Vec::new(), Vec::new());
        let (mut goals, mut reached) = (Vec::new(), Vec::new());
        for (at, (subject, goal)) in (1..).zip(self.subjects.iter().skip(1).zip(&self.goals)) {
            others.push(format!("{} {}", subject.name, whole(rate(at))));
            // The ratio of rates is the inverse ratio of times.
            let ratio = measured.ratio(at, 0);
            ratios.push(ratio.to_string());
            if let Some(goal) = goal {
                goals.push(format!("at least {goal:.1}"));
                reached.push(if ratio.median >= *goal { "yes" } else { "no" });
            }
        }
        println!(
            "| {} | {} | {} | {} | {} | {} |",
            self.work,
            whole(ours),
            others.join("; "),
            ratios.join("; "),
            goals.join("; "),
            reached.join("; ")
        );
        ours
    }
}

/// Formats a number with three digits and commas between thousands.
pub(crate) fn whole(number: f64) -> String {
    let unit = 10_f64.powf((number.max(1.0).log10().floor() - 2.0).max(0.0));
    let digits = format!("{:.0}", (number / unit).round() * unit);
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
