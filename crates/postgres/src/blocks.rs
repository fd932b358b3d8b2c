//! Samples in blocks.

use andon_plant::Sample;
use andon_store::engine::{BlockKey, BlockRows, Extremes, RollUp, Rolled, Span, Whole, columns, sample};
use async_trait::async_trait;

use crate::{
    partitions::Table,
    session::{Session, Stored},
};

#[async_trait]
impl BlockRows for Session {
    async fn put_block(&mut self, tag: i64, rolled: &RollUp, data: &[u8]) -> Stored<()> {
        self.make_partition(Table::Block, rolled.first_us).await?;
        let (min_us, min_status, min) = columns(rolled.min);
        let (max_us, max_status, max) = columns(rolled.max);
        let (gap_us, gap_status, _) = columns(rolled.gap);
        sqlx::query!(
            "insert into block (tag_id, first_us, last_us, count, min_us, min_status, min, max_us, max_status, max, gap_us,
                 gap_status, first, last, sum, usable, good, data)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)",
            tag,
            rolled.first_us,
            rolled.last_us,
            rolled.count,
            min_us,
            min_status,
            min,
            max_us,
            max_status,
            max,
            gap_us,
            gap_status,
            rolled.first,
            rolled.last,
            rolled.sum,
            rolled.usable,
            rolled.good,
            data
        )
        .execute(self.conn())
        .await?;
        Ok(())
    }

    async fn delete_block(&mut self, tag: i64, first_us: i64) -> Stored<()> {
        sqlx::query!("delete from block where tag_id = $1 and first_us = $2", tag, first_us)
            .execute(self.conn())
            .await?;
        Ok(())
    }

    async fn block_data(&mut self, tag: i64, first_us: i64) -> Stored<Vec<u8>> {
        let data = sqlx::query_scalar!("select data from block where tag_id = $1 and first_us = $2", tag, first_us)
            .fetch_optional(self.conn())
            .await?;
        Ok(data.unwrap_or_default())
    }

    async fn oldest_blocks(&mut self, tag: i64, (from, to): Span, limit: i64) -> Stored<Vec<BlockKey>> {
        let blocks = sqlx::query_as!(
            BlockKey,
            "select first_us, last_us, count from block where tag_id = $1 and first_us >= $2 and first_us < $3
             order by first_us limit $4",
            tag,
            from,
            to,
            limit
        )
        .fetch_all(self.conn())
        .await?;
        Ok(blocks)
    }

    async fn newest_blocks(&mut self, tag: i64, (from, to): Span, limit: i64) -> Stored<Vec<BlockKey>> {
        let blocks = sqlx::query_as!(
            BlockKey,
            "select first_us, last_us, count from block where tag_id = $1 and first_us >= $2 and first_us < $3
             order by first_us desc limit $4",
            tag,
            from,
            to,
            limit
        )
        .fetch_all(self.conn())
        .await?;
        Ok(blocks)
    }

    async fn count_in_blocks(&mut self, tag: i64, (from, to): Span) -> Stored<i64> {
        let count = sqlx::query_scalar!(
            r#"select coalesce(sum(count), 0)::bigint as "count!" from block
               where tag_id = $1 and first_us >= $2 and first_us < $3"#,
            tag,
            from,
            to
        )
        .fetch_one(self.conn())
        .await?;
        Ok(count)
    }

    async fn block_extremes(&mut self, whole: Whole) -> Stored<Vec<Sample>> {
        let mut kept = self.lowest(whole).await?;
        kept.extend(self.highest(whole).await?);
        kept.extend(self.gaps(whole).await?);
        Ok(kept)
    }

    async fn other_blocks(&mut self, whole: Whole, begin_us: i64) -> Stored<Vec<Rolled>> {
        let Whole { tag, span, buckets, tail } = whole;
        let rows = sqlx::query!(
            "select first_us, last_us, count, min_us, min_status, min, max_us, max_status, max, gap_us, gap_status
             from block
             where tag_id = $1 and first_us >= $8 and first_us < $3
                 and not (first_us >= $2 and last_us < $3 and (last_us < $6 or first_us > $7)
                     and (first_us - $4) / $5 = (last_us - $4) / $5)
             order by first_us",
            tag,
            span.0,
            span.1,
            buckets.from_us,
            buckets.width_us,
            tail.0,
            tail.1,
            begin_us
        )
        .map(|row| Rolled {
            block: BlockKey { first_us: row.first_us, last_us: row.last_us, count: row.count },
            extremes: Extremes {
                min: sample(row.min_us, row.min_status, row.min),
                max: sample(row.max_us, row.max_status, row.max),
                gap: sample(row.gap_us, row.gap_status, None),
            },
        })
        .fetch_all(self.conn())
        .await?;
        Ok(rows)
    }

    async fn tag_with_block_before(&mut self, before_us: i64) -> Stored<Option<i64>> {
        let tag = sqlx::query_scalar!(
            "select id from tag
             where (select last_us from block where tag_id = tag.id order by first_us limit 1) < $1 limit 1",
            before_us
        )
        .fetch_optional(self.conn())
        .await?;
        Ok(tag)
    }

    async fn drop_blocks(&mut self, before_us: i64) -> Stored<i64> {
        for partition in self.partitions_before(Table::Block, before_us).await? {
            // A block that begins in a partition may end after it.
            if self.largest(partition, "last_us").await?.is_none_or(|last_us| last_us < before_us) {
                let samples = self.samples_in(partition).await?;
                if self.drop_partition(partition).await? && samples > 0 {
                    return Ok(samples);
                }
            }
        }
        Ok(0)
    }
}

/// What the roll-ups of whole blocks say of each bucket.
impl Session {
    async fn lowest(&mut self, whole: Whole) -> Stored<Vec<Sample>> {
        let Whole { tag, span, buckets, tail } = whole;
        let rows = sqlx::query!(
            "select distinct on ((first_us - $4) / $5) min as value, min_us as time_us, min_status as status
             from block
             where tag_id = $1 and first_us >= $2 and first_us < $3 and last_us < $3 and (last_us < $6 or first_us > $7)
                 and (first_us - $4) / $5 = (last_us - $4) / $5 and min is not null
             order by (first_us - $4) / $5, min, min_us",
            tag,
            span.0,
            span.1,
            buckets.from_us,
            buckets.width_us,
            tail.0,
            tail.1
        )
        .fetch_all(self.conn())
        .await?;
        Ok(rows.into_iter().filter_map(|row| sample(row.time_us, row.status, row.value)).collect())
    }

    async fn highest(&mut self, whole: Whole) -> Stored<Vec<Sample>> {
        let Whole { tag, span, buckets, tail } = whole;
        let rows = sqlx::query!(
            "select distinct on ((first_us - $4) / $5) max as value, max_us as time_us, max_status as status
             from block
             where tag_id = $1 and first_us >= $2 and first_us < $3 and last_us < $3 and (last_us < $6 or first_us > $7)
                 and (first_us - $4) / $5 = (last_us - $4) / $5 and max is not null
             order by (first_us - $4) / $5, max desc, max_us",
            tag,
            span.0,
            span.1,
            buckets.from_us,
            buckets.width_us,
            tail.0,
            tail.1
        )
        .fetch_all(self.conn())
        .await?;
        Ok(rows.into_iter().filter_map(|row| sample(row.time_us, row.status, row.value)).collect())
    }

    async fn gaps(&mut self, whole: Whole) -> Stored<Vec<Sample>> {
        let Whole { tag, span, buckets, tail } = whole;
        let rows = sqlx::query!(
            "select distinct on ((first_us - $4) / $5) gap_us as time_us, gap_status as status
             from block
             where tag_id = $1 and first_us >= $2 and first_us < $3 and last_us < $3 and (last_us < $6 or first_us > $7)
                 and (first_us - $4) / $5 = (last_us - $4) / $5 and gap_us is not null
             order by (first_us - $4) / $5, gap_us",
            tag,
            span.0,
            span.1,
            buckets.from_us,
            buckets.width_us,
            tail.0,
            tail.1
        )
        .fetch_all(self.conn())
        .await?;
        Ok(rows.into_iter().filter_map(|row| sample(row.time_us, row.status, None)).collect())
    }
}
