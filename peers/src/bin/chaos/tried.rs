//! The peers' adapters as subjects of the chaos.

use std::any::Any;
use std::cell::Cell;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};

use dashmap::DashMap;
use futures_util::FutureExt;
use singleflight_chaos::{Ability, Answer, Async, Blocking, Made, Rules, Subject, Work};
use singleflight_peers::{
    Asyncband, BlockingPeer, DashMapOfOnceCells, OursOnTokio, Peer, RsSingleflight,
};

use crate::course::Course;
use crate::telling;

/// The group of a peer's adapter, as the chaos uses it.
type Group<P> = <P as Peer>::Group<u64, Made>;

/// A peer of tasks, asked for what is asked for in one course.
pub(crate) struct Tasks<P: Peer, C> {
    group: Group<P>,
    /// Whether the checker may be told whose panic a call was told of.
    names_panics: bool,
    course: PhantomData<C>,
}

impl<P: Peer, C> Tasks<P, C> {
    pub(crate) fn new(rules: &Rules) -> Self {
        Self {
            group: P::group(),
            names_panics: !rules.panics_hand_over,
            course: PhantomData,
        }
    }

    /// Whether the peer has a `forget`.
    pub(crate) fn can_forget() -> bool {
        forget(&P::group::<u64, Made>(), 0).is_some()
    }
}

impl<P: Peer, C: Course> Subject for Tasks<P, C> {
    const NAME: &'static str = P::ABOUT.name;
    const ABILITIES: &'static [Ability] = C::ABILITIES;

    fn in_flight(&self) -> Option<usize> {
        in_flight(&self.group)
    }

    fn forget(&self, key: u64) -> bool {
        forget(&self.group, key).expect("it is asked for this only if it can")
    }
}

impl<P: Peer, C: Course> Async for Tasks<P, C> {
    async fn run(&self, key: u64, work: Work) -> Answer {
        let call = P::call(&self.group, &key, || work.future());
        let result = AssertUnwindSafe(call).catch_unwind().await;
        telling::answer(result, self.names_panics)
    }
}

/// Forgets a key, where the peer can; returns whether there was a flight, as far as it says.
/// The adapters do without, since speed is measured without it.
fn forget(group: &dyn Any, key: u64) -> Option<bool> {
    if let Some(ours) = group.downcast_ref::<Group<OursOnTokio>>() {
        Some(ours.forget(key))
    } else if let Some(asyncband) = group.downcast_ref::<Group<Asyncband>>() {
        asyncband.forget(&key);
        Some(true)
    } else if let Some(rs) = group.downcast_ref::<Group<RsSingleflight>>() {
        Some(rs.forget(&key))
    } else {
        let by_hand = group.downcast_ref::<Group<DashMapOfOnceCells>>();
        by_hand.map(|by_hand| by_hand.remove(&key).is_some())
    }
}

/// Counts the flights that are there, where the peer can.
fn in_flight(group: &dyn Any) -> Option<usize> {
    if let Some(ours) = group.downcast_ref::<Group<OursOnTokio>>() {
        Some(ours.in_flight())
    } else if let Some(rs) = group.downcast_ref::<Group<RsSingleflight>>() {
        Some(rs.in_flight())
    } else {
        let by_hand = group.downcast_ref::<Group<DashMapOfOnceCells>>();
        by_hand.map(DashMap::len)
    }
}

/// A peer of threads, asked for what is asked for in one course.
pub(crate) struct Threads<P: BlockingPeer, C> {
    group: P::Group<Made>,
    names_panics: bool,
    course: PhantomData<C>,
}

impl<P: BlockingPeer, C> Threads<P, C> {
    pub(crate) fn new(rules: &Rules) -> Self {
        Self {
            group: P::group(),
            names_panics: !rules.panics_hand_over,
            course: PhantomData,
        }
    }
}

impl<P: BlockingPeer, C: Course> Subject for Threads<P, C> {
    const NAME: &'static str = P::ABOUT.name;
    const ABILITIES: &'static [Ability] = C::ABILITIES;
}

impl<P: BlockingPeer, C: Course> Blocking for Threads<P, C> {
    fn run(&self, key: u64, work: Work) -> Answer {
        let work = Cell::new(Some(work));
        let work = || {
            let work = work.take().expect("a call runs its work once");
            work.run()
        };
        let call = || P::call(&self.group, &P::key(key), work);
        let result = catch_unwind(AssertUnwindSafe(call));
        telling::answer(result, self.names_panics)
    }
}
