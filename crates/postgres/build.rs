//! Builds check the queries against the committed `.sqlx` data, whatever a `DATABASE_URL` or an `.env` file says, so that
//! every machine builds the same. `prepare.sh` names a database and a folder to write that data anew; they are this crate's
//! alone, as the store it is built on has queries for SQLite.

fn main() {
    println!("cargo::rerun-if-env-changed=ANDON_PREPARE_URL");
    println!("cargo::rerun-if-env-changed=ANDON_PREPARE_DIR");
    println!("cargo::rerun-if-changed=.sqlx");
    println!("cargo::rerun-if-changed=../../migrations/postgres");
    match (std::env::var("ANDON_PREPARE_URL"), std::env::var("ANDON_PREPARE_DIR")) {
        (Ok(url), Ok(folder)) => {
            println!("cargo::rustc-env=DATABASE_URL={url}");
            println!("cargo::rustc-env=SQLX_OFFLINE=false");
            println!("cargo::rustc-env=SQLX_OFFLINE_DIR={folder}");
        }
        _ => println!("cargo::rustc-env=SQLX_OFFLINE=true"),
    }
}
