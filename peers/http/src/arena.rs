//! Ours and the two peer layers before one oracle: clients at random over sockets, half of them through a
//! proxy that breaks connections, and an origin that says of each answer for which request it was made.
//!
//! The peers take answers that are whole only: each is read to its end first, trailers with it, and a body
//! that breaks off is an error. So what they could do wrong with bodies is not asked.

use std::convert::Infallible;
use std::fmt::Display;
use std::future::ready;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use bytes::Bytes;
use fastrand::Rng;
use http::{HeaderMap, Request, Response};
use http_body::Body;
use http_body_util::{BodyExt as _, Empty, Full};
use singleflight_chaos_http::{
    Failure, Mode, Origin, Payload, Report, Stack, payload, stack, wire,
};
use tower::util::BoxCloneSyncService;
use tower::{Layer as _, Service, ServiceExt as _};

use crate::stacks::{Kind, by_uri, cache};

/// Runs each layer for so long. Fails if anything leaks through ours, or if too little was shared to say so.
pub fn oracle(time: Duration, seed: u64) -> ExitCode {
    println!(
        "| layer | answers | of another request | violations | which |\n|---|---|---|---|---|"
    );
    let mut is_good = true;
    for kind in [Kind::Ours, Kind::Resilience, Kind::HttpCache] {
        let (start, mut report) = (Instant::now(), Report::default());
        for round in 0.. {
            if start.elapsed() >= time {
                break;
            }
            // What no key is asked to hold: the origin's own notes decide.
            let mode = Mode::UriAndAccept;
            let layered = |rng: &mut Rng, origin| in_front(kind, rng, mode, origin);
            if let Err(error) = wire(round, seed, mode, &mut report, layered) {
                eprintln!("compare-http: no sockets: {error}");
                return ExitCode::from(2);
            }
        }
        let which: Vec<_> = report
            .violations
            .iter()
            .map(|(violation, count)| format!("{violation:?} {count}"))
            .collect();
        println!(
            "| {} | {} | {} ({} %) | {} | {} |",
            kind.name(),
            report.answers,
            report.shared,
            (report.shared * 100)
                .checked_div(report.answers)
                .unwrap_or_default(),
            report.total(),
            which.join(", "),
        );
        if kind.is_ours() {
            is_good &= report.total() == 0 && report.shares_enough();
        }
    }
    if is_good {
        ExitCode::SUCCESS
    } else {
        println!("ours leaks, or shares less than a third of the answers");
        ExitCode::FAILURE
    }
}

/// Puts a layer in front of an origin, with what tells how many flights are left, if that is known.
fn in_front(
    kind: Kind,
    rng: &mut Rng,
    mode: Mode,
    origin: Origin,
) -> (Stack, Box<dyn Fn() -> usize>) {
    let service = match kind {
        Kind::Resilience => {
            let whole = origin
                .and_then(whole)
                .map_err(|failure| failure.to_string());
            // Its requests have to be `Sync`. The origin reads no bodies of requests.
            let whole = whole.map_request(|head: Request<()>| head.map(|()| empty()));
            let layer = tower_resilience_coalesce::CoalesceLayer::new(by_uri::<()>);
            let service = layer.layer(whole);
            let service = service.map_response(|response: Response<Whole>| response.map(body));
            erased(service.map_request(|request: Request<Payload>| request.map(drop)))
        }
        Kind::HttpCache => {
            let whole = origin.and_then(whole);
            let whole = whole.map_response(|response| response.map(body));
            erased(cache().layer(whole))
        }
        Kind::Bare | Kind::Ours | Kind::OursInTasks => {
            let (service, layer) = stack(rng, mode, origin, None);
            return (service, Box::new(move || layer.in_flight()));
        }
    };
    (service, Box::new(|| 0))
}

/// A body that was read to its end: its data, and its trailers.
type Whole = (Bytes, Option<HeaderMap>);

async fn whole(response: Response<Payload>) -> Result<Response<Whole>, Failure> {
    let (head, body) = response.into_parts();
    let body = body.collect().await?;
    let trailers = body.trailers().cloned();
    Ok(Response::from_parts(head, (body.to_bytes(), trailers)))
}

fn body(
    (data, trailers): Whole,
) -> impl Body<Data = Bytes, Error = Infallible> + Send + Sync + 'static {
    Full::new(data).with_trailers(ready(trailers.map(Ok)))
}

fn empty() -> Payload {
    payload(Empty::new())
}

fn erased<S, B>(service: S) -> Stack
where
    S: Service<Request<Payload>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
    S::Error: Display + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Display,
{
    let service = service.map_response(|response: Response<B>| response.map(payload));
    BoxCloneSyncService::new(service.map_err(|error: S::Error| Failure::new(error.to_string())))
}
