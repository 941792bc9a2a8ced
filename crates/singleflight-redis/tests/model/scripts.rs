//! The fake server against the real one: the same messages, the same answers.

use std::time::Duration;

use super::fake::Fake;
use crate::engine::{Engine as _, Id, Message, Verb};
use crate::key::{Names, Slot};
use crate::{Runtime, Server};

/// A message at random, about a few flights of one key.
fn draw(random: &mut fastrand::Rng, slot: &Slot) -> Message {
    let id = |random: &mut fastrand::Rng| Id::from([random.u8(b'a'..b'e'); 16]);
    let flight = id(random);
    let text = |text: &str| text.as_bytes().to_vec();
    let inbox = text(["in1", "in2"][random.usize(..2)]);
    let earlier: Vec<_> = (0..random.usize(..3))
        .map(|_| id(random).to_vec())
        .collect();
    let flag = |random: &mut fastrand::Rng| text(["0", "1"][random.usize(..2)]);
    let (lease, result, marks) = (slot.lease(), slot.result(&flight), slot.marks());
    let own = flight.to_vec();
    let (verb, keys, mut args) = match random.u8(..8) {
        0..3 => {
            let waits = [flag(random), text(["", "trace"][random.usize(..2)])].concat();
            let args = vec![own, inbox, text("60000"), waits, text("60000")];
            (Verb::Join, vec![lease, marks], args)
        }
        3 => (
            Verb::Land,
            vec![lease, result],
            vec![own, text("Vx"), text("60000")],
        ),
        4 => (Verb::Look, vec![lease, result], vec![own, inbox]),
        5 => (Verb::Renew, vec![lease], vec![own, text("1")]),
        6 => {
            let marked = text(["0", "60000"][random.usize(..2)]);
            let args = vec![
                flag(random),
                text("2"),
                text("60000"),
                marked,
                flag(random),
                own,
            ];
            (Verb::Abandon, vec![lease, result, marks], args)
        }
        _ => (Verb::Forget, vec![lease, marks], vec![own, text("60000")]),
    };
    if matches!(verb, Verb::Join | Verb::Abandon | Verb::Forget) {
        args.extend(earlier);
    }
    args.iter().fold(Message::new(verb, &keys), Message::arg)
}

#[test]
fn the_fake_server_answers_as_the_real_one() {
    let Some(server) = singleflight_arena::for_test(&[]) else {
        return;
    };
    smol::block_on(async {
        let client = redis::Client::open(server.url()).expect("an address");
        let real = Server::connect(client, Runtime::Smol)
            .await
            .expect("it is there");
        let mut fake = Fake::default();
        fake.now = Duration::from_secs(1);
        let mut random = fastrand::Rng::with_seed(7);
        for key in 0..200_u32 {
            let slot = Names::new("fake").slot(&key);
            let mut said = Vec::new();
            for _ in 0..30 {
                let message = draw(&mut random, &slot);
                let real = real.0.send(message.clone()).await.expect("it answers");
                let fake = fake.carry_out(&message, &real.run);
                said.push((
                    message,
                    real.code,
                    real.data.clone(),
                    fake.code,
                    fake.data.clone(),
                ));
                assert_eq!((real.code, real.data), (fake.code, fake.data), "{said:#?}");
            }
        }
    });
}
