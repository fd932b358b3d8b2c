use andon_plant::TagKind;

use super::*;
use crate::faults::Partner;

fn rows(seed: u64, rows: usize) -> Vec<PlantRow> {
    let mut plant = SimulatedPlant::new(seed, Timestamp::from_secs(1_000));
    (0..rows).map(|_| plant.step()).collect()
}

#[test]
fn the_same_seed_gives_the_same_rows_and_another_seed_others() {
    assert_eq!(rows(7, 500), rows(7, 500));
    assert_ne!(rows(7, 50), rows(8, 50));
}

#[test]
fn the_start_only_names_the_times() {
    let mut early = SimulatedPlant::new(7, Timestamp::from_secs(0));
    let mut late = SimulatedPlant::new(7, Timestamp::from_secs(86_400));
    for _ in 0..200 {
        assert_eq!(early.step().assets, late.step().assets);
    }
    assert_eq!(late.next_time(), Timestamp::from_secs(86_600));
}

#[test]
fn every_mode_is_visited_and_shown_by_the_mode_tag() {
    let rows = rows(3, 7200);
    for (ix, asset) in SimulatedPlant::new(3, Timestamp::default()).assets().iter().enumerate() {
        let state = asset.tag_index(MODE_TAG).unwrap();
        for row in &rows {
            assert_eq!(row.assets[ix].values[state], row.assets[ix].mode as f64);
        }
        for mode in 0..asset.modes.len() {
            let share = rows.iter().filter(|r| r.assets[ix].mode == mode).count() as f64 / rows.len() as f64;
            assert!(share > 0.1, "{} is in {} for {share} of the time", asset.name, asset.modes[mode]);
        }
    }
}

#[test]
fn values_stay_well_within_their_ranges() {
    for asset in ["Mixer", "Pump", "Oven"] {
        let plant = SimulatedPlant::new(5, Timestamp::default());
        for tag in plant.profile(asset).unwrap().tags.iter().filter(|t| !t.discrete) {
            let range = tag.range.unwrap();
            assert!(
                tag.normal.0 > range.low() && tag.normal.1 < range.high(),
                "{asset}.{}: {:?}",
                tag.name,
                tag.normal
            );
        }
    }
}

#[test]
fn every_tag_is_lively_and_has_a_partner() {
    let plant = SimulatedPlant::new(1, Timestamp::default());
    for asset in plant.assets() {
        let profile = plant.profile(&asset.name).unwrap();
        for (tag, plate) in profile.tags.iter().zip(&asset.tags).filter(|(_, t)| t.kind == TagKind::Analog) {
            let correlation = tag.partner.map_or(0.0, |Partner { correlation, .. }| correlation.abs());
            println!(
                "{:7} {:20} deviation {:8.4} {:6} levels {:8.2?} partner {:20} {:.2}",
                asset.name.as_str(),
                tag.name.as_str(),
                tag.deviation,
                plate.unit,
                tag.levels,
                tag.partner.map_or("-", |p| profile.tags[p.tag].name.as_str()),
                correlation
            );
            assert!(correlation > 0.4, "{}.{} goes with nothing", asset.name, tag.name);
        }
    }
}

/// Noise at least 30 dB below what a tag does over all modes, and 14 dB below what it does within one.
#[test]
fn instruments_are_quiet() {
    let rows = rows(11, 7200);
    for (ix, machine) in Machine::all().iter().enumerate() {
        let profile = &profiles()[ix];
        for (tag, plate) in machine.nameplate().tags.iter().enumerate().filter(|(_, p)| p.kind == TagKind::Analog) {
            let values: Vec<f64> = rows.iter().map(|r| r.assets[ix].values[tag]).collect();
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let deviation = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt();
            let decibels = |signal: f64| 20.0 * (signal / plate.sensor.noise).log10();
            println!(
                "{:20} {:5.1} dB over all, {:5.1} dB within a mode",
                plate.name,
                decibels(deviation),
                decibels(profile.tags[tag].deviation)
            );
            assert!(decibels(deviation) > 30.0, "{}: {:.1} dB", plate.name, decibels(deviation));
            assert!(decibels(profile.tags[tag].deviation) > 14.0, "{}", plate.name);
        }
    }
}

#[test]
fn each_kind_befalls_the_usual_tag_of_each_asset() {
    let mut plant = SimulatedPlant::new(1, Timestamp::from_secs(0));
    for asset in plant.assets().to_vec() {
        for kind in FaultKind::ALL {
            let active = plant.inject(&FaultRequest::usual(asset.name.clone(), kind)).unwrap();
            assert_eq!(Some(active.tag.as_str()), kind.usual_tag(&asset.name));
            assert_eq!(active.end, Timestamp::from_secs(60));
            assert_eq!(active.partner.is_some(), kind == FaultKind::Leak);
        }
    }
    assert_eq!(plant.faults().len(), 21);
    assert_eq!(plant.clear(Some(&AssetName::new("Pump").unwrap())), 7);
    assert_eq!(plant.clear(None), 14);
    assert!(plant.faults().is_empty());
}

#[test]
fn a_fault_leaves_everything_else_as_it_was() {
    for kind in FaultKind::ALL {
        let mut healthy = SimulatedPlant::new(9, Timestamp::from_secs(0));
        let mut faulty = SimulatedPlant::new(9, Timestamp::from_secs(0));
        for _ in 0..100 {
            assert_eq!(healthy.step(), faulty.step());
        }
        let request =
            FaultRequest { duration_s: Some(20.0), ..FaultRequest::usual(AssetName::new("Pump").unwrap(), kind) };
        let active = faulty.inject(&request).unwrap();
        let pump = &faulty.assets()[1];
        let touched: Vec<usize> = [Some(&active.tag), active.partner.as_ref()]
            .into_iter()
            .flatten()
            .filter_map(|t| pump.tag_index(t))
            .collect();
        for at in 100..200 {
            let (good, bad) = (healthy.step(), faulty.step());
            assert_eq!(bad.assets[1].label, (100..120).contains(&at), "{kind} at {at}");
            for asset in 0..3 {
                for (tag, (good, bad)) in good.assets[asset].values.iter().zip(&bad.assets[asset].values).enumerate() {
                    let may_differ = asset == 1 && touched.contains(&tag) && (100..120).contains(&at);
                    assert!(good == bad || may_differ, "{kind} at {at}: tag {tag} of asset {asset}");
                }
            }
        }
        assert!(faulty.faults().is_empty(), "{kind} is over");
    }
}

#[test]
fn what_is_not_there_is_refused_by_name() {
    let mut plant = SimulatedPlant::new(1, Timestamp::from_secs(0));
    let mut said = |asset: &str, body: &str| {
        let request: FaultRequest = serde_json::from_str(&format!(r#"{{"asset": "{asset}", {body}}}"#)).unwrap();
        plant.inject(&request).unwrap_err().to_string()
    };
    assert_eq!(said("Press", r#""kind": "spike""#), "there is no asset `Press`; the assets are Mixer, Pump, Oven");
    assert_eq!(
        said("Pump", r#""kind": "spike", "tag": "Colour""#),
        "asset `Pump` has no tag `Colour`; its tags are Flow, SuctionPressure, DischargePressure, Speed, MotorCurrent, \
         Vibration, BearingTemperature, State"
    );
    assert_eq!(
        said("Mixer", r#""kind": "drift", "tag": "InletOpen""#),
        "tag `InletOpen` can't carry a drift fault: it is on or off; only stuck and contextual befall a switch"
    );
    assert_eq!(
        said("Mixer", r#""kind": "stuck", "tag": "State""#),
        "tag `State` can't carry a stuck fault: it names the operating mode, which is the truth faults are labelled by"
    );
    assert!(said("Mixer", r#""kind": "spike", "magnitude": 0"#).starts_with("magnitude 0 is refused"));
    assert!(said("Mixer", r#""kind": "spike", "duration_s": -1"#).starts_with("duration_s -1 is refused"));
    assert!(said("Mixer", r#""kind": "spike", "duration_s": 1e300"#).contains("at most 604800"));
}

#[test]
fn a_request_is_the_contracts_body() {
    let body = r#"{"asset":"Mixer","kind":"out_of_range","tag":"Level","magnitude":4.0,"duration_s":30.0}"#;
    let request: FaultRequest = serde_json::from_str(body).unwrap();
    assert_eq!(serde_json::to_string(&request).unwrap(), body);
    let unknown =
        serde_json::from_str::<FaultRequest>(r#"{"asset": "Mixer", "kind": "gremlin"}"#).unwrap_err().to_string();
    assert!(unknown.contains("unknown variant `gremlin`") && unknown.contains("`out_of_range`"), "{unknown}");
    assert!(serde_json::from_str::<FaultRequest>(r#"{"asset": "Mixer", "kind": "spike", "size": 3}"#).is_err());
}

#[test]
fn there_is_a_most_of_faults() {
    let mut plant = SimulatedPlant::new(1, Timestamp::from_secs(0));
    let request = FaultRequest::usual(AssetName::new("Oven").unwrap(), FaultKind::Drift);
    for _ in 0..MOST_FAULTS {
        plant.inject(&request).unwrap();
    }
    assert_eq!(plant.inject(&request), Err(FaultError::TooMany { limit: MOST_FAULTS }));
}

#[test]
fn a_recording_is_labelled_where_its_faults_are() {
    let fault = |at_row, rows, kind| ScheduledFault { at_row, rows, kind, tag: None, magnitude: None };
    let faults = [fault(50, 10, FaultKind::Spike), fault(90, 5, FaultKind::Leak)];
    let start = Timestamp::from_secs(1_700_000_000);
    let recording = record(4, "Oven", start, 100, &faults).unwrap();
    let labelled: Vec<usize> =
        recording.labels.as_ref().unwrap().iter().enumerate().filter(|(_, l)| **l).map(|(at, _)| at).collect();
    assert_eq!(labelled, (50..60).chain(90..95).collect::<Vec<_>>());
    assert_eq!(recording.rows(), 100);
    assert_eq!(recording.times[99], start.after(Duration::from_secs(99)));
    assert!(recording.modes.unwrap().iter().all(|m| ["Idle", "Bake", "Changeover"].contains(&m.as_str())));
    assert!(record(4, "Ofen", start, 1, &[]).is_err());
}
