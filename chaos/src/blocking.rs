//! Callers that block their thread.

use crate::batch::BatchWork;
use crate::caller::{Caller, Return, of_batch};
use crate::quiet::caught;
use crate::script::{BatchScript, Script, Step};
use crate::subject::{Ability, Blocking};
use crate::work::{Nested, Work};

impl<S: Blocking> Caller<S> {
    /// Makes all steps.
    pub(crate) fn run(self, seed: u64) {
        let stage = self.stage.clone();
        let mut generator = Self::generator(&stage, seed, true);
        for step in 0..stage.steps {
            if !self.goes_on() {
                break;
            }
            if self.closes(step) && !self.subject.drain(stage.patience) {
                self.log.left_undrained();
            }
            match self.retire(generator.draw()) {
                None => {}
                Some(Step::Batch(script)) => self.batch(script),
                // A thread cannot leave a call that waits alone.
                Some(Step::Sleep(script, _) | Step::Call(script)) => self.call(script),
                Some(Step::Crowd(mut crowd, _)) => self.call(crowd.swap_remove(0)),
                Some(other) => unreachable!("{other:?} was made already"),
            }
        }
    }

    fn call(&self, script: Script) {
        let order = script.order;
        let begun = self.log.begin([order]);
        let nested = script.nested.map(|nested| {
            let caller = self.clone();
            Nested::Blocking(Box::new(move || caller.call(*nested)))
        });
        let lasts = Self::can(Ability::DropFirst);
        let work = Work::new(
            &self.log,
            (order.key, begun.begin),
            script.plan,
            nested,
            lasts,
        );
        let returned = returned(caught(|| self.subject.call(order, work)));
        let ending = returned.ending(order.key);
        begun.end([(order, ending)]);
    }

    fn batch(&self, script: BatchScript) {
        let orders = of_batch(&script);
        let begun = self.log.begin(&*orders);
        let work = BatchWork::new(&self.log, begun.begin, &script);
        let returned = returned(caught(|| self.subject.batch(script.keys, work)));
        let endings = returned.endings(&orders);
        begun.end(endings);
    }
}

fn returned<T>(result: std::thread::Result<T>) -> Return<T> {
    match result {
        Ok(answer) => Return::Answered(answer),
        Err(payload) => Return::Thrown(payload),
    }
}
