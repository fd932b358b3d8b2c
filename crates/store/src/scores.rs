//! Verdicts: one score row an asset and time; what was expected of each tag is in [`crate::expected`].

use andon_plant::{AssetName, Mode, StatusCode, TagFinding, TagKey, TagVerdict, Timestamp, Verdict};
use sqlx::SqliteConnection;

use crate::{
    error::StoreError,
    expected::{insert_tag, or_nan, tag_verdicts},
    names::Names,
    series::{Buckets, Extent, SeriesQuery},
    store::Store,
    tables::SeriesWrite,
};

/// Verdicts in one command.
const APPEND_VERDICTS: usize = 500;

/// An asset's verdict at one time, without its tags. Numbers other than the score are NaN where they were not finite.
#[derive(Debug, Clone, PartialEq)]
pub struct ScorePoint {
    /// The grid time.
    pub time: Timestamp,
    /// -log10 p; always finite.
    pub score: f64,
    /// The score from which on this is an anomaly.
    pub threshold: f64,
    /// 1 - p.
    pub probability: f64,
    /// The lower end of its confidence interval.
    pub probability_low: f64,
    /// The upper end of its confidence interval.
    pub probability_high: f64,
    /// The operating mode.
    pub mode: Mode,
    /// The share of the window that was made up.
    pub imputed: f64,
    /// The verdict's status.
    pub status: StatusCode,
}

impl Store {
    /// Queues verdicts; waits only for room in the writer's queue. A verdict replaces the asset's earlier one at that
    /// time, tags and all.
    ///
    /// # Errors
    /// If a score is not finite (none of the batch is stored then) or the store is closed.
    pub async fn append_scores(&self, verdicts: Vec<Verdict>) -> Result<(), StoreError> {
        if let Some(v) = verdicts.iter().find(|v| !v.score.is_finite()) {
            return Err(StoreError::NotFinite { asset: v.asset.clone(), time: v.time, score: v.score });
        }
        let mut rest = verdicts;
        while rest.len() > APPEND_VERDICTS {
            let after = rest.split_off(APPEND_VERDICTS);
            self.series().queue(SeriesWrite::Verdicts(std::mem::replace(&mut rest, after))).await?;
        }
        if rest.is_empty() { Ok(()) } else { self.series().queue(SeriesWrite::Verdicts(rest)).await }
    }

    /// An asset's scores with `from <= time < to`; thinning keeps each bucket's lowest and highest score.
    ///
    /// # Errors
    /// If the database fails or a row is broken.
    #[tracing::instrument(name = "store.scores.read", skip_all, fields(asset = %asset))]
    pub async fn scores(
        &self,
        asset: &AssetName,
        from: Timestamp,
        to: Timestamp,
        query: SeriesQuery,
    ) -> Result<Vec<ScorePoint>, StoreError> {
        let mut conn = self.series_readers().acquire().await?;
        let Some(id) = find_asset(&mut conn, asset).await? else { return Ok(Vec::new()) };
        let span = (from.as_micros(), to.as_micros());
        let buckets = match query.max_points {
            Some(max_points) => Buckets::plan(score_extent(&mut conn, id, span).await?, max_points, 2),
            None => None,
        };
        let rows = match buckets {
            Some(buckets) => query.arrange(thinned_scores(&mut conn, id, buckets).await?),
            None if query.newest_first => newest_scores(&mut conn, id, span, query.sql_limit()).await?,
            None => oldest_scores(&mut conn, id, span, query.sql_limit()).await?,
        };
        rows.into_iter().map(|row| row.point(asset)).collect()
    }

    /// An asset's newest verdict that is not later than `time`, with its tags in the asset's order. Whether it was late and what
    /// the model looked at are not stored.
    ///
    /// # Errors
    /// If the database fails or a row is broken.
    pub async fn verdict_at(&self, asset: &AssetName, time: Timestamp) -> Result<Option<Verdict>, StoreError> {
        // One transaction, so that the score and its tags are of one moment.
        let mut conn = self.series_readers().begin().await?;
        let Some(id) = find_asset(&mut conn, asset).await? else { return Ok(None) };
        let Some(row) = score_not_after(&mut conn, id, time.as_micros()).await? else { return Ok(None) };
        let tags = tag_verdicts(&mut conn, id, row.time_us).await?;
        let tags: Vec<_> = tags.into_iter().map(|tag| tag.verdict(asset)).collect::<Result<_, _>>()?;
        let findings = found(&tags);
        let tags = tags.into_iter().map(|(tag, _)| tag).collect();
        let p = row.point(asset)?;
        Ok(Some(Verdict {
            asset: asset.clone(),
            time: p.time,
            score: p.score,
            threshold: p.threshold,
            probability: p.probability,
            probability_low: p.probability_low,
            probability_high: p.probability_high,
            mode: p.mode,
            imputed: p.imputed,
            status: p.status,
            tags,
            late: false,
            findings,
            attention: Vec::new(),
        }))
    }
}

/// What was wrong with the tags, largest share first.
fn found(tags: &[(TagVerdict, Option<TagFinding>)]) -> Vec<TagFinding> {
    let mut named: Vec<_> = tags.iter().filter_map(|(tag, f)| Some((tag.contribution, f.clone()?))).collect();
    named.sort_by(|a, b| b.0.total_cmp(&a.0));
    named.into_iter().map(|(_, finding)| finding).collect()
}

pub(crate) async fn insert(
    conn: &mut SqliteConnection,
    names: &mut Names,
    verdicts: &[Verdict],
) -> Result<i64, StoreError> {
    for verdict in verdicts {
        let asset = names.asset(&mut *conn, &verdict.asset).await?;
        insert_score(&mut *conn, asset, verdict).await?;
        for (position, tag) in verdict.tags.iter().enumerate() {
            let key = TagKey { asset: verdict.asset.clone(), tag: tag.tag.clone() };
            let tag_id = names.tag(&mut *conn, &key).await?;
            let finding = verdict.findings.iter().find(|f| f.tag == tag.tag);
            insert_tag(&mut *conn, tag_id, verdict.time, position as i64, (tag, finding)).await?;
        }
    }
    Ok(verdicts.len() as i64)
}

async fn insert_score(conn: &mut SqliteConnection, asset: i64, v: &Verdict) -> Result<(), StoreError> {
    let (time_us, mode, status) = (v.time.as_micros(), v.mode.as_str(), i64::from(v.status.0));
    let written = sqlx::query!(
        "insert into score (asset_id, time_us, score, threshold, probability, probability_low, probability_high, mode,
             imputed, status)
         values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
         on conflict (asset_id, time_us) do nothing",
        asset,
        time_us,
        v.score,
        v.threshold,
        v.probability,
        v.probability_low,
        v.probability_high,
        mode,
        v.imputed,
        status
    )
    .execute(&mut *conn)
    .await?;
    if written.rows_affected() > 0 {
        return Ok(());
    }
    // The row was judged before, perhaps by a model of other tags: nothing of that verdict stays.
    sqlx::query!(
        "delete from tag_score where time_us = ? and tag_id in (select id from tag where asset_id = ?)",
        time_us,
        asset
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "update score set score = ?, threshold = ?, probability = ?, probability_low = ?, probability_high = ?, mode = ?,
             imputed = ?, status = ?
         where asset_id = ? and time_us = ?",
        v.score,
        v.threshold,
        v.probability,
        v.probability_low,
        v.probability_high,
        mode,
        v.imputed,
        status,
        asset,
        time_us
    )
    .execute(conn)
    .await?;
    Ok(())
}

struct ScoreRow {
    time_us: i64,
    score: f64,
    threshold: Option<f64>,
    probability: Option<f64>,
    probability_low: Option<f64>,
    probability_high: Option<f64>,
    mode: String,
    imputed: Option<f64>,
    status: i64,
}

impl ScoreRow {
    fn point(self, asset: &AssetName) -> Result<ScorePoint, StoreError> {
        let time = Timestamp::from_micros(self.time_us);
        let broken = |reason: String| StoreError::broken("score", format!("{asset} at {time}"), reason);
        if !self.score.is_finite() {
            return Err(broken(format!("the score {} is not finite", self.score)));
        }
        let status = u32::try_from(self.status)
            .map_err(|_| broken(format!("the status {} is not a StatusCode", self.status)))?;
        Ok(ScorePoint {
            time,
            score: self.score,
            threshold: or_nan(self.threshold),
            probability: or_nan(self.probability),
            probability_low: or_nan(self.probability_low),
            probability_high: or_nan(self.probability_high),
            mode: Mode::from(self.mode),
            imputed: or_nan(self.imputed),
            status: StatusCode(status),
        })
    }
}

async fn find_asset(conn: &mut SqliteConnection, asset: &AssetName) -> Result<Option<i64>, StoreError> {
    let name = asset.as_str();
    let id = sqlx::query_scalar!(r#"select id as "id!" from asset where name = ?"#, name).fetch_optional(conn).await?;
    Ok(id)
}

type Span = (i64, i64);

async fn score_extent(conn: &mut SqliteConnection, asset: i64, (from, to): Span) -> Result<Extent, StoreError> {
    let extent = sqlx::query_as!(
        Extent,
        r#"select count(*) as "count!: i64", min(time_us) as "first_us: i64", max(time_us) as "last_us: i64"
           from score where asset_id = ? and time_us >= ? and time_us < ?"#,
        asset,
        from,
        to
    )
    .fetch_one(conn)
    .await?;
    Ok(extent)
}

async fn oldest_scores(
    conn: &mut SqliteConnection,
    asset: i64,
    (from, to): Span,
    limit: i64,
) -> Result<Vec<ScoreRow>, StoreError> {
    let rows = sqlx::query_as!(
        ScoreRow,
        r#"select time_us, score, threshold, probability, probability_low, probability_high, mode, imputed, status
           from score where asset_id = ? and time_us >= ? and time_us < ?
           order by time_us limit ?"#,
        asset,
        from,
        to,
        limit
    )
    .fetch_all(conn)
    .await?;
    Ok(rows)
}

async fn newest_scores(
    conn: &mut SqliteConnection,
    asset: i64,
    (from, to): Span,
    limit: i64,
) -> Result<Vec<ScoreRow>, StoreError> {
    let rows = sqlx::query_as!(
        ScoreRow,
        r#"select time_us, score, threshold, probability, probability_low, probability_high, mode, imputed, status
           from score where asset_id = ? and time_us >= ? and time_us < ?
           order by time_us desc limit ?"#,
        asset,
        from,
        to,
        limit
    )
    .fetch_all(conn)
    .await?;
    Ok(rows)
}

// `cross join` keeps SQLite from walking the whole history in search of the few times picked.
async fn thinned_scores(conn: &mut SqliteConnection, asset: i64, b: Buckets) -> Result<Vec<ScoreRow>, StoreError> {
    let rows = sqlx::query_as!(
        ScoreRow,
        r#"with recursive
           bucket (low) as (select ?2 union all select low + ?4 from bucket where low + ?4 < ?3),
           picked (time_us) as (
               select (select time_us from score
                       where asset_id = ?1 and time_us >= low and time_us < min(low + ?4, ?3)
                       order by score, time_us limit 1) from bucket
               union
               select (select time_us from score
                       where asset_id = ?1 and time_us >= low and time_us < min(low + ?4, ?3)
                       order by score desc, time_us limit 1) from bucket
           )
           select s.time_us as "time_us!: i64", s.score as "score!: f64", s.threshold as "threshold: f64",
               s.probability as "probability: f64", s.probability_low as "probability_low: f64",
               s.probability_high as "probability_high: f64", s.mode as "mode!: String", s.imputed as "imputed: f64",
               s.status as "status!: i64"
           from picked cross join score as s on s.asset_id = ?1 and s.time_us = picked.time_us
           order by s.time_us"#,
        asset,
        b.from_us,
        b.to_us,
        b.width_us
    )
    .fetch_all(conn)
    .await?;
    Ok(rows)
}

async fn score_not_after(
    conn: &mut SqliteConnection,
    asset: i64,
    time_us: i64,
) -> Result<Option<ScoreRow>, StoreError> {
    let row = sqlx::query_as!(
        ScoreRow,
        "select time_us, score, threshold, probability, probability_low, probability_high, mode, imputed, status
         from score where asset_id = ? and time_us <= ? order by time_us desc limit 1",
        asset,
        time_us
    )
    .fetch_optional(conn)
    .await?;
    Ok(row)
}
