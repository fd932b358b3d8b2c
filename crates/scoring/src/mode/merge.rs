//! Components that are one mode between them.
//!
//! BIC finds the components that a density needs. A mode that is no ellipse (a vessel that fills, an oven that heats up)
//! needs several, so components are not yet modes: on the simulator's oven eight of them stand for three modes. They are
//! joined two by two, each time those two whose being told apart is most in doubt, as long as it is in doubt at all (Baudry
//! et al. 2010, Journal of Computational and Graphical Statistics 19:332).

/// Doubt, in nats a row of the smaller of two clusters, below which they are two. (The adjusted Rand index on the simulator's
/// three machines is .97 to .99 with .05 or .1, .89 to .97 with .2.)
const DOUBT: f64 = 0.1;

/// The cluster of each component, numbered by falling weight. `shares` are the responsibilities of all components for each
/// row.
pub(super) fn clusters(shares: &[Vec<f64>]) -> Vec<usize> {
    let components = shares.first().map_or(0, Vec::len);
    let mut groups: Vec<Vec<usize>> = (0..components).map(|k| vec![k]).collect();
    while let Some((a, b)) = most_in_doubt(shares, &groups) {
        let joined = groups.remove(b);
        groups[a].extend(joined);
    }
    groups.sort_by(|a, b| weight(shares, b).total_cmp(&weight(shares, a)));
    let cluster_of = |component: usize| groups.iter().position(|g| g.contains(&component)).unwrap_or(0);
    (0..components).map(cluster_of).collect()
}

/// The two groups whose joining takes most entropy off the assignment, if that is more than [`DOUBT`].
fn most_in_doubt(shares: &[Vec<f64>], groups: &[Vec<usize>]) -> Option<(usize, usize)> {
    let columns: Vec<Vec<f64>> = groups.iter().map(|group| column(shares, group)).collect();
    let doubt = |a: usize, b: usize| {
        let (a, b) = (&columns[a], &columns[b]);
        let joined = a.iter().zip(b).map(|(a, b)| entropy(*a) + entropy(*b) - entropy(a + b)).sum::<f64>();
        joined / a.iter().sum::<f64>().min(b.iter().sum()).max(f64::MIN_POSITIVE)
    };
    let pairs = (0..groups.len()).flat_map(|a| (a + 1..groups.len()).map(move |b| (a, b)));
    let found = pairs.map(|(a, b)| (doubt(a, b), (a, b))).max_by(|x, y| x.0.total_cmp(&y.0))?;
    (found.0 > DOUBT).then_some(found.1)
}

fn column(shares: &[Vec<f64>], group: &[usize]) -> Vec<f64> {
    shares.iter().map(|row| group.iter().map(|k| row[*k]).sum()).collect()
}

fn weight(shares: &[Vec<f64>], group: &[usize]) -> f64 {
    column(shares, group).iter().sum()
}

/// -p ln p, in nats.
fn entropy(p: f64) -> f64 {
    if p > 0.0 { -p * p.ln() } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_that_share_their_rows_are_one_cluster_and_the_heaviest_comes_first() {
        let alone = vec![0.0, 0.0, 1.0];
        let shared = vec![0.5, 0.5, 0.0];
        let rows = [vec![shared; 60], vec![alone; 40]].concat();
        assert_eq!(clusters(&rows), [0, 0, 1]);
        assert_eq!(clusters(&[]), Vec::<usize>::new());
    }

    #[test]
    fn components_that_are_told_apart_stay_apart() {
        let rows: Vec<Vec<f64>> = (0..90).map(|i| (0..3).map(|k| f64::from(u8::from(i % 3 == k))).collect()).collect();
        assert_eq!(clusters(&rows).len(), 3);
        assert_eq!(clusters(&rows).iter().max(), Some(&2));
    }
}
