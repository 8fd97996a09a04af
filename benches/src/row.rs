//! A line of the table: what something takes beside its limit and its peers, and what it is to reach.

use crate::side_by_side::{Measured, Subject, measure, time};

/// One kind of work: ours, what bounds it, and how others do it.
pub struct Row<'a> {
    work: &'a str,
    rounds: usize,
    subjects: Vec<Subject<'a>>,
    places: Vec<Place>,
    goal: Option<Goal>,
}

/// What a subject other than ours is there for.
enum Place {
    /// Ours can't take less. To reach: at most so many times of it.
    Limit(Option<f64>),
    /// Others do the same. To reach: so many times faster.
    Peer(Option<f64>),
}

/// What ours is to reach by itself.
enum Goal {
    Seconds(f64),
    /// So many bytes a call; megabytes a second.
    Throughput(f64, f64),
}

/// Enough that the median is sure to a thousandth, of runs of two milliseconds.
const ROUNDS: usize = 301;

impl<'a> Row<'a> {
    /// A row of this work as we do it.
    pub fn new(work: &'a str, ours: impl FnMut() + 'a) -> Self {
        Self {
            work,
            rounds: ROUNDS,
            subjects: vec![Subject::calibrated("ours", ours)],
            places: Vec::new(),
            goal: None,
        }
    }

    /// In fewer or more rounds, for what takes long.
    pub fn rounds(self, rounds: usize) -> Self {
        Self { rounds, ..self }
    }

    /// Beside what bounds it, of which it is to take at most so many times.
    pub fn limit(self, name: &'a str, times: Option<f64>, run: impl FnMut() + 'a) -> Self {
        self.beside(name, Place::Limit(times), run)
    }

    /// Beside how others do it, than which it is to be so many times faster.
    pub fn peer(self, name: &'a str, times: Option<f64>, run: impl FnMut() + 'a) -> Self {
        self.beside(name, Place::Peer(times), run)
    }

    fn beside(mut self, name: &'a str, place: Place, run: impl FnMut() + 'a) -> Self {
        self.subjects.push(Subject::calibrated(name, run));
        self.places.push(place);
        self
    }

    /// To take less than so many seconds.
    pub fn under(self, seconds: f64) -> Self {
        let goal = Some(Goal::Seconds(seconds));
        Self { goal, ..self }
    }

    /// Of so many bytes a call, to take over so many megabytes a second.
    pub fn throughput(self, bytes: f64, megabytes_per_second: f64) -> Self {
        let goal = Some(Goal::Throughput(bytes, megabytes_per_second));
        Self { goal, ..self }
    }

    /// The head of the table.
    pub fn print_head() {
        println!("| work | ours | beside | ratio (half of the rounds) | to reach | |");
        println!("|---|---|---|---|---|---|");
    }

    /// Measures it and prints its line.
    pub fn print(mut self) {
        let measured = measure(self.rounds, 1, &mut self.subjects);
        let ours = measured.time(0).median;
        let mut cells = Cells::default();
        if let Some(goal) = &self.goal {
            cells.by_itself(goal, ours);
        }
        let others = self.subjects.iter().skip(1).zip(&self.places);
        for (at, (subject, place)) in others.enumerate() {
            cells.beside(&measured, at + 1, subject.name, place);
        }
        let [beside, ratio, wanted, reached] = cells.columns.map(|column| column.join("; "));
        let (work, ours) = (self.work, time(ours));
        println!("| {work} | {ours} | {beside} | {ratio} | {wanted} | {reached} |");
    }
}

/// What stands beside ours, the ratios, what is to be reached, and whether it is.
#[derive(Default)]
struct Cells {
    columns: [Vec<String>; 4],
}

impl Cells {
    fn by_itself(&mut self, goal: &Goal, ours: f64) {
        match goal {
            Goal::Seconds(most) => self.wanted(format!("under {}", time(*most)), ours < *most),
            Goal::Throughput(bytes, least) => {
                let found = bytes / ours / 1e6;
                let [_, ratio, ..] = &mut self.columns;
                ratio.push(format!("{found:.0} MB/s"));
                self.wanted(format!("over {least:.0} MB/s"), found > *least);
            }
        }
    }

    fn beside(&mut self, measured: &Measured, at: usize, name: &str, place: &Place) {
        let time = time(measured.time(at).median);
        let ratio = match place {
            Place::Limit(_) => measured.ratio(0, at),
            Place::Peer(_) => measured.ratio(at, 0),
        };
        let [beside, ratios, ..] = &mut self.columns;
        beside.push(format!("{name} {time}"));
        ratios.push(match place {
            Place::Limit(_) => format!("{ratio} of it"),
            Place::Peer(_) => format!("{ratio} ahead"),
        });
        match place {
            Place::Limit(Some(most)) => {
                self.wanted(format!("at most {most:.2}"), ratio.median <= *most)
            }
            Place::Peer(Some(least)) => {
                self.wanted(format!("at least {least:.2}"), ratio.median >= *least)
            }
            Place::Limit(None) | Place::Peer(None) => {}
        }
    }

    fn wanted(&mut self, what: String, is_reached: bool) {
        let [.., wanted, reached] = &mut self.columns;
        wanted.push(what);
        reached.push(if is_reached { "yes" } else { "**no**" }.to_owned());
    }
}
