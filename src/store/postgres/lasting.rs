//! A pool whose connections live on the runtime that opened the store, whoever asks for one.
//!
//! A connection belongs to the runtime it was opened under, and dies with it. The server's threads have runtimes of their own,
//! which end one after another when the gateway is stopped: a connection that one of them had opened would fail under a
//! request that another still answers, and under the work that is finished after the last request.

use sqlx::pool::PoolConnection;
use sqlx::{PgPool, PgTransaction, Postgres};
use std::future::poll_fn;
use std::pin::pin;
use tokio::runtime::Handle;

#[derive(Debug, Clone)]
pub(in crate::store) struct LastingPool {
    pool: PgPool,
    runtime: Handle,
}

impl LastingPool {
    /// To be called in the runtime that lasts.
    pub(super) fn new(pool: PgPool) -> Self {
        LastingPool { pool, runtime: Handle::current() }
    }

    pub(in crate::store) async fn acquire(&self) -> Result<PoolConnection<Postgres>, sqlx::Error> {
        self.there(self.pool.acquire()).await
    }

    pub(in crate::store) async fn begin(&self) -> Result<PgTransaction<'static>, sqlx::Error> {
        self.there(self.pool.begin()).await
    }

    pub(in crate::store) async fn begin_with(&self, sql: &'static str) -> Result<PgTransaction<'static>, sqlx::Error> {
        self.there(self.pool.begin_with(sql)).await
    }

    pub(in crate::store) async fn close(&self) {
        self.pool.close().await;
    }

    /// The caller waits on its own runtime; sockets and clocks that are made meanwhile belong to the one that lasts.
    async fn there<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|context| {
            let _entered = self.runtime.enter();
            future.as_mut().poll(context)
        })
        .await
    }
}
