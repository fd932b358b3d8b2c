//! What is believed of a tail after its excesses are seen: not one shape and scale, but many with their weights.

use super::{
    belief::{Belief, Believed},
    gpd::Gpd,
};

/// Tails that are believed in less than this, beside the best, are not kept.
const FAINT: f64 = 1e-6;

/// How much evidence excesses are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Evidence {
    /// Independent exceedances they are worth.
    pub(super) exceedances: f64,
    /// Independent values of the mean excess they are worth, which is never fewer.
    pub(super) excesses: f64,
    /// The length of a tail without any.
    pub(super) unit: f64,
}

/// Tails and their weights.
pub(super) struct Posterior {
    tails: Vec<Weighed>,
}

struct Weighed {
    tail: Gpd,
    /// Its weight by the number of exceedances; they sum to 1.
    careful: f64,
    /// Its weight by the number of excesses; they sum to 1.
    sharp: f64,
}

/// What is believed of the survival at one excess.
pub(super) struct Survival {
    /// ln of its mean: the chance of a new excess, which takes what is not known of the tail into account.
    pub(super) ln_p: f64,
    /// The mean of ln(-ln S).
    centre: f64,
    /// Its standard deviation.
    error: f64,
}

impl Posterior {
    pub(super) fn of(excesses: &[f64], evidence: Evidence) -> Self {
        let believed = Belief::new(excesses, evidence.exceedances, evidence.unit).tails();
        let careful = weights(&believed, 1.0);
        let sharp = weights(&believed, (evidence.excesses / evidence.exceedances).max(1.0));
        let tails = believed.iter().zip(careful).zip(sharp);
        let tails = tails.map(|((b, careful), sharp)| Weighed { tail: b.tail, careful, sharp });
        Self { tails: tails.filter(|t| t.careful.max(t.sharp) > FAINT).collect() }
    }

    /// The tail most believed in.
    pub(super) fn best(&self) -> Option<Gpd> {
        self.tails.iter().max_by(|a, b| a.careful.total_cmp(&b.careful)).map(|t| t.tail)
    }

    /// What is believed of P(Y > y) for a `y` above 0.
    pub(super) fn survival(&self, y: f64) -> Survival {
        let ln: Vec<f64> = self.tails.iter().map(|t| t.tail.ln_survival(y)).collect();
        let most = ln.iter().copied().fold(f64::MIN, f64::max);
        let hazard: Vec<f64> = ln.iter().map(|l| (-l).max(f64::MIN_POSITIVE).ln()).collect();
        let mean = |f: &dyn Fn(usize) -> f64| (0..ln.len()).map(f).sum::<f64>();
        let centre = mean(&|i| self.tails[i].sharp * hazard[i]);
        let variance = mean(&|i| self.tails[i].sharp * (hazard[i] - centre).powi(2));
        let ln_p = most + mean(&|i| self.tails[i].careful * (ln[i] - most).exp()).ln();
        Survival { ln_p, centre, error: variance.sqrt() }
    }
}

impl Survival {
    /// ln S at `errors` standard errors, of ln(-ln S), towards a shorter tail.
    pub(super) fn ln_at(&self, errors: f64) -> f64 {
        -(self.centre + errors * self.error).exp()
    }
}

/// The weights of tails whose excesses are worth `times` as much.
fn weights(believed: &[Believed], times: f64) -> Vec<f64> {
    let ln: Vec<f64> = believed.iter().map(|b| times * b.ln_likelihood + b.ln_prior).collect();
    let total = crate::linalg::ln_sum_exp(&ln);
    ln.iter().map(|l| (l - total).exp()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(n: usize, exceedances: f64, excesses: f64) -> Survival {
        let y: Vec<f64> = (0..n).map(|i| -((i as f64 + 0.5) / n as f64).ln()).collect();
        Posterior::of(&y, Evidence { exceedances, excesses, unit: 1.0 }).survival(6.0)
    }

    #[test]
    fn few_excesses_make_a_heavier_tail_and_not_a_bolder_one() {
        let ln_p = [3.0, 12.0, 100.0].map(|worth| of(100, worth, worth).ln_p);
        assert!(ln_p[0] > ln_p[1] && ln_p[1] > ln_p[2] && ln_p[2] < -5.0, "{ln_p:?}");
    }

    #[test]
    fn excesses_that_vary_less_than_their_number_make_a_sharper_interval() {
        let width = |s: Survival| s.ln_at(-2.0) - s.ln_at(2.0);
        assert!(width(of(100, 20.0, 60.0)) < 0.8 * width(of(100, 20.0, 20.0)));
        assert!((of(100, 20.0, 60.0).ln_p - of(100, 20.0, 20.0).ln_p).abs() < 1e-12);
    }
}
