//! `andon.db`: alarms with their journal, and models.

use andon_plant::AlarmId;
use sqlx::SqliteConnection;

use super::{Checkup, Finding};
use crate::{alarms, error::StoreError};

const FILE: &str = "andon.db";
/// Alarms whose numbers are read at a time.
const PAGE: i64 = 1_000;

pub(super) async fn examine(
    conn: &mut SqliteConnection,
    checkup: &mut Checkup,
    model: impl Fn(&str, Vec<u8>) -> Result<(), String>,
) -> Result<(), StoreError> {
    if let Err(error) = all_alarms(&mut *conn, checkup).await {
        checkup.add(Finding {
            file: FILE,
            what: "alarms",
            reason: error.to_string(),
            lost: true,
            ..Finding::default()
        });
    }
    if let Err(error) = models(conn, checkup, model).await {
        checkup.add(Finding {
            file: FILE,
            what: "models",
            reason: error.to_string(),
            lost: true,
            ..Finding::default()
        });
    }
    Ok(())
}

async fn all_alarms(conn: &mut SqliteConnection, checkup: &mut Checkup) -> Result<(), StoreError> {
    let mut after = 0;
    loop {
        let ids = sqlx::query_scalar!("select id from alarm where id > ? order by id limit ?", after, PAGE)
            .fetch_all(&mut *conn)
            .await?;
        let Some(last) = ids.last() else { return Ok(()) };
        after = *last;
        for id in ids {
            match alarms::whole(&mut *conn, AlarmId(id)).await {
                Ok(_) => checkup.alarms += 1,
                Err(error @ StoreError::BrokenRow { .. }) => checkup.add(Finding {
                    file: FILE,
                    what: "alarm",
                    of: vec![id.to_string()],
                    reason: error.to_string(),
                    lost: true,
                    ..Finding::default()
                }),
                Err(error) => return Err(error),
            }
        }
    }
}

async fn models(
    conn: &mut SqliteConnection,
    checkup: &mut Checkup,
    model: impl Fn(&str, Vec<u8>) -> Result<(), String>,
) -> Result<(), StoreError> {
    let names = sqlx::query!("select asset, version from model order by asset, version").fetch_all(&mut *conn).await?;
    for name in names {
        let row = sqlx::query!(
            "select manifest, weights from model where asset = ? and version = ?",
            name.asset,
            name.version
        )
        .fetch_optional(&mut *conn)
        .await;
        let said = match row {
            Ok(Some(row)) => model(&row.manifest, row.weights),
            // Deleted meanwhile.
            Ok(None) => continue,
            Err(error) => Err(error.to_string()),
        };
        match said {
            Ok(()) => checkup.models += 1,
            Err(reason) => checkup.add(Finding {
                file: FILE,
                what: "model",
                of: vec![format!("{} version {}", name.asset, name.version)],
                reason,
                lost: true,
                ..Finding::default()
            }),
        }
    }
    Ok(())
}
