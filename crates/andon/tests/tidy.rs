//! The architecture's invariants (docs/architecture.md), held by the dependency graph and by what the sources say.
//!
//! To add a rule: a row in [`FLOORS`], [`OWNERS`] or [`FORBIDDEN`], and a bad sample in the tests at the end, so that the
//! rule is known to be able to fail.

#![expect(clippy::unwrap_used, reason = "a test that cannot look at the project has failed")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use cargo_metadata::{DependencyKind, MetadataCommand};

/// The packages of each floor, from the ground up. A package depends on floors below its own only.
const FLOORS: [&[&str]; 4] = [
    &["andon-plant"],
    &[
        "andon-ua-client",
        "andon-ua-server",
        "andon-store",
        "andon-exchange",
        "andon-model",
        "andon-scoring",
        "andon-simulator",
    ],
    &["andon-detect", "andon-postgres"],
    &["andon", "andon-eval"],
];

/// Edges between floors that are not drawn: what joins siblings knows only what it joins.
const NOT_DRAWN: &[(&str, &[&str])] = &[
    ("andon-detect", &["andon-ua-client", "andon-ua-server", "andon-store", "andon-exchange", "andon-simulator"]),
    ("andon-eval", &["andon-ua-client", "andon-ua-server", "andon-store", "andon-postgres", "andon-exchange"]),
    (
        "andon-postgres",
        &["andon-ua-client", "andon-ua-server", "andon-exchange", "andon-model", "andon-scoring", "andon-simulator"],
    ),
];

/// Crates and modules of others that only some folders may name.
const OWNERS: &[Owner] = &[
    Owner { words: &["opcua", "async-opcua"], folders: &["crates/ua-client", "crates/ua-server", "crates/simulator"] },
    Owner { words: &["candle", "candle_core", "candle-core"], folders: &["crates/model"] },
    Owner { words: &["sqlx"], folders: &["crates/store", "crates/postgres"] },
    Owner {
        words: &["parquet", "arrow_array", "arrow-array", "arrow_schema", "arrow-schema"],
        folders: &["crates/exchange"],
    },
    Owner { words: &["axum", "utoipa", "utoipa_axum", "tower_http"], folders: &["crates/andon/src/api"] },
];

/// What may not be written in sources below a folder, and why.
const FORBIDDEN: &[Forbidden] = &[
    Forbidden {
        folder: "crates/plant",
        words: &["tokio", "async fn", "std::net", "std::fs", "std::thread", "std::process"],
        why: "plant does no I/O and knows no async runtime",
    },
    Forbidden {
        folder: "crates/ua-client/src",
        words: &["WriteRequest", "WriteValue", "CallRequest", "CallMethodRequest", ".write(", ".call(", ".call_one("],
        why: "Andon never writes to a PLC and calls nothing there",
    },
    Forbidden {
        folder: "crates",
        words: &["unbounded_channel", "mpsc::unbounded", "mpsc::channel()", "flume::unbounded"],
        why: "every channel is bounded",
    },
    Forbidden {
        folder: "crates/scoring",
        words: &["neural", "autoencoder"],
        why: "scoring judges residuals, whoever made them",
    },
    Forbidden { folder: "crates/model", words: &["AlarmState", "alarm::"], why: "model has never heard of alarms" },
];

/// Names that say nothing of what is inside.
const EMPTY_NAMES: [&str; 6] = ["common", "utils", "helpers", "core", "types", "manager"];

/// A name of others and who may use it.
struct Owner {
    words: &'static [&'static str],
    folders: &'static [&'static str],
}

/// Words that may not stand below a folder.
struct Forbidden {
    folder: &'static str,
    words: &'static [&'static str],
    why: &'static str,
}

/// One source file, its path from the project's root.
struct Source {
    path: String,
    text: String,
}

impl Source {
    fn is_below(&self, folder: &str) -> bool {
        Path::new(&self.path).starts_with(folder)
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

/// What git tracks, so that build results and other people's files are not looked at. Outside a work tree, such as in an
/// unpacked archive, there is nothing to look at.
fn tracked() -> Vec<Source> {
    let out = Command::new("git").arg("-C").arg(root()).args(["ls-files", "-z"]).output().unwrap();
    let paths = String::from_utf8(out.stdout).unwrap();
    let read = |path: &str| {
        let text = fs::read_to_string(root().join(path)).ok()?;
        Some(Source { path: path.to_owned(), text })
    };
    paths.split_terminator('\0').filter_map(read).collect()
}

fn rust(sources: Vec<Source>) -> Vec<Source> {
    sources.into_iter().filter(|s| s.path.ends_with(".rs") && !s.path.ends_with("tests/tidy.rs")).collect()
}

/// The code of a file without its comments, which may speak of anything. `://` is part of a URL and begins no comment.
fn code(text: &str) -> String {
    let begins_a_comment = |line: &str, at: usize| !line[..at].ends_with(':');
    let uncommented = |line: &str| {
        let comment = line.match_indices("//").find(|(at, _)| begins_a_comment(line, *at));
        line[..comment.map_or(line.len(), |(at, _)| at)].to_owned()
    };
    text.lines().map(uncommented).collect::<Vec<_>>().join("\n")
}

/// Whether `code` names the crate `word`: in a path (`word::`) or an import (`use word`).
fn names_crate(code: &str, word: &str) -> bool {
    let begins_a_path = |(at, _): (usize, &str)| {
        let before = code[..at].chars().next_back();
        let free = !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':');
        let after = &code[at + word.len()..];
        free && (after.starts_with("::") || (code[..at].ends_with("use ") && after.starts_with([';', ' '])))
    };
    code.match_indices(word).any(begins_a_path)
}

fn foreign_names(sources: &[Source]) -> Vec<String> {
    let mut faults = Vec::new();
    for source in sources {
        let code = code(&source.text);
        for owner in OWNERS.iter().filter(|o| !o.folders.iter().any(|f| source.is_below(f))) {
            for word in owner.words.iter().filter(|w| names_crate(&code, w)) {
                faults.push(format!("{}: `{word}` belongs to {}", source.path, owner.folders.join(", ")));
            }
        }
    }
    faults
}

fn forbidden_words(sources: &[Source]) -> Vec<String> {
    let mut faults = Vec::new();
    for source in sources {
        let code = code(&source.text);
        for rule in FORBIDDEN.iter().filter(|r| source.is_below(r.folder)) {
            for word in rule.words.iter().filter(|w| code.contains(**w)) {
                faults.push(format!("{}: `{word}`: {}", source.path, rule.why));
            }
        }
    }
    faults
}

fn empty_names(sources: &[Source]) -> Vec<String> {
    let empty = |part: &str| EMPTY_NAMES.contains(&part.trim_end_matches(".rs"));
    let named_so = |s: &&Source| s.path.split('/').any(empty);
    sources.iter().filter(named_so).map(|s| format!("{}: name it by what is inside", s.path)).collect()
}

/// Paths of somebody's machine, which mean nothing on another one.
fn home_paths(sources: &[Source]) -> Vec<String> {
    let home = std::env::var("HOME").unwrap_or_default();
    let folders = [format!("{home}/"), ["", "home", ""].join("/"), ["", "Users", ""].join("/")];
    let begins_here = |line: &str, folder: &str| {
        let outside =
            |(at, _): (usize, &str)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || "}.~-_".contains(c));
        folder.len() > 2 && line.match_indices(folder).any(outside)
    };
    let mut faults = Vec::new();
    for source in sources.iter().filter(|s| !s.path.ends_with(".lock")) {
        for (i, line) in source.text.lines().enumerate() {
            if folders.iter().any(|f| begins_here(line, f)) {
                faults.push(format!("{}:{}: a path of one machine", source.path, i + 1));
            }
        }
    }
    faults
}

fn floor(package: &str) -> Option<usize> {
    FLOORS.iter().position(|packages| packages.contains(&package))
}

/// Edges that lead sideways, upwards or past what a package may know. `edges` has each package's direct dependencies.
fn wrong_edges(edges: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let mut faults = Vec::new();
    for (from, to) in edges.iter().flat_map(|(from, all)| all.iter().map(move |to| (from.as_str(), to.as_str()))) {
        match (floor(from), floor(to)) {
            (None, _) => faults.push(format!("{from} stands on no floor: give it one in tests/tidy.rs")),
            (Some(upper), Some(lower)) if lower >= upper => {
                faults.push(format!("{from} depends on {to}, which is not on a floor below"));
            }
            _ => {}
        }
        if NOT_DRAWN.iter().any(|(package, hidden)| *package == from && hidden.contains(&to)) {
            faults.push(format!("{from} depends on {to}, which it should not know"));
        }
        let owner = OWNERS.iter().find(|o| o.words.contains(&to));
        let folder = format!("crates/{}", from.strip_prefix("andon-").unwrap_or(from));
        if owner.is_some_and(|o| !o.folders.iter().any(|f| f.starts_with(&folder))) {
            faults.push(format!("{from} depends on {to}, which is not its to use"));
        }
    }
    faults
}

fn workspace_edges() -> BTreeMap<String, BTreeSet<String>> {
    let metadata = MetadataCommand::new().manifest_path(root().join("Cargo.toml")).no_deps().exec().unwrap();
    let built = |kind: DependencyKind| matches!(kind, DependencyKind::Normal | DependencyKind::Build);
    let packages = metadata.packages.iter();
    packages
        .map(|p| {
            let direct = p.dependencies.iter().filter(|d| built(d.kind)).map(|d| d.name.clone());
            (p.name.to_string(), direct.collect())
        })
        .collect()
}

#[track_caller]
fn assert_none(faults: Vec<String>) {
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn packages_depend_on_lower_floors_only() {
    let edges = workspace_edges();
    assert!(edges.len() >= 9, "{edges:?}");
    assert_none(wrong_edges(&edges));
}

#[test]
fn only_the_owner_of_a_stack_names_it() {
    assert_none(foreign_names(&rust(tracked())));
}

#[test]
fn no_source_says_what_its_crate_must_not_do() {
    assert_none(forbidden_words(&rust(tracked())));
}

#[test]
fn no_module_has_an_empty_name() {
    assert_none(empty_names(&rust(tracked())));
}

#[test]
fn no_tracked_file_names_somebodys_home() {
    assert_none(home_paths(&tracked()));
}

#[test]
fn the_example_configurations_are_sound() {
    for (file, text) in [
        ("andon.example.toml", include_str!("../../../config/andon.example.toml")),
        ("docker.toml", include_str!("../../../config/docker.toml")),
    ] {
        if let Err(faults) = andon::config::Config::parse(text, file, Path::new("config")) {
            panic!("{faults}");
        }
    }
}

/// Every rule must be able to fail: a bad sample each.
mod rules_can_fail {
    use super::*;

    fn source(path: &str, text: &str) -> Vec<Source> {
        vec![Source { path: path.to_owned(), text: text.to_owned() }]
    }

    fn edge(from: &str, to: &str) -> Vec<String> {
        wrong_edges(&BTreeMap::from([(from.to_owned(), BTreeSet::from([to.to_owned()]))]))
    }

    #[test]
    fn edges_that_lead_the_wrong_way() {
        assert_eq!(edge("andon-store", "andon-model").len(), 1, "a sibling");
        assert_eq!(edge("andon-plant", "andon-store").len(), 1, "upwards");
        assert_eq!(edge("andon-detect", "andon-store").len(), 1, "not drawn");
        assert_eq!(edge("andon", "andon-eval").len(), 1, "the other top");
        assert_eq!(edge("andon-attic", "serde").len(), 1, "no floor");
        assert_eq!(edge("andon-detect", "candle-core").len(), 1, "another's stack");
        assert_eq!(edge("andon", "sqlx").len(), 1, "another's stack");
        assert!(edge("andon", "axum").is_empty() && edge("andon-detect", "andon-model").is_empty());
    }

    #[test]
    fn names_of_a_stack_outside_its_folder() {
        for text in
            ["use opcua::types::NodeId;", "fn f(_: axum::Router) {}", "use candle_core as c;", "{ sqlx::query!() }"]
        {
            assert_eq!(foreign_names(&source("crates/andon/src/pipeline/ingest.rs", text)).len(), 1, "{text}");
        }
        for text in ["// opcua::types", "let opcua = 1;", "config.opcua.listen", "super::opcua::listen()"] {
            assert_none(foreign_names(&source("crates/andon/src/pipeline/ingest.rs", text)));
        }
        assert_none(foreign_names(&source("crates/andon/src/api/mod.rs", "use axum::Router;")));
        assert_none(foreign_names(&source("crates/store/src/lib.rs", "use sqlx::Row;")));
    }

    #[test]
    fn words_a_crate_must_not_say() {
        for (path, text) in [
            ("crates/plant/src/a.rs", "use std::fs;"),
            ("crates/plant/src/a.rs", "pub async fn read() {}"),
            ("crates/ua-client/src/a.rs", "session.write(&[])"),
            ("crates/ua-client/src/a.rs", "CallMethodRequest::default()"),
            ("crates/andon/src/a.rs", "let (a, b) = tokio::sync::mpsc::unbounded_channel();"),
            ("crates/scoring/src/a.rs", "struct Autoencoder; fn autoencoder() {}"),
            ("crates/model/src/a.rs", "use andon_plant::alarm::step;"),
        ] {
            assert!(!forbidden_words(&source(path, text)).is_empty(), "{text}");
        }
        assert_none(forbidden_words(&source("crates/plant/src/a.rs", "let url = \"a://b\"; // std::fs is for others")));
    }

    #[test]
    fn modules_with_empty_names() {
        assert_eq!(empty_names(&source("crates/andon/src/utils.rs", "")).len(), 1);
        assert_eq!(empty_names(&source("crates/core/src/lib.rs", "")).len(), 1);
        assert_none(empty_names(&source("crates/andon/src/coretime.rs", "")));
    }

    #[test]
    fn paths_of_one_machine() {
        let elsewhere = ["", "home", "ann", "andon"].join("/");
        assert_eq!(home_paths(&source("README.md", &format!("see {elsewhere}"))).len(), 1);
        assert_none(home_paths(&source("README.md", "https://example.org/home/ann and ${HOME}/andon")));
    }
}
