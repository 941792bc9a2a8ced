//! Callers that are tasks.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use crate::answer::Answer;
use crate::batch::BatchWork;
use crate::caller::{Caller, Return, of_batch};
use crate::log::Begun;
use crate::order::Order;
use crate::pause::pauses;
use crate::quiet::caught;
use crate::script::{BatchScript, Move, Script, Step};
use crate::subject::{Ability, Async};
use crate::work::{Nested, Work};

/// After how many steps a caller lets others run: a call that waits for nobody does not.
const STEPS_AT_ONCE: u64 = 4;

impl<S: Async> Caller<S> {
    /// Makes all steps.
    pub(crate) async fn run_async(self, seed: u64) {
        let stage = Arc::clone(&self.stage);
        let mut generator = Self::generator(&stage, seed, false);
        for step in 0..stage.steps {
            if !self.goes_on() {
                break;
            }
            if self.closes(step) && !self.subject.drain(stage.patience).await {
                self.log.left_undrained();
            }
            match self.retire(generator.draw()) {
                None => {}
                Some(Step::Batch(script)) => self.batch_async(script).await,
                Some(Step::Call(script)) => self.call_async(script).await,
                Some(Step::Sleep(first, second)) => self.sleep(first, second).await,
                Some(Step::Crowd(crowd, moves)) => self.crowd(crowd, moves).await,
                Some(other) => unreachable!("{other:?} was made already"),
            }
            if step % STEPS_AT_ONCE == 0 {
                pauses(1).await;
            }
        }
    }

    async fn call_async(&self, script: Script) {
        let (order, lost_at) = (script.order, script.lost_at);
        let begun = self.log.begin([order]);
        let work = self.work(script, begun.begin);
        let returned = {
            let call = pin!(self.subject.call(order, work));
            until_lost(call, lost_at).await
        };
        let ending = returned.ending(order.key);
        begun.end([(order, ending)]);
    }

    async fn batch_async(&self, script: BatchScript) {
        let orders = of_batch(&script);
        let begun = self.log.begin(&*orders);
        let work = BatchWork::new(&self.log, begun.begin, &script);
        let returned = {
            let call = pin!(self.subject.batch(script.keys, work));
            until_lost(call, script.lost_at).await
        };
        let endings = returned.endings(&orders);
        begun.end(endings);
    }

    /// Polls the first call once; if it waits, makes the second to its end before the first
    /// is polled again (P3).
    async fn sleep(&self, first: Script, second: Script) {
        let (order, lost_at) = (first.order, first.lost_at);
        let begun = self.log.begin([order]);
        let leads = Arc::new(AtomicBool::new(false));
        let mut work = self.work(first, begun.begin);
        work.begun = Some(Arc::clone(&leads));
        let returned = {
            let mut call = pin!(self.subject.call(order, work));
            match poll_fn(|context| Poll::Ready(poll(call.as_mut(), context))).await {
                Poll::Ready(returned) => returned,
                Poll::Pending => {
                    // One that leads and sleeps does hold up the others.
                    if !leads.load(Ordering::Relaxed) {
                        self.call_boxed(second).await;
                    }
                    until_lost(call, lost_at).await
                }
            }
        };
        let ending = returned.ending(order.key);
        begun.end([(order, ending)]);
    }

    /// Makes all moves, then polls who is left to the end.
    async fn crowd(&self, crowd: Vec<Script>, moves: Vec<Move>) {
        let mut crowd: Vec<_> = crowd
            .into_iter()
            .map(|script| Some(self.member(script)))
            .collect();
        for next in moves {
            match next {
                Move::Drop(place) => crowd[place] = None,
                Move::Poll(place) => {
                    let member = &mut crowd[place];
                    poll_fn(|context| {
                        poll_member(member, context);
                        Poll::Ready(())
                    })
                    .await;
                }
            }
        }
        poll_fn(|context| {
            let mut is_over = true;
            for member in &mut crowd {
                poll_member(member, context);
                is_over &= member.is_none();
            }
            if is_over {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }

    fn member(&self, script: Script) -> Member<'_> {
        let order = script.order;
        let begun = self.log.begin([order]);
        let work = self.work(script, begun.begin);
        Member {
            call: Box::pin(self.subject.call(order, work)),
            order,
            begun,
        }
    }

    fn work(&self, script: Script, begin: u64) -> Work {
        let nested = script
            .nested
            .map(|nested| Nested::Async(self.clone().into_call(*nested)));
        let lasts = Self::can(Ability::DropFirst);
        let name = (script.order.key, begin);
        Work::new(&self.log, name, script.plan, nested, lasts)
    }

    /// A call that owns its caller, for works; boxed, since it may hold such a work itself.
    fn into_call(self, script: Script) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move { self.call_async(script).await })
    }

    fn call_boxed(&self, script: Script) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.call_async(script))
    }
}

/// One of a crowd. The call is dropped before it is noted that it was given up.
struct Member<'a> {
    call: Pin<Box<dyn Future<Output = Option<Answer>> + Send + 'a>>,
    order: Order,
    begun: Begun<'a, [Order; 1]>,
}

/// Polls a member who is there, and lets it go when it has its answer.
fn poll_member(place: &mut Option<Member<'_>>, context: &mut Context<'_>) {
    let Some(member) = place else {
        return;
    };
    if let Poll::Ready(returned) = poll(member.call.as_mut(), context) {
        if let Some(Member { call, order, begun }) = place.take() {
            drop(call);
            begun.end([(order, returned.ending(order.key))]);
        }
    }
}

fn poll<F: Future + ?Sized>(
    call: Pin<&mut F>,
    context: &mut Context<'_>,
) -> Poll<Return<F::Output>> {
    match caught(|| call.poll(context)) {
        Ok(polled) => polled.map(Return::Answered),
        Err(payload) => Poll::Ready(Return::Thrown(payload)),
    }
}

/// Polls a call until it is ready, or until its caller gives it up instead of polling it again.
/// Such a caller wakes itself, or it would wait for the very thing that it should not live to
/// see.
async fn until_lost<F: Future>(mut call: Pin<&mut F>, lost_at: Option<u32>) -> Return<F::Output> {
    let mut polls = 0;
    poll_fn(|context| {
        if lost_at.is_some_and(|lost_at| polls > lost_at) {
            return Poll::Ready(Return::GivenUp);
        }
        let polled = poll(call.as_mut(), context);
        if polled.is_pending() && lost_at.is_some() {
            polls += 1;
            context.waker().wake_by_ref();
        }
        polled
    })
    .await
}
