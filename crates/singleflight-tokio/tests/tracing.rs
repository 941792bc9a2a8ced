//! With the feature `tracing` each execution is a span and followers link to it; without it
//! nothing is recorded.

use std::sync::{Arc, Mutex};

use singleflight_tokio::Group;
use tracing::span::{Attributes, Id, Record};
use tracing::{Instrument, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

/// What was recorded, in order.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn note(&self, event: String) {
        self.0.lock().unwrap().push(event);
    }
}

fn name<S: Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>>(
    id: &Id,
    context: &Context<'_, S>,
) -> &'static str {
    context.metadata(id).map_or("?", |metadata| metadata.name())
}

impl<S> Layer<S> for Log
where
    S: Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        if attributes.metadata().target() == "singleflight" {
            self.note(format!("new {}", attributes.metadata().name()));
        }
    }

    fn on_record(&self, id: &Id, _: &Record<'_>, context: Context<'_, S>) {
        self.note(format!("record in {}", name(id, &context)));
    }

    fn on_follows_from(&self, span: &Id, follows: &Id, context: Context<'_, S>) {
        let (span, follows) = (name(span, &context), name(follows, &context));
        self.note(format!("{span} follows {follows}"));
    }
}

#[tokio::test]
async fn an_execution_is_a_span_to_which_followers_link() {
    let log = Log::default();
    let subscriber = tracing_subscriber::registry().with(log.clone());
    let _guard = tracing::subscriber::set_default(subscriber);

    let group: Group<&str, u32> = Group::new();
    let leader = group.run("key", async || {
        tokio::task::yield_now().await;
        let inside = tracing::Span::current()
            .metadata()
            .map(tracing::Metadata::name);
        assert_eq!(inside, cfg!(feature = "tracing").then_some("flight"));
        42
    });
    let follower = group
        .run("key", async || unreachable!("it follows"))
        .instrument(tracing::info_span!("request"));
    assert_eq!(tokio::join!(leader, follower), (Ok(42), Ok(42)));
    assert_eq!(group.run("alone", async || 1).await, Ok(1));

    let recorded = log.0.lock().unwrap().clone();
    if cfg!(feature = "tracing") {
        let expected = [
            "new flight",
            "record in flight",
            "request follows flight",
            "new flight",
        ];
        assert_eq!(recorded, expected);
    } else {
        assert!(recorded.is_empty(), "{recorded:?}");
    }
}
