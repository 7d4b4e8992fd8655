//! Redis, past the product: to look at what is really there, to put something else there, and to
//! take things from it that it should have.

use std::{
    env,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    process::{Child, Command},
};
use uuid::Uuid;

use crate::{free_addr, variable};

/// A Redis that a test speaks to by itself.
#[derive(Clone)]
pub struct RawRedis {
    addr: String,
}

impl RawRedis {
    /// The Redis of these tests.
    #[must_use]
    pub fn shared() -> Self {
        let url = variable("TEST_REDIS_URL");
        Self {
            addr: url.trim_start_matches("redis://").to_owned(),
        }
    }

    /// Sends a command, its words as they are, and returns the first line of the answer; of a
    /// string, its text.
    ///
    /// # Panics
    ///
    /// When Redis cannot be reached.
    pub async fn command(&self, words: &[&str]) -> String {
        let mut stream = BufReader::new(TcpStream::connect(&self.addr).await.unwrap());
        let words = words
            .iter()
            .map(|word| format!("${}\r\n{word}\r\n", word.len()));
        let words: Vec<_> = words.collect();
        let command = format!("*{}\r\n{}", words.len(), words.concat());
        stream.write_all(command.as_bytes()).await.unwrap();
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        let line = line.trim_end().to_owned();
        match line
            .strip_prefix('$')
            .and_then(|length| length.parse().ok())
        {
            Some(length) => {
                let mut text = vec![0; length];
                stream.read_exact(&mut text).await.unwrap();
                String::from_utf8_lossy(&text).into_owned()
            }
            None => line,
        }
    }

    /// Sends a command that must succeed.
    ///
    /// # Panics
    ///
    /// When it does not.
    pub async fn ok(&self, words: &[&str]) {
        let answer = self.command(words).await;
        assert!(!answer.starts_with('-'), "{words:?}: {answer}");
    }

    /// Makes a user who may do everything, and returns its name and a URL with it.
    pub async fn user(&self) -> (String, String) {
        let name = format!("user-{}", Uuid::new_v4().simple());
        self.ok(&["ACL", "SETUSER", &name, "on", ">secret", "~*", "+@all"])
            .await;
        let url = format!("redis://{name}:secret@{}", self.addr);
        (name, url)
    }
}

/// A Redis that saves nothing unless it is told to.
pub(crate) const IN_MEMORY: [&str; 4] = ["--save", "", "--appendonly", "no"];

/// A Redis of a test's own, in a folder of its own; it ends with this value.
pub struct PrivateRedis {
    /// To speak to it.
    pub raw: RawRedis,
    addr: SocketAddr,
    arguments: Vec<String>,
    folder: PathBuf,
    process: Child,
}

impl PrivateRedis {
    /// Starts one; `TEST_REDIS_SERVER` names the program.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub async fn start() -> Self {
        Self::with(&IN_MEMORY).await
    }

    /// Starts one with these arguments, too.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub async fn with(arguments: &[&str]) -> Self {
        let addr = free_addr().await;
        let folder = format!("balcao-redis-{}", Uuid::new_v4().simple());
        let folder = env::temp_dir().join(folder);
        std::fs::create_dir(&folder).unwrap();
        // A file that it is to write to, as a Sentinel does; a server is told everything here.
        std::fs::write(folder.join("redis.conf"), "").unwrap();
        let arguments: Vec<_> = arguments.iter().map(ToString::to_string).collect();
        Self {
            raw: RawRedis {
                addr: addr.to_string(),
            },
            process: serve(addr, &folder, &arguments).await,
            addr,
            arguments,
            folder,
        }
    }

    /// Ends it as a crash does.
    ///
    /// # Panics
    ///
    /// When it cannot be ended.
    pub async fn kill(&mut self) {
        self.process.kill().await.unwrap();
    }

    /// Starts another one where it was, with what it has saved, which by itself is nothing.
    pub async fn start_again(&mut self) {
        self.process = serve(self.addr, &self.folder, &self.arguments).await;
    }

    /// Forgets what it has saved.
    pub fn forget(&self) {
        let _ = std::fs::remove_file(self.folder.join("dump.rdb"));
    }

    /// Sends it a signal, by its name with a dash before it.
    ///
    /// # Panics
    ///
    /// When it has ended.
    pub async fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        let sent = Command::new("kill").args([name, &pid]).status().await;
        assert!(sent.unwrap().success());
    }

    /// The id of its process.
    ///
    /// # Panics
    ///
    /// When it has ended.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.id().unwrap()
    }

    /// Where it listens, `ADDRESS:PORT`.
    #[must_use]
    pub fn addr(&self) -> &str {
        &self.raw.addr
    }

    /// Where it listens, as Redis is told of it.
    pub(crate) fn port(&self) -> String {
        self.addr.port().to_string()
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://{}", self.raw.addr)
    }
}

impl Drop for PrivateRedis {
    fn drop(&mut self) {
        let _ = self.process.start_kill();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

async fn serve(addr: SocketAddr, folder: &Path, arguments: &[String]) -> Child {
    let program = PathBuf::from(variable("TEST_REDIS_SERVER"));
    let process = Command::new(program)
        .arg(folder.join("redis.conf"))
        .args(["--port", &addr.port().to_string(), "--bind", "127.0.0.1"])
        .args(["--dir", folder.to_str().unwrap()])
        .args(arguments)
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    crate::eventually("the private Redis listens", || async {
        TcpStream::connect(addr).await.is_ok()
    })
    .await;
    process
}
