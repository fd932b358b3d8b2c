//! What was expected of each tag: the band of a trend, and who carried a score.

use andon_plant::{AssetName, TagFinding, TagKey, TagName, TagVerdict, Timestamp};
use sqlx::SqliteConnection;

use crate::{
    alarms::finding,
    error::StoreError,
    names::find_tag,
    series::{Buckets, Extent, SeriesQuery},
    store::Store,
};

/// What was expected of a tag at one time, in the tag's unit. Numbers are NaN where they were not finite.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ExpectedPoint {
    /// The grid time.
    pub time: Timestamp,
    /// The value the window had.
    pub value: f64,
    /// The value the model expected.
    pub expected: f64,
    /// The lower edge of what is normal.
    pub expected_low: f64,
    /// The upper edge of what is normal.
    pub expected_high: f64,
    /// `value - expected`.
    pub residual: f64,
    /// The tag's share of the score.
    pub contribution: f64,
    /// Whether the value was made up.
    pub imputed: bool,
}

impl Store {
    /// What was expected of a tag with `from <= time < to`; thinning keeps each bucket's lowest and highest residual.
    ///
    /// # Errors
    /// If the database fails.
    #[tracing::instrument(name = "store.expected.read", skip_all, fields(tag = %key))]
    pub async fn expected(
        &self,
        key: &TagKey,
        from: Timestamp,
        to: Timestamp,
        query: SeriesQuery,
    ) -> Result<Vec<ExpectedPoint>, StoreError> {
        let mut conn = self.series_readers().acquire().await?;
        let Some(tag) = find_tag(&mut conn, key).await? else { return Ok(Vec::new()) };
        let span = (from.as_micros(), to.as_micros());
        let buckets = match query.max_points {
            Some(max_points) => Buckets::plan(expected_extent(&mut conn, tag, span).await?, max_points, 3),
            None => None,
        };
        let rows = match buckets {
            Some(buckets) => query.arrange(thinned_expected(&mut conn, tag, buckets).await?),
            None if query.newest_first => newest_expected(&mut conn, tag, span, query.sql_limit()).await?,
            None => oldest_expected(&mut conn, tag, span, query.sql_limit()).await?,
        };
        Ok(rows.into_iter().map(ExpectedRow::point).collect())
    }
}

pub(crate) async fn insert_tag(
    conn: &mut SqliteConnection,
    tag_id: i64,
    time: Timestamp,
    position: i64,
    (tag, finding): (&TagVerdict, Option<&TagFinding>),
) -> Result<(), StoreError> {
    let time_us = time.as_micros();
    let (class, text) = (finding.map(|f| f.class.as_str()), finding.map(|f| f.text.as_str()));
    // SQLite writes a NaN as null, and -0.0 as 0.0.
    sqlx::query!(
        "insert or replace into tag_score (tag_id, time_us, position, value, expected, expected_low, expected_high, residual,
             contribution, imputed, class, finding)
         values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        tag_id,
        time_us,
        position,
        tag.value,
        tag.expected,
        tag.expected_low,
        tag.expected_high,
        tag.residual,
        tag.contribution,
        tag.imputed,
        class,
        text
    )
    .execute(conn)
    .await?;
    Ok(())
}

struct ExpectedRow {
    time_us: i64,
    value: Option<f64>,
    expected: Option<f64>,
    expected_low: Option<f64>,
    expected_high: Option<f64>,
    residual: Option<f64>,
    contribution: Option<f64>,
    imputed: bool,
}

impl ExpectedRow {
    fn point(self) -> ExpectedPoint {
        ExpectedPoint {
            time: Timestamp::from_micros(self.time_us),
            value: or_nan(self.value),
            expected: or_nan(self.expected),
            expected_low: or_nan(self.expected_low),
            expected_high: or_nan(self.expected_high),
            residual: or_nan(self.residual),
            contribution: or_nan(self.contribution),
            imputed: self.imputed,
        }
    }
}

pub(crate) struct TagVerdictRow {
    id: i64,
    tag: String,
    value: Option<f64>,
    expected: Option<f64>,
    expected_low: Option<f64>,
    expected_high: Option<f64>,
    residual: Option<f64>,
    contribution: Option<f64>,
    imputed: bool,
    class: Option<String>,
    finding: Option<String>,
}

impl TagVerdictRow {
    pub(crate) fn verdict(self, asset: &AssetName) -> Result<(TagVerdict, Option<TagFinding>), StoreError> {
        let place = format!("{} of {asset}", self.id);
        let broken = |e: String| StoreError::broken("tag", &place, e);
        let tag = TagName::new(&self.tag).map_err(|e| broken(e.to_string()))?;
        let finding = finding(&tag, self.class, self.finding).map_err(|e| broken(e.to_string()))?;
        let verdict = TagVerdict {
            tag,
            value: or_nan(self.value),
            expected: or_nan(self.expected),
            expected_low: or_nan(self.expected_low),
            expected_high: or_nan(self.expected_high),
            residual: or_nan(self.residual),
            contribution: or_nan(self.contribution),
            imputed: self.imputed,
        };
        Ok((verdict, finding))
    }
}

/// A number that is null where it was not finite when it was written.
pub(crate) fn or_nan(value: Option<f64>) -> f64 {
    value.unwrap_or(f64::NAN)
}

type Span = (i64, i64);

async fn expected_extent(conn: &mut SqliteConnection, tag: i64, (from, to): Span) -> Result<Extent, StoreError> {
    let extent = sqlx::query_as!(
        Extent,
        r#"select count(*) as "count!: i64", min(time_us) as "first_us: i64", max(time_us) as "last_us: i64"
           from tag_score where tag_id = ? and time_us >= ? and time_us < ?"#,
        tag,
        from,
        to
    )
    .fetch_one(conn)
    .await?;
    Ok(extent)
}

async fn oldest_expected(
    conn: &mut SqliteConnection,
    tag: i64,
    (from, to): Span,
    limit: i64,
) -> Result<Vec<ExpectedRow>, StoreError> {
    let rows = sqlx::query_as!(
        ExpectedRow,
        r#"select time_us, value, expected, expected_low, expected_high, residual, contribution, imputed as "imputed: bool"
           from tag_score where tag_id = ? and time_us >= ? and time_us < ?
           order by time_us limit ?"#,
        tag,
        from,
        to,
        limit
    )
    .fetch_all(conn)
    .await?;
    Ok(rows)
}

async fn newest_expected(
    conn: &mut SqliteConnection,
    tag: i64,
    (from, to): Span,
    limit: i64,
) -> Result<Vec<ExpectedRow>, StoreError> {
    let rows = sqlx::query_as!(
        ExpectedRow,
        r#"select time_us, value, expected, expected_low, expected_high, residual, contribution, imputed as "imputed: bool"
           from tag_score where tag_id = ? and time_us >= ? and time_us < ?
           order by time_us desc limit ?"#,
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
async fn thinned_expected(conn: &mut SqliteConnection, tag: i64, b: Buckets) -> Result<Vec<ExpectedRow>, StoreError> {
    let rows = sqlx::query_as!(
        ExpectedRow,
        r#"with recursive
           bucket (low) as (select ?2 union all select low + ?4 from bucket where low + ?4 < ?3),
           picked (time_us) as (
               select (select time_us from tag_score
                       where tag_id = ?1 and time_us >= low and time_us < min(low + ?4, ?3) and residual is not null
                       order by residual, time_us limit 1) from bucket
               union
               select (select time_us from tag_score
                       where tag_id = ?1 and time_us >= low and time_us < min(low + ?4, ?3) and residual is not null
                       order by residual desc, time_us limit 1) from bucket
               union
               select (select time_us from tag_score
                       where tag_id = ?1 and time_us >= low and time_us < min(low + ?4, ?3) and residual is null
                       order by time_us limit 1) from bucket
           )
           select s.time_us as "time_us!: i64", s.value as "value: f64", s.expected as "expected: f64",
               s.expected_low as "expected_low: f64", s.expected_high as "expected_high: f64",
               s.residual as "residual: f64", s.contribution as "contribution: f64", s.imputed as "imputed!: bool"
           from picked cross join tag_score as s on s.tag_id = ?1 and s.time_us = picked.time_us
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

pub(crate) async fn tag_verdicts(
    conn: &mut SqliteConnection,
    asset: i64,
    time_us: i64,
) -> Result<Vec<TagVerdictRow>, StoreError> {
    let rows = sqlx::query_as!(
        TagVerdictRow,
        r#"select tag.id as "id!", tag.name as tag, s.value, s.expected, s.expected_low, s.expected_high, s.residual,
               s.contribution, s.imputed as "imputed: bool", s.class, s.finding
           from tag join tag_score as s on s.tag_id = tag.id
           where tag.asset_id = ? and s.time_us = ?
           order by s.position"#,
        asset,
        time_us
    )
    .fetch_all(conn)
    .await?;
    Ok(rows)
}
