//! Which process monitors which assets.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use andon_postgres::{Member, open_member};

use super::*;

fn assets(names: &[&str]) -> BTreeSet<AssetName> {
    names.iter().map(|name| AssetName::new(name).unwrap()).collect()
}

async fn join(schema: &Schema, name: &str) -> Member {
    schema.connect().await.close().await.unwrap();
    Member::join(&postgres(schema), name, assets(&["A", "B", "C", "D", "Mixer"])).await.unwrap()
}

/// As if nothing had been heard of a process for so long.
async fn silent(schema: &Schema, name: &str) {
    let sql = format!("update node set seen_at = seen_at - interval '6 s' where name = '{name}'");
    change(schema, "node", sql).await;
}

#[tokio::test]
async fn two_processes_have_about_half_each_and_the_rest_of_one_that_leaves() {
    let schema = folder();
    let mut one = join(&schema, "one").await;
    let first = one.renew().await.unwrap();
    assert_eq!((first.held.len(), first.fair, first.nodes), (5, 5, 1));
    let mut two = join(&schema, "two").await;
    let none = two.renew().await.unwrap();
    assert_eq!((none.held.len(), none.fair, none.nodes), (0, 3, 2), "all are taken");
    assert_eq!(one.renew().await.unwrap().fair, 3);
    one.release(&assets(&["A", "B"])).await.unwrap();
    assert_eq!(two.renew().await.unwrap().held, assets(&["A", "B"]));
    assert_eq!(one.renew().await.unwrap().held, assets(&["C", "D", "Mixer"]));
    one.leave().await.unwrap();
    assert_eq!(two.renew().await.unwrap().held, first.held);
}

#[tokio::test]
async fn one_that_is_taken_for_dead_writes_no_more() {
    let schema = folder();
    let mut one = join(&schema, "one").await;
    one.renew().await.unwrap();
    let store = open_member(&postgres(&schema), "one", &TaskTracker::new()).await.unwrap();
    let raised = store.insert_alarm(alarm(at(1)), Vec::new()).await.unwrap();
    silent(&schema, "one").await;
    let mut two = join(&schema, "two").await;
    assert_eq!(two.renew().await.unwrap().held.len(), 5);
    assert!(matches!(store.insert_alarm(alarm(at(2)), Vec::new()).await, Err(StoreError::Fenced)));
    assert!(matches!(store.put_state("Mixer/threshold", &1).await, Err(StoreError::Fenced)));
    assert_eq!(store.open_alarms().await.unwrap(), [raised]);
    assert!(matches!(one.renew().await, Err(StoreError::Fenced)));
    assert!(Member::join(&postgres(&schema), "two", assets(&["A"])).await.is_err(), "a name is used once");
    let again = join(&schema, "three").await.renew().await.unwrap();
    assert_eq!((again.held.len(), again.fair, again.nodes), (0, 3, 2));
}

/// A process that stopped in the middle of a transaction is not waited for: the server ends it.
#[tokio::test]
async fn one_that_stands_still_in_a_transaction_is_taken_over_from() {
    let schema = folder();
    join(&schema, "one").await.renew().await.unwrap();
    let mut still = schema.connect().await;
    let begin =
        "set idle_in_transaction_session_timeout = '1s'; begin; select 1 from node where name = 'one' for key share";
    sqlx::raw_sql(begin).execute(&mut still).await.unwrap();
    let mut meddling = schema.connect().await;
    let long_ago = "update node set seen_at = seen_at - interval '6 s' where name = 'one'";
    sqlx::raw_sql(long_ago).execute(&mut meddling).await.unwrap();
    let mut two = join(&schema, "two").await;
    assert_eq!(two.renew().await.unwrap().held.len(), 5);
    assert!(sqlx::raw_sql("commit").execute(&mut still).await.is_err());
}

/// However many come, renew, release and leave at the same time: what one says it owns, no other does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_asset_has_one_owner_whoever_comes_and_goes() {
    let schema = folder();
    join(&schema, "first").await.leave().await.unwrap();
    let claims: Claims = Claims::default();
    let runs = (0..5).map(|n| {
        let (url, claims) = (postgres(&schema), claims.clone());
        tokio::spawn(async move {
            for life in 0..4 {
                let name = format!("node{n}.{life}");
                let all = assets(&["A", "B", "C", "D", "Mixer"]);
                let mut member = Member::join(&url, &name, all).await.unwrap();
                for _ in 0..5 {
                    let share = member.renew().await.unwrap();
                    claim(&claims, &name, &share.held);
                    let surplus = share.held.iter().skip(share.fair).cloned().collect();
                    give_back(&claims, &name, &surplus);
                    member.release(&surplus).await.unwrap();
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                let held =
                    claims.lock().unwrap().iter().filter(|(_, of)| **of == name).map(|(a, _)| a.clone()).collect();
                give_back(&claims, &name, &held);
                member.leave().await.unwrap();
            }
        })
    });
    for run in runs.collect::<Vec<_>>() {
        run.await.unwrap();
    }
    assert!(claims.lock().unwrap().is_empty());
}

/// Who says that an asset is theirs.
type Claims = Arc<Mutex<BTreeMap<AssetName, String>>>;

fn claim(claims: &Claims, name: &str, held: &BTreeSet<AssetName>) {
    let mut claims = claims.lock().unwrap();
    for asset in held {
        let before = claims.insert(asset.clone(), name.to_owned());
        assert!(before.as_deref().is_none_or(|before| before == name), "{asset} of {name} is {before:?}'s");
    }
}

fn give_back(claims: &Claims, name: &str, assets: &BTreeSet<AssetName>) {
    let mut claims = claims.lock().unwrap();
    for asset in assets {
        assert_eq!(claims.remove(asset).as_deref(), Some(name));
    }
}
