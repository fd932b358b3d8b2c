//! Running `andon` and third-party peers as processes, as a user would.
#![expect(dead_code, unreachable_pub, reason = "each test binary uses its own part")]
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test stops where something is missing")]

pub mod pump;

use std::{
    fs,
    io::{BufRead, BufReader},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, mpsc},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

/// The project's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

/// A Python with asyncua, as `make test` installs it.
pub fn python() -> PathBuf {
    let given = std::env::var_os("ANDON_PYTHON").map(PathBuf::from);
    let home = std::env::var_os("HOME").map(|h| PathBuf::from(h).join(".cache/andon/venv/bin/python"));
    let places = [given, Some(root().join(".venv/bin/python")), home];
    let found = places.into_iter().flatten().find(|p| p.exists());
    found.expect("no Python with asyncua: run `make test`, which installs one, or set ANDON_PYTHON")
}

/// A port nobody listens on just now.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A running process whose lines are kept; it is killed when dropped.
pub struct Process {
    child: Child,
    lines: mpsc::Receiver<String>,
    pub seen: Arc<Mutex<Vec<String>>>,
}

impl Process {
    pub fn start(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = mpsc::sync_channel(100_000);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let streams: [Box<dyn std::io::Read + Send>; 2] =
            [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
        for stream in streams {
            let (sender, seen) = (sender.clone(), seen.clone());
            thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    seen.lock().unwrap().push(line.clone());
                    if sender.send(line).is_err() {
                        return;
                    }
                }
            });
        }
        Self { child, lines, seen }
    }

    pub fn andon(args: &[&str], dir: &Path) -> Self {
        Self::start(Command::new(env!("CARGO_BIN_EXE_andon")).args(args).current_dir(dir))
    }

    pub fn peer(script: &Path, args: &[&str]) -> Self {
        Self::start(Command::new(python()).arg("-u").arg(script).args(args))
    }

    /// Waits for a line that has `text` in it.
    pub fn wait_for(&self, text: &str, patience: Duration) -> String {
        let end = Instant::now() + patience;
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            match self.lines.recv_timeout(left) {
                Ok(line) if line.contains(text) => return line,
                Ok(_) => {}
                Err(_) => break,
            }
        }
        panic!("`{text}` was not said in {patience:?}; said so far:\n{}", self.seen.lock().unwrap().join("\n"));
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to stop as Ctrl-C or a service manager would.
    pub fn terminate(mut self) -> ExitStatus {
        Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        self.child.wait().unwrap()
    }

    /// Ends it as a power cut would.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn wait(mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Runs `andon` to its end: exit code, standard output, standard error.
pub fn andon(args: &[&str], dir: &Path) -> (i32, String, String) {
    let out = Command::new(env!("CARGO_BIN_EXE_andon")).args(args).current_dir(dir).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (out.status.code().unwrap_or(-1), text(&out.stdout), text(&out.stderr))
}

/// Runs a Python script to its end.
pub fn run_peer(script: &Path, args: &[&str]) -> (i32, String) {
    let out = Command::new(python()).arg("-u").arg(script).args(args).output().unwrap();
    let text = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
    (out.status.code().unwrap_or(-1), text)
}

/// A running `andon run` or `andon demo` and where it listens.
pub struct Andon {
    pub process: Process,
    pub http: String,
    pub opcua: String,
}

impl Andon {
    pub fn start(args: &[&str], dir: &Path) -> Self {
        let process = Process::andon(args, dir);
        process.wait_for("ready; stop with", Duration::from_secs(60));
        let said = process.seen.lock().unwrap().clone();
        let after = |name: &str| {
            let line = said.iter().find(|l| l.starts_with(name)).unwrap_or_else(|| panic!("no {name} in {said:?}"));
            line.split_whitespace().nth(1).unwrap().trim_end_matches('/').to_owned()
        };
        Self { http: after("dashboard"), opcua: said_opcua(&said), process }
    }

    pub fn get(&self, path: &str) -> Value {
        let url = format!("{}{path}", self.http);
        ureq::get(&url).call().unwrap_or_else(|e| panic!("GET {url}: {e}")).body_mut().read_json().unwrap()
    }

    pub fn post(&self, path: &str, body: Value) -> Value {
        let url = format!("{}{path}", self.http);
        ureq::post(&url).send_json(body).unwrap_or_else(|e| panic!("POST {url}: {e}")).body_mut().read_json().unwrap()
    }

    /// Asks until `answer` gives something.
    pub fn until<T>(&self, what: &str, patience: Duration, mut answer: impl FnMut(&Self) -> Option<T>) -> T {
        let end = Instant::now() + patience;
        loop {
            if let Some(answer) = answer(self) {
                return answer;
            }
            let said = || self.process.seen.lock().unwrap().join("\n");
            assert!(Instant::now() < end, "{what} did not come in {patience:?}; said:\n{}", said());
            thread::park_timeout(Duration::from_millis(200));
        }
    }
}

fn said_opcua(said: &[String]) -> String {
    let line = said.iter().find(|l| l.starts_with("OPC UA")).unwrap();
    line.split_whitespace().nth(2).unwrap().to_owned()
}

/// A configuration for one asset read from `endpoint`.
pub struct Plant<'a> {
    pub endpoint: &'a str,
    pub asset: &'a str,
    pub tags: &'a [(&'a str, String)],
    pub grid: &'a str,
    pub rows: usize,
    pub model: Option<&'a Path>,
}

impl Plant<'_> {
    /// Writes it to `dir/andon.toml` with ports of its own.
    pub fn write(&self, dir: &Path) -> PathBuf {
        let model = self.model.map(|m| format!("model = {:?}\n", m.display().to_string())).unwrap_or_default();
        let mut text = format!(
            "[plant]\nname = \"Test\"\n[store]\nurl = \"sqlite://andon.db\"\n[http]\nlisten = \"127.0.0.1:0\"\n\
             [opcua]\nlisten = \"127.0.0.1:{}\"\n[[source]]\nname = \"plc1\"\nendpoint = \"{}\"\nsecurity = \"None\"\n\
             read = {{ subscribe = \"100ms\" }}\n[[asset]]\nname = \"{}\"\ngrid = \"{}\"\n\
             window = {{ rows = {}, stride = 1 }}\n{model}\
             alarm = {{ on_delay = \"3s\", off_delay = \"10s\", hysteresis = 0.5 }}\nthreshold = {{ strategy = \"ewma\" }}\n",
            free_port(),
            self.endpoint,
            self.asset,
            self.grid,
            self.rows
        );
        for (name, node) in self.tags {
            text.push_str(&format!("[[asset.tag]]\nname = \"{name}\"\nsource = \"plc1\"\nnode = \"{node}\"\n"));
        }
        let path = dir.join("andon.toml");
        fs::write(&path, text).unwrap();
        path
    }
}
