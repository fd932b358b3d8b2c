//! The judgement of one reconstructor's residuals: scales, drift, methods and their tails.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::{
    centring::Centring,
    combine::Opinion,
    gmm::GmmError,
    limits::TagLimits,
    methods::{Contextual, LikelihoodParams, Measure, Methods},
    recent::{Recent, Seen},
    scale::TagScales,
    tails::{PlaceTails, Placed},
    usual::UsualTerms,
};

/// Blocks of consecutive rows that are judged by the others in turn.
const BLOCKS: usize = 5;

/// Everything fitted on one reconstructor's residuals, and the last rows of the stream being judged. Written out without
/// the latter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Member {
    tags: TagScales,
    centring: Centring,
    methods: Methods,
    scales: Vec<usize>,
    tails: Vec<(Measure, PlaceTails)>,
    usual: UsualTerms,
    #[serde(skip)]
    recent: Recent,
    /// The newest row, in scales and less its drift.
    #[serde(skip)]
    newest: Vec<f64>,
}

/// What one member's judgement is fitted to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MemberParams<'a> {
    pub(crate) scales: &'a [usize],
    pub(crate) likelihood: LikelihoodParams,
    pub(crate) placed: Placed<'a>,
}

impl Member {
    /// Fits to `residuals` (n x d in the tags' units, NaN where nothing was measured) with their scales. Also returns what it says of each of
    /// those rows.
    pub(crate) fn fit(
        residuals: &[Vec<f64>],
        tags: TagScales,
        params: &MemberParams<'_>,
    ) -> Result<(Self, Vec<Vec<Opinion>>), GmmError> {
        let MemberParams { scales, placed, likelihood } = params;
        let scaled: Vec<Vec<f64>> = residuals.iter().map(|r| tags.bent(r)).collect();
        let methods = Methods::fit(&scaled, placed.places, likelihood)?;
        let measures = Measure::all(scales);
        let values = cross_fitted(residuals, &measures, params)?;
        let said = blocks(residuals.len()).flat_map(|block| {
            let tails = tails(&values, &measures, placed, &block);
            let of =
                |row: usize| opinions(&tails, |measure| values[row][place_of(&measures, measure)?], placed.places[row]);
            block.map(of).collect::<Vec<_>>()
        });
        let said = said.collect();
        let tails = tails(&values, &measures, placed, &(0..0));
        let centring = Centring::new(&scaled, tags.tags().len());
        let usual = UsualTerms::fit(&scaled, placed.places, placed.pooling.places);
        let (recent, newest) = Default::default();
        let it = Self { tags, centring, methods, scales: scales.to_vec(), tails, usual, recent, newest };
        Ok((it, said))
    }

    /// How far each tag has drifted, in its unit.
    pub(crate) fn drift(&self) -> Vec<f64> {
        self.tags.tags().iter().zip(self.centring.drift()).map(|(tag, drift)| drift * tag.scale).collect()
    }

    /// What is said of the next row of the stream, `residual` in the tags' units and less the drift, NaN where nothing was
    /// measured. Where its limits say that a tag's deviation does not matter it is judged as none, and drift is followed all the
    /// same. A row without any measured tag is not taken into the averages.
    pub(crate) fn judge(&mut self, residual: &[f64], limits: &[TagLimits], place: Option<usize>) -> Vec<Opinion> {
        self.newest = self.tags.bent(residual);
        if self.newest.iter().any(|z| z.is_finite()) {
            let matters = |tag: usize| limits.get(tag).is_none_or(|limits| limits.matters(residual[tag]));
            let matters: Vec<bool> = (0..residual.len()).map(matters).collect();
            self.recent.push(&self.methods, &self.scales, &Seen { z: &self.newest, matters: &matters }, place);
        }
        opinions(&self.tails, |measure| self.recent.value(&self.methods, measure), place)
    }

    /// Learns the drift from the row that was judged last.
    pub(crate) fn follow(&mut self, weight: f64) {
        self.centring.follow(&self.newest, weight);
    }

    pub(crate) fn tags(&self) -> &TagScales {
        &self.tags
    }

    pub(crate) fn centring(&self) -> &Centring {
        &self.centring
    }

    /// No drift is known any more.
    pub(crate) fn forget(&mut self) {
        self.centring.forget();
    }

    /// Goes on with a drift that was kept, if it is one of as many tags.
    pub(crate) fn restore(&mut self, centring: Centring) {
        if centring.drift().len() == self.tags.tags().len() {
            self.centring = centring;
        }
    }

    /// How far each tag's part in the last `rows` rows' point-wise errors is beyond what is usual of it at a place.
    pub(crate) fn terms(&self, rows: usize, place: Option<usize>) -> Vec<f64> {
        let mut terms = self.recent.terms(rows);
        terms.resize(self.tags.tags().len(), 0.0);
        self.usual.beyond(&terms, place)
    }

    pub(crate) fn reset(&mut self) {
        self.recent.reset();
    }
}

/// What is said where each measure has this value.
fn opinions(
    tails: &[(Measure, PlaceTails)],
    value: impl Fn(Measure) -> Option<f64>,
    place: Option<usize>,
) -> Vec<Opinion> {
    let opinion = |(measure, tails): &(Measure, PlaceTails)| {
        let p = tails.of(place).probability(value(*measure)?);
        Some(Opinion { measure: *measure, ln_p: p.middle() })
    };
    tails.iter().filter_map(opinion).collect()
}

/// The tails of each measure, of all calibration rows but some: judged by tails they are part of, a few rows would look more
/// usual than the next ones will.
fn tails(
    values: &[Vec<Option<f64>>],
    measures: &[Measure],
    placed: &Placed<'_>,
    without: &Range<usize>,
) -> Vec<(Measure, PlaceTails)> {
    let column = |(ix, measure): (usize, &Measure)| {
        let of = |(row, values): (usize, &Vec<Option<f64>>)| values[ix].filter(|_| !without.contains(&row));
        let column: Vec<Option<f64>> = values.iter().enumerate().map(of).collect();
        Some((*measure, PlaceTails::fit(&column, placed)?))
    };
    measures.iter().enumerate().filter_map(column).collect()
}

fn place_of(measures: &[Measure], measure: Measure) -> Option<usize> {
    measures.iter().position(|m| *m == measure)
}

/// The blocks of so many rows.
fn blocks(rows: usize) -> impl Iterator<Item = Range<usize>> {
    let block = rows.div_ceil(BLOCKS).max(1);
    (0..rows).step_by(block).map(move |from| from..(from + block).min(rows))
}

/// What each measure says of each row, under scales and methods fitted without it and its neighbours. Fitted with them, a few
/// rows would look more usual than the next ones will, and what drifts from block to block would not show.
fn cross_fitted(
    residuals: &[Vec<f64>],
    measures: &[Measure],
    params: &MemberParams<'_>,
) -> Result<Vec<Vec<Option<f64>>>, GmmError> {
    let MemberParams { placed, likelihood, .. } = params;
    let mut values = Vec::with_capacity(residuals.len());
    for out in blocks(residuals.len()) {
        let others: Vec<Vec<f64>> = [&residuals[..out.start], &residuals[out.end..]].concat();
        let places = [&placed.places[..out.start], &placed.places[out.end..]].concat();
        let tags = TagScales::fit(&others, residuals[0].len());
        let scaled: Vec<Vec<f64>> = others.iter().map(|r| tags.bent(r)).collect();
        let methods = Methods::fit(&scaled, &places, likelihood)?;
        values.extend(streamed(residuals, out, measures, (&tags, &methods), params));
    }
    Ok(values)
}

/// What each measure says of the rows of a block, whose averages begin as many rows before it as they need.
fn streamed(
    residuals: &[Vec<f64>],
    block: Range<usize>,
    measures: &[Measure],
    (tags, methods): (&TagScales, &Methods),
    params: &MemberParams<'_>,
) -> Vec<Vec<Option<f64>>> {
    let longest = params.scales.iter().copied().max().unwrap_or(1);
    let mut recent = Recent::default();
    let mut values = Vec::with_capacity(block.len());
    let first = block.start.saturating_sub(Contextual::rows(longest));
    for (row, residual) in residuals.iter().enumerate().take(block.end).skip(first) {
        if params.placed.breaks[row] {
            recent.reset();
        }
        let z = tags.bent(residual);
        if z.iter().any(|z| z.is_finite()) {
            let matters = vec![true; z.len()];
            recent.push(methods, params.scales, &Seen { z: &z, matters: &matters }, params.placed.places[row]);
        }
        if block.contains(&row) {
            values.push(measures.iter().map(|m| recent.value(methods, *m)).collect());
        }
    }
    values
}
