//! What is normal for an asset, learnt from normal rows: the measure that faults are sized by.

use andon_plant::{Range, Tag, TagKind, TagName};

/// Rows after a change of mode that are not yet typical of the new one.
const SETTLING_ROWS: usize = 40;
/// The weakest correlation that makes two tags partners.
const WEAKEST_PARTNER: f64 = 0.3;

/// What is normal for each tag of an asset.
#[derive(Debug, Clone, PartialEq)]
pub struct AssetProfile {
    /// One a tag.
    pub tags: Vec<TagProfile>,
}

/// What is normal for a tag. A caller who knows better may change it.
#[derive(Debug, Clone, PartialEq)]
pub struct TagProfile {
    /// Its name.
    pub name: TagName,
    /// Its standard deviation within an operating mode, in its unit.
    pub deviation: f64,
    /// The instrument's range, where known.
    pub range: Option<Range>,
    /// The lowest and highest value seen.
    pub normal: (f64, f64),
    /// Its mean in each operating mode; NaN for a mode not seen, empty where modes are unknown.
    pub levels: Vec<f64>,
    /// The tag it goes with most closely.
    pub partner: Option<Partner>,
    /// Whether it is on or off or a state number.
    pub discrete: bool,
    /// Whether it names the operating mode.
    pub is_mode: bool,
}

/// The tag that another goes with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Partner {
    /// Its number.
    pub tag: usize,
    /// Their correlation within a mode, from -1 to 1.
    pub correlation: f64,
}

impl AssetProfile {
    /// The profile of normal rows (row-major, one value a tag, NaN missing) with the number of each row's mode, where
    /// known. `mode_tag` is the number of the tag that names the mode.
    pub fn of(tags: &[Tag], values: &[f64], modes: Option<&[usize]>, mode_tag: Option<usize>) -> Self {
        let rows: Vec<&[f64]> = values.chunks_exact(tags.len().max(1)).collect();
        let groups = Groups::of(rows.len(), modes);
        let centred: Vec<Centred> = (0..tags.len()).map(|tag| Centred::of(&rows, tag, &groups)).collect();
        let profile = |(ix, tag): (usize, &Tag)| TagProfile {
            name: tag.name.clone(),
            deviation: centred[ix].deviation(),
            range: tag.range,
            normal: extent(rows.iter().map(|row| row[ix])),
            levels: if modes.is_some() { centred[ix].levels.clone() } else { Vec::new() },
            partner: partner(ix, tags, &centred, mode_tag),
            discrete: is_discrete(tag),
            is_mode: mode_tag == Some(ix),
        };
        Self { tags: tags.iter().enumerate().map(profile).collect() }
    }
}

fn is_discrete(tag: &Tag) -> bool {
    match tag.kind {
        TagKind::Analog | TagKind::Counter => false,
        TagKind::Boolean | TagKind::Enum => true,
    }
}

/// The mode each row counts for; none while it settles.
struct Groups {
    of_row: Vec<Option<usize>>,
    count: usize,
}

impl Groups {
    fn of(rows: usize, modes: Option<&[usize]>) -> Self {
        let Some(modes) = modes else { return Self { of_row: vec![Some(0); rows], count: 1 } };
        let mut since = SETTLING_ROWS;
        let mut of_row: Vec<Option<usize>> = Vec::with_capacity(rows);
        for (at, &mode) in modes.iter().enumerate() {
            since = if at > 0 && modes[at - 1] != mode { 0 } else { since + 1 };
            of_row.push((since >= SETTLING_ROWS).then_some(mode));
        }
        Self { of_row, count: modes.iter().max().map_or(0, |m| m + 1) }
    }
}

/// A tag's settled values less the mean of their mode; NaN elsewhere.
struct Centred {
    values: Vec<f64>,
    levels: Vec<f64>,
}

impl Centred {
    fn of(rows: &[&[f64]], tag: usize, groups: &Groups) -> Self {
        let mut sums = vec![(0.0, 0.0); groups.count];
        let settled = || rows.iter().zip(&groups.of_row).map(|(row, group)| (row[tag], *group));
        for (value, group) in settled() {
            if let Some(sum) = group.filter(|_| value.is_finite()).map(|g| &mut sums[g]) {
                *sum = (sum.0 + value, sum.1 + 1.0);
            }
        }
        let levels: Vec<f64> = sums.iter().map(|(sum, n)| sum / n).collect();
        let values = settled().map(|(value, group)| group.map_or(f64::NAN, |g| value - levels[g])).collect();
        Self { values, levels }
    }

    fn deviation(&self) -> f64 {
        let (sum, n) = self.values.iter().filter(|v| v.is_finite()).fold((0.0, 0.0), |(s, n), v| (s + v * v, n + 1.0));
        if n > 0.0 { (sum / n).sqrt() } else { 0.0 }
    }

    /// The correlation with `other` within modes; 0 where one of them does not move.
    fn correlation(&self, other: &Centred) -> f64 {
        let pairs = self.values.iter().zip(&other.values).filter(|(a, b)| a.is_finite() && b.is_finite());
        let (ab, aa, bb) = pairs.fold((0.0, 0.0, 0.0), |(ab, aa, bb), (a, b)| (ab + a * b, aa + a * a, bb + b * b));
        if aa > 0.0 && bb > 0.0 { ab / (aa * bb).sqrt() } else { 0.0 }
    }
}

fn partner(ix: usize, tags: &[Tag], centred: &[Centred], mode_tag: Option<usize>) -> Option<Partner> {
    let others = (0..tags.len()).filter(|&o| o != ix && Some(o) != mode_tag && !is_discrete(&tags[o]));
    others
        .map(|tag| Partner { tag, correlation: centred[ix].correlation(&centred[tag]) })
        .filter(|p| p.correlation.abs() >= WEAKEST_PARTNER)
        .max_by(|a, b| a.correlation.abs().total_cmp(&b.correlation.abs()))
}

fn extent(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values
        .filter(|v| v.is_finite())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)))
}
