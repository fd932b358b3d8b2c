//! Small matrices in f64, for what is computed once from the weights.

/// `columns` wide, row-major.
#[derive(Debug, Clone)]
pub(super) struct Matrix {
    pub(super) columns: usize,
    pub(super) values: Vec<f64>,
}

impl Matrix {
    /// One row.
    pub(super) fn row(values: &[f64]) -> Self {
        Self { columns: values.len(), values: values.to_vec() }
    }

    pub(super) fn times(&self, other: &Self) -> Self {
        let columns = other.columns;
        let mut values = vec![0.0; self.values.len() / self.columns * columns];
        for (sums, row) in values.chunks_exact_mut(columns).zip(self.values.chunks_exact(self.columns)) {
            for (x, others) in row.iter().zip(other.values.chunks_exact(columns)) {
                sums.iter_mut().zip(others).for_each(|(sum, y)| *sum += x * y);
            }
        }
        Self { columns, values }
    }

    pub(super) fn scaled(&self, by: f64) -> Self {
        Self { columns: self.columns, values: self.values.iter().map(|v| v * by).collect() }
    }

    /// The same with `other`'s rows below.
    pub(super) fn above(mut self, other: &Self) -> Self {
        self.values.extend_from_slice(&other.values);
        self
    }

    /// Some of its columns.
    pub(super) fn narrow(&self, from: usize, columns: usize) -> Self {
        let rows = self.values.chunks_exact(self.columns);
        Self { columns, values: rows.flat_map(|row| &row[from..from + columns]).copied().collect() }
    }

    /// Tables of `rows` rows each, from the first.
    pub(super) fn cut(&self, rows: usize) -> impl Iterator<Item = Self> + '_ {
        let tables = self.values.chunks_exact(rows * self.columns);
        tables.map(|values| Self { columns: self.columns, values: values.to_vec() })
    }
}
