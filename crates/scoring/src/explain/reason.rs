//! One sentence for an operator: which tag, how far, which way, for how long, in engineering units.

use std::time::Duration;

use andon_plant::{FaultClass, Mode, Range};

/// Significant digits of a deviation: the third is within the noise.
const DEVIATION_DIGITS: usize = 2;
/// Significant digits of a value.
const VALUE_DIGITS: usize = 4;

/// What is to be said of one tag.
#[derive(Debug, Clone, Copy)]
pub struct Reason<'a> {
    /// The tag.
    pub tag: &'a str,
    /// Its unit as people write it; empty where it has none.
    pub unit: &'a str,
    /// What its fault looks like.
    pub class: FaultClass,
    /// Its value, in its unit.
    pub value: f64,
    /// How far it is from expected, in its unit and with its sign; as [`Finding::deviation`](super::Finding) has it.
    pub deviation: f64,
    /// The range its instrument can show, where known.
    pub range: Option<Range>,
    /// The operating mode.
    pub mode: &'a Mode,
    /// For how long.
    pub lasted: Duration,
}

/// The sentence, such as `TT-104 6.2 degC above expected for mode Fill, 14 min`.
pub fn reason(r: &Reason<'_>) -> String {
    let (tag, lasted, mode) = (r.tag, duration(r.lasted), mode(r.mode));
    let shown = quantity(r.value, VALUE_DIGITS, r.unit);
    match r.class {
        FaultClass::OutOfRange => format!("{tag} at {shown}, {} for {lasted}", out_of(r)),
        FaultClass::Stuck => format!("{tag} stuck at {shown} for {lasted}"),
        FaultClass::NoiseBurst => format!("{tag} noisy, {} around expected{mode}, {lasted}", amount(r)),
        FaultClass::Spike => format!("{tag} jumped {}{mode}, {lasted} ago", away(r)),
        FaultClass::Deviation => format!("{tag} {}{mode}, {lasted}", away(r)),
        FaultClass::JointDeviation => format!("{tag} {}{mode}, with other tags, {lasted}", away(r)),
    }
}

/// `number` in at most so many significant digits, whole numbers in full up to a million; beyond that, and below a
/// thousandth, by powers of ten. `?` if it is not finite.
pub fn number(number: f64, digits: usize) -> String {
    let precision = digits.max(1) - 1;
    let scientific = format!("{number:.precision$e}");
    // The exponent after rounding: 9.96 to two digits is 10, not 10.0.
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return "?".to_owned() };
    match exponent.parse::<i32>().unwrap_or(0) {
        _ if number == 0.0 => "0".to_owned(),
        e @ -3..6 => {
            let decimals = usize::try_from(precision as i32 - e).unwrap_or(0);
            shortened(&format!("{number:.decimals$}")).to_owned()
        }
        e => format!("{}e{e}", shortened(mantissa)),
    }
}

/// 61.30 is written 61.3: trailing zeros are the format's, not the instrument's.
fn shortened(number: &str) -> &str {
    if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number }
}

/// A time as people say it: never more than two or three digits, rounded down.
pub fn duration(d: Duration) -> String {
    match d.as_secs() {
        0 => "under 1 s".to_owned(),
        s @ 1..120 => format!("{s} s"),
        s @ 120..7_200 => format!("{} min", s / 60),
        s @ 7_200..172_800 => format!("{} h", s / 3600),
        s => format!("{} days", s / 86_400),
    }
}

fn away(r: &Reason<'_>) -> String {
    if r.deviation.is_nan() || r.deviation == 0.0 {
        return "away from expected".to_owned();
    }
    format!("{} {} expected", amount(r), if r.deviation < 0.0 { "below" } else { "above" })
}

fn amount(r: &Reason<'_>) -> String {
    quantity(r.deviation.abs(), DEVIATION_DIGITS, r.unit)
}

fn out_of(r: &Reason<'_>) -> String {
    let end = |end: f64| quantity(end, VALUE_DIGITS, r.unit);
    match r.range {
        Some(range) if r.value < range.low() => format!("below its range from {}", end(range.low())),
        Some(range) if r.value > range.high() => format!("above its range up to {}", end(range.high())),
        _ => "out of range".to_owned(),
    }
}

fn quantity(value: f64, digits: usize, unit: &str) -> String {
    let number = number(value, digits);
    if unit.is_empty() { number } else { format!("{number} {unit}") }
}

fn mode(mode: &Mode) -> String {
    match mode {
        Mode::Known(name) if name.to_lowercase().starts_with("mode") => format!(" for {name}"),
        Mode::Known(name) => format!(" for mode {name}"),
        Mode::Transition => " during a change of mode".to_owned(),
        Mode::Unknown => " in an unknown mode".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn base(mode: &Mode) -> Reason<'_> {
        Reason {
            tag: "TT-104",
            unit: "degC",
            class: FaultClass::Deviation,
            value: 61.3,
            deviation: 6.21,
            range: Range::new(0.0, 150.0).ok(),
            mode,
            lasted: Duration::from_secs(14 * 60 + 59),
        }
    }

    fn check(change: impl FnOnce(&mut Reason<'_>), want: &str) {
        let fill = Mode::Known("Fill".to_owned());
        let mut r = base(&fill);
        change(&mut r);
        assert_eq!(reason(&r), want);
    }

    #[test]
    fn a_deviation_says_which_way_how_far_and_for_how_long() {
        check(|_| (), "TT-104 6.2 degC above expected for mode Fill, 14 min");
        check(|r| r.deviation = -0.0123, "TT-104 0.012 degC below expected for mode Fill, 14 min");
        check(
            |r| r.class = FaultClass::JointDeviation,
            "TT-104 6.2 degC above expected for mode Fill, with other tags, 14 min",
        );
        check(|r| r.class = FaultClass::Spike, "TT-104 jumped 6.2 degC above expected for mode Fill, 14 min ago");
    }

    #[test]
    fn a_broken_sensor_is_told_by_what_it_shows() {
        check(|r| r.class = FaultClass::Stuck, "TT-104 stuck at 61.3 degC for 14 min");
        check(|r| r.class = FaultClass::NoiseBurst, "TT-104 noisy, 6.2 degC around expected for mode Fill, 14 min");
        let out = |r: &mut Reason<'_>, value| (r.class, r.value) = (FaultClass::OutOfRange, value);
        check(|r| out(r, 163.27), "TT-104 at 163.3 degC, above its range up to 150 degC for 14 min");
        check(|r| out(r, -4.0), "TT-104 at -4 degC, below its range from 0 degC for 14 min");
        check(
            |r| {
                out(r, -4.0);
                r.range = None;
            },
            "TT-104 at -4 degC, out of range for 14 min",
        );
    }

    #[test]
    fn modes_without_a_name_are_told_in_words() {
        let said = |mode: &Mode| reason(&base(mode));
        assert_eq!(said(&Mode::Known("mode 2".to_owned())), "TT-104 6.2 degC above expected for mode 2, 14 min");
        assert_eq!(said(&Mode::Unknown), "TT-104 6.2 degC above expected in an unknown mode, 14 min");
        assert_eq!(said(&Mode::Transition), "TT-104 6.2 degC above expected during a change of mode, 14 min");
    }

    #[test]
    fn no_unit_and_no_number_leave_no_hole() {
        check(|r| r.unit = "", "TT-104 6.2 above expected for mode Fill, 14 min");
        check(|r| r.deviation = f64::NAN, "TT-104 away from expected for mode Fill, 14 min");
        check(|r| (r.class, r.value) = (FaultClass::Stuck, f64::NAN), "TT-104 stuck at ? degC for 14 min");
    }

    #[test]
    fn times_are_told_in_the_unit_people_would_use() {
        let said = [0, 1, 119, 120, 7199, 7200, 172_799, 172_800, 864_000].map(|s| duration(Duration::from_secs(s)));
        assert_eq!(said, ["under 1 s", "1 s", "119 s", "2 min", "119 min", "2 h", "47 h", "2 days", "10 days"]);
    }

    #[test]
    fn numbers_are_as_long_as_they_are_sure() {
        let said = [0.0, 9.96, 62.4, 623.4, 123_456.7, 0.0042, 0.00042, 1.25e9, -3.17, 6.04, 1e10, f64::NAN]
            .map(|x| number(x, 2));
        assert_eq!(said, ["0", "10", "62", "623", "123457", "0.0042", "4.2e-4", "1.2e9", "-3.2", "6", "1e10", "?"]);
    }

    proptest! {
        /// Off by half a unit of the last significant digit at most, and short enough for a line on a panel.
        #[test]
        fn a_number_is_right_to_its_digits(
            x in prop_oneof![any::<f64>(), -1e4f64..1e4, -1.0f64..1.0, (-9i32..9).prop_map(|e| 10f64.powi(e))],
            digits in 1usize..6,
        ) {
            prop_assume!(x.is_finite());
            let said = number(x, digits);
            let back: f64 = said.parse().unwrap();
            let off = 0.5 * 10f64.powi(1 - digits as i32) * (1.0 + 1e-9);
            prop_assert!((back - x).abs() <= off * x.abs(), "{x}: {said}");
            prop_assert!(said.len() <= digits + 7, "{x}: {said}");
        }

        #[test]
        fn a_sentence_is_one_line_without_holes(value in any::<f64>(), deviation in any::<f64>(), s in any::<u64>()) {
            use FaultClass::*;
            for class in [OutOfRange, Stuck, NoiseBurst, Spike, Deviation, JointDeviation] {
                let r = Reason {
                    tag: "T", unit: "", class, value, deviation, range: None, mode: &Mode::Unknown,
                    lasted: Duration::from_secs(s),
                };
                let said = reason(&r);
                prop_assert!(said.len() < 100 && !said.contains("  ") && !said.contains("NaN"), "{said}");
            }
        }
    }
}
