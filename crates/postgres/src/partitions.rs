//! Partitions of tables that are kept by time: made when the first row of their time comes, dropped whole when they are too old.

use sqlx::AssertSqlSafe;

use crate::session::{Session, Stored};

/// 30 days in microseconds.
const LENGTH: i64 = 30 * 86_400_000_000;
/// The last one, in the year 2216; what is later is in the table's other partition, as is what is before 1970.
const LAST: i64 = 3_000;

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
        let there = sqlx::query_scalar!(r#"select to_regclass($1) is not null as "there!""#, partition.name())
            .fetch_one(self.conn())
            .await?;
        if !there {
            let (of, from, to) = (table.name(), partition.number * LENGTH, partition.end_us());
            // Not a checked query, as its names are made here: of letters and digits.
            let sql = format!("create table {} partition of {of} for values from ({from}) to ({to})", partition.name());
            sqlx::query(AssertSqlSafe(sql)).execute(self.conn()).await?;
        }
        self.partitions.insert(partition);
        Ok(())
    }

    /// The partitions of a table in which every row is before a time, oldest first.
    pub(crate) async fn partitions_before(&mut self, table: Table, before_us: i64) -> Stored<Vec<Partition>> {
        let names = sqlx::query_scalar!(
            r#"select c.relname as "name!: String" from pg_inherits as i join pg_class as c on c.oid = i.inhrelid
               where i.inhparent = to_regclass($1)"#,
            table.name()
        )
        .fetch_all(self.conn())
        .await?;
        let number = |name: &String| name.strip_prefix(table.name())?.strip_prefix('_')?.parse().ok();
        let mut found: Vec<_> = names.iter().filter_map(number).map(|number| Partition { table, number }).collect();
        found.retain(|partition| partition.end_us() <= before_us);
        found.sort_by_key(|partition| partition.number);
        Ok(found)
    }

    /// The largest in a column of a partition; none where it has no rows.
    pub(crate) async fn largest(&mut self, partition: Partition, column: &str) -> Stored<Option<i64>> {
        let sql = AssertSqlSafe(format!("select max({column}) from {}", partition.name()));
        Ok(sqlx::query_scalar(sql).fetch_one(self.conn()).await?)
    }

    /// Drops a partition with all its rows; what `sum` says of them, such as how many they are.
    pub(crate) async fn drop_partition(&mut self, partition: Partition, sum: &str) -> Stored<i64> {
        let name = partition.name();
        let count = sqlx::query_scalar(AssertSqlSafe(format!("select coalesce({sum}, 0)::bigint from {name}")));
        let count = count.fetch_one(self.conn()).await?;
        sqlx::query(AssertSqlSafe(format!("drop table {name}"))).execute(self.conn()).await?;
        self.partitions.remove(&partition);
        Ok(count)
    }
}
