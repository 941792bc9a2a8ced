//! A late copy of each script, against the real server: a send that was given up comes after the one
//! that took its place.

use std::future::{pending, ready};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_lite::future::{or, poll_once, zip};
use smol::channel::{Receiver, Sender, bounded, unbounded};

use crate::builder::Builder;
use crate::codec::Raw;
use crate::engine::{Boxed, Engine, Failure, Id, Message, Reply, Verb};
use crate::group::Group;
use crate::inbox::Inbox;
use crate::key::{Name, Names, Slot};
use crate::settings::WhenDown;
use crate::{Runtime, Server};

const FIRST: Id = [b'1'; 16];
const SECOND: Id = [b'2'; 16];
const OTHER: Id = [b'3'; 16];

struct Stage {
    server: Server,
    slot: Slot,
    redis: singleflight_arena::Server,
}

impl Stage {
    async fn new() -> Option<Self> {
        let redis = singleflight_arena::for_test(&[])?;
        let client = redis::Client::open(redis.url()).expect("an address");
        let server = Server::connect(client, Runtime::Smol)
            .await
            .expect("it is there");
        Some(Self {
            server,
            slot: Names::new("late").slot("key"),
            redis,
        })
    }

    async fn send(&self, verb: Verb, keys: &[Name<'_>], args: &[&[u8]]) -> Reply {
        let message = Message::new(verb, keys);
        let message = args.iter().fold(message, Message::arg);
        self.server.0.send(message).await.expect("it answers")
    }

    async fn join(&self, id: Id, earlier: &[Id]) -> Reply {
        let mut args: Vec<&[u8]> = vec![&id, b"in", b"60000", b"1", b"60000"];
        args.extend(earlier.iter().map(Id::as_slice));
        let keys = [self.slot.lease(), self.slot.marks()];
        self.send(Verb::Join, &keys, &args).await
    }

    async fn land(&self, id: Id, value: &[u8]) -> i64 {
        let keys = [self.slot.lease(), self.slot.result(&id)];
        self.send(Verb::Land, &keys, &[&id, value, b"60000"])
            .await
            .code
    }

    async fn look(&self, id: Id) -> Reply {
        let keys = [self.slot.lease(), self.slot.result(&id)];
        self.send(Verb::Look, &keys, &[&id, b"in"]).await
    }

    async fn renew(&self, id: Id, end: &[u8]) -> i64 {
        let keys = [self.slot.lease()];
        self.send(Verb::Renew, &keys, &[&id, end]).await.code
    }

    /// The milliseconds that the lease has left.
    fn left(&self) -> i64 {
        let name = self.slot.lease().concat();
        let name = std::str::from_utf8(&name).expect("it is text");
        let left = self.redis.command(&["PTTL", name]).expect("it answers");
        left.trim_start_matches(':')
            .trim()
            .parse()
            .expect("it is a number")
    }

    async fn abandon(&self, id: Id) -> i64 {
        let keys = [self.slot.lease(), self.slot.result(&id), self.slot.marks()];
        let args: [&[u8]; 6] = [b"0", b"3", b"60000", b"0", b"0", &id];
        self.send(Verb::Abandon, &keys, &args).await.code
    }

    async fn forget(&self, nonce: Id, earlier: &[Id]) -> i64 {
        let mut args: Vec<&[u8]> = vec![&nonce, b"60000"];
        args.extend(earlier.iter().map(Id::as_slice));
        let keys = [self.slot.lease(), self.slot.marks()];
        self.send(Verb::Forget, &keys, &args).await.code
    }
}

fn on_stage<F: Future<Output = ()>>(act: impl FnOnce(Stage) -> F) {
    smol::block_on(async {
        if let Some(stage) = Stage::new().await {
            act(stage).await;
        }
    });
}

#[test]
fn a_late_join_makes_no_lease() {
    on_stage(async |stage| {
        assert_eq!(stage.join(SECOND, &[FIRST]).await.code, 1);
        assert_eq!(stage.land(SECOND, b"Vx").await, 1);
        assert_eq!(stage.join(FIRST, &[]).await.code, 3, "it finds its mark");
        assert_eq!(stage.join(OTHER, &[]).await.data, OTHER, "nobody leads");
    });
}

#[test]
fn a_join_that_is_sent_again_takes_the_lease_of_the_first() {
    on_stage(async |stage| {
        let first = stage.join(FIRST, &[]).await;
        let again = stage.join(SECOND, &[FIRST]).await;
        assert_eq!((again.code, &again.data[..]), (1, &FIRST[..]));
        assert_eq!(again.numbers[1], first.numbers[0], "with its token");
        // Nobody waits: landing keeps nothing, and a repeat cannot tell.
        assert_eq!(stage.land(FIRST, b"Vx").await, 1);
        assert_eq!(stage.land(FIRST, b"Vx").await, 0);
    });
}

#[test]
fn a_landing_that_is_sent_again_finds_its_result_if_somebody_waited() {
    on_stage(async |stage| {
        stage.join(FIRST, &[]).await;
        assert_eq!(stage.join(OTHER, &[]).await.code, 0);
        assert_eq!(stage.land(FIRST, b"Vx").await, 1);
        assert_eq!(stage.land(FIRST, b"Vx").await, 1);
        assert_eq!(stage.look(FIRST).await.data, b"Vx");
    });
}

#[test]
fn late_copies_of_a_leaders_scripts_leave_the_next_flight_alone() {
    on_stage(async |stage| {
        stage.join(FIRST, &[]).await;
        assert_eq!(stage.abandon(FIRST).await, 1);
        assert_eq!(stage.join(OTHER, &[]).await.code, 1);
        assert_eq!(stage.land(FIRST, b"Vold").await, 0);
        assert_eq!(stage.abandon(FIRST).await, 0);
        assert_eq!(stage.renew(FIRST, b"99999999999999").await, 0);
        assert_eq!(stage.look(FIRST).await.code, 2);
        assert_eq!(stage.look(OTHER).await.code, 0, "it is still led");
        assert_eq!(stage.land(OTHER, b"Vnew").await, 1);
    });
}

#[test]
fn a_late_renewal_shortens_no_lease() {
    on_stage(async |stage| {
        let joined = stage.join(FIRST, &[]).await;
        // An end that has passed, and one that comes before the lease's.
        assert_eq!(stage.renew(FIRST, b"1").await, 1);
        let soon = joined.numbers[0] / 1_000 + 1_000;
        assert_eq!(stage.renew(FIRST, soon.to_string().as_bytes()).await, 1);
        let left = stage.left();
        assert!(left > 30_000, "{left} ms are left");
        let late = joined.numbers[0] / 1_000 + 120_000;
        assert_eq!(stage.renew(FIRST, late.to_string().as_bytes()).await, 1);
        let left = stage.left();
        assert!(left > 90_000, "{left} ms are left");
    });
}

#[test]
fn a_late_forget_kills_no_newer_flight() {
    on_stage(async |stage| {
        stage.join(FIRST, &[]).await;
        assert_eq!(stage.forget(SECOND, &[OTHER]).await, 1);
        stage.join([b'4'; 16], &[]).await;
        assert_eq!(stage.forget(OTHER, &[]).await, 3, "it finds its mark");
        assert_eq!(stage.look([b'4'; 16]).await.code, 0, "it is still led");
    });
}

/// Does with each JOIN as it is told, as long as it is: fails, or never answers.
struct Falters {
    to: Server,
    /// The client sends by itself again what was not answered, as that of a cluster does.
    resends: bool,
    told: Mutex<Vec<Option<Failure>>>,
    /// The first JOIN was carried out, and forgotten, when the client sends it again.
    late: AtomicBool,
    sent: Mutex<Vec<Message>>,
    answered: Sender<Verb>,
}

/// What has been answered.
struct Answered(Receiver<Verb>);

impl Falters {
    fn new(stage: &Stage, resends: bool, told: Vec<Option<Failure>>) -> (Arc<Self>, Answered) {
        let (answered, heard) = unbounded();
        let engine = Self {
            to: stage.server.clone(),
            resends,
            told: Mutex::new(told),
            late: AtomicBool::new(false),
            sent: Mutex::default(),
            answered,
        };
        (Arc::new(engine), Answered(heard))
    }

    fn group(self: &Arc<Self>) -> Group<str, String> {
        Builder::over(Arc::<Self>::clone(self), "late")
            .wait_at_most(Duration::from_secs(5))
            .when_down(WhenDown::Fail)
            .codec(Raw)
            .build()
            .expect("the settings are sound")
    }

    /// A copy of the first that was sent comes now.
    async fn copy(&self) -> i64 {
        let first = self.sent.lock().expect("nobody panics")[0].clone();
        self.to.0.send(first).await.expect("it answers").code
    }
}

impl Answered {
    async fn next(&self, verb: Verb) {
        let next = async { while self.0.recv().await.expect("there is a server") != verb {} };
        let too_long = async {
            smol::Timer::after(Duration::from_secs(20)).await;
            panic!("no {verb:?} is answered");
        };
        or(next, too_long).await;
    }
}

impl Engine for Falters {
    fn send(&self, message: Message) -> Boxed<'_, Result<Reply, Failure>> {
        let verb = message.verb;
        self.sent
            .lock()
            .expect("nobody panics")
            .push(message.clone());
        if verb == Verb::Join {
            match self.told.lock().expect("nobody panics").pop() {
                Some(Some(failure)) => return Box::pin(ready(Err(failure))),
                Some(None) => return Box::pin(pending()),
                None => {}
            }
        }
        Box::pin(async move {
            if verb == Verb::Join && self.late.swap(false, Ordering::Relaxed) {
                self.to.0.send(message.clone()).await?;
                let [lease, marks] = [message.parts().next(), message.parts().nth(1)];
                let keys = [[lease.expect("a key"), b""], [marks.expect("a key"), b""]];
                let forget = Message::new(Verb::Forget, &keys).arg(OTHER).arg("60000");
                self.to.0.send(forget).await?;
            }
            let reply = self.to.0.send(message).await;
            // The test may have ended.
            self.answered.send(verb).await.unwrap_or_default();
            reply
        })
    }

    fn now(&self) -> Duration {
        self.to.0.now()
    }

    fn sleep(&self, duration: Duration) -> Boxed<'static, ()> {
        self.to.0.sleep(duration)
    }

    fn spawn(&self, task: Boxed<'static, ()>) {
        self.to.0.spawn(task);
    }

    fn inbox(&self) -> &Inbox {
        self.to.0.inbox()
    }

    fn resends(&self) -> bool {
        self.resends
    }
}

/// The first JOIN is on its way when its call ends: the second finds the server down, or is refused,
/// or the call is dropped.
#[test]
fn a_late_join_makes_no_lease_for_a_call_that_has_ended() {
    let unanswered = || Some(Failure::Unanswered("late".to_owned()));
    let down = Some(Failure::Down("down".to_owned()));
    let refused = Some(Failure::Refused("refused".to_owned()));
    for told in [
        vec![down, unanswered()],
        vec![refused, unanswered()],
        vec![None, unanswered()],
        vec![None],
    ] {
        on_stage(async |stage| {
            let (engine, answered) = Falters::new(&stage, false, told);
            let group = engine.group();
            let call = group.run("key", async |_lease| unreachable!("it is down"));
            let answer = poll_once(call).await;
            assert!(!matches!(answer, Some(Ok(_))), "{answer:?}");
            answered.next(Verb::Abandon).await;
            assert_eq!(engine.copy().await, 3, "it finds its mark");
        });
    }
}

/// Two copies of one JOIN were sent, and the second was answered. The first comes when its flight has
/// landed: what was kept for those who waited is nobody else's.
#[test]
fn a_copy_of_a_join_brings_no_value_back() {
    on_stage(async |stage| {
        let (engine, answered) = Falters::new(&stage, true, Vec::new());
        let (leader, follower) = (engine.group(), engine.group());
        let (open, opened) = bounded::<()>(1);
        let leading = leader.run("key", async |_lease| {
            opened.recv().await.expect("it is opened");
            "old".to_owned()
        });
        let following = async {
            answered.next(Verb::Join).await;
            let opening = async {
                answered.next(Verb::Join).await;
                open.send(()).await.expect("the work waits");
            };
            let call = follower.run("key", async |_lease| unreachable!("one leads"));
            zip(call, opening).await.0
        };
        let (led, waited) = zip(leading, following).await;
        assert_eq!((led.as_deref(), waited.as_deref()), (Ok("old"), Ok("old")));
        assert_eq!(engine.copy().await, 3, "it has landed");
        let newcomer = engine.group();
        let value = newcomer.run("key", async |_lease| "new".to_owned()).await;
        assert_eq!(value.as_deref(), Ok("new"));
    });
}

/// It was answered, and then its call was dropped.
#[test]
fn a_copy_of_a_join_that_was_given_up_keeps_nobody_from_leading() {
    on_stage(async |stage| {
        let (engine, answered) = Falters::new(&stage, true, Vec::new());
        let group = engine.group();
        let never = async {
            let value = group.run("key", async |_lease| pending().await).await;
            unreachable!("{value:?}");
        };
        or(answered.next(Verb::Join), never).await;
        answered.next(Verb::Abandon).await;
        assert_eq!(engine.copy().await, 3, "it finds its mark");
        let value = group.run("key", async |_lease| "new".to_owned()).await;
        assert_eq!(value.as_deref(), Ok("new"));
    });
}

/// As long as its lease is there, a copy is answered as the first was.
#[test]
fn a_copy_of_a_join_makes_no_lease_again_that_was_forgotten() {
    on_stage(async |stage| {
        let (engine, answered) = Falters::new(&stage, true, Vec::new());
        let group = engine.group();
        let leads = async {
            let value = group.run("key", async |_lease| pending().await).await;
            unreachable!("{value:?}");
        };
        let forgets = async {
            answered.next(Verb::Join).await;
            assert_eq!(engine.copy().await, 1);
            assert_eq!(stage.forget(OTHER, &[]).await, 1);
            assert_eq!(engine.copy().await, 3, "it finds its mark");
        };
        or(forgets, leads).await;
    });
}

/// Its lease is over when the client sends it again, and is answered: it joins anew.
#[test]
fn a_join_that_finds_its_mark_joins_anew() {
    on_stage(async |stage| {
        let (engine, _answered) = Falters::new(&stage, true, Vec::new());
        engine.late.store(true, Ordering::Relaxed);
        let group = engine.group();
        let value = group.run("key", async |_lease| "value".to_owned()).await;
        assert_eq!(value.as_deref(), Ok("value"));
        let sent = engine.sent.lock().expect("nobody panics");
        let joins = sent.iter().filter(|message| message.verb == Verb::Join);
        assert_eq!(joins.count(), 2);
    });
}

#[test]
fn a_copy_of_a_forget_kills_no_newer_flight() {
    on_stage(async |stage| {
        let (engine, _answered) = Falters::new(&stage, true, Vec::new());
        stage.join(FIRST, &[]).await;
        let forgotten = engine.group().forget("key").await;
        assert!(forgotten.expect("it answers"));
        stage.join(OTHER, &[]).await;
        assert_eq!(engine.copy().await, 3, "it finds its mark");
        assert_eq!(stage.look(OTHER).await.code, 0, "it is still led");
    });
}
