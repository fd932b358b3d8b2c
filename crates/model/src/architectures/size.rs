//! How wide a baseline is: as many weights as the multi-scale network has.

use super::{Architecture, Multiscale};
use crate::layers::{Vars, VarsError};

/// The width at which `network` comes nearest to the multi-scale network's number of weights, for windows of `shape` =
/// (rows, tags). More width must mean more weights; the paper compares networks of comparable counts (section 4.2).
pub(super) fn width<N>(
    a: &Architecture,
    shape: (usize, usize),
    network: impl Fn(&mut Vars, usize) -> Result<N, VarsError>,
) -> Result<usize, VarsError> {
    let goal = Vars::count(|vars| Multiscale::new(vars, a, shape))?;
    let count = |width| Vars::count(|vars| network(vars, width));
    let mut above = 2;
    while count(above)? < goal {
        above *= 2;
    }
    let mut below = above / 2;
    while above - below > 1 {
        let middle = usize::midpoint(below, above);
        *(if count(middle)? < goal { &mut below } else { &mut above }) = middle;
    }
    let nearer = count(above)?.abs_diff(goal) < count(below)?.abs_diff(goal);
    Ok(if nearer { above } else { below })
}
