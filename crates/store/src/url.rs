//! Where the store is: the `store.url` of the configuration.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

/// The place of a store: `sqlite://PATH/andon.db`, or `postgres://USER@HOST/DATABASE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreUrl {
    /// Files.
    Sqlite(SqliteUrl),
    /// A database of a server.
    Postgres(PostgresUrl),
}

/// A store in files: `sqlite://PATH/andon.db`.
///
/// Samples and scores live in a second file beside it, `andon.samples.db`, so that a busy historian never blocks an
/// acknowledge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqliteUrl {
    main: PathBuf,
}

/// A store in a database of PostgreSQL: `postgres://USER:PASSWORD@HOST:PORT/DATABASE?OPTIONS`, as libpq has it. What is
/// left out comes from the usual variables (`PGPASSWORD`, `PGHOST`, ...) and from `.pgpass`.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl {
    url: String,
}

/// The text is not a place a store can be.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum StoreUrlError {
    /// Another scheme, or none.
    #[error(
        "store.url `{0}` is not known; write `sqlite://` and a path, such as `sqlite://andon.db`, or `postgres://user@host/database`"
    )]
    Scheme(String),
    /// No file is named.
    #[error("store.url `{0}` names no file; write `sqlite://` and a path, such as `sqlite://andon.db`")]
    NoFile(String),
    /// No database is named.
    #[error("store.url `{0}` names no host or no database; write `postgres://user@host/database`")]
    NoDatabase(String),
    /// An option that PostgreSQL's clients do not know.
    #[error("store.url `{url}`: `{option}` is not an option of a connection; write one of {}", OPTIONS.join(", "))]
    Option {
        /// The URL.
        url: String,
        /// The option.
        option: String,
    },
    /// Options of other SQLite programs.
    #[error("store.url `{0}` has options after `?`: there are none; write the path alone")]
    Options(String),
}

/// What may follow `?` in a server's URL: a typo must not switch off what it was to switch on, such as TLS.
const OPTIONS: [&str; 12] = [
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "host",
    "hostaddr",
    "port",
    "user",
    "password",
    "dbname",
    "application_name",
    "options",
];

impl StoreUrl {
    /// The same store with a relative path taken from `folder`, such as the configuration file's.
    pub fn within(self, folder: &Path) -> Self {
        match self {
            StoreUrl::Sqlite(url) => StoreUrl::Sqlite(url.within(folder)),
            server => server,
        }
    }
}

impl SqliteUrl {
    /// The store whose main file is `path`.
    ///
    /// # Errors
    /// If `path` ends in no file name.
    pub fn at(path: impl Into<PathBuf>) -> Result<Self, StoreUrlError> {
        let main = path.into();
        match main.file_name() {
            Some(_) if !main.to_string_lossy().ends_with(['/', std::path::MAIN_SEPARATOR]) => Ok(Self { main }),
            _ => Err(StoreUrlError::NoFile(format!("sqlite://{}", main.display()))),
        }
    }

    /// The same store with a relative path taken from `folder`.
    pub fn within(self, folder: &Path) -> Self {
        Self { main: folder.join(self.main) }
    }

    /// The file of alarms, models and runtime state.
    pub fn main_path(&self) -> &Path {
        &self.main
    }

    /// The file of samples and scores.
    pub fn samples_path(&self) -> PathBuf {
        self.main.with_extension("samples.db")
    }
}

impl PostgresUrl {
    fn unknown_option(&self) -> Option<String> {
        let (_, options) = self.url.split_once('?')?;
        let names = options.split('&').map(|option| option.split('=').next().unwrap_or_default());
        let known = |name: &&str| OPTIONS.contains(name) || name.starts_with("options[");
        names.filter(|name| !known(name)).map(str::to_owned).next()
    }

    /// The URL as it was written, with its password: not for a log.
    pub fn secret(&self) -> &str {
        &self.url
    }
}

impl FromStr for StoreUrl {
    type Err = StoreUrlError;

    fn from_str(text: &str) -> Result<Self, StoreUrlError> {
        if let Some(place) = text.strip_prefix("postgres://").or_else(|| text.strip_prefix("postgresql://")) {
            let place = place.split('?').next().unwrap_or_default();
            // A password may have a slash in it.
            let place = place.rsplit_once('@').map_or(place, |(_, place)| place);
            let (server, database) = place.split_once('/').unwrap_or((place, ""));
            let named = !server.is_empty() && !database.is_empty();
            let url = PostgresUrl { url: text.to_owned() };
            if let Some(option) = url.unknown_option() {
                return Err(StoreUrlError::Option { url: url.to_string(), option });
            }
            return if named { Ok(Self::Postgres(url)) } else { Err(StoreUrlError::NoDatabase(url.to_string())) };
        }
        let Some(path) = text.strip_prefix("sqlite:") else {
            return Err(StoreUrlError::Scheme(redacted(text)));
        };
        let path = path.strip_prefix("//").unwrap_or(path);
        match path {
            "" | ":memory:" => Err(StoreUrlError::NoFile(text.to_owned())),
            _ if path.contains('?') => Err(StoreUrlError::Options(text.to_owned())),
            _ => SqliteUrl::at(path).map(Self::Sqlite),
        }
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreUrl::Sqlite(url) => url.fmt(f),
            StoreUrl::Postgres(url) => url.fmt(f),
        }
    }
}

impl fmt::Display for SqliteUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sqlite://{}", self.main.display())
    }
}

/// Without the user, the password and the options.
impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&redacted(self.url.split('?').next().unwrap_or_default()))
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresUrl({self})")
    }
}

/// The URL without the user and password before its host: messages go to logs.
fn redacted(text: &str) -> String {
    match (text.split_once("://"), text.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://...@{host}"),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(text: &str) -> SqliteUrl {
        match text.parse().unwrap() {
            StoreUrl::Sqlite(url) => url,
            other => panic!("{other} is not in files"),
        }
    }

    #[test]
    fn samples_live_beside_the_main_file() {
        let url = files("sqlite://data/andon.db");
        assert_eq!(url.main_path(), Path::new("data/andon.db"));
        assert_eq!(url.samples_path(), Path::new("data/andon.samples.db"));
        assert_eq!(url.to_string(), "sqlite://data/andon.db");
        assert_eq!(files("sqlite:andon.db").main_path(), Path::new("andon.db"));
    }

    #[test]
    fn an_absolute_path_stays_absolute() {
        let url = files("sqlite:///var/lib/andon/andon.db");
        assert_eq!(url.within(Path::new("/etc")).main_path(), Path::new("/var/lib/andon/andon.db"));
        assert_eq!(files("sqlite://andon.db").within(Path::new("/etc")).main_path(), Path::new("/etc/andon.db"));
    }

    #[test]
    fn a_server_is_named_without_its_password() {
        let url: StoreUrl = "postgres://andon:se/cret@db:5432/andon?sslmode=require&password=secret".parse().unwrap();
        assert_eq!(url.to_string(), "postgres://...@db:5432/andon");
        assert!(!format!("{url:?}").contains("secret"));
        let url: StoreUrl = "postgres://db/andon?password=sec@ret".parse().unwrap();
        assert_eq!(url.to_string(), "postgres://db/andon");
        let said = "postgres://andon:secret@db/andon?sslmod=require".parse::<StoreUrl>().unwrap_err().to_string();
        assert!(said.contains("`sslmod`") && said.contains("sslmode") && !said.contains("secret"), "{said}");
        for text in ["postgres://", "postgres://andon:secret@db", "postgresql://andon:secret@db/?sslmode=require"] {
            let said = text.parse::<StoreUrl>().unwrap_err();
            assert!(matches!(said, StoreUrlError::NoDatabase(_)) && !said.to_string().contains("secret"), "{said}");
        }
    }

    #[test]
    fn what_names_no_file_is_refused() {
        for text in ["sqlite://", "sqlite://data/", "sqlite::memory:"] {
            assert!(matches!(text.parse::<StoreUrl>(), Err(StoreUrlError::NoFile(_))), "{text}");
        }
        assert!(matches!("andon.db".parse::<StoreUrl>(), Err(StoreUrlError::Scheme(_))));
        assert!(matches!("sqlite://a.db?mode=ro".parse::<StoreUrl>(), Err(StoreUrlError::Options(_))));
    }
}
