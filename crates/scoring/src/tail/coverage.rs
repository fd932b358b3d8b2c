//! Whether probabilities and their intervals mean what they say, on simulated normal operation.

use std::f64::consts::LN_10;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Exp1, StandardNormal, StudentT, Uniform};

use super::{Observation, Tail};

/// Chances, and the values that have them: of each distribution, alone and in means of ten. From scipy 1.17.1 (`isf`; of
/// means by the gamma distribution, the Irwin-Hall sum and, for Student's t of three degrees of freedom, the inverted
/// characteristic function).
const CHANCES: [f64; 3] = [0.1, 0.01, 0.001];
const NOISES: [Noise; 5] = [
    Noise {
        name: "normal",
        sample: |rng| StandardNormal.sample(rng),
        alone: [1.28155157, 2.32634787, 3.09023231],
        means: [0.40526219, 0.73565579, 0.97721726],
    },
    Noise {
        name: "exponential",
        sample: |rng| Exp1.sample(rng),
        alone: [LN_10, 2.0 * LN_10, 3.0 * LN_10],
        means: [1.42059903, 1.87831174, 2.26573733],
    },
    Noise {
        name: "normal squares",
        sample: |rng| {
            let x: f64 = StandardNormal.sample(rng);
            x * x
        },
        alone: [2.70554345, 6.6348966, 10.82756617],
        means: [1.59871792, 2.32092512, 2.95882984],
    },
    Noise {
        name: "student",
        sample: |rng| StudentT::new(3.0).unwrap().sample(rng),
        alone: [1.63774435, 4.54070286, 10.21453185],
        means: [0.62923929, 1.34624720, 2.44939549],
    },
    Noise {
        name: "uniform",
        sample: |rng| Uniform::new(0.0, 1.0).unwrap().sample(rng),
        alone: [0.9, 0.99, 0.999],
        means: [0.61780941, 0.70970670, 0.77231556],
    },
];

struct Noise {
    name: &'static str,
    sample: fn(&mut ChaCha8Rng) -> f64,
    alone: [f64; 3],
    means: [f64; 3],
}

/// Rows that are independent, or means over ten rows that are.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Rows {
    Alone,
    Means,
}

impl Noise {
    fn stream(&self, n: usize, rows: Rows, seed: u64) -> Vec<Observation> {
        let over = if rows == Rows::Means { 10 } else { 1 };
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let noise: Vec<f64> = (0..n + over - 1).map(|_| (self.sample)(&mut rng)).collect();
        let means = noise.windows(over).map(|w| w.iter().sum::<f64>() / over as f64);
        means.enumerate().map(|(row, value)| Observation { value, row, segment: 0 }).collect()
    }

    /// The shares of `repetitions` in which the interval held each chance.
    fn coverage(&self, n: usize, rows: Rows, repetitions: u64) -> [f64; 3] {
        let values = if rows == Rows::Means { self.means } else { self.alone };
        let mut held = [0.0; 3];
        for seed in 0..repetitions {
            let tail = Tail::fit(&self.stream(n, rows, seed)).unwrap();
            for ((held, value), chance) in held.iter_mut().zip(values).zip(CHANCES) {
                let at = tail.probability(value);
                let holds = (at.ln_low..=at.ln_high).contains(&chance.ln());
                *held += if holds { 1.0 } else { 0.0 } / repetitions as f64;
            }
        }
        held
    }

    /// The mean shares of fresh rows with a score of at least 1 and of at least 2, over fits to `n` rows.
    fn shares(&self, n: usize, rows: Rows, repetitions: u64) -> [f64; 2] {
        let mut fresh: Vec<f64> = self.stream(100_000, rows, 1_000_000).iter().map(|o| o.value).collect();
        fresh.sort_by(f64::total_cmp);
        let mut shares = [0.0; 2];
        for seed in 0..repetitions {
            let tail = Tail::fit(&self.stream(n, rows, seed)).unwrap();
            for (share, chance) in shares.iter_mut().zip(CHANCES) {
                let below = fresh.partition_point(|x| tail.probability(*x).ln_p > chance.ln());
                *share += (fresh.len() - below) as f64 / fresh.len() as f64 / repetitions as f64;
            }
        }
        shares
    }
}

/// Intervals hold the truth as often as they say: within `bounds` over all distributions, and not far less for any. So few
/// repetitions tell 95 % from 92 % and from 98 %; the ignored test is sharper.
fn check_coverage(n: usize, rows: Rows, repetitions: u64, bounds: std::ops::RangeInclusive<f64>) {
    let held: Vec<[f64; 3]> = NOISES.iter().map(|noise| noise.coverage(n, rows, repetitions)).collect();
    for (i, chance) in CHANCES.iter().enumerate() {
        let mean = held.iter().map(|h| h[i]).sum::<f64>() / held.len() as f64;
        assert!(bounds.contains(&mean), "{n} {rows:?}: {mean} at {chance}, {held:?}");
        for (noise, held) in NOISES.iter().zip(&held) {
            assert!(held[i] > 0.87, "{n} {rows:?} {}: {} at {chance}", noise.name, held[i]);
        }
    }
}

#[test]
fn an_interval_holds_the_truth_19_times_in_20() {
    check_coverage(300, Rows::Alone, 400, 0.93..=0.985);
    check_coverage(2000, Rows::Alone, 200, 0.92..=0.98);
}

#[test]
fn an_interval_of_many_rows_holds_the_truth_19_times_in_20() {
    check_coverage(10_000, Rows::Alone, 100, 0.92..=0.98);
}

/// A thousandth lies far beyond 300 rows that are worth 50: there the interval also holds the cautious prediction.
#[test]
fn an_interval_holds_the_truth_where_rows_depend_on_each_other() {
    check_coverage(300, Rows::Means, 400, 0.93..=0.99);
    check_coverage(2000, Rows::Means, 200, 0.92..=0.98);
}

#[test]
fn an_interval_of_many_rows_holds_the_truth_where_they_depend_on_each_other() {
    check_coverage(10_000, Rows::Means, 100, 0.92..=0.98);
}

#[test]
#[ignore = "takes 40 s: every distribution by itself, a thousand times"]
fn an_interval_holds_the_truth_of_every_distribution() {
    // 94 to 99 % where rows are independent. In means 93 to 98 % (a tenth, 300 rows: 93 %), but 91 % of heavy-tailed
    // ones at a hundredth of 2000 and a thousandth of 10,000: a few shocks, or none, decide.
    for rows in [Rows::Alone, Rows::Means] {
        for n in [300, 2000, 10_000] {
            for noise in &NOISES {
                let held = noise.coverage(n, rows, 1000);
                println!("{n} {rows:?} {}: {held:.3?}", noise.name);
                assert!(held.iter().all(|h| *h > 0.9), "{n} {rows:?} {}: {held:?}", noise.name);
            }
        }
    }
}

#[test]
fn few_dependent_rows_are_not_taken_for_many() {
    for noise in &NOISES {
        for n in [100, 300] {
            let [one, two] = noise.shares(n - 9, Rows::Means, 200);
            assert!((0.05..=0.2).contains(&one) && two <= 0.02, "{n} {}: {one} {two}", noise.name);
        }
    }
}

#[test]
fn few_independent_rows_are_judged_by_as_much_as_they_are() {
    for noise in &NOISES {
        for n in [30, 100, 300] {
            let [one, two] = noise.shares(n, Rows::Alone, 200);
            assert!((0.08..=0.12).contains(&one) && two <= 0.016, "{n} {}: {one} {two}", noise.name);
        }
    }
}
