//! `andon browse`: the tag tree of an OPC UA server.

use std::{collections::BTreeMap, path::PathBuf};

use andon_plant::{SourceName, TagKind};
use andon_ua_client::{BrowsedTag, Identity, NodeAddress, ReadMode, Security, Source, browse};
use clap::ValueEnum;
use tokio_util::sync::CancellationToken;

/// List the tags of an OPC UA server with types, units and ranges.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The server, such as opc.tcp://127.0.0.1:4840.
    endpoint: String,
    /// Only what lies under this node, such as nsu=http://plc.example/;s=Line1.
    #[arg(long, value_name = "NODE")]
    under: Option<NodeAddress>,
    /// How they are printed; toml is a ready `[[asset]]` block for each folder.
    #[arg(long, value_enum, default_value = "toml")]
    format: Format,
    /// Where Andon's client certificate is kept.
    #[arg(long, value_name = "DIR", default_value = "pki")]
    pki_dir: PathBuf,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Toml,
    Csv,
    Json,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let source = Source {
        name: SourceName::new("plc1")?,
        endpoint: args.endpoint.clone(),
        security: Security::None,
        identity: Identity::Anonymous,
        read: ReadMode::Subscribe { interval: std::time::Duration::from_millis(100) },
        pki_dir: args.pki_dir,
    };
    let tags = browse(&source, args.under.as_ref(), &CancellationToken::new()).await?;
    match args.format {
        Format::Toml => print!("{}", toml(&args.endpoint, &tags)),
        Format::Csv => csv(&tags)?,
        Format::Json => println!("{}", serde_json::to_string_pretty(&tags.iter().map(json).collect::<Vec<_>>())?),
    }
    Ok(())
}

/// A configuration that runs: a source, and an asset for each folder that holds numbers.
fn toml(endpoint: &str, tags: &[BrowsedTag]) -> String {
    let mut folders: BTreeMap<&[String], Vec<&BrowsedTag>> = BTreeMap::new();
    for tag in tags.iter().filter(|t| t.kind.is_some()) {
        let folder = tag.path.split_last().map_or(&[][..], |(_, folder)| folder);
        folders.entry(folder).or_default().push(tag);
    }
    let mut text = format!(
        "[[source]]\nname = \"plc1\"\nendpoint = {}\nsecurity = \"None\"\nread = {{ subscribe = \"100ms\" }}\n",
        quoted(endpoint)
    );
    let all: Vec<&[String]> = folders.keys().copied().collect();
    for (folder, tags) in folders {
        let above = folder.split_last().map(|(_, above)| above).filter(|above| !above.is_empty());
        let area = above.map(|a| format!("area = {}\n", quoted(&a.join("/")))).unwrap_or_default();
        text.push_str(&format!(
            "\n[[asset]]\nname = {}\n{area}grid = \"1s\"\nwindow = {{ rows = 100, stride = 1 }}\n",
            quoted(&asset_name(folder, &all))
        ));
        for tag in tags {
            text.push_str(&block(tag));
        }
    }
    text
}

/// An asset's name: its folder's, with as many of the folders above as it takes to be the only one.
fn asset_name(folder: &[String], all: &[&[String]]) -> String {
    const RESERVED: [&str; 4] = ["Andon", "Areas", "Metrics", "Sources"];
    let last = |of: &[String], n: usize| of[of.len().saturating_sub(n)..].join(" ").replace('/', "_");
    let unique = |n: &usize| {
        let name = last(folder, *n);
        !RESERVED.contains(&name.as_str()) && all.iter().filter(|f| last(f, *n) == name).count() == 1
    };
    let name = (1..=folder.len()).find(unique).map(|n| last(folder, n));
    name.unwrap_or_else(|| format!("Plant {}", folder.join(" ").replace('/', "_")).trim().to_owned())
}

fn block(tag: &BrowsedTag) -> String {
    let mut text = format!(
        "[[asset.tag]]\nname = {}\nsource = \"plc1\"\nnode = {}\n",
        quoted(&tag.path.last().map(|name| name.replace('/', "_")).unwrap_or_default()),
        quoted(&tag.node.to_string())
    );
    let unit = &tag.unit;
    if !unit.is_empty() {
        text.push_str(&format!("unit = {}\n", quoted(unit)));
    }
    if let Some(range) = tag.range {
        text.push_str(&format!("range = [{:?}, {:?}]\n", range.low(), range.high()));
    }
    if let Some(kind) = tag.kind.filter(|k| *k != TagKind::Analog) {
        text.push_str(&format!("kind = {}\n", serde_json::to_string(&kind).unwrap_or_default()));
    }
    text
}

/// A TOML basic string; JSON's escapes are a part of TOML's.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn json(tag: &BrowsedTag) -> serde_json::Value {
    serde_json::json!({
        "path": tag.path, "node": tag.node.to_string(), "data_type": tag.data_type, "kind": tag.kind, "unit": tag.unit,
        "range": tag.range,
    })
}

fn csv(tags: &[BrowsedTag]) -> anyhow::Result<()> {
    let mut out = csv::Writer::from_writer(std::io::stdout());
    out.write_record(["path", "node", "data_type", "unit", "low", "high"])?;
    for tag in tags {
        let (low, high) = tag.range.map_or_else(Default::default, |r| (r.low().to_string(), r.high().to_string()));
        let unit = tag.unit.clone();
        out.write_record([tag.path.join("/"), tag.node.to_string(), tag.data_type.clone(), unit, low, high])?;
    }
    out.flush()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_one_name_become_assets_of_two() {
        let folder = |path: &str| path.split('/').map(str::to_owned).collect::<Vec<_>>();
        let (a, b, c) = (folder("Plant/Line1/Mixer"), folder("Plant/Line2/Mixer"), folder("Plant/Line2/Sources"));
        let all = [&a[..], &b[..], &c[..]];
        let names: Vec<String> = all.iter().map(|f| asset_name(f, &all)).collect();
        assert_eq!(names, ["Line1 Mixer", "Line2 Mixer", "Line2 Sources"]);
    }
}
