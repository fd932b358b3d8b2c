//! `alarm = { .. }`: when an asset's alarm is raised and cleared.

use std::time::Duration;

use andon_plant::alarm::AlarmSettings;

use super::{section::Section, value};

const DAY: Duration = Duration::from_secs(86_400);

/// The top of the scale of scores: a hysteresis beyond it could never be left.
const HIGHEST_SCORE: f64 = 16.0;

/// What holds where nothing is said.
pub(super) const DEFAULT: AlarmSettings =
    AlarmSettings { on_delay: Duration::from_secs(5), off_delay: Duration::from_secs(30), hysteresis: 0.2 };

pub(super) fn read(s: &mut Section<'_, '_>) -> AlarmSettings {
    let hysteresis = s.optional("hysteresis", |v| match value::number(v)? {
        units if (0.0..HIGHEST_SCORE).contains(&units) => Ok(units),
        _ => Err(format!("must be from 0 to below {HIGHEST_SCORE}, in units of the score, or an alarm never clears")),
    });
    AlarmSettings {
        on_delay: s.optional("on_delay", value::duration(Duration::ZERO..=DAY)).unwrap_or(DEFAULT.on_delay),
        off_delay: s.optional("off_delay", value::duration(Duration::ZERO..=DAY)).unwrap_or(DEFAULT.off_delay),
        hysteresis: hysteresis.unwrap_or(DEFAULT.hysteresis),
    }
}
