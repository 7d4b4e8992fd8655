//! A PostgreSQL of a test's own, which the test may end.

use std::{
    env,
    fs::OpenOptions,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use tokio::task::spawn_blocking;
use tokio_postgres::Client;
use uuid::Uuid;

use crate::{
    database::{connect, url_of},
    eventually, free_addr,
    proxy::server_of,
    variable,
};

/// A database of which nothing is replayed on a standby: a replay ends the statements of its own database that see rows
/// which it removes (PostgreSQL manual, section 27.4.2), be it one that lets it go on.
const OUTSIDE: &str = "balcao";

/// A PostgreSQL that a test may end; it is gone with this value. It loses nothing in a crash.
pub struct PrivatePostgres {
    folder: PathBuf,
    is_mounted: bool,
    url: String,
}

impl PrivatePostgres {
    /// Starts one with the programs that those of all tests have: `TEST_POSTGRES_PROGRAMS` and
    /// `TEST_REDIS_SERVER` say where they are.
    pub async fn start() -> Self {
        Self::start_in(new_folder(), false).await
    }

    /// The same, on a small disk of its own, if one can be mounted (which needs root).
    pub async fn start_on_a_disk_of(mebibytes: u32) -> Self {
        let folder = new_folder();
        std::fs::create_dir(&folder).unwrap();
        let size = format!("size={mebibytes}m");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(&folder)
            .stderr(Stdio::null())
            .status();
        let is_mounted = mounted.is_ok_and(|status| status.success());
        Self::start_in(folder, is_mounted).await
    }

    async fn start_in(folder: PathBuf, is_mounted: bool) -> Self {
        let ports = [free_addr().await, free_addr().await].map(|addr| addr.port().to_string());
        let started = folder.clone();
        let url = spawn_blocking(move || {
            let up = services("up", &started)
                .env("POSTGRES_PORT", &ports[0])
                .env("REDIS_PORT", &ports[1])
                .status();
            assert!(up.unwrap().success(), "PostgreSQL did not start");
            let urls = services("urls", &started).output().unwrap().stdout;
            let urls = String::from_utf8(urls).unwrap();
            let url = urls
                .lines()
                .find_map(|url| url.strip_prefix("DATABASE_URL="));
            url.unwrap().to_owned()
        });
        Self {
            folder,
            is_mounted,
            url: url.await.unwrap(),
        }
    }

    /// Starts another one that follows it (PostgreSQL manual, section 27.2.4). It begins with a copy of this one, which
    /// is ended for that as a crash does.
    pub async fn standby(&self) -> Self {
        self.crash().await;
        let folder = new_folder();
        std::fs::create_dir(&folder).unwrap();
        let copied = Command::new("cp")
            .arg("-a")
            .arg(self.folder.join("postgres"))
            .arg(&folder)
            .status();
        assert!(copied.unwrap().success());
        let data = folder.join("postgres/data");
        let _ = std::fs::remove_file(data.join("postmaster.pid"));
        std::fs::write(data.join("standby.signal"), "").unwrap();
        let addr = self.addr();
        let (host, port) = addr.rsplit_once(':').unwrap();
        let follows = format!(
            "primary_conninfo = 'host={host} port={port} user=balcao'\nmax_standby_streaming_delay = 0\n"
        );
        let mut settings = OpenOptions::new()
            .append(true)
            .open(data.join("postgresql.auto.conf"))
            .unwrap();
        settings.write_all(follows.as_bytes()).unwrap();
        self.restart().await;
        Self::start_in(folder, false).await
    }

    /// A connection to its database of this name.
    pub async fn client(&self, database: &str) -> Client {
        connect(&url_of(&self.url, database)).await
    }

    /// Stops what this standby takes over from its primary; it can be read on.
    pub async fn pause_replay(&self) {
        let session = self.client(OUTSIDE).await;
        let pause = "select pg_wal_replay_pause()";
        session.batch_execute(pause).await.unwrap();
        eventually("the replay is paused", || async {
            let is_paused = "select pg_get_wal_replay_pause_state() = 'paused'";
            session.query_one(is_paused, &[]).await.unwrap().get(0)
        })
        .await;
    }

    /// Lets this standby take over what its primary has sent meanwhile, and what it sends.
    pub async fn resume_replay(&self) {
        let session = self.client(OUTSIDE).await;
        let resume = "select pg_wal_replay_resume()";
        session.batch_execute(resume).await.unwrap();
    }

    /// Where it keeps everything.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether its disk holds nothing else.
    #[must_use]
    pub const fn has_a_disk_of_its_own(&self) -> bool {
        self.is_mounted
    }

    /// Where it listens, `ADDRESS:PORT`.
    #[must_use]
    pub fn addr(&self) -> String {
        server_of(&self.url)
    }

    /// The URL of its first database.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Ends it as a crash does.
    pub async fn crash(&self) {
        self.tell("crash").await;
    }

    /// Ends it as a crash does, unless it has ended, and starts it again where it was.
    pub async fn restart(&self) {
        self.tell("restart").await;
    }

    async fn tell(&self, command: &'static str) {
        let folder = self.folder.clone();
        let done = spawn_blocking(move || services(command, &folder).status());
        assert!(done.await.unwrap().unwrap().success());
    }

    /// Sends a signal to all of its processes, by its name with a dash before it.
    pub async fn signal(&self, name: &'static str) {
        let pids = self.folder.join("postgres/data/postmaster.pid");
        let pids = std::fs::read_to_string(pids).unwrap();
        let postmaster = pids.lines().next().unwrap().to_owned();
        let send = spawn_blocking(move || {
            // The first one does not start others then.
            let first = Command::new("kill").args([name, &postmaster]).status();
            let others = Command::new("pkill")
                .args([name, "-P", &postmaster])
                .status();
            first.unwrap().success() && others.unwrap().success()
        });
        assert!(send.await.unwrap());
    }
}

impl Drop for PrivatePostgres {
    fn drop(&mut self) {
        let is_reset = services("reset", &self.folder).status().unwrap().success();
        if self.is_mounted {
            let _ = Command::new("umount").arg(&self.folder).status();
        }
        let is_gone = is_reset && std::fs::remove_dir_all(&self.folder).is_ok();
        assert!(is_gone || std::thread::panicking());
    }
}

/// A program of PostgreSQL's: beside those of `TEST_POSTGRES_PROGRAMS`, of which each may be a link to
/// where all of them are, or whatever has this name in the `PATH`.
#[must_use]
pub fn postgres_program(name: &str) -> PathBuf {
    let folder = programs();
    let beside = folder.join("pg_ctl").canonicalize();
    let beside = beside.ok().map(|pg_ctl| pg_ctl.with_file_name(name));
    let mut candidates = beside.into_iter().chain([folder.join(name)]);
    let found = candidates.find(|program| program.exists());
    found.unwrap_or_else(|| name.into())
}

fn new_folder() -> PathBuf {
    let folder = format!("balcao-postgres-{}", Uuid::new_v4().simple());
    env::temp_dir().join(folder)
}

fn programs() -> PathBuf {
    variable("TEST_POSTGRES_PROGRAMS").into()
}

fn services(command: &str, folder: &Path) -> Command {
    let redis = PathBuf::from(variable("TEST_REDIS_SERVER"));
    let mut path = vec![programs()];
    path.extend(redis.parent().map(Path::to_owned));
    path.extend(env::split_paths(&variable("PATH")));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/services");
    let mut services = Command::new(script);
    services
        .args([command.as_ref(), folder.as_os_str()])
        .env("PATH", env::join_paths(path).unwrap())
        .env_remove("FAST")
        .stderr(Stdio::null());
    services
}
