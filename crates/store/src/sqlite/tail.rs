//! What large batches wrote.

use async_trait::async_trait;
use sqlx::SqliteConnection;

use crate::{
    error::StoreError,
    tail::{Batch, Part, TailRows},
};

#[async_trait]
impl TailRows for SqliteConnection {
    async fn tail_parts(&mut self) -> Result<Vec<(i64, Part)>, StoreError> {
        let parts = sqlx::query!(
            r#"select part as "part!: i64", max(seq) as "last_seq!: i64", count(*) as "batches!: i64",
                   sum(count) as "samples!: i64"
               from tail group by part"#
        )
        .map(|p| (p.part, Part { last_seq: p.last_seq, batches: p.batches, samples: p.samples }))
        .fetch_all(self)
        .await?;
        Ok(parts)
    }

    async fn put_batch(&mut self, part: i64, seq: i64, count: i64, data: &[u8]) -> Result<(), StoreError> {
        sqlx::query!("insert into tail (part, seq, count, data) values (?, ?, ?, ?)", part, seq, count, data)
            .execute(self)
            .await?;
        Ok(())
    }

    async fn batches(&mut self, part: i64) -> Result<Vec<Batch>, StoreError> {
        Ok(sqlx::query_as!(Batch, "select seq, data from tail where part = ? order by seq", part)
            .fetch_all(self)
            .await?)
    }

    async fn put_batch_aside(&mut self, part: i64, seq: i64) -> Result<(), StoreError> {
        sqlx::query!(
            "insert into broken_tail (part, seq, count, data) select part, seq, count, data from tail where part = ? and seq = ?",
            part,
            seq
        )
        .execute(&mut *self)
        .await?;
        sqlx::query!("delete from tail where part = ? and seq = ?", part, seq).execute(self).await?;
        Ok(())
    }

    async fn delete_batches(&mut self, part: i64) -> Result<(), StoreError> {
        sqlx::query!("delete from tail where part = ?", part).execute(self).await?;
        Ok(())
    }
}
