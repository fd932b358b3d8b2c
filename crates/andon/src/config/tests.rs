//! What a file may say, and what is said of one that may not.

use std::{net::SocketAddr, path::Path, time::Duration};

use andon_plant::{Tag, TagKind, TagName, Timestamp};
use andon_scoring::{ThresholdSettings, thresholds::Strategy};
use andon_store::KeepFree;
use andon_ua_client::source::{Identity, ReadMode, Security};
use insta::assert_snapshot;

use super::{Config, Keep, ModelConfig};

/// The least there can be: one source and one asset with one tag.
const LEAST: &str = r#"
[[source]]
name = "plc1"
endpoint = "opc.tcp://10.0.0.5:4840"
[[asset]]
name = "Mixer"
[[asset.tag]]
name = "Temperature"
source = "plc1"
node = "nsu=http://plc.example/;s=Line1.Mixer.Temperature"
"#;

fn read(text: &str) -> Result<(Config, String), String> {
    let read = Config::parse(text, "andon.toml", Path::new("/etc/andon"));
    read.map(|(config, warnings)| (config, lines(&warnings))).map_err(|e| e.to_string())
}

fn lines<T: ToString>(all: &[T]) -> String {
    all.iter().map(T::to_string).collect::<Vec<_>>().join("\n")
}

fn config(text: &str) -> Config {
    read(text).unwrap().0
}

/// The faults of the least file with `from` replaced by `to`.
fn faults(from: &str, to: &str) -> String {
    assert!(LEAST.contains(from), "{from}");
    read(&LEAST.replacen(from, to, 1)).unwrap_err()
}

/// The faults of the least file with `more` lines in its asset.
fn asset_faults(more: &str) -> String {
    faults("name = \"Mixer\"", &format!("name = \"Mixer\"\n{more}"))
}

/// The faults of the least file with `more` lines in its source.
fn source_faults(more: &str) -> String {
    faults("name = \"plc1\"", &format!("name = \"plc1\"\n{more}"))
}

#[test]
fn the_least_file_has_sound_defaults() {
    let c = config(LEAST);
    assert_eq!(c.http.listen, SocketAddr::from(([127, 0, 0, 1], 8080)));
    assert_eq!(c.opcua.listen, SocketAddr::from(([127, 0, 0, 1], 4850)));
    assert_eq!(c.store.url.to_string(), "sqlite:///etc/andon/andon.db");
    assert_eq!(c.store.retention.alarms, Keep::Forever);
    let asset = &c.assets[0];
    assert_eq!((asset.grid, asset.window.rows, asset.window.stride), (Duration::from_secs(1), 100, 1));
    assert_eq!(asset.windower().hold, Duration::from_secs(3));
    assert_eq!(asset.threshold, ThresholdSettings::default());
    assert_eq!(asset.alarm.off_delay, Duration::from_secs(30));
    assert_eq!(asset.tags[0].tag.kind, TagKind::Analog);
    assert_eq!(c.sources[0].security, Security::None);
    assert_eq!(c.sources[0].identity, Identity::Anonymous);
    assert!(read(LEAST).unwrap().1.is_empty());
}

#[test]
fn the_example_is_read_whole_and_says_what_has_no_effect_yet() {
    let text = include_str!("../../../../config/andon.example.toml");
    let (c, warnings) = Config::parse(text, "andon.example.toml", Path::new("plant")).unwrap();
    assert_eq!(c.plant.name, "Bottling hall 2");
    assert_eq!(c.plant.shifts, [360, 840, 1320]);
    assert_eq!(c.sources[0].read, ReadMode::Subscribe { interval: Duration::from_millis(100) });
    let asset = &c.assets[0];
    assert_eq!(asset.area, ["Hall 2", "Line 1"]);
    assert_eq!(asset.model.as_deref(), Some(Path::new("plant/models/mixer")));
    assert_eq!(asset.mode_tag.as_deref(), Some("State"));
    assert_eq!(asset.network.training.seed, 1);
    assert_eq!(asset.tags[0].tag.range.unwrap().high(), 150.0);
    assert_eq!(asset.tags[2].tag.kind, TagKind::Enum);
    let texts: Vec<&str> = warnings.iter().map(|w| w.0.text.as_str()).collect();
    assert_snapshot!(texts.join("\n"), @r##"
    asset[Mixer].model: there is no folder plant/models/mixer: monitoring does not start until `andon fit --model` has written it; leave the key out to train here
    "##);
}

#[test]
fn the_model_example_is_read_whole() {
    let text = include_str!("../../../../config/model.example.toml");
    let (fit, warnings) = ModelConfig::parse(text, "model.example.toml").unwrap();
    assert_eq!(fit.detection.mode_tag.as_deref(), Some("State"));
    assert_eq!(fit.grid, Some(Duration::from_secs(1)));
    assert_eq!(fit.tags.len(), 2);
    assert!(warnings.is_empty());
}

#[test]
fn the_container_file_is_read_whole() {
    let text = include_str!("../../../../config/docker.toml");
    let (c, _) = Config::parse(text, "docker.toml", Path::new("/etc/andon")).unwrap();
    assert!(!c.http.listen.ip().is_loopback());
    assert!(c.data_dir().is_absolute() && c.data_dir() != Path::new("/etc/andon"));
}

#[test]
fn every_fault_is_reported_at_once_in_the_order_of_lines() {
    let text = r#"
[plant]
nam = "Hall"
shifts = ["14:00", "06:00"]
[store]
url = "postgres://andon:secret@db"
retention = { samples = "90 fortnights", score = "2y" }
[http]
listen = "0.0.0.0:8080"
[opcua]
listen = 4850
[[source]]
name = "plc1"
endpoint = "http://ann:secret@10.0.0.5"
security = "Basic128Rsa15/Sign"
read = { subscribe = "100ms", poll = "1s" }
[[source]]
name = "plc1"
endpoint = "opc.tcp://10.0.0.6:99999"
[[asset]]
name = "Line 1/Mixer"
grid = "1 s and a bit"
window = { rows = 6, stride = 200 }
mode_tag = "Stat"
alarm = { on_delay = 5, hysteresis = -0.5, delay = "1s" }
threshold = { strategy = "magic" }
maintenance = { tag = "Switch", schedule = ["Sunday 02:00-04:00"], until = "Monday" }
[[asset.tag]]
name = "State"
source = "plc2"
node = "Line1.Mixer.State"
kind = "string"
range = [10, 0]
[[asset]]
grid = 1
[assets]
"#;
    assert_snapshot!(read(text).unwrap_err(), @r##"
    andon.toml:3: plant.nam is not a known key; did you mean `name`?
    andon.toml:4: plant.shifts = ["14:00", "06:00"]: shifts begin at rising times of day, each once
    andon.toml:6: store.url `postgres://...@db` names no host or no database; write `postgres://user@host/database`
    andon.toml:7: store.retention.samples = "90 fortnights": is not a time span: write a number and a unit, such as "100ms", "5s" or "90d", or "forever"
    andon.toml:7: store.retention.score is not a known key; did you mean `scores`?
    andon.toml:9: http.listen = "0.0.0.0:8080" is reachable from other machines, and this release has neither users nor TLS: anyone there could acknowledge alarms; listen on 127.0.0.1:8080 and let a proxy with a login in front (in a container see protected_by)
    andon.toml:11: opcua.listen = 4850: expected a string in quotes, found a whole number
    andon.toml:14: source[plc1].endpoint = "http://...@10.0.0.5": an endpoint begins with opc.tcp://, such as "opc.tcp://10.0.0.5:4840"
    andon.toml:15: source[plc1].security = "Basic128Rsa15/Sign": security `Basic128Rsa15/Sign` is refused: write `None`, or one of the policies Basic256Sha256, Aes128_Sha256_RsaOaep and Aes256_Sha256_RsaPss with a mode, such as `Basic256Sha256/SignAndEncrypt` or `Basic256Sha256/Sign`
    andon.toml:16: source[plc1].read has both subscribe and poll: a source is read in one way; keep one of them
    andon.toml:17: source[plc1] is there twice: give each its own name
    andon.toml:19: source[plc1].endpoint = "opc.tcp://10.0.0.6:99999": has no port a server can listen at (1 to 65535)
    andon.toml:21: asset[Line 1/Mixer].name = "Line 1/Mixer": asset name `Line 1/Mixer` is refused: `/` separates the levels of a NodeId; use another character
    andon.toml:22: asset[Line 1/Mixer].grid = "1 s and a bit": is not a time span: write a number and a unit, such as "100ms", "5s" or "90d"
    andon.toml:23: asset[Line 1/Mixer].window.rows = 6: must be from 8 to 10000
    andon.toml:24: asset[Line 1/Mixer].mode_tag = "Stat" is none of the asset's tags (State)
    andon.toml:25: asset[Line 1/Mixer].alarm.hysteresis = -0.5: must be from 0 to below 16, in units of the score, or an alarm never clears
    andon.toml:25: asset[Line 1/Mixer].alarm.on_delay = 5: expected a time span in quotes, such as "5s", found a whole number
    andon.toml:25: asset[Line 1/Mixer].alarm.delay is not a known key; known here: hysteresis, on_delay, off_delay
    andon.toml:26: asset[Line 1/Mixer].threshold.strategy = "magic": is not known; write "fixed", "percentile", "ewma", "gmm", "context" or "ensemble"
    andon.toml:27: asset[Line 1/Mixer].maintenance.schedule = ["Sunday 02:00-04:00"]: "Sunday 02:00-04:00" is not a time: write it as "Sun 02:00-04:00" or "daily 13:00-13:10", in UTC; days are Mon, Tue, Wed, Thu, Fri, Sat, Sun
    andon.toml:27: asset[Line 1/Mixer].maintenance.until is not a known key; known here: tag, schedule
    andon.toml:27: asset[Line 1/Mixer].maintenance.tag = "Switch" is none of the asset's tags (State)
    andon.toml:30: asset[Line 1/Mixer].tag[State].source = "plc2": there is no [[source]] of that name (there are: plc1, plc1)
    andon.toml:31: asset[Line 1/Mixer].tag[State].node = "Line1.Mixer.State": `Line1.Mixer.State` is not a node: an identifier begins with `s=`, `i=`, `g=` or `b=`; write `nsu=<namespace URI>;s=<name>`, `ns=2;i=5` or `i=2258`
    andon.toml:32: asset[Line 1/Mixer].tag[State].kind = "string": text can't be reconstructed or scored; leave this tag out
    andon.toml:33: asset[Line 1/Mixer].tag[State].range = [10, 0]: the first number must be below the second
    andon.toml:34: asset[#2].name is missing: write, for example, name = "Mixer"
    andon.toml:34: asset[#2].tag is missing: an asset without tags has nothing to watch; add an [[asset.tag]]
    andon.toml:35: asset[#2].grid = 1: expected a time span in quotes, such as "5s", found a whole number
    andon.toml:36: assets is not a known key; did you mean `asset`?
    "##);
}

#[test]
fn a_stride_beyond_the_window_says_what_would_be_lost() {
    assert_snapshot!(asset_faults("window = { rows = 8, stride = 10 }"), @r##"
    andon.toml:7: asset[Mixer].window.stride (10) is larger than asset[Mixer].window.rows (8): samples between windows would never be scored; make it 8 or less
    "##);
}

#[test]
fn a_broken_line_is_all_that_is_said() {
    assert_snapshot!(read("[plant]\nname = Hall\n[http\nlisten = 1\n").unwrap_err(), @r##"
    andon.toml:2: is not TOML: string values must be quoted, expected literal string
    andon.toml:3: is not TOML: unclosed table, expected `]`
    "##);
}

#[test]
fn an_empty_file_says_what_is_needed() {
    assert_snapshot!(read("").unwrap_err(), @r##"
    andon.toml:1: source is missing: there is nothing to read; add a [[source]] with a name and an endpoint
    andon.toml:1: asset is missing: there is nothing to watch; `andon browse ENDPOINT` writes an [[asset]] for you
    "##);
}

#[test]
fn a_password_in_the_file_is_refused_and_not_repeated() {
    let said = source_faults("security = \"Basic256Sha256/SignAndEncrypt\"\nuser = \"ann\"\npassword = \"hunter2\"");
    assert!(!said.contains("hunter2"), "{said}");
    assert_snapshot!(said, @r##"
    andon.toml:6: source[plc1].password is refused: a configuration file is copied and shown around; write password_file = "PATH" or password_env = "VARIABLE" instead, and change the password
    "##);
}

#[test]
fn a_password_is_not_sent_in_the_open() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("word"), "hunter2\n").unwrap();
    let with = |security: &str| {
        let more = format!("name = \"plc1\"\nsecurity = \"{security}\"\nuser = \"ann\"\npassword_file = \"word\"");
        Config::parse(&LEAST.replacen("name = \"plc1\"", &more, 1), "andon.toml", folder.path())
    };
    assert_snapshot!(with("None").unwrap_err(), @r##"
    andon.toml:5: source[plc1].user with security = "None" would send the password readable to all; use a security policy
    "##);
    let (c, _) = with("Basic256Sha256/SignAndEncrypt").unwrap();
    assert_eq!(c.sources[0].identity, Identity::UserName { user: "ann".into(), password: "hunter2".into() });
}

#[test]
fn a_password_that_is_nowhere_is_said_of_its_user() {
    let secured = "security = \"Basic256Sha256/SignAndEncrypt\"\nuser = \"ann\"";
    assert_snapshot!(source_faults(secured), @r##"
    andon.toml:5: source[plc1].user = "ann" has no password: add password_file or password_env
    "##);
    let gone = format!("{secured}\npassword_file = \"no-such-file\"");
    assert!(source_faults(&gone).contains("the password file /etc/andon/no-such-file can't be read"));
    let unset = format!("{secured}\npassword_env = \"ANDON_TEST_IS_NOT_SET\"");
    assert!(source_faults(&unset).contains("the environment variable ANDON_TEST_IS_NOT_SET is not set"));
}

#[test]
fn a_user_in_the_endpoint_is_refused_and_not_repeated() {
    let said = faults("opc.tcp://10.0.0.5", "opc.tcp://ann:hunter2@10.0.0.5");
    assert!(!said.contains("hunter2"), "{said}");
    assert_snapshot!(said, @r##"
    andon.toml:4: source[plc1].endpoint = "opc.tcp://...@10.0.0.5:4840": a user does not belong in the endpoint: write user and password_file
    "##);
}

#[test]
fn endpoints_may_have_paths_and_address_literals() {
    for endpoint in ["opc.tcp://plc", "opc.tcp://plc/a/b", "opc.tcp://[::1]:4840/x", "opc.tcp://[::1]"] {
        let text = LEAST.replacen("opc.tcp://10.0.0.5:4840", endpoint, 1);
        assert_eq!(config(&text).sources[0].endpoint, endpoint);
    }
}

#[test]
fn another_address_needs_a_container_around_it() {
    let listen = "[http]\nlisten = \"0.0.0.0:8080\"\n";
    assert_snapshot!(read(&format!("{listen}{LEAST}")).unwrap_err(), @r##"
    andon.toml:2: http.listen = "0.0.0.0:8080" is reachable from other machines, and this release has neither users nor TLS: anyone there could acknowledge alarms; listen on 127.0.0.1:8080 and let a proxy with a login in front (in a container see protected_by)
    "##);
    let vouched = format!("{listen}protected_by = \"container\"\n{LEAST}");
    assert_snapshot!(read(&vouched).unwrap().1, @r##"
    andon.toml:3: http.protected_by = "container": whoever reaches 0.0.0.0:8080 reads everything and acknowledges alarms, without a login and unencrypted; publish the port to the host's 127.0.0.1 only
    "##);
    assert_snapshot!(read(&format!("{listen}protected_by = \"luck\"\n{LEAST}")).unwrap_err(), @r##"
    andon.toml:2: http.listen = "0.0.0.0:8080" is reachable from other machines, and this release has neither users nor TLS: anyone there could acknowledge alarms; listen on 127.0.0.1:8080 and let a proxy with a login in front (in a container see protected_by)
    andon.toml:3: http.protected_by = "luck": the one answer is "container"; or leave the key out and listen on 127.0.0.1
    "##);
}

#[test]
fn two_servers_do_not_share_a_port() {
    assert_snapshot!(read(&format!("[opcua]\nlisten = \"localhost:8080\"\n{LEAST}")).unwrap_err(), @r##"
    andon.toml:1: opcua.listen = "127.0.0.1:8080" is taken by http.listen: use another port
    "##);
    config(&format!("[http]\nlisten = \"localhost:0\"\n[opcua]\nlisten = \"localhost:0\"\n{LEAST}"));
}

#[test]
fn an_asset_without_tags_has_nothing_to_watch() {
    assert_snapshot!(read(LEAST.split("[[asset.tag]]").next().unwrap()).unwrap_err(), @r##"
    andon.toml:5: asset[Mixer].tag is missing: an asset without tags has nothing to watch; add an [[asset.tag]]
    "##);
}

#[test]
fn a_single_bracket_is_told_from_a_double_one() {
    assert_snapshot!(faults("[[source]]", "[source]"), @r##"
    andon.toml:2: source: expected [[source]] with double brackets: there may be several
    "##);
}

#[test]
fn settings_of_the_network_are_checked_by_the_model() {
    assert_snapshot!(asset_faults("network = { training = { batch = 0 } }"), @r##"
    andon.toml:7: asset[Mixer].network: training.batch is 0: it must be at least 1
    "##);
    assert_snapshot!(asset_faults("[asset.network.training]\nepochs = \"many\""), @r##"
    andon.toml:8: asset[Mixer].network: invalid type: string "many", expected usize
    "##);
    let said = asset_faults("[asset.network.training]\nepoch = 3");
    assert!(said.starts_with("andon.toml:8: asset[Mixer].network: unknown field `epoch`"), "{said}");
}

#[test]
fn keys_of_an_asset_are_not_keys_of_a_model_file() {
    let said = ModelConfig::parse("name = \"Mixer\"\ngrid = \"2s\"\nwindos = { rows = 50 }", "model.toml").unwrap_err();
    assert_snapshot!(said, @r##"
    model.toml:1: name is not a known key; known here: window, grid, mode_tag, alarm, threshold, network, tag
    model.toml:3: windos is not a known key; did you mean `window`?
    "##);
}

#[test]
fn a_counter_is_accepted_without_a_warning() {
    let (config, warnings) = read(&format!("{LEAST}kind = \"counter\"\n")).unwrap();
    assert_eq!((config.assets[0].tags[0].tag.kind, warnings.as_str()), (TagKind::Counter, ""));
}

#[test]
fn a_threshold_says_where_it_stands_in_one_way_only() {
    let fixed =
        LEAST.replacen("name = \"Mixer\"", "name = \"Mixer\"\nthreshold = { strategy = \"fixed\", score = 4 }", 1);
    assert_eq!(
        config(&fixed).assets[0].threshold,
        ThresholdSettings { strategy: Strategy::Fixed, score: Some(4.0), ..ThresholdSettings::default() }
    );
    assert_snapshot!(asset_faults("threshold = { score = 4, budget = \"1 per shift\" }"), @r##"
    andon.toml:7: asset[Mixer].threshold.budget and score both say where the threshold stands; keep one of them
    "##);
    assert_snapshot!(asset_faults("threshold = { budget = \"few\" }"), @r##"
    andon.toml:7: asset[Mixer].threshold.budget = "few": `few` is not an alarm budget: write a number, `per` and a period, such as "1 per shift"
    "##);
    assert_snapshot!(asset_faults("threshold = { cost = { false_alarm = 1 } }"), @r##"
    andon.toml:7: asset[Mixer].threshold.cost.miss is missing: write, for example, miss = 100
    "##);
    assert_snapshot!(asset_faults("threshold = { cost = { false_alarm = 1, miss = 0 } }"), @r##"
    andon.toml:7: asset[Mixer].threshold.cost.miss = 0: must be above 0, at most 1e9
    "##);
    assert_snapshot!(asset_faults("threshold = { floor = 4, cap = 3 }"), @r##"
    andon.toml:7: asset[Mixer].threshold.cap = 3: must be from threshold.floor to 16
    "##);
    assert_snapshot!(asset_faults("threshold = { score = 0 }"), @r##"
    andon.toml:7: asset[Mixer].threshold.score = 0: must be from 0.1 to 16
    "##);
    assert_snapshot!(asset_faults("threshold = { freeze = \"400d\" }"), @r##"
    andon.toml:7: asset[Mixer].threshold.freeze = "400d": must be at most 366 days, such as "48h": after it the threshold learns again, alarm or not
    "##);
    assert_snapshot!(asset_faults("threshold = { freeze = 172800 }"), @r##"
    andon.toml:7: asset[Mixer].threshold.freeze = 172800: expected a time span in quotes, such as "5s", found a whole number
    "##);
    assert_snapshot!(asset_faults("threshold = { strategy = \"fixed\", score = 40 }"), @r##"
    andon.toml:7: asset[Mixer].threshold.score = 40: must be from 0.1 to 16
    "##);
}

#[test]
fn maintenance_comes_by_a_tag_and_by_a_schedule() {
    let keys = "maintenance = { tag = \"Temperature\", schedule = [\"Sun 02:00-04:00\", \"daily 13:00-13:10\"] }";
    let c = config(&LEAST.replacen("name = \"Mixer\"", &format!("name = \"Mixer\"\n{keys}"), 1));
    let maintenance = &c.assets[0].maintenance;
    assert_eq!(maintenance.tag.as_deref(), Some("Temperature"));
    let slots: Vec<String> = maintenance.schedule.iter().map(ToString::to_string).collect();
    assert_eq!(slots, ["Sun 02:00-04:00 UTC", "daily 13:00-13:10 UTC"]);
    assert_snapshot!(asset_faults("maintenance = { schedule = \"Sun 02:00-04:00\" }"), @r##"
    andon.toml:7: asset[Mixer].maintenance.schedule = "Sun 02:00-04:00": expected a list of times, such as ["Sun 02:00-04:00", "daily 13:00-13:10"]
    "##);
    assert_snapshot!(asset_faults("maintenance = { schedule = [\"daily 06:00-14:00\", \"daily 14:00-06:00\"] }"), @r##"
    andon.toml:7: asset[Mixer].maintenance.schedule is around the clock: no score of the asset would ever raise an alarm or teach; leave out the times at which it works
    "##);
    assert_snapshot!(asset_faults("maintenance = { schedule = [\"Sun 02:00-02:00\"] }"), @r##"
    andon.toml:7: asset[Mixer].maintenance.schedule = ["Sun 02:00-02:00"]: "Sun 02:00-02:00" ends when it begins; for the whole day write 00:00-24:00
    "##);
}

#[test]
fn a_mode_and_a_switch_are_shown_by_a_tag_that_has_states() {
    let keys = "name = \"Mixer\"\nmode_tag = \"Temperature\"\nmaintenance = { tag = \"Temperature\" }";
    let with = |more: &str| format!("{}{more}", LEAST.replacen("name = \"Mixer\"", keys, 1));
    assert_snapshot!(read(&with("unit = \"degC\"\n")).unwrap_err(), @r##"
    andon.toml:7: asset[Mixer].mode_tag = "Temperature" is an analog tag in degC: every value would be an operating mode of its own; name a tag of kind "boolean" or "enum"
    andon.toml:8: asset[Mixer].maintenance.tag = "Temperature" is an analog tag in degC: the asset would be under maintenance whenever it is not exactly 0; name a tag of kind "boolean" or "enum"
    "##);
    assert_snapshot!(read(&with("kind = \"counter\"\n")).unwrap_err().lines().next().unwrap(), @r##"
    andon.toml:7: asset[Mixer].mode_tag = "Temperature" is a counter: every value would be an operating mode of its own; name a tag of kind "boolean" or "enum"
    "##);
    for states in ["", "kind = \"boolean\"\n", "kind = \"enum\"\nunit = \"step\"\n"] {
        config(&with(states));
    }
    let column = "mode_tag = \"State\"\n[[tag]]\nname = \"State\"\nunit = \"bar\"\n";
    assert_snapshot!(ModelConfig::parse(column, "model.toml").unwrap_err(), @r##"
    model.toml:1: mode_tag = "State" is an analog tag in bar: every value would be an operating mode of its own; name a tag of kind "boolean" or "enum"
    "##);
}

#[test]
fn a_seed_on_the_command_line_wins_and_a_mode_tag_must_be_a_column() {
    let (model, _) = ModelConfig::parse("mode_tag = \"State\"\n[network.training]\nseed = 3", "model.toml").unwrap();
    let tag = |name: &str| model.tag(&TagName::new(name).unwrap());
    let fit = |tags: &[Tag], seed| model.fit_settings(tags, Duration::from_secs(2), seed, Timestamp::from_secs(0));
    let both = [tag("Flow"), tag("State")];
    let settings = fit(&both, None).unwrap();
    assert_eq!((settings.mode_tag, settings.network.training.seed), (Some(1), 3));
    assert_eq!(settings.window.grid, Duration::from_secs(2));
    assert_eq!(fit(&both, Some(9)).unwrap().network.training.seed, 9);
    assert_snapshot!(fit(&both[..1], None).unwrap_err(), @r##"
    mode_tag `State` is not a tag of the recording; it has Flow
    "##);
}

#[test]
fn retention_counts_back_from_the_present() {
    let c =
        config(&format!("[store]\nretention = {{ samples = \"1d\", scores = \"forever\", alarms = \"1h\" }}\n{LEAST}"));
    let since = c.store.retention.since(Timestamp::from_secs(86_400 + 60));
    assert_eq!((since.samples, since.scores), (Some(Timestamp::from_secs(60)), None));
    assert_eq!(since.alarms, Some(Timestamp::from_secs(86_400 + 60 - 3_600)));
}

#[test]
fn what_stays_free_on_the_disk_is_a_size_or_a_share() {
    let kept = |value: &str| read(&format!("[store]\nkeep_free = {value}\n{LEAST}")).map(|c| c.0.store.keep_free);
    assert_eq!(config(LEAST).store.keep_free, KeepFree::Unsaid);
    assert_eq!(kept("\"2GB\"").unwrap(), KeepFree::Bytes(2_000_000_000));
    assert_eq!(kept("\"5%\"").unwrap(), KeepFree::Share(0.05));
    let faults = [kept("2"), kept("\"90%\""), kept("\"much\"")].map(Result::unwrap_err);
    assert_snapshot!(faults.join("\n"), @r##"
    andon.toml:2: store.keep_free = 2: expected a string in quotes, found a whole number
    andon.toml:2: store.keep_free = "90%": must be from 0.1% to 50%
    andon.toml:2: store.keep_free = "much": is not a size: write a number and a unit, such as "500MB", "2GB" or "5%"
    "##);
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let said = Config::load(Path::new("no/such/andon.toml")).unwrap_err().to_string();
    assert!(said.starts_with("no/such/andon.toml: can't be read: "), "{said}");
}
