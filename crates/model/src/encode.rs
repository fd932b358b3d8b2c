//! What the network is shown of each kind of tag, row by row, and what its answers mean in the tags' units.
//!
//! An analog tag has one column, its value. A state (boolean or enum) has one column for each state seen in training, 1
//! where it is in it. A counter has one column, how much it rose a row since it was last measured. A tag that stood still
//! in training has none: it teaches nothing and is expected to go on as it was.

use andon_plant::{Fill, tag::Range};
use serde::{Deserialize, Serialize};

use crate::normalize::{Normalisation, Scale};

/// States of one tag that have columns of their own; the rarer ones of a tag with more share the last column.
pub(crate) const STATES: usize = 32;

/// Where counters without a known range begin anew: the widths of PLC integers and of decimal displays.
const MODULI: [f64; 12] =
    [256.0, 1e3, 1e4, 32_768.0, 65_536.0, 1e5, 1e6, 1e7, 1e8, 1e9, 2_147_483_648.0, 4_294_967_296.0];

/// The columns of a tag.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Features {
    /// The value on its training scale.
    Value,
    /// The rise of a count a row, on its training scale.
    Increment {
        /// The counter's range, after whose end it begins anew.
        range: Option<Range>,
    },
    /// One column a state.
    States {
        /// The states by code, the columns' order.
        states: Vec<i64>,
        /// Whether one more column stands for all other states.
        other: bool,
    },
}

impl Features {
    /// How many columns.
    pub(crate) fn width(&self) -> usize {
        match self {
            Self::Value | Self::Increment { .. } => 1,
            Self::States { states, other } => states.len() + usize::from(*other),
        }
    }
}

/// The column of the state `value`; none if it has none.
fn state_column(states: &[i64], other: bool, value: f64) -> Option<usize> {
    let code = value.round() as i64;
    states.iter().position(|state| *state == code).or(other.then_some(states.len()))
}

/// A counter as rows come in.
#[derive(Debug, Clone, Default)]
pub(crate) struct Count {
    last: Option<f64>,
    rows: f64,
}

/// How much a counter rose a row, over how many rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rise {
    pub(crate) by: f64,
    pub(crate) rows: f64,
}

impl Count {
    /// The next row's value, none where it was not measured. None also where there was none before it and where the count
    /// fell without having reached its end: it was set anew, and how much was counted in between nobody knows.
    pub(crate) fn push(&mut self, value: Option<f64>, range: Option<Range>) -> Option<Rise> {
        self.rows += 1.0;
        let value = value?;
        let (last, rows) = (self.last.replace(value), std::mem::take(&mut self.rows));
        rise(last?, value, range).map(|rise| Rise { by: rise / rows, rows })
    }
}

/// From `last` to `value`, past the counter's end where the one is in the top eighth and the other in the lowest.
fn rise(last: f64, value: f64, range: Option<Range>) -> Option<f64> {
    if value >= last {
        return Some(value - last);
    }
    let (low, modulus) = match range {
        Some(range) => (range.low(), range.high() - range.low() + 1.0),
        None => (0.0, MODULI.into_iter().find(|modulus| *modulus > last)?),
    };
    let wrapped = last - low >= 0.875 * modulus && (0.0..=0.125 * modulus).contains(&(value - low));
    wrapped.then_some(value - last + modulus)
}

/// What a row showed of a tag, which its expected value is stated against.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    value: f64,
    rise: Option<Rise>,
}

/// A row as the network is shown it.
#[derive(Debug)]
pub(crate) struct Encoded {
    /// The columns' values on their training scale, 0 where not known.
    pub(crate) values: Vec<f32>,
    /// 1 where measured.
    pub(crate) known: Vec<f32>,
    /// A tag each.
    pub(crate) seen: Vec<Seen>,
}

/// Turns rows of tags into rows of columns. It only looks back.
#[derive(Debug)]
pub(crate) struct Encoder {
    counts: Vec<Count>,
}

impl Encoder {
    pub(crate) fn new(normalisation: &Normalisation) -> Self {
        Self { counts: vec![Count::default(); normalisation.scales.len()] }
    }

    /// The next row.
    pub(crate) fn push(&mut self, normalisation: &Normalisation, values: &[f64], fill: &[Fill]) -> Encoded {
        let width = normalisation.width();
        let (mut columns, mut known) = (Vec::with_capacity(width), Vec::with_capacity(width));
        let tags = normalisation.scales.iter().zip(&mut self.counts);
        let seen = tags.zip(values.iter().zip(fill)).map(|((scale, count), (value, fill))| {
            let measured = (value.is_finite() && !fill.is_imputed()).then_some(*value);
            let rise = match scale.features {
                Features::Increment { range } => count.push(measured, range),
                _ => None,
            };
            let begun = columns.len();
            let is_known = scale.columns(measured, rise, &mut columns);
            known.extend(std::iter::repeat_n(if is_known { 1.0 } else { 0.0 }, columns.len() - begun));
            Seen { value: *value, rise }
        });
        let seen = seen.collect();
        Encoded { values: columns, known, seen }
    }
}

impl Scale {
    /// How many columns the network has for the tag.
    pub(crate) fn width(&self) -> usize {
        if self.constant { 0 } else { self.features.width() }
    }

    /// Appends the columns of a row, zeros where nothing is known; whether something is.
    fn columns(&self, measured: Option<f64>, rise: Option<Rise>, columns: &mut Vec<f32>) -> bool {
        let begun = columns.len();
        columns.resize(begun + self.width(), 0.0);
        let columns = &mut columns[begun..];
        let value = match self.features {
            Features::Increment { .. } => rise.map(|rise| rise.by),
            _ => measured,
        };
        let (Some(value), false) = (value, columns.is_empty()) else { return false };
        match &self.features {
            Features::States { states, other } => {
                if let Some(ix) = state_column(states, *other, value) {
                    columns[ix] = 1.0;
                }
            }
            _ => columns[0] = self.apply(value),
        }
        true
    }

    /// Falsifies a row's columns by `by`: a quantity is moved, of a state another one is shown.
    pub(crate) fn falsify(&self, by: f32, columns: &mut [f32]) {
        match self.features {
            Features::States { .. } => {
                let true_one = columns.iter().position(|v| *v > 0.0).unwrap_or(0);
                let further = 1 + (by.abs() * 1e3) as usize % (columns.len() - 1).max(1);
                columns.fill(0.0);
                columns[(true_one + further) % columns.len()] = 1.0;
            }
            _ => columns.iter_mut().for_each(|v| *v += by),
        }
    }

    /// What was expected of a tag in its unit, from the network's answers in its columns.
    ///
    /// * A quantity: the answer.
    /// * A counter: its last value and the expected rise; itself where no rise is known.
    /// * A state: its code, less the share of the other states, in the direction of the likeliest of them. So the residual
    ///   is 0 where the state is the expected one and 1 or -1 where it can't be, however far apart the codes are, also for a
    ///   state never seen in training. For codes 0 and 1 it is the expected share of 1.
    pub(crate) fn expected(&self, answers: &[f32], seen: &Seen) -> f64 {
        let answer = || self.invert(answers.first().copied().unwrap_or(0.0));
        match &self.features {
            Features::Value => answer(),
            Features::Increment { .. } => seen.rise.map_or(seen.value, |r| seen.value + (answer() - r.by) * r.rows),
            Features::States { states, other } => {
                let answers = if self.constant { &[1.0] } else { answers };
                expected_state(states, *other, answers, seen.value)
            }
        }
    }
}

fn expected_state(states: &[i64], other: bool, answers: &[f32], value: f64) -> f64 {
    let shares: Vec<f64> = answers.iter().map(|a| f64::from(a.clamp(0.0, 1.0))).collect();
    let sum = shares.iter().sum::<f64>().max(1e-6);
    let own = state_column(states, other, value);
    let missing = 1.0 - own.map_or(0.0, |ix| shares[ix] / sum);
    let others = shares.iter().zip(states).filter(|(_, state)| **state != value.round() as i64);
    let likeliest = others.max_by(|a, b| a.0.total_cmp(b.0)).map_or(0, |(_, state)| *state);
    if (likeliest as f64) < value { value - missing } else { value + missing }
}

#[cfg(test)]
mod tests {
    use andon_plant::{Tag, TagKind};

    use super::*;
    use crate::{
        normalize::{Levelling, Scaling},
        series::tests::{series_of, tag},
    };

    fn of_kind(kind: TagKind) -> Tag {
        Tag { kind, ..tag("A") }
    }

    fn fitted(kind: TagKind, values: &[f64]) -> Normalisation {
        let series = series_of(values.iter().map(|v| vec![*v]));
        Normalisation::fit((Scaling::Standard, Levelling::Drift), &[series], &[of_kind(kind)]).unwrap()
    }

    fn encode(n: &Normalisation, values: &[f64]) -> Vec<Encoded> {
        let mut encoder = Encoder::new(n);
        values.iter().map(|v| encoder.push(n, &[*v], &[Fill::Measured])).collect()
    }

    #[test]
    fn each_state_has_a_column_and_a_strange_one_none() {
        let n = fitted(TagKind::Enum, &[7.0, 3.0, 7.0, 100.0]);
        let shown: Vec<Vec<f32>> = encode(&n, &[3.0, 100.0, 5.0]).into_iter().map(|e| e.values).collect();
        assert_eq!(shown, [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]]);
        assert_eq!(encode(&n, &[5.0])[0].known, [1.0; 3]);
    }

    #[test]
    fn rare_states_of_a_tag_with_very_many_share_a_column() {
        let mut values: Vec<f64> = (0..60).map(f64::from).collect();
        values.extend_from_within(10..50);
        let n = fitted(TagKind::Enum, &values);
        let Features::States { states, other } = &n.scales[0].features else { panic!("{:?}", n.scales) };
        assert!(states.len() == STATES - 1 && *other && states[0] == 10 && n.width() == STATES);
        assert_eq!(encode(&n, &[55.0])[0].values[STATES - 1], 1.0);
    }

    #[test]
    fn a_state_s_residual_is_the_share_of_the_others() {
        let n = fitted(TagKind::Enum, &[0.0, 40.0, 90.0]);
        let check = |value: f64, answers: [f32; 3], want: f64| {
            let got = value - n.scales[0].expected(&answers, &Seen { value, rise: None });
            assert!((got - want).abs() < 1e-6, "{value} {answers:?}: {got}");
        };
        check(40.0, [0.0, 1.0, 0.0], 0.0);
        check(40.0, [0.1, 0.7, 0.2], -0.3);
        check(40.0, [1.0, 0.0, -0.2], 1.0);
        check(5.0, [0.0, 0.0, 1.1], -1.0);
        check(40.0, [0.0, 0.0, 0.0], -1.0);
        let boolean = fitted(TagKind::Boolean, &[0.0, 1.0]);
        for value in [0.0, 1.0] {
            let expected = boolean.scales[0].expected(&[0.75, 0.25], &Seen { value, rise: None });
            assert!((expected - 0.25).abs() < 1e-6, "{expected}");
        }
    }

    #[test]
    fn a_counter_shows_its_rise_across_its_end_and_across_a_gap() {
        let range = Range::new(0.0, 999.0).ok();
        let mut count = Count::default();
        let mut push = |value: Option<f64>| count.push(value, range).map(|r| (r.by, r.rows));
        assert_eq!(push(Some(990.0)), None);
        assert_eq!(push(Some(995.0)), Some((5.0, 1.0)));
        assert_eq!(push(Some(2.0)), Some((7.0, 1.0)));
        assert_eq!(push(None), None);
        assert_eq!(push(Some(22.0)), Some((10.0, 2.0)));
        assert_eq!(push(Some(0.0)), None, "it was set to nothing");
        assert_eq!(push(Some(4.0)), Some((4.0, 1.0)));
        assert_eq!(rise(65_530.0, 4.0, None), Some(10.0));
        assert_eq!(rise(1_000.0, 990.0, None), None);
    }

    #[test]
    fn a_counter_is_expected_to_rise_from_where_it_was() {
        let n = fitted(TagKind::Counter, &[0.0, 2.0, 6.0, 8.0, 12.0, 14.0]);
        let scale = &n.scales[0];
        let seen = encode(&n, &[100.0, 105.0])[1].seen[0];
        assert!((scale.expected(&[scale.apply(3.0)], &seen) - 103.0).abs() < 1e-4);
        let first = encode(&n, &[100.0])[0].seen[0];
        assert_eq!(scale.expected(&[9.0], &first), 100.0);
        assert_eq!(encode(&n, &[100.0])[0].known, [0.0]);
    }

    #[test]
    fn what_stood_still_has_no_column_and_goes_on_as_it_was() {
        for (kind, values, next, expected) in [
            (TagKind::Analog, [5.0, 5.0, 5.0], 9.0, 5.0),
            (TagKind::Boolean, [0.0, 0.0, 0.0], 1.0, 0.0),
            (TagKind::Enum, [4.0, 4.0, 4.0], 9.0, 8.0),
            (TagKind::Counter, [1.0, 3.0, 5.0], 9.0, 6.0),
        ] {
            let n = fitted(kind, &values);
            assert!(n.scales[0].constant && n.width() == 0, "{kind:?}");
            let seen = encode(&n, &[4.0, next])[1].seen[0];
            assert_eq!(n.scales[0].expected(&[], &seen), expected, "{kind:?}");
        }
    }
}
