//! Growth of cost with size.

use crate::side_by_side::{Subject, measure};

/// The time that work of one size takes.
#[derive(Clone, Copy, Debug)]
pub struct Point {
    /// The size.
    pub size: f64,
    /// The time in seconds.
    pub time: f64,
}

/// The time that work takes, by its size.
#[derive(Debug)]
pub struct Line {
    /// The name of the work.
    pub name: String,
    /// The points in ascending order of size.
    pub points: Vec<Point>,
}

impl Line {
    /// Measures the work at each size, in turn. All sizes are set up before the first measurement.
    pub fn measure<R: FnMut()>(
        name: &str,
        rounds: usize,
        sizes: &[u32],
        set_up: impl Fn(u32) -> (u32, R),
    ) -> Self {
        let (sizes, mut subjects): (Vec<_>, Vec<_>) = sizes
            .iter()
            .map(|size| set_up(*size))
            .map(|(size, run)| (size, Subject::calibrated(name, run)))
            .unzip();
        let measured = measure(rounds, 1, &mut subjects);
        let times = (0..sizes.len()).map(|at| measured.time(at).median);
        Self::new(name, sizes.into_iter().zip(times))
    }

    /// Creates a line from existing measurements.
    pub fn new(name: &str, points: impl IntoIterator<Item = (u32, f64)>) -> Self {
        let point = |(size, time)| Point {
            size: f64::from(size),
            time,
        };
        Self {
            name: name.to_owned(),
            points: points.into_iter().map(point).collect(),
        }
    }

    /// Returns the exponent of growth over all points: 1 is proportional, 0 is constant.
    pub fn exponent(&self) -> f64 {
        slope(&self.points)
    }

    /// Returns the exponent of growth over the last decade.
    ///
    /// At small sizes, constant cost hides growth.
    pub fn last_exponent(&self) -> f64 {
        let largest = self.points.last().map_or(0.0, |point| point.size);
        let is_large = |point: &&Point| point.size * 10.5 >= largest;
        let large: Vec<_> = self.points.iter().filter(is_large).copied().collect();
        slope(&large)
    }
}

/// Returns the slope of the line through these points by least squares, with logarithmic axes.
pub fn slope(points: &[Point]) -> f64 {
    let logs = points
        .iter()
        .map(|point| (point.size.log10(), point.time.log10()));
    let count = logs.clone().map(|_| 1.0).sum::<f64>();
    let mean = |of: fn((f64, f64)) -> f64| logs.clone().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|(x, _)| x), mean(|(_, y)| y));
    let covariance = logs.clone().map(|(a, b)| (a - x) * (b - y)).sum::<f64>();
    let variance = logs.map(|(a, _)| (a - x) * (a - x)).sum::<f64>();
    covariance / variance
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(time: fn(f64) -> f64) -> Line {
        let sizes = [10, 100, 1000, 10_000];
        Line::new("x", sizes.map(|size| (size, time(f64::from(size)))))
    }

    #[test]
    fn the_exponent_equals_the_power_of_the_size() {
        assert!((line(|size| size * 3e-9).exponent() - 1.0).abs() < 1e-9);
        assert!((line(|size| size * size).exponent() - 2.0).abs() < 1e-9);
        assert!(line(|_| 1e-6).exponent().abs() < 1e-9);
    }

    #[test]
    fn constant_cost_does_not_hide_growth_in_the_last_decade() {
        let squares = line(|size| size * size * 1e-9 + 1e-3);
        assert!(squares.exponent() < 1.1);
        assert!(squares.last_exponent() > 1.6);
    }
}
