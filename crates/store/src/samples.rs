//! Samples: appended in any order, read in order of time.

use std::collections::HashMap;

use andon_plant::{AssetName, Sample, StatusCode, TagKey, TagSample, Timestamp};
use sqlx::SqliteConnection;

use crate::{
    error::StoreError,
    series::{Buckets, Extent, SeriesQuery},
    store::Store,
    tables::SeriesWrite,
};

/// Samples in one command, so that one long backfill does not hold up the queue.
const APPEND_ROWS: usize = 4_000;

impl Store {
    /// Queues samples, in any order; waits only for room in the writer's queue. They can be read once
    /// [`flush`](Store::flush) has returned, or a moment later without it. Of two samples of a tag at one time the later
    /// appended is kept.
    ///
    /// # Errors
    /// If the store is closed.
    pub async fn append_samples(&self, samples: Vec<TagSample>) -> Result<(), StoreError> {
        let mut rest = samples;
        while rest.len() > APPEND_ROWS {
            let after = rest.split_off(APPEND_ROWS);
            self.series().queue(SeriesWrite::Samples(std::mem::replace(&mut rest, after))).await?;
        }
        if rest.is_empty() { Ok(()) } else { self.series().queue(SeriesWrite::Samples(rest)).await }
    }

    /// A tag's samples with `from <= time < to`.
    ///
    /// # Errors
    /// If the database fails or a row is broken.
    #[tracing::instrument(name = "store.samples.read", skip_all, fields(tag = %key))]
    pub async fn samples(
        &self,
        key: &TagKey,
        from: Timestamp,
        to: Timestamp,
        query: SeriesQuery,
    ) -> Result<Vec<Sample>, StoreError> {
        let mut conn = self.series_readers().acquire().await?;
        let Some(tag) = find_tag(&mut conn, key).await? else { return Ok(Vec::new()) };
        let span = (from.as_micros(), to.as_micros());
        let buckets = match query.max_points {
            Some(max_points) => Buckets::plan(extent(&mut conn, tag, span).await?, max_points, 3),
            None => None,
        };
        let rows = match buckets {
            Some(buckets) => query.arrange(thinned(&mut conn, tag, buckets).await?),
            None if query.newest_first => newest_first(&mut conn, tag, span, query.sql_limit()).await?,
            None => oldest_first(&mut conn, tag, span, query.sql_limit()).await?,
        };
        rows.into_iter().map(|row| row.sample(key)).collect()
    }

    /// A tag's newest sample.
    ///
    /// # Errors
    /// If the database fails or the row is broken.
    pub async fn latest_sample(&self, key: &TagKey) -> Result<Option<Sample>, StoreError> {
        self.sample_at(key, Timestamp::from_micros(i64::MAX)).await
    }

    /// The sample in force at `time`: a tag's newest that is not later.
    ///
    /// # Errors
    /// If the database fails or the row is broken.
    pub async fn sample_at(&self, key: &TagKey, time: Timestamp) -> Result<Option<Sample>, StoreError> {
        let mut conn = self.series_readers().acquire().await?;
        let Some(tag) = find_tag(&mut conn, key).await? else { return Ok(None) };
        let time_us = time.as_micros();
        let row = sqlx::query_as!(
            SampleRow,
            "select time_us, value, status from sample where tag_id = ? and time_us <= ?
             order by time_us desc limit 1",
            tag,
            time_us
        )
        .fetch_optional(&mut *conn)
        .await?;
        row.map(|row| row.sample(key)).transpose()
    }

    /// The times of an asset's first and last sample.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn span(&self, asset: &AssetName) -> Result<Option<(Timestamp, Timestamp)>, StoreError> {
        let name = asset.as_str();
        let row = sqlx::query!(
            r#"select min(first_us) as "first_us: i64", max(last_us) as "last_us: i64" from (
                   select
                       (select min(time_us) from sample where tag_id = tag.id) as first_us,
                       (select max(time_us) from sample where tag_id = tag.id) as last_us
                   from tag join asset on asset.id = tag.asset_id
                   where asset.name = ?
               )"#,
            name
        )
        .fetch_one(self.series_readers())
        .await?;
        Ok(row.first_us.zip(row.last_us).map(|(a, b)| (Timestamp::from_micros(a), Timestamp::from_micros(b))))
    }
}

/// The numbers that stand for names in rows.
#[derive(Debug, Default)]
pub(crate) struct Names {
    assets: HashMap<AssetName, i64>,
    tags: HashMap<TagKey, i64>,
}

impl Names {
    pub(crate) async fn asset(&mut self, conn: &mut SqliteConnection, asset: &AssetName) -> Result<i64, StoreError> {
        if let Some(id) = self.assets.get(asset) {
            return Ok(*id);
        }
        let name = asset.as_str();
        sqlx::query!("insert into asset (name) values (?) on conflict do nothing", name).execute(&mut *conn).await?;
        let id = sqlx::query_scalar!(r#"select id as "id!" from asset where name = ?"#, name).fetch_one(conn).await?;
        self.assets.insert(asset.clone(), id);
        Ok(id)
    }

    pub(crate) async fn tag(&mut self, conn: &mut SqliteConnection, key: &TagKey) -> Result<i64, StoreError> {
        if let Some(id) = self.tags.get(key) {
            return Ok(*id);
        }
        let asset = self.asset(&mut *conn, &key.asset).await?;
        let name = key.tag.as_str();
        sqlx::query!("insert into tag (asset_id, name) values (?, ?) on conflict do nothing", asset, name)
            .execute(&mut *conn)
            .await?;
        let id = sqlx::query_scalar!(r#"select id as "id!" from tag where asset_id = ? and name = ?"#, asset, name)
            .fetch_one(conn)
            .await?;
        self.tags.insert(key.clone(), id);
        Ok(id)
    }
}

pub(crate) async fn find_tag(conn: &mut SqliteConnection, key: &TagKey) -> Result<Option<i64>, StoreError> {
    let (asset, tag) = (key.asset.as_str(), key.tag.as_str());
    let id = sqlx::query_scalar!(
        r#"select tag.id as "id!" from tag join asset on asset.id = tag.asset_id where asset.name = ? and tag.name = ?"#,
        asset,
        tag
    )
    .fetch_optional(conn)
    .await?;
    Ok(id)
}

pub(crate) async fn insert(
    conn: &mut SqliteConnection,
    names: &mut Names,
    samples: &[TagSample],
) -> Result<i64, StoreError> {
    for TagSample { key, sample } in samples {
        let tag = names.tag(&mut *conn, key).await?;
        // Anyone can fill in the fields; what is stored obeys the sample's invariant.
        let Sample { time, value, status } = Sample::new(sample.time, sample.value, sample.status);
        let (time_us, value, status) = (time.as_micros(), Some(value).filter(|v| v.is_finite()), i64::from(status.0));
        sqlx::query!(
            "insert into sample (tag_id, time_us, value, status) values (?, ?, ?, ?)
             on conflict (tag_id, time_us) do update set value = excluded.value, status = excluded.status",
            tag,
            time_us,
            value,
            status
        )
        .execute(&mut *conn)
        .await?;
    }
    Ok(samples.len() as i64)
}

struct SampleRow {
    time_us: i64,
    value: Option<f64>,
    status: i64,
}

impl SampleRow {
    fn sample(self, key: &TagKey) -> Result<Sample, StoreError> {
        let time = Timestamp::from_micros(self.time_us);
        let broken = |reason: String| StoreError::broken("sample", format!("{key} at {time}"), reason);
        let status = u32::try_from(self.status)
            .map(StatusCode)
            .map_err(|_| broken(format!("the status {} is not a StatusCode", self.status)))?;
        match (self.value, status.is_bad()) {
            (Some(value), false) if value.is_finite() => Ok(Sample { time, value, status }),
            (None, true) => Ok(Sample::bad(time, status)),
            (value, _) => Err(broken(format!("the value {value:?} does not go with the status {status}"))),
        }
    }
}

type Span = (i64, i64);

async fn extent(conn: &mut SqliteConnection, tag: i64, (from, to): Span) -> Result<Extent, StoreError> {
    let extent = sqlx::query_as!(
        Extent,
        r#"select count(*) as "count!: i64", min(time_us) as "first_us: i64", max(time_us) as "last_us: i64"
           from sample where tag_id = ? and time_us >= ? and time_us < ?"#,
        tag,
        from,
        to
    )
    .fetch_one(conn)
    .await?;
    Ok(extent)
}

async fn oldest_first(
    conn: &mut SqliteConnection,
    tag: i64,
    (from, to): Span,
    limit: i64,
) -> Result<Vec<SampleRow>, StoreError> {
    let rows = sqlx::query_as!(
        SampleRow,
        "select time_us, value, status from sample where tag_id = ? and time_us >= ? and time_us < ?
         order by time_us limit ?",
        tag,
        from,
        to,
        limit
    )
    .fetch_all(conn)
    .await?;
    Ok(rows)
}

async fn newest_first(
    conn: &mut SqliteConnection,
    tag: i64,
    (from, to): Span,
    limit: i64,
) -> Result<Vec<SampleRow>, StoreError> {
    let rows = sqlx::query_as!(
        SampleRow,
        "select time_us, value, status from sample where tag_id = ? and time_us >= ? and time_us < ?
         order by time_us desc limit ?",
        tag,
        from,
        to,
        limit
    )
    .fetch_all(conn)
    .await?;
    Ok(rows)
}

// `cross join` keeps SQLite from walking the whole history in search of the few times picked.
async fn thinned(conn: &mut SqliteConnection, tag: i64, b: Buckets) -> Result<Vec<SampleRow>, StoreError> {
    let rows = sqlx::query_as!(
        SampleRow,
        r#"with recursive
           bucket (low) as (select ?2 union all select low + ?4 from bucket where low + ?4 < ?3),
           picked (time_us) as (
               select (select time_us from sample
                       where tag_id = ?1 and time_us >= low and time_us < min(low + ?4, ?3) and value is not null
                       order by value, time_us limit 1) from bucket
               union
               select (select time_us from sample
                       where tag_id = ?1 and time_us >= low and time_us < min(low + ?4, ?3) and value is not null
                       order by value desc, time_us limit 1) from bucket
               union
               select (select time_us from sample
                       where tag_id = ?1 and time_us >= low and time_us < min(low + ?4, ?3) and value is null
                       order by time_us limit 1) from bucket
           )
           select s.time_us as "time_us!: i64", s.value as "value: f64", s.status as "status!: i64"
           from picked cross join sample as s on s.tag_id = ?1 and s.time_us = picked.time_us
           order by s.time_us"#,
        tag,
        b.from_us,
        b.to_us,
        b.width_us
    )
    .fetch_all(conn)
    .await?;
    Ok(rows)
}
