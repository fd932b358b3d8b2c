//! The process is killed in the middle of writing.

use std::{
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use super::*;

/// An example that writes for ever; cargo puts it beside the tests.
fn writer(example: &str, folder: &TempDir) -> Child {
    let test = std::env::current_exe().unwrap();
    let built = test.parent().and_then(|deps| deps.parent()).unwrap();
    let example: PathBuf = built.join("examples").join(format!("{example}{}", std::env::consts::EXE_SUFFIX));
    assert!(example.exists(), "run the tests with `cargo test` or `cargo nextest run`, which build examples");
    Command::new(example).arg(folder.path().join("andon.db")).stdout(Stdio::piped()).spawn().unwrap()
}

/// What the writer said before it was killed after `lines` lines; a line cut short was not said.
pub(super) fn killed_after(example: &str, folder: &TempDir, lines: usize) -> Vec<String> {
    let mut child = writer(example, folder);
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut said = Vec::new();
    let mut line = String::new();
    while out.read_line(&mut line).unwrap() > 0 && line.ends_with('\n') {
        said.push(line.trim().to_owned());
        line.clear();
        if said.len() == lines {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    said
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_by_kill_9() {
    for lines in [1, 20, 71, 150] {
        let folder = folder();
        let said = killed_after("acknowledge_loop", &folder, lines);
        assert!(said.len() >= lines);
        let store = open(&folder).await;
        for line in said {
            let (what, number) = line.split_once(' ').unwrap();
            let number: i64 = number.parse().unwrap();
            if what == "flushed" {
                let stored = store.samples(&key("Temperature"), at(number), at(number + 1), ALL).await.unwrap();
                assert_eq!(stored.len(), 100, "{line}");
                continue;
            }
            let (alarm, journal) = store.alarm(AlarmId(number)).await.unwrap().unwrap();
            assert_eq!(journal[0].transition, Transition::Raised, "{line}");
            if what == "acknowledged" {
                assert!(alarm.state.acknowledged && journal[1].transition == Transition::Acknowledged, "{line}");
            }
        }
        // At most the alarm it was busy with is not acknowledged, and the store goes on where it stopped.
        let open = store.open_alarms().await.unwrap();
        assert!(open.iter().filter(|a| !a.state.acknowledged).count() <= 1, "{open:?}");
        let next = store.insert_alarm(alarm(at(1)), Vec::new()).await.unwrap();
        assert_eq!(next.id.0, open.len() as i64 + 1);
    }
}

/// What was flushed is there once, wherever it was on its way from the tail into blocks; what comes after it is whole batches.
#[tokio::test]
async fn sealing_loses_and_doubles_nothing_when_killed() {
    for lines in [2, 3, 4, 9, 21, 33, 60] {
        let folder = folder();
        let said = killed_after("seal_loop", &folder, lines);
        let flushed: usize = said.last().unwrap().strip_prefix("flushed ").unwrap().parse().unwrap();
        let store = open(&folder).await;
        for sealed in [false, true] {
            for tag in (0..40).map(|n| key(&format!("Tag{n}"))) {
                let read = store.samples(&tag, EVER.0, EVER.1, ALL).await.unwrap();
                assert!(read.len() >= flushed && read.len().is_multiple_of(20), "{tag}: {} of {flushed}", read.len());
                let numbers = read.iter().map(|s| (s.time.as_micros() / 10_000, s.value));
                assert!(numbers.eq((0..read.len()).map(|n| (n as i64, n as f64))), "{tag}");
            }
            if !sealed {
                store.seal().await.unwrap();
            }
        }
    }
}
