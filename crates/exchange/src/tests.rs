//! Files as their users see them: written, read back, and written by others.

mod foreign;
mod refusals;

use std::{path::PathBuf, time::Duration};

use andon_plant::{AssetName, Sample, StatusCode, TagName, Timestamp};
use proptest::prelude::*;
use tempfile::TempDir;

use crate::{Contents, Exporter, Format, Import, Kind, Shape, Subject, Wanted, Written, cell::TIMES};

const TAGS: [&str; 3] = ["Flow", "Pressure, \"out\"", "Temperature °C"];

fn names(tags: &[&str]) -> Vec<TagName> {
    tags.iter().map(|t| TagName::new(t).unwrap()).collect()
}

fn subject() -> Subject {
    let asset = AssetName::new("Pump, 2").unwrap();
    let to = Timestamp::from_micros(i64::MAX);
    Subject { asset, tags: names(&TAGS), grid: Duration::from_secs(1), to }
}

fn wanted() -> Wanted {
    Wanted { asset: subject().asset, tags: subject().tags, shape: None, skip_unknown: false }
}

fn at(s: f64) -> Timestamp {
    Timestamp::from_micros(1_780_000_000_000_000 + (s * 1e6).round() as i64)
}

/// A file of `samples`, pushed `piece` at a time.
fn exported(kind: Kind, shape: Shape, samples: &[(usize, Sample)], piece: usize) -> (Vec<u8>, Written) {
    let mut exporter = Exporter::new(kind, shape, &subject()).unwrap();
    let mut bytes = Vec::new();
    for samples in samples.chunks(piece) {
        exporter.push(samples).unwrap();
        bytes.extend(exporter.take());
    }
    let (last, written) = exporter.finish().unwrap();
    bytes.extend(last);
    (bytes, written)
}

fn file(bytes: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history");
    std::fs::write(&path, bytes).unwrap();
    (folder, path)
}

/// The samples of a file, or what is said of it without the folder it lies in.
fn imported(bytes: &[u8], wanted: &Wanted) -> Result<(Vec<(usize, Sample)>, Contents), String> {
    let (folder, path) = file(bytes);
    let said = |e: crate::ImportError| e.to_string().replace(&format!("{}/", folder.path().display()), "");
    let mut import = Import::open(&path, wanted).map_err(said)?;
    let mut all = Vec::new();
    while let Some(piece) = import.next().map_err(said)? {
        all.extend(piece);
    }
    Ok((all, import.contents().clone()))
}

fn bits(samples: &[(usize, Sample)]) -> Vec<(usize, i64, u64, u32)> {
    samples.iter().map(|(tag, s)| (*tag, s.time.as_micros(), s.value.to_bits(), s.status.0)).collect()
}

fn sample() -> impl Strategy<Value = (usize, Sample)> {
    let (first, last) = (TIMES.start().as_micros(), TIMES.end().as_micros());
    let time = prop_oneof![first..=last, 1_780_000_000_000_000..1_780_000_010_000_000i64];
    let special = [f64::NAN, -f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 5e-324, f64::MAX];
    let value = prop_oneof![
        any::<u64>(),
        (0u64..1 << 51).prop_map(|payload| 0x7FF0_0000_0000_0001 | payload),
        prop::sample::select(special.map(f64::to_bits).to_vec()),
        (-1_000i32..1_000).prop_map(|n| (f64::from(n) / 8.0).to_bits()),
    ];
    let status = prop_oneof![Just(0), any::<u32>()];
    (0..TAGS.len(), time, value, status).prop_map(|(tag, time, value, status)| {
        let (time, value) = (Timestamp::from_micros(time), f64::from_bits(value));
        (tag, Sample { time, value, status: StatusCode(status) })
    })
}

proptest! {
    /// Times in any order, statuses of any bits, values of any bits.
    #[test]
    fn long_parquet_brings_every_bit_back(samples in prop::collection::vec(sample(), 1..300), piece in 1usize..300) {
        let (bytes, written) = exported(Kind::Parquet, Shape::Long, &samples, piece);
        let (back, contents) = imported(&bytes, &wanted()).unwrap();
        prop_assert_eq!(bits(&back), bits(&samples));
        prop_assert_eq!((written.rows, contents.samples), (samples.len() as u64, samples.len() as u64));
        prop_assert_eq!(exported(Kind::Parquet, Shape::Long, &back, samples.len()).0, bytes);
    }

    /// The same, but a value that is not finite comes back as the one NaN of an empty cell.
    #[test]
    fn long_csv_brings_every_finite_value_back(samples in prop::collection::vec(sample(), 1..300), piece in 1usize..300) {
        let (bytes, _) = exported(Kind::Csv, Shape::Long, &samples, piece);
        let (back, contents) = imported(&bytes, &wanted()).unwrap();
        let kept = |value: f64| if value.is_finite() { value } else { f64::NAN };
        let kept: Vec<_> = samples.iter().map(|(tag, s)| (*tag, Sample { value: kept(s.value), ..*s })).collect();
        prop_assert_eq!(bits(&back), bits(&kept));
        prop_assert_eq!(contents.first, samples.iter().map(|(_, s)| s.time).min());
        prop_assert_eq!(contents.last, samples.iter().map(|(_, s)| s.time).max());
        prop_assert_eq!(exported(Kind::Csv, Shape::Long, &back, samples.len()).0, bytes);
    }

    /// A wide table that is read and written again is the same table.
    #[test]
    fn a_wide_table_comes_back(
        mut samples in prop::collection::vec((0..TAGS.len(), 0i64..60_000, -9i32..9, any::<bool>()), 1..100),
        kind in prop::sample::select(vec![Kind::Csv, Kind::Parquet]),
    ) {
        samples.sort_by_key(|(_, ms, ..)| *ms);
        let sample = |(tag, ms, value, sound): &(usize, i64, i32, bool)| {
            let time = at(*ms as f64 / 1e3);
            (*tag, if *sound { Sample::good(time, f64::from(*value)) } else { Sample::bad(time, StatusCode::BAD) })
        };
        let samples: Vec<_> = samples.iter().map(sample).collect();
        let (bytes, written) = exported(kind, Shape::Wide, &samples, 7);
        let (back, contents) = imported(&bytes, &wanted()).unwrap();
        prop_assert_eq!((contents.shape, contents.rows), (Shape::Wide, written.rows));
        prop_assert!(exported(kind, Shape::Wide, &back, 11).0 == bytes);
    }
}

#[test]
fn long_csv_reads_as_it_is_documented() {
    let samples = [
        (1, Sample::good(at(0.0), 0.1 + 0.2)),
        (0, Sample::new(at(0.25), -1e300, StatusCode(0x4091_0480))),
        (2, Sample::bad(at(0.250_001), StatusCode::BAD_NO_COMMUNICATION)),
        (2, Sample::good(at(1.0), 7.0)),
    ];
    let text = String::from_utf8(exported(Kind::Csv, Shape::Long, &samples, 1).0).unwrap();
    let expected = "timestamp,asset,tag,value,quality,status\n\
        2026-05-28T20:26:40Z,\"Pump, 2\",\"Pressure, \"\"out\"\"\",0.30000000000000004,Good,0x00000000\n\
        2026-05-28T20:26:40.250Z,\"Pump, 2\",Flow,-1e300,Uncertain,0x40910480\n\
        2026-05-28T20:26:40.250001Z,\"Pump, 2\",Temperature °C,,Bad,0x80310000\n\
        2026-05-28T20:26:41Z,\"Pump, 2\",Temperature °C,7,Good,0x00000000\n";
    assert_eq!(text, expected);
}

/// A value holds until the tag's next one, a Bad sample empties its cell, and after five rows of silence rows stop.
#[test]
fn a_wide_table_has_the_rows_that_the_detector_sees() {
    let samples = [
        (0, Sample::good(at(0.5), 1.0)),
        (1, Sample::good(at(1.0), 2.0)),
        (0, Sample::bad(at(2.5), StatusCode::BAD)),
        (2, Sample::good(at(3.0), 3.0)),
        (0, Sample::good(at(20.0), 4.0)),
    ];
    let (bytes, written) = exported(Kind::Csv, Shape::Wide, &samples, 2);
    let text = String::from_utf8(bytes).unwrap();
    let rows: Vec<String> = text.lines().skip(1).map(|line| line.replace("2026-05-28T20:", "")).collect();
    let expected = [
        "26:41Z,1,2,",
        "26:42Z,1,2,",
        "26:43Z,,2,3",
        "26:44Z,,2,3",
        "26:45Z,,2,3",
        "26:46Z,,2,3",
        "26:47Z,,2,3",
        "26:48Z,,2,3",
        "26:49Z,,,",
        "27:00Z,4,2,3",
    ];
    assert_eq!(rows, expected);
    assert_eq!((written.rows, written.first, written.last), (10, Some(at(1.0)), Some(at(20.0))));
}

#[test]
fn rows_end_before_the_end_that_was_asked_for() {
    let subject = Subject { to: at(2.0), ..subject() };
    let mut exporter = Exporter::new(Kind::Csv, Shape::Wide, &subject).unwrap();
    exporter.push(&[(0, Sample::good(at(0.0), 1.0)), (0, Sample::good(at(1.5), 2.0))]).unwrap();
    assert_eq!(exporter.finish().unwrap().1.last, Some(at(1.0)));
}

#[test]
fn a_tag_that_a_wide_table_would_hide_is_refused() {
    let subject = Subject { tags: names(&["Flow", "mode"]), ..subject() };
    let said = Exporter::new(Kind::Csv, Shape::Wide, &subject).err().unwrap().to_string();
    assert!(said.contains("`mode`") && said.contains("long"), "{said}");
    assert!(Exporter::new(Kind::Csv, Shape::Long, &subject).is_ok());
}

/// Many row groups, written as they fill.
#[test]
fn parquet_is_given_out_while_it_is_written() {
    let mut exporter = Exporter::new(Kind::Parquet, Shape::Long, &subject()).unwrap();
    let (mut bytes, mut pieces) = (Vec::new(), 0);
    for n in 0..30 {
        let sample = |i: i64| (0, Sample::good(at((n * 100_000 + i) as f64), (i % 100) as f64));
        exporter.push(&(0..100_000).map(sample).collect::<Vec<_>>()).unwrap();
        let piece = exporter.take();
        pieces += usize::from(piece.len() > 10_000);
        bytes.extend(piece);
    }
    bytes.extend(exporter.finish().unwrap().0);
    assert!(pieces >= 3, "{pieces}");
    let (_folder, path) = file(&bytes);
    let mut import = Import::open(&path, &wanted()).unwrap();
    let mut largest = 0;
    while let Some(piece) = import.next().unwrap() {
        largest = largest.max(piece.len());
    }
    assert_eq!(import.contents().samples, 3_000_000);
    assert!(largest < 200_000, "{largest}");
    assert_eq!(import.contents().absent, names(&TAGS[1..]).into_iter().collect());
}

#[test]
fn a_name_says_what_is_written() {
    let format = |name: &str| Format::of_name(std::path::Path::new(name));
    assert_eq!(format("a/Pump.CSV").unwrap(), Format { kind: Kind::Csv, gzip: false });
    assert_eq!(format("Pump.csv.gz").unwrap(), Format { kind: Kind::Csv, gzip: true });
    assert_eq!(format("Pump.parquet").unwrap(), Format { kind: Kind::Parquet, gzip: false });
    assert!(format("Pump.xlsx").unwrap_err().to_string().contains(".parquet"));
}
