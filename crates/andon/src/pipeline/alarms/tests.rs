//! What becomes of verdicts, of a model that no longer fits, and of what people say.

use andon_plant::{Mode, TagName, TagVerdict};
use andon_scoring::DriftEvent;
use andon_store::AlarmQuery;

use super::{trouble::TROUBLE_ON_DELAY, *};
use crate::pipeline::{
    board::ModelCard,
    maintenance::{self, Maintenance},
    support::{Bench, bench, finding, mixer, verdict},
};

/// What the alarm of a verdict with a score of 9 says.
const MESSAGE: &str = "Temperature 6.2 degC above expected (Fill, expected once in 32 years)";

/// The alarm task on its bench.
pub(in crate::pipeline) struct Task {
    alarms: Alarms,
    pub(in crate::pipeline) bench: Bench,
}

impl Task {
    pub(in crate::pipeline) async fn new() -> Self {
        let bench = bench().await;
        Self { alarms: Alarms::restored(bench.hub.clone(), bench.ua.clone(), Vec::new()), bench }
    }

    pub(in crate::pipeline) async fn judge(&mut self, verdict: Verdict) {
        self.judge_with(verdict, None).await;
    }

    async fn judge_with(&mut self, verdict: Verdict, drift: Option<DriftState>) {
        self.bench.hub.board.update("Mixer", |card| card.drift = drift);
        self.alarms.take(Message::Verdict { verdict: Arc::new(verdict), drift }).await;
    }

    /// Looks at what sends nothing, and again when that has lasted.
    async fn watch(&mut self) {
        for _ in 0..2 {
            self.alarms.watch().await;
            self.bench.clock.advance(TROUBLE_ON_DELAY);
        }
        self.alarms.watch().await;
    }

    /// Every alarm there ever was, oldest first.
    pub(in crate::pipeline) async fn all(&self) -> Vec<Alarm> {
        let mut all = self.bench.hub.store.alarms(&AlarmQuery::default()).await.unwrap().items;
        all.reverse();
        all
    }

    async fn journal(&self, id: AlarmId) -> Vec<(Transition, Option<String>)> {
        let (_, journal) = self.bench.hub.store.alarm(id).await.unwrap().unwrap();
        journal.into_iter().map(|line| (line.transition, line.comment)).collect()
    }

    pub(in crate::pipeline) async fn assess(&mut self, id: AlarmId, assessment: Assessment) -> Alarm {
        let said = Said { assessment, by: "ann".to_owned(), comment: Some("warm day".to_owned()) };
        self.alarms.assess(id, said).await.unwrap().alarm
    }
}

fn late(s: i64, score: f64) -> Verdict {
    Verdict { late: true, ..verdict(s, score) }
}

fn misfit() -> DriftState {
    let (since, time) = (Timestamp::from_secs(0), Timestamp::from_secs(90_000));
    DriftState::NoLongerFits(DriftEvent { since, time, level: 1.3, reference: 0.5 })
}

#[tokio::test]
async fn late_rows_neither_raise_nor_clear() {
    let mut task = Task::new().await;
    task.judge(late(1, 9.0)).await;
    assert!(task.all().await.is_empty());
    task.judge(verdict(2, 9.0)).await;
    task.judge(late(3, 0.1)).await;
    assert!(task.all().await.last().unwrap().state.active());
    task.judge(verdict(4, 0.1)).await;
    assert!(!task.all().await.last().unwrap().state.active());
}

#[tokio::test]
async fn what_late_rows_show_is_written_down_and_not_annunciated() {
    let mut task = Task::new().await;
    for (s, score) in [(1, 0.1), (2, 9.0), (3, 12.0), (4, 0.1), (9, 9.0)] {
        task.judge(late(s, score)).await;
    }
    task.judge(verdict(10, 0.1)).await;
    let all = task.all().await;
    let at = Timestamp::from_secs;
    let spans: Vec<_> = all.iter().map(|alarm| (alarm.raised_at, alarm.cleared_at)).collect();
    assert_eq!(spans, [(at(2), Some(at(4))), (at(9), Some(at(9)))]);
    assert!(all.iter().all(|alarm| !alarm.state.open()));
    assert_eq!(task.bench.hub.board.asset("Mixer").unwrap().open_alarms, 0);
    let lines = task.journal(all[0].id).await;
    let comment = |line: &(Transition, Option<String>)| line.1.clone().unwrap_or_default();
    assert!(
        comment(&lines[0]).starts_with("Temperature 6.2 degC above expected (") && lines[0].0 == Transition::Raised
    );
    assert!(comment(&lines[0]).ends_with("; judged after its time"));
    assert_eq!(lines[1..], [(Transition::Cleared, Some("judged after its time".to_owned()))]);
}

#[tokio::test]
async fn late_rows_that_an_alarm_or_maintenance_covers_are_not_written_down_again() {
    let mut task = Task::new().await;
    task.judge(verdict(1, 9.0)).await;
    task.judge(late(2, 9.0)).await;
    task.judge(verdict(3, 0.1)).await;
    for (s, held) in [(4, true), (6, false)] {
        maintenance::mark(&task.bench.hub.store, &mixer(), Timestamp::from_secs(s), held).await.unwrap();
    }
    // It is the maintenance of their time that covers them, not that of the present.
    for (s, alarms) in [(5, 1), (8, 2)] {
        task.judge(late(s, 9.0)).await;
        task.judge(verdict(s + 1, 0.1)).await;
        assert_eq!(task.all().await.len(), alarms, "{s}");
    }
}

#[tokio::test]
async fn under_maintenance_a_score_raises_nothing_and_what_outlasts_it_is_raised() {
    let mut task = Task::new().await;
    let until = Timestamp::from_secs(5_000);
    let set = |task: &Task, m: Option<Maintenance>| task.bench.hub.board.update("Mixer", |card| card.maintenance = m);
    set(&task, Some(Maintenance::ordered(until, "belt".to_owned(), "ann")));
    task.judge(verdict(1, 9.0)).await;
    assert!(task.all().await.is_empty());
    set(&task, None);
    // As long as its window holds rows of the maintenance, they may be what the score is high for.
    for (s, alarms) in [(2, 0), (100, 0), (101, 1)] {
        task.judge(verdict(s, 9.0)).await;
        assert_eq!(task.all().await.len(), alarms, "{s}");
    }
    assert!(task.all().await[0].state.active());
    set(&task, Some(Maintenance::ordered(until, "belt".to_owned(), "ann")));
    task.judge(verdict(102, 0.1)).await;
    assert!(!task.all().await[0].state.active(), "an alarm that was there may clear");
}

#[tokio::test]
async fn a_model_that_no_longer_fits_is_one_alarm_and_its_scores_advise() {
    let mut task = Task::new().await;
    task.judge_with(verdict(1, 9.0), Some(misfit())).await;
    task.watch().await;
    let all = task.all().await;
    let [score, model] = &all[..] else { panic!("{all:?}") };
    assert_eq!((&score.condition, score.severity), (&Condition::Score, 199));
    assert!(score.message.ends_with("; advisory: the model no longer fits, retrain"), "{}", score.message);
    assert_eq!(model.condition, Condition::Model);
    assert!(
        model.message.starts_with("model no longer fits: retrain; scores have been 2.6 times"),
        "{}",
        model.message
    );
    // Score after score is one line until it is acknowledged.
    for s in 2..10 {
        task.judge_with(verdict(s, if s % 2 == 0 { 0.1 } else { 9.0 }), Some(misfit())).await;
    }
    assert_eq!(task.all().await.len(), 2);
    task.judge_with(verdict(10, 0.1), Some(DriftState::Fits)).await;
    task.watch().await;
    assert!(task.all().await.iter().all(|alarm| !alarm.state.active()));
}

#[tokio::test]
async fn the_message_is_what_was_found_how_rare_it_is_and_the_mode() {
    let mut task = Task::new().await;
    task.judge(Verdict { findings: vec![finding()], ..verdict(1, 6.5) }).await;
    let alarm = &task.all().await[0];
    assert_eq!(
        alarm.message,
        "Temperature 6.2 degC above expected for mode Fill, 14 min (Fill, expected once in 36 days)"
    );
    assert_eq!(alarm.contributions[0].finding, Some(finding()));
    assert_eq!(alarm.severity, 480);
}

#[tokio::test]
async fn without_a_finding_the_message_is_how_far_the_tags_are_off() {
    let mut task = Task::new().await;
    task.judge(verdict(1, 3.5)).await;
    assert_eq!(task.all().await[0].message, "Temperature 6.2 degC above expected (Fill, expected once in 52 min)");
}

#[tokio::test]
async fn an_active_alarm_follows_what_is_worse_and_in_another_band_is_to_be_seen_again() {
    let mut task = Task::new().await;
    task.judge(verdict(1, 3.1)).await;
    let id = task.all().await[0].id;
    task.alarms.acknowledge(id, "ann".to_owned(), None).await.unwrap();
    for (s, score, severity, acknowledged) in [
        (2, 3.9, 208, true),
        (3, 4.2, 296, true),
        (4, 3.2, 296, true),
        (5, 5.0, 360, false),
        (6, 5.9, 360, false),
        (7, 16.0, 666, false),
    ] {
        task.judge(verdict(s, score)).await;
        let alarm = &task.all().await[0];
        assert_eq!((alarm.id, alarm.severity, alarm.state.acknowledged), (id, severity, acknowledged), "{score}");
    }
    let alarm = &task.all().await[0];
    assert!(alarm.message.ends_with("practically never expected)") && alarm.acknowledged_by.is_none());
    let lines: Vec<Transition> = task.journal(id).await.into_iter().map(|(transition, _)| transition).collect();
    let worse = Transition::Worsened;
    assert_eq!(lines, [Transition::Raised, Transition::Acknowledged, worse, worse, worse]);
}

/// A verdict that `tag` leads and the other of two follows in.
fn led_by(tag: &str, s: i64, score: f64) -> Verdict {
    let mut verdict = verdict(s, score);
    let share = |name: &str| {
        let contribution = if name == tag { 0.8 } else { 0.2 };
        TagVerdict { tag: TagName::new(name).unwrap(), contribution, ..verdict.tags[0].clone() }
    };
    verdict.tags = ["Temperature", "Speed"].map(share).to_vec();
    verdict
}

fn led_by_any(tag: &str, s: i64) -> Verdict {
    let mut verdict = verdict(s, 9.0);
    verdict.tags[0].tag = TagName::new(tag).unwrap();
    verdict
}

#[tokio::test]
async fn another_tag_that_leads_is_seen_once_also_where_severity_can_not_rise() {
    let mut task = Task::new().await;
    task.judge(led_by("Temperature", 1, 16.0)).await;
    let id = task.all().await[0].id;
    for (s, tag, seen) in [(2, "Temperature", true), (3, "Speed", false), (4, "Temperature", true), (5, "Speed", true)]
    {
        task.alarms.acknowledge(id, "ann".to_owned(), None).await.unwrap();
        task.judge(led_by(tag, s, 16.0)).await;
        let alarm = &task.all().await[0];
        assert_eq!((alarm.severity, alarm.state.acknowledged), (666, seen), "{s}");
        assert_eq!(&*alarm.contributions[0].tag, if s < 3 { "Temperature" } else { "Speed" });
    }
}

#[tokio::test]
async fn another_incident_is_another_alarm_and_the_first_waits_to_be_acknowledged() {
    let mut task = Task::new().await;
    for (s, tag) in [(1, "Temperature"), (3, "Speed"), (5, "Temperature"), (7, "Speed")] {
        task.judge(led_by(tag, s, 9.0)).await;
        task.judge(verdict(s + 1, 0.1)).await;
    }
    let all = task.all().await;
    let leaders: Vec<&str> = all.iter().map(|alarm| &*alarm.contributions[0].tag).collect();
    assert_eq!(leaders, ["Temperature", "Speed"]);
    assert_eq!(task.bench.hub.board.asset("Mixer").unwrap().open_alarms, 2);
    let raised = task.journal(all[0].id).await.into_iter().filter(|(t, _)| *t == Transition::Raised);
    assert_eq!(raised.count(), 2);

    // A restart goes on with both, and the one that is over is acknowledged without touching the one that is active.
    task.judge(led_by("Temperature", 9, 9.0)).await;
    let open = task.bench.hub.store.open_alarms().await.unwrap();
    task.alarms = Alarms::restored(task.bench.hub.clone(), task.bench.ua.clone(), open);
    let seen = task.alarms.acknowledge(all[1].id, "ann".to_owned(), None).await.unwrap();
    assert!(!seen.state.open());
    task.judge(led_by("Temperature", 10, 9.0)).await;
    let now = task.all().await;
    assert_eq!((now.len(), now[0].state.active(), now[0].state.acknowledged), (2, true, false));
    assert_eq!(task.bench.hub.board.asset("Mixer").unwrap().open_alarms, 1);
}

#[tokio::test]
async fn incidents_that_nobody_acknowledges_are_so_many_alarms_and_no_more() {
    let mut task = Task::new().await;
    for n in 0..40 {
        task.judge(led_by_any(&format!("T{n}"), 2 * n + 1)).await;
        task.judge(verdict(2 * n + 2, 0.1)).await;
    }
    assert_eq!(task.all().await.len(), 9);
}

#[tokio::test]
async fn under_maintenance_nothing_worsens() {
    let mut task = Task::new().await;
    task.judge(verdict(1, 3.1)).await;
    task.alarms.acknowledge(task.all().await[0].id, "ann".to_owned(), None).await.unwrap();
    let ordered = Maintenance::ordered(Timestamp::from_secs(5_000), "belt".to_owned(), "ann");
    task.bench.hub.board.update("Mixer", |card| card.maintenance = Some(ordered));
    task.judge(led_by("Speed", 2, 16.0)).await;
    let alarm = &task.all().await[0];
    assert_eq!((alarm.severity, alarm.state.acknowledged), (208, true));
}

#[tokio::test]
async fn twenty_tags_that_share_a_score_are_named_by_the_first() {
    let mut task = Task::new().await;
    let mut many = verdict(1, 9.0);
    let share = |n: usize| TagVerdict {
        tag: TagName::new(&format!("T{n}")).unwrap(),
        contribution: 0.05,
        ..many.tags[0].clone()
    };
    many.tags = (0..20).map(share).collect();
    task.judge(many).await;
    let alarm = &task.all().await[0];
    assert_eq!(alarm.contributions.len(), 1);
    assert!(alarm.message.starts_with("T0 6.2"), "{}", alarm.message);
}

#[tokio::test]
async fn an_asset_that_is_never_judged_is_an_alarm_once_its_window_could_have_been_full() {
    let mut task = Task::new().await;
    task.bench.hub.board.update("Mixer", |card| {
        card.connected = true;
        card.install(ModelCard {
            version: "1".to_owned(),
            trained_at: Timestamp::default(),
            trained_from: Timestamp::default(),
            trained_to: Timestamp::default(),
            parameters: 1,
            calibration_rows: 1,
            challengers: Vec::new(),
            unheeded: Vec::new(),
        });
    });
    task.watch().await;
    assert!(task.all().await.is_empty());
    task.bench.clock.advance(Duration::from_secs(600));
    task.watch().await;
    let alarm = &task.all().await[0];
    assert_eq!(alarm.condition, Condition::Model);
    assert!(alarm.state.active() && alarm.message.starts_with("not judged: "), "{}", alarm.message);
}

#[tokio::test]
async fn in_a_mode_nobody_has_seen_an_alarm_advises() {
    let mut task = Task::new().await;
    task.judge(Verdict { mode: Mode::Unknown, ..verdict(1, 16.0) }).await;
    assert_eq!(task.all().await[0].severity, 199);
}

#[tokio::test]
async fn an_assessment_is_journalled_while_the_alarm_is_open_and_after() {
    let mut task = Task::new().await;
    task.judge(verdict(1, 9.0)).await;
    let id = task.all().await[0].id;
    assert_eq!(task.assess(id, Assessment::Real).await.assessment, Some(Assessment::Real));
    task.judge(verdict(2, 0.1)).await;
    task.alarms.acknowledge(id, "ann".to_owned(), None).await.unwrap();
    assert_eq!(task.assess(id, Assessment::Nuisance).await.assessment, Some(Assessment::Nuisance));
    assert_eq!(task.all().await[0].assessment, Some(Assessment::Nuisance));
    let said = Some("warm day".to_owned());
    let lines = [
        (Transition::Raised, Some(MESSAGE.to_owned())),
        (Transition::AssessedReal, said.clone()),
        (Transition::Cleared, None),
        (Transition::Acknowledged, None),
        (Transition::AssessedNuisance, said),
    ];
    assert_eq!(task.journal(id).await, lines);
    let unknown = Said { assessment: Assessment::Real, by: "ann".to_owned(), comment: None };
    assert!(matches!(task.alarms.assess(AlarmId(99), unknown).await, Err(AlarmError::NotFound(AlarmId(99)))));
}

#[tokio::test]
async fn an_assessment_is_of_what_the_alarm_was_raised_for_then() {
    let mut task = Task::new().await;
    task.judge(verdict(1, 9.0)).await;
    let id = task.all().await[0].id;
    task.assess(id, Assessment::Nuisance).await;
    task.judge(verdict(2, 0.1)).await;
    assert_eq!(task.all().await[0].assessment, Some(Assessment::Nuisance));
    task.judge(verdict(3, 12.0)).await;
    let all = task.all().await;
    assert_eq!((all.len(), all[0].id, all[0].assessment, all[0].state.active()), (1, id, None, true));
    let lines: Vec<Transition> = task.journal(id).await.into_iter().map(|(transition, _)| transition).collect();
    assert_eq!(lines, [Transition::Raised, Transition::AssessedNuisance, Transition::Cleared, Transition::Raised]);
}

#[tokio::test]
async fn a_note_goes_into_the_journal_of_every_open_alarm() {
    let mut task = Task::new().await;
    task.judge(verdict(1, 9.0)).await;
    let id = task.all().await[0].id;
    task.alarms.note(&mixer(), Some("ann".to_owned()), "maintenance: belt").await;
    let note = (Transition::Commented, Some("maintenance: belt".to_owned()));
    assert_eq!(task.journal(id).await, [(Transition::Raised, Some(MESSAGE.to_owned())), note]);
}
