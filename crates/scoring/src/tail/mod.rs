//! Tail probabilities: how often normal operation has a statistic at least this large.
//!
//! * this file: a curve through what is known at some values.
//! * `rate`: the chance of reaching a level of the body, and its interval.
//! * `dependence`: how much less dependent rows say of it.
//! * `above`: the chance of what lies above the body.
//! * `excess`, `extremal`: how large exceedances are, and how they come together.
//! * `gpd`, `belief`, `posterior`: their distribution, and what is known of it.

mod above;
mod belief;
#[cfg(test)]
mod coverage;
mod dependence;
mod excess;
mod extremal;
mod gpd;
mod posterior;
mod rate;

use serde::{Deserialize, Serialize};

use above::Above;
use dependence::Dependence;
use excess::Excesses;
use rate::Rate;

/// Exceedances the tail is fitted to, if the limits below allow.
const EXCEEDANCES: f64 = 150.0;
/// The smallest and the largest share of rows that is tail.
const TAIL_SHARE: (f64, f64) = (0.02, 0.1);
/// Steps of the body, evenly spaced in ln p.
const BODY_STEPS: usize = 60;
/// Values this far from a lone knot are as far as any: e to this is finite.
const FADE: f64 = 700.0;

/// One calibration value of a statistic and the row it stands at. Rows without a break between them are numbered in
/// succession.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observation {
    /// The statistic.
    pub value: f64,
    /// The row's number in its segment.
    pub row: usize,
    /// The segment's number: rows of different segments say nothing about clusters.
    pub segment: usize,
}

/// The upper tail of a statistic's distribution in normal operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tail {
    /// Values rise, ln p falls.
    knots: Vec<Knot>,
    extremal_index: f64,
}

/// What is known at one value.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Knot {
    value: f64,
    ln_p: f64,
    ln_low: f64,
    ln_high: f64,
}

/// ln p with its 95 % confidence interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TailProbability {
    /// ln of the chance, per row, of a value at least this large; at most 0. It is predictive: where little is known of
    /// a tail, the chance is higher, so that of new rows of normal operation no larger share has this little.
    pub ln_p: f64,
    /// The interval's lower end.
    pub ln_low: f64,
    /// The interval's upper end, at most 0.
    pub ln_high: f64,
}

impl TailProbability {
    /// The middle of the interval, on the scale of ln p: what is likeliest, where `ln_p` is what is safe. Scores are made of it:
    /// the rows they are calibrated on are judged by the others already, and caution twice would call nothing rare. A hundredth
    /// of it is `ln_p`, which falls strictly where the ends of the interval may stand still.
    pub fn middle(&self) -> f64 {
        0.495 * (self.ln_low + self.ln_high) + 0.01 * self.ln_p
    }
}

impl Tail {
    /// The distribution of `observations`, which stand in the order of their rows; `None` if there are none.
    pub fn fit(observations: &[Observation]) -> Option<Self> {
        let mut sorted: Vec<f64> = observations.iter().map(|o| o.value).collect();
        sorted.sort_by(f64::total_cmp);
        let share = (EXCEEDANCES / sorted.len().max(1) as f64).clamp(TAIL_SHARE.0, TAIL_SHARE.1);
        let levels = levels(&sorted, share);
        let (threshold, count) = *levels.last()?;
        let dependence = Dependence::of(observations, &sorted, share);
        let rate = |count: usize| Rate::of(count, sorted.len(), &dependence);
        let excesses = Excesses::over(threshold, observations);
        let spread = threshold - sorted[0];
        let unit = if spread.is_normal() { spread } else { 1.0 };
        let above = Above::fit(&excesses, rate(count), &dependence, unit);
        let body = levels.iter().map(|(value, count)| Knot::of(*value, &rate(*count)));
        Some(Self { knots: falling(body.chain(above.knots())), extremal_index: excesses.extremal_index() })
    }

    /// Clusters per exceedance of a high level, above 0 and at most 1: one over how many rows in succession a single event
    /// of normal operation keeps above it.
    pub fn extremal_index(&self) -> f64 {
        self.extremal_index
    }

    /// The chance that a row of normal operation has at least `value`. Strictly falling in `value`, finite in ln.
    pub fn probability(&self, value: f64) -> TailProbability {
        let above = self.knots.partition_point(|k| k.value < value);
        // Beyond the last knot the last step goes on.
        let above = above.min(self.knots.len() - 1);
        match above.checked_sub(1) {
            Some(below) => self.knots[below].towards(&self.knots[above], value),
            None => self.knots[above].faded(value),
        }
    }
}

impl Knot {
    fn of(value: f64, rate: &Rate) -> Self {
        Self { value, ln_p: rate.ln_p, ln_low: rate.ln_low, ln_high: rate.ln_high }
    }

    /// On the straight line through this knot and the next.
    fn towards(&self, next: &Self, value: f64) -> TailProbability {
        let at = (value - self.value) / (next.value - self.value);
        let between = |a: f64, b: f64| (a + (b - a) * at).max(f64::MIN);
        TailProbability {
            ln_p: between(self.ln_p, next.ln_p),
            ln_low: between(self.ln_low, next.ln_low),
            ln_high: between(self.ln_high, next.ln_high),
        }
    }

    /// Below the lowest knot: an approach to 0 that never ends.
    fn faded(&self, value: f64) -> TailProbability {
        let times = (value - self.value).clamp(f64::MIN, FADE).exp();
        TailProbability { ln_p: self.ln_p * times, ln_low: self.ln_low * times, ln_high: self.ln_high * times }
    }
}

/// The `knots` that rise in value and fall in ln p, with intervals that fall too and hold ln p.
fn falling(knots: impl Iterator<Item = Knot>) -> Vec<Knot> {
    let mut kept: Vec<Knot> = Vec::new();
    for mut knot in knots {
        if let Some(last) = kept.last() {
            if knot.value <= last.value || knot.ln_p >= last.ln_p {
                continue;
            }
            knot.ln_low = knot.ln_low.min(last.ln_low);
            knot.ln_high = knot.ln_high.min(last.ln_high);
        }
        kept.push(Knot { ln_low: knot.ln_low.min(knot.ln_p), ln_high: knot.ln_high.max(knot.ln_p).min(0.0), ..knot });
    }
    kept
}

/// Values at survivals falling evenly in ln from just below 1 to `share`, each with how many of `sorted` are at least as
/// large. Of equal values the first stays: p is the chance of *at least* this much; if they are the last, what is next above
/// them is a level too.
fn levels(sorted: &[f64], share: f64) -> Vec<(f64, usize)> {
    let n = sorted.len();
    let mut levels: Vec<(f64, usize)> = Vec::new();
    for step in (0..=BODY_STEPS).filter(|_| n > 0) {
        let survival = share.powf(step as f64 / BODY_STEPS as f64);
        let rank = (((1.0 - survival) * n as f64).floor() as usize).min(n - 1);
        if levels.last().is_none_or(|(value, _)| sorted[rank] > *value) {
            levels.push((sorted[rank], n - rank));
        }
    }
    if let Some((value, count)) = levels.last().copied() {
        let above = n - sorted.partition_point(|x| *x <= value);
        if above + 1 < count {
            levels.push((value.next_up(), above + 1));
        }
    }
    levels
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, Exp1, StandardNormal, StudentT, Uniform};

    use super::*;

    fn observations(values: impl IntoIterator<Item = f64>) -> Vec<Observation> {
        values.into_iter().enumerate().map(|(row, value)| Observation { value, row, segment: 0 }).collect()
    }

    fn sample(distribution: impl Distribution<f64>, n: usize, seed: u64) -> Vec<f64> {
        distribution.sample_iter(ChaCha8Rng::seed_from_u64(seed)).take(n).collect()
    }

    /// The chance that is safe, and the likeliest, which scores are made of.
    const SAID: [fn(&TailProbability) -> f64; 2] = [|p| p.ln_p, TailProbability::middle];

    /// Of 100,000 fresh rows, between half and twice 10^-s have a score of at least s.
    fn check_calibrated(name: &str, distribution: impl Distribution<f64> + Copy, rows: usize) {
        let tail = Tail::fit(&observations(sample(distribution, rows, 1))).unwrap();
        let fresh = sample(distribution, 100_000, 2);
        for (s, said) in [1, 2].into_iter().flat_map(|s| SAID.map(|said| (s, said))) {
            let ln_p = -f64::from(s) * std::f64::consts::LN_10;
            let share = fresh.iter().filter(|x| said(&tail.probability(**x)) <= ln_p).count() as f64 / 1e5;
            let want = 10f64.powi(-s);
            assert!((0.5 * want..=2.0 * want).contains(&share), "{name} s={s}: {share}");
        }
    }

    #[test]
    fn scores_of_fresh_rows_mean_what_they_say() {
        check_calibrated("normal", StandardNormal, 3000);
        check_calibrated("exponential", Exp1, 3000);
        check_calibrated("uniform", Uniform::new(0.0, 1.0).unwrap(), 3000);
        check_calibrated("student", StudentT::new(3.0).unwrap(), 3000);
    }

    /// The safe chance is cautious even where few rows say nothing; the likeliest is right within three times up to what they
    /// can tell apart, on average over calibrations, and no threshold out of a budget stands higher.
    #[test]
    fn few_rows_make_the_safe_chance_cautious_and_leave_the_likeliest_nearly_right() {
        let rows = 150;
        let reached = |said: fn(&TailProbability) -> f64, score: f64| {
            let share = |seed: u64| {
                let tail = Tail::fit(&observations(sample(StandardNormal, rows, seed))).unwrap();
                let fresh = sample(StandardNormal, 20_000, 100 + seed);
                let over = fresh.iter().filter(|x| said(&tail.probability(**x)) <= -score * std::f64::consts::LN_10);
                over.count() as f64 / 20_000.0
            };
            (0..20).map(share).sum::<f64>() / 20.0
        };
        let told_apart = (2.0 * rows as f64).log10();
        let (safe, likeliest) = (reached(SAID[0], 4.0), reached(SAID[1], told_apart));
        assert!(safe < 1e-4, "{safe}");
        assert!((0.5..=3.0).contains(&(likeliest * 2.0 * rows as f64)), "{likeliest}");
    }

    #[test]
    fn a_thousandth_is_right_where_there_is_data_for_it() {
        let tail = Tail::fit(&observations(sample(StudentT::new(3.0).unwrap(), 20_000, 1))).unwrap();
        let fresh = sample(StudentT::new(3.0).unwrap(), 1_000_000, 2);
        for said in SAID {
            let over = fresh.iter().filter(|x| said(&tail.probability(**x)) <= -3.0 * std::f64::consts::LN_10);
            let share = over.count() as f64 / 1e6;
            assert!((0.0005..=0.002).contains(&share), "{share}");
        }
    }

    #[test]
    fn p_falls_strictly_and_its_interval_holds_it() {
        for n in [1, 2, 30, 3000] {
            let tail = Tail::fit(&observations(sample(StandardNormal, n, 3))).unwrap();
            let at: Vec<TailProbability> = (-80..400).map(|i| tail.probability(f64::from(i) * 0.1)).collect();
            assert!(SAID.iter().all(|said| at.windows(2).all(|w| said(&w[1]) < said(&w[0]))), "{n}");
            assert!(
                at.iter()
                    .all(|p| p.ln_low <= p.ln_p && p.ln_p <= p.ln_high && p.ln_high <= 0.0 && p.ln_low.is_finite())
            );
        }
    }

    #[test]
    fn the_interval_narrows_with_data_and_widens_with_dependence() {
        let width = |o: &[Observation]| {
            let p = Tail::fit(o).unwrap().probability(2.5);
            p.ln_high - p.ln_low
        };
        let few = observations(sample(StandardNormal, 400, 1));
        let many = observations(sample(StandardNormal, 20_000, 1));
        let doubled = observations(sample(StandardNormal, 40, 1).into_iter().flat_map(|x| [x; 10]));
        assert!(width(&many) < width(&few) && width(&few) < width(&doubled));
    }

    #[test]
    fn a_constant_statistic_is_no_surprise() {
        let tail = Tail::fit(&observations([2.0; 100])).unwrap();
        assert!(tail.probability(2.0).ln_p > -0.01);
        assert!(tail.probability(3.0).ln_p < tail.probability(2.0).ln_p);
        assert_eq!(Tail::fit(&[]), None);
    }

    #[test]
    fn what_was_never_seen_is_rarer_than_what_is_often_seen_exactly() {
        let tail = Tail::fit(&observations((0..1000).map(|i| if i % 5 == 0 { 2.0 } else { 1.0 }))).unwrap();
        assert!((tail.probability(2.0).ln_p - 0.2f64.ln()).abs() < 0.01);
        assert!(tail.probability(2.1).ln_p < 0.002f64.ln(), "{:?}", tail.probability(2.1));
    }

    #[test]
    fn the_extremal_index_is_one_over_the_rows_an_event_lasts() {
        let noise = sample(StudentT::new(3.0).unwrap(), 20_000, 1);
        assert!(Tail::fit(&observations(noise.clone())).unwrap().extremal_index() > 0.8);
        let means = noise.windows(10).map(|w| w.iter().sum::<f64>());
        let index = Tail::fit(&observations(means)).unwrap().extremal_index();
        assert!((0.1..0.35).contains(&index), "{index}");
    }

    #[test]
    fn a_written_tail_says_the_same() {
        let tail = Tail::fit(&observations(sample(StandardNormal, 500, 1))).unwrap();
        let read: Tail = serde_json::from_str(&serde_json::to_string(&tail).unwrap()).unwrap();
        assert_eq!(read, tail);
    }
}
