//! Which process monitors which assets.

use std::{collections::BTreeSet, time::Duration};

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
    one.enter().await.unwrap();
    let again = one.renew().await.unwrap();
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

/// However many renew at the same time, an asset has one owner.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_asset_has_one_owner_whoever_comes_and_goes() {
    let schema = folder();
    join(&schema, "first").await.leave().await.unwrap();
    let runs = (0..5).map(|n| {
        let (url, name) = (postgres(&schema), format!("node{n}"));
        tokio::spawn(async move {
            let all = assets(&["A", "B", "C", "D", "Mixer"]);
            let mut member = Member::join(&url, &name, all).await.unwrap();
            for round in 0..20 {
                match member.renew().await {
                    Ok(share) => {
                        let surplus = share.held.len().saturating_sub(share.fair);
                        member.release(&share.held.into_iter().take(surplus).collect()).await.unwrap();
                    }
                    Err(StoreError::Fenced) => member.enter().await.unwrap(),
                    Err(error) => panic!("{error}"),
                }
                if round % 7 == n {
                    member.leave().await.unwrap();
                    member = Member::join(&url, &name, assets(&["A", "B", "C", "D", "Mixer"])).await.unwrap();
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            member
        })
    });
    let mut members = Vec::new();
    for run in runs.collect::<Vec<_>>() {
        members.push(run.await.unwrap());
    }
    for _ in 0..2 {
        for member in &mut members {
            let share = member.renew().await.unwrap();
            let surplus = share.held.len().saturating_sub(share.fair);
            member.release(&share.held.into_iter().take(surplus).collect()).await.unwrap();
        }
    }
    let mut owned: Vec<AssetName> = Vec::new();
    for member in &mut members {
        owned.extend(member.renew().await.unwrap().held);
    }
    owned.sort();
    assert_eq!(owned, assets(&["A", "B", "C", "D", "Mixer"]).into_iter().collect::<Vec<_>>());
}
