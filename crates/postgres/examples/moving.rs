//! Rows and bytes a second that a store moves to a server and back: `moving FOLDER URL BACK`, with the store of
//! `large_store FOLDER`, an empty database, and a folder for the way back.

use std::{error::Error, path::PathBuf, time::Instant};

use andon_store::{Place, SqliteUrl, StoreUrl, engine::Engine, move_store};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [folder, url, back] = args.as_slice() else { return Err("name a folder, a URL and another folder".into()) };
    let StoreUrl::Postgres(url) = url.parse()? else { return Err("the second is a server's URL".into()) };
    let size = PathBuf::from(folder).join("andon.samples.db").metadata()?.len();
    let server = || async { Ok::<_, Box<dyn Error>>(place(andon_postgres::open_alone(&url).await?, "server")) };
    measure("there", size, &files(folder).await?, &server().await?).await?;
    measure("back", size, &server().await?, &files(back).await?).await
}

fn place(engine: Engine, name: &str) -> Place {
    Place { engine, name: name.to_owned() }
}

async fn files(folder: &str) -> Result<Place, Box<dyn Error>> {
    let url = SqliteUrl::at(PathBuf::from(folder).join("andon.db"))?;
    Ok(place(Engine::open(&url).await?, "files"))
}

async fn measure(way: &str, bytes: u64, from: &Place, to: &Place) -> Result<(), Box<dyn Error>> {
    let (start, mut copied) = (Instant::now(), None);
    let mut show = |share| {
        if share >= 0.5 {
            copied.get_or_insert_with(|| start.elapsed());
        }
    };
    let moved = move_store(from, to, &mut show).await?;
    let (all, rows) = (start.elapsed(), moved.rows.iter().map(|(_, rows)| rows).sum::<u64>());
    let seconds = all.as_secs_f64();
    println!(
        "{way}: {rows} rows, {bytes} bytes in {seconds:.1} s ({:.1} s of it copying): {:.0} rows and {:.1} MB a second; {} differ",
        copied.unwrap_or(all).as_secs_f64(),
        rows as f64 / seconds,
        bytes as f64 / 1e6 / seconds,
        moved.differences.count
    );
    Ok(())
}
