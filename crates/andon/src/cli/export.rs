//! `andon export`: stored history as a file.

use std::{
    fs,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use andon_exchange::{Format, Shape, Written};
use andon_plant::{AssetName, TagName, Timestamp};
use andon_store::Histories;
use anyhow::Context;
use flate2::{Compression, write::GzEncoder};
use serde_json::json;
use tempfile::NamedTempFile;

use super::{progress::ShareProgress, which::WhichAsset};
use crate::{
    config::AssetConfig,
    exchange::{Export, Order},
    lifecycle::Lifecycle,
    store,
};

/// Write stored history to a file, also while `andon run` is running.
///
/// The long shape has a line a sample (timestamp, asset, tag, value, quality, status) and loses nothing: imported into an empty
/// store and exported again it is the same file. The wide shape has a line a row of the asset's grid and a column a tag, as `andon
/// fit` and `andon score` read them.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    which: WhichAsset,
    /// A tag of the asset; may be given several times. All of them where it is not given.
    #[arg(long = "tag", value_name = "NAME")]
    tags: Vec<String>,
    /// The first instant, RFC 3339 or seconds since the epoch. The first sample where it is not given.
    #[arg(long, value_name = "TIME")]
    from: Option<Timestamp>,
    /// The instant after the last. After the last sample where it is not given.
    #[arg(long, value_name = "TIME")]
    to: Option<Timestamp>,
    /// The file to write: .csv, .csv.gz or .parquet.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// long or wide.
    #[arg(long, default_value = "long")]
    shape: Shape,
    /// Write over a file that is there.
    #[arg(long)]
    force: bool,
    /// Say what was written as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let format = Format::of_name(&args.out).context("--out")?;
    let (config, asset) = args.which.find()?;
    let tags = tags(&asset, &args.tags)?;
    if let (Some(from), Some(to)) = (args.from, args.to) {
        anyhow::ensure!(from < to, "--from {from} is not before --to {to}");
    }
    anyhow::ensure!(
        args.force || !args.out.exists(),
        "{} is there already; name another file, or write over it with --force",
        args.out.display()
    );
    let histories = store::open_histories(&config.store.url).await?;
    let (from, to) = within(&histories, &asset.name, &args).await?;
    let order = Order { kind: format.kind, shape: args.shape, tags, from: args.from, to: args.to };
    let export = Export::begin(&histories, &asset, &order).await?;
    let mut file = OutFile::new(&args.out, format.gzip)?;
    let progress = ShareProgress::new("exported");
    let life = Lifecycle::default();
    let done = tokio::select! {
        written = write(export, &mut file, |time| progress.show(time.since(from).as_secs_f64() / to.since(from).as_secs_f64())) => written,
        () = life.stopped() => Err(anyhow::anyhow!("stopped; nothing was written")),
    };
    progress.done();
    let written = done?;
    anyhow::ensure!(written.samples > 0, "there is no sample of these tags from {from} to {to}; nothing was written");
    file.finish(args.force)?;
    histories.close().await;
    say(&args, &order, written);
    Ok(())
}

fn say(args: &Args, order: &Order, w: Written) {
    let (out, tags) = (args.out.display(), order.tags.len());
    if args.json {
        let file = out.to_string();
        let said = json!({
            "file": file, "kind": order.kind, "shape": order.shape, "asset": args.which.asset, "tags": order.tags, "rows": w.rows,
            "samples": w.samples, "first": w.first, "last": w.last,
        });
        println!("{said}");
    } else if let (Some(first), Some(last)) = (w.first, w.last) {
        println!("{out}: {} samples of {tags} tags, {} rows from {first} to {last}", w.samples, w.rows);
    }
}

/// The span that is there of what was asked for.
async fn within(histories: &Histories, asset: &AssetName, args: &Args) -> anyhow::Result<(Timestamp, Timestamp)> {
    let span = histories.span(asset).await?;
    let (first, last) = span.with_context(|| format!("asset {asset}: there is no sample in the store"))?;
    let (from, to) = (args.from.unwrap_or(first), args.to.unwrap_or(last.after(std::time::Duration::from_micros(1))));
    anyhow::ensure!(
        from <= last && to > first,
        "asset {asset}: there is no sample from {from} to {to}; the store has some from {first} to {last}"
    );
    Ok((from.max(first), to.min(last)))
}

async fn write(mut export: Export, file: &mut OutFile, mut reached: impl FnMut(Timestamp)) -> anyhow::Result<Written> {
    while let Some(bytes) = export.next().await? {
        file.write(&bytes)?;
        export.written().last.map(&mut reached);
    }
    Ok(export.written())
}

fn tags(asset: &AssetConfig, wanted: &[String]) -> anyhow::Result<Vec<TagName>> {
    let all: Vec<TagName> = asset.tags.iter().map(|t| t.tag.name.clone()).collect();
    for name in wanted {
        let known = || all.iter().map(TagName::as_str).collect::<Vec<_>>().join(", ");
        anyhow::ensure!(
            all.iter().any(|t| t.as_str() == name),
            "--tag {name} is none of the tags of {} ({})",
            asset.name,
            known()
        );
    }
    Ok(all.into_iter().filter(|tag| wanted.is_empty() || wanted.iter().any(|w| w == tag.as_str())).collect())
}

/// A file that is there once it is whole: until then it has another name beside its place.
struct OutFile {
    out: PathBuf,
    bytes: Bytes,
}

enum Bytes {
    Plain(BufWriter<NamedTempFile>),
    Gzip(GzEncoder<BufWriter<NamedTempFile>>),
}

impl OutFile {
    fn new(out: &Path, gzip: bool) -> anyhow::Result<Self> {
        // Where a link leads to, so that the link stays.
        let out = fs::canonicalize(out).unwrap_or_else(|_| out.to_owned());
        let folder = out.parent().filter(|f| *f != Path::new("")).unwrap_or(Path::new("."));
        let mut builder = tempfile::Builder::new();
        builder.prefix(".andon-export-");
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let file = builder.tempfile_in(folder).with_context(|| format!("--out {} can't be written", out.display()))?;
        let file = BufWriter::new(file);
        let bytes = if gzip { Bytes::Gzip(GzEncoder::new(file, Compression::default())) } else { Bytes::Plain(file) };
        Ok(Self { out, bytes })
    }

    fn write(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        let written = match &mut self.bytes {
            Bytes::Plain(file) => file.write_all(bytes),
            Bytes::Gzip(file) => file.write_all(bytes),
        };
        written.with_context(|| format!("--out {} can't be written", self.out.display()))
    }

    fn finish(self, force: bool) -> anyhow::Result<()> {
        let failed = || format!("--out {} can't be written", self.out.display());
        let file = match self.bytes {
            Bytes::Plain(file) => file,
            Bytes::Gzip(file) => file.finish().with_context(failed)?,
        };
        let file = file.into_inner().map_err(|e| e.into_error()).with_context(failed)?;
        file.as_file().sync_all().with_context(failed)?;
        let kept = if force { file.persist(&self.out) } else { file.persist_noclobber(&self.out) };
        kept.map(drop).with_context(failed)
    }
}
