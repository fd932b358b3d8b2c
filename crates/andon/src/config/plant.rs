//! `[plant]`: what the plant is called and when its shifts begin, in UTC. Of shifts only their mean length counts yet: an
//! alarm budget is so many a shift.

use std::time::Duration;

use toml::de::DeValue;

use super::{section::Section, value};

const DAY: Duration = Duration::from_secs(86_400);

/// The plant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlantConfig {
    /// What people call it.
    pub name: String,
    /// Minutes after midnight at which shifts begin, rising; empty where the plant has none.
    pub shifts: Vec<u16>,
}

impl Default for PlantConfig {
    fn default() -> Self {
        Self { name: "Plant".to_owned(), shifts: Vec::new() }
    }
}

impl PlantConfig {
    pub(super) fn read(s: &mut Section<'_, '_>) -> Self {
        let default = Self::default();
        let name = s.optional("name", name).unwrap_or(default.name);
        Self { name, shifts: s.optional("shifts", shifts).unwrap_or_default() }
    }

    /// The mean length of a shift: a third of a day where nothing is said of shifts.
    pub fn shift(&self) -> Duration {
        DAY / if self.shifts.is_empty() { 3 } else { self.shifts.len() as u32 }
    }
}

fn name(value: &DeValue<'_>) -> Result<String, String> {
    let name = value::text(value)?;
    if name.trim().is_empty() { Err("a plant needs a name people know it by".to_owned()) } else { Ok(name) }
}

fn shifts(value: &DeValue<'_>) -> Result<Vec<u16>, String> {
    let items = value.as_array().ok_or("expected a list of times, such as [\"06:00\", \"14:00\", \"22:00\"]")?;
    let times: Vec<u16> = items.iter().map(|i| time_of_day(i.get_ref())).collect::<Result<_, _>>()?;
    if times.windows(2).all(|pair| pair[0] < pair[1]) {
        Ok(times)
    } else {
        Err("shifts begin at rising times of day, each once".to_owned())
    }
}

fn time_of_day(value: &DeValue<'_>) -> Result<u16, String> {
    let text = value::text(value)?;
    minutes(&text).ok_or_else(|| format!("\"{text}\" is not a time of day: write it as \"06:00\""))
}

/// Minutes after midnight of a time of day such as `06:00`.
pub(super) fn minutes(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':').filter(|(h, m)| h.len() == 2 && m.len() == 2)?;
    let (hour, minute) = (hour.parse::<u16>().ok()?, minute.parse::<u16>().ok()?);
    (hour < 24 && minute < 60).then_some(hour * 60 + minute)
}
