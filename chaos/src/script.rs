//! What a caller is going to do next. It depends on the seed alone, not on what happens.

use std::time::Duration;

use fastrand::Rng;

use crate::history::Completion;
use crate::order::{Order, Way};
use crate::rules::Rules;
use crate::subject::Ability;
use crate::work::{ENDLESS, Plan};

/// Keys up to here are cold, if they are not hot.
const COLD_KEYS: u64 = 1 << 20;

/// From here on keys are hot for a while, and then are not called for again: what a flight
/// leaves behind stays there.
const PASSING_KEYS: u64 = 1 << 32;

/// For how many steps of each caller.
const WHILE: u64 = 20;

/// From here on a key is called for once.
const LONELY_KEYS: u64 = 1 << 48;

/// One thing that a caller does.
#[derive(Debug)]
pub(crate) enum Step {
    Call(Script),
    Batch(BatchScript),
    /// The first call waits without being polled while the second is made.
    Sleep(Script, Script),
    /// Calls for one key, polled and dropped in this order by one caller, then to their end.
    Crowd(Vec<Script>, Vec<Move>),
    Forget(u64),
    ForgetUnshared(u64),
    ForgetAll,
    /// Flights grow older than this.
    Outlive(u64),
}

/// What is done to one call of a crowd, by its place.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Move {
    Poll(usize),
    Drop(usize),
}

/// One call, and what its work does.
#[derive(Debug)]
pub(crate) struct Script {
    pub(crate) order: Order,
    pub(crate) plan: Plan,
    /// What the work calls.
    pub(crate) nested: Option<Box<Script>>,
    /// After how many polls the call is dropped instead of being polled again, less one.
    pub(crate) lost_at: Option<u32>,
}

/// One call for many keys.
#[derive(Debug)]
pub(crate) struct BatchScript {
    /// Distinct, in no order.
    pub(crate) keys: Vec<u64>,
    pub(crate) plan: Plan,
    pub(crate) patience: Option<Duration>,
    pub(crate) omits: Option<u64>,
    pub(crate) lost_at: Option<u32>,
}

/// Draws the steps of one caller.
#[derive(Debug)]
pub(crate) struct StepGenerator<'a> {
    rng: Rng,
    /// How many steps were drawn.
    steps: u64,
    rules: &'a Rules,
    abilities: &'static [Ability],
    /// How a call of this subject can be made, with how often that is wished.
    ways: Vec<(Way, u32)>,
}

/// How often each way is wished, of those that the subject knows. Threads are dear.
fn wishes(threads: bool) -> [(Way, u32); 11] {
    let spawned = if threads { 3 } else { 30 };
    [
        (Way::Run, 200),
        (Way::Outcome, 460),
        (Way::Owned, 40),
        (Way::KeepFaults, 120),
        (Way::ShareIf, 60),
        (Way::Fence, 40),
        (Way::Spawn, spawned),
        (Way::SpawnKeepFaults, spawned),
        (Way::SpawnUnwanted, spawned),
        (Way::Watch, 40),
        (Way::Desert, 20),
    ]
}

impl<'a> StepGenerator<'a> {
    /// `threads` says that calls block a thread.
    pub(crate) fn new(
        seed: u64,
        rules: &'a Rules,
        abilities: &'static [Ability],
        threads: bool,
    ) -> Self {
        let knows = |way| way == Way::Run || abilities.contains(&Ability::Call(way));
        let ways = wishes(threads).into_iter().filter(|(way, _)| knows(*way));
        Self {
            rng: Rng::with_seed(seed),
            steps: 0,
            rules,
            abilities,
            ways: ways.collect(),
        }
    }

    pub(crate) fn draw(&mut self) -> Step {
        self.steps += 1;
        let roll = self.rng.u32(..1000);
        let Some(rest) = roll.checked_sub(self.rules.forget_share) else {
            return self.retire();
        };
        let Some(rest) = rest.checked_sub(self.rules.batch_share) else {
            return self.batch();
        };
        if rest < 3 && self.can(Ability::Call(Way::SpawnUnwanted)) {
            return Step::Call(self.unwanted());
        }
        if (3..13).contains(&rest) && self.can(Ability::Sleep) {
            let key = self.key();
            let way = self.steady_way();
            let mut first = self.plain(Order::new(key, way));
            first.lost_at = self.lost_at();
            return Step::Sleep(first, self.plain(Order::new(key, way)));
        }
        if (13..23).contains(&rest) && self.can(Ability::Lose) {
            return self.crowd();
        }
        Step::Call(self.call())
    }

    fn crowd(&mut self) -> Step {
        let key = if self.rng.bool() {
            self.key()
        } else {
            self.rng.u64(LONELY_KEYS..u64::MAX)
        };
        let way = self.steady_way();
        let size = self.rng.usize(2..5);
        let crowd = (0..size).map(|_| self.plain(Order::new(key, way)));
        let crowd = crowd.collect();
        let moves = (0..self.rng.usize(2..12)).map(|_| {
            let place = self.rng.usize(..size);
            if self.rng.u8(..3) == 0 {
                Move::Drop(place)
            } else {
                Move::Poll(place)
            }
        });
        let moves = moves.collect();
        Step::Crowd(crowd, moves)
    }

    fn retire(&mut self) -> Step {
        let key = self.key();
        let max_age = self.rules.max_age;
        let roll = self.rng.u32(..16);
        match (roll, max_age) {
            (0, _) if self.can(Ability::ForgetAll) => Step::ForgetAll,
            (1, Some(age)) if self.can(Ability::Age) => Step::Outlive(age),
            (2..6, _) if self.can(Ability::ForgetUnshared) => Step::ForgetUnshared(key),
            _ if self.can(Ability::Forget) => Step::Forget(key),
            _ => Step::Call(self.call()),
        }
    }

    fn call(&mut self) -> Script {
        let mut order = Order::new(self.key(), self.way());
        if matches!(
            order.way,
            Way::Outcome | Way::KeepFaults | Way::ShareIf | Way::Fence
        ) {
            order.patience = self.patience();
        }
        order.is_given_up = self.of_thousand(self.rules.lost_share);
        let mut script = self.plain(order);
        let makes_value = script.plan.result == Completion::Value;
        if order.way == Way::ShareIf && makes_value && self.of_thousand(self.rules.private_share) {
            script.plan.result = Completion::Private;
        }
        script.lost_at = self.lost_at();
        let roll = self.rng.u32(..100);
        let inner = if roll == 0 && self.can(Ability::Reenter) {
            let mut inner = Order::new(order.key, self.steady_way());
            inner.is_inner = true;
            Some(inner)
        } else if roll < 3 && self.can(Ability::Nest) {
            // Only towards greater keys, or circles of works would wait for each other.
            let key = order.key + self.rng.u64(1..4);
            Some(Order::new(key, self.steady_way()))
        } else {
            None
        };
        script.nested = inner.map(|inner| Box::new(self.plain(inner)));
        script
    }

    /// A call whose work has no end, and which is given up.
    fn unwanted(&mut self) -> Script {
        let key = self.rng.u64(LONELY_KEYS..u64::MAX);
        let mut script = self.plain(Order::new(key, Way::SpawnUnwanted));
        script.plan.yields = ENDLESS;
        script.order.is_given_up = true;
        script.lost_at = Some(self.rng.u32(..12));
        script
    }

    fn batch(&mut self) -> Step {
        if !self.can(Ability::Batch) {
            return Step::Call(self.call());
        }
        let mut keys = Vec::new();
        for _ in 0..self.rng.usize(1..8) {
            let key = self.key();
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        Step::Batch(BatchScript {
            keys,
            plan: self.plan(),
            patience: self.patience(),
            omits: (self.rng.u32(..4) == 0).then(|| self.rng.u64(2..5)),
            lost_at: self.lost_at(),
        })
    }

    /// A deadline, for a few.
    fn patience(&mut self) -> Option<Duration> {
        let is_bounded = self.can(Ability::Deadline) && self.rng.u32(..16) == 0;
        is_bounded.then(|| Duration::from_micros(self.rng.u64(..2_000)))
    }

    /// A call that nobody gives up.
    fn plain(&mut self, order: Order) -> Script {
        Script {
            order,
            plan: self.plan(),
            nested: None,
            lost_at: None,
        }
    }

    fn plan(&mut self) -> Plan {
        let result = if self.can(Ability::Panic) && self.of_thousand(self.rules.panic_share) {
            Completion::Panic
        } else if self.of_thousand(self.rules.fault_share) {
            Completion::Fault
        } else {
            Completion::Value
        };
        // Most works are short, and some are long enough for a crowd to gather.
        let yields = match self.rng.u32(..32) {
            0 => self.rng.u32(8..40),
            1..16 => self.rng.u32(1..4),
            _ => 0,
        };
        Plan {
            yields,
            spins: self.rng.u32(..64),
            result,
        }
    }

    fn key(&mut self) -> u64 {
        if self.of_thousand(self.rules.hot_share) {
            let hot = self.rng.u64(..self.rules.hot_keys);
            let era = self.steps / WHILE * self.rules.hot_keys;
            hot + if self.rng.bool() {
                PASSING_KEYS + era
            } else {
                0
            }
        } else {
            self.rng.u64(self.rules.hot_keys..COLD_KEYS)
        }
    }

    fn way(&mut self) -> Way {
        let sum: u32 = self.ways.iter().map(|(_, wish)| wish).sum();
        let mut roll = self.rng.u32(..sum);
        for (way, wish) in &self.ways {
            match roll.checked_sub(*wish) {
                None => return *way,
                Some(rest) => roll = rest,
            }
        }
        Way::Run
    }

    /// A way that answers where it stands.
    fn steady_way(&self) -> Way {
        if self.can(Ability::Call(Way::Outcome)) {
            Way::Outcome
        } else {
            Way::Run
        }
    }

    fn lost_at(&mut self) -> Option<u32> {
        let lost = self.can(Ability::Lose) && self.of_thousand(self.rules.lost_share);
        lost.then(|| self.rng.u32(..12))
    }

    fn of_thousand(&mut self, share: u32) -> bool {
        self.rng.u32(..1000) < share
    }

    fn can(&self, ability: Ability) -> bool {
        self.abilities.contains(&ability)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERYTHING: &[Ability] = &[
        Ability::Lose,
        Ability::Panic,
        Ability::Nest,
        Ability::Reenter,
        Ability::Sleep,
        Ability::Forget,
        Ability::ForgetUnshared,
        Ability::ForgetAll,
        Ability::Age,
        Ability::Batch,
        Ability::Deadline,
        Ability::Call(Way::Outcome),
        Ability::Call(Way::Spawn),
    ];

    fn steps(seed: u64, abilities: &'static [Ability]) -> Vec<String> {
        let rules = Rules::draw(7, 1);
        let mut generator = StepGenerator::new(seed, &rules, abilities, false);
        (0..20_000)
            .map(|_| format!("{:?}", generator.draw()))
            .collect()
    }

    #[test]
    fn a_seed_draws_the_same_steps_again_and_another_does_not() {
        assert_eq!(steps(1, EVERYTHING), steps(1, EVERYTHING));
        assert_ne!(steps(1, EVERYTHING), steps(2, EVERYTHING));
    }

    #[test]
    fn what_a_subject_cannot_do_is_not_asked_for() {
        let words = [
            "Panic",
            "lost_at: Some",
            "Batch",
            "Sleep",
            "Crowd",
            "Forget",
            "Spawn",
            "patience: Some",
        ];
        for word in words {
            let names = |step: &String| step.contains(word);
            assert!(steps(1, EVERYTHING).iter().any(names), "{word}");
            assert!(!steps(1, &[]).iter().any(names), "{word}");
        }
    }
}
