//! What the columns of a file are.

use andon_plant::TagName;

use super::Wanted;
use crate::{
    error::{Fault, Unknown},
    format::Shape,
};

pub(crate) const TIMESTAMP: &str = "timestamp";
/// The columns of the long shape in their order.
pub(crate) const LONG: [&str; 6] = [TIMESTAMP, "asset", "tag", "value", "quality", "status"];
/// Columns that a wide table may have beside its tags; they are no tags of `andon fit` and `andon score` either.
pub(crate) const RESERVED: [&str; 3] = [TIMESTAMP, "label", "mode"];
/// What others call the column of times.
const TIME: &str = "time";

/// Which column is what.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) time: usize,
    pub(super) columns: Columns,
    /// Columns that are left out.
    pub(super) skipped: Vec<String>,
}

/// The columns beside the times.
#[derive(Debug)]
pub(super) enum Columns {
    Long(Long),
    /// The number of a column and of its tag.
    Wide(Vec<(usize, usize)>),
}

/// The columns of the long shape.
#[derive(Debug, Clone, Copy)]
pub(super) struct Long {
    pub(super) asset: Option<usize>,
    pub(super) tag: usize,
    pub(super) value: usize,
    pub(super) quality: Option<usize>,
    pub(super) status: Option<usize>,
}

impl Layout {
    pub(super) fn of(header: &[String], wanted: &Wanted) -> Result<Self, Fault> {
        if let Some((_, twice)) = header.iter().enumerate().find(|(at, name)| header[..*at].contains(name)) {
            return Err(Fault::TwiceNamed(twice.clone()));
        }
        let column = |name: &str| header.iter().position(|h| h == name);
        let time = column(TIMESTAMP).or_else(|| column(TIME)).ok_or_else(|| no_times(header))?;
        let long = column("tag").zip(column("value"));
        match (wanted.shape, long) {
            (Some(Shape::Long), None) => Err(Fault::NotLong { found: header.join(", ") }),
            (Some(Shape::Long) | None, Some((tag, value))) => {
                let (asset, quality, status) = (column("asset"), column("quality"), column("status"));
                let long = Long { asset, tag, value, quality, status };
                let known = |at| [Some(time), asset, Some(tag), Some(value), quality, status].contains(&Some(at));
                let skipped = others(header, wanted, known)?;
                Ok(Self { time, columns: Columns::Long(long), skipped })
            }
            (Some(Shape::Wide), _) | (None, None) => Self::wide(header, time, wanted),
        }
    }

    pub(super) fn shape(&self) -> Shape {
        match self.columns {
            Columns::Long(_) => Shape::Long,
            Columns::Wide(_) => Shape::Wide,
        }
    }

    /// The columns that are read, in the order of the file.
    pub(super) fn used(&self) -> Vec<usize> {
        let mut used = vec![self.time];
        match &self.columns {
            Columns::Long(Long { asset, tag, value, quality, status }) => {
                used.extend([*asset, Some(*tag), Some(*value), *quality, *status].into_iter().flatten());
            }
            Columns::Wide(cells) => used.extend(cells.iter().map(|(column, _)| *column)),
        }
        used.sort_unstable();
        used
    }

    fn wide(header: &[String], time: usize, wanted: &Wanted) -> Result<Self, Fault> {
        let tag = |name: &String| wanted.tags.iter().position(|tag| tag.as_str() == name);
        let columns = header.iter().enumerate().filter(|(at, _)| *at != time);
        let cells: Vec<_> = columns.filter_map(|(at, name)| Some((at, tag(name)?))).collect();
        if cells.is_empty() {
            let known = names(&wanted.tags);
            return Err(Fault::NoTags { asset: wanted.asset.to_string(), found: header.join(", "), known });
        }
        let known =
            |at: usize| at == time || RESERVED.contains(&header[at].as_str()) || cells.iter().any(|c| c.0 == at);
        let skipped = others(header, wanted, known)?;
        Ok(Self { time, columns: Columns::Wide(cells), skipped })
    }
}

/// The columns that are not known, where they may be skipped.
fn others(header: &[String], wanted: &Wanted, known: impl Fn(usize) -> bool) -> Result<Vec<String>, Fault> {
    let unknown = header.iter().enumerate().filter(|(at, _)| !known(*at)).map(|(_, name)| name.clone());
    let unknown: Vec<String> = unknown.collect();
    if unknown.is_empty() || wanted.skip_unknown {
        return Ok(unknown);
    }
    Err(unknown_in("columns are no tags", unknown, wanted))
}

/// What is unknown is refused.
pub(super) fn unknown_in(what: &'static str, unknown: Vec<String>, wanted: &Wanted) -> Fault {
    let (asset, known) = (wanted.asset.to_string(), names(&wanted.tags));
    Fault::Unknown(Box::new(Unknown { what, asset, unknown, known }))
}

fn names(tags: &[TagName]) -> Vec<String> {
    tags.iter().map(TagName::to_string).collect()
}

fn no_times(header: &[String]) -> Fault {
    let semicolons = header.len() == 1 && header[0].contains(';');
    let mend = if semicolons {
        "The cells are separated by semicolons: separate them by commas, with a point in numbers"
    } else {
        "Name the column of times `timestamp`"
    };
    Fault::NoTimes { found: header.join(", "), mend }
}
