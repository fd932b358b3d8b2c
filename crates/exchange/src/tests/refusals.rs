//! What is wrong with a file is named with its place and the mend.

use std::sync::Arc;

use arrow_array::{ArrayRef, Date32Array, Float64Array, Int64Array, StringArray};

use super::{foreign::parquet, *};

#[track_caller]
fn refused(bytes: &[u8], parts: &[&str]) {
    let said = imported(bytes, &wanted()).unwrap_err();
    for part in parts {
        assert!(said.contains(part), "`{part}` is not in: {said}");
    }
    assert!(said.starts_with("history"), "{said}");
}

#[test]
fn a_line_and_its_column_are_named() {
    refused(b"timestamp,Flow\n0,1\n1,open\n", &["line 3", "`Flow`", "`open`", "leave the cell empty"]);
    refused(b"timestamp,Flow\n0,1\n1,inf\n", &["line 3", "`inf`"]);
    refused(b"timestamp,Flow\nyesterday,1\n", &["line 2", "`timestamp`", "`yesterday`", "RFC 3339"]);
    refused(b"timestamp,Flow\n1780000000000,1\n", &["line 2", "1601 to 9999"]);
    refused(b"timestamp,Flow\n0,1\n1\n", &["line: 3"]);
    refused(b"timestamp,tag,value,status\n0,Flow,1,0x1FFFFFFFF\n", &["line 2", "`status`", "0x80310000"]);
    refused(b"timestamp,tag,value,quality\n0,Flow,1,fine\n", &["line 2", "`quality`", "Uncertain"]);
    refused(b"timestamp,asset,tag,value\n0,Oven,Flow,1\n", &["line 2", "`Oven`", "`Pump, 2`"]);
    refused(b"timestamp,Flow\n", &["no row"]);
    refused(b"", &["no column `timestamp`"]);
    refused(b"timestamp;Flow\n0;1,5\n", &["semicolons"]);
}

#[test]
fn columns_that_are_unknown_are_all_named_or_skipped() {
    let text = b"timestamp,Flow,Flwo,Speed\n0,1,2,x\n";
    refused(text, &["Flwo, Speed", "Pump, 2", "Temperature", "--skip-unknown"]);
    let skipping = Wanted { skip_unknown: true, ..wanted() };
    let (samples, contents) = imported(text, &skipping).unwrap();
    assert_eq!((samples.len(), contents.skipped.len(), contents.absent.len()), (1, 2, 2));
    let long = b"timestamp,tag,value\n0,Flow,1\n1,Flwo,2\n";
    refused(long, &["line 3", "`tag`", "Flwo", "--skip-unknown"]);
    let (samples, contents) = imported(long, &skipping).unwrap();
    assert_eq!((samples.len(), contents.rows, contents.skipped.contains("Flwo")), (1, 2, true));
    refused(b"timestamp,Speed\n0,1\n", &["no column is a tag", "Speed", "Flow"]);
    refused(b"timestamp,Flow,Flow\n0,1,2\n", &["`Flow`", "twice"]);
    let as_long = Wanted { shape: Some(Shape::Long), ..wanted() };
    assert!(imported(b"timestamp,Flow\n0,1\n", &as_long).unwrap_err().contains("as wide"));
}

#[test]
fn parquet_names_its_column_and_row() {
    let times = || Arc::new(Int64Array::from(vec![Some(0), Some(1)])) as ArrayRef;
    let text = |texts: [&str; 2]| Arc::new(StringArray::from(texts.to_vec())) as ArrayRef;
    let with = |columns| parquet(columns);
    refused(&with(vec![("timestamp", times()), ("Flow", text(["a", "b"]))]), &["column `Flow`", "Utf8", "floats"]);
    let days = Arc::new(Date32Array::from(vec![1, 2]));
    refused(&with(vec![("timestamp", days), ("Flow", times())]), &["column `timestamp`", "Date32", "timestamp"]);
    let gap = Arc::new(Int64Array::from(vec![Some(0), None]));
    refused(&with(vec![("timestamp", gap), ("Flow", times())]), &["row 2", "`timestamp`", "null"]);
    let far = Arc::new(Float64Array::from(vec![0.0, 1e30]));
    refused(&with(vec![("timestamp", far), ("Flow", times())]), &["row 2", "1601 to 9999"]);
    let long = |tags, asset, quality: [&str; 2]| {
        let named = [("tag", text(tags)), ("asset", text(asset)), ("quality", text(quality))];
        with([("timestamp", times()), ("value", times())].into_iter().chain(named).collect())
    };
    let (tags, asset, fine) = (["Flow", "Flow"], ["Pump, 2", "Pump, 2"], ["Good", "Good"]);
    assert!(imported(&long(tags, asset, fine), &wanted()).is_ok());
    refused(&long(["Flow", "Speed"], asset, fine), &["row 2", "Speed", "--skip-unknown"]);
    refused(&long(tags, ["Pump, 2", "Oven"], fine), &["row 2", "`asset`", "`Oven`"]);
    refused(&long(tags, asset, ["Good", "so so"]), &["row 2", "`quality`", "`so so`"]);
}

#[test]
fn a_damaged_file_is_an_error_and_no_panic() {
    let samples: Vec<_> = (0..2_000).map(|n| (0, Sample::good(at(f64::from(n)), f64::from(n % 7)))).collect();
    let (bytes, _) = exported(Kind::Parquet, Shape::Long, &samples, 100);
    refused(&bytes[..bytes.len() / 2], &["Parquet"]);
    refused(b"PAR1", &["Parquet"]);
    for place in (4..bytes.len()).step_by(61) {
        let mut bytes = bytes.clone();
        bytes[place] ^= 0x40;
        imported(&bytes, &wanted()).ok();
    }
}
