//! A connection as the rows' traits see it.

use std::collections::HashSet;

use andon_store::{StoreError, engine::RoomRows};
use async_trait::async_trait;
use sqlx::{PgConnection, Postgres, Transaction};

use crate::partitions::Partition;

/// A connection in a transaction.
pub(crate) struct Session {
    held: Held,
    /// Partitions that this connection knows to be there.
    pub(crate) partitions: HashSet<Partition>,
}

enum Held {
    /// Of the pool that snapshots are read through; the transaction ends when it is dropped.
    Reading(Transaction<'static, Postgres>),
    Writing(Box<PgConnection>),
}

impl Session {
    pub(crate) fn reading(transaction: Transaction<'static, Postgres>) -> Self {
        Self { held: Held::Reading(transaction), partitions: HashSet::new() }
    }

    pub(crate) fn writing(conn: PgConnection) -> Self {
        Self { held: Held::Writing(Box::new(conn)), partitions: HashSet::new() }
    }

    pub(crate) fn conn(&mut self) -> &mut PgConnection {
        match &mut self.held {
            Held::Reading(transaction) => transaction,
            Held::Writing(conn) => conn,
        }
    }

    /// The connection that writes, to be closed.
    pub(crate) fn into_writer(self) -> Option<Box<PgConnection>> {
        match self.held {
            Held::Reading(_) => None,
            Held::Writing(conn) => Some(conn),
        }
    }
}

/// The server's disk is its administrator's affair.
#[async_trait]
impl RoomRows for Session {}

/// What a query gave, as the store's error.
pub(crate) type Stored<T> = Result<T, StoreError>;
