//! What is asked once: browse, probe, history.

use andon_plant::{Range, SystemClock, TagKind, Timestamp};
use andon_ua_client::{Identity, Security, UaError, browse, probe, read_history};
use opcua::types;
use tokio_util::sync::CancellationToken;

use crate::{
    plc::{Plc, Setup, URI},
    words::{subscribed, tags},
};

fn never() -> CancellationToken {
    CancellationToken::new()
}

#[tokio::test(flavor = "multi_thread")]
async fn browse_tells_type_unit_and_range_and_skips_the_server_object() {
    let setup = Setup::new().await;
    let _plc = Plc::start(&setup).await;
    let source = subscribed(setup.endpoint());
    let mut found = browse(&source, None, &never()).await.unwrap();
    found.retain(|t| t.node.to_string().contains(URI));
    found.sort_by(|a, b| a.path.cmp(&b.path));
    let told: Vec<_> =
        found.iter().map(|t| (t.path.join("/"), t.data_type.as_str(), t.kind, t.unit.as_str())).collect();
    let line = |name: &str, data_type, kind, unit| (format!("Line/{name}"), data_type, kind, unit);
    assert_eq!(
        told,
        [
            line("A", "Double", Some(TagKind::Analog), ""),
            line("B", "Double", Some(TagKind::Analog), ""),
            line("Level", "Float", Some(TagKind::Analog), "mm"),
            line("On", "Boolean", Some(TagKind::Boolean), ""),
            line("T", "String", None, ""),
        ]
    );
    assert_eq!(found[2].range, Some(Range::new(0.0, 100.0).unwrap()));
    assert_eq!(found[0].node.to_string(), format!("nsu={URI};s=A"));

    let under = format!("nsu={URI};s=Line").parse().unwrap();
    let below = browse(&source, Some(&under), &never()).await.unwrap();
    assert_eq!(below.iter().filter(|t| t.path == ["A"]).count(), 1);
    assert_eq!(below.len(), 5);

    let gone = format!("nsu={URI};s=Gone").parse().unwrap();
    let said = browse(&source, Some(&gone), &never()).await.unwrap_err().to_string();
    assert!(said.contains(&format!("has no node nsu={URI};s=Gone")), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn probe_says_of_each_tag_whether_it_reads_as_a_number() {
    let setup = Setup::new().await;
    let plc = Plc::start(&setup).await;
    plc.good("A", 2.5, 100);
    let source = subscribed(setup.endpoint());
    let answers = probe(&source, &tags(&["A", "T", "Gone"]), &SystemClock, &never()).await.unwrap();
    assert_eq!(answers[0].1.as_ref().unwrap().value, 2.5);
    let said: Vec<_> = answers[1..].iter().map(|(key, answer)| (&*key.tag, answer.clone().unwrap_err())).collect();
    let faults = [("T", "its value is text, not a number"), ("Gone", "the server has no such node")];
    assert_eq!(said, faults.map(|(tag, message)| (tag, message.to_owned())));
}

#[tokio::test(flavor = "multi_thread")]
async fn history_of_a_server_without_history_is_a_clear_error() {
    let setup = Setup::new().await;
    let _plc = Plc::start(&setup).await;
    let (from, to) = (Timestamp::from_secs(0), Timestamp::from_secs(10));
    let source = subscribed(setup.endpoint());
    let error = read_history(&source, &tags(&["A"]), from, to, &SystemClock, &never()).await.unwrap_err();
    assert!(matches!(error, UaError::NoHistory { .. }), "{error:?}");
    let said = error.to_string();
    assert!(said.contains("keeps no history of Line/A (nsu=urn:test:plc;s=A)"), "{said}");
    assert_eq!(read_history(&source, &[], from, to, &SystemClock, &never()).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_does_not_offer_is_named() {
    let setup = Setup::new().await;
    let plc = Plc::start(&setup).await;
    plc.set("A", 1.0, Timestamp::from_secs(1), types::StatusCode::Good);
    let pki = tempfile::tempdir().unwrap();
    let mut source = subscribed(setup.endpoint());
    source.pki_dir = pki.path().to_owned();
    source.security = "Basic256Sha256/SignAndEncrypt".parse().unwrap();
    let said = probe(&source, &tags(&["A"]), &SystemClock, &never()).await.unwrap_err().to_string();
    assert!(said.contains("no endpoint with security Basic256Sha256/SignAndEncrypt; it offers None"), "{said}");
    source.security = Security::None;
    source.identity = Identity::UserName { user: "ann".into(), password: "secret".into() };
    let said = probe(&source, &tags(&["A"]), &SystemClock, &never()).await.unwrap_err().to_string();
    assert!(said.contains("does not take a user name and password") && !said.contains("secret"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn asking_can_be_called_off() {
    let setup = Setup::new().await;
    let cancel = CancellationToken::new();
    cancel.cancel();
    let error = probe(&subscribed(setup.endpoint()), &tags(&["A"]), &SystemClock, &cancel).await.unwrap_err();
    assert!(matches!(error, UaError::Cancelled), "{error:?}");
}

#[test]
fn every_question_can_be_asked_from_a_spawned_task() {
    fn check(_: impl Future + Send) {}
    let source = subscribed("opc.tcp://127.0.0.1:1/".into());
    let (cancel, time) = (never(), Timestamp::from_secs(0));
    check(read_history(&source, &[], time, time, &SystemClock, &cancel));
    check(browse(&source, None, &cancel));
    check(probe(&source, &[], &SystemClock, &cancel));
}
