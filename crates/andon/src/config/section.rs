//! One table of the file while it is read: a key is asked for by name, and what nobody asked for is unknown.
//!
//! serde's `deny_unknown_fields` would stop at the first fault of a table. Here a fault is noted and reading goes on, so
//! that `andon check` shows all of them at once.

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{report::Report, value};

/// A table, its path in the file (`asset[Mixer].window`), and which of its keys were asked for.
pub(super) struct Section<'r, 't> {
    report: &'r Report<'t>,
    path: String,
    at: usize,
    table: &'r DeTable<'t>,
    known: Vec<&'static str>,
}

impl<'r, 't> Section<'r, 't> {
    /// Reads the whole file with `read`.
    pub(super) fn root<T>(
        report: &'r Report<'t>,
        table: &'r DeTable<'t>,
        read: impl FnOnce(&mut Section<'r, 't>) -> T,
    ) -> T {
        Section { report, path: String::new(), at: 0, table, known: Vec::new() }.read(read)
    }

    fn read<T>(mut self, read: impl FnOnce(&mut Self) -> T) -> T {
        let value = read(&mut self);
        self.report_unknown();
        value
    }

    /// The value of `key` if it is there and `parse` takes it; otherwise the reason is noted.
    pub(super) fn optional<T>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&DeValue<'t>) -> Result<T, String>,
    ) -> Option<T> {
        let found = self.ask(key)?;
        match parse(found.get_ref()) {
            Ok(value) => Some(value),
            Err(why) => {
                let shown = value::shown(found.get_ref());
                self.report.fault(found.span().start, format!("{} = {shown}: {why}", self.key(key)));
                None
            }
        }
    }

    /// Like [`optional`](Self::optional), but a missing key is a fault; `example` is a value it could have.
    pub(super) fn required<T>(
        &mut self,
        key: &'static str,
        example: &str,
        parse: impl FnOnce(&DeValue<'t>) -> Result<T, String>,
    ) -> Option<T> {
        if !self.has(key) {
            self.report.fault(self.at, format!("{} is missing: write, for example, {key} = {example}", self.key(key)));
            return None;
        }
        self.optional(key, parse)
    }

    /// Reads the table `key` with `read`, if it is there.
    pub(super) fn table<T>(&mut self, key: &'static str, read: impl FnOnce(&mut Section<'r, 't>) -> T) -> Option<T> {
        let found = self.ask(key)?;
        match found.get_ref() {
            DeValue::Table(table) => Some(self.inner(self.key(key), found.span().start, table).read(read)),
            other => {
                let text = format!("{} = {}: expected a table", self.key(key), value::shown(other));
                self.report.fault(found.span().start, text);
                None
            }
        }
    }

    /// Reads each table of the array `key` with `read`, no table if the key is not there; none if it is no such array.
    ///
    /// A table with a name is called by it, one without by its number from 1. A name that comes twice is a fault.
    pub(super) fn tables<T>(
        &mut self,
        key: &'static str,
        mut read: impl FnMut(&mut Section<'r, 't>) -> T,
    ) -> Option<Vec<T>> {
        let Some(found) = self.ask(key) else { return Some(Vec::new()) };
        let Some(items) = found.get_ref().as_array() else {
            let text = format!("{}: expected [[{key}]] with double brackets: there may be several", self.key(key));
            self.report.fault(found.span().start, text);
            return None;
        };
        let mut all = Vec::new();
        for (i, item) in items.iter().enumerate() {
            let DeValue::Table(table) = item.get_ref() else {
                let text =
                    format!("{}[#{}] = {}: expected a table", self.key(key), i + 1, value::shown(item.get_ref()));
                self.report.fault(item.span().start, text);
                continue;
            };
            let name = table.get("name").and_then(|n| n.get_ref().as_str());
            let label = name.map_or_else(|| format!("#{}", i + 1), str::to_owned);
            let path = format!("{}[{label}]", self.key(key));
            if name.is_some() && self.names(key)[..i].contains(&name) {
                self.report.fault(item.span().start, format!("{path} is there twice: give each its own name"));
            }
            all.push(self.inner(path, item.span().start, table).read(&mut read));
        }
        Some(all)
    }

    /// The name of each table of the array `key`, none for one without a name.
    pub(super) fn names(&self, key: &str) -> Vec<Option<&'r str>> {
        let items = self.table.get(key).and_then(|v| v.get_ref().as_array());
        let name = |item: &'r Spanned<DeValue<'t>>| item.get_ref().get("name").and_then(|n| n.get_ref().as_str());
        items.map(|items| items.iter().map(name).collect()).unwrap_or_default()
    }

    /// The table `key` as a `T`, for tables whose keys are another crate's; its first fault is noted.
    pub(super) fn deserialize<T: serde::de::DeserializeOwned>(&mut self, key: &'static str) -> Option<T> {
        let found = self.ask(key)?;
        match T::deserialize(toml::de::ValueDeserializer::from(found.clone())) {
            Ok(value) => Some(value),
            Err(e) => {
                let at = e.span().map_or(found.span().start, |s| s.start);
                self.report.fault(at, format!("{}: {}", self.key(key), e.message()));
                None
            }
        }
    }

    /// Whether `key` is written; asking makes it known.
    pub(super) fn has(&mut self, key: &'static str) -> bool {
        self.ask(key).is_some()
    }

    /// Notes a fault of `key`, or of the table where it is not written. `text` begins after the key's path.
    pub(super) fn fault(&self, key: &str, text: impl AsRef<str>) {
        self.report.fault(self.place(key), format!("{}{}", self.key(key), text.as_ref()));
    }

    /// Notes a fault in words of its own.
    pub(super) fn fault_saying(&self, key: &str, text: impl Into<String>) {
        self.report.fault(self.place(key), text);
    }

    /// Notes a warning about `key`. `text` begins after the key's path.
    pub(super) fn warn(&self, key: &str, text: impl AsRef<str>) {
        self.report.warn(self.place(key), format!("{}{}", self.key(key), text.as_ref()));
    }

    /// The path of `key` in the file.
    pub(super) fn key(&self, key: &str) -> String {
        match (self.path.is_empty(), key.is_empty()) {
            (true, _) => key.to_owned(),
            (false, true) => self.path.clone(),
            (false, false) => format!("{}.{key}", self.path),
        }
    }

    fn inner(&self, path: String, at: usize, table: &'r DeTable<'t>) -> Section<'r, 't> {
        Section { report: self.report, path, at, table, known: Vec::new() }
    }

    fn ask(&mut self, key: &'static str) -> Option<&'r Spanned<DeValue<'t>>> {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        self.table.get(key)
    }

    fn place(&self, key: &str) -> usize {
        self.table.get_key_value(key).map_or(self.at, |(key, _)| key.span().start)
    }

    fn report_unknown(&self) {
        for key in self.table.keys().filter(|k| !self.known.contains(&k.get_ref().as_ref())) {
            let hint = match nearest(key.get_ref(), &self.known) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known here: {}", self.known.join(", ")),
            };
            self.report.fault(key.span().start, format!("{} is not a known key; {hint}", self.key(key.get_ref())));
        }
    }
}

/// The known word that `word` was probably meant to be: at most a third of it is wrong.
fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let limit = word.chars().count().max(3) / 3;
    let best = known.iter().map(|k| (distance(word, k), *k)).min()?;
    (best.0 <= limit).then_some(best.1)
}

/// Letters to insert, delete or replace to turn `a` into `b` (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut corner = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let replaced = corner + usize::from(x != *y);
            corner = row[j + 1];
            row[j + 1] = replaced.min(corner + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_finds_its_key() {
        assert_eq!(nearest("strid", &["rows", "stride"]), Some("stride"));
        assert_eq!(nearest("hysterisis", &["on_delay", "off_delay", "hysteresis"]), Some("hysteresis"));
        assert_eq!(nearest("colour", &["name", "unit"]), None);
    }

    #[test]
    fn distance_counts_single_letters() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("same", "same"), 0);
    }
}
