//! What keeps rows from teaching, and when they teach all the same.

use super::*;

#[test]
fn while_held_nothing_teaches() {
    for strategy in Strategy::ALL {
        let mut t = fit(&settings(strategy));
        observe(&mut t, normal(6).take(500));
        let before = everywhere(&t);
        for score in [9.0, 1.9, 0.0] {
            teach(&mut t, 0..5000, |n| held(n, score));
        }
        assert_eq!(everywhere(&t), before, "{strategy:?}");
        assert!(t.is_frozen());
    }
}

#[test]
fn a_freeze_lapses_after_its_longest_and_begins_anew_once_its_cause_is_gone() {
    for strategy in adaptive() {
        let mut t = fit(&ThresholdSettings { freeze: Duration::from_secs(3600), ..settings(strategy) });
        let before = everywhere(&t);
        teach(&mut t, 0..3600, |n| held(n, 3.0));
        assert_eq!(everywhere(&t), before, "{strategy:?}");
        teach(&mut t, 3600..9000, |n| held(n, 5.0));
        assert!(t.in_force(Some(0), false) > before[0] + 0.5 && !t.is_frozen(), "{strategy:?}");
        t.observe(&row(9000, 0.1));
        assert!(t.journal().all(|e| e.why != Change::Released));
        teach(&mut t, 9001..10_000, |n| row(n, 0.1));
        let between = everywhere(&t);
        teach(&mut t, 10_000..13_000, |n| held(n, 3.0));
        assert_eq!(everywhere(&t), between, "{strategy:?}");
        let whys: Vec<Change> = t.journal().map(|e| e.why).filter(|why| *why != Change::Moved).collect();
        assert_eq!(whys, [Change::Frozen, Change::Lapsed, Change::Released, Change::Frozen]);
    }
}

#[test]
fn what_comes_and_goes_is_one_freeze_while_it_is_there_for_most_of_the_time() {
    let lapsed = |held_rows: usize, free_rows: usize| {
        let mut t = fit(&ThresholdSettings { freeze: Duration::from_secs(3600), ..settings(Strategy::Percentile) });
        for n in 0..20_000 {
            let holds = n % (held_rows + free_rows) < held_rows;
            t.observe(&if holds { held(n, 3.0) } else { row(n, 0.1) });
        }
        t.journal().any(|e| e.why == Change::Lapsed)
    };
    assert!(lapsed(900, 300));
    assert!(!lapsed(900, 900) && !lapsed(300, 900));
}

#[test]
fn maintenance_teaches_nothing_however_long_and_no_alarm_lapses_by_it_or_by_a_gap() {
    let hour = ThresholdSettings { freeze: Duration::from_secs(3600), ..settings(Strategy::Percentile) };
    let mut t = fit(&hour);
    let before = everywhere(&t);
    teach(&mut t, 0..3000, |n| held(n, 3.0));
    teach(&mut t, 3000..20_000, |n| ThresholdRow { hold: Hold::Maintenance, ..row(n, 3.0) });
    assert!(t.is_frozen() && everywhere(&t) == before);
    teach(&mut t, 20_000..20_400, |n| held(n, 3.0));
    assert!(t.is_frozen(), "3,400 s of an alarm");

    let mut t = fit(&hour);
    t.observe(&held(0, 3.0));
    t.observe(&held(200_000, 3.0));
    t.observe(&held(200_001, 3.0));
    assert!(t.is_frozen());
}

#[test]
fn what_an_operator_calls_normal_teaches_until_the_hold_ends() {
    for strategy in adaptive() {
        let mut t = fit(&settings(strategy));
        let before = everywhere(&t);
        t.observe(&held(0, 4.0));
        t.assess_normal(false);
        teach(&mut t, 1..5000, |n| held(n, 4.0));
        let taught = everywhere(&t);
        assert!(taught[0] > before[0] + 0.5, "{strategy:?} {before:?} {taught:?}");
        t.observe(&row(5000, 9.0));
        teach(&mut t, 5001..8000, |n| row(n, 9.0));
        assert_eq!(everywhere(&t), taught, "{strategy:?}");
        t.assess_normal(false);
        assert_eq!(t.journal().filter(|e| e.why == Change::AssessedNormal).count(), 1);
    }
}

#[test]
fn once_reverted_what_was_called_normal_teaches_no_more() {
    let mut t = fit(&settings(Strategy::Ewma));
    let before = everywhere(&t);
    t.observe(&held(0, 4.0));
    t.assess_normal(false);
    teach(&mut t, 1..2000, |n| held(n, 4.0));
    t.revert();
    teach(&mut t, 2000..4000, |n| held(n, 4.0));
    assert_eq!(everywhere(&t), before);
    assert!(t.is_frozen());
}

#[test]
fn what_is_real_after_all_teaches_no_more() {
    let mut t = fit(&settings(Strategy::Ewma));
    t.observe(&held(0, 4.0));
    t.assess_normal(false);
    teach(&mut t, 1..2000, |n| held(n, 4.0));
    let taught = everywhere(&t);
    t.assess_real();
    teach(&mut t, 2000..4000, |n| held(n, 4.5));
    assert!(t.is_frozen() && everywhere(&t) == taught);
    assert_eq!(t.journal().last().map(|e| e.why), Some(Change::Frozen));
}

#[test]
fn what_was_taught_by_what_is_real_after_all_is_taken_back() {
    for strategy in adaptive() {
        let mut t = fit(&settings(strategy));
        observe(&mut t, normal(6).take(500));
        t.observe(&held(500, 4.0));
        let (before, state) = (everywhere(&t), t.state());
        t.assess_normal(false);
        assert!(t.learns_everything());
        teach(&mut t, 501..2500, |n| held(n, 4.0));
        assert_ne!(everywhere(&t), before, "{strategy:?}");
        t.assess_real();
        t.take_back(state);
        assert_eq!(everywhere(&t), before, "{strategy:?}");
        assert!(t.is_frozen() && !t.learns_everything());
        assert_eq!(t.journal().last().map(|e| e.why), Some(Change::TakenBack));
    }
}

#[test]
fn what_is_called_normal_before_a_maintenance_or_in_it_is_normal_after_it() {
    for assessed_after in [0, 50] {
        let mut t = fit(&settings(Strategy::Ewma));
        t.observe(&held(0, 4.0));
        for n in 1..100 {
            if n == assessed_after + 1 {
                t.assess_normal(false);
            }
            t.observe(&ThresholdRow { hold: Hold::AlarmInMaintenance, ..row(n, 4.0) });
        }
        assert!(t.is_frozen());
        teach(&mut t, 100..110, |n| held(n, 4.0));
        assert!(!t.is_frozen());
    }
}

#[test]
fn what_was_called_normal_and_ends_in_a_maintenance_says_nothing_of_what_comes_after() {
    let mut t = fit(&settings(Strategy::Ewma));
    t.observe(&held(0, 4.0));
    t.assess_normal(false);
    t.observe(&ThresholdRow { hold: Hold::AlarmInMaintenance, ..row(1, 4.0) });
    t.observe(&ThresholdRow { hold: Hold::Maintenance, ..row(2, 0.1) });
    let before = everywhere(&t);
    teach(&mut t, 3..2000, |n| held(n, 9.0));
    assert!(t.is_frozen() && everywhere(&t) == before);
}

#[test]
fn a_threshold_as_the_release_before_wrote_it_is_read() {
    let t = fit(&settings(Strategy::Ewma));
    let written = serde_json::to_value(&t).unwrap();
    assert!(written.get("strategy").is_some() && written.get("taught").is_some() && written.get("state").is_none());
    assert_eq!(serde_json::from_value::<Threshold>(written).unwrap(), t);
}

#[test]
fn what_is_called_normal_in_the_row_its_alarm_was_raised_in_is_normal() {
    let mut t = fit(&settings(Strategy::Ewma));
    t.observe(&row(0, 4.0));
    assert!(!t.assess_normal(false) && t.assess_normal(true));
    let before = everywhere(&t);
    teach(&mut t, 1..2000, |n| held(n, 4.0));
    assert!(!t.is_frozen() && everywhere(&t) != before);
}
