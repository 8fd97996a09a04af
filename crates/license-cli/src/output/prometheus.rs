//! Metrics in the text format of Prometheus (version 0.0.4), and as JSON.

use serde::Serialize;

/// A metric: its name, its description, and its samples.
#[derive(Debug)]
pub(crate) struct Metric {
    name: &'static str,
    help: &'static str,
    samples: Vec<Sample>,
}

/// A value of a metric, with its labels.
#[derive(Debug, Serialize)]
pub(crate) struct Sample {
    labels: Vec<(&'static str, String)>,
    /// A whole number, or `+Inf`.
    value: String,
}

impl Sample {
    pub(crate) fn new(value: impl ToString) -> Self {
        Self {
            labels: Vec::new(),
            value: value.to_string(),
        }
    }

    /// Adds a label.
    pub(crate) fn label(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.labels.push((name, value.into()));
        self
    }
}

impl Metric {
    /// Creates a gauge, whose value can rise and fall.
    pub(crate) fn gauge(
        name: &'static str,
        help: &'static str,
        samples: impl IntoIterator<Item = Sample>,
    ) -> Self {
        let samples = samples.into_iter().collect();
        Self {
            name,
            help,
            samples,
        }
    }

    /// Appends the metric to the text. A metric without samples is omitted. `common` is a label of
    /// every sample.
    fn write(&self, common: (&str, &str), text: &mut String) {
        if self.samples.is_empty() {
            return;
        }
        let Self { name, help, .. } = self;
        text.push_str(&format!(
            "# HELP {name} {}\n# TYPE {name} gauge\n",
            escape_help(help)
        ));
        for sample in &self.samples {
            let own = sample.labels.iter();
            let own = own.map(|(name, value)| (*name, value.as_str()));
            let labels = std::iter::once(common).chain(own);
            let labels: Vec<_> = labels
                .map(|(label, value)| format!("{label}=\"{}\"", escape_label(value)))
                .collect();
            let (labels, value) = (labels.join(","), &sample.value);
            text.push_str(&format!("{name}{{{labels}}} {value}\n"));
        }
    }

    /// Returns the samples as JSON objects, with the name of the metric.
    pub(crate) fn to_json(&self) -> impl Iterator<Item = serde_json::Value> {
        self.samples.iter().map(|sample| {
            let labels = sample.labels.iter();
            let labels: serde_json::Map<_, _> = labels
                .map(|(name, value)| ((*name).to_owned(), value.as_str().into()))
                .collect();
            serde_json::json!({ "name": self.name, "labels": labels, "value": sample.value })
        })
    }
}

/// Returns the metrics as text.
pub(crate) fn to_text(metrics: &[Metric], common: (&str, &str)) -> String {
    let mut text = String::new();
    metrics
        .iter()
        .for_each(|metric| metric.write(common, &mut text));
    text
}

fn escape_help(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n")
}

fn escape_label(text: &str) -> String {
    escape_help(text).replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_has_its_labels_and_a_metric_without_samples_is_omitted() {
        let metrics = [
            Metric::gauge("a_seconds", "Time.", [Sample::new(5)]),
            Metric::gauge("b", "Nothing.", []),
        ];
        let expected =
            "# HELP a_seconds Time.\n# TYPE a_seconds gauge\na_seconds{product=\"X\"} 5\n";
        assert_eq!(to_text(&metrics, ("product", "X")), expected);
    }

    #[test]
    fn a_label_cannot_forge_a_sample() {
        let sample = Sample::new("+Inf").label("quota", "a\"} 1\nb{c=\"\\");
        let metric = Metric::gauge("q", "a\\b\nc", [sample]);
        let text = to_text(&[metric], ("product", "X"));
        let line = r#"q{product="X",quota="a\"} 1\nb{c=\"\\"} +Inf"#;
        assert_eq!(text.lines().next(), Some(r"# HELP q a\\b\nc"));
        assert_eq!(text.lines().nth(2), Some(line));
        assert_eq!(text.lines().count(), 3);
    }
}
