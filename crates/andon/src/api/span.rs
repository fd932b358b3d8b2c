//! The span of time and the number of points a history request asks for.

use andon_plant::Timestamp;
use serde::Deserialize;
use utoipa::IntoParams;

use super::problem::Problem;

/// Points a history answer holds where nothing else is asked for, and at the most.
const POINTS: usize = 2_000;
const MOST_POINTS: usize = 100_000;

/// `from`, `to` (RFC 3339 or epoch seconds) and `max_points`.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Span {
    /// The first instant; an hour before `to` where it is absent.
    from: Option<String>,
    /// The instant after the last; the present where it is absent.
    to: Option<String>,
    /// At the most this many points; each bucket keeps its lowest and its highest.
    max_points: Option<usize>,
}

impl Span {
    /// The instants and the number of points, checked.
    pub(super) fn parse(&self, now: Timestamp) -> Result<(Timestamp, Timestamp, usize), Problem> {
        let to = instant("to", self.to.as_deref())?.unwrap_or(now.after(std::time::Duration::from_secs(60)));
        let from = instant("from", self.from.as_deref())?;
        let from = from.unwrap_or(to.before(std::time::Duration::from_secs(3660)));
        if from >= to {
            return Err(Problem::bad_request(format!("from ({from}) is not before to ({to})")));
        }
        let points = self.max_points.unwrap_or(POINTS);
        if !(2..=MOST_POINTS).contains(&points) {
            return Err(Problem::bad_request(format!("max_points ({points}) must be from 2 to {MOST_POINTS}")));
        }
        Ok((from, to, points))
    }

    /// The number of points that was asked for.
    pub(super) fn max_points(&self) -> Option<usize> {
        self.max_points
    }
}

/// An instant in a query parameter.
pub(super) fn instant(name: &str, text: Option<&str>) -> Result<Option<Timestamp>, Problem> {
    text.map(str::parse).transpose().map_err(|e| Problem::bad_request(format!("{name}: {e}")))
}
