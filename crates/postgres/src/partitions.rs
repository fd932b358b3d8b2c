//! Partitions of tables that are kept by time: made when the first row of their time comes, dropped whole when they are too old.

use sqlx::AssertSqlSafe;

use crate::session::{Session, Stored};

/// 30 days in microseconds.
const LENGTH: i64 = 30 * 86_400_000_000;
/// The last one, in the year 2216; what is later, and what is before 1970, is in partitions of its own.
const LAST: i64 = 3_000;

/// The code of a lock that others hold.
const LOCK_NOT_AVAILABLE: &str = "55P03";

/// A table that is kept by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Table {
    Block,
    Score,
    TagScore,
}

/// One partition of it: those `LENGTH` from `number * LENGTH` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Partition {
    table: Table,
    number: i64,
}

impl Table {
    fn name(self) -> &'static str {
        match self {
            Table::Block => "block",
            Table::Score => "score",
            Table::TagScore => "tag_score",
        }
    }
}

impl Partition {
    fn name(self) -> String {
        format!("{}_{}", self.table.name(), self.number)
    }

    fn end_us(self) -> i64 {
        (self.number + 1) * LENGTH
    }
}

impl Session {
    /// Makes the partition that a row belongs in, if it is not there.
    pub(crate) async fn make_partition(&mut self, table: Table, time_us: i64) -> Stored<()> {
        let partition = Partition { table, number: time_us.div_euclid(LENGTH) };
        if !(0..=LAST).contains(&partition.number) || self.partitions.contains(&partition) {
            return Ok(());
        }
        if !self.partitions_of(table).await?.contains(&partition) {
            let (name, of, from, to) = (partition.name(), table.name(), partition.number * LENGTH, partition.end_us());
            // Attached, not made as a part: that waits for nobody who reads the table. Not a checked query, as its names are made
            // here: of letters and digits.
            let sql = format!(
                "create table {name} (like {of} including all);
                 alter table {of} attach partition {name} for values from ({from}) to ({to})"
            );
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(self.conn()).await?;
        }
        self.partitions.insert(partition);
        Ok(())
    }

    /// The partitions of a table in which every row is before a time, oldest first.
    pub(crate) async fn partitions_before(&mut self, table: Table, before_us: i64) -> Stored<Vec<Partition>> {
        let mut found = self.partitions_of(table).await?;
        found.retain(|partition| partition.end_us() <= before_us);
        found.sort_by_key(|partition| partition.number);
        Ok(found)
    }

    async fn partitions_of(&mut self, table: Table) -> Stored<Vec<Partition>> {
        let names = sqlx::query_scalar!(
            r#"select c.relname as "name!: String" from pg_inherits as i join pg_class as c on c.oid = i.inhrelid
               where i.inhparent = to_regclass($1)"#,
            table.name()
        )
        .fetch_all(self.conn())
        .await?;
        let number = |name: &String| name.strip_prefix(table.name())?.strip_prefix('_')?.parse().ok();
        Ok(names.iter().filter_map(number).map(|number| Partition { table, number }).collect())
    }

    /// The largest in a column of a partition; none where it has no rows.
    pub(crate) async fn largest(&mut self, partition: Partition, column: &str) -> Stored<Option<i64>> {
        let sql = AssertSqlSafe(format!("select max({column}) from {}", partition.name()));
        Ok(sqlx::query_scalar(sql).fetch_one(self.conn()).await?)
    }

    /// Drops a partition with all its rows; false where others use the table, such as a dump: then later.
    pub(crate) async fn drop_partition(&mut self, partition: Partition) -> Stored<bool> {
        sqlx::raw_sql("savepoint before_drop; set local lock_timeout = '200ms'").execute(self.conn()).await?;
        let sql = AssertSqlSafe(format!("drop table {}; release before_drop", partition.name()));
        let dropped = match sqlx::raw_sql(sql).execute(self.conn()).await {
            Ok(_) => true,
            Err(error)
                if error.as_database_error().is_some_and(|e| e.code().as_deref() == Some(LOCK_NOT_AVAILABLE)) =>
            {
                sqlx::raw_sql("rollback to before_drop").execute(self.conn()).await?;
                false
            }
            Err(error) => return Err(error.into()),
        };
        self.partitions.remove(&partition);
        Ok(dropped)
    }

    /// How many rows a partition has, about: what was counted when it was last vacuumed or analysed.
    pub(crate) async fn about_rows(&mut self, partition: Partition) -> Stored<i64> {
        let rows = sqlx::query_scalar!(
            r#"select greatest(reltuples, 1)::bigint as "rows!" from pg_class where oid = to_regclass($1)"#,
            partition.name()
        )
        .fetch_optional(self.conn())
        .await?;
        Ok(rows.unwrap_or(1))
    }

    /// How many samples the blocks of a partition have.
    pub(crate) async fn samples_in(&mut self, partition: Partition) -> Stored<i64> {
        let sql = AssertSqlSafe(format!("select coalesce(sum(count), 0)::bigint from {}", partition.name()));
        Ok(sqlx::query_scalar(sql).fetch_one(self.conn()).await?)
    }
}
