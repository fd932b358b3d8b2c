//! Expectation maximisation, and how many components there should be.

use nalgebra::DMatrix;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::{CheckedGmmParams, Component, Covariance, Gmm, GmmError, GmmParams, Spread, start};
use crate::linalg::{Lower, ln_sum_exp};

/// The mean log-likelihood must gain this much a step, in nats a row, or the fit is done.
const TOLERANCE: f64 = 1e-4;
/// More rows than this are thinned evenly: a mixture of a few components learns no more from them.
const MAX_ROWS: usize = 3000;

impl CheckedGmmParams {
    /// Fits a mixture to `rows` (n x d). BIC chooses the number of components, with the log-likelihood scaled to
    /// `effective_rows`: consecutive rows resemble each other, and as n independent ones they would ask for ever more
    /// components.
    ///
    /// # Errors
    /// If there are no rows or no columns, rows differ in length, or no start succeeded.
    pub fn fit(&self, rows: &[Vec<f64>], effective_rows: f64, seed: u64) -> Result<Gmm, GmmError> {
        let columns = rows.first().map_or(0, Vec::len);
        if columns == 0 {
            return Err(GmmError::Empty { rows: rows.len(), columns });
        }
        if let Some((row, r)) = rows.iter().enumerate().find(|(_, r)| r.len() != columns) {
            return Err(GmmError::Ragged { row, got: r.len(), want: columns });
        }
        let every = rows.len().div_ceil(MAX_ROWS);
        let rows: Vec<&[f64]> = rows.iter().step_by(every).map(Vec::as_slice).collect();
        let effective = effective_rows.clamp(1.0, rows.len() as f64);
        let mut best: Option<(f64, Gmm)> = None;
        for k in 1..=self.0.max_components.min(rows.len()) {
            let Some((likelihood, gmm)) = self.likeliest(&rows, k, seed) else { continue };
            let bic = bic(free_parameters(k, columns, self.0.covariance), likelihood, effective);
            if best.as_ref().is_none_or(|(b, _)| bic < *b) {
                best = Some((bic, gmm));
            }
        }
        best.map(|(_, gmm)| gmm).ok_or(GmmError::Diverged { restarts: self.0.restarts })
    }

    /// The best of several starts with `k` components, and its mean log-likelihood in nats a row.
    fn likeliest(&self, rows: &[&[f64]], k: usize, seed: u64) -> Option<(f64, Gmm)> {
        let starts = if k == 1 { 1 } else { self.0.restarts };
        (0..starts as u64)
            .filter_map(|start| {
                let mut rng = ChaCha8Rng::seed_from_u64(seed.wrapping_add(start << 32).wrapping_add(k as u64));
                run(&self.0, rows, start::assign(rows, k, &mut rng), k)
            })
            .max_by(|a, b| a.0.total_cmp(&b.0))
    }
}

/// Schwarz's criterion of a mixture with this mean log-likelihood of `rows` rows, in nats a row: the lower, the better.
fn bic(free_parameters: usize, mean_likelihood: f64, rows: f64) -> f64 {
    free_parameters as f64 * rows.max(2.0).ln() - 2.0 * mean_likelihood * rows
}

fn free_parameters(k: usize, d: usize, covariance: Covariance) -> usize {
    let spread = match covariance {
        Covariance::Full => k * d * (d + 1) / 2,
        Covariance::Diagonal => k * d,
        Covariance::Tied => d,
    };
    k - 1 + k * d + spread
}

/// Expectation maximisation from a hard assignment; `None` if the likelihood is not finite.
fn run(params: &GmmParams, rows: &[&[f64]], assigned: Vec<usize>, k: usize) -> Option<(f64, Gmm)> {
    let mut shares: Vec<Vec<f64>> =
        assigned.iter().map(|a| (0..k).map(|c| if c == *a { 1.0 } else { 0.0 }).collect()).collect();
    let mut last = f64::NEG_INFINITY;
    let mut gmm = maximise(params, rows, &shares, k)?;
    for _ in 0..params.iterations {
        let likelihood = expect(&gmm, rows, &mut shares);
        if !likelihood.is_finite() {
            return None;
        }
        if likelihood - last < TOLERANCE {
            last = last.max(likelihood);
            break;
        }
        last = likelihood;
        gmm = maximise(params, rows, &shares, k)?;
    }
    gmm.components.sort_by(|a, b| b.ln_weight.total_cmp(&a.ln_weight).then(a.mean[0].total_cmp(&b.mean[0])));
    Some((last, gmm))
}

/// Fills `shares` with responsibilities and returns the mean log-likelihood.
fn expect(gmm: &Gmm, rows: &[&[f64]], shares: &mut [Vec<f64>]) -> f64 {
    let mut sum = 0.0;
    for (row, share) in rows.iter().zip(shares) {
        let joint = gmm.ln_joint(row);
        let total = ln_sum_exp(&joint);
        share.iter_mut().zip(&joint).for_each(|(s, j)| *s = (j - total).exp());
        sum += total;
    }
    sum / rows.len() as f64
}

/// Weights, means and covariances for given responsibilities.
fn maximise(params: &GmmParams, rows: &[&[f64]], shares: &[Vec<f64>], k: usize) -> Option<Gmm> {
    let mut moments: Vec<Moments> = (0..k).map(|c| Moments::of(rows, shares, c)).collect();
    if params.covariance == Covariance::Tied {
        pool(&mut moments);
    }
    let components = moments.into_iter().enumerate().map(|(c, m)| {
        let ln_weight = (m.mass.max(1e-9) / rows.len() as f64).ln();
        let spread = match params.covariance {
            Covariance::Full => Spread::Full(m.shrunk(rows, shares, c, params.variance_floor)?),
            Covariance::Diagonal | Covariance::Tied => {
                Spread::Diagonal(m.variances.iter().map(|v| v + params.variance_floor).collect())
            }
        };
        Some(Component { ln_weight, mean: m.mean, spread })
    });
    Some(Gmm { components: components.collect::<Option<_>>()? })
}

/// The weighted first two moments of one component, column by column over what was measured.
struct Moments {
    mass: f64,
    /// The mass behind each column.
    seen: Vec<f64>,
    mean: Vec<f64>,
    variances: Vec<f64>,
}

impl Moments {
    fn of(rows: &[&[f64]], shares: &[Vec<f64>], component: usize) -> Self {
        let d = rows[0].len();
        let mut it = Self { mass: 0.0, seen: vec![0.0; d], mean: vec![0.0; d], variances: vec![0.0; d] };
        for (row, share) in rows.iter().zip(shares) {
            let w = share[component];
            it.mass += w;
            for (j, x) in row.iter().enumerate().filter(|(_, x)| x.is_finite()) {
                it.seen[j] += w;
                it.mean[j] += w * x;
            }
        }
        for (m, s) in it.mean.iter_mut().zip(&it.seen) {
            *m /= s.max(f64::MIN_POSITIVE);
        }
        for (row, share) in rows.iter().zip(shares) {
            for (j, x) in row.iter().enumerate().filter(|(_, x)| x.is_finite()) {
                it.variances[j] += share[component] * (x - it.mean[j]).powi(2);
            }
        }
        for (v, s) in it.variances.iter_mut().zip(&it.seen) {
            // A column nobody has measured is as wide as the unit it is scaled to.
            *v = if *s > 0.0 { *v / s } else { 1.0 };
        }
        it
    }

    /// The factor of the full covariance, shrunk towards its diagonal by d / (d + mass): the fewer the rows, the more.
    fn shrunk(&self, rows: &[&[f64]], shares: &[Vec<f64>], component: usize, floor: f64) -> Option<Lower> {
        let d = self.mean.len();
        let keep = self.mass / (d as f64 + self.mass);
        let mut s = DMatrix::zeros(d, d);
        for (row, share) in rows.iter().zip(shares) {
            let e: Vec<f64> =
                row.iter().zip(&self.mean).map(|(x, m)| if x.is_finite() { x - m } else { 0.0 }).collect();
            for i in 0..d {
                for j in 0..i {
                    s[(i, j)] += share[component] * e[i] * e[j] * keep / self.mass.max(f64::MIN_POSITIVE);
                }
            }
        }
        for i in 0..d {
            s[(i, i)] = self.variances[i] + floor;
            for j in 0..i {
                s[(j, i)] = s[(i, j)];
            }
        }
        Lower::of(s)
    }
}

/// Gives all components the same variances, weighted by the mass behind them.
fn pool(moments: &mut [Moments]) {
    for j in 0..moments[0].mean.len() {
        let seen: f64 = moments.iter().map(|m| m.seen[j]).sum();
        let pooled: f64 = moments.iter().map(|m| m.variances[j] * m.seen[j]).sum::<f64>();
        for m in moments.iter_mut() {
            m.variances[j] = if seen > 0.0 { pooled / seen } else { 1.0 };
        }
    }
}

#[cfg(test)]
mod tests {
    use rand_distr::{Distribution, StandardNormal};

    use super::*;

    fn params(max_components: usize, covariance: Covariance) -> CheckedGmmParams {
        GmmParams { max_components, covariance, restarts: 5, iterations: 200, variance_floor: 1e-3 }.check().unwrap()
    }

    /// `n` rows in turn around each of `centres`.
    fn planted(centres: &[[f64; 2]], n: usize) -> Vec<Vec<f64>> {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        (0..n)
            .map(|i| {
                let noise = |rng: &mut _| -> f64 { StandardNormal.sample(rng) };
                centres[i % centres.len()].iter().map(|c| c + noise(&mut rng)).collect()
            })
            .collect()
    }

    #[test]
    fn three_planted_clusters_are_found_and_counted() {
        let rows = planted(&[[0.0, 0.0], [8.0, 0.0], [0.0, 8.0]], 900);
        for covariance in [Covariance::Full, Covariance::Diagonal, Covariance::Tied] {
            let gmm = params(6, covariance).fit(&rows, 900.0, 7).unwrap();
            assert_eq!(gmm.components(), 3, "{covariance:?}");
            let mut means: Vec<Vec<i64>> =
                (0..3).map(|k| gmm.mean(k).iter().map(|m| m.round() as i64).collect()).collect();
            means.sort();
            assert_eq!(means, [[0, 0], [0, 8], [8, 0]]);
            assert!((0..3).all(|k| (gmm.weight(k) - 1.0 / 3.0).abs() < 0.02));
        }
    }

    #[test]
    fn the_criterion_is_scikit_learns() {
        let golden: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/reference/mixtures.json")).unwrap();
        for case in golden["cases"].as_array().unwrap() {
            let covariance = if case["kind"] == "full" { Covariance::Full } else { Covariance::Diagonal };
            let likelihood = case["mean_ln_density"].as_f64().unwrap();
            let got =
                bic(free_parameters(3, 3, covariance), likelihood, golden["rows"].as_array().unwrap().len() as f64);
            let want = case["bic"][2].as_f64().unwrap();
            assert!((got - want).abs() < 1e-6, "{covariance:?}: {got} {want}");
        }
    }

    #[test]
    fn rows_that_resemble_each_other_ask_for_fewer_components() {
        let rows = planted(&[[0.0, 0.0], [8.0, 0.0]], 400);
        assert_eq!(params(4, Covariance::Full).fit(&rows, 2.0, 7).unwrap().components(), 1);
    }

    #[test]
    fn the_same_seed_gives_the_same_mixture() {
        let rows = planted(&[[0.0, 0.0], [3.0, 1.0]], 300);
        let fit = || params(4, Covariance::Full).fit(&rows, 300.0, 11).unwrap();
        assert_eq!(fit(), fit());
    }

    #[test]
    fn what_was_not_measured_is_left_out() {
        let mut rows = planted(&[[0.0, 5.0]], 400);
        rows.iter_mut().step_by(3).for_each(|r| r[1] = f64::NAN);
        for covariance in [Covariance::Diagonal, Covariance::Full] {
            let gmm = params(1, covariance).fit(&rows, 400.0, 7).unwrap();
            assert!((gmm.mean(0)[1] - 5.0).abs() < 0.2);
            let alone = gmm.ln_density(&[1.0, f64::NAN]);
            assert!((alone + 0.5 + 0.919).abs() < 0.1, "{covariance:?} {alone}");
        }
    }

    #[test]
    fn a_far_row_is_finite_and_farther_is_less_likely() {
        let gmm = params(3, Covariance::Full).fit(&planted(&[[0.0, 0.0], [8.0, 0.0]], 200), 200.0, 7).unwrap();
        let [near, far] = [1e3, 1e6].map(|x| gmm.ln_density(&[x, 0.0]));
        assert!(far.is_finite() && far < near);
    }

    #[test]
    fn identical_rows_do_not_make_it_singular() {
        let gmm = params(3, Covariance::Full).fit(&vec![vec![2.0, 3.0]; 50], 50.0, 7).unwrap();
        assert_eq!(gmm.components(), 1);
        assert!(gmm.ln_density(&[2.0, 3.0]).is_finite());
    }

    #[test]
    fn wrong_parameters_and_rows_are_refused() {
        let bad = GmmParams {
            max_components: 0,
            covariance: Covariance::Full,
            restarts: 1,
            iterations: 1,
            variance_floor: 1.0,
        };
        assert!(matches!(bad.check(), Err(GmmError::Parameter { name: "max_components", .. })));
        let fit = |rows: &[Vec<f64>]| params(1, Covariance::Full).fit(rows, 1.0, 0);
        assert!(matches!(fit(&[]), Err(GmmError::Empty { .. })));
        assert!(matches!(fit(&[vec![1.0], vec![1.0, 2.0]]), Err(GmmError::Ragged { row: 1, .. })));
    }
}
