//! Scoring methods: each turns one row of scaled residuals into one number that is large where the row is unusual.
//!
//! One file a method. A new one is one more file and one more line here.

mod likelihood;

pub use likelihood::Likelihood;
pub(crate) use likelihood::LikelihoodParams;
