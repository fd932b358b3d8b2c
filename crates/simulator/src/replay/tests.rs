use andon_plant::AssetName;

use super::*;

fn recording(asset: &str, times: &[i64]) -> Recording {
    let mut recording = Recording::new(AssetName::new(asset).unwrap(), vec![Tag::analog(TagName::new("x").unwrap())]);
    for s in times {
        recording.push_row(Timestamp::from_secs(*s), &[*s as f64]);
    }
    recording
}

fn settings(looped: bool, rebase: Option<i64>) -> ReplaySettings {
    ReplaySettings {
        listen: ([127, 0, 0, 1], 0).into(),
        speed: 1.0,
        looped,
        rebase: rebase.map(Timestamp::from_secs),
        pki_dir: PathBuf::new(),
    }
}

/// The first rows played, as (asset, seconds, value).
fn check(recordings: Vec<Recording>, settings: &ReplaySettings, rows: usize) -> Vec<(usize, i64, i64)> {
    let mut playlist = Playlist::new(recordings, settings);
    let taken = std::iter::from_fn(|| Some(playlist.take()).filter(|rows| !rows.is_empty()));
    let rows = taken.flatten().take(rows);
    rows.map(|r| (r.asset, r.time.as_micros() / 1_000_000, r.values[0] as i64)).collect()
}

#[test]
fn recordings_share_one_time_line() {
    let both = vec![recording("a", &[10, 12]), recording("b", &[11, 12])];
    assert_eq!(check(both, &settings(false, None), 9), [(0, 10, 10), (1, 11, 11), (0, 12, 12), (1, 12, 12)]);
}

#[test]
fn rebased_recordings_begin_together() {
    let both = vec![recording("a", &[10, 12]), recording("b", &[500, 501])];
    assert_eq!(check(both, &settings(false, Some(90)), 9), [(0, 90, 10), (1, 90, 500), (1, 91, 501), (0, 92, 12)]);
}

#[test]
fn a_loop_moves_the_times_on_by_one_usual_step() {
    let one = vec![recording("a", &[10, 12, 14])];
    let played = check(one, &settings(true, None), 5);
    assert_eq!(played, [(0, 10, 10), (0, 12, 12), (0, 14, 14), (0, 16, 10), (0, 18, 12)]);
}

#[test]
fn a_label_is_a_tag_of_its_own() {
    let mut labelled = recording("a", &[1, 2]);
    labelled.labels = Some(vec![false, true]);
    assert_eq!(served_asset(&labelled).tags[1].name.as_str(), "label");
    let mut playlist = Playlist::new(vec![labelled], &settings(false, None));
    playlist.take();
    assert_eq!(playlist.take()[0].values, [2.0, 1.0]);
}

#[test]
fn two_recordings_of_one_asset_are_refused() {
    let said = check_names(&[recording("a", &[1]), recording("a", &[2])]).unwrap_err().to_string();
    assert!(said.contains("asset `a`") && said.contains("rename one of the files"), "{said}");
}
