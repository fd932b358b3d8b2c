//! Where the store is: the `store.url` of the configuration.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

/// The place of a store: `sqlite://PATH/andon.db`.
///
/// Samples and scores live in a second file beside it, `andon.samples.db`, so that a busy historian never blocks an
/// acknowledge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreUrl {
    main: PathBuf,
}

/// The text is not a place a store can be.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum StoreUrlError {
    /// PostgreSQL comes later.
    #[error("store.url `{0}`: this release stores in SQLite only; write `sqlite://andon.db`")]
    Postgres(String),
    /// Another scheme, or none.
    #[error("store.url `{0}` is not known; write `sqlite://` and a path, such as `sqlite://andon.db`")]
    Scheme(String),
    /// No file is named.
    #[error("store.url `{0}` names no file; write `sqlite://` and a path, such as `sqlite://andon.db`")]
    NoFile(String),
    /// Options of other SQLite programs.
    #[error("store.url `{0}` has options after `?`: there are none; write the path alone")]
    Options(String),
}

impl StoreUrl {
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

    /// The same store with a relative path taken from `folder`, such as the configuration file's.
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

impl FromStr for StoreUrl {
    type Err = StoreUrlError;

    fn from_str(text: &str) -> Result<Self, StoreUrlError> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Err(StoreUrlError::Postgres(redacted(text)));
        }
        let Some(path) = text.strip_prefix("sqlite:") else {
            return Err(StoreUrlError::Scheme(redacted(text)));
        };
        let path = path.strip_prefix("//").unwrap_or(path);
        match path {
            "" | ":memory:" => Err(StoreUrlError::NoFile(text.to_owned())),
            _ if path.contains('?') => Err(StoreUrlError::Options(text.to_owned())),
            _ => Self::at(path),
        }
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sqlite://{}", self.main.display())
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

    #[test]
    fn samples_live_beside_the_main_file() {
        let url: StoreUrl = "sqlite://data/andon.db".parse().unwrap();
        assert_eq!(url.main_path(), Path::new("data/andon.db"));
        assert_eq!(url.samples_path(), Path::new("data/andon.samples.db"));
        assert_eq!(url.to_string(), "sqlite://data/andon.db");
        assert_eq!("sqlite:andon.db".parse::<StoreUrl>().unwrap().main_path(), Path::new("andon.db"));
    }

    #[test]
    fn an_absolute_path_stays_absolute() {
        let url: StoreUrl = "sqlite:///var/lib/andon/andon.db".parse().unwrap();
        assert_eq!(url.within(Path::new("/etc")).main_path(), Path::new("/var/lib/andon/andon.db"));
        let url: StoreUrl = "sqlite://andon.db".parse().unwrap();
        assert_eq!(url.within(Path::new("/etc")).main_path(), Path::new("/etc/andon.db"));
    }

    #[test]
    fn postgres_is_refused_without_its_password() {
        let said = "postgres://andon:secret@db/andon".parse::<StoreUrl>().unwrap_err();
        assert_eq!(said, StoreUrlError::Postgres("postgres://...@db/andon".to_owned()));
        assert!(said.to_string().contains("SQLite only"), "{said}");
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
