//! The output of `license status` as a plugin of Nagios, Icinga and other monitors: one line, with
//! performance data after a vertical bar, and the exit codes of plugins.
//!
//! The Monitoring Plugins Development Guidelines define the format.

use std::fmt;
use std::process::ExitCode;

use license_cli_support::{Failure, Terminal, escape};
use serde_json::{Value, json};

/// The status of a plugin, from best to worst. These exit codes are not those of the other
/// commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum PluginStatus {
    Ok,
    Warning,
    Critical,
    /// The plugin could not check anything.
    Unknown,
}

impl PluginStatus {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Warning => "WARNING",
            Self::Critical => "CRITICAL",
            Self::Unknown => "UNKNOWN",
        }
    }

    fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Warning => 1,
            Self::Critical => 2,
            Self::Unknown => 3,
        }
    }
}

impl From<PluginStatus> for ExitCode {
    fn from(status: PluginStatus) -> Self {
        Self::from(status.code())
    }
}

/// A message of the plugin about one aspect of the license.
#[derive(Debug)]
pub(crate) struct PluginMessage {
    pub(crate) status: PluginStatus,
    pub(crate) text: String,
}

/// A value with its limits. A limit is a range: `30:` means at least 30, and `7` means 0 to 7.
#[derive(Debug, Default)]
pub(crate) struct PerformanceValue {
    pub(crate) label: String,
    /// The number with its unit, or `U` if it is not known.
    pub(crate) value: String,
    pub(crate) warn: String,
    pub(crate) critical: String,
    pub(crate) min: String,
    pub(crate) max: String,
}

/// Writes `'label'=value;warn;critical;min;max`, without empty limits at the end.
impl fmt::Display for PerformanceValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            value,
            warn,
            critical,
            min,
            max,
            ..
        } = self;
        let values = format!("{value};{warn};{critical};{min};{max}");
        write!(
            f,
            "{}={}",
            quoted(&self.label),
            values.trim_end_matches(';')
        )
    }
}

/// Returns the label as performance data contain it: in single quotes if it has characters other
/// than letters, digits, `_`, `-` and `.`. Characters that no label may have become `_`.
fn quoted(label: &str) -> String {
    let is_plain =
        |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-' | '.');
    if label.chars().all(is_plain) {
        return label.to_owned();
    }
    let is_forbidden =
        |character: char| character.is_control() || matches!(character, '=' | '\'' | '|');
    let label: String = label
        .chars()
        .map(|character| {
            if is_forbidden(character) {
                '_'
            } else {
                character
            }
        })
        .collect();
    format!("'{label}'")
}

/// The result of the plugin.
#[derive(Debug, Default)]
pub(crate) struct PluginReport {
    messages: Vec<PluginMessage>,
    pub(crate) values: Vec<PerformanceValue>,
}

impl PluginReport {
    /// Adds a message.
    pub(crate) fn add(&mut self, status: PluginStatus, text: impl Into<String>) {
        let text = text.into();
        self.messages.push(PluginMessage { status, text });
    }

    /// Returns the worst status of a message.
    pub(crate) fn status(&self) -> PluginStatus {
        let worst = self.messages.iter().map(|message| message.status).max();
        worst.unwrap_or(PluginStatus::Unknown)
    }

    /// Returns the line without performance data. The worst messages come first.
    fn line(&self) -> String {
        let mut messages: Vec<_> = self.messages.iter().collect();
        messages.sort_by_key(|message| std::cmp::Reverse(message.status));
        let texts: Vec<_> = messages.iter().map(|message| &*message.text).collect();
        let line = format!("LICENSE {} - {}", self.status().as_str(), texts.join("; "));
        // Performance data start at the first vertical bar.
        escape(&line).replace('|', "/")
    }

    fn performance_data(&self) -> String {
        let values: Vec<_> = self.values.iter().map(ToString::to_string).collect();
        values.join(" ")
    }

    /// Returns the member `monitor` of the JSON object.
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "status": self.status().as_str(),
            "exit_code": self.status().code(),
            "text": self.line(),
            "performance_data": self.performance_data(),
        })
    }

    /// Prints the line on standard output, which is the only output that monitors read.
    ///
    /// # Errors
    ///
    /// Returns a failure if standard output cannot be written.
    pub(crate) fn print(&self, terminal: &Terminal) -> Result<(), Failure> {
        let line = self.line();
        if self.values.is_empty() {
            return terminal.data(&line);
        }
        terminal.data(&format!("{line} | {}", self.performance_data()))
    }
}

/// Prints a failure of the plugin, and returns the exit code of the status UNKNOWN.
pub(crate) fn report_failure(terminal: &Terminal, failure: &Failure) -> ExitCode {
    let mut report = PluginReport::default();
    let text = match failure.advice() {
        Some(advice) => format!("{}; {advice}", failure.message()),
        None => failure.message().to_owned(),
    };
    report.add(PluginStatus::Unknown, text);
    if terminal.is_json() {
        terminal.failure(failure);
    } else if report.print(terminal).is_err() {
        // Standard output cannot be written, so only the exit code remains.
    }
    PluginStatus::Unknown.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(label: &str) -> PerformanceValue {
        PerformanceValue {
            label: label.to_owned(),
            value: "8".to_owned(),
            ..PerformanceValue::default()
        }
    }

    #[test]
    fn labels_are_quoted_if_they_need_it_and_empty_limits_are_omitted() {
        assert_eq!(value("quota_a-b.c").to_string(), "quota_a-b.c=8");
        assert_eq!(value("a b").to_string(), "'a b'=8");
        assert_eq!(value("a'b=c|d\ne").to_string(), "'a_b_c_d_e'=8");
        let limited = PerformanceValue {
            warn: "7".to_owned(),
            min: "0".to_owned(),
            ..value("a")
        };
        assert_eq!(limited.to_string(), "a=8;7;;0");
    }

    #[test]
    fn the_worst_message_decides_and_comes_first_in_one_line() {
        let mut report = PluginReport::default();
        assert_eq!(
            report.status(),
            PluginStatus::Unknown,
            "nothing was checked"
        );
        report.add(PluginStatus::Ok, "fine");
        report.add(PluginStatus::Critical, "bad | worse\nLICENSE OK");
        report.add(PluginStatus::Warning, "odd");
        assert_eq!(
            report.line(),
            r"LICENSE CRITICAL - bad / worse\u{a}LICENSE OK; odd; fine"
        );
        let codes = [
            PluginStatus::Ok,
            PluginStatus::Warning,
            PluginStatus::Critical,
            PluginStatus::Unknown,
        ];
        assert_eq!(codes.map(PluginStatus::code), [0, 1, 2, 3]);
    }
}
