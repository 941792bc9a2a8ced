//! Two levels, a cache in this process over one on a server: one aside is the load of the other. So
//! what is true of a load is true of the way between them: it is coalesced, and void if the key was
//! invalidated meanwhile.
//!
//! Another process does not hear of an invalidation: there the near level is as old as its `fresh_for`
//! allows. Keep that short.

use std::convert::Infallible;
use std::sync::Arc;

use redis::RedisError;
use singleflight_cache::{Aside, Error, InvalidateError};
use singleflight_core::CallError;

use crate::database::{Database, Failure, User};
use crate::moka_store::MokaStore;
use crate::redis_store::RedisStore;

type Far = Aside<RedisStore<u64, User>, Failure>;
type Near = Aside<MokaStore<u64, User>, FarError>;
type FarError = Error<Failure, RedisError, CallError>;

pub(crate) struct TwoLevels {
    pub(crate) near: Near,
    pub(crate) far: Far,
}

impl TwoLevels {
    pub(crate) async fn user(
        &self,
        database: &Arc<Database>,
        id: u64,
    ) -> Result<Option<User>, Error<FarError, Infallible, CallError>> {
        let far = async || self.far.get(&id, async || database.user(id).await).await;
        self.near.get(&id, far).await
    }

    /// The far level first: a near load of meanwhile is void.
    pub(crate) async fn invalidate(
        &self,
        id: u64,
    ) -> Result<(), InvalidateError<RedisError, CallError>> {
        self.far.invalidate(&id).await?;
        let Ok(()) = self
            .near
            .invalidate(&id)
            .await
            .map_err(|error| match error {
                InvalidateError::Store(never) => match never {},
                other => panic!("the core's groups forget without fail: {other:?}"),
            });
        Ok(())
    }
}
