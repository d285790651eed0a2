//! A cloud's own words, made fit for a condition: one line of bounded length that is the same from call to call.

const LONGEST: usize = 300;

/// One line of bounded length, cut before anything that differs from call to call.
pub(super) fn tidy(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let end = ["Request ID", "RequestId", "request id", "Encoded authorization failure"]
        .iter()
        .filter_map(|mark| line.find(mark))
        .min()
        .unwrap_or(line.len());
    let line = line[..end].trim_end_matches(['(', ' ', ',', ';', '.', ':']);
    if line.chars().count() <= LONGEST {
        return line.to_owned();
    }
    format!("{}…", line.chars().take(LONGEST).collect::<String>())
}

/// What an error goes back to.
pub(super) fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_one_bounded_line_without_request_ids() {
        assert_eq!(tidy("Rate\n exceeded (Request ID: 123-456)"), "Rate exceeded");
        assert!(tidy(&"x".repeat(1000)).chars().count() <= LONGEST + 1);
    }
}
