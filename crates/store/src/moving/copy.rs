//! Copying: rows as they are, a page and a transaction at a time, in order of their key.
//!
//! What has arrived is known from the target alone: its last key. So whenever it is stopped, nothing is copied twice or left out.

use async_trait::async_trait;

use super::{
    Meter, MoveError, Place, Side,
    page::{Key, Page},
    tables::Table,
};
use crate::{
    engine::{Connection, Database},
    error::StoreError,
};

/// Rows of any table as they are. Which tables there are says [`super::tables`].
#[async_trait]
pub trait CopyRows: Send {
    /// At most `limit` rows after a key, in order of the key; from the first where there is none.
    async fn page(&mut self, table: &Table, after: Option<&Key>, limit: usize) -> Result<Page, StoreError>;

    /// Writes rows that are not there yet.
    async fn write(&mut self, table: &Table, page: &Page) -> Result<(), StoreError>;

    /// The key of the last row.
    async fn last_key(&mut self, table: &Table) -> Result<Option<Key>, StoreError>;

    /// How many rows there are.
    async fn count_rows(&mut self, table: &Table) -> Result<u64, StoreError>;

    /// The highest number that a table has ever given to a row, or 0.
    async fn last_number(&mut self, table: &Table) -> Result<i64, StoreError>;

    /// Has the table go on with the number after this one.
    async fn number_after(&mut self, table: &Table, last: i64) -> Result<(), StoreError>;

    /// How many rows of samples were put aside because they could not be read, by table.
    async fn put_aside(&mut self) -> Result<Vec<(&'static str, u64)>, StoreError>;
}

/// One half of both stores.
pub(super) struct Half<'a, R: ?Sized> {
    pub(super) from: &'a dyn Database<R>,
    pub(super) to: &'a dyn Database<R>,
    pub(super) places: Places<'a>,
}

/// What errors call both stores.
#[derive(Clone, Copy)]
pub(super) struct Places<'a> {
    pub(super) from: &'a Place,
    pub(super) to: &'a Place,
}

impl Places<'_> {
    pub(super) fn read(self, table: &Table) -> impl FnOnce(StoreError) -> MoveError {
        let (place, table) = (self.from.name.clone(), table.name);
        move |source| MoveError::Table { side: Side::From, place, table, source }
    }

    pub(super) fn write(self, table: &Table) -> impl FnOnce(StoreError) -> MoveError {
        let (place, table) = (self.to.name.clone(), table.name);
        move |source| MoveError::Table { side: Side::To, place, table, source }
    }
}

impl<R: CopyRows + ?Sized + 'static> Half<'_, R> {
    /// Copies what is not there yet of every table.
    pub(super) async fn copy(&self, tables: &[Table], meter: &mut Meter<'_>) -> Result<(), MoveError> {
        let mut writer = self.to.connect().await?;
        for table in tables {
            self.copy_rows(table, &mut *writer, meter).await?;
            if table.numbered {
                self.copy_number(table, &mut *writer).await.map_err(self.places.write(table))?;
            }
        }
        // Whoever copies a file of SQLite by hand may leave its log behind.
        writer.checkpoint(true).await?;
        Ok(writer.close().await?)
    }

    /// The next page is read while this one is written.
    async fn copy_rows(
        &self,
        table: &Table,
        writer: &mut dyn Connection<R>,
        meter: &mut Meter<'_>,
    ) -> Result<(), MoveError> {
        let limit = table.page_rows();
        let last = self.to.snapshot().await?.rows().last_key(table).await.map_err(self.places.write(table))?;
        let mut source = self.from.snapshot().await?;
        let mut page = source.rows().page(table, last.as_ref(), limit).await.map_err(self.places.read(table))?;
        while let Some(last) = page.last_key(table) {
            let (next, written) =
                tokio::join!(source.rows().page(table, Some(&last), limit), write(writer, table, &page));
            written.map_err(self.places.write(table))?;
            meter.add(table, page.len());
            page = next.map_err(self.places.read(table))?;
        }
        Ok(())
    }

    /// A number is never given twice, also where the row that had it is gone.
    async fn copy_number(&self, table: &Table, writer: &mut dyn Connection<R>) -> Result<(), StoreError> {
        let last = self.from.snapshot().await?.rows().last_number(table).await?;
        writer.begin().await?.number_after(table, last).await?;
        writer.commit().await
    }
}

async fn write<R: CopyRows + ?Sized>(
    writer: &mut dyn Connection<R>,
    table: &Table,
    page: &Page,
) -> Result<(), StoreError> {
    writer.begin().await?.write(table, page).await?;
    writer.commit().await
}
