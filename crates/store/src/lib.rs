//! Histories and alarms in SQLite.
