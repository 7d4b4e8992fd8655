//! PostgreSQL on three nodes under Patroni, as `deploy/ha/serve` runs them.

use std::{
    path::PathBuf,
    process::{Command as BlockingCommand, Stdio},
};

use integration_tests::eventually;
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};

use crate::arena::signal;

/// Seconds: the shortest that Patroni before 3.2 can do with, so that a lost node does not hold up the
/// tests for long.
const TIMES: [(&str, &str); 3] = [("TTL", "8"), ("LOOP_WAIT", "1"), ("RETRY_TIMEOUT", "3")];

/// Where everything is, from the root of the repository.
const FOLDER: &str = ".dev/ha";

pub(crate) struct Patroni {
    /// Where the primary is to be found, by `HAProxy`.
    pub(crate) url: String,
    nodes: PathBuf,
    serve: Child,
}

impl Patroni {
    pub(crate) async fn start() -> Self {
        let mut serve = Command::new("deploy/ha/serve")
            .arg(FOLDER)
            .envs(TIMES)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(serve.stdout.take().unwrap()).lines();
        let mut told = async |name: &str| {
            let line = lines.next_line().await.unwrap();
            let line = line.expect("deploy/ha/serve has ended: its folder has the logs");
            let value = line
                .strip_prefix(name)
                .and_then(|line| line.strip_prefix('='));
            value.expect(name).to_owned()
        };
        let url = told("DATABASE_URL").await;
        let _ = told("STANDBYS_URL").await;
        let nodes = told("NODES").await.into();
        Self { url, nodes, serve }
    }

    /// Waits until all nodes run, and one of them has whatever is acknowledged besides the primary.
    pub(crate) async fn is_whole(&self) {
        eventually("the cluster is whole", || async {
            let members = self.members().await;
            let count = |what: &str, values: &[&str]| {
                let is = |member: &&Value| values.iter().any(|value| member[what] == *value);
                members.iter().filter(is).count()
            };
            count("state", &["running", "streaming"]) == 3
                && count("role", &["leader"]) == 1
                && count("role", &["sync_standby"]) == 1
        })
        .await;
    }

    /// The number of the node with this role; `None` while there is none.
    async fn with_role(&self, role: &str) -> Option<usize> {
        let members = self.members().await;
        let member = members.iter().find(|member| member["role"] == role)?;
        let name = member["name"].as_str()?;
        name.strip_prefix("postgres-")?.parse().ok()
    }

    pub(crate) async fn primary(&self) -> usize {
        self.with_role("leader").await.expect("a primary")
    }

    pub(crate) async fn synchronous_standby(&self) -> usize {
        self.with_role("sync_standby").await.expect("a standby")
    }

    /// Waits until another standby is the synchronous one.
    pub(crate) async fn is_replaced_as_standby(&self, node: usize) {
        eventually("orders are on another standby", || async {
            let standby = self.with_role("sync_standby").await;
            standby.is_some_and(|standby| standby != node)
        })
        .await;
    }

    /// Waits until a node says that it is the primary, and not this one.
    pub(crate) async fn is_promoted_instead_of(&self, node: usize) {
        eventually("another node is promoted", || async {
            for other in (1..=3).filter(|other| *other != node) {
                if self.ask(other, "primary").await.is_some() {
                    return true;
                }
            }
            false
        })
        .await;
    }

    /// Makes another node the primary, and returns once it is.
    pub(crate) async fn switch_over(&self) {
        let mut switch = Command::new(self.nodes.join("patronictl"));
        let switch = switch.args(["switchover", "--force"]).stdout(Stdio::null());
        assert!(switch.status().await.unwrap().success(), "a switch-over");
    }

    /// PostgreSQL's first process on a node.
    pub(crate) fn postmaster(&self, node: usize) -> u32 {
        self.pid_in(node, "data/postmaster.pid")
    }

    /// Everything that runs on a node.
    pub(crate) fn processes(&self, node: usize) -> Vec<u32> {
        let postmaster = self.postmaster(node);
        let children = BlockingCommand::new("pgrep")
            .args(["-P", &postmaster.to_string()])
            .output();
        let children = String::from_utf8(children.unwrap().stdout).unwrap();
        let children = children.lines().map(|pid| pid.parse().unwrap());
        let patroni = self.pid_in(node, "patroni.pid");
        [patroni, postmaster].into_iter().chain(children).collect()
    }

    /// Starts Patroni again on a node that was lost.
    pub(crate) fn start_again(&self, node: usize) {
        let patroni = Command::new(self.folder(node).join("patroni")).spawn();
        // `deploy/ha/serve` ends it.
        drop(patroni.unwrap());
    }

    fn pid_in(&self, node: usize, file: &str) -> u32 {
        let text = std::fs::read_to_string(self.folder(node).join(file)).unwrap();
        text.lines().next().unwrap().trim().parse().unwrap()
    }

    fn folder(&self, node: usize) -> PathBuf {
        self.nodes.join(format!("postgres-{node}"))
    }

    /// The members of the cluster, by whichever node answers.
    async fn members(&self) -> Vec<Value> {
        for node in 1..=3 {
            if let Some(mut cluster) = self.ask(node, "cluster").await
                && let Value::Array(members) = cluster["members"].take()
            {
                return members;
            }
        }
        Vec::new()
    }

    /// What a node answers; `None` when that is not 200.
    async fn ask(&self, node: usize, path: &str) -> Option<Value> {
        let rest = std::fs::read_to_string(self.folder(node).join("rest")).unwrap();
        let answer = reqwest::Client::new()
            .get(format!("http://{}/{path}", rest.trim()))
            .timeout(std::time::Duration::from_secs(1))
            .send();
        let answer = answer.await.ok()?.error_for_status().ok()?;
        answer.json().await.ok()
    }
}

impl Drop for Patroni {
    /// Ends all of it, also when a test has failed.
    fn drop(&mut self) {
        let Some(serve) = self.serve.id() else { return };
        signal("-TERM", serve);
        while let Ok(None) = self.serve.try_wait() {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}
