//! Rows of any table as they are.
//!
//! Queries are not checked where they name a table of [`andon_store::moving::tables`], which the tests compare with the database.

use andon_store::engine::{CopyRows, Key, KeyPart, Kind, Page, Table, Values};
use async_trait::async_trait;
use sqlx::{
    AssertSqlSafe, Postgres, Row as _,
    postgres::{PgArguments, PgRow},
    query::Query,
};

use crate::{
    partitions,
    session::{Session, Stored},
};

#[async_trait]
impl CopyRows for Session {
    async fn page(&mut self, table: &Table, after: Option<&Key>, limit: usize) -> Stored<Page> {
        let (keys, count) = (ordered(table).join(", "), table.key().len());
        let further = after.map_or(String::new(), |_| format!("and ({keys}) > ({})", marks(1..=count).join(", ")));
        let sql = format!(
            "select {} from {} where {} {further} order by {keys} limit {limit}",
            table.list(),
            table.name,
            table.which
        );
        let query = bound(sqlx::query(AssertSqlSafe(sql)), after);
        let mut page = Page::new(table.columns.iter().map(|c| c.kind));
        for row in query.fetch_all(self.conn()).await? {
            add(&mut page, &row)?;
        }
        Ok(page)
    }

    async fn write(&mut self, table: &Table, page: &Page) -> Stored<()> {
        self.make_partitions(table, page).await?;
        let types = table.columns.iter().map(|column| match column.kind {
            Kind::Int => "bigint",
            Kind::Bool => "boolean",
            Kind::Real => "double precision",
            Kind::Text => "text",
            Kind::Bytes => "bytea",
        });
        let arrays: Vec<_> =
            marks(1..=table.columns.len()).into_iter().zip(types).map(|(n, t)| format!("{n}::{t}[]")).collect();
        let sql = format!("insert into {} ({}) select * from unnest({})", table.name, table.list(), arrays.join(", "));
        let query = page.columns.iter().fold(sqlx::query(AssertSqlSafe(sql)), |query, values| match values {
            Values::Int(all) => query.bind(all),
            Values::Bool(all) => query.bind(all),
            Values::Real(all) => query.bind(all),
            Values::Text(all) => query.bind(all),
            Values::Bytes(all) => query.bind(all),
        });
        query.execute(self.conn()).await?;
        Ok(())
    }

    async fn last_key(&mut self, table: &Table) -> Stored<Option<Key>> {
        let names: Vec<_> = table.key().iter().map(|c| c.name).collect();
        let sql = format!(
            "select {} from {} where {} order by {} desc limit 1",
            names.join(", "),
            table.name,
            table.which,
            ordered(table).join(" desc, ")
        );
        let mut page = Page::new(table.key().iter().map(|c| c.kind));
        if let Some(row) = sqlx::query(AssertSqlSafe(sql)).fetch_optional(self.conn()).await? {
            add(&mut page, &row)?;
        }
        Ok(page.last_key(table))
    }

    async fn count_rows(&mut self, table: &Table) -> Stored<u64> {
        let sql = AssertSqlSafe(format!("select count(*) from {} where {}", table.name, table.which));
        let count: i64 = sqlx::query_scalar(sql).fetch_one(self.conn()).await?;
        Ok(count.unsigned_abs())
    }

    async fn last_number(&mut self, table: &Table) -> Stored<i64> {
        let last = sqlx::query_scalar!(
            r#"select coalesce(pg_sequence_last_value(pg_get_serial_sequence($1, 'id')::regclass), 0) as "last!""#,
            table.name
        )
        .fetch_one(self.conn())
        .await?;
        Ok(last)
    }

    async fn number_after(&mut self, table: &Table, last: i64) -> Stored<()> {
        // A sequence that has given no number yet can't be at 0.
        sqlx::query!(
            "select setval(pg_get_serial_sequence($1, 'id')::regclass, greatest($2::bigint, 1), $2 > 0)",
            table.name,
            last
        )
        .fetch_one(self.conn())
        .await?;
        Ok(())
    }

    async fn put_aside(&mut self) -> Stored<Vec<(&'static str, u64)>> {
        let batches = sqlx::query_scalar!(r#"select count(*) as "n!" from broken_tail"#).fetch_one(self.conn()).await?;
        Ok(if batches > 0 { vec![("broken_tail", batches.unsigned_abs())] } else { Vec::new() })
    }
}

impl Session {
    /// Makes the partitions that rows belong in.
    async fn make_partitions(&mut self, table: &Table, page: &Page) -> Stored<()> {
        let (of, column) = match table.name {
            "block" => (partitions::Table::Block, "first_us"),
            "score" => (partitions::Table::Score, "time_us"),
            "tag_score" => (partitions::Table::TagScore, "time_us"),
            _ => return Ok(()),
        };
        let times = table.position(column).and_then(|n| page.columns.get(n));
        if let Some(Values::Int(times)) = times {
            for time_us in times.iter().flatten() {
                self.make_partition(of, *time_us).await?;
            }
        }
        Ok(())
    }
}

/// The columns of the key; texts by their bytes, as SQLite orders them.
fn ordered(table: &Table) -> Vec<String> {
    let by_bytes = |kind| if kind == Kind::Text { " collate \"C\"" } else { "" };
    table.key().iter().map(|c| format!("{}{}", c.name, by_bytes(c.kind))).collect()
}

fn marks(numbers: impl Iterator<Item = usize>) -> Vec<String> {
    numbers.map(|n| format!("${n}")).collect()
}

type Asked<'q> = Query<'q, Postgres, PgArguments>;

fn bound<'q>(query: Asked<'q>, key: Option<&Key>) -> Asked<'q> {
    key.into_iter().flat_map(|key| &key.0).fold(query, |query, part| match part {
        KeyPart::Int(number) => query.bind(*number),
        KeyPart::Text(text) => query.bind(text),
    })
}

fn add(page: &mut Page, row: &PgRow) -> Stored<()> {
    for (n, values) in page.columns.iter_mut().enumerate() {
        match values {
            Values::Int(all) => all.push(row.try_get(n)?),
            Values::Bool(all) => all.push(row.try_get(n)?),
            Values::Real(all) => all.push(row.try_get::<Option<f64>, _>(n)?.filter(|value| !value.is_nan())),
            Values::Text(all) => all.push(row.try_get(n)?),
            Values::Bytes(all) => all.push(row.try_get(n)?),
        }
    }
    Ok(())
}
