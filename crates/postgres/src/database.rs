//! The connections to the server.

use std::time::Duration;

use andon_store::{
    StoreError,
    engine::{Connection, Database, Holds, Trouble},
};
use async_trait::async_trait;
use sqlx::{
    ConnectOptions, Connection as _, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use crate::session::Session;

const READERS: u32 = 4;
/// How long a snapshot waits for a connection of the pool.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a transaction that writes may wait for its own process, and for a lock that others hold.
const STANDSTILL: &str = "4s";
const LOCKED: &str = "2s";
/// How long the server may take to answer. The client knows of no lost connection by itself.
const SILENCE: Duration = Duration::from_secs(30);
const CONNECTING: Duration = Duration::from_secs(10);
/// Between two tries to learn what has become of a transaction.
const RETRY: Duration = Duration::from_millis(250);
/// Tries between two lines in the log.
const SAY_EVERY: u64 = 240;

/// Errors that pass by themselves, by class or code
/// (<https://www.postgresql.org/docs/current/errcodes-appendix.html>): no connection; rolled back because of another
/// transaction; no resources, such as a full disk; the administrator's intervention; a failing disk; a lock; a standby that is
/// not the primary yet; a transaction that stood still for too long; and a key that another process took, or a partition that it
/// made or dropped, which is read anew.
const PASSING: [&str; 13] =
    ["08", "40", "53", "57", "58", "25006", "25P03", "55P03", "55006", "23505", "23514", "42P07", "42P01"];

/// One half of the store's database: its readers, and how its writer connects.
pub(crate) struct PostgresDatabase {
    name: &'static str,
    options: PgConnectOptions,
    readers: PgPool,
    /// The name under which this process shares the database; none where it does not.
    member: Option<String>,
}

impl PostgresDatabase {
    /// Connects when it is needed.
    pub(crate) fn new(name: &'static str, options: PgConnectOptions, member: Option<&str>) -> Self {
        let pool = PgPoolOptions::new().max_connections(READERS).acquire_timeout(PATIENCE);
        Self { name, readers: pool.connect_lazy_with(options.clone()), options, member: member.map(str::to_owned) }
    }
}

#[async_trait]
impl<R: ?Sized + 'static> Database<R> for PostgresDatabase
where
    Session: Holds<R>,
{
    fn name(&self) -> &'static str {
        self.name
    }

    async fn connect(&self) -> Result<Box<dyn Connection<R>>, StoreError> {
        // A process that stands still in a transaction must not hold up the one that takes over from it.
        let limits = [("idle_in_transaction_session_timeout", STANDSTILL), ("lock_timeout", LOCKED)];
        let options = self.options.clone().options(limits);
        let session = Session::writing(connect(&options).await?);
        Ok(Box::new(Writing { options, session, member: self.member.clone() }))
    }

    async fn snapshot(&self) -> Result<Box<dyn Holds<R>>, StoreError> {
        let begun = self.readers.begin_with("begin isolation level repeatable read read only");
        let transaction = tokio::time::timeout(SILENCE, begun).await.map_err(|_| silent())??;
        Ok(Box::new(Session::reading(transaction)))
    }

    fn trouble(&self, error: &StoreError) -> Option<Trouble> {
        let StoreError::Database(error) = error else { return None };
        passes(error).then_some(Trouble::Busy)
    }

    fn patience(&self) -> Option<Duration> {
        Some(SILENCE)
    }

    async fn close(&self) {
        self.readers.close().await;
    }
}

/// Whether waiting is a remedy.
pub(crate) fn passes(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::PoolTimedOut => true,
        sqlx::Error::Database(error) => {
            error.code().is_some_and(|code| PASSING.iter().any(|passing| code.starts_with(passing)))
        }
        _ => false,
    }
}

/// A connection, if the server answers.
pub(crate) async fn connect(options: &PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
    tokio::time::timeout(CONNECTING, options.connect()).await.map_err(|_| silent())?
}

fn silent() -> sqlx::Error {
    sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())
}

struct Writing {
    options: PgConnectOptions,
    session: Session,
    member: Option<String>,
}

// Not checked queries: what controls transactions can't be prepared, and `pg_xact_status` takes a type sqlx has not.
#[async_trait]
impl<R: ?Sized + 'static> Connection<R> for Writing
where
    Session: Holds<R>,
{
    async fn begin(&mut self) -> Result<&mut R, StoreError> {
        sqlx::raw_sql("begin isolation level serializable").execute(self.session.conn()).await?;
        if let Some(name) = &self.member {
            // Held until the end of the transaction: whoever takes over waits for it.
            let member = sqlx::query_scalar!("select 1 from node where name = $1 for key share", name);
            member.fetch_optional(self.session.conn()).await?.ok_or(StoreError::Fenced)?;
        }
        Ok(self.session.rows())
    }

    async fn commit(&mut self) -> Result<(), StoreError> {
        let asked = sqlx::query_scalar("select pg_current_xact_id()::text").fetch_one(self.session.conn());
        let number: String = tokio::time::timeout(SILENCE, asked).await.map_err(|_| silent())??;
        let commit = sqlx::raw_sql("commit").execute(self.session.conn());
        let error = match tokio::time::timeout(SILENCE, commit).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) => error,
            Err(_) => silent(),
        };
        // Where the server has said no, that is it. Where it has said nothing, an alarm that is written again might be there twice.
        if error.as_database_error().is_some() && !is_gone(&error) || !self.was_committed(&number).await {
            return Err(error.into());
        }
        tracing::info!(%error, "The connection was lost in a commit, which the database has made.");
        Ok(())
    }

    async fn close(self: Box<Self>) -> Result<(), StoreError> {
        if let Some(conn) = self.session.into_writer() {
            conn.close().await?;
        }
        Ok(())
    }
}

/// Whether the connection is no more.
fn is_gone(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|e| e.code());
    code.is_some_and(|code| code.starts_with("57") || code.starts_with("08"))
}

impl Writing {
    /// What has become of a transaction, asked over fresh connections until the server says.
    async fn was_committed(&mut self, number: &str) -> bool {
        for tries in 0u64.. {
            match self.status(number).await {
                Ok(Some(status)) if status == "in progress" => {}
                Ok(status) => return status.as_deref() == Some("committed"),
                Err(error) if tries.is_multiple_of(SAY_EVERY) => {
                    tracing::warn!(%error, "What became of a commit is not known yet.");
                }
                Err(_) => {}
            }
            tokio::time::sleep(RETRY).await;
        }
        false
    }

    async fn status(&mut self, number: &str) -> Result<Option<String>, sqlx::Error> {
        let mut conn = connect(&self.options).await?;
        let asked = sqlx::query_scalar("select pg_xact_status($1::xid8)").bind(number.to_owned()).fetch_one(&mut conn);
        let status = tokio::time::timeout(SILENCE, asked).await.map_err(|_| silent())??;
        self.session = Session::writing(conn);
        Ok(status)
    }
}
