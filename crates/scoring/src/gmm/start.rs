//! k-means++: where expectation maximisation begins.

use rand::{Rng, RngExt};

/// Hard assignment of every row to one of `k` rows drawn far apart (Arthur and Vassilvitskii 2007): each next centre is
/// drawn with a chance proportional to the squared distance to the nearest centre so far.
pub(super) fn assign(rows: &[&[f64]], k: usize, rng: &mut impl Rng) -> Vec<usize> {
    let mut nearest = vec![0; rows.len()];
    let mut distance = vec![f64::INFINITY; rows.len()];
    let mut centre = rng.random_range(0..rows.len());
    for number in 0..k {
        for (i, row) in rows.iter().enumerate() {
            let d = squared_distance(row, rows[centre]);
            if d < distance[i] {
                (nearest[i], distance[i]) = (number, d);
            }
        }
        centre = draw(&distance, rng);
    }
    nearest
}

fn draw(weights: &[f64], rng: &mut impl Rng) -> usize {
    let mut left = rng.random::<f64>() * weights.iter().sum::<f64>();
    for (i, w) in weights.iter().enumerate() {
        left -= w;
        if left < 0.0 {
            return i;
        }
    }
    weights.len() - 1
}

fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).filter(|d| d.is_finite()).sum()
}
