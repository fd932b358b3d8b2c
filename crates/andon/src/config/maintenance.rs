//! `maintenance = { .. }`: when an asset is under maintenance by itself.

use std::{fmt, ops::Range, str::FromStr};

use andon_plant::{TagName, Timestamp};
use toml::de::DeValue;

use super::{plant::minutes, section::Section, value};

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const DAY: i64 = 24 * 60;
/// 1970-01-01 was a Thursday.
const EPOCH_DAY: i64 = 3;

/// When an asset is under maintenance without anybody's order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MaintenanceConfig {
    /// A tag of the asset: it is under maintenance while that is not 0.
    pub tag: Option<TagName>,
    /// Times at which it is.
    pub schedule: Vec<Slot>,
}

impl MaintenanceConfig {
    pub(super) fn read(s: &mut Section<'_, '_>) -> Self {
        let (tag, schedule) = (s.optional("tag", value::parsed), s.optional("schedule", slots).unwrap_or_default());
        if is_always(&schedule) {
            let text = " is around the clock: no score of the asset would ever raise an alarm or teach; leave out the times at \
                        which it works";
            s.fault("schedule", text);
        }
        Self { tag, schedule }
    }
}

/// Whether the slots leave no minute of the week.
fn is_always(schedule: &[Slot]) -> bool {
    (0..7 * DAY).all(|minute| schedule.iter().any(|slot| slot.until(Timestamp::from_secs(minute * 60)).is_some()))
}

fn slots(value: &DeValue<'_>) -> Result<Vec<Slot>, String> {
    let items =
        value.as_array().ok_or("expected a list of times, such as [\"Sun 02:00-04:00\", \"daily 13:00-13:10\"]")?;
    items.iter().map(|item| value::parsed(item.get_ref())).collect()
}

/// A time that comes every week or every day, in UTC. One that ends before it begins ends on the next day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// Days after Monday; every day where it is none.
    day: Option<i64>,
    /// Minutes after midnight; the end may lie on the next day.
    minutes: Range<i64>,
}

impl Slot {
    /// When the slot that `now` lies in ends; none where it lies in none.
    pub fn until(&self, now: Timestamp) -> Option<Timestamp> {
        let minute = now.as_micros().div_euclid(60_000_000);
        let today = minute.div_euclid(DAY);
        let ends = [today - 1, today].into_iter().filter(|day| self.begins_on(*day)).map(|day| {
            let from = day * DAY;
            from + self.minutes.start..from + self.minutes.end
        });
        let end = ends.filter(|slot| slot.contains(&minute)).map(|slot| slot.end).max()?;
        Some(Timestamp::from_secs(end * 60))
    }

    fn begins_on(&self, day: i64) -> bool {
        self.day.is_none_or(|of_week| (day + EPOCH_DAY).rem_euclid(7) == of_week)
    }
}

impl FromStr for Slot {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || {
            let days = DAYS.join(", ");
            format!(
                "\"{text}\" is not a time: write it as \"Sun 02:00-04:00\" or \"daily 13:00-13:10\", in UTC; days are {days}"
            )
        };
        let (day, times) = text.split_once(' ').ok_or_else(form)?;
        let day = match day {
            "daily" => None,
            _ => Some(DAYS.iter().position(|name| *name == day).ok_or_else(form)? as i64),
        };
        let (from, to) = times.split_once('-').ok_or_else(form)?;
        let end = if to == "24:00" { Some(DAY as u16) } else { minutes(to) };
        let (from, to) = (minutes(from).ok_or_else(form)?, end.ok_or_else(form)?);
        if from == to {
            return Err(format!("\"{text}\" ends when it begins; for the whole day write 00:00-24:00"));
        }
        let (from, to) = (i64::from(from), i64::from(to));
        Ok(Self { day, minutes: from..if to > from { to } else { to + DAY } })
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let day = self.day.and_then(|day| DAYS.get(day as usize)).unwrap_or(&"daily");
        let (from, to) = (self.minutes.start, if self.minutes.end == DAY { DAY } else { self.minutes.end % DAY });
        write!(f, "{day} {:02}:{:02}-{:02}:{:02} UTC", from / 60, from % 60, to / 60, to % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn until(slot: &str, now: &str) -> Option<Timestamp> {
        slot.parse::<Slot>().unwrap().until(at(now))
    }

    #[test]
    fn a_slot_of_the_week_comes_on_its_day_only() {
        // 2026-06-07 was a Sunday.
        let end = Some(at("2026-06-07T04:00:00Z"));
        assert_eq!(until("Sun 02:00-04:00", "2026-06-07T02:00:00Z"), end);
        assert_eq!(until("Sun 02:00-04:00", "2026-06-07T03:59:59Z"), end);
        assert_eq!(until("Sun 02:00-04:00", "2026-06-07T04:00:00Z"), None);
        assert_eq!(until("Sun 02:00-04:00", "2026-06-08T02:30:00Z"), None);
        assert_eq!(until("daily 02:00-04:00", "2026-06-08T02:30:00Z"), Some(at("2026-06-08T04:00:00Z")));
    }

    #[test]
    fn a_slot_may_end_on_the_next_day() {
        let end = Some(at("2026-06-08T01:00:00Z"));
        assert_eq!(until("Sun 23:00-01:00", "2026-06-07T23:30:00Z"), end);
        assert_eq!(until("Sun 23:00-01:00", "2026-06-08T00:30:00Z"), end);
        assert_eq!(until("Sun 23:00-01:00", "2026-06-07T00:30:00Z"), None);
        assert_eq!(until("Sun 00:00-24:00", "2026-06-07T23:59:59Z"), Some(at("2026-06-08T00:00:00Z")));
    }

    #[test]
    fn a_slot_is_shown_as_it_is_written() {
        for text in ["Sun 02:00-04:00", "daily 13:00-13:10", "Fri 23:00-01:00", "Mon 00:00-24:00"] {
            assert_eq!(text.parse::<Slot>().unwrap().to_string(), format!("{text} UTC"));
        }
        for text in ["", "Sunday 02:00-04:00", "Sun 2-4", "Sun 02:00", "Sun 02:00-25:00", "daily 24:00-01:00"] {
            assert!(text.parse::<Slot>().unwrap_err().contains("Sun 02:00-04:00"), "{text}");
        }
        assert!("daily 02:00-02:00".parse::<Slot>().unwrap_err().contains("00:00-24:00"));
    }
}
