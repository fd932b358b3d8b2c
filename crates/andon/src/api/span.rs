//! The span of time and the number of points a history request asks for.

use std::time::Duration;

use andon_plant::Timestamp;
use andon_store::{Aggregate, UnknownAggregate};
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

/// A span of samples, and what they are to come to.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct SampleSpan {
    /// The first instant; an hour before `to` where it is absent.
    from: Option<String>,
    /// The instant after the last; the present where it is absent.
    to: Option<String>,
    /// At the most this many points; each bucket keeps its lowest and its highest. With `aggregate`, so many intervals.
    max_points: Option<usize>,
    /// An aggregate of OPC 10000-13: `Average`, `TimeAverage2`, `Minimum`, `Maximum`, `Count`, `PercentGood`,
    /// `StandardDeviationSample` or `Interpolative`.
    aggregate: Option<String>,
}

impl SampleSpan {
    /// The span, and the aggregate that was asked for.
    pub(super) fn parse(self) -> Result<(Span, Option<Aggregate>), Problem> {
        let aggregate = self.aggregate.as_deref().map(str::parse).transpose();
        let aggregate = aggregate.map_err(|e: UnknownAggregate| Problem::bad_request(e.to_string()))?;
        Ok((Span { from: self.from, to: self.to, max_points: self.max_points }, aggregate))
    }
}

impl Span {
    /// The instants and the number of points, checked.
    pub(super) fn parse(&self, now: Timestamp) -> Result<(Timestamp, Timestamp, usize), Problem> {
        let (from, to) = ends(self.from.as_deref(), self.to.as_deref())?;
        let to = to.unwrap_or(now.after(Duration::from_secs(60)));
        let from = from.unwrap_or(to.before(Duration::from_secs(3660)));
        check_order(from, to)?;
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

/// The ends of a span, each of which may be left open.
pub(super) fn ends(from: Option<&str>, to: Option<&str>) -> Result<(Option<Timestamp>, Option<Timestamp>), Problem> {
    let (from, to) = (instant("from", from)?, instant("to", to)?);
    from.zip(to).map_or(Ok(()), |(from, to)| check_order(from, to))?;
    Ok((from, to))
}

fn check_order(from: Timestamp, to: Timestamp) -> Result<(), Problem> {
    if from < to {
        return Ok(());
    }
    Err(Problem::bad_request(format!("from ({from}) is not before to ({to})")))
}

/// An instant in a query parameter.
pub(super) fn instant(name: &str, text: Option<&str>) -> Result<Option<Timestamp>, Problem> {
    text.map(str::parse).transpose().map_err(|e| Problem::bad_request(format!("{name}: {e}")))
}
