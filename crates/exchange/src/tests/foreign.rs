//! Files that others wrote.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, DictionaryArray, Float32Array, Float64Array, Int64Array, NullArray, RecordBatch,
    StringArray, TimestampMillisecondArray, TimestampNanosecondArray, TimestampSecondArray, UInt32Array,
    types::Int8Type,
};
use parquet::{
    arrow::ArrowWriter,
    basic::{Compression, GzipLevel, ZstdLevel},
    file::properties::WriterProperties,
};

use super::*;

fn parquet_with(compression: Compression, columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, c)| (n, c, true))).unwrap();
    let properties = WriterProperties::builder().set_compression(compression).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

pub(super) fn parquet(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    parquet_with(Compression::SNAPPY, columns)
}

fn flow(time: &str, times: ArrayRef, values: ArrayRef) -> Vec<(i64, u64)> {
    let (samples, _) = imported(&parquet(vec![(time, times), ("Flow", values)]), &wanted()).unwrap();
    samples.iter().map(|(tag, s)| (s.time.as_micros(), if *tag == 0 { s.value.to_bits() } else { 0 })).collect()
}

#[test]
fn timestamps_of_every_unit_and_seconds_are_times() {
    let us = |s: f64| at(s).as_micros();
    let ones = || Arc::new(Float64Array::from(vec![1.0, 1.0])) as ArrayRef;
    let expected = [(us(1.0), 1f64.to_bits()), (us(0.0), 1f64.to_bits())];
    let times: [ArrayRef; 7] = [
        Arc::new(TimestampSecondArray::from(vec![us(1.0) / 1_000_000, us(0.0) / 1_000_000])),
        Arc::new(TimestampMillisecondArray::from(vec![us(1.0) / 1_000, us(0.0) / 1_000]).with_timezone("+02:00")),
        Arc::new(TimestampNanosecondArray::from(vec![us(1.0) * 1_000 + 999, us(0.0) * 1_000])),
        Arc::new(Float64Array::from(vec![at(1.0).as_secs_f64(), at(0.0).as_secs_f64()])),
        Arc::new(Int64Array::from(vec![us(1.0) / 1_000_000, us(0.0) / 1_000_000])),
        Arc::new(StringArray::from(vec![at(1.0).to_string(), at(0.0).to_string()])),
        Arc::new(UInt32Array::from(vec![1_780_000_001, 1_780_000_000])),
    ];
    for times in times {
        let kind = times.data_type().clone();
        assert_eq!(flow("timestamp", times.clone(), ones()), expected, "{kind}");
        assert_eq!(flow("time", times, ones()), expected, "{kind}");
    }
}

#[test]
fn times_as_databases_write_them_are_times() {
    let s = Timestamp::from_secs(1_581_168_647);
    for text in
        ["2020-02-08T13:30:47Z", "2020-02-08 13:30:47+00", "2020-02-08 13:30:47+00:00", "2020-02-08 14:30:47+01"]
    {
        let (samples, _) = imported(format!("timestamp,Flow\n{text},1\n").as_bytes(), &wanted()).unwrap();
        assert_eq!(samples, [(0, Sample::good(s, 1.0))], "{text}");
    }
}

#[test]
fn numbers_of_every_kind_are_values() {
    let values: [(ArrayRef, [f64; 2]); 6] = [
        (Arc::new(Float32Array::from(vec![Some(0.5), None])), [0.5, f64::NAN]),
        (Arc::new(Int64Array::from(vec![Some(-3), None])), [-3.0, f64::NAN]),
        (Arc::new(BooleanArray::from(vec![Some(true), Some(false)])), [1.0, 0.0]),
        (Arc::new(UInt32Array::from(vec![7, 8])), [7.0, 8.0]),
        (Arc::new(NullArray::new(2)), [f64::NAN, f64::NAN]),
        (
            Arc::new(DictionaryArray::<Int8Type>::new(
                vec![Some(1), None].into(),
                Arc::new(Float64Array::from(vec![0.0, 2.5])),
            )),
            [2.5, f64::NAN],
        ),
    ];
    for (array, expected) in values {
        let kind = array.data_type().clone();
        let times = Arc::new(Int64Array::from(vec![0, 1]));
        let read = flow("timestamp", times, array);
        assert_eq!(read, [(0, expected[0].to_bits()), (1_000_000, expected[1].to_bits())], "{kind}");
    }
}

#[test]
fn every_usual_compression_is_read() {
    let columns = || -> Vec<(&str, ArrayRef)> {
        vec![("timestamp", Arc::new(Int64Array::from(vec![0]))), ("Flow", Arc::new(Int64Array::from(vec![5])))]
    };
    let all = [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(GzipLevel::default()),
        Compression::ZSTD(ZstdLevel::default()),
        Compression::LZ4_RAW,
    ];
    for compression in all {
        let (samples, _) = imported(&parquet_with(compression, columns()), &wanted()).unwrap();
        assert_eq!(samples, [(0, Sample::good(Timestamp::from_secs(0), 5.0))], "{compression}");
    }
}

#[test]
fn a_long_table_of_others_needs_neither_asset_nor_status() {
    let text = |texts: Vec<&str>| Arc::new(StringArray::from(texts)) as ArrayRef;
    let columns = || -> Vec<(&str, ArrayRef)> {
        vec![
            ("value", Arc::new(Float64Array::from(vec![Some(1.0), None, Some(2.0)]))),
            ("tag", text(vec!["Flow", "Flow", TAGS[2]])),
            ("time", Arc::new(Int64Array::from(vec![3, 1, 2]))),
        ]
    };
    let s = Timestamp::from_secs;
    let (samples, contents) = imported(&parquet(columns()), &wanted()).unwrap();
    let plain = [(0, Sample::good(s(3), 1.0)), (0, Sample::good(s(1), f64::NAN)), (2, Sample::good(s(2), 2.0))];
    assert_eq!(bits(&samples), bits(&plain));
    assert_eq!(contents.absent, names(&TAGS[1..2]).into_iter().collect());
    let mut with_quality = columns();
    with_quality.push(("quality", text(vec!["Good", "bad", "Uncertain"])));
    let (samples, _) = imported(&parquet(with_quality), &wanted()).unwrap();
    let judged = [StatusCode::GOOD, StatusCode::BAD, StatusCode::UNCERTAIN];
    assert_eq!(samples.iter().map(|(_, s)| s.status).collect::<Vec<_>>(), judged);
    let signed = Arc::new(arrow_array::Int32Array::from(vec![0, 0x8031_0000u32 as i32, 0x4000_0000]));
    let mut with_status = columns();
    with_status.push(("status", signed));
    let (samples, _) = imported(&parquet(with_status), &wanted()).unwrap();
    let codes = [StatusCode::GOOD, StatusCode::BAD_NO_COMMUNICATION, StatusCode::UNCERTAIN];
    assert_eq!(samples.iter().map(|(_, s)| s.status).collect::<Vec<_>>(), codes);
}

#[test]
fn a_recording_for_fit_is_a_history_too() {
    let text = "\u{feff}timestamp, Flow ,label,mode,Temperature °C\n0,1.5,0,idle,NA\n1.5,,1,run,-2e3\n";
    let (samples, contents) = imported(text.as_bytes(), &wanted()).unwrap();
    let s = |us| Timestamp::from_micros(us);
    let expected = [
        (0, Sample::good(s(0), 1.5)),
        (2, Sample::good(s(0), f64::NAN)),
        (0, Sample::good(s(1_500_000), f64::NAN)),
        (2, Sample::good(s(1_500_000), -2000.0)),
    ];
    assert_eq!(bits(&samples), bits(&expected));
    assert_eq!((contents.rows, contents.skipped.len()), (2, 0));
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut gzip, text.as_bytes()).unwrap();
    assert_eq!(bits(&imported(&gzip.finish().unwrap(), &wanted()).unwrap().0), bits(&expected));
}
