//! Rows of any table as they are.
//!
//! Not checked queries: their tables are those of [`crate::moving::tables`], and the tests compare these with the files.

use async_trait::async_trait;
use futures::TryStreamExt as _;
use sqlx::{
    AssertSqlSafe, QueryBuilder, Row as _, Sqlite, SqliteConnection,
    query::Query,
    sqlite::{SqliteArguments, SqliteRow},
};

use crate::{
    error::StoreError,
    moving::{
        copy::CopyRows,
        page::{Key, KeyPart, Page, Values},
        tables::{Kind, Table},
    },
};

/// Values in one statement: SQLite takes 32766 (<https://sqlite.org/limits.html>), and more than some thousand are not faster.
const VALUES: usize = 4_000;

#[async_trait]
impl CopyRows for SqliteConnection {
    async fn page(&mut self, table: &Table, after: Option<&Key>, limit: usize) -> Result<Page, StoreError> {
        let (list, keys) = (columns(table), names(table));
        let further = after.map_or(String::new(), |_| format!("and ({keys}) > ({})", marks(table.key().len())));
        let sql =
            format!("select {list} from {} where {} {further} order by {keys} limit {limit}", table.name, table.which);
        let query = bound(sqlx::query(AssertSqlSafe(sql)), after);
        let mut page = Page::new(table.columns.iter().map(|c| c.kind));
        let mut rows = query.fetch(self);
        while let Some(row) = rows.try_next().await? {
            add(&mut page, &row)?;
        }
        Ok(page)
    }

    async fn write(&mut self, table: &Table, page: &Page) -> Result<(), StoreError> {
        if table.name == "block" {
            return write_blocks(self, table, page).await;
        }
        let into = format!("insert into {} ({}) ", table.name, table.list());
        insert(self, &into, &page.columns.iter().collect::<Vec<_>>()).await
    }

    async fn last_key(&mut self, table: &Table) -> Result<Option<Key>, StoreError> {
        let keys: Vec<_> = table.key().iter().map(|c| c.name).collect();
        let sql = format!(
            "select {} from {} where {} order by {} desc limit 1",
            keys.join(", "),
            table.name,
            table.which,
            keys.join(" desc, ")
        );
        let mut page = Page::new(table.key().iter().map(|c| c.kind));
        if let Some(row) = sqlx::query(AssertSqlSafe(sql)).fetch_optional(self).await? {
            add(&mut page, &row)?;
        }
        Ok(page.last_key(table))
    }

    async fn count_rows(&mut self, table: &Table) -> Result<u64, StoreError> {
        let sql = AssertSqlSafe(format!("select count(*) from {} where {}", table.name, table.which));
        let count: i64 = sqlx::query_scalar(sql).fetch_one(self).await?;
        Ok(count.unsigned_abs())
    }

    async fn last_number(&mut self, table: &Table) -> Result<i64, StoreError> {
        // SQLite remembers the highest number only of tables that never give one twice.
        let sql = format!(
            "select max(coalesce((select max(id) from {}), 0), coalesce((select max(seq) from sqlite_sequence where name = ?), 0))",
            table.name
        );
        Ok(sqlx::query_scalar(AssertSqlSafe(sql)).bind(table.name).fetch_one(self).await?)
    }

    async fn number_after(&mut self, table: &Table, last: i64) -> Result<(), StoreError> {
        sqlx::query("delete from sqlite_sequence where name = ?").bind(table.name).execute(&mut *self).await?;
        let sql = "insert into sqlite_sequence (name, seq) values (?, ?)";
        sqlx::query(sql).bind(table.name).bind(last).execute(self).await?;
        Ok(())
    }

    async fn put_aside(&mut self) -> Result<Vec<(&'static str, u64)>, StoreError> {
        let aside = sqlx::query!(
            r#"select (select count(*) from broken_block) as "blocks!: i64", (select count(*) from broken_tail) as "batches!: i64",
                   (select count(*) from broken_sample) as "rows!: i64""#
        )
        .fetch_one(self)
        .await?;
        let counts = [("broken_block", aside.blocks), ("broken_tail", aside.batches), ("broken_sample", aside.rows)];
        Ok(counts.into_iter().filter(|(_, n)| *n > 0).map(|(table, n)| (table, n.unsigned_abs())).collect())
    }
}

/// The columns as they are selected: a block's data is in a table of its own, and is empty where it is missing there.
fn columns(table: &Table) -> String {
    let list = table.list();
    match table.name {
        "block" => list.replace(", data", ", coalesce((select data from block_data where id = data_id), x'') as data"),
        _ => list,
    }
}

fn names(table: &Table) -> String {
    table.key().iter().map(|c| c.name).collect::<Vec<_>>().join(", ")
}

fn marks(count: usize) -> String {
    vec!["?"; count].join(", ")
}

type Asked<'q> = Query<'q, Sqlite, SqliteArguments>;

fn bound<'q>(query: Asked<'q>, key: Option<&Key>) -> Asked<'q> {
    key.into_iter().flat_map(|key| &key.0).fold(query, |query, part| match part {
        KeyPart::Int(number) => query.bind(*number),
        KeyPart::Text(text) => query.bind(text.clone()),
    })
}

fn add(page: &mut Page, row: &SqliteRow) -> Result<(), StoreError> {
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

/// Writes columns, several rows a statement.
async fn insert(conn: &mut SqliteConnection, into: &str, columns: &[&Values]) -> Result<(), StoreError> {
    let rows: Vec<_> = (0..columns.first().map_or(0, |column| column.len())).collect();
    for some in rows.chunks((VALUES / columns.len()).max(1)) {
        let mut query = QueryBuilder::<Sqlite>::new(into);
        query.push_values(some, |mut values, row| {
            for column in columns {
                match column {
                    Values::Int(all) => values.push_bind(all[*row]),
                    Values::Bool(all) => values.push_bind(all[*row]),
                    Values::Real(all) => values.push_bind(all[*row]),
                    Values::Text(all) => values.push_bind(all[*row].clone()),
                    Values::Bytes(all) => values.push_bind(all[*row].clone()),
                };
            }
        });
        query.build().execute(&mut *conn).await?;
    }
    Ok(())
}

/// A block's data is a row of its own, under the next free number.
async fn write_blocks(conn: &mut SqliteConnection, table: &Table, page: &Page) -> Result<(), StoreError> {
    let sql = r#"select coalesce(max(id), 0) from block_data"#;
    let last: i64 = sqlx::query_scalar(sql).fetch_one(&mut *conn).await?;
    let numbers = Values::Int((1..=page.len() as i64).map(|n| Some(last + n)).collect());
    let of = |kind| table.columns.iter().zip(&page.columns).filter(move |(c, _)| (c.kind == Kind::Bytes) == kind);
    let data: Vec<_> = std::iter::once(&numbers).chain(of(true).map(|(_, values)| values)).collect();
    insert(conn, "insert into block_data (id, data) ", &data).await?;
    let rolled: Vec<_> = std::iter::once(&numbers).chain(of(false).map(|(_, values)| values)).collect();
    let names: Vec<_> = of(false).map(|(column, _)| column.name).collect();
    insert(conn, &format!("insert into block (data_id, {}) ", names.join(", ")), &rolled).await
}
