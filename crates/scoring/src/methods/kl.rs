//! The Kullback-Leibler divergence: how far the distribution of the last rows' residuals is from the normal one.

use serde::{Deserialize, Serialize};

use super::pointwise::measured;

/// Shares of the calibration residuals below each inner edge: tenths, the outer ones split finer, for that is where faults
/// show.
const INNER: [f64; 13] = [0.005, 0.025, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.975, 0.995];
/// The inner edges, and the smallest and the largest residual.
const EDGES: usize = INNER.len() + 2;
const BINS: usize = EDGES + 1;
/// Chances of bins are whole multiples of one in this many, so that x ln x can be looked up.
const UNITS: usize = 400;
/// Rows that the belief in normal operation weighs: as much as half a row in each of ten bins (Jeffreys).
const PRIOR_ROWS: usize = 5;
/// Units a row is worth.
const ROW_UNITS: usize = UNITS / PRIOR_ROWS;
/// Stands for a bin where nothing was measured.
const MISSING: u8 = u8::MAX;

/// D_KL(P || Q) = sum_b p_b ln(p_b / q_b) of each tag, in nats (paper, table 3): P is the distribution of the last w rows'
/// residuals over k = 16 bins, Q that of the calibration rows. O(d) for a new row and O(d k) for the divergence.
///
/// Bins are quantiles of the calibration residuals, with one more on either side for what lies beyond all of them. P is
/// smoothed as if five more rows had been seen, spread as Q: p_b = (c_b + 5 q_b) / (m + 5) of the m rows measured, so no
/// rows diverge by nothing and one row by no more than it can tell. Too much and too little spread both diverge, a
/// stuck tag most of all. Beyond the calibration rows all residuals are alike: how far they are is for other methods.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KlDivergence {
    /// One a tag; none where no calibration row measured it.
    tags: Vec<Option<TagBins>>,
}

/// The bins of one tag.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct TagBins {
    /// Edges between bins, rising, in scales; a value at an edge lies below it. Where there are fewer, the largest number
    /// fills up.
    edges: [f64; EDGES],
    /// Chances in 1 / 400, at least 1 for a bin that can be reached, 0 for others.
    units: [usize; BINS],
    /// ln q of each bin; 0 where it can't be reached.
    ln_q: [f64; BINS],
}

impl KlDivergence {
    /// Bins and their chances from `rows` (n x d residuals in scales, NaN where nothing was measured).
    pub fn fit(rows: &[Vec<f64>]) -> Self {
        let tags = rows.first().map_or(0, Vec::len);
        let column = |j: usize| rows.iter().filter_map(|r| measured(r[j])).collect();
        Self { tags: (0..tags).map(|j| TagBins::fit(column(j))).collect() }
    }
}

impl TagBins {
    fn fit(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let edges = edges(&values)?;
        let reachable = |bin: usize| bin == 0 || edges[bin - 1] < f64::MAX;
        let counts: [usize; BINS] = std::array::from_fn(|bin| {
            let below = |edge: f64| values.partition_point(|z| *z <= edge);
            below(edges.get(bin).copied().unwrap_or(f64::MAX)) - if bin == 0 { 0 } else { below(edges[bin - 1]) }
        });
        // A fresh value lies beyond n others with a chance of about 1 / n on either side.
        let counts: [usize; BINS] = std::array::from_fn(|bin| if reachable(bin) { counts[bin].max(1) } else { 0 });
        let units = units(&counts);
        let ln_q = units.map(|u| if u == 0 { 0.0 } else { (u as f64 / UNITS as f64).ln() });
        Some(Self { edges, units, ln_q })
    }

    fn bin(&self, z: f64) -> u8 {
        self.edges.iter().map(|edge| u8::from(*edge < z)).sum()
    }

    /// The divergence of bins with these counts, in nats; `x_ln_x[i]` is that of i / 80.
    fn divergence(&self, counts: &[u32], measured: u32, x_ln_x: &[f64]) -> f64 {
        let mut sum = 0.0;
        for ((count, units), ln_q) in counts.iter().zip(&self.units).zip(&self.ln_q) {
            let at = *count as usize * ROW_UNITS + units;
            sum += x_ln_x[at] - at as f64 / ROW_UNITS as f64 * ln_q;
        }
        let mass = f64::from(measured) + PRIOR_ROWS as f64;
        (sum / mass - mass.ln()).max(0.0)
    }
}

/// Edges at the quantiles of `sorted`, each moved to where two values differ; none if there are no values.
fn edges(sorted: &[f64]) -> Option<[f64; EDGES]> {
    let n = sorted.len();
    let steps: Vec<usize> = (1..n).filter(|i| sorted[i - 1] < sorted[*i]).collect();
    let nearest = |share: f64| {
        let rank = (share * n as f64).round() as usize;
        let after = steps.partition_point(|s| *s < rank);
        let near = steps[after.saturating_sub(1)..(after + 1).min(steps.len())].iter();
        near.min_by_key(|s| s.abs_diff(rank)).map(|s| f64::midpoint(sorted[s - 1], sorted[*s]))
    };
    let mut all = vec![sorted.first()?.next_down()];
    all.extend(INNER.iter().filter_map(|share| nearest(*share)));
    all.push(*sorted.last()?);
    all.dedup();
    Some(std::array::from_fn(|i| all.get(i).copied().unwrap_or(f64::MAX)))
}

/// `counts` as whole numbers of units that add up to [`UNITS`]: 0 stays 0, anything else becomes at least 1.
fn units(counts: &[usize; BINS]) -> [usize; BINS] {
    let total = counts.iter().sum::<usize>().max(1);
    let mut units = counts.map(|c| if c == 0 { 0 } else { (c * UNITS + total / 2).div_euclid(total).max(1) });
    loop {
        let largest = (0..BINS).max_by_key(|b| units[*b]).unwrap_or(0);
        match units.iter().sum::<usize>() {
            UNITS => return units,
            sum if sum < UNITS => units[largest] += UNITS - sum,
            _ => units[largest] -= 1,
        }
    }
}

/// The bins of the last w rows. Counts are whole numbers and exact: the divergence depends on those rows alone, and not on
/// where the stream began.
#[derive(Debug, Clone, PartialEq)]
pub struct KlWindow {
    rows: usize,
    tags: usize,
    /// `rows * tags` bins, the oldest row's at `next` once the window is full.
    bins: Vec<u8>,
    next: usize,
    seen: usize,
    /// `tags * BINS` counts.
    counts: Vec<u32>,
    /// Rows in which each tag was measured.
    measured: Vec<u32>,
    /// x ln x of x = i / 80.
    x_ln_x: Vec<f64>,
}

impl KlWindow {
    /// An empty window of `rows` rows (at least 1) of the tags `kl` was fitted to.
    pub fn new(kl: &KlDivergence, rows: usize) -> Self {
        let (rows, tags) = (rows.max(1), kl.tags.len());
        let x_ln_x = |i: usize| {
            let x = i as f64 / ROW_UNITS as f64;
            if i == 0 { 0.0 } else { x * x.ln() }
        };
        Self {
            rows,
            tags,
            bins: vec![MISSING; rows * tags],
            next: 0,
            seen: 0,
            counts: vec![0; tags * BINS],
            measured: vec![0; tags],
            x_ln_x: (0..=(rows + PRIOR_ROWS) * ROW_UNITS).map(x_ln_x).collect(),
        }
    }

    /// Takes the next row and forgets the one that leaves the window.
    pub fn push(&mut self, kl: &KlDivergence, z: &[f64]) {
        let row = &mut self.bins[self.next * self.tags..][..self.tags];
        for (tag, old) in row.iter_mut().enumerate() {
            let known = kl.tags.get(tag).and_then(Option::as_ref).zip(z.get(tag).filter(|z| z.is_finite()));
            let new = known.map_or(MISSING, |(bins, z)| bins.bin(*z));
            if *old != MISSING {
                self.counts[tag * BINS + *old as usize] -= 1;
                self.measured[tag] -= 1;
            }
            if new != MISSING {
                self.counts[tag * BINS + new as usize] += 1;
                self.measured[tag] += 1;
            }
            *old = new;
        }
        self.next = (self.next + 1) % self.rows;
        self.seen = (self.seen + 1).min(self.rows);
    }

    /// The mean over measured tags of their divergence, in nats: the paper's sum, but a tag that was not measured neither
    /// raises nor lowers it. 0 if nothing was measured, `None` while there are fewer than w rows.
    pub fn value(&self, kl: &KlDivergence) -> Option<f64> {
        let measured = self.measured.iter().filter(|m| **m > 0).count().max(1);
        (self.seen == self.rows).then(|| self.divergences(kl).sum::<f64>() / measured as f64)
    }

    fn divergences(&self, kl: &KlDivergence) -> impl Iterator<Item = f64> {
        self.counts.chunks_exact(BINS).zip(&self.measured).zip(&kl.tags).map(|((counts, measured), bins)| match bins {
            Some(bins) if *measured > 0 => {
                bins.divergence(counts, *measured, &self.x_ln_x) * expected(self.rows) / expected(*measured as usize)
            }
            _ => 0.0,
        })
    }
}

/// What `rows` rows of normal operation diverge by on average, up to a factor: by m / (m + 5)^2 to second order. A tag
/// that was measured in only some rows of a window has its divergence brought to what all of them would have shown.
fn expected(rows: usize) -> f64 {
    let mass = (rows + PRIOR_ROWS) as f64;
    rows as f64 / (mass * mass)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_distr::{Distribution, StandardNormal};

    use super::*;

    fn noise(n: usize, tags: usize, seed: u64) -> Vec<Vec<f64>> {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
        (0..n).map(|_| (0..tags).map(|_| StandardNormal.sample(&mut rng)).collect()).collect()
    }

    fn fitted() -> KlDivergence {
        KlDivergence::fit(&noise(4000, 3, 1))
    }

    /// The value after each of `rows`.
    fn values(w: usize, rows: &[Vec<f64>]) -> Vec<f64> {
        let kl = fitted();
        let mut window = KlWindow::new(&kl, w);
        let value = |r: &Vec<f64>| {
            window.push(&kl, r);
            window.value(&kl)
        };
        rows.iter().filter_map(value).collect()
    }

    /// The share of normal windows that diverge less than the last window of `rows`.
    fn check_rank(w: usize, rows: &[Vec<f64>]) -> f64 {
        let usual = values(w, &noise(5000, 3, 2));
        let last = *values(w, rows).last().unwrap();
        usual.iter().filter(|u| **u < last).count() as f64 / usual.len() as f64
    }

    #[test]
    fn a_stuck_tag_and_a_wild_tag_and_a_shift_are_all_seen() {
        let changed = |change: fn(f64) -> f64| -> Vec<Vec<f64>> {
            noise(200, 3, 3).iter().map(|r| vec![change(r[0]), r[1], r[2]]).collect()
        };
        for w in [10, 60] {
            assert!(check_rank(w, &changed(|_| 0.1)) > 0.999, "stuck, {w}");
            assert!(check_rank(w, &changed(|z| 5.0 * z)) > 0.999, "wild, {w}");
            assert!(check_rank(w, &changed(|z| z + 3.0)) > 0.999, "shifted, {w}");
        }
        assert!(check_rank(60, &changed(|z| 0.2 * z)) > 0.999);
    }

    #[test]
    fn a_single_row_diverges_the_more_the_rarer_it_is() {
        let at = |z: f64| values(1, &[vec![z, 0.0, 0.0]])[0];
        assert!(at(0.0) < at(1.5) && at(1.5) < at(2.2) && at(2.2) < at(3.0) && at(3.0) < at(9.0));
        assert_eq!(at(9.0), at(1e300));
    }

    #[test]
    fn the_divergence_is_the_textbooks() {
        let kl = fitted();
        let mut window = KlWindow::new(&kl, 10);
        noise(37, 3, 5).iter().for_each(|r| window.push(&kl, r));
        let bins = kl.tags[1].as_ref().unwrap();
        let q: Vec<f64> = bins.units.iter().map(|u| *u as f64 / 400.0).collect();
        let p = (0..BINS).map(|b| (f64::from(window.counts[BINS + b]) + 5.0 * q[b]) / 15.0);
        let want: f64 = p.zip(&q).map(|(p, q)| p * (p / q).ln()).sum();
        assert!((window.divergences(&kl).nth(1).unwrap() - want).abs() < 1e-12);
        assert!((q.iter().sum::<f64>() - 1.0).abs() < 1e-12 && q.iter().all(|q| *q > 0.0));
    }

    #[test]
    fn it_does_not_depend_on_where_the_stream_began() {
        let rows = noise(500, 3, 4);
        for w in [1, 10, 60] {
            assert_eq!(values(w, &rows).last(), values(w, &rows[500 - w..]).last());
            assert_eq!(values(w, &rows[..w - 1]).len(), 0);
        }
    }

    #[test]
    fn what_was_not_measured_neither_raises_nor_lowers_it() {
        let rows = noise(20_000, 3, 6);
        let mean = |rows: &[Vec<f64>], w: usize| values(w, rows).iter().sum::<f64>() / rows.len() as f64;
        for hidden in [1, 3] {
            let holed: Vec<Vec<f64>> = rows
                .iter()
                .enumerate()
                .map(|(i, r)| vec![r[0], r[1], if i % hidden == 0 { f64::NAN } else { r[2] }])
                .collect();
            for w in [1, 10, 60] {
                let ratio = mean(&holed, w) / mean(&rows, w);
                assert!((ratio - 1.0).abs() < 0.05, "{hidden} {w}: {ratio}");
            }
        }
        assert_eq!(values(1, &[vec![f64::NAN, f64::INFINITY, f64::NAN]]), [0.0]);
    }

    #[test]
    fn a_tag_with_few_values_knows_which_are_new() {
        let rows: Vec<Vec<f64>> = (0..1000).map(|i| vec![if i % 50 == 0 { 1.0 } else { 0.0 }, f64::NAN]).collect();
        let kl = KlDivergence::fit(&rows);
        let mut window = KlWindow::new(&kl, 1);
        let mut at = |z: f64| {
            window.push(&kl, &[z, 7.0]);
            window.value(&kl).unwrap()
        };
        let (usual, rare) = (at(0.0), at(1.0));
        assert!(usual < rare && rare < at(2.0) && rare < at(-1.0));
        let read: KlDivergence = serde_json::from_str(&serde_json::to_string(&kl).unwrap()).unwrap();
        assert_eq!(read, kl);
    }
}
