//! Rows of the table: the time of one kind of work, compared with a lower bound and other
//! libraries, and its goals.

use crate::side_by_side::{Measurements, Subject, format_time, measure};

/// One kind of work: our implementation, its lower bound, and other implementations.
pub struct Row<'a> {
    work: &'a str,
    rounds: usize,
    subjects: Vec<Subject<'a>>,
    comparisons: Vec<Comparison>,
    goal: Option<Goal>,
}

/// The role of a subject that ours is compared with.
enum Comparison {
    /// A lower bound. The goal is the highest ratio of our time to the bound.
    Limit(Option<f64>),
    /// Another implementation. The goal is the lowest ratio of its time to ours.
    Peer(Option<f64>),
}

/// An absolute goal.
enum Goal {
    /// The highest time in seconds.
    Seconds(f64),
    /// The number of bytes per call, and the lowest throughput in megabytes per second.
    Throughput(f64, f64),
}

/// With runs of two milliseconds, this many rounds determine the median to a thousandth.
const ROUNDS: usize = 301;

impl<'a> Row<'a> {
    /// Creates a row with our implementation.
    pub fn new(work: &'a str, ours: impl FnMut() + 'a) -> Self {
        Self {
            work,
            rounds: ROUNDS,
            subjects: vec![Subject::calibrated("ours", ours)],
            comparisons: Vec::new(),
            goal: None,
        }
    }

    /// Sets the number of rounds, which is lower for slow work.
    pub fn rounds(self, rounds: usize) -> Self {
        Self { rounds, ..self }
    }

    /// Adds a lower bound. `times` is the highest accepted ratio of our time to the bound.
    pub fn lower_bound(self, name: &'a str, times: Option<f64>, run: impl FnMut() + 'a) -> Self {
        self.compared_with(name, Comparison::Limit(times), run)
    }

    /// Adds another implementation. `times` is the lowest accepted ratio of its time to ours.
    pub fn peer(self, name: &'a str, times: Option<f64>, run: impl FnMut() + 'a) -> Self {
        self.compared_with(name, Comparison::Peer(times), run)
    }

    fn compared_with(
        mut self,
        name: &'a str,
        comparison: Comparison,
        run: impl FnMut() + 'a,
    ) -> Self {
        self.subjects.push(Subject::calibrated(name, run));
        self.comparisons.push(comparison);
        self
    }

    /// Sets the highest time in seconds.
    pub fn under(self, seconds: f64) -> Self {
        let goal = Some(Goal::Seconds(seconds));
        Self { goal, ..self }
    }

    /// Sets the number of bytes per call, and the lowest throughput.
    pub fn throughput(self, bytes: f64, megabytes_per_second: f64) -> Self {
        let goal = Some(Goal::Throughput(bytes, megabytes_per_second));
        Self { goal, ..self }
    }

    /// Prints the header of the table.
    pub fn print_head() {
        println!(
            "| work | ours | compared with | ratio (middle half of the rounds) | goal | reached |"
        );
        println!("|---|---|---|---|---|---|");
    }

    /// Measures the work and prints the row.
    pub fn print(mut self) {
        let measured = measure(self.rounds, 1, &mut self.subjects);
        let ours = measured.time(0).median;
        let mut cells = Cells::default();
        if let Some(goal) = &self.goal {
            cells.add_goal(goal, ours);
        }
        let others = self.subjects.iter().skip(1).zip(&self.comparisons);
        for (at, (subject, comparison)) in others.enumerate() {
            cells.add_comparison(&measured, at + 1, subject.name, comparison);
        }
        let [others, ratio, goal, reached] = cells.columns.map(|column| column.join("; "));
        let (work, ours) = (self.work, format_time(ours));
        println!("| {work} | {ours} | {others} | {ratio} | {goal} | {reached} |");
    }
}

/// The columns after our time: other implementations, ratios, goals, and whether they are reached.
#[derive(Default)]
struct Cells {
    columns: [Vec<String>; 4],
}

impl Cells {
    fn add_goal(&mut self, goal: &Goal, ours: f64) {
        match goal {
            Goal::Seconds(most) => {
                self.push_goal(format!("under {}", format_time(*most)), ours < *most)
            }
            Goal::Throughput(bytes, least) => {
                let found = bytes / ours / 1e6;
                let [_, ratio, ..] = &mut self.columns;
                ratio.push(format!("{found:.0} MB/s"));
                self.push_goal(format!("over {least:.0} MB/s"), found > *least);
            }
        }
    }

    fn add_comparison(
        &mut self,
        measured: &Measurements,
        at: usize,
        name: &str,
        comparison: &Comparison,
    ) {
        let time = format_time(measured.time(at).median);
        let ratio = match comparison {
            Comparison::Limit(_) => measured.ratio(0, at),
            Comparison::Peer(_) => measured.ratio(at, 0),
        };
        let [others, ratios, ..] = &mut self.columns;
        others.push(format!("{name} {time}"));
        ratios.push(match comparison {
            Comparison::Limit(_) => format!("{ratio} of the bound"),
            Comparison::Peer(_) => format!("{ratio} times faster"),
        });
        match comparison {
            Comparison::Limit(Some(most)) => {
                self.push_goal(format!("at most {most:.2}"), ratio.median <= *most)
            }
            Comparison::Peer(Some(least)) => {
                self.push_goal(format!("at least {least:.2}"), ratio.median >= *least)
            }
            Comparison::Limit(None) | Comparison::Peer(None) => {}
        }
    }

    fn push_goal(&mut self, goal: String, is_reached: bool) {
        let [.., goals, reached] = &mut self.columns;
        goals.push(goal);
        reached.push(if is_reached { "yes" } else { "**no**" }.to_owned());
    }
}
