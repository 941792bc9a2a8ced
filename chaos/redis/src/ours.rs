//! Our group, as what is called.

use std::time::Duration;

use singleflight_arena::End;
use singleflight_chaos_redis::{Answer, Settings, Subject, WhenDown, Work};
use singleflight_redis::{CallError, Ended, Group, Raw, Role, Runtime, Server};

/// How long a call may wait for others: longer than the checker lets it take.
const WAIT: Duration = Duration::from_secs(30);

/// Calls through `singleflight_redis`.
pub(crate) struct Ours(Group<u64, String>);

impl Ours {
    pub(crate) fn new(settings: &Settings, port: u16) -> Result<Self, String> {
        let text = |error: &dyn std::fmt::Display| error.to_string();
        let client = redis::Client::open(format!("redis://127.0.0.1:{port}/"))
            .map_err(|error| text(&error))?;
        let server = Server::builder(client, Runtime::Tokio)
            .response_timeout(Duration::from_millis(250))
            .connect_timeout(Duration::from_millis(250))
            .down_for(Duration::from_millis(100))
            .lazy()
            .map_err(|error| text(&error))?;
        let group = Group::builder(&server, "chaos:v1")
            .lease(settings.lease())
            .poll(settings.poll())
            .wait_at_most(WAIT)
            .keep(Duration::from_secs(2))
            .when_down(match settings.when_down {
                WhenDown::Here => singleflight_redis::WhenDown::RunHere,
                WhenDown::Fail => singleflight_redis::WhenDown::Fail,
            })
            .codec(Raw)
            .build()
            .map_err(|error| text(&error))?;
        Ok(Self(group))
    }
}

impl Subject for Ours {
    async fn call(
        &self,
        key: u64,
        timeout: Option<Duration>,
        work: Work,
    ) -> Result<Answer, String> {
        let mut call = self.0.call(&key);
        if let Some(timeout) = timeout {
            call = call.timeout(timeout);
        }
        let why = match call.try_run_outcome(|lease| work(lease.token())).await {
            Ok(Ok(outcome)) => {
                return Ok(Answer {
                    value: outcome.value,
                    end: match (outcome.role, outcome.lease) {
                        (Role::Alone(_), _) => End::Alone,
                        (_, Ended::Landed) => End::Landed,
                        (_, Ended::Lost) => End::Lost,
                        (_, Ended::Unknown) => End::Unknown,
                        _ => End::Alone,
                    },
                    is_leader: outcome.role == Role::Leader,
                });
            }
            Ok(Err(why)) => why,
            Err(CallError::LeaderPanicked(_)) => "leader-panicked",
            Err(CallError::TooManyFailures { .. }) => "too-many-failures",
            Err(CallError::TimedOut) => "timed-out",
            Err(CallError::Down(_)) => "down",
            Err(_) => "other",
        };
        Err(why.to_owned())
    }

    async fn forget(&self, key: u64) -> bool {
        self.0.forget(&key).await.is_ok()
    }
}
