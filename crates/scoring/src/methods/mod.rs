//! Scoring methods: each turns rows of scaled residuals into one number that is large where they are unusual (paper,
//! table 3).
//!
//! One file a method. A new one is one more file and one more line here.

mod contextual;
mod kl;
mod likelihood;
mod mahalanobis;
mod pointwise;

pub use contextual::Contextual;
pub use kl::{KlDivergence, KlWindow};
pub use likelihood::Likelihood;
pub(crate) use likelihood::LikelihoodParams;
pub use mahalanobis::Mahalanobis;
pub use pointwise::PointWise;
