//! The group for tokio: what the core writes for every front end.

singleflight_core::front_end! {
    /// The space in which calls with equal keys share one execution, for tokio tasks.
    ///
    /// A cheaply cloned handle: clones share their flights. It keeps no values: a flight ends when
    /// its work does, and the next call starts another.
    ///
    /// | | |
    /// |---|---|
    /// | `K` | the key: what makes calls equal. It must contain everything that the work reads, the tenant and the user included. |
    /// | `V` | the value; each follower receives a clone, so make it cheap to clone (`Arc<T>`). |
    /// | `S` | the hash builder. |
    ///
    /// The work runs in the task that leads. It may borrow from it and need not be `Send`;
    /// the call's future is `Send` if the key, the work and its future are, and `K: Send + Sync`,
    /// `V: Send + Sync`. [`spawn`](Self::spawn) gives it a task of its own.
    ///
    /// What may be called from inside a work, and when code of yours runs under a lock, is told on
    /// the core's [`Group`](singleflight_core::Group#calls-from-inside-the-work).
    ///
    /// # When a runtime is shut down
    ///
    /// Its tasks are dropped, the flights that they led are handed over, and followers on
    /// other runtimes or threads claim them.
    ///
    /// # Examples
    ///
    /// ```
    /// use singleflight_tokio::{CallError, Group};
    ///
    /// #[tokio::main(flavor = "current_thread")]
    /// async fn main() -> Result<(), CallError> {
    ///     let group: Group<String, usize> = Group::new();
    ///     let (first, second) = tokio::join!(
    ///         group.run("key", async || {
    ///             tokio::task::yield_now().await;
    ///             5
    ///         }),
    ///         group.run("key", async || unreachable!("the first call leads")),
    ///     );
    ///     assert_eq!((first?, second?), (5, 5));
    ///     Ok(())
    /// }
    /// ```
    pub struct Group;
}

singleflight_core::front_end_calls! {
    open: "# tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {",
    close: "# }).unwrap();"
}
