//! The values of a block. What a plant sends is mostly decimals of a few places: as whole numbers they take a tenth less than
//! where pco has to find the decimals in the bits.

use super::{packed, unpacked};
use crate::bytes::Unread;

/// The bits of the numbers, whatever they are.
const BITS: u8 = 0;
/// Powers of ten that are exact, as is a quotient of two exact numbers rounded once.
const TENS: [f64; 16] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
/// Whole numbers up to this are exact in an `f64`.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Values as a form byte and a column: 0 and their bits, or 1 + decimals and the whole numbers that they are times ten to the
/// decimals. `None` if pco refuses them.
pub(super) fn put(out: &mut Vec<u8>, values: &[f64]) -> Option<()> {
    if let Some((decimals, whole)) = decimals(values) {
        out.push(1 + decimals);
        out.extend(packed(&whole)?);
    } else {
        out.push(BITS);
        out.extend(packed(values)?);
    }
    Some(())
}

/// Exactly `count` values that fill what is left.
pub(super) fn take(unread: &mut Unread<'_>, count: usize) -> Option<Vec<f64>> {
    match unread.byte()? {
        BITS => unpacked(unread.0, count),
        form => {
            let ten = TENS.get(usize::from(form) - 1)?;
            let whole: Vec<i64> = unpacked(unread.0, count)?;
            Some(whole.into_iter().map(|n| n as f64 / ten).collect())
        }
    }
}

/// How many decimals the values have, and the whole numbers that they are then; none unless every bit comes back.
fn decimals(values: &[f64]) -> Option<(u8, Vec<i64>)> {
    let mut decimals = 0;
    for value in values {
        while whole(*value, *TENS.get(decimals)?).is_none() {
            decimals += 1;
        }
    }
    // A value with few decimals may be too large for as many as others have.
    let all: Option<Vec<i64>> = values.iter().map(|value| whole(*value, TENS[decimals])).collect();
    Some((decimals as u8, all?))
}

fn whole(value: f64, ten: f64) -> Option<i64> {
    let times = (value * ten).round();
    (times.abs() <= EXACT && (times as i64 as f64 / ten).to_bits() == value.to_bits()).then_some(times as i64)
}
