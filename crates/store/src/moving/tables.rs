//! The tables of a store as both engines have them: what a move copies, column by column.
//!
//! A new table is one entry here, a new column one word. What was put aside because it could not be read (`broken_*`) stays
//! where it is.

/// Bytes of a page of rows, about.
const PAGE: u64 = 4 << 20;
/// Rows of a page at the most, so that a transaction stays short.
const PAGE_ROWS: u64 = 20_000;

/// A table.
#[derive(Debug)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// Its columns, those of the key first.
    pub columns: &'static [Column],
    /// How many of them are the key.
    keys: usize,
    /// Which of its rows are moved, as SQL.
    pub which: &'static str,
    /// Whether the database numbers its rows, in `id`.
    pub(crate) numbered: bool,
    /// The size of a row, about: what a page may have of them, and how much of the work they are.
    pub(crate) row_bytes: u64,
}

/// A column.
#[derive(Debug)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What is in it.
    pub kind: Kind,
}

/// What is in a column, unless it is null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Kind {
    Int,
    Bool,
    Real,
    Text,
    Bytes,
}

impl Table {
    /// The names of its columns, as SQL lists them.
    pub fn list(&self) -> String {
        let names: Vec<_> = self.columns.iter().map(|column| column.name).collect();
        names.join(", ")
    }

    /// The columns of its key.
    pub fn key(&self) -> &'static [Column] {
        &self.columns[..self.keys]
    }

    /// Where a column stands.
    pub fn position(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|c| c.name == column)
    }

    /// Rows of a page.
    pub(crate) fn page_rows(&self) -> usize {
        (PAGE / self.row_bytes).clamp(1, PAGE_ROWS) as usize
    }

    const fn of(name: &'static str, keys: usize, row_bytes: u64, columns: &'static [Column]) -> Self {
        Self { name, columns, keys, which: "true", numbered: false, row_bytes }
    }

    const fn numbered(self) -> Self {
        Self { numbered: true, ..self }
    }

    const fn only(self, which: &'static str) -> Self {
        Self { which, ..self }
    }
}

/// Alarms, models and state, each table after those it refers to.
pub static MAIN: [Table; 5] = [
    Table::of(
        "alarm",
        1,
        400,
        &[
            int("id"),
            text("asset"),
            text("condition"),
            text("phase"),
            int("phase_since_us"),
            yes("acknowledged"),
            int("severity"),
            text("message"),
            int("raised_at_us"),
            int("cleared_at_us"),
            int("acknowledged_at_us"),
            text("acknowledged_by"),
            text("assessment"),
        ],
    )
    .numbered(),
    Table::of(
        "alarm_contribution",
        2,
        200,
        &[
            int("alarm_id"),
            int("position"),
            text("tag"),
            real("share"),
            real("value"),
            real("expected"),
            text("unit"),
            text("class"),
            text("finding"),
        ],
    ),
    Table::of(
        "journal",
        1,
        100,
        &[int("id"), int("alarm_id"), int("time_us"), text("transition"), text("by"), text("comment")],
    )
    .numbered(),
    Table::of(
        "model",
        2,
        4 << 20,
        &[
            text("asset"),
            int("version"),
            int("created_at_us"),
            yes("active"),
            text("manifest"),
            text("metrics"),
            bytes("weights"),
        ],
    ),
    // Not the marker of a move itself.
    Table::of("state", 1, 64 << 10, &[text("key"), text("json")]).only("key <> 'move'"),
];

/// Samples and scores, each table after those it refers to.
pub static SERIES: [Table; 7] = [
    Table::of("asset", 1, 50, &[int("id"), text("name")]).numbered(),
    Table::of("tag", 1, 50, &[int("id"), int("asset_id"), text("name")]).numbered(),
    Table::of(
        "block",
        2,
        16 << 10,
        &[
            int("tag_id"),
            int("first_us"),
            int("last_us"),
            int("count"),
            int("min_us"),
            int("min_status"),
            real("min"),
            int("max_us"),
            int("max_status"),
            real("max"),
            int("gap_us"),
            int("gap_status"),
            real("first"),
            real("last"),
            real("sum"),
            int("usable"),
            int("good"),
            bytes("data"),
        ],
    ),
    Table::of("tail", 2, 256 << 10, &[int("part"), int("seq"), int("count"), bytes("data")]),
    Table::of("sample", 2, 50, &[int("tag_id"), int("time_us"), real("value"), int("status")]),
    Table::of(
        "score",
        2,
        120,
        &[
            int("asset_id"),
            int("time_us"),
            real("score"),
            real("threshold"),
            real("probability"),
            real("probability_low"),
            real("probability_high"),
            text("mode"),
            real("imputed"),
            int("status"),
        ],
    ),
    Table::of(
        "tag_score",
        2,
        120,
        &[
            int("tag_id"),
            int("time_us"),
            int("position"),
            real("value"),
            real("expected"),
            real("expected_low"),
            real("expected_high"),
            real("residual"),
            real("contribution"),
            yes("imputed"),
            text("class"),
            text("finding"),
        ],
    ),
];

const fn int(name: &'static str) -> Column {
    Column { name, kind: Kind::Int }
}

const fn yes(name: &'static str) -> Column {
    Column { name, kind: Kind::Bool }
}

const fn real(name: &'static str) -> Column {
    Column { name, kind: Kind::Real }
}

const fn text(name: &'static str) -> Column {
    Column { name, kind: Kind::Text }
}

const fn bytes(name: &'static str) -> Column {
    Column { name, kind: Kind::Bytes }
}
