//! Several processes on one database share the assets: each asset has one owner at a time.
//!
//! A process is a row of `node`, which it renews every second. Whoever finds one that was not renewed for [`EXPIRY`] deletes it,
//! and takes over its assets. Time is the server's, so that no two clocks are compared.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use andon_plant::AssetName;
use andon_store::{PostgresUrl, StoreError};
use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};

use crate::{
    database::{connect, passes},
    open,
};

/// A process that has not renewed its row for so long is taken for dead.
pub const EXPIRY: Duration = Duration::from_secs(5);
/// Tries when another process changes the same rows.
const TRIES: usize = 20;

/// A process among those that share a database.
pub struct Member {
    options: PgConnectOptions,
    /// None after a failure.
    conn: Option<PgConnection>,
    name: String,
    assets: BTreeSet<AssetName>,
}

/// What a process has of the assets.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Share {
    /// The assets it owns.
    pub held: BTreeSet<AssetName>,
    /// How many it should have at the most, where all processes have about the same.
    pub fair: usize,
    /// How many processes there are, itself included.
    pub nodes: usize,
    /// Who owns the assets that others own.
    pub elsewhere: BTreeMap<AssetName, String>,
}

impl Member {
    /// Joins the processes that share the database at `url`, under a name that no other has, for these assets. The tables are
    /// brought up to date.
    ///
    /// # Errors
    /// If the server can't be reached or refuses, or its tables are of another version.
    pub async fn join(url: &PostgresUrl, name: &str, assets: BTreeSet<AssetName>) -> Result<Self, StoreError> {
        let options = open::prepared(url).await?;
        let mut member = Self { options, conn: None, name: name.to_owned(), assets };
        let name = member.name.clone();
        let conn = member.connection().await?;
        // A name that was taken for dead stays so: whoever still writes under it must not be let in again.
        sqlx::query!("insert into node (name, seen_at) values ($1, clock_timestamp())", name).execute(conn).await?;
        Ok(member)
    }

    /// Says that this process lives, takes for dead those that do not, and takes assets that nobody has up to its share.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] if another has taken this one for dead; or if the database fails.
    pub async fn renew(&mut self) -> Result<Share, StoreError> {
        for _ in 0..TRIES {
            match self.try_renew().await {
                Err(StoreError::Database(error)) if is_race(&error) => {}
                renewed => return renewed,
            }
        }
        self.try_renew().await
    }

    async fn try_renew(&mut self) -> Result<Share, StoreError> {
        let (name, assets) = (self.name.clone(), self.assets.clone());
        let conn = self.connection().await?;
        let renewed = renew(conn, &name, &assets).await;
        self.keep(renewed)
    }

    /// Gives assets to whoever wants them. Nothing may be written of them any more.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn release(&mut self, assets: &BTreeSet<AssetName>) -> Result<(), StoreError> {
        let (name, assets) = (self.name.clone(), names(assets));
        let conn = self.connection().await?;
        let released =
            sqlx::query!("delete from lease where node = $1 and asset = any($2)", name, &assets).execute(conn).await;
        self.keep(released.map(drop))
    }

    /// Leaves, so that the others take over at once. Nothing may be written any more.
    ///
    /// # Errors
    /// If the database fails; then the others take over a little later.
    pub async fn leave(mut self) -> Result<(), StoreError> {
        let name = self.name.clone();
        let conn = self.connection().await?;
        sqlx::query!("delete from node where name = $1", name).execute(&mut *conn).await?;
        if let Some(conn) = self.conn.take() {
            conn.close().await?;
        }
        Ok(())
    }

    /// Forgets a connection that does not answer.
    pub fn disconnect(&mut self) {
        self.conn = None;
    }

    async fn connection(&mut self) -> Result<&mut PgConnection, StoreError> {
        match &mut self.conn {
            Some(conn) => Ok(conn),
            none => Ok(none.insert(connect(&self.options).await?)),
        }
    }

    /// Drops the connection after an error, as it may be half-way through something.
    fn keep<T, E: Into<StoreError>>(&mut self, result: Result<T, E>) -> Result<T, StoreError> {
        if result.is_err() {
            self.conn = None;
        }
        result.map_err(Into::into)
    }
}

/// Without how to connect, in which a password is.
impl std::fmt::Debug for Member {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Member").field("name", &self.name).field("assets", &self.assets).finish_non_exhaustive()
    }
}

async fn renew(conn: &mut PgConnection, name: &str, assets: &BTreeSet<AssetName>) -> Result<Share, StoreError> {
    let mut transaction = conn.begin_with("begin isolation level serializable").await?;
    let renewed = sqlx::query!("update node set seen_at = clock_timestamp() where name = $1", name)
        .execute(&mut *transaction)
        .await?;
    if renewed.rows_affected() == 0 {
        return Err(StoreError::Fenced);
    }
    let dead = sqlx::query_scalar!(
        "delete from node where seen_at < clock_timestamp() - make_interval(secs => $1) returning name",
        EXPIRY.as_secs_f64()
    )
    .fetch_all(&mut *transaction)
    .await?;
    let nodes = sqlx::query_scalar!(r#"select count(*) as "count!" from node"#).fetch_one(&mut *transaction).await?;
    let nodes = usize::try_from(nodes).unwrap_or(1).max(1);
    let fair = assets.len().div_ceil(nodes);
    let held = sqlx::query_scalar!(r#"select count(*) as "count!" from lease where node = $1"#, name)
        .fetch_one(&mut *transaction)
        .await?;
    sqlx::query!(
        "insert into lease (asset, node)
         select asset, $2 from unnest($1::text[]) as asset where asset not in (select asset from lease) limit $3",
        &names(assets),
        name,
        (fair as i64 - held).max(0)
    )
    .execute(&mut *transaction)
    .await?;
    let owners = sqlx::query!("select asset, node from lease").fetch_all(&mut *transaction).await?;
    transaction.commit().await?;
    for name in dead {
        tracing::warn!(%name, "Another andon has not been heard of: its assets are taken over.");
    }
    let mut share = Share { fair, nodes, ..Share::default() };
    for asset in assets {
        match owners.iter().find(|owner| owner.asset == asset.as_str()) {
            Some(owner) if owner.node == name => drop(share.held.insert(asset.clone())),
            Some(owner) => drop(share.elsewhere.insert(asset.clone(), owner.node.clone())),
            None => {}
        }
    }
    Ok(share)
}

fn names(assets: &BTreeSet<AssetName>) -> Vec<String> {
    assets.iter().map(|asset| asset.as_str().to_owned()).collect()
}

/// Whether the transaction lost to another one, and is to be tried again at once.
fn is_race(error: &sqlx::Error) -> bool {
    passes(error)
        && error
            .as_database_error()
            .and_then(|e| e.code())
            .is_some_and(|code| code.starts_with("40") || code == "23505")
}
