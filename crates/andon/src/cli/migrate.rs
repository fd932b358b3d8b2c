//! `andon migrate`: all of a store to another place.

use std::{fs::File, path::Path, process::ExitCode};

use andon_store::{Moved, Place, StoreError, StoreUrl, move_store};
use anyhow::Context;

use super::{progress::ShareProgress, which::Which};
use crate::{pipeline::start::lock, store};

/// Copy all of a store to another place, from files to PostgreSQL or back, and compare both row by row; exit 1 if they differ.
///
/// Neither place may be in use: no `andon run` on this store, nor on a database that is copied from or to. The other place must be
/// empty. Where it was stopped it goes on when it is started again, and nobody can start on a store that is not all there.
/// The store that is copied is only read.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where to: `postgres://user@host/database` or `sqlite://PATH/andon.db`. A password is better in PGPASSWORD or .pgpass.
    #[arg(long, value_name = "URL")]
    to: String,
    #[command(flatten)]
    which: Which,
}

pub(super) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    // Read here and not by clap, whose message would have the password in it.
    let to: StoreUrl = args.to.parse().context("--to")?;
    let (from, folder) = args.which.place()?;
    if let StoreUrl::Sqlite(url) = &from
        && !url.main_path().is_file()
    {
        return Err(StoreError::NoStore { path: url.main_path().to_owned() }.into());
    }
    let _locks = locks(&folder, &to)?;
    let (from, to) = (store::place(&from).await?, store::place(&to).await?);
    let progress = ShareProgress::new("moved");
    let moved = move_store(&from, &to, &mut |share| progress.show(share)).await;
    progress.done();
    let moved = moved?;
    say(&moved, &from, &to);
    Ok(if moved.differences.count == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Takes both places for this process, as far as they are files.
fn locks(from: &Path, to: &StoreUrl) -> anyhow::Result<Vec<File>> {
    let mut locks = vec![lock(from)?];
    if let StoreUrl::Sqlite(url) = to {
        let to = url.main_path().parent().context("--to: the store is in no folder")?;
        let real = |folder: &Path| folder.join(".").canonicalize().ok();
        if real(to).is_none() || real(to) != real(from) {
            locks.push(lock(to)?);
        }
    }
    Ok(locks)
}

fn say(moved: &Moved, from: &Place, to: &Place) {
    let (from, to) = (&from.name, &to.name);
    let rows: Vec<_> = moved.rows.iter().map(|(table, rows)| format!("{table} {rows}")).collect();
    println!("rows: {}", rows.join(", "));
    if moved.before > 0 {
        println!("{} of them were copied before", moved.before);
    }
    for (table, rows) in &moved.aside {
        println!("{rows} rows of {table} could not be read when they were put aside: they stay in {from}");
    }
    for difference in &moved.differences.named {
        println!("{difference}");
    }
    match moved.differences.count {
        0 => println!("all of {from} is in {to}, compared row by row; now set `store.url` to the URL of --to"),
        count => println!(
            "{count} rows are not the same in {from} and {to}: keep `store.url` as it is; mend them in {to}, or empty it and start \
             again"
        ),
    }
}
