//! Scoring methods (paper, table 3): each turns scaled residuals into one number that is large where they are unusual.
//!
//! One file a method. A new one is one more file, one more line here, one more variant of [`Method`], and what the compiler
//! then asks for.

mod contextual;
mod kl;
mod likelihood;
mod mahalanobis;
mod pointwise;

use serde::{Deserialize, Serialize};

pub use contextual::Contextual;
pub use kl::{KlDivergence, KlWindow};
pub use likelihood::Likelihood;
pub(crate) use likelihood::LikelihoodParams;
pub use mahalanobis::Mahalanobis;
pub use pointwise::PointWise;

use crate::gmm::GmmError;

/// A scoring method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// The mean of squares, averaged evenly.
    PointWise,
    /// The squared mean size, averaged with fading weights.
    Contextual,
    /// The squared Mahalanobis length, averaged evenly.
    Mahalanobis,
    /// How far the last rows' distribution is from the normal one.
    KlDivergence,
    /// The negative log-likelihood under the mode's mixture, averaged evenly.
    Probabilistic,
}

impl Method {
    /// Every method, in the paper's order.
    pub const ALL: [Method; 5] =
        [Method::PointWise, Method::Contextual, Method::Mahalanobis, Method::KlDivergence, Method::Probabilistic];
}

/// A method over one time scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measure {
    /// The method.
    pub method: Method,
    /// The time scale: rows averaged over, or the time constant of fading weights in rows.
    pub rows: usize,
}

impl Measure {
    /// What says whether a row's anomaly is still there: the point-wise error of the newest rows, so many that noise does
    /// not hide what an average over ten has found, and no more.
    pub(crate) const PRESENT: Measure = Measure { method: Method::PointWise, rows: 6 };

    /// Every method over every scale, and [`PRESENT`](Self::PRESENT).
    pub(crate) fn all(scales: &[usize]) -> Vec<Measure> {
        let over = |method| scales.iter().map(move |rows| Measure { method, rows: *rows });
        let all = Method::ALL.into_iter().flat_map(over);
        all.chain((!scales.contains(&Self::PRESENT.rows)).then_some(Self::PRESENT)).collect()
    }
}

/// The methods as fitted to one reconstructor's residuals; those that are not here need no fitting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Methods {
    /// None where no tag varied.
    pub(crate) mahalanobis: Option<Mahalanobis>,
    pub(crate) kl: KlDivergence,
    pub(crate) likelihood: Likelihood,
}

impl Methods {
    /// Fits to `rows` (n x d residuals in scales, NaN where nothing was measured), each row with its place.
    pub(crate) fn fit(
        rows: &[Vec<f64>],
        places: &[Option<usize>],
        params: &LikelihoodParams,
    ) -> Result<Self, GmmError> {
        Ok(Self {
            mahalanobis: Mahalanobis::fit(rows),
            kl: KlDivergence::fit(rows),
            likelihood: Likelihood::fit(rows, places, params)?,
        })
    }
}
