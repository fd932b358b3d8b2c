//! The drill: the disk fails and the power goes at random moments of a busy store, over and over on the same files. After
//! each, everything that the store had acknowledged is there, nothing is that was never asked for, and the doctor finds nothing.
//!
//! `drill/disk.c` stands between SQLite and the files. Twenty rounds; `ANDON_DRILL_ROUNDS` for more (`make drill`),
//! `ANDON_DRILL_SEED` for others.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a drill that can't be held has failed")]

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use andon_plant::{AlarmId, AssetName, TagKey, TagName, Timestamp, alarm::Transition};
use andon_store::{SeriesQuery, SqliteUrl, Store, examine};
use tokio_util::task::TaskTracker;

const EVER: (Timestamp, Timestamp) = (Timestamp::from_micros(i64::MIN), Timestamp::from_micros(i64::MAX));
const TAGS: i64 = 24;
const ROUND: i64 = 20;
const APART_US: i64 = 600_000_000;

/// What is known of the store from what was said of it, by an independent log.
#[derive(Debug, Default)]
struct Known {
    /// Samples that every tag must have, numbered from 0.
    flushed: i64,
    /// Where what may be missing ends: a full disk sheds the oldest.
    shed_to: Vec<i64>,
    raised: BTreeSet<i64>,
    acknowledged: BTreeSet<i64>,
    /// The times of all alarms that were ever asked for.
    asked: BTreeSet<i64>,
}

impl Known {
    fn hear(&mut self, line: &str) {
        let (what, number) = line.split_once(' ').unwrap();
        let number: i64 = number.parse().unwrap();
        match what {
            "flushed" => self.flushed = number,
            "raising" => drop(self.asked.insert(number)),
            "raised" => drop(self.raised.insert(number)),
            "acknowledged" => drop(self.acknowledged.insert(number)),
            other => panic!("{other}"),
        }
    }
}

#[test]
fn what_was_acknowledged_survives_a_failing_disk_and_power_cuts() {
    let rounds = number("ANDON_DRILL_ROUNDS", 20);
    let mut chance = Chance(number("ANDON_DRILL_SEED", 1));
    let folder = tempfile::tempdir().unwrap();
    let disk = preload(folder.path());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut known = Known { shed_to: vec![0; TAGS as usize], ..Known::default() };
    let mut first = 0;
    for round in 0..rounds {
        let (plan, full) = plan(&mut chance);
        let what = format!("round {round}: {plan}");
        run(&disk, folder.path(), &plan, chance.next(), first, &mut known);
        first = runtime.block_on(compare(folder.path(), &mut known, full, &what));
    }
    assert!(known.flushed > 0 && !known.acknowledged.is_empty(), "the store did something: {known:?}");
    println!("{rounds} rounds, {} samples of each tag and {} alarms acknowledged", known.flushed, known.raised.len());
}

/// A fault, or none, and then the end; whether the fault is a full disk.
fn plan(chance: &mut Chance) -> (String, bool) {
    let at = chance.below(500);
    let fault = ["full", "fail", "short", "sync", "none"][chance.below(5) as usize];
    let count = 1 + chance.below(10);
    let end = if chance.below(2) == 0 { "cut" } else { "tear" };
    // Often soon after the fault, sometimes only after a while: what was flushed falsely would come to light.
    let after = at + count + if chance.below(2) == 0 { chance.below(30) } else { chance.below(900) };
    (format!("{fault}:{at}:{count},{end}:{after}:1"), fault == "full")
}

/// Runs the loop until its power is cut, and hears what it says.
fn run(disk: &Path, folder: &Path, plan: &str, seed: u64, first: i64, known: &mut Known) {
    let child = Command::new(example("drill_loop"))
        .arg(folder.join("andon.db"))
        .arg(first.to_string())
        .env("LD_PRELOAD", disk)
        .env("FAULTS_DIR", folder)
        .env("FAULTS_PLAN", plan)
        .env("FAULTS_SEED", seed.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let out = child.wait_with_output().unwrap();
    let said = String::from_utf8(out.stdout).unwrap();
    said.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')).for_each(|line| known.hear(line));
    // 137 is the cut; 1 where a fault was met while the store was opened.
    let stderr = String::from_utf8_lossy(&out.stderr);
    assert!(matches!(out.status.code(), Some(137 | 1)), "{plan}: {:?} {stderr}", out.status);
}

/// Compares the store with what is known of it; the number of the sample to go on with.
async fn compare(folder: &Path, known: &mut Known, full: bool, what: &str) -> i64 {
    let url = SqliteUrl::at(folder.join("andon.db")).unwrap();
    let store = Store::open(&url, &TaskTracker::new()).await.unwrap();
    let mut ends = BTreeSet::new();
    for tag in 0..TAGS {
        let key = TagKey { asset: AssetName::new("Mixer").unwrap(), tag: TagName::new(&format!("Tag{tag}")).unwrap() };
        let read = store.samples(&key, EVER.0, EVER.1, SeriesQuery::default()).await.unwrap();
        let numbers: Vec<i64> = read.iter().map(|s| s.time.as_micros() / APART_US).collect();
        assert!(
            read.iter().zip(&numbers).all(|(s, n)| s.value == *n as f64),
            "{what}: {key} has what was never stored"
        );
        let from = *numbers.first().unwrap_or(&known.flushed);
        let end = numbers.last().map_or(known.flushed, |last| last + 1);
        assert!(numbers.iter().copied().eq(from..end), "{what}: {key} has a hole between {from} and {end}");
        let shed_to = &mut known.shed_to[tag as usize];
        assert!(from == *shed_to || full && from > *shed_to, "{what}: {key} begins at {from} and not at {shed_to}");
        *shed_to = from;
        assert!(end >= known.flushed, "{what}: {key} ends at {end}, and {} were flushed", known.flushed);
        ends.insert(end);
    }
    assert!(ends.len() == 1 && ends.first().unwrap() % ROUND == 0, "{what}: a batch is there in part: {ends:?}");
    alarms(&store, known, what).await;
    store.close().await;
    let checkup = examine(&url, false, |_, _| Ok(())).await.unwrap();
    assert_eq!((checkup.found, checkup.findings), (0, Vec::new()), "{what}");
    known.flushed = *ends.first().unwrap();
    known.flushed
}

async fn alarms(store: &Store, known: &Known, what: &str) {
    for id in &known.raised {
        let found = store.alarm(AlarmId(*id)).await.unwrap();
        let (alarm, journal) = found.unwrap_or_else(|| panic!("{what}: alarm {id} was raised and is gone"));
        assert_eq!(journal[0].transition, Transition::Raised, "{what}: {id}");
        let acknowledged = alarm.state.acknowledged && journal.iter().any(|e| e.transition == Transition::Acknowledged);
        assert!(acknowledged || !known.acknowledged.contains(id), "{what}: alarm {id} was acknowledged and is not");
    }
    for alarm in store.open_alarms().await.unwrap() {
        assert!(known.asked.contains(&alarm.raised_at.as_micros()), "{what}: nobody raised {alarm:?}");
    }
}

/// The disk that fails, compiled.
fn preload(folder: &Path) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/drill/disk.c");
    let built = folder.join("disk.so");
    let mut cc = Command::new("cc");
    let status = cc.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&built).arg(source).status();
    assert!(status.expect("SQLite was built with `cc`").success());
    built
}

/// An example that cargo has put beside the tests.
fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let built = test.parent().and_then(Path::parent).unwrap().join("examples").join(name);
    assert!(built.exists(), "run the tests with `cargo test` or `cargo nextest run`, which build examples");
    built
}

fn number(key: &str, default: u64) -> u64 {
    std::env::var(key).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{key}={text} is no number")))
}

/// Numbers by chance from a seed (splitmix64).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}
