//! What is about a server: several processes on one database, and connections that are lost.

use std::time::Duration;

use super::*;

/// What an error says, in which no password may be.
async fn said(url: &str) -> String {
    let said = try_open(url, &TaskTracker::new()).await.unwrap_err().to_string();
    assert!(!said.contains("secret"), "{said}");
    said
}

#[tokio::test]
async fn a_server_that_can_not_be_used_is_named_without_a_password() {
    let unreachable = said("postgres://andon:secret@127.0.0.1:1/andon").await;
    assert!(unreachable.contains("postgres://...@127.0.0.1:1/andon can't be used"), "{unreachable}");
    let (_, server) = server().split_once('@').map(|(user, place)| (user.to_owned(), place.to_owned())).unwrap();
    let refused = said(&format!("postgres://nobody:secret@{server}")).await;
    assert!(refused.contains("nobody"), "{refused}");
}

#[tokio::test]
async fn tables_of_a_newer_version_are_refused_and_left_alone() {
    let schema = folder();
    open(&schema).await.close().await;
    let newer = "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
                 values (9999, 'later', true, '\\x00', 0)";
    change(&schema, "_sqlx_migrations", newer.to_owned()).await;
    let error = try_open(&schema.url(), &TaskTracker::new()).await.unwrap_err().to_string();
    assert!(error.contains("newer version") && error.contains("9999"), "{error}");
}

/// Ends every connection of a store, as a restart of the server does.
async fn cut(schema: &Schema) {
    let mut conn = schema.connect().await;
    let sql = "select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name = $1";
    let _: i64 = sqlx::query_scalar(sql).bind(&schema.name).fetch_one(&mut conn).await.unwrap();
    conn.close().await.unwrap();
}

/// Nothing acknowledged is lost or there twice when connections are cut in the middle of commits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_lost_connections_once() {
    let schema = folder();
    let store = open(&schema).await;
    let raising = tokio::spawn({
        let store = store.clone();
        async move {
            let mut raised = Vec::new();
            for s in 0..300 {
                store.append_samples(vec![sample("Tag0", at(s), s as f64)]).await.unwrap();
                let alarm = store.insert_alarm(alarm(at(s)), vec![entry(at(s), Transition::Raised)]).await.unwrap();
                raised.push((alarm.id, alarm.raised_at));
            }
            raised
        }
    });
    while !raising.is_finished() {
        tokio::time::sleep(Duration::from_millis(40)).await;
        cut(&schema).await;
    }
    let raised = raising.await.unwrap();
    store.flush().await.unwrap();
    assert!(store.stats().main.retries > 0, "connections were cut");
    store.close().await;
    let store = open(&schema).await;
    let open: Vec<_> = store.open_alarms().await.unwrap().iter().map(|a| (a.id, a.raised_at)).collect();
    assert_eq!(open, raised);
    assert_eq!(store.samples(&key("Tag0"), EVER.0, EVER.1, ALL).await.unwrap().len(), 300);
}

/// Two processes write to the same tags at the same time, and seal: every sample is there once, in order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_stores_on_one_database_lose_nothing() {
    let schema = folder();
    let stores = [open(&schema).await, open(&schema).await];
    let writers = stores.iter().cloned().enumerate().map(|(which, store)| {
        tokio::spawn(async move {
            for n in 0..40 {
                let times = (0..50).map(|s| 2 * (n * 50 + s) + which as i64);
                let samples = times.map(|s| sample(&format!("Tag{}", s % 3), at(s), s as f64));
                store.append_samples(samples.collect()).await.unwrap();
                store.flush().await.unwrap();
                if n % 10 == 9 {
                    store.seal().await.unwrap();
                }
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    for store in &stores {
        let mut all = Vec::new();
        for tag in ["Tag0", "Tag1", "Tag2"] {
            let samples = store.samples(&key(tag), EVER.0, EVER.1, ALL).await.unwrap();
            assert!(samples.is_sorted_by(|a, b| a.time < b.time));
            all.extend(samples.iter().map(|s| s.value as i64));
        }
        all.sort_unstable();
        assert_eq!(all, (0..4_000).collect::<Vec<_>>());
    }
}

/// A process that stood still in a transaction finds it ended, and writes it once more.
#[tokio::test]
async fn what_was_waiting_when_the_process_stood_still_is_written_once() {
    let schema = folder();
    let store = open(&schema).await;
    let first = store.insert_alarm(alarm(at(1)), Vec::new()).await.unwrap();
    // The same error as from a process that the system did not let run for four seconds.
    refuse_with(&schema, "alarm", "25P03").await;
    let waiting = tokio::spawn({
        let store = store.clone();
        async move { store.insert_alarm(alarm(at(2)), Vec::new()).await }
    });
    while store.stats().main.retries == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    allow(&schema, "alarm").await;
    let second = waiting.await.unwrap().unwrap();
    let open: Vec<_> = store.open_alarms().await.unwrap().iter().map(|a| a.id).collect();
    assert_eq!(open, [first.id, second.id]);
}

async fn refuse_with(schema: &Schema, table: &str, code: &str) {
    let sql = format!(
        "create function no() returns trigger language plpgsql as $$ begin raise sqlstate '{code}'; end $$;
         create trigger no before insert on {table} for each row execute function no()"
    );
    change(schema, table, sql).await;
}
