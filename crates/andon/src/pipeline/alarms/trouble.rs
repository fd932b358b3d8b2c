//! What sends nothing: sources that are away, and models that do not judge or no longer fit.

use std::time::Duration;

use andon_plant::{
    Condition, Timestamp,
    alarm::{AlarmSettings, Input},
};
use andon_scoring::DriftState;

use super::{Alarms, occurrence::Occurrence};
use crate::{config::AssetConfig, pipeline::publish};

/// A source must be away this long before it is an alarm: a PLC that restarts is back by then.
pub(super) const TROUBLE_ON_DELAY: Duration = Duration::from_secs(10);
/// An asset with a model and data must be judged at least this often, or every ten windows where those are further apart.
const SILENCE: Duration = Duration::from_secs(20);

impl Alarms {
    /// Looks at what sends nothing: sources that are away, and models that do not judge.
    pub(super) async fn watch(&mut self) {
        let assets = self.hub.config.assets.clone();
        for asset in &assets {
            if self.heard.contains(&asset.name) {
                let mut lost = self.lost.iter().filter(|((name, _), _)| *name == asset.name);
                let trouble = lost.next().map(|((_, source), why)| format!("no data from {source}: {why}"));
                self.trouble(asset, Condition::Source, trouble).await;
            }
            if let Some(judged_at) = self.judged_at(asset) {
                let trouble = self.silence(asset, judged_at).or_else(|| self.misfit(asset));
                self.trouble(asset, Condition::Model, trouble).await;
            }
        }
    }

    /// When an asset was last judged. One that never was counts as judged when its first window could have been full; until then
    /// there is nothing to say, and an alarm that was open stays as it is.
    fn judged_at(&mut self, asset: &AssetConfig) -> Option<Timestamp> {
        let card = self.hub.board.asset(&asset.name)?;
        if card.judged_at.is_some() || !card.connected || card.model.is_none() {
            self.unjudged.remove(&asset.name);
            return Some(card.judged_at.unwrap_or(self.hub.clock.now()));
        }
        let now = self.hub.clock.now();
        let since = *self.unjudged.entry(asset.name.clone()).or_insert(now);
        Some(since.after(asset.window_span())).filter(|full| *full <= now)
    }

    /// Why an asset with a model and data has had no verdict for long; none where it has.
    fn silence(&self, asset: &AssetConfig, judged_at: Timestamp) -> Option<String> {
        let card = self.hub.board.asset(&asset.name)?;
        if !card.connected || card.model.is_none() {
            return None;
        }
        let patience = SILENCE.max(asset.grid * (10 * asset.window.stride as u32));
        if self.hub.clock.now().since(judged_at) <= patience {
            return None;
        }
        let why = card.silence.unwrap_or_else(|| "no tag has a value that could be judged".to_owned());
        let news = self.hub.board.update(&asset.name, |card| {
            card.verdict = None;
            card.silence.replace(why.clone()).is_none()
        });
        if news == Some(true) {
            publish::state(&self.hub, &self.ua, &asset.name);
        }
        Some(format!("not judged: {why}"))
    }

    /// That an asset's model no longer fits; none where it does.
    fn misfit(&self, asset: &AssetConfig) -> Option<String> {
        match self.hub.board.asset(&asset.name)?.drift? {
            DriftState::NoLongerFits(event) => Some(event.to_string()),
            DriftState::Fits | DriftState::Raised { .. } => None,
        }
    }

    /// Steps a condition that is on or off.
    async fn trouble(&mut self, asset: &AssetConfig, condition: Condition, trouble: Option<String>) {
        let now = self.hub.clock.now();
        let settings = AlarmSettings { on_delay: TROUBLE_ON_DELAY, off_delay: Duration::ZERO, hysteresis: 0.0 };
        let level = if trouble.is_some() { 1.0 } else { 0.0 };
        let input = Input::Level { time: now, level, threshold: 0.5 };
        let describe = |_: &AssetConfig| Occurrence::of_trouble(trouble.unwrap_or_default());
        self.advance(asset, condition, &settings, input, now, describe).await;
    }
}
