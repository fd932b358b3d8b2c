//! Mixtures against scikit-learn's, which `reference/mixtures.py` wrote. What is not public is compared where it is: shrunk
//! covariances in `linalg`, the generalised Pareto distribution in `tail::gpd` and its fit in `tail::belief`.

#![expect(clippy::unwrap_used, reason = "a test that can't read its golden numbers has failed")]

use andon_scoring::gmm::{Covariance, Gmm, GmmParams};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    rows: Vec<Vec<f64>>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    kind: String,
    mixture: Gmm,
    probes: Vec<Vec<f64>>,
    ln_densities: Vec<f64>,
    responsibilities: Vec<Vec<f64>>,
    mean_ln_density: f64,
    components_by_bic: usize,
}

impl Case {
    fn covariance(&self) -> Covariance {
        if self.kind == "full" { Covariance::Full } else { Covariance::Diagonal }
    }
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("reference/mixtures.json")).unwrap()
}

fn fit(rows: &[Vec<f64>], covariance: Covariance) -> Gmm {
    let params = GmmParams { max_components: 6, covariance, restarts: 5, iterations: 500, variance_floor: 1e-9 };
    params.check().unwrap().fit(rows, rows.len() as f64, 1).unwrap()
}

fn mean_ln_density(gmm: &Gmm, rows: &[Vec<f64>]) -> f64 {
    rows.iter().map(|r| gmm.ln_density(r)).sum::<f64>() / rows.len() as f64
}

#[test]
fn densities_of_a_given_mixture_are_scikit_learns() {
    for case in golden().cases {
        for (probe, want) in case.probes.iter().zip(&case.ln_densities) {
            let got = case.mixture.ln_density(probe);
            assert!((got - want).abs() < 1e-9 * want.abs(), "{} {probe:?}: {got} {want}", case.kind);
        }
    }
}

#[test]
fn responsibilities_of_a_given_mixture_are_scikit_learns() {
    for case in golden().cases {
        for (probe, want) in case.probes.iter().zip(&case.responsibilities) {
            let got = case.mixture.responsibilities(probe);
            let error = got.iter().zip(want).map(|(g, w)| (g - w).abs()).fold(0.0, f64::max);
            assert!(got.len() == want.len() && error < 1e-9, "{} {probe:?}: {got:?} {want:?}", case.kind);
        }
    }
}

#[test]
fn a_fit_is_as_likely_as_scikit_learns() {
    let golden = golden();
    for case in &golden.cases {
        let given = mean_ln_density(&case.mixture, &golden.rows);
        assert!((given - case.mean_ln_density).abs() < 1e-9, "{}", case.kind);
        // A full covariance is shrunk by 3 rows in 103 here, which costs a little of the likelihood; a diagonal one is not.
        let room = if case.kind == "full" { 5e-3 } else { 1e-4 };
        let fitted = mean_ln_density(&fit(&golden.rows, case.covariance()), &golden.rows);
        assert!((fitted - case.mean_ln_density).abs() < room, "{}: {fitted} {}", case.kind, case.mean_ln_density);
    }
}

#[test]
fn as_many_components_are_chosen_as_by_scikit_learn() {
    let golden = golden();
    for case in &golden.cases {
        let fitted = fit(&golden.rows, case.covariance());
        assert_eq!(fitted.components(), case.components_by_bic, "{}", case.kind);
    }
}
