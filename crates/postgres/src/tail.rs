//! What large batches wrote.

use andon_store::engine::{Batch, Part, TailRows};
use async_trait::async_trait;

use crate::session::{Session, Stored};

#[async_trait]
impl TailRows for Session {
    async fn tail_parts(&mut self) -> Stored<Vec<(i64, Part)>> {
        let parts = sqlx::query!(
            r#"select part, max(seq) as "last_seq!", count(*) as "batches!", sum(count)::bigint as "samples!"
               from tail group by part"#
        )
        .map(|p| (p.part, Part { last_seq: p.last_seq, batches: p.batches, samples: p.samples }))
        .fetch_all(self.conn())
        .await?;
        Ok(parts)
    }

    async fn put_batch(&mut self, part: i64, seq: i64, count: i64, data: &[u8]) -> Stored<()> {
        sqlx::query!("insert into tail (part, seq, count, data) values ($1, $2, $3, $4)", part, seq, count, data)
            .execute(self.conn())
            .await?;
        Ok(())
    }

    async fn batches(&mut self, part: i64) -> Stored<Vec<Batch>> {
        let batches = sqlx::query_as!(Batch, "select seq, data from tail where part = $1 order by seq", part)
            .fetch_all(self.conn())
            .await?;
        Ok(batches)
    }

    async fn put_batch_aside(&mut self, part: i64, seq: i64) -> Stored<()> {
        sqlx::query!(
            "with broken as (delete from tail where part = $1 and seq = $2 returning part, seq, count, data)
             insert into broken_tail (part, seq, count, data) select part, seq, count, data from broken",
            part,
            seq
        )
        .execute(self.conn())
        .await?;
        Ok(())
    }

    async fn delete_batches(&mut self, part: i64) -> Stored<()> {
        sqlx::query!("delete from tail where part = $1", part).execute(self.conn()).await?;
        Ok(())
    }
}
