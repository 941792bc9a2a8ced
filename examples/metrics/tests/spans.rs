//! A follower's span links to the span of the execution that answered it, in OpenTelemetry.

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
use singleflight_tokio::Group;
use tokio::join;
use tracing::{Instrument, info_span};
use tracing_subscriber::layer::SubscriberExt as _;

#[tokio::test]
async fn a_followers_span_links_to_the_execution() {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder()
        .with_simple_exporter(exporter.clone())
        .build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("service"));
    let _here = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));

    let prices: Group<&str, u32> = Group::new();
    let leading = prices.run("tea", async || {
        // The other call is polled once meanwhile, and joins.
        tokio::task::yield_now().await;
        5
    });
    let following = prices.run("tea", async || unreachable!("the first call leads"));
    let (led, followed) = join!(
        leading.instrument(info_span!("first request")),
        following.instrument(info_span!("second request")),
    );
    assert_eq!((led, followed), (Ok(5), Ok(5)));

    provider.force_flush().expect("it is exported");
    let spans = exporter.get_finished_spans().expect("they are there");
    let find = |name: &str| spans.iter().find(|span| span.name == name).expect(name);
    let flight = find("flight");
    assert_eq!(
        flight.parent_span_id,
        find("first request").span_context.span_id()
    );
    let links = &find("second request").links;
    let linked: Vec<_> = links
        .iter()
        .map(|link| link.span_context.span_id())
        .collect();
    assert_eq!(linked, [flight.span_context.span_id()]);
    assert!(find("first request").links.is_empty());
}
