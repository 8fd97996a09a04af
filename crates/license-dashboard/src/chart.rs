//! Charts over time, as inline SVG, each with a table of its values.

use std::fmt::Write as _;

use askama::Template;

use crate::text;

/// The size of the drawing, which a page stretches to the available space.
const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 100.0;

/// The largest number of labels of the horizontal axis.
const MAX_LABELS: usize = 8;

/// How a series is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SeriesStyle {
    /// A line with a filled area below it.
    Area,
    /// A line.
    Line,
    /// A broken line with steps, for a limit.
    Limit,
    /// A bar for each point.
    Bars,
    /// A bar for each point, for something that should not happen.
    DangerBars,
}

impl SeriesStyle {
    fn as_str(self) -> &'static str {
        match self {
            Self::Area => "area",
            Self::Line => "line",
            Self::Limit => "limit",
            Self::Bars => "bars",
            Self::DangerBars => "danger-bars",
        }
    }
}

/// The values of a chart with a common name.
#[derive(Clone, Debug)]
pub struct Series {
    name: String,
    style: SeriesStyle,
    values: Vec<Option<f64>>,
}

impl Series {
    /// Creates a series with a value for each point. `None`, and a value that is not finite: the
    /// value is unknown.
    pub fn new(
        name: impl Into<String>,
        style: SeriesStyle,
        values: impl IntoIterator<Item = Option<f64>>,
    ) -> Self {
        Self {
            name: name.into(),
            style,
            values: values
                .into_iter()
                .map(|value| value.filter(|value| value.is_finite()))
                .collect(),
        }
    }
}

/// A chart.
///
/// ```
/// use license_dashboard::{Chart, Frame, Page, Series, SeriesStyle};
///
/// let hours = (0..24).map(|hour| (format!("{hour}:00"), format!("2027-01-15 {hour}:00 UTC")));
/// let held = Series::new("Seats held", SeriesStyle::Area, (0..24).map(|_| Some(3.0)));
/// let chart = Chart::new("Seats", "Hour", hours).series(held);
/// assert!(Page::new(Frame::new("Overview")).with(chart).render().contains("<svg"));
/// ```
#[derive(Clone, Debug)]
pub struct Chart {
    title: String,
    /// The name of the points.
    point: String,
    /// The short label of each point for the axis, and the long one.
    points: Vec<(String, String)>,
    series: Vec<Series>,
    /// The chart in a sentence.
    summary: Option<String>,
}

impl Chart {
    /// Creates a chart. `point` is the name of the points, such as `Hour`. Each point has a short
    /// label for the axis and a long one.
    pub fn new(
        title: impl Into<String>,
        point: impl Into<String>,
        points: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        Self {
            title: title.into(),
            point: point.into(),
            points: points.into_iter().collect(),
            series: Vec::new(),
            summary: None,
        }
    }

    /// Adds a series. The later ones are drawn above the earlier ones.
    #[must_use]
    pub fn series(mut self, series: Series) -> Self {
        self.series.push(series);
        self
    }

    /// Adds a sentence that says what the chart shows, for people who do not see it.
    #[must_use]
    pub fn summary(mut self, summary: impl Into<String>) -> Self {
        self.summary = Some(summary.into());
        self
    }

    pub(crate) fn render(&self) -> String {
        let scale = Scale::for_values(self.series.iter().flat_map(|series| &series.values));
        let series = self.series.iter();
        let template = ChartTemplate {
            chart: self,
            ticks: scale.ticks(),
            labels: self.labels(),
            drawing: series.map(|series| self.draw(series, &scale)).collect(),
            slots: self.slots(),
            width: format!("{:.2}", self.slot_width()),
            rows: self.rows(),
        };
        template.render().unwrap_or_default()
    }

    /// Returns the label of each point on the axis, and whether narrow screens leave it out. Most
    /// points have an empty label, and so does a point near the end, whose label has no room.
    fn labels(&self) -> Vec<(&str, bool)> {
        let count = self.points.len();
        let step = count.div_ceil(MAX_LABELS).max(1);
        let mut labels = Vec::with_capacity(count);
        for (index, (short, _)) in self.points.iter().enumerate() {
            let has_room = index == 0 || index.saturating_add(step) <= count;
            let is_shown = index.is_multiple_of(step) && has_room;
            let is_minor = !index.is_multiple_of(step.saturating_mul(2));
            labels.push((if is_shown { short } else { "" }, is_minor));
        }
        labels
    }

    /// Returns the shapes of a series.
    fn draw(&self, series: &Series, scale: &Scale) -> String {
        let slot = self.slot_width();
        let class = series.style.as_str();
        let mut shapes = String::new();
        match series.style {
            SeriesStyle::Bars | SeriesStyle::DangerBars => {
                for (x, value) in self.positions(series) {
                    let Some(value) = value.filter(|value| *value > 0.0) else {
                        continue;
                    };
                    let y = scale.y(value);
                    let (left, width, height) = (x + slot * 0.15, slot * 0.7, HEIGHT - y);
                    let _ = write!(
                        shapes,
                        r#"<rect class="{class}" x="{left:.2}" y="{y:.2}" width="{width:.2}" height="{height:.2}"/>"#,
                    );
                }
            }
            SeriesStyle::Area | SeriesStyle::Line | SeriesStyle::Limit => {
                for run in self.runs(series, scale) {
                    if series.style == SeriesStyle::Area {
                        let (first, last) = (run.first(), run.last());
                        if let (Some((first, _)), Some((last, _))) = (first, last) {
                            let line = path(&run);
                            let _ = write!(
                                shapes,
                                r#"<path class="fill" d="{line}L{last:.2} {HEIGHT}L{first:.2} {HEIGHT}Z"/>"#,
                            );
                        }
                    }
                    let line = path(&run);
                    let _ = write!(
                        shapes,
                        r#"<path class="{class}" d="{line}" vector-effect="non-scaling-stroke"/>"#,
                    );
                }
            }
        }
        shapes
    }

    /// Returns the points of a line, in parts without unknown values. Each value lasts for the
    /// whole width of its point.
    fn runs(&self, series: &Series, scale: &Scale) -> Vec<Vec<(f64, f64)>> {
        let slot = self.slot_width();
        let mut runs: Vec<Vec<(f64, f64)>> = Vec::new();
        let mut is_open = false;
        for (x, value) in self.positions(series) {
            let Some(value) = value else {
                is_open = false;
                continue;
            };
            if !is_open {
                runs.push(Vec::new());
                is_open = true;
            }
            if let Some(run) = runs.last_mut() {
                let y = scale.y(value);
                run.extend([(x, y), (x + slot, y)]);
            }
        }
        runs
    }

    /// Returns the left edge of each point, and its value.
    fn positions<'a>(&self, series: &'a Series) -> impl Iterator<Item = (f64, Option<f64>)> + 'a {
        let slot = self.slot_width();
        let edges = std::iter::successors(Some(0.0), move |edge| Some(edge + slot));
        edges
            .zip(series.values.iter().copied())
            .take(self.points.len())
    }

    /// Returns whether each point is a bar, under whose middle its label belongs.
    fn has_bars_only(&self) -> bool {
        let is_bar =
            |series: &Series| matches!(series.style, SeriesStyle::Bars | SeriesStyle::DangerBars);
        self.series.iter().all(is_bar)
    }

    /// Returns whether a value is above zero. A plot of zeros shows nothing.
    fn has_values(&self) -> bool {
        let mut values = self.series.iter().flat_map(|series| &series.values);
        values.any(|value| value.is_some_and(|value| value > 0.0))
    }

    fn slot_width(&self) -> f64 {
        let count = u32::try_from(self.points.len()).unwrap_or(u32::MAX).max(1);
        WIDTH / f64::from(count)
    }

    /// Returns the left edge and the tooltip of each point.
    fn slots(&self) -> Vec<(String, String)> {
        let slot = self.slot_width();
        let edges = std::iter::successors(Some(0.0), move |edge: &f64| Some(edge + slot));
        let points = self.points.iter().enumerate().zip(edges);
        let tip = points.map(|((index, (_, long)), edge)| {
            let mut tip = long.clone();
            for series in &self.series {
                let value = series.values.get(index).copied().flatten();
                let value = value.map_or_else(|| "unknown".to_owned(), text::decimal);
                let _ = write!(tip, "\n{}: {value}", series.name);
            }
            (format!("{edge:.2}"), tip)
        });
        tip.collect()
    }

    /// Returns the rows of the table: the label of the point and the values.
    fn rows(&self) -> Vec<(&str, Vec<String>)> {
        let mut rows = Vec::with_capacity(self.points.len());
        for (index, (_, long)) in self.points.iter().enumerate() {
            let values = self.series.iter().map(|series| {
                let value = series.values.get(index).copied().flatten();
                value.map_or_else(|| "–".to_owned(), text::decimal)
            });
            rows.push((long.as_str(), values.collect()));
        }
        rows
    }
}

/// Returns the path of a line.
fn path(run: &[(f64, f64)]) -> String {
    let mut path = String::new();
    for (index, (x, y)) in run.iter().enumerate() {
        let command = if index == 0 { 'M' } else { 'L' };
        let _ = write!(path, "{command}{x:.2} {y:.2}");
    }
    path
}

/// The vertical axis, from zero to a round number.
struct Scale {
    step: f64,
    steps: u32,
}

impl Scale {
    /// Returns an axis on which all values have a place. Its numbers are whole ones.
    fn for_values<'a>(values: impl Iterator<Item = &'a Option<f64>>) -> Self {
        let values = values.copied().flatten().filter(|value| value.is_finite());
        let highest = values.fold(1.0, f64::max);
        let mut step = 1.0;
        // Steps are 1, 2 or 5 times a power of ten.
        for factor in [2.0, 2.5, 2.0].into_iter().cycle().take(60) {
            if step * 4.0 >= highest {
                break;
            }
            step *= factor;
        }
        let mut steps = 1;
        while f64::from(steps) * step < highest && steps < 5 {
            steps += 1;
        }
        Self { step, steps }
    }

    fn top(&self) -> f64 {
        self.step * f64::from(self.steps)
    }

    fn y(&self, value: f64) -> f64 {
        HEIGHT - (value / self.top()).clamp(0.0, 1.0) * HEIGHT
    }

    /// Returns the label and the height of each line of the grid, the highest first.
    fn ticks(&self) -> Vec<(String, String)> {
        let ticks = (0..=self.steps).rev().map(|tick| {
            let value = self.step * f64::from(tick);
            (text::decimal(value), format!("{:.2}", self.y(value)))
        });
        ticks.collect()
    }
}

/// HTML of a chart.
#[derive(Template)]
#[template(path = "chart.html")]
struct ChartTemplate<'a> {
    chart: &'a Chart,
    ticks: Vec<(String, String)>,
    labels: Vec<(&'a str, bool)>,
    drawing: Vec<String>,
    slots: Vec<(String, String)>,
    /// The width of a point.
    width: String,
    rows: Vec<(&'a str, Vec<String>)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(count: usize, style: SeriesStyle, values: Vec<Option<f64>>) -> Chart {
        let points = (0..count).map(|number| (format!("p{number}"), format!("point {number}")));
        Chart::new("Seats", "Hour", points).series(Series::new("Held", style, values))
    }

    /// Returns the drawing without the legend and the table.
    fn plot(chart: &Chart) -> String {
        let html = chart.render();
        let (_, plot) = html.split_once("<div class=\"plot\">").unwrap();
        let (plot, _) = plot.split_once("</div>").unwrap();
        plot.to_owned()
    }

    #[test]
    fn the_axis_ends_with_a_round_number_that_all_values_fit_under() {
        for (highest, ticks) in [
            (0.0, vec!["1", "0"]),
            (1.0, vec!["1", "0"]),
            (3.0, vec!["3", "2", "1", "0"]),
            (5.0, vec!["6", "4", "2", "0"]),
            (10.0, vec!["10", "5", "0"]),
            (17.0, vec!["20", "15", "10", "5", "0"]),
            (100.0, vec!["100", "50", "0"]),
            (
                12_000.0,
                vec!["15\u{202f}000", "10\u{202f}000", "5\u{202f}000", "0"],
            ),
        ] {
            let scale = Scale::for_values([Some(highest), None, Some(f64::NAN)].iter());
            let found: Vec<_> = scale.ticks().into_iter().map(|(label, _)| label).collect();
            assert_eq!(found, ticks, "{highest}");
            assert!(scale.top() >= highest);
        }
    }

    #[test]
    fn an_unknown_value_interrupts_a_line() {
        let values = vec![Some(1.0), Some(2.0), None, Some(2.0)];
        let chart = chart(4, SeriesStyle::Line, values);
        let (plot, html) = (plot(&chart), chart.render());
        assert_eq!(plot.matches(r#"<path class="line""#).count(), 2);
        assert!(
            html.contains("M0.00 50.00L250.00 50.00L250.00 0.00L500.00 0.00"),
            "{html}"
        );
        assert!(html.contains("<td class=\"number\">–</td>"));
        assert!(html.contains("point 2\nHeld: unknown"));
    }

    #[test]
    fn a_bar_has_the_height_of_its_value() {
        let values = vec![Some(0.0), Some(2.0)];
        let plot = plot(&chart(2, SeriesStyle::DangerBars, values));
        assert_eq!(plot.matches("<rect class=\"danger-bars\"").count(), 1);
        let bar = r#"x="575.00" y="0.00" width="350.00" height="100.00""#;
        assert!(plot.contains(bar), "{plot}");
    }

    #[test]
    fn a_chart_of_any_size_has_a_row_for_each_point_and_few_labels() {
        for count in [0, 1, 24, 30, 400] {
            let values = vec![Some(1.0); count];
            let html = chart(count, SeriesStyle::Area, values).render();
            assert_eq!(html.matches("<th scope=\"row\">").count(), count);
            let labels = html.matches("<span>p").count() + html.matches("minor\">p").count();
            assert!(
                labels <= MAX_LABELS && (labels > 0 || count == 0),
                "{count}: {labels}"
            );
        }
    }

    #[test]
    fn a_chart_without_values_is_empty() {
        let chart = chart(3, SeriesStyle::Area, Vec::new());
        assert!(!chart.render().contains("<svg"));
        assert_eq!(chart.render().matches("<th scope=\"row\">").count(), 3);
    }

    #[test]
    fn a_value_that_is_not_finite_is_unknown() {
        let values = vec![Some(f64::NAN), Some(f64::INFINITY), Some(1.0)];
        let plot = plot(&chart(3, SeriesStyle::Line, values));
        assert!(!plot.contains("NaN") && !plot.contains("inf"), "{plot}");
    }
}
