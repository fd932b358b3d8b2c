//! Which past alarms looked most alike: the same tags off, in the same proportions, the same way.

use std::collections::BTreeMap;

use andon_plant::{AlarmId, TagName, alarm::Contribution};

/// A tag's part in an alarm with its direction.
#[derive(Debug, Clone, PartialEq)]
pub struct SignedShare {
    /// The tag.
    pub tag: TagName,
    /// Its share of the score, from -1 to 1: negative where the tag was below expected.
    pub share: f64,
}

/// A past alarm.
#[derive(Debug, Clone, PartialEq)]
pub struct PastAlarm {
    /// Its number.
    pub id: AlarmId,
    /// Its tags, in any order; a tag that is not named had no part in it.
    pub shares: Vec<SignedShare>,
}

/// A past alarm that looked alike.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Alike {
    /// Its number.
    pub id: AlarmId,
    /// The cosine of the angle between the two alarms' shares: 1 for the same proportions, 0 for nothing in common.
    pub similarity: f64,
}

impl From<&Contribution> for SignedShare {
    fn from(c: &Contribution) -> Self {
        let share = if c.value < c.expected { -c.share } else { c.share };
        Self { tag: c.tag.clone(), share }
    }
}

/// At most `n` of the `past` alarms whose similarity to `shares` is at least `floor`, the most alike first and of equals the
/// newest. Shares that are not finite are left out; an alarm without any share is like no other.
///
/// Cosine similarity (G. Salton and M. J. McGill, "Introduction to Modern Information Retrieval", 1983) compares
/// proportions, so a faint repetition of a fault is as much alike as a strong one.
pub fn alike(shares: &[SignedShare], past: &[PastAlarm], n: usize, floor: f64) -> Vec<Alike> {
    let this = vector(shares);
    let mut found: Vec<Alike> = past
        .iter()
        .filter_map(|p| Some(Alike { id: p.id, similarity: cosine(&this, &vector(&p.shares))? }))
        .filter(|a| a.similarity >= floor)
        .collect();
    found.sort_by(|a, b| b.similarity.total_cmp(&a.similarity).then(b.id.cmp(&a.id)));
    found.truncate(n);
    found
}

fn vector(shares: &[SignedShare]) -> BTreeMap<&TagName, f64> {
    let mut vector = BTreeMap::new();
    for s in shares.iter().filter(|s| s.share.is_finite()) {
        *vector.entry(&s.tag).or_insert(0.0) += s.share;
    }
    vector
}

/// a . b / (|a| |b|); `None` if one of them is nothing.
fn cosine(a: &BTreeMap<&TagName, f64>, b: &BTreeMap<&TagName, f64>) -> Option<f64> {
    let norm = |v: &BTreeMap<&TagName, f64>| v.values().map(|x| x * x).sum::<f64>().sqrt();
    let dot: f64 = a.iter().filter_map(|(tag, x)| Some(x * b.get(tag)?)).sum();
    let norms = norm(a) * norm(b);
    norms.is_normal().then(|| (dot / norms).clamp(-1.0, 1.0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shares(of: &[(&str, f64)]) -> Vec<SignedShare> {
        of.iter().map(|(tag, share)| SignedShare { tag: TagName::new(tag).unwrap(), share: *share }).collect()
    }

    fn past() -> Vec<PastAlarm> {
        let alarm = |id, of: &[(&str, f64)]| PastAlarm { id: AlarmId(id), shares: shares(of) };
        vec![
            alarm(1, &[("Temperature", 0.8), ("Flow", 0.2)]),
            alarm(2, &[("Flow", 0.7), ("Pressure", -0.3)]),
            alarm(3, &[("Temperature", -0.8), ("Flow", -0.2)]),
            alarm(4, &[("Flow", 0.1), ("Temperature", 0.9)]),
            alarm(5, &[]),
        ]
    }

    fn ids(of: &[(&str, f64)], n: usize, floor: f64) -> Vec<i64> {
        alike(&shares(of), &past(), n, floor).iter().map(|a| a.id.0).collect()
    }

    #[test]
    fn the_same_tags_the_same_way_come_first() {
        assert_eq!(ids(&[("Temperature", 0.8), ("Flow", 0.2)], 10, 0.5), [1, 4]);
        assert_eq!(ids(&[("Flow", 0.6), ("Pressure", -0.4)], 1, 0.5), [2]);
    }

    #[test]
    fn the_other_way_is_not_alike() {
        assert_eq!(ids(&[("Temperature", -1.0)], 10, 0.5), [3]);
    }

    #[test]
    fn nothing_in_common_or_nothing_at_all_is_like_no_other() {
        assert!(ids(&[("Level", 1.0)], 10, 0.01).is_empty());
        assert!(ids(&[], 10, -1.0).is_empty());
        assert!(ids(&[("Flow", f64::NAN)], 10, -1.0).is_empty());
    }

    #[test]
    fn of_equals_the_newest_comes_first() {
        let twice = [past()[0].clone(), PastAlarm { id: AlarmId(9), ..past()[0].clone() }];
        let found = alike(&past()[0].shares, &twice, 5, 0.9);
        assert_eq!(found.iter().map(|a| a.id.0).collect::<Vec<_>>(), [9, 1]);
        assert!((found[0].similarity - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_contribution_below_expected_is_negative() {
        let tag = TagName::new("Flow").unwrap();
        let below = Contribution { tag, share: 0.7, value: 1.0, expected: 2.0, unit: String::new(), finding: None };
        assert_eq!(SignedShare::from(&below).share, -0.7);
        assert_eq!(SignedShare::from(&Contribution { value: 3.0, ..below }).share, 0.7);
    }

    proptest! {
        #[test]
        fn proportions_count_and_size_does_not(a in -1.0f64..1.0, b in -1.0f64..1.0, size in 0.01f64..100.0) {
            prop_assume!(a.abs() + b.abs() > 1e-3);
            let of = |k: f64| shares(&[("A", k * a), ("B", k * b)]);
            let past = [PastAlarm { id: AlarmId(1), shares: of(size) }];
            prop_assert!((alike(&of(1.0), &past, 1, 0.0)[0].similarity - 1.0).abs() < 1e-9);
        }
    }
}
