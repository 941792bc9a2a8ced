//! What the browser asks for: the page, the feed, and what its controls set.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST};
use axum::http::{Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use smol::stream::{self, Stream, StreamExt as _};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Mutex, watch};
use tokio::task::{self, JoinError};

use super::controls::{BETWEEN_PROCESSES, Settings};
use super::feed::{self, Feed};
use super::herd::Herd;
use super::process::Processes;

/// The page, whole: it asks for nothing else but the feed.
pub(crate) const PAGE: &str = include_str!("page.html");

/// A page of another site can send a request here, but not with this header.
const OURS: &str = "x-stampede";

/// What the page acts upon.
#[derive(Clone, Debug)]
pub(crate) struct Desk {
    pub(crate) feed: Arc<Feed>,
    pub(crate) processes: Arc<Processes>,
    /// Why there is nothing between the processes.
    pub(crate) no_redis: Option<Arc<str>>,
    pub(crate) herd: Arc<Herd>,
    pub(crate) settings: watch::Sender<Settings>,
    pub(crate) order: Arc<Mutex<()>>,
}

impl Desk {
    /// Makes the routes.
    pub(crate) fn router(self) -> Router {
        Router::new()
            .route("/", get(page))
            .route("/feed", get(feed))
            .route("/set/{name}/{value}", post(set))
            .route("/kill", post(kill))
            .layer(middleware::from_fn(refuse_strangers))
            .with_state(self)
    }
}

async fn page() -> impl IntoResponse {
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CACHE_CONTROL, "no-store"),
        (
            CONTENT_SECURITY_POLICY,
            "default-src 'self'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; \
             img-src data:; frame-ancestors 'none'",
        ),
    ];
    (headers, PAGE)
}

async fn feed(State(desk): State<Desk>) -> impl IntoResponse {
    let (hello, events) = desk.feed.subscribe(&desk.settings, 0);
    let later = stream::unfold((desk, events), async |(desk, mut events)| {
        let event = match events.recv().await {
            Ok(event) => event,
            // It may have missed what was set: it begins anew.
            Err(RecvError::Lagged(lost)) => {
                let (hello, later) = desk.feed.subscribe(&desk.settings, lost);
                events = later;
                hello
            }
            Err(RecvError::Closed) => return None,
        };
        Some((event, (desk, events)))
    });
    let events = stream::once(hello).chain(later);
    Sse::new(sent(events)).keep_alive(KeepAlive::default())
}

fn sent(events: impl Stream<Item = feed::Event>) -> impl Stream<Item = Result<Event, Infallible>> {
    events.map(|event| Ok(Event::default().event(event.name).data(&*event.data)))
}

async fn set(
    State(desk): State<Desk>,
    Path((name, value)): Path<(String, String)>,
) -> Result<String, (StatusCode, String)> {
    // In a task: a page that goes meanwhile leaves nothing half set.
    let set = task::spawn(set_everywhere(desk, name, value));
    set.await.map_err(broken)?
}

async fn set_everywhere(
    desk: Desk,
    name: String,
    value: String,
) -> Result<String, (StatusCode, String)> {
    // Two that come at once are told to the processes in the order in which they were taken.
    let _order = desk.order.lock().await;
    let settings = desk.settings.borrow().with(&name, &value);
    let settings = settings.map_err(|why| (StatusCode::BAD_REQUEST, why))?;
    if let (BETWEEN_PROCESSES, Some(why)) = (settings.coalescing, &desk.no_redis) {
        return Err((StatusCode::CONFLICT, why.to_string()));
    }
    let processes = Arc::clone(&desk.processes);
    let told = task::spawn_blocking(move || processes.set(&name, &value));
    told.await.map_err(broken)?;
    desk.settings.send_replace(settings);
    desk.feed.tell_settings(settings);
    // So that the page knows which events are older than this.
    Ok(settings.revision.to_string())
}

async fn kill(State(desk): State<Desk>) -> Result<String, (StatusCode, String)> {
    let processes = Arc::clone(&desk.processes);
    let leader = task::spawn_blocking(move || processes.busiest_leader());
    Ok(match leader.await.map_err(broken)? {
        None => "There is no leader to kill: no flight that others could join.".to_owned(),
        Some((number, key)) if desk.herd.disconnect(number) => {
            format!("The client that led {key} was disconnected.")
        }
        Some((_, key)) => format!("The client that led {key} had left by itself."),
    })
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` gives")]
fn broken(error: JoinError) -> (StatusCode, String) {
    (StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
}

async fn refuse_strangers(request: Request, next: Next) -> Response {
    let headers = request.headers();
    // A page of another site whose name leads here would count as ours for the browser.
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let host = host.map(|host| host.rsplit_once(':').map_or(host, |(name, _)| name));
    let is_ours =
        headers.contains_key(OURS) && matches!(host, Some("127.0.0.1" | "localhost" | "[::1]"));
    if request.method() == Method::POST && !is_ours {
        return (StatusCode::FORBIDDEN, "only the page itself may set this\n").into_response();
    }
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::extract::{Path, State};
    use smol::future::poll_once;
    use tokio::sync::watch;
    use tokio::time::timeout;

    use super::{Desk, set};
    use crate::ledger::Ledger;
    use crate::live::controls::Settings;
    use crate::live::counts::Counts;
    use crate::live::feed::Feed;
    use crate::live::herd::{Clients, Herd};
    use crate::live::process::Processes;

    /// The processes would have it, and no page would know.
    #[tokio::test]
    async fn what_a_page_sets_that_goes_meanwhile_is_set_everywhere() {
        let (settings, mut set_to) = watch::channel(Settings::FIRST);
        let herd = Herd {
            addresses: Vec::new(),
            most: 1,
            keys: 1,
            ledger: Ledger::new(1).into(),
            counts: Counts::default().into(),
            settings: set_to.clone(),
            clients: Clients::of(0),
        };
        let desk = Desk {
            feed: Feed::new().into(),
            processes: Processes::none().into(),
            no_redis: None,
            herd: herd.into(),
            settings,
            order: std::sync::Arc::default(),
        };
        let path = Path(("load".to_owned(), "100".to_owned()));
        let mut call = Box::pin(set(State(desk.clone()), path));
        assert!(poll_once(&mut call).await.is_none());
        drop(call);
        let patience = Duration::from_secs(60);
        let told = timeout(patience, set_to.wait_for(|set| set.load == 100)).await;
        assert!(told.expect("it is set").is_ok());
    }
}
