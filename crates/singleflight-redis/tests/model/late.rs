//! A late copy of each script, against the real server: a send that was given up comes after the one
//! that took its place.

use crate::engine::{Engine as _, Id, Message, Reply, Verb};
use crate::key::{Name, Names, Slot};
use crate::{Runtime, Server};

const FIRST: Id = [b'1'; 16];
const SECOND: Id = [b'2'; 16];
const OTHER: Id = [b'3'; 16];

struct Stage {
    server: Server,
    slot: Slot,
    /// Ends with the stage.
    _redis: singleflight_arena::Server,
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
            _redis: redis,
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
        let left = stage.join(SECOND, &[FIRST]).await.numbers[2];
        assert!(left > 30_000, "{left} ms are left");
        let late = joined.numbers[0] / 1_000 + 120_000;
        assert_eq!(stage.renew(FIRST, late.to_string().as_bytes()).await, 1);
        let left = stage.join(SECOND, &[FIRST]).await.numbers[2];
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
