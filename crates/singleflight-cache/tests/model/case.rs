//! One case: its callers, and what each of its numbers does.

use std::boxed::Box;
use std::cell::RefCell;
use std::format;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};
use std::time::Duration;
use std::vec::Vec;

use super::notes::{Called, Refreshing, begin, call, failed, note, note_refresh, returned};
use super::records::{Age, Answer, Limits, Wrong};
use super::store::{CLOCK, End, Fake, Kept};
use crate::{Aside, Builder, Early, Freshness, Look, StoreDown};

const KEYS: u8 = 2;

type Cache = Aside<Fake, usize>;

/// Tells that a task is to be polled.
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

struct Task {
    future: Pin<Box<dyn Future<Output = ()>>>,
    flag: Arc<Flag>,
}

/// Refreshes that callers were given, and are to be run by tasks.
type Refreshes = Rc<RefCell<Vec<Pin<Box<dyn Future<Output = ()>>>>>>;

struct Case {
    aside: Cache,
    fake: Fake,
    limits: Limits,
    tasks: Vec<Task>,
    refreshes: Refreshes,
}

/// Runs a case. Returns how many answers it has judged.
pub(crate) fn run(settings: u32, steps: impl Iterator<Item = (u8, u8, u8)>) -> Wrong<u64> {
    let mut case = Case::new(settings);
    let mut result = Ok(());
    for step in steps {
        result = case.step(step);
        if result.is_err() {
            break;
        }
    }
    let (fake, about) = (case.fake.clone(), format!("{:?}", case.aside));
    let result = result.and_then(|()| case.end());
    result.map_err(|wrong| {
        let log = fake.0.borrow().log.join("\n");
        format!("{wrong}\n{log}\n{about}")
    })
}

impl Case {
    fn new(settings: u32) -> Self {
        CLOCK.set(1_000);
        let bits = |from: u32, choices: u32| (settings >> from) % choices;
        let limits = Limits {
            fresh: [40, 100, 1][bits(0, 3) as usize],
            stale: [0, 60, 200][bits(2, 3) as usize],
            error: [0, 120][bits(4, 2) as usize],
            absent: [50, 0][usize::from(bits(5, 4) == 0)],
        };
        let fake = Fake::default();
        let millis = Duration::from_millis;
        let store_down = match bits(8, 3) {
            0 => StoreDown::Load { at_most: 1 },
            _ => StoreDown::Fail,
        };
        fake.0.borrow_mut().records.protected = store_down == StoreDown::Fail;
        let early = match bits(12, 3) {
            0 => Early::Share(0.5),
            1 => Early::XFetch { beta: 1.0 },
            _ => Early::Never,
        };
        if early == Early::Never {
            fake.0.borrow_mut().young = limits.fresh;
        }
        fake.0.borrow_mut().drops_happen = bits(7, 2) == 0;
        fake.0.borrow_mut().is_alone = bits(14, 2) == 0;
        let aside = Builder::with_clock(fake.clone(), || CLOCK.get(), settings.into())
            .fresh_for(millis(limits.fresh))
            .stale_for(millis(limits.stale))
            .stale_if_error(millis(limits.error))
            .absent_for(millis(limits.absent))
            .jitter([0.0, 0.3][bits(10, 2) as usize])
            .look([Look::Inside, Look::Both][bits(11, 2) as usize])
            .store_down(store_down)
            .early(early)
            .after_failure(millis(10), millis(40))
            .build();
        Self {
            aside,
            fake,
            limits,
            tasks: Vec::new(),
            refreshes: Refreshes::default(),
        }
    }

    fn step(&mut self, (what, which, how): (u8, u8, u8)) -> Wrong<()> {
        let key = which % KEYS;
        match what % 32 {
            18..=22 => self.read(key, how),
            23 => self.read_many(how),
            24..=25 => self.invalidate(key),
            26 => self.write(key),
            27 if how < 60 => self.invalidate_all(),
            28 if !self.tasks.is_empty() => {
                let at = usize::from(which) % self.tasks.len();
                drop(self.tasks.swap_remove(at));
            }
            29 => {
                let now = CLOCK.get();
                CLOCK.set(now + u64::from(how) / 4);
            }
            30 => {
                let mut world = self.fake.0.borrow_mut();
                world.tick();
                match how % 4 {
                    // Who is alone loses, and finds nothing that others have put.
                    0..=2 if how % 4 == 0 || world.is_alone => {
                        world.kept.remove(&key);
                        world.excuse(key);
                    }
                    1 => {
                        world.kept.insert(key, Kept::Rubbish);
                        world.excuse(key);
                    }
                    0..=2 => {
                        world.put_from_outside(key);
                        world.excuse(key);
                    }
                    _ => {
                        let missing = world.missing.entry(key).or_default();
                        *missing = !*missing;
                    }
                }
            }
            31 => self.start_refreshes(),
            9..=17 => self.let_happen(
                which,
                match how {
                    0..=20 => End::Fails,
                    21..=40 => End::FailsAfterwards,
                    _ => End::Well,
                },
            ),
            _ => self.poll(which, how),
        }
        self.judge()
    }

    fn judge(&self) -> Wrong<()> {
        self.fake.0.borrow_mut().wrong.take().map_or(Ok(()), Err)
    }

    fn add(&mut self, future: impl Future<Output = ()> + 'static) {
        let flag = Arc::new(Flag(AtomicBool::new(true)));
        let future = Box::pin(future);
        self.tasks.push(Task { future, flag });
    }

    fn read(&mut self, key: u8, how: u8) {
        let (aside, fake, limits) = (self.aside.clone(), self.fake.clone(), self.limits);
        let refreshes = Rc::clone(&self.refreshes);
        self.add(async move {
            let reading = begin(&fake, &[key]);
            let begun = reading.begun;
            let load = {
                let fake = fake.clone();
                move || fake.load(key)
            };
            let answer = if how % 2 == 0 {
                match aside.get(&key, load).await {
                    Ok(found) => {
                        found.map_or(Answer::Absent, |stamp| Answer::Value(stamp, Age::Unsaid))
                    }
                    Err(error) => failed(&error),
                }
            } else {
                match aside.get_with_age(&key, load).await {
                    Ok(got) => {
                        let age = match got.freshness {
                            Freshness::Fresh => Age::Fresh,
                            Freshness::Stale => Age::Stale,
                            Freshness::AfterError(_) => Age::AfterError,
                        };
                        if let Some(refresh) = got.refresh {
                            note_refresh(&fake, key);
                            let refreshing = Refreshing(fake.clone(), key);
                            refreshes.borrow_mut().push(Box::pin(async move {
                                let reading = begin(&refreshing.0, &[key]);
                                drop(refresh.run().await);
                                drop((reading, refreshing));
                            }));
                        }
                        got.value
                            .map_or(Answer::Absent, |stamp| Answer::Value(stamp, age))
                    }
                    Err(error) => failed(&error),
                }
            };
            note(&fake, key, begun, answer, limits);
            drop(reading);
        });
    }

    fn read_many(&mut self, how: u8) {
        let (aside, fake, limits) = (self.aside.clone(), self.fake.clone(), self.limits);
        let keys: Vec<u8> = if how % 2 == 0 {
            (0..KEYS).collect()
        } else {
            (0..KEYS).rev().collect()
        };
        self.add(async move {
            let reading = begin(&fake, &keys);
            let begun = reading.begun;
            let load = async |keys: Vec<u8>| {
                let mut found = Vec::new();
                let first = fake.0.borrow().records.loads.len();
                let loads: Vec<_> = keys.into_iter().map(|key| (key, fake.load(key))).collect();
                let batch = first..fake.0.borrow().records.loads.len();
                for (key, load) in loads {
                    if let Some(stamp) = load.await? {
                        found.push((key, stamp));
                    }
                }
                fake.has_ended(batch);
                Ok(found)
            };
            let answers = aside.get_many(keys.clone(), load).await;
            if answers.len() != keys.len() {
                let mut world = fake.0.borrow_mut();
                world
                    .wrong
                    .get_or_insert(format!("{} answers for {keys:?}", answers.len()));
            }
            for (key, answer) in answers {
                let answer = match answer {
                    Ok(found) => {
                        found.map_or(Answer::Absent, |stamp| Answer::Value(stamp, Age::Unsaid))
                    }
                    Err(error) => failed(&error),
                };
                note(&fake, key, begun, answer, limits);
            }
            drop(reading);
        });
    }

    fn invalidate(&mut self, key: u8) {
        let (aside, fake) = (self.aside.clone(), self.fake.clone());
        self.add(async move {
            let number = call(&fake, Some(key));
            let result = aside.invalidate(&key).await;
            returned(&fake, number, result.is_ok());
        });
    }

    fn write(&mut self, key: u8) {
        let (aside, fake) = (self.aside.clone(), self.fake.clone());
        self.add(async move {
            call(&fake, Some(key));
            // Until it has ended it may void them at any moment.
            // Dropped on its way, it voids loads once more.
            let mut on_its_way = Some(Called(fake.clone(), key));
            let mut number = 0;
            let result = aside
                .write(&key, async || {
                    fake.write().await;
                    on_its_way = None;
                    number = call(&fake, Some(key));
                })
                .await;
            returned(&fake, number, result.is_ok());
        });
    }

    fn invalidate_all(&mut self) {
        let (aside, fake) = (self.aside.clone(), self.fake.clone());
        self.add(async move {
            let number = call(&fake, None);
            let result = aside.invalidate_all().await;
            returned(&fake, number, result.is_ok());
        });
    }

    fn start_refreshes(&mut self) {
        let refreshes = self.refreshes.take();
        for refresh in refreshes {
            self.add(refresh);
        }
    }

    fn let_happen(&mut self, which: u8, end: End) {
        let waker = {
            let mut world = self.fake.0.borrow_mut();
            let waiting = world.waiting();
            let Some(number) = waiting.get(usize::from(which) % waiting.len().max(1)) else {
                return;
            };
            world.let_happen(*number, end)
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Polls a task that was woken; now and then another one.
    fn poll(&mut self, which: u8, how: u8) {
        let is_woken = |task: &Task| task.flag.0.load(Ordering::Relaxed);
        let ready: Vec<_> = (0..self.tasks.len())
            .filter(|at| how < 16 || is_woken(&self.tasks[*at]))
            .collect();
        let Some(at) = ready.get(usize::from(which) % ready.len().max(1)) else {
            return;
        };
        let task = &mut self.tasks[*at];
        task.flag.0.store(false, Ordering::Relaxed);
        let waker = Waker::from(Arc::clone(&task.flag));
        let is_done = task
            .future
            .as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_ready();
        if is_done {
            drop(self.tasks.swap_remove(*at));
        }
    }

    /// Lets everything happen, polls what is woken, and sees that nothing is left.
    fn end(mut self) -> Wrong<u64> {
        self.start_refreshes();
        for _ in 0..10_000 {
            self.let_happen(0, End::Well);
            self.poll(0, 255);
            self.judge()?;
            let is_still = self.fake.0.borrow().waiting().is_empty()
                && !self
                    .tasks
                    .iter()
                    .any(|task| task.flag.0.load(Ordering::Relaxed));
            if is_still {
                self.start_refreshes();
                if !self
                    .tasks
                    .iter()
                    .any(|task| task.flag.0.load(Ordering::Relaxed))
                {
                    break;
                }
            }
        }
        if !self.tasks.is_empty() {
            return Err(format!("{} tasks hang", self.tasks.len()));
        }
        let inner = &self.aside.0;
        let left = [
            inner.looks.in_flight(),
            inner.loads.in_flight(),
            inner.marks.in_flight(),
            inner.claims.in_flight(),
            inner.duties.in_flight(),
        ];
        if left != [0; 5] {
            return Err(format!("left behind: {left:?}"));
        }
        let judged = self.fake.0.borrow().records.judged;
        Ok(judged)
    }
}
