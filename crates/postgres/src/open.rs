//! Opening a store whose engine is PostgreSQL.

use std::{collections::BTreeSet, str::FromStr, sync::Arc};

use andon_store::{Histories, PostgresUrl, Space, Store, StoreError, engine::Engine};
use sqlx::{
    ConnectOptions, Connection, PgConnection,
    migrate::{MigrateError, Migrator},
    postgres::PgConnectOptions,
};
use tokio_util::task::TaskTracker;

use crate::{
    database::{self, PostgresDatabase},
    sharing::EXPIRY,
};

static TABLES: Migrator = sqlx::migrate!("../../migrations/postgres");
/// The first version that says what has become of a transaction (`pg_xact_status`, with 64-bit numbers).
const OLDEST: u32 = 130_000;

/// Opens the store at `url` and makes or updates its tables; its two writers run in `tasks`.
///
/// # Errors
/// If the server can't be reached or refuses, is older than PostgreSQL 13, or the tables are of a newer version.
pub async fn open(url: &PostgresUrl, tasks: &TaskTracker) -> Result<Store, StoreError> {
    let options = prepared(url).await?;
    start(url, &options, None, tasks).await
}

/// The same for a process that shares the assets with others under this name ([`Member`](crate::Member)): once another has taken it
/// for dead, every change to alarms, models and state is refused with [`StoreError::Fenced`].
///
/// # Errors
/// As for [`open`].
pub async fn open_member(url: &PostgresUrl, name: &str, tasks: &TaskTracker) -> Result<Store, StoreError> {
    start(url, &options(url)?, Some(name), tasks).await
}

async fn start(
    url: &PostgresUrl,
    options: &PgConnectOptions,
    member: Option<&str>,
    tasks: &TaskTracker,
) -> Result<Store, StoreError> {
    Store::start(engine(options, member), url.to_string(), Arc::new(Space::elsewhere()), tasks).await
}

/// The databases of the store at `url`, without what writes in it, for one who needs it for itself; tables are made or updated.
///
/// # Errors
/// As for [`open`]; also if a process shares it.
pub async fn open_alone(url: &PostgresUrl) -> Result<Engine, StoreError> {
    let options = prepared(url).await?;
    let mut conn = connect(url, &options).await?;
    let user = sqlx::query_scalar!(
        "select name from node where seen_at > clock_timestamp() - make_interval(secs => $1) limit 1",
        EXPIRY.as_secs_f64()
    )
    .fetch_optional(&mut conn)
    .await?;
    conn.close().await?;
    match user {
        Some(name) => Err(refused(url, format!("the andon `{name}` uses it; stop it first"))),
        None => Ok(engine(&options, None)),
    }
}

/// How to connect to the server at `url`, whose tables are up to date then.
pub(crate) async fn prepared(url: &PostgresUrl) -> Result<PgConnectOptions, StoreError> {
    let options = options(url)?;
    let mut conn = connect(url, &options).await?;
    inspect(url, &mut conn).await?;
    TABLES
        .run_direct(None, &mut conn, false)
        .await
        .map_err(|e| match e {
            MigrateError::Execute(e) | MigrateError::ExecuteMigration(e, _) => said(&e),
            other => other.to_string(),
        })
        .map_err(|why| refused(url, format!("its tables can't be brought up to date: {why}")))?;
    conn.close().await?;
    Ok(options)
}

/// Opens the samples of the store at `url` for reading alone.
///
/// # Errors
/// As for [`open`]; also if there are no tables yet, or they are of an older version.
pub async fn open_histories(url: &PostgresUrl) -> Result<Histories, StoreError> {
    let options = options(url)?;
    let mut conn = connect(url, &options).await?;
    let applied = inspect(url, &mut conn).await?;
    conn.close().await?;
    if TABLES.iter().any(|migration| !applied.contains(&migration.version)) {
        let reason = "it has no tables of this version yet; start `andon run` once, which makes them";
        return Err(refused(url, reason.to_owned()));
    }
    Ok(Histories::of(engine(&options, None).series))
}

fn engine(options: &PgConnectOptions, member: Option<&str>) -> Engine {
    Engine {
        main: Arc::new(PostgresDatabase::new("main", options.clone(), member)),
        // Histories are merged, whoever writes them.
        series: Arc::new(PostgresDatabase::new("samples", options.clone(), None)),
    }
}

fn options(url: &PostgresUrl) -> Result<PgConnectOptions, StoreError> {
    // What the parser says may have the password in it.
    let options = PgConnectOptions::from_str(url.secret())
        .map_err(|_| refused(url, "it is not a URL that libpq would take".to_owned()))?;
    let name = options.get_application_name().unwrap_or("andon").to_owned();
    Ok(options.application_name(&name).disable_statement_logging())
}

async fn connect(url: &PostgresUrl, options: &PgConnectOptions) -> Result<PgConnection, StoreError> {
    let conn = database::connect(options).await.map_err(|e| refused(url, said(&e)))?;
    match conn.server_version_num() {
        Some(version) if version < OLDEST => {
            Err(refused(url, format!("it is PostgreSQL {}; 13 or newer is needed", version / 10_000)))
        }
        _ => Ok(conn),
    }
}

/// The migrations that the tables have had; refuses those of a newer version, and changes nothing.
async fn inspect(url: &PostgresUrl, conn: &mut PgConnection) -> Result<BTreeSet<i64>, StoreError> {
    let encoding: String = sqlx::query_scalar("show server_encoding").fetch_one(&mut *conn).await?;
    if encoding != "UTF8" {
        return Err(refused(
            url,
            format!("it is encoded in {encoding}; make one with `create database ... encoding 'UTF8'`"),
        ));
    }
    // These two are not checked queries: the table is sqlx's own and not there in a new database.
    let there: bool =
        sqlx::query_scalar("select to_regclass('_sqlx_migrations') is not null").fetch_one(&mut *conn).await?;
    if !there {
        return Ok(BTreeSet::new());
    }
    let applied: Vec<i64> = sqlx::query_scalar("select version from _sqlx_migrations").fetch_all(conn).await?;
    match applied.iter().find(|version| !TABLES.version_exists(**version)) {
        Some(migration) => Err(refused(
            url,
            format!("its tables are of a newer version (migration {migration} is not known here); start that version"),
        )),
        None => Ok(applied.into_iter().collect()),
    }
}

/// What an error says, and what helps against it.
fn said(error: &sqlx::Error) -> String {
    // The driver adds a line number, which is of the server's source.
    let Some(said) = error.as_database_error() else { return error.to_string() };
    let mend = match said.code().as_deref() {
        Some("28P01") => "; the password is taken from PGPASSWORD, ~/.pgpass or the URL (percent-encoded)",
        Some("3D000") => "; make it with `create database`",
        Some("42501") => "; make this user its owner, or grant it `create` on the schema",
        _ => "",
    };
    format!("{}{mend}", said.message())
}

fn refused(url: &PostgresUrl, reason: String) -> StoreError {
    StoreError::Server { url: url.to_string(), reason }
}
