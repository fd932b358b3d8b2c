//! The judge: residuals of consecutive rows go in, one judgement a row comes out.

use std::time::Duration;

use andon_plant::Mode;
use serde::{Deserialize, Serialize};

use crate::{
    centring::Centring,
    combine::{Opinion, capped, combined},
    contribution::shares,
    gmm::GmmError,
    limits::TagLimits,
    member::{Member, MemberParams},
    methods::{LikelihoodParams, Method},
    mode::{ModeWatch, Modes, Place},
    pooling::Pooling,
    scale::TagScales,
    settings::ScorerSettings,
    tails::{PlaceTails, Placed},
};

/// Fewer calibration rows than this can't be judged from.
const MIN_ROWS: usize = 20;

/// One row of normal operation that the models were not trained on.
#[derive(Debug, Clone, PartialEq)]
pub struct CalibrationRow {
    /// `value - expected` of each reconstructor, one a tag, in the tag's unit.
    pub residuals: Vec<Vec<f64>>,
    /// Which tags were measured.
    pub usable: Vec<bool>,
    /// The values that modes are told by; as many in each row, none where there is nothing to tell them by.
    pub values: Vec<f64>,
    /// The value of the mode tag; none where there is no such tag or it was not measured.
    pub given_mode: Option<i64>,
    /// The row does not continue the one before it.
    pub segment_start: bool,
}

/// One row to judge.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// As [`CalibrationRow::residuals`], of the same reconstructors in the same order; what was expected includes
    /// [`Scorer::drift`].
    pub residuals: &'a [Vec<f64>],
    /// Which deviations of each tag matter; tags beyond its end have no limits.
    pub limits: &'a [TagLimits],
    /// As [`CalibrationRow::usable`].
    pub usable: &'a [bool],
    /// As [`CalibrationRow::values`].
    pub values: &'a [f64],
    /// As [`CalibrationRow::given_mode`].
    pub given_mode: Option<i64>,
}

/// What is said of one row.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// -log10 p, at most 16.
    pub score: f64,
    /// The chance of a row at least this unusual in normal operation of its mode.
    pub p: f64,
    /// 1 - p.
    pub probability: f64,
    /// The lower end of the 95 % confidence interval of `probability`.
    pub probability_low: f64,
    /// Its upper end.
    pub probability_high: f64,
    /// The operating mode.
    pub mode: Mode,
    /// The number of the mode, or of the transition; none in an unknown mode.
    pub place: Option<usize>,
    /// Each tag's share of the score; they sum to 1.
    pub contributions: Vec<f64>,
    /// What to add to each tag's expected value for the lower and the upper edge of what is normal, in the tag's unit.
    pub bands: Vec<(f64, f64)>,
}

/// Judgement could not be calibrated.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FitError {
    /// There are too few rows.
    #[error("{have} calibration rows are too few to judge from, {need} are needed; record normal operation for longer")]
    TooFewRows {
        /// Rows there are.
        have: usize,
        /// Rows needed.
        need: usize,
    },
    /// A row differs in shape from the first.
    #[error("calibration row {row} has {got}, the first has {want}")]
    Ragged {
        /// The row's number.
        row: usize,
        /// What it has.
        got: Shape,
        /// What the first row has.
        want: Shape,
    },
    /// No tag's residual varied.
    #[error("none of {tags} tags was measured and varied over {rows} calibration rows; record while the asset runs")]
    NothingVaries {
        /// Tags there are.
        tags: usize,
        /// Rows there are.
        rows: usize,
    },
    /// A setting is out of its range.
    #[error("scorer.scales is {scales:?}; it must name numbers of rows from 1 to 1000, among them scorer.lead, {lead}")]
    Scales {
        /// The scales set.
        scales: Vec<usize>,
        /// The scale that leads.
        lead: usize,
    },
    /// A mixture could not be fitted.
    #[error(transparent)]
    Mixture(#[from] GmmError),
}

/// The shape of a calibration row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    reconstructors: usize,
    tags: usize,
    values: usize,
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Shape { reconstructors, tags, values } = self;
        write!(f, "{tags} residuals of each of {reconstructors} reconstructors and {values} values")
    }
}

impl Shape {
    fn of(row: &CalibrationRow) -> Self {
        let tags = row.residuals.iter().map(Vec::len).min().unwrap_or(0).min(row.usable.len());
        Shape { reconstructors: row.residuals.len(), tags, values: row.values.len() }
    }
}

/// Everything fitted on calibration rows, and the last rows of the stream being judged. Written out without the latter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scorer {
    modes: Modes,
    members: Vec<Member>,
    /// The tails of the combined score.
    combined: PlaceTails,
    lead: usize,
    /// The weight of one row where drift is followed.
    follow: f64,
    #[serde(skip)]
    watch: ModeWatch,
}

/// What a scorer has learned since it was fitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Followed(Vec<Centring>);

/// A fitted scorer, and what it says of the rows it was fitted to: thresholds start from that.
#[derive(Debug, Clone, PartialEq)]
pub struct Fitted {
    /// The scorer.
    pub scorer: Scorer,
    /// The score of each calibration row.
    pub scores: Vec<f64>,
    /// Each calibration row's mode or transition by its number.
    pub places: Vec<Option<usize>>,
}

impl Scorer {
    /// Calibrates judgement on `rows`, which stand in the order of the stream, `step` apart.
    ///
    /// # Errors
    /// If there are too few rows, they differ in shape, no tag varies, or a setting is out of its range.
    pub fn fit(
        rows: &[CalibrationRow],
        step: Duration,
        settings: &ScorerSettings,
        seed: u64,
    ) -> Result<Fitted, FitError> {
        check(rows, settings)?;
        let modes = Modes::fit(rows, &settings.modes, seed)?;
        let places = places(&modes, rows);
        let breaks: Vec<bool> = rows.iter().map(|r| r.segment_start).collect();
        let pooling = Pooling::new(&modes, &places, settings.min_mode_rows);
        let placed = Placed { places: &places, breaks: &breaks, pooling: &pooling };
        let likelihood = LikelihoodParams { components: settings.residual_components, pooling, seed };
        let params = MemberParams { scales: &settings.scales, likelihood, placed };
        let (members, said) = members(rows, &params)?;
        let raw: Vec<f64> = said.iter().map(|opinions| combined(opinions, settings.lead)).collect();
        let tails = PlaceTails::fit(&raw.iter().copied().map(Some).collect::<Vec<_>>(), &placed);
        let Some(tails) = tails else { return Err(nothing_varies(rows)) };
        let score = |(raw, place): (&f64, &Option<usize>)| score(tails.of(*place).probability(*raw).middle());
        let scores = raw.iter().zip(&places).map(score).collect();
        let rows_followed =
            (settings.follow.as_secs_f64() / step.as_secs_f64()).max(settings.follow_rows.max(1) as f64);
        let (follow, watch) = (1.0 / rows_followed, ModeWatch::default());
        let scorer = Self { modes, members, combined: tails, lead: settings.lead, follow, watch };
        Ok(Fitted { scorer, scores, places })
    }

    /// Judges the next row of the stream. Tags that are not usable or have no finite residual are left out.
    pub fn judge(&mut self, row: &Row<'_>) -> Judgement {
        self.watch.see(row.given_mode);
        let place = self.modes.place(row.values, row.given_mode, self.watch);
        let judged = self.members.iter_mut().zip(row.residuals);
        let opinions: Vec<Opinion> =
            judged.flat_map(|(member, r)| member.judge(&measured(r, row.usable), row.limits, place.index)).collect();
        self.conclude(place, &opinions, row)
    }

    /// What to add to what each reconstructor expects: how far each tag has drifted from it, in the tag's unit. Residuals are
    /// judged less this.
    pub fn drift(&self) -> Vec<Vec<f64>> {
        self.members.iter().map(Member::drift).collect()
    }

    /// Learns the drift of the row that was judged last. It is not to be called while the threshold is frozen, nor for a
    /// row that comes late.
    pub fn follow(&mut self) {
        self.members.iter_mut().for_each(|member| member.follow(self.follow));
    }

    /// What was learned since the fit.
    pub fn followed(&self) -> Followed {
        Followed(self.members.iter().map(|member| member.centring().clone()).collect())
    }

    /// Goes on with what was learned before a restart.
    pub fn restore(&mut self, followed: Followed) {
        self.members.iter_mut().zip(followed.0).for_each(|(member, centring)| member.restore(centring));
    }

    /// Forgets what was learned since the fit.
    pub fn forget(&mut self) {
        self.members.iter_mut().for_each(Member::forget);
    }

    /// Forgets the stream's last rows: the next row does not continue them.
    pub fn reset(&mut self) {
        self.members.iter_mut().for_each(Member::reset);
        self.watch = ModeWatch::default();
    }

    /// How the asset's modes are told apart.
    pub fn modes(&self) -> &Modes {
        &self.modes
    }

    /// The first reconstructor's scales of each tag's residual; none if it judges none.
    pub fn tags(&self) -> Option<&TagScales> {
        self.members.first().map(Member::tags)
    }

    /// Clusters per exceedance of the score in normal operation.
    pub fn extremal_index(&self) -> f64 {
        self.combined.of(None).extremal_index()
    }

    fn conclude(&self, place: Place, opinions: &[Opinion], row: &Row<'_>) -> Judgement {
        let raw = combined(opinions, self.lead);
        let carrying = carrying(opinions).unwrap_or(self.lead);
        let tail = self.combined.of(place.index).probability(raw);
        let chance = |ln_p: f64| 10f64.powf(-score(ln_p));
        let usable: Vec<bool> = match row.residuals.first() {
            Some(first) => measured(first, row.usable).iter().map(|r| r.is_finite()).collect(),
            None => Vec::new(),
        };
        let contributions = shares(&self.terms(carrying, place.index), &usable);
        Judgement {
            score: score(tail.middle()),
            p: chance(tail.middle()),
            probability: 1.0 - chance(tail.middle()),
            probability_low: 1.0 - chance(tail.ln_high),
            probability_high: 1.0 - chance(tail.ln_low),
            mode: place.mode,
            place: place.index,
            contributions,
            bands: self.members.first().map(|m| m.tags().bands()).unwrap_or_default(),
        }
    }

    /// What is unusual of each tag in the newest `rows` rows, each reconstructor with the same weight.
    fn terms(&self, rows: usize, place: Option<usize>) -> Vec<f64> {
        let mut sum = vec![0.0; self.members.first().map_or(0, |m| m.tags().tags().len())];
        for member in &self.members {
            let terms = member.terms(rows, place);
            let all: f64 = terms.iter().sum();
            sum.iter_mut().zip(&terms).filter(|_| all > 0.0).for_each(|(s, t)| *s += t / all);
        }
        sum
    }
}

/// The scale at which the point-wise error is most unusual.
fn carrying(opinions: &[Opinion]) -> Option<usize> {
    let point_wise = opinions.iter().filter(|o| o.measure.method == Method::PointWise);
    point_wise.min_by(|a, b| a.ln_p.total_cmp(&b.ln_p)).map(|o| o.measure.rows)
}

fn score(ln_p: f64) -> f64 {
    capped(-ln_p / std::f64::consts::LN_10)
}

/// One member a reconstructor, and what all of them say of each row.
fn members(rows: &[CalibrationRow], params: &MemberParams<'_>) -> Result<(Vec<Member>, Vec<Vec<Opinion>>), FitError> {
    let mut said: Vec<Vec<Opinion>> = vec![Vec::new(); rows.len()];
    let mut members = Vec::new();
    for number in 0..rows[0].residuals.len() {
        let residuals: Vec<Vec<f64>> = rows.iter().map(|r| measured(&r.residuals[number], &r.usable)).collect();
        let tags = TagScales::fit(&residuals, residuals[0].len());
        if tags.tags().iter().all(|t| t.scale == 0.0) {
            return Err(nothing_varies(rows));
        }
        let (member, its) = Member::fit(&residuals, tags, params)?;
        said.iter_mut().zip(its).for_each(|(all, its)| all.extend(its));
        members.push(member);
    }
    Ok((members, said))
}

fn nothing_varies(rows: &[CalibrationRow]) -> FitError {
    FitError::NothingVaries { tags: Shape::of(&rows[0]).tags, rows: rows.len() }
}

/// Each calibration row's place.
pub(crate) fn places(modes: &Modes, rows: &[CalibrationRow]) -> Vec<Option<usize>> {
    let mut watch = ModeWatch::default();
    let place = |row: &CalibrationRow| {
        if row.segment_start {
            watch = ModeWatch::default();
        }
        watch.see(row.given_mode);
        modes.place(&row.values, row.given_mode, watch).index
    };
    rows.iter().map(place).collect()
}

/// The residuals of the tags that were measured, NaN for the others.
fn measured(residual: &[f64], usable: &[bool]) -> Vec<f64> {
    let cells = residual.iter().zip(usable);
    cells.map(|(r, usable)| if *usable && r.is_finite() { *r } else { f64::NAN }).collect()
}

fn check(rows: &[CalibrationRow], settings: &ScorerSettings) -> Result<(), FitError> {
    if rows.len() < MIN_ROWS {
        return Err(FitError::TooFewRows { have: rows.len(), need: MIN_ROWS });
    }
    let (scales, lead) = (&settings.scales, settings.lead);
    if !scales.contains(&lead) || scales.iter().any(|rows| !(1..=1000).contains(rows)) {
        return Err(FitError::Scales { scales: scales.clone(), lead });
    }
    let want = Shape::of(&rows[0]);
    match rows.iter().map(Shape::of).enumerate().find(|(_, got)| *got != want) {
        Some((row, got)) => Err(FitError::Ragged { row, got, want }),
        None if want.reconstructors == 0 => Err(nothing_varies(rows)),
        None => Ok(()),
    }
}
