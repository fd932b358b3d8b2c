//! Builds check the queries against the committed `.sqlx` data, whatever a `DATABASE_URL` or an `.env` file says, so that
//! every machine builds the same. `prepare.sh` sets `SQLX_OFFLINE_DIR` to write that data anew.

fn main() {
    println!("cargo::rerun-if-env-changed=SQLX_OFFLINE_DIR");
    println!("cargo::rerun-if-changed=.sqlx");
    println!("cargo::rerun-if-changed=../../migrations/sqlite");
    if std::env::var_os("SQLX_OFFLINE_DIR").is_none() {
        println!("cargo::rustc-env=SQLX_OFFLINE=true");
    }
}
