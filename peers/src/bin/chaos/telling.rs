//! Telling the panic of a call's own work from word of another's.

use std::any::Any;
use std::panic::resume_unwind;

use singleflight_chaos::{Answer, Made, Refusal};

/// How those panics begin by which a call says that the work it waited for has panicked: ours,
/// uniflight's behind its adapter, and that of a shared future.
///
/// The others have no such word: where a leader panics, their followers take over or hang.
const TELLINGS: [&str; 3] = [
    "no value to return: LeaderPanicked",
    "no work here panics: LeaderPanicked",
    "inner future panicked during poll",
];

/// Reads what a call came to. What is no word of another's panic is thrown again.
///
/// The checker knows groups that were told to hand over where others tell (`panics_hand_over`)
/// and holds them to it; no subject here was told to. With `is_named` unset, it is not said
/// whose panic it was, and the checker takes that as it is.
pub(crate) fn answer(result: std::thread::Result<Made>, is_named: bool) -> Answer {
    let payload = match result {
        Ok(made) => return made.into(),
        Err(payload) => payload,
    };
    match text(&*payload).filter(|text| is_telling(text)) {
        Some(text) if is_named => Answer::Refused(Refusal::Panicked(text.to_owned())),
        Some(_) => Answer::Refused(Refusal::Panicked(String::new())),
        None => resume_unwind(payload),
    }
}

fn is_telling(text: &str) -> bool {
    TELLINGS.iter().any(|telling| text.starts_with(telling))
}

fn text(payload: &(dyn Any + Send)) -> Option<&str> {
    let owned = payload.downcast_ref::<String>().map(String::as_str);
    owned.or_else(|| payload.downcast_ref::<&str>().copied())
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::task::Poll;

    use singleflight_benches::hand::poll;
    use singleflight_peers::{MapOfShared, OursOnTokio, Peer, Uniflight};

    use super::*;

    /// What a follower throws whose leader has panicked.
    fn thrown<P: Peer>() -> Box<dyn Any + Send> {
        let group = P::group::<u64, u64>();
        let goes_off = Arc::new(AtomicBool::new(false));
        let call = || {
            let goes_off = Arc::clone(&goes_off);
            let work = move || {
                poll_fn(move |_| {
                    assert!(!goes_off.load(Ordering::Relaxed), "boom");
                    Poll::<u64>::Pending
                })
            };
            Box::pin(P::call(&group, &7, work))
        };
        let (mut leader, mut follower) = (call(), call());
        assert!(poll(leader.as_mut()).is_pending());
        assert!(poll(follower.as_mut()).is_pending());
        goes_off.store(true, Ordering::Relaxed);
        let mut thrown = [&mut leader, &mut follower]
            .map(|call| catch_unwind(AssertUnwindSafe(|| poll(call.as_mut()))));
        let payload = thrown[1].as_mut().expect_err("its leader has panicked");
        std::mem::replace(payload, Box::new(()))
    }

    #[test]
    fn word_of_anothers_panic_is_known_again() {
        let words = [
            thrown::<OursOnTokio>(),
            thrown::<Uniflight>(),
            thrown::<MapOfShared>(),
        ];
        for (word, telling) in words.iter().zip(TELLINGS) {
            let text = text(&**word).expect("it is a text");
            assert!(text.starts_with(telling), "{text}");
        }
    }

    #[test]
    fn any_other_panic_is_thrown_again() {
        let thrown = catch_unwind(|| answer(Err(Box::new("boom")), true));
        let payload = thrown.expect_err("it is no word of another's");
        assert_eq!(text(&*payload), Some("boom"));
    }
}
