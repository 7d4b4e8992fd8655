//! What the storm goes over: two replicas behind a balancer, over a PostgreSQL and a Redis of their own,
//! each behind a wire that can be cut.

use std::{
    collections::HashSet,
    env,
    net::SocketAddr,
    ops::Range,
    path::PathBuf,
    process::{Command as BlockingCommand, Stdio},
    time::Duration,
};

use integration_tests::{
    Client, PASSWORD, PrivatePostgres, PrivateRedis, Proxy, balcao_program, eventually,
};
use serde_json::json;
use tokio::{
    io::AsyncWriteExt as _,
    net::TcpListener,
    process::{Child, Command},
    task::AbortHandle,
};
use tokio_postgres::NoTls;
use uuid::Uuid;

use crate::{
    balancer::Balancer,
    nodes::{Layout, Nodes},
    patroni::Patroni,
    storm::BUYERS,
};

/// The size of the disk of PostgreSQL, in MiB.
const DISK: u32 = 768;

/// The stock of a product: of the first there is little, so that some orders are refused.
pub(crate) const STOCK: [i64; 6] = [2_000, 1_000_000, 1_000_000, 1_000_000, 1_000_000, 1_000_000];

/// Where the shop is kept.
pub(crate) enum Postgres {
    Alone(PrivatePostgres),
    Cluster(Patroni),
}

impl Postgres {
    pub(crate) fn alone(&self) -> &PrivatePostgres {
        match self {
            Self::Alone(postgres) => postgres,
            Self::Cluster(_) => unreachable!("a fault of one that is alone"),
        }
    }

    pub(crate) fn cluster(&self) -> &Patroni {
        match self {
            Self::Alone(_) => unreachable!("a fault of a cluster"),
            Self::Cluster(cluster) => cluster,
        }
    }

    /// The URL of a superuser who is alone, or of whom the shop of a cluster belongs to.
    fn url(&self) -> String {
        match self {
            Self::Alone(postgres) => format!("postgres://balcao@{}/shop", postgres.addr()),
            Self::Cluster(cluster) => cluster.url.clone(),
        }
    }
}

pub(crate) struct Arena {
    pub(crate) postgres: Postgres,
    pub(crate) redis: PrivateRedis,
    /// Another one, which only one of the replicas reaches.
    pub(crate) another_redis: Option<PrivateRedis>,
    /// The servers that are used instead, and what the replicas have.
    nodes: Option<Nodes>,
    standby: Option<PrivatePostgres>,
    layout: Layout,
    pub(crate) to_postgres: Proxy,
    /// A wire for each replica.
    pub(crate) to_redis: [Proxy; 2],
    pub(crate) replicas: Vec<Replica>,
    /// What each of them is: this release, or the one before.
    pub(crate) programs: [PathBuf; 2],
    pub(crate) balancer: Balancer,
    pub(crate) buyers: Vec<Customer>,
    /// The token of an administrator.
    pub(crate) boss: String,
    pub(crate) products: Vec<Uuid>,
    /// A product for each replica that nobody buys.
    pub(crate) spare: [Uuid; 2],
    /// The orders that were acknowledged in earlier storms.
    pub(crate) known: HashSet<Uuid>,
    /// What a fault does again and again until it ends.
    pub(crate) repeated: Option<AbortHandle>,
    /// The number of the node that is lost.
    pub(crate) broken_node: usize,
    /// A transaction that holds a lock.
    pub(crate) holder: Option<tokio_postgres::Client>,
}

pub(crate) struct Replica {
    pub(crate) addr: SocketAddr,
    /// Where it shows its metrics.
    pub(crate) metrics: SocketAddr,
    process: Child,
}

/// A customer who is logged in.
#[derive(Clone)]
pub(crate) struct Customer {
    pub(crate) id: Uuid,
    pub(crate) token: String,
}

impl Arena {
    /// Over a PostgreSQL that is alone, or over a cluster.
    pub(crate) async fn open(is_over_a_cluster: bool) -> Self {
        let postgres = if is_over_a_cluster {
            Postgres::Cluster(Patroni::start().await)
        } else {
            let postgres = PrivatePostgres::start_on_a_disk_of(DISK).await;
            make_the_database(&postgres).await;
            Postgres::Alone(postgres)
        };
        let redis = PrivateRedis::start().await;
        let to_postgres = Proxy::to_server_of(&postgres.url()).await;
        let to_redis = [Proxy::to(redis.addr()).await, Proxy::to(redis.addr()).await];
        let mut arena = Self {
            postgres,
            redis,
            another_redis: None,
            nodes: None,
            standby: None,
            layout: Layout::Plain,
            to_postgres,
            to_redis,
            replicas: Vec::new(),
            programs: [
                before().unwrap_or_else(balcao_program),
                before().unwrap_or_else(balcao_program),
            ],
            balancer: Balancer::open().await,
            buyers: Vec::new(),
            boss: String::new(),
            products: Vec::new(),
            spare: [Uuid::nil(); 2],
            known: HashSet::new(),
            repeated: None,
            broken_node: 0,
            holder: None,
        };
        arena.make_the_shop().await;
        arena
    }

    async fn make_the_shop(&mut self) {
        let mut ports = 20_000..32_000;
        for n in 0..2 {
            let addr = quiet_addr(&mut ports).await;
            let metrics = quiet_addr(&mut ports).await;
            let process = self.start(n, addr, metrics);
            self.replicas.push(Replica {
                addr,
                metrics,
                process,
            });
        }
        self.is_ready().await;
        for replica in &self.replicas {
            self.balancer.add(replica.addr);
        }
        self.create_boss().await;
        let anonymous = Client::new(self.replicas[0].addr);
        let boss = anonymous.logged_in("boss@example.com").await;
        boss.token().unwrap().clone_into(&mut self.boss);
        for stock in STOCK {
            self.products
                .push(boss.product("1.50", stock).await.parse().unwrap());
        }
        for spare in &mut self.spare {
            *spare = boss.product("1.50", 1).await.parse().unwrap();
        }
        for n in 0..BUYERS {
            let email = format!("buyer-{n}@example.com");
            let body = json!({"nome": "Ana", "email": email, "password": PASSWORD});
            let id = anonymous.post("/customers", &body).await.expect(201).id();
            let buyer = anonymous.logged_in(&email).await;
            self.buyers.push(Customer {
                id: id.parse().unwrap(),
                token: buyer.token().unwrap().to_owned(),
            });
        }
    }

    async fn create_boss(&self) {
        let args = "user create --email boss@example.com --role admin --password-stdin";
        let mut boss = self.balcao(balcao_program(), &args.split(' ').collect::<Vec<_>>());
        let mut boss = boss.stdin(Stdio::piped()).spawn().unwrap();
        let mut stdin = boss.stdin.take().unwrap();
        stdin.write_all(PASSWORD.as_bytes()).await.unwrap();
        drop(stdin);
        assert!(boss.wait().await.unwrap().success());
    }

    /// The URL that replicas are given: over the wire, and not of a superuser, who gets connections that
    /// others do not.
    fn url_of_replicas(&self) -> String {
        let url = self.postgres.url();
        let url = self.to_postgres.in_place_of_the_server_of(&url);
        url.replace("//balcao@", "//shop@")
    }

    /// The URL of somebody else who uses the same PostgreSQL.
    pub(crate) fn url_of_others(&self) -> String {
        self.postgres.url().replace("//balcao@", "//others@")
    }

    fn balcao(&self, program: PathBuf, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(args)
            .env_clear()
            .envs([
                ("DATABASE_URL", self.url_of_replicas()),
                (
                    "JWT_SECRET",
                    "a secret of the storm, of 32 bytes".to_owned(),
                ),
            ])
            .envs([
                ("JWT_TTL_SECONDS", "86400"),
                ("BCRYPT_COST", "4"),
                ("RATE_LIMIT", "off"),
                ("HTTP_SHUTDOWN_DELAY_SECONDS", "1"),
                ("HTTP_WORKERS", "2"),
                ("RUST_LOG", "off"),
            ])
            .kill_on_drop(true);
        command
    }

    fn start(&self, n: usize, addr: SocketAddr, metrics: SocketAddr) -> Child {
        let program = self.programs[n].clone();
        let mut serve = self.balcao(program, &["serve", "--http-addr", &addr.to_string()]);
        let redis = match &self.nodes {
            Some(nodes) => nodes.url(),
            None => self.to_redis[n].url(),
        };
        serve
            .env("METRICS_ADDR", metrics.to_string())
            .env("REDIS_URL", redis);
        if let Some(standby) = &self.standby {
            let url = format!("postgres://shop@{}/shop", standby.addr());
            serve.env("DATABASE_REPLICA_URL", url);
        }
        serve.stderr(Stdio::null()).spawn().unwrap()
    }

    /// Lets the replicas have this: they are replaced if they did not.
    pub(crate) async fn lay_out(&mut self, layout: Layout) {
        if self.layout == layout {
            return;
        }
        self.layout = layout;
        let standby = match layout {
            Layout::Standby => Some(self.postgres.alone().standby().await),
            Layout::Plain | Layout::Sentinel | Layout::Cluster => None,
        };
        let nodes = Nodes::start(layout).await;
        let before = (
            std::mem::replace(&mut self.standby, standby),
            std::mem::replace(&mut self.nodes, nodes),
        );
        self.is_ready().await;
        for n in 0..self.replicas.len() {
            self.replicas[n].terminate().await;
            self.start_again(n);
            self.is_ready().await;
        }
        drop(before);
    }

    /// The standby that is read.
    pub(crate) fn standby(&self) -> &PrivatePostgres {
        self.standby.as_ref().expect("a fault of a standby")
    }

    /// The servers of a Redis that is on more than one.
    pub(crate) fn nodes(&mut self) -> &mut Nodes {
        self.nodes.as_mut().expect("a fault of many servers")
    }

    /// Starts a replica again, where it was.
    pub(crate) fn start_again(&mut self, n: usize) {
        let Replica { addr, metrics, .. } = self.replicas[n];
        self.replicas[n].process = self.start(n, addr, metrics);
    }

    /// A connection of a superuser to the shop's database, past the wire.
    pub(crate) async fn sql(&self) -> tokio_postgres::Client {
        connect(&self.postgres.url()).await
    }

    /// Waits until every replica says that it is ready.
    pub(crate) async fn is_ready(&self) {
        for replica in &self.replicas {
            let http = reqwest::Client::builder().timeout(Duration::from_secs(3));
            let http = http.build().unwrap();
            eventually("a replica is ready", || async {
                let answer = http.get(format!("http://{}/readyz", replica.addr)).send();
                answer.await.is_ok_and(|answer| answer.status() == 200)
            })
            .await;
        }
    }

    /// The replicas that have ended though nobody ended them.
    pub(crate) fn ended(&mut self) -> usize {
        let ended = self.replicas.iter_mut();
        let ended = ended.filter_map(|replica| replica.process.try_wait().unwrap());
        ended.count()
    }

    pub(crate) async fn close(mut self) {
        for replica in &mut self.replicas {
            replica.kill().await;
        }
    }
}

/// The binary of the release before, where there is one: `BALCAO_BEFORE`. Both replicas begin as that.
pub(crate) fn before() -> Option<PathBuf> {
    env::var_os("BALCAO_BEFORE").map(PathBuf::from)
}

async fn connect(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn make_the_database(postgres: &PrivatePostgres) {
    let sql = connect(&format!("postgres://balcao@{}/balcao", postgres.addr())).await;
    for statement in [
        "create role shop login",
        "create role others login",
        "create database shop owner shop",
        "alter system set max_wal_size = '128MB'",
        "alter system set min_wal_size = '80MB'",
        "select pg_reload_conf()",
    ] {
        sql.batch_execute(statement).await.unwrap();
    }
}

impl Replica {
    /// Ends it without a word.
    pub(crate) async fn kill(&mut self) {
        self.process.kill().await.unwrap();
    }

    /// Asks it to end, and waits until it has.
    pub(crate) async fn terminate(&mut self) {
        signal("-TERM", self.process.id().unwrap());
        assert!(self.process.wait().await.unwrap().success(), "it ends well");
    }
}

/// A free address whose port is none of those that the system gives to whoever connects (32768 and up on
/// Linux): while a replica is away, somebody else could have its port, or connect to itself.
async fn quiet_addr(ports: &mut Range<u16>) -> SocketAddr {
    for port in ports {
        let addr = SocketAddr::from(([127, 0, 0, 1], port));
        if TcpListener::bind(addr).await.is_ok() {
            return addr;
        }
    }
    unreachable!("twelve thousand ports are taken")
}

/// Sends a signal, by its name with a dash before it.
pub(crate) fn signal(name: &str, pid: u32) {
    let sent = BlockingCommand::new("kill")
        .args([name, &pid.to_string()])
        .status();
    assert!(sent.unwrap().success(), "{name} {pid}");
}
