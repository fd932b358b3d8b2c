//! `alarm = { .. }`: when an asset's alarm is raised and cleared.

use std::time::Duration;

use andon_plant::{alarm::AlarmSettings, verdict::MAX_SCORE};

use super::{section::Section, value};

const DAY: Duration = Duration::from_secs(86_400);

/// What holds where nothing is said.
pub(super) const DEFAULT: AlarmSettings =
    AlarmSettings { on_delay: Duration::from_secs(5), off_delay: Duration::from_secs(30), hysteresis: 0.2 };

pub(super) fn read(s: &mut Section<'_, '_>) -> AlarmSettings {
    let hysteresis = s.optional("hysteresis", |v| match value::number(v)? {
        units if (0.0..MAX_SCORE).contains(&units) => Ok(units),
        _ => Err(format!("must be from 0 to below {MAX_SCORE}, in units of the score, or an alarm never clears")),
    });
    AlarmSettings {
        on_delay: s.optional("on_delay", value::duration(Duration::ZERO..=DAY)).unwrap_or(DEFAULT.on_delay),
        off_delay: s.optional("off_delay", value::duration(Duration::ZERO..=DAY)).unwrap_or(DEFAULT.off_delay),
        hysteresis: hysteresis.unwrap_or(DEFAULT.hysteresis),
    }
}
