//! Numbers as a report writes them.

/// Writes a number with as many digits as mean something.
pub(crate) fn short(value: f64) -> String {
    if value.is_infinite() {
        return "too slow".to_owned();
    }
    let digits = match value.abs() {
        0.0 => 0,
        size if size >= 1_000.0 => 0,
        size if size >= 100.0 => 1,
        size if size >= 1.0 => 2,
        size if size >= 0.01 => 4,
        _ => 7,
    };
    let text = format!("{value:.digits$}");
    match text.split_once('.') {
        Some((whole, rest)) if rest.bytes().all(|digit| digit == b'0') => whole.to_owned(),
        _ => text,
    }
}

/// A number for JSON, without digits that mean nothing.
pub(crate) fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_digits_that_mean_something() {
        let written = [0.0, 0.000_12, 0.5, 12.345, 123.45, 1234.5, 3.0].map(short);
        assert_eq!(
            written,
            ["0", "0.0001200", "0.5000", "12.35", "123.5", "1234", "3"]
        );
    }
}
