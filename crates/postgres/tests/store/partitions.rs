//! Tables that are kept by time.

use super::*;

const DAY_S: i64 = 86_400;

async fn partitions(schema: &Schema) -> Vec<String> {
    let mut conn = schema.connect().await;
    let names = sqlx::query_scalar(
        "select relname::text from pg_inherits join pg_class on pg_class.oid = inhrelid
         where relnamespace = to_regnamespace(current_schema()) and relkind = 'r' and relname ~ '_[0-9]+$'
         order by 1",
    );
    let names = names.fetch_all(&mut conn).await.unwrap();
    conn.close().await.unwrap();
    names
}

/// A partition is made when a row of its time comes, and goes whole: with what begins in it and ends after it only later.
#[tokio::test]
async fn old_history_goes_by_whole_partitions() {
    let schema = folder();
    let store = open(&schema).await;
    for day in [1, 5, 29, 61] {
        let samples = (0..4_500).map(|s| sample("Tag0", at(day * DAY_S + s * 30), s as f64));
        store.append_samples(samples.collect()).await.unwrap();
        store.append_scores(vec![verdict(at(day * DAY_S), 1.0, 2)]).await.unwrap();
        store.flush().await.unwrap();
        store.seal().await.unwrap();
    }
    let all = ["block_0", "block_2", "score_0", "score_2", "tag_score_0", "tag_score_2"];
    assert_eq!(partitions(&schema).await, all);
    // The last block of the first partition ends after it.
    let at_edge = KeepSince { samples: Some(at(30 * DAY_S)), scores: Some(at(30 * DAY_S)), alarms: None };
    let pruned = store.prune(at_edge).await.unwrap();
    assert_eq!(partitions(&schema).await, ["block_0", "block_1", "block_2", "score_2", "tag_score_2"]);
    assert!(pruned.scores >= 2, "of partitions that were dropped it is said about how many");
    assert_eq!(store.scores(&asset(), EVER.0, EVER.1, ALL).await.unwrap().len(), 1);
    let kept = store.samples(&key("Tag0"), EVER.0, EVER.1, ALL).await.unwrap();
    assert!(kept.first().unwrap().time >= at(30 * DAY_S) && kept.len() as u64 + pruned.samples == 4 * 4_500);
    store.prune(KeepSince { samples: Some(at(61 * DAY_S)), ..at_edge }).await.unwrap();
    assert_eq!(partitions(&schema).await, ["block_2", "score_2", "tag_score_2"]);
    assert_eq!(store.samples(&key("Tag0"), EVER.0, EVER.1, ALL).await.unwrap().len(), 4_500);
}

#[tokio::test]
async fn times_of_no_plant_are_kept_too() {
    let schema = folder();
    let store = open(&schema).await;
    let ends = [Timestamp::from_micros(i64::MIN), at(-1), at(9_000_000_000_000)];
    store.append_samples(ends.iter().map(|time| sample("Tag0", *time, 1.0)).collect()).await.unwrap();
    store.append_scores(ends.iter().map(|time| verdict(*time, 1.0, 1)).collect()).await.unwrap();
    store.flush().await.unwrap();
    store.seal().await.unwrap();
    assert_eq!(store.samples(&key("Tag0"), EVER.0, EVER.1, ALL).await.unwrap().len(), 3);
    assert_eq!(store.scores(&asset(), EVER.0, EVER.1, ALL).await.unwrap().len(), 3);
    assert_eq!(partitions(&schema).await, [""; 0]);
}

/// A dump holds what it reads for as long as it takes: writing goes on, and what is old goes when it is done.
#[tokio::test]
async fn a_dump_holds_up_nothing() {
    let schema = folder();
    let store = open(&schema).await;
    store.append_scores(vec![verdict(at(1), 1.0, 2)]).await.unwrap();
    store.flush().await.unwrap();
    let mut dump = schema.connect().await;
    sqlx::raw_sql("begin; lock table score, tag_score, block in access share mode").execute(&mut dump).await.unwrap();
    store.append_scores(vec![verdict(at(61 * DAY_S), 2.0, 2)]).await.unwrap();
    store.flush().await.unwrap();
    let keep = KeepSince { scores: Some(at(60 * DAY_S)), ..KeepSince::default() };
    assert_eq!(store.prune(keep).await.unwrap().scores, 0);
    assert_eq!(store.scores(&asset(), EVER.0, EVER.1, ALL).await.unwrap().len(), 2);
    sqlx::raw_sql("commit").execute(&mut dump).await.unwrap();
    store.prune(keep).await.unwrap();
    assert_eq!(store.scores(&asset(), EVER.0, EVER.1, ALL).await.unwrap().len(), 1);
}
