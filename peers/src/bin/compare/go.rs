//! Go's, measured by a program of its own that takes its turn in each round.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use singleflight_peers::Maker;

use crate::contest::{Contestant, Round, Row};
use crate::options::Options;

/// The row of Go's own package.
pub(crate) const X_SYNC: &str = "Go x/sync Do";

/// go-zero's in relation to that, as its figures were published: 126 to 143. It is not run here.
const GO_ZERO: f64 = 126.0 / 143.0;

/// Go's, if it is on the machine.
pub(crate) fn contestant(options: &Options, what: &'static str) -> Option<Contestant> {
    let program = options.go.clone()?;
    Some(Contestant::other(X_SYNC, Maker::Elsewhere, move || {
        round(&program, what).unwrap_or_else(|why| panic!("{}: {why}", program.display()))
    }))
}

fn round(program: &PathBuf, what: &str) -> Result<Round, String> {
    let mut command = Command::new(program);
    let output = command.arg(what).stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| error.to_string())?;
    read(&String::from_utf8_lossy(&output.stdout))
}

/// Reads what the program prints: the figure, the calls, the executions.
fn read(text: &str) -> Result<Round, String> {
    let unread = || format!("it printed {text:?}");
    let mut words = text.split_whitespace();
    let mut word = || words.next().ok_or_else(unread);
    let value = word()?.parse().map_err(|_| unread())?;
    let mut count = || word()?.parse().map_err(|_| unread());
    Ok(Round {
        value,
        calls: count()?,
        executions: count()?,
        ..Round::of(0.0)
    })
}

/// Adds go-zero's below Go's own, if that was measured.
pub(crate) fn quote_go_zero(rows: &mut Vec<Row>) {
    let measured = rows.iter().find(|row| row.name == X_SYNC);
    if let Some(x_sync) = measured.map(|row| row.value) {
        rows.push(Row {
            note: "quoted, 126 : 143 of x/sync".to_owned(),
            ..Row::plain("go-zero DoEx", Maker::Elsewhere, x_sync * GO_ZERO)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_program_prints_is_read() {
        let round = read("143.5 1000 250\n").expect("it is all there");
        assert!((round.value - 143.5).abs() < 1e-9);
        assert_eq!((round.calls, round.executions), (1_000, 250));
        for text in ["", "143.5", "143.5 many 1", "panic"] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn go_zero_is_quoted_only_beside_what_was_measured() {
        let mut rows = vec![Row::plain("ours", Maker::Ours, 1.0)];
        quote_go_zero(&mut rows);
        assert_eq!(rows.len(), 1);
        rows.push(Row::plain(X_SYNC, Maker::Elsewhere, 143.0));
        quote_go_zero(&mut rows);
        assert!((rows[2].value - 126.0).abs() < 1e-9);
    }
}
