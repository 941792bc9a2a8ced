//! What the browser asks for: the page, the feed, and what its controls set.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::json;
use smol::stream::{self, Stream, StreamExt as _};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;

use super::controls::Settings;
use super::feed::{self, Feed};
use super::herd::Herd;
use super::service::Service;

/// The page, whole: it asks for nothing else but the feed.
pub(crate) const PAGE: &str = include_str!("page.html");

/// A page of another site can send a request here, but not with this header.
const OURS: &str = "x-stampede";

/// What the page acts upon.
#[derive(Clone, Debug)]
pub(crate) struct Desk {
    pub(crate) feed: Arc<Feed>,
    pub(crate) service: Service,
    pub(crate) herd: Arc<Herd>,
    pub(crate) settings: watch::Sender<Settings>,
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
    let (hello, events) = desk.feed.subscribe(&desk.settings);
    let later = stream::unfold(events, async |mut events| {
        let event = match events.recv().await {
            Ok(event) => event,
            Err(RecvError::Lagged(lost)) => feed::Event::new("lost", &json!(lost)),
            Err(RecvError::Closed) => return None,
        };
        Some((event, events))
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
    let mut result = Ok(());
    desk.settings.send_if_modified(|settings| {
        match settings.with(&name, &value) {
            Ok(changed) => *settings = changed,
            Err(why) => result = Err((StatusCode::BAD_REQUEST, why)),
        }
        result.is_ok()
    });
    result?;
    let settings = *desk.settings.borrow();
    desk.feed.tell_settings(settings);
    // So that the page knows which events are older than this.
    Ok(settings.revision.to_string())
}

async fn kill(State(desk): State<Desk>) -> String {
    match desk.service.busiest_leader() {
        None => "There is no leader to kill: nothing is in flight.".to_owned(),
        Some((number, key)) if desk.herd.disconnect(number) => {
            format!("The client that led {key} was disconnected.")
        }
        Some((_, key)) => format!("The client that led {key} had left by itself."),
    }
}

async fn refuse_strangers(request: Request, next: Next) -> Response {
    if request.method() == Method::POST && !request.headers().contains_key(OURS) {
        return (StatusCode::FORBIDDEN, "only the page itself may set this\n").into_response();
    }
    next.run(request).await
}
