use super::*;

fn report(free_mb: u64, full_in_days: Option<u64>) -> SpaceReport {
    SpaceReport {
        state: SpaceState::Enough,
        disk_bytes: 100_000 * MB,
        free_bytes: free_mb * MB,
        reusable_bytes: 0,
        keep_free_bytes: 1_000 * MB,
        full_in: full_in_days.map(|days| Duration::from_secs(days * 86_400)),
        reserve: true,
    }
}

#[test]
fn a_size_is_bytes_or_a_share_and_at_most_half_of_the_disk() {
    let keep = |text: &str| text.parse::<KeepFree>();
    assert_eq!(keep("1.5GB"), Ok(KeepFree::Bytes(1_500 * MB)));
    assert_eq!(keep("5%"), Ok(KeepFree::Share(0.05)));
    for text in ["", "5", "GB", "-5GB", "5 GB left", "1e3GB", "5gb", "1..5GB"] {
        assert!(keep(text).unwrap_err().starts_with("is not a size"), "{text}");
    }
    for text in ["15MB", "101TB", "0%", "51%"] {
        assert!(keep(text).unwrap_err().starts_with("must be from"), "{text}");
    }
    assert_eq!(KeepFree::Bytes(1_000 * MB).of(1_000 * MB), 500 * MB);
    assert_eq!(KeepFree::Share(0.05).of(1_000 * MB), 50 * MB);
    assert_eq!((KeepFree::Unsaid.of(1_000_000 * MB), KeepFree::Unsaid.of(1_000 * MB)), (512 * MB, 50 * MB));
}

#[test]
fn a_warning_comes_a_week_before_or_at_twice_of_what_stays_free() {
    let judged = |free_mb, days| report(free_mb, days).judge(SpaceState::Enough);
    assert_eq!(judged(50_000, None), SpaceState::Enough);
    assert_eq!(judged(50_000, Some(8)), SpaceState::Enough);
    assert_eq!(judged(50_000, Some(6)), SpaceState::Low);
    assert_eq!(judged(1_999, None), SpaceState::Low);
    assert_eq!(judged(999, None), SpaceState::Shedding);
    assert_eq!(report(1_001, None).judge(SpaceState::Shedding), SpaceState::Shedding);
    assert_eq!(report(1_251, None).judge(SpaceState::Shedding), SpaceState::Low);
}

#[test]
fn what_is_left_is_reckoned_from_how_fast_it_went() {
    let mut trend = Trend::default();
    let at = |minutes: i64| Timestamp::from_secs(minutes * 60);
    // 10 MB an hour.
    for minutes in (0..=50).step_by(10) {
        trend.note(at(minutes), 1_000 * MB - minutes as u64 * MB / 6);
    }
    assert_eq!(trend.falls_to(500 * MB), None, "less than an hour is no trend");
    trend.note(at(60), 990 * MB);
    assert_eq!(trend.falls_to(500 * MB), Some(Duration::from_secs(49 * 3_600)));
    assert_eq!(trend.falls_to(995 * MB), Some(Duration::ZERO));
    trend.note(at(70), 1_000 * MB);
    assert_eq!(trend.falls_to(500 * MB), None, "it does not get less");
}

#[test]
fn a_reserve_is_as_large_as_it_says_and_is_given_up_once() {
    let folder = tempfile::tempdir().unwrap();
    let reserve = Reserve::beside(&folder.path().join("andon.db"), 6_000_000);
    assert!(!reserve.is_there() && !reserve.release());
    reserve.make().unwrap();
    assert_eq!(std::fs::metadata(folder.path().join("andon.reserve")).unwrap().len(), 3_000_000);
    assert!(reserve.release() && !reserve.release());
}
