//! A PostgreSQL of a test's own, which the test may end.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use tokio::task::spawn_blocking;
use uuid::Uuid;

use crate::{free_addr, variable};

/// A PostgreSQL that a test may end; it is gone with this value. It loses nothing in a crash.
pub struct PrivatePostgres {
    folder: PathBuf,
    url: String,
}

impl PrivatePostgres {
    /// Starts one with the programs that those of all tests have: `TEST_POSTGRES_PROGRAMS` and
    /// `TEST_REDIS_SERVER` say where they are.
    pub async fn start() -> Self {
        let folder = format!("balcao-postgres-{}", Uuid::new_v4().simple());
        let folder = env::temp_dir().join(folder);
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
            url: url.await.unwrap(),
        }
    }

    /// The URL of its first database.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Ends it as a crash does, and starts it again where it was.
    pub async fn restart(&self) {
        let folder = self.folder.clone();
        let restarted = spawn_blocking(move || services("restart", &folder).status());
        assert!(restarted.await.unwrap().unwrap().success());
    }
}

impl Drop for PrivatePostgres {
    fn drop(&mut self) {
        let is_gone = services("reset", &self.folder).status().unwrap().success()
            && std::fs::remove_dir_all(&self.folder).is_ok();
        assert!(is_gone || std::thread::panicking());
    }
}

/// The folder of PostgreSQL's programs: `TEST_POSTGRES_PROGRAMS`.
#[must_use]
pub fn postgres_programs() -> PathBuf {
    variable("TEST_POSTGRES_PROGRAMS").into()
}

fn services(command: &str, folder: &Path) -> Command {
    let redis = PathBuf::from(variable("TEST_REDIS_SERVER"));
    let mut path = vec![postgres_programs()];
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
