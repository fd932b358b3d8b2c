use proptest::prelude::*;

use super::*;

fn read(name: &str, text: &str) -> Result<Recording, RecordingError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    std::fs::write(&path, text).unwrap();
    Recording::read_csv(&path)
}

/// The message of a refused file, its folder left out.
fn refused(text: &str) -> String {
    let said = read("line1.csv", text).unwrap_err().to_string();
    said[said.find("line1.csv").unwrap()..].to_owned()
}

#[test]
fn both_kinds_of_time_and_every_kind_of_nothing_are_read() {
    let text = "timestamp,a,b,label,mode\n2026-11-23T20:39:00Z,1,,0,Mix\n1795466341.5,nan,NA,1,Drain\n";
    let recording = read("line1.csv", text).unwrap();
    assert_eq!(recording.asset.as_str(), "line1");
    assert_eq!(
        recording.times,
        ["2026-11-23T20:39:00Z".parse().unwrap(), Timestamp::from_micros(1_795_466_341_500_000)]
    );
    assert_eq!(recording.row(0)[0], 1.0);
    assert!(recording.values[1..].iter().all(|v| v.is_nan()));
    assert_eq!(recording.labels, Some(vec![false, true]));
    assert_eq!(recording.mode_numbers(), Some((vec![0, 1], vec!["Mix", "Drain"])));
}

#[test]
fn a_text_cell_is_refused_with_place_and_mend() {
    assert_eq!(
        refused("timestamp,Torque\n1,2.5\n2,overload\n"),
        "line1.csv, line 3, column `Torque`: `overload` is not a number; write a number, or leave the cell empty where the \
         value is missing"
    );
}

#[test]
fn other_bad_files_are_refused_with_the_way_out() {
    assert_eq!(
        refused("timestamp,a\nyesterday,1\n"),
        "line1.csv, line 2, column `timestamp`: `yesterday` is not a time; write RFC 3339 (2026-11-23T20:39:00Z) or seconds \
         since the epoch"
    );
    assert_eq!(
        refused("timestamp,a,label\n1,1,yes\n"),
        "line1.csv, line 2, column `label`: `yes` is not 0 or 1; write 1 for a row within a fault"
    );
    assert_eq!(
        refused("time,a\n1,1\n"),
        "line1.csv: there is no column `timestamp`; the columns are time, a. Name the column of times `timestamp`"
    );
    assert_eq!(
        refused("timestamp,a\n2,1\n1,1\n"),
        "line1.csv, line 3, column `timestamp`: 1970-01-01T00:00:01Z lies before the row above it; sort the file by time"
    );
    assert_eq!(refused("timestamp,a,a\n1,1,1\n"), "line1.csv: the column `a` is there twice; rename one of them");
    assert!(refused("timestamp,a/b\n1,1\n").ends_with("rename the column"));
    assert!(refused("timestamp,a\n1,inf\n").contains("`inf` is not a number"));
    assert!(refused("timestamp,a\n1\n").contains("line: 2"));
    assert_eq!(
        refused("timestamp,label\n1,0\n"),
        "line1.csv: there is no column of a tag beside `timestamp`; add one column a tag"
    );
    assert_eq!(refused("timestamp,a\n"), "line1.csv: there is no row below the header");
    assert!(Recording::read_csv(Path::new("nowhere.csv")).unwrap_err().to_string().starts_with("nowhere.csv: "));
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_first_name() {
    assert_eq!(read("a.csv", "\u{feff}timestamp,x\n1,2\n").unwrap().values, [2.0]);
}

#[test]
fn the_asset_is_called_as_the_file() {
    assert_eq!(read("valve1.2.csv", "timestamp,x\n1,2\n").unwrap().asset.as_str(), "valve1.2");
}

fn recording() -> impl Strategy<Value = Recording> {
    let cell =
        prop_oneof![8 => any::<f64>().prop_map(|v| if v.is_finite() { v } else { f64::NAN }), 1 => Just(f64::NAN)];
    let row = (1i64..5_000_000, prop::collection::vec(cell, 2), any::<bool>(), 0usize..3);
    prop::collection::vec(row, 1..30).prop_map(|rows| {
        let tags = ["Flow m³ per h", "a,\"b\""].map(|n| Tag::analog(TagName::new(n).unwrap())).to_vec();
        let mut recording = Recording::new(AssetName::new("r").unwrap(), tags);
        let mut time = 1_700_000_000_000_000;
        for (step, values, ..) in &rows {
            time += step;
            recording.push_row(Timestamp::from_micros(time), values);
        }
        recording.labels = Some(rows.iter().map(|r| r.2).collect());
        recording.modes = Some(rows.iter().map(|r| ["Low", "High", ""][r.3].to_owned()).collect());
        recording
    })
}

proptest! {
    /// What is written is read back bit by bit, gzipped or not.
    #[test]
    fn a_recording_survives_the_file(written in recording(), gz in any::<bool>()) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(if gz { "r.csv.gz" } else { "r.csv" });
        written.write_csv(&path).unwrap();
        let read = Recording::read_csv(&path).unwrap();
        let bits = |r: &Recording| r.values.iter().map(|v| if v.is_nan() { None } else { Some(v.to_bits()) }).collect::<Vec<_>>();
        prop_assert_eq!(bits(&read), bits(&written));
        prop_assert_eq!((&read.times, &read.tags, &read.labels), (&written.times, &written.tags, &written.labels));
        prop_assert_eq!(&read.modes, &written.modes);
    }
}
