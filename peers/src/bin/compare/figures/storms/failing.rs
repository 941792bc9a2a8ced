//! All fail: the works of all callers return errors, and none does before all callers wait.

use futures_lite::future::yield_now;
use singleflight_peers::{Errors, Failure, FalliblePeer, FallibleVisitor, each_fallible};

use crate::contest::{Contestant, Row};
use crate::figure::Figure;
use crate::figures::fan_out::{keeps_p3, net_of, serve, spawning};
use crate::figures::storms::crowd::{CALLERS, Crowd, at, bar, few_polls, note};
use crate::host::{Host, OnTokio};
use crate::options::Options;
use crate::pace::Pace;

pub(crate) fn measure(options: &Options) -> Vec<Figure> {
    let mut pace = Pace::new(options);
    let figures = CALLERS.map(|callers| fail(callers, &mut pace));
    figures.into_iter().flatten().collect()
}

fn fail(callers: usize, pace: &mut Pace) -> [Figure; 2] {
    struct Line(usize, Vec<(Contestant, Errors)>);
    impl FallibleVisitor for Line {
        fn visit<P: FalliblePeer>(&mut self) {
            self.1.push((contestant::<P>(self.0), P::ERRORS));
        }
    }
    let mut line = Line(callers, Vec::new());
    each_fallible(&mut line);
    let (mut contestants, errors): (Vec<_>, Vec<_>) = line.1.into_iter().unzip();
    // It counts its leader beside its followers.
    contestants.push(spawning::<OnTokio>(callers - 1));
    let mut gross = pace.contest(callers, contestants);
    let errors: Vec<_> = gross
        .iter()
        .map(|row| row.name.clone())
        .zip(errors)
        .collect();
    let of = |row: &Row| {
        let mut errors = errors.iter();
        errors.find_map(|(name, errors)| (*name == row.name).then_some(*errors))
    };
    note(&mut gross, callers, |row| {
        let what = match of(row) {
            Some(Errors::Shared) => "shares errors",
            Some(Errors::Retried) => "retries in series",
            Some(Errors::Bounded(_)) => "retries in series, up to a bound",
            Some(Errors::Lost) => "followers lose the error",
            None => "",
        };
        what.to_owned()
    });
    let shares = |row: &Row| of(row) == Some(Errors::Shared);
    let net = net_of(&gross);
    let figure = |what: &str, how: &str, rows| {
        let title = format!("{callers} callers whose works all fail, on tokio, {how}");
        let name = format!("storm-failing-{callers}-{what}");
        Figure::new(name, title, "ns/caller", rows).drawn(at(callers, &format!("failing-{what}")))
    };
    let gross = figure("gross", "spawning included", gross)
        .against("shares-errors", bar(callers, 1.3), shares)
        .against("shares-errors-and-keeps-p3", None, |row| {
            shares(row) && keeps_p3(row)
        });
    let net = figure("net", "spawning taken off", net).against("shares-errors", None, shares);
    [few_polls(gross, callers, &["polls"]), net]
}

fn contestant<P: FalliblePeer>(callers: usize) -> Contestant {
    let (crowd, host) = (Crowd::of(P::group()), OnTokio::start());
    Contestant::new(P::ABOUT, move || {
        let before = crowd.counts();
        let call = || {
            let work = || async {
                crowd.started();
                crowd.gate.pass().await;
                // The works after the first one wait, too: nobody fails at once.
                yield_now().await;
                Err(Failure)
            };
            crowd.polls.count(P::call(&crowd.group, work))
        };
        let took = serve(&host, &crowd.gate, callers, call, |answer| {
            assert!(answer.is_err(), "no work returns a value");
            crowd.ended();
        });
        crowd.round(before, took, callers)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::storms::crowd::polls;

    #[test]
    fn a_caller_that_is_told_of_an_error_is_polled_twice() {
        let [gross, net] = fail(10, &mut Pace::once());
        assert_eq!(gross.rows.len(), net.rows.len() + 1);
        let row = |name: &str| {
            let row = gross.rows.iter().find(|row| row.name == name);
            row.expect("it took part")
        };
        // To join and to be told; the leader once more, as its work yields.
        for name in ["rs-singleflight", "ours, run"] {
            assert!(
                (polls(row(name)) - 2.1).abs() < 1e-9,
                "{name}: {}",
                row(name).note
            );
            assert_eq!(row(name).executions_per_call, Some(0.1));
        }
        assert_eq!(row("asyncband").executions_per_call, Some(1.0));
        assert_eq!(gross.comparisons[0].bar, None, "bars are for many callers");
    }
}
