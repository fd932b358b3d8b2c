//! Gaussian mixtures: unchecked parameters, checked parameters, a fitted mixture.
//!
//! In reading order: this file (what a mixture is and says), `fit` (expectation maximisation and the choice of the
//! number of components), `start` (k-means++).
//!
//! A value of a row that is not finite was not measured. It is left out: the density is then the marginal one.

mod fit;
mod start;

use serde::{Deserialize, Serialize};

use crate::linalg::{Lower, ln_sum_exp};

const LN_2PI: f64 = 1.837_877_066_409_345_5;

/// What a component's covariance may look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Covariance {
    /// One full matrix a component, shrunk towards its diagonal.
    Full,
    /// One diagonal a component.
    Diagonal,
    /// One diagonal for all components: none can be wide, and so swallow what is far away.
    Tied,
}

/// How a mixture is to be fitted; nothing is checked yet.
#[derive(Debug, Clone, PartialEq)]
pub struct GmmParams {
    /// The most components there may be; BIC chooses among 1 to this many.
    pub max_components: usize,
    /// The shape of the components.
    pub covariance: Covariance,
    /// Starts from different seeds for each number of components; the likeliest wins.
    pub restarts: usize,
    /// The most steps of expectation maximisation a start.
    pub iterations: usize,
    /// What is added to every variance, in squared units of the rows.
    pub variance_floor: f64,
}

/// A mixture could not be fitted.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum GmmError {
    /// A parameter is out of its range.
    #[error("{name} is {value}; it must be {range}")]
    Parameter {
        /// The parameter.
        name: &'static str,
        /// Its value.
        value: f64,
        /// What it may be.
        range: &'static str,
    },
    /// There is nothing to fit to.
    #[error("a mixture of {columns} columns was to be fitted to {rows} rows; it needs at least one of each")]
    Empty {
        /// Rows there are.
        rows: usize,
        /// Columns there are.
        columns: usize,
    },
    /// The rows have different lengths.
    #[error("row {row} has {got} values, the first row has {want}")]
    Ragged {
        /// The row's number.
        row: usize,
        /// Values it has.
        got: usize,
        /// Values it should have.
        want: usize,
    },
    /// No start gave a finite likelihood.
    #[error("no start of {restarts} gave a finite likelihood; the rows hold values too large to square")]
    Diverged {
        /// Starts made.
        restarts: usize,
    },
}

/// Parameters that are in their ranges.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckedGmmParams(GmmParams);

impl GmmParams {
    /// Checks the ranges.
    ///
    /// # Errors
    /// If a count is 0, or the floor is not a positive number.
    pub fn check(self) -> Result<CheckedGmmParams, GmmError> {
        let counts =
            [("max_components", self.max_components), ("restarts", self.restarts), ("iterations", self.iterations)];
        for (name, value) in counts {
            if value == 0 {
                return Err(GmmError::Parameter { name, value: 0.0, range: "at least 1" });
            }
        }
        if !(self.variance_floor.is_finite() && self.variance_floor > 0.0) {
            return Err(GmmError::Parameter {
                name: "variance_floor",
                value: self.variance_floor,
                range: "finite and above 0",
            });
        }
        Ok(CheckedGmmParams(self))
    }
}

/// A fitted mixture of d-dimensional normal distributions, heaviest component first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gmm {
    components: Vec<Component>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Component {
    ln_weight: f64,
    /// d values.
    mean: Vec<f64>,
    spread: Spread,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Spread {
    /// d variances.
    Diagonal(Vec<f64>),
    /// The factor of a d x d covariance.
    Full(Lower),
}

impl Gmm {
    /// How many components it has.
    pub fn components(&self) -> usize {
        self.components.len()
    }

    /// The weight of component `k`, from 0 to 1.
    pub fn weight(&self, k: usize) -> f64 {
        self.components[k].ln_weight.exp()
    }

    /// The mean of component `k`, d values.
    pub fn mean(&self, k: usize) -> &[f64] {
        &self.components[k].mean
    }

    /// ln p(row), in nats: ln sum_k w_k N(row; mu_k, S_k) (paper, section 3.3). The maximum is taken out first, so a far
    /// row gets a large negative and finite number.
    pub fn ln_density(&self, row: &[f64]) -> f64 {
        ln_sum_exp(&self.ln_joint(row))
    }

    /// The chance of each component given the row; sums to 1.
    pub fn responsibilities(&self, row: &[f64]) -> Vec<f64> {
        let joint = self.ln_joint(row);
        let total = ln_sum_exp(&joint);
        joint.iter().map(|j| (j - total).exp()).collect()
    }

    /// ln w_k + ln N(row; mu_k, S_k) for each component.
    fn ln_joint(&self, row: &[f64]) -> Vec<f64> {
        self.components.iter().map(|c| c.ln_weight + c.ln_normal(row)).collect()
    }
}

impl Component {
    fn ln_normal(&self, row: &[f64]) -> f64 {
        match &self.spread {
            Spread::Diagonal(variances) => {
                let cells = row.iter().zip(&self.mean).zip(variances);
                cells
                    .filter(|((x, _), _)| x.is_finite())
                    .map(|((x, m), v)| -0.5 * ((x - m).powi(2) / v + v.ln() + LN_2PI))
                    .sum()
            }
            Spread::Full(factor) => {
                let e: Vec<f64> = row.iter().zip(&self.mean).map(|(x, m)| x - m).collect();
                if e.iter().all(|e| e.is_finite()) {
                    return ln_normal(factor, &e);
                }
                let keep: Vec<usize> = (0..e.len()).filter(|j| e[*j].is_finite()).collect();
                let e: Vec<f64> = keep.iter().map(|j| e[*j]).collect();
                factor.marginal(&keep).map_or(0.0, |f| ln_normal(&f, &e))
            }
        }
    }
}

fn ln_normal(factor: &Lower, e: &[f64]) -> f64 {
    -0.5 * (factor.squared_length(e) + factor.ln_det() + LN_2PI * e.len() as f64)
}
