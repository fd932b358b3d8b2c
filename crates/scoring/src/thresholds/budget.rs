//! The alarm budget: how many false alarms are put up with, and the score that keeps to it.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};

use super::ThresholdCalibration;

/// The most false alarms a period that make sense to ask for.
const MOST: f64 = 1e6;
const HOUR: Duration = Duration::from_secs(3600);

/// So many false alarms a period, such as `1 per shift`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AlarmBudget {
    alarms: f64,
    period: Period,
}

/// One false alarm a shift.
impl Default for AlarmBudget {
    fn default() -> Self {
        Self { alarms: 1.0, period: Period::Shift }
    }
}

/// The text is not an alarm budget.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BudgetError {
    /// It does not have the form.
    #[error("`{0}` is not an alarm budget: write a number, `per` and a period, such as \"1 per shift\"")]
    Form(String),
    /// The number is not one of alarms.
    #[error("`{0}` is no number of alarms: it must be above 0 and at most 1000000, such as \"1 per shift\"")]
    Alarms(String),
    /// The period is not known.
    #[error("`{0}` is no period: write \"hour\", \"shift\", \"day\" or \"week\"")]
    Period(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Period {
    Hour,
    Shift,
    Day,
    Week,
}

impl AlarmBudget {
    /// The score that normal operation reaches in as many runs of rows a period as there may be alarms:
    /// `rows * 10^-score * extremal_index = alarms`.
    ///
    /// Rows follow each other closely, so rows above a high score come in runs of 1 / `extremal_index` on average
    /// (Leadbetter 1983), and a run is one alarm.
    pub(super) fn score(&self, calibration: &ThresholdCalibration<'_>) -> f64 {
        let rows = self.period.length(calibration.shift).as_secs_f64() / calibration.step.as_secs_f64();
        (rows * calibration.extremal_index / self.alarms).log10()
    }
}

impl Period {
    fn length(self, shift: Duration) -> Duration {
        match self {
            Self::Hour => HOUR,
            Self::Shift => shift,
            Self::Day => 24 * HOUR,
            Self::Week => 7 * 24 * HOUR,
        }
    }
}

impl FromStr for AlarmBudget {
    type Err = BudgetError;

    fn from_str(text: &str) -> Result<Self, BudgetError> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let [alarms, "per", period] = words[..] else {
            return Err(BudgetError::Form(text.to_owned()));
        };
        let alarms = match alarms.parse() {
            Ok(n) if n > 0.0 && n <= MOST => n,
            _ => return Err(BudgetError::Alarms(alarms.to_owned())),
        };
        let period = match period {
            "hour" => Period::Hour,
            "shift" => Period::Shift,
            "day" => Period::Day,
            "week" => Period::Week,
            _ => return Err(BudgetError::Period(period.to_owned())),
        };
        Ok(Self { alarms, period })
    }
}

impl fmt::Display for AlarmBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let period = match self.period {
            Period::Hour => "hour",
            Period::Shift => "shift",
            Period::Day => "day",
            Period::Week => "week",
        };
        write!(f, "{} per {period}", self.alarms)
    }
}

impl TryFrom<String> for AlarmBudget {
    type Error = BudgetError;

    fn try_from(text: String) -> Result<Self, BudgetError> {
        text.parse()
    }
}

impl From<AlarmBudget> for String {
    fn from(budget: AlarmBudget) -> Self {
        budget.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(budget: &str, step_s: f64, extremal_index: f64) -> f64 {
        let calibration = ThresholdCalibration {
            scores: &[],
            modes: &[],
            mode_count: 1,
            extremal_index,
            step: Duration::from_secs_f64(step_s),
            shift: 8 * HOUR,
        };
        budget.parse::<AlarmBudget>().unwrap().score(&calibration)
    }

    #[test]
    fn a_budget_is_a_score() {
        assert!((score("1 per shift", 1.0, 1.0) - 28_800f64.log10()).abs() < 1e-12);
        assert!((score("2 per day", 1.0, 0.2) - 8640f64.log10()).abs() < 1e-12);
        assert!((score("1 per hour", 10.0, 1.0) - 360f64.log10()).abs() < 1e-12);
        assert!((score("3.5 per week", 60.0, 1.0) - 2880f64.log10()).abs() < 1e-12);
    }

    #[test]
    fn a_budget_is_written_as_it_is_read() {
        for text in ["1 per shift", "0.5 per day", "12 per hour", "3 per week"] {
            assert_eq!(text.parse::<AlarmBudget>().unwrap().to_string(), text);
            let json = format!("\"{text}\"");
            let budget: AlarmBudget = serde_json::from_str(&json).unwrap();
            assert_eq!(serde_json::to_string(&budget).unwrap(), json);
        }
        assert_eq!(AlarmBudget::default().to_string(), "1 per shift");
    }

    #[test]
    fn what_is_no_budget_says_how_one_is_written() {
        let error = |text: &str| text.parse::<AlarmBudget>().unwrap_err().to_string();
        let form = "`often` is not an alarm budget: write a number, `per` and a period, such as \"1 per shift\"";
        assert_eq!(error("often"), form);
        assert!(error("1 a shift").contains("is not an alarm budget") && error("").contains("is not an alarm budget"));
        for none in ["0", "-1", "NaN", "inf", "one", "1e9"] {
            let want = format!("`{none}` is no number of alarms: it must be above 0 and at most 1000000");
            assert!(error(&format!("{none} per day")).starts_with(&want), "{none}");
        }
        assert_eq!(error("1 per moon"), "`moon` is no period: write \"hour\", \"shift\", \"day\" or \"week\"");
    }
}
