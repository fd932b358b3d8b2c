//! The codec gives back what it was given, and says so when it can't.

use proptest::prelude::*;

use super::*;

fn sample(time: i64, bits: u64, status: u32) -> Sample {
    Sample { time: Timestamp::from_micros(time), value: f64::from_bits(bits), status: StatusCode(status) }
}

fn bits(samples: &[Sample]) -> Vec<(i64, u64, u32)> {
    samples.iter().map(|s| (s.time.as_micros(), s.value.to_bits(), s.status.0)).collect()
}

fn check(samples: &[Sample]) {
    assert_eq!(bits(&decode(&encode(samples).unwrap()).unwrap()), bits(samples));
}

/// Infinities, both zeros, quiet and signalling NaN with payloads of either sign, and the ends of each range.
const ODD: [u64; 14] = [
    0,
    1 << 63,
    0x7FF0_0000_0000_0000,
    0xFFF0_0000_0000_0000,
    0x7FF8_0000_0000_0000,
    0xFFF8_0000_0000_0000,
    0x7FF0_0000_0000_0001,
    0xFFF0_DEAD_BEEF_0001,
    0x7FFF_FFFF_FFFF_FFFF,
    u64::MAX,
    1,
    0x000F_FFFF_FFFF_FFFF,
    0x7FEF_FFFF_FFFF_FFFF,
    0x3FF0_0000_0000_0000,
];

fn value_bits() -> impl Strategy<Value = u64> {
    prop_oneof![
        any::<u64>(),
        prop::sample::select(ODD.to_vec()),
        (-100_000i64..100_000).prop_map(|n| (n as f64 * 0.01).to_bits()),
        (any::<i32>(), 0i32..12).prop_map(|(n, decimals)| (f64::from(n) / 10f64.powi(decimals)).to_bits()),
    ]
}

/// Forwards, backwards, equal and anywhere.
fn time() -> impl Strategy<Value = i64> {
    prop_oneof![any::<i64>(), 0i64..10, (0i64..1000).prop_map(|n| 1_700_000_000_000_000 + n * 10_000)]
}

fn status() -> impl Strategy<Value = u32> {
    prop_oneof![4 => Just(0), 1 => Just(0x8000_0000), 1 => any::<u32>()]
}

fn samples() -> impl Strategy<Value = Vec<Sample>> {
    prop::collection::vec((time(), value_bits(), status()).prop_map(|(t, v, s)| sample(t, v, s)), 0..600)
}

proptest! {
    #[test]
    fn every_bit_comes_back(samples in samples()) {
        check(&samples);
    }

    #[test]
    fn decimals_come_back(numbers in prop::collection::vec(any::<i64>(), 1..300), shift in 0..60u32, decimals in 0i32..17) {
        let value = |n: i64| ((n >> shift) as f64 / 10f64.powi(decimals)).to_bits();
        check(&(0..).zip(numbers).map(|(t, n)| sample(t, value(n), 0)).collect::<Vec<_>>());
    }

    #[test]
    fn evenly_spaced_times_come_back(first: i64, step: i64, count in 0i64..300) {
        check(&(0..count).map(|n| sample(first.wrapping_add(step.wrapping_mul(n)), 0, 0)).collect::<Vec<_>>());
    }

    #[test]
    fn a_block_cut_short_is_noticed(samples in samples(), cut: prop::sample::Index) {
        let block = encode(&samples).unwrap();
        prop_assert!(decode(&block[..cut.index(block.len())]).is_err());
    }

    #[test]
    fn a_flipped_bit_is_noticed(samples in samples(), place: prop::sample::Index, bit in 0..8u32) {
        let mut block = encode(&samples).unwrap();
        let place = place.index(block.len());
        block[place] ^= 1 << bit;
        prop_assert!(decode(&block).is_err());
    }

    /// The checksum of these is right, as if somebody had meant harm.
    #[test]
    fn any_bytes_are_an_error_or_a_block(mut bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        bytes.insert(0, VERSION);
        if let Ok(samples) = decode(&seal(bytes)) {
            prop_assert!(samples.len() <= MAX_SAMPLES);
        }
    }

    /// A true block with a changed byte and a checksum to match.
    #[test]
    fn a_forged_block_never_panics(samples in samples(), place: prop::sample::Index, byte: u8) {
        let block = encode(&samples).unwrap();
        let mut bytes = unseal(&block).unwrap().to_vec();
        let place = place.index(bytes.len());
        bytes[place] = byte;
        decode(&seal(bytes)).ok();
    }
}

#[test]
fn a_column_of_one_odd_pattern_comes_back() {
    for odd in ODD {
        check(&(0..700).map(|n| sample(n * n, odd, 0)).collect::<Vec<_>>());
        check(
            &(0..700).map(|n| sample(n, if n % 50 == 7 { odd } else { 0x4059_0000_0000_0000 }, 0)).collect::<Vec<_>>(),
        );
    }
}

#[test]
fn what_is_wrong_is_said() {
    let block = encode(&[sample(1, 2, 3)]).unwrap();
    assert_eq!(decode(&[]), Err(BlockError::Empty));
    assert_eq!(decode(&block[..block.len() - 1]), Err(BlockError::Checksum));
    assert_eq!(decode(&[&[9], &block[1..]].concat()), Err(BlockError::Version(9)));
    assert_eq!(decode(&seal(vec![VERSION, 0xFF, 0xFF, 0xFF, 0x7F])), Err(BlockError::Column("count")));
    assert_eq!(encode(&vec![sample(0, 0, 0); MAX_SAMPLES + 1]), Err(BlockError::TooMany(MAX_SAMPLES + 1)));
}

#[test]
fn a_block_of_version_1_is_read() {
    let samples: Vec<_> = (0..300).map(|n| sample(n * n, (n as f64 * 0.5).to_bits(), 0)).collect();
    let mut bytes = vec![VERSION_BITS];
    put_varint(&mut bytes, samples.len() as u64);
    put_times(&mut bytes, &samples).unwrap();
    put_statuses(&mut bytes, &samples);
    bytes.extend(packed(&samples.iter().map(|s| s.value).collect::<Vec<_>>()).unwrap());
    assert_eq!(bits(&decode(&seal(bytes)).unwrap()), bits(&samples));
}

/// A plant's numbers are decimals at an even pace: 1,009 different ones are ten bits, not 160.
#[test]
fn decimals_at_an_even_pace_are_small() {
    let noise = |n: i64| (n * 7919 % 1009) as f64 * 0.001;
    let samples: Vec<_> = (0..4096).map(|n| sample(n * 10_000, (20.0 + noise(n)).to_bits(), 0)).collect();
    let bytes = encode(&samples).unwrap().len();
    assert!(bytes < 4096 * 11 / 8, "{bytes}");
}
