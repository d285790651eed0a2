//! Logs: one line an event on stderr, for people or as JSON, with fields rather than sentences.

use clap::ValueEnum;
use tracing::Metadata;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::{FilterExt as _, filter_fn};
use tracing_subscriber::layer::{Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Registry, fmt};

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
}

/// What is logged when nothing else is asked for.
const DEFAULT: &str = "info";

/// How much the libraries below may say at most, whatever is asked for: at finer levels they print requests and answers,
/// and those hold access keys.
const CAPS: [(&str, LevelFilter); 12] = [
    ("aws_", LevelFilter::WARN),
    ("axum", LevelFilter::INFO),
    ("h2", LevelFilter::INFO),
    ("hyper", LevelFilter::INFO),
    // A Secret that it cannot parse is printed whole, as a warning.
    ("kube_client", LevelFilter::ERROR),
    ("kube_core", LevelFilter::ERROR),
    ("kube_runtime", LevelFilter::WARN),
    ("mio", LevelFilter::INFO),
    ("reqwest", LevelFilter::INFO),
    ("rustls", LevelFilter::WARN),
    ("tokio_util", LevelFilter::INFO),
    ("tower", LevelFilter::INFO),
];

/// What is wrong with the wish for logs.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter is none.
    #[error("the log filter cannot be read: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// There is a subscriber already.
    #[error("logging was started twice")]
    Twice,
}

/// Starts logging to stderr. `filter` is in the syntax of `RUST_LOG`, such as `info` or `tenantry=debug`; none is `info`.
pub fn start(format: LogFormat, filter: Option<&str>) -> Result<(), TelemetryError> {
    let filter = EnvFilter::try_new(filter.unwrap_or(DEFAULT))?;
    let lines = fmt::layer().with_writer(std::io::stderr);
    let layer = match format {
        LogFormat::Human => lines.with_target(false).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    let layer = layer.with_filter(filter.and(filter_fn(is_allowed)));
    Registry::default().with(layer).try_init().map_err(|_| TelemetryError::Twice)
}

fn is_allowed(metadata: &Metadata<'_>) -> bool {
    *metadata.level() <= cap(metadata.target())
}

fn cap(target: &str) -> LevelFilter {
    CAPS.iter().find(|(prefix, _)| target.starts_with(prefix)).map_or(LevelFilter::TRACE, |(_, cap)| *cap)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_that_print_requests_are_never_let() {
        for target in ["aws_smithy_runtime::client", "aws_sdk_iam", "kube_client::client", "hyper_util", "rustls::conn"]
        {
            assert!(cap(target) <= LevelFilter::INFO, "{target}");
        }
        assert_eq!(cap("tenantry::apply"), LevelFilter::TRACE);
    }
}
