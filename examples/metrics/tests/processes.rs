//! Two processes share one execution over a Redis, and the follower's span links to the execution's,
//! which the other process has made. Without a server it says SKIPPED; where
//! `SINGLEFLIGHT_REDIS_REQUIRED` is set, that is a failure.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use metrics_example::traces;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
use singleflight_redis::{Group, Raw, Role, Runtime, Server};
use tracing::{Instrument as _, info_span};
use tracing_subscriber::layer::SubscriberExt as _;

/// Longer than anything here takes, on any machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where the Redis is, if this is one of the two processes.
const PORT: &str = "SINGLEFLIGHT_TEST_PORT";

#[test]
fn a_followers_span_links_to_the_execution_in_another_process() {
    let Some(redis) = singleflight_arena::for_test(&[]) else {
        return;
    };
    let mut leader = Process::start(redis.port());
    leader.says("works");
    let mut follower = Process::start(redis.port());
    let until = Instant::now() + PATIENCE;
    // It has joined when it is registered.
    while !redis
        .command(&["HKEYS", "sf1:prices:v1{=tea}"])
        .expect("it answers")
        .contains("w:")
    {
        assert!(Instant::now() < until, "it does not join");
        std::thread::sleep(Duration::from_millis(5));
    }
    leader.go_on();
    let execution = leader.says("flight");
    assert_eq!(
        leader.says("request links"),
        "",
        "it is not linked to itself"
    );
    assert_eq!(follower.says("role"), "Remote");
    assert_eq!(follower.says("request links"), execution);
}

/// One of the two. Run as a test by itself it has nothing to do.
#[tokio::test]
async fn process() {
    let Ok(port) = std::env::var(PORT) else {
        return;
    };
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder()
        .with_simple_exporter(exporter.clone())
        .build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("service"));
    let _here = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));

    let client = redis::Client::open(format!("redis://127.0.0.1:{port}/")).expect("an address");
    let server = Server::connect(client, Runtime::Tokio).await;
    let server = server.expect("the server is there");
    let prices: Group<str, String> = Group::builder(&server, "prices:v1")
        .wait_at_most(PATIENCE)
        .codec(Raw)
        .traceparent(traces::tell)
        .build()
        .expect("the settings are sound");
    let request = async {
        let ask = prices.run_outcome("tea", async |_lease| {
            println!("\nworks:");
            let wait = || std::io::stdin().read_line(&mut String::new());
            let waited = tokio::task::spawn_blocking(wait).await;
            waited.expect("no panic").expect("it may go on");
            "5".to_owned()
        });
        let price = ask.await.expect("a price");
        if let Some(execution) = &price.traceparent {
            traces::link(execution);
        }
        price
    };
    let price = request.instrument(info_span!("request")).await;
    assert_eq!(price.value, "5");
    assert_eq!(price.role == Role::Remote, price.traceparent.is_some());
    println!("\nrole: {:?}", price.role);

    provider.force_flush().expect("it is exported");
    let spans = exporter.get_finished_spans().expect("they are there");
    for span in spans {
        let named = |context: &opentelemetry::trace::SpanContext| {
            format!("{} {}", context.trace_id(), context.span_id())
        };
        println!("{}: {}", span.name, named(&span.span_context));
        let links = span.links.iter().map(|link| named(&link.span_context));
        println!("{} links: {}", span.name, links.collect::<String>());
    }
}

/// This program once more, with what it prints.
struct Process {
    child: Child,
    printed: BufReader<std::process::ChildStdout>,
}

impl Process {
    fn start(port: u16) -> Self {
        let program = std::env::current_exe().expect("it has a path");
        let mut child = Command::new(program)
            .args(["--exact", "process", "--nocapture"])
            .env(PORT, port.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let printed = BufReader::new(child.stdout.take().expect("it is piped"));
        Self { child, printed }
    }

    /// Reads on to the line with this name.
    fn says(&mut self, name: &str) -> String {
        loop {
            let mut line = String::new();
            let length = self.printed.read_line(&mut line).expect("it is read");
            assert_ne!(length, 0, "it ended and did not say `{name}`");
            if let Some(rest) = line.strip_prefix(&format!("{name}:")) {
                return rest.trim().to_owned();
            }
        }
    }

    fn go_on(&mut self) {
        let input = self.child.stdin.as_mut().expect("it is piped");
        input.write_all(b"go on\n").expect("it reads");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended already needs no signal.
        let _killed = self.child.kill();
        let _status = self.child.wait();
    }
}
