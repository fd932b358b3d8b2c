//! Rows at their time: what is due is published, then the loop sleeps until the next is.

use std::{sync::Arc, time::Duration};

use andon_plant::{Clock, Timestamp};
use tokio_util::sync::CancellationToken;

use super::{ServedRow, TagServer};

/// The longest sleep; a clock that is set, or a machine that was asleep, is noticed this soon.
const LONGEST_SLEEP: Duration = Duration::from_millis(200);
/// Rows published before others get a turn, when many are due at once.
const BURST: usize = 100;

/// Where rows come from, in rising order of time.
pub(crate) trait Feed: Send + 'static {
    /// The time of the next row; none at the end.
    fn next_time(&self) -> Option<Timestamp>;
    /// The rows of all assets at the next time.
    fn take(&mut self) -> Vec<ServedRow>;
}

/// How the feed's time follows the clock's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// The clock's time at which the feed's `origin` is due.
    pub(crate) begun: Timestamp,
    /// A time of the feed.
    pub(crate) origin: Timestamp,
    /// Seconds of the feed a second.
    pub(crate) speed: f64,
}

impl Pace {
    /// When a row of the feed is due by the clock.
    fn due(&self, row: Timestamp) -> Timestamp {
        let ahead = (row.as_micros() - self.origin.as_micros()) as f64 / self.speed;
        Timestamp::from_micros(self.begun.as_micros().saturating_add(ahead.round() as i64))
    }
}

/// Publishes the feed's rows at their time until it ends or `cancel`.
pub(crate) async fn play(
    mut feed: impl Feed,
    server: Arc<TagServer>,
    pace: Pace,
    clock: Arc<dyn Clock>,
    cancel: CancellationToken,
) {
    let mut published = 0;
    while let Some(row) = feed.next_time() {
        let (now, due) = (clock.now(), pace.due(row));
        if due > now {
            let sleep = due.since(now).min(LONGEST_SLEEP);
            if cancel.run_until_cancelled(tokio::time::sleep(sleep)).await.is_none() {
                return;
            }
            continue;
        }
        server.publish(feed.take());
        published += 1;
        if published % BURST == 0 {
            tokio::task::yield_now().await;
        }
        if cancel.is_cancelled() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_seconds_of_the_feed_take_one_at_speed_ten() {
        let pace = Pace { begun: Timestamp::from_secs(1000), origin: Timestamp::from_secs(5), speed: 10.0 };
        assert_eq!(pace.due(Timestamp::from_secs(15)), Timestamp::from_secs(1001));
    }
}
