//! Commands on a terminal: they tell how far they are, and Ctrl-C leaves nothing half done.

use std::{fs, io::Write as _, path::PathBuf};

use integration_tests::{PATIENCE, TestDatabase, balcao_program, eventually, table_of_products};
use pty_process::{OwnedWritePty, Size};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    process::{Child, Command},
    task::{JoinHandle, spawn_blocking},
};
use uuid::Uuid;

use super::environment;

/// A command on a terminal of its own.
struct Terminal {
    keyboard: OwnedWritePty,
    shown: JoinHandle<String>,
    process: Child,
}

impl Terminal {
    fn run(database: &TestDatabase, args: &[&str]) -> Self {
        let (pty, pts) = pty_process::open().unwrap();
        pty.resize(Size::new(24, 120)).unwrap();
        let command = pty_process::Command::new(balcao_program())
            .args(args)
            .env_clear();
        let command = command.envs(environment(database)).env("TERM", "xterm");
        let process = command.kill_on_drop(true).spawn(pts).unwrap();
        let (mut screen, keyboard) = pty.into_split();
        let shown = tokio::spawn(async move {
            let mut shown = Vec::new();
            // That no process is left at a terminal is an error on Linux, and the end elsewhere.
            let _ = screen.read_to_end(&mut shown).await;
            String::from_utf8_lossy(&shown).into_owned()
        });
        Self {
            keyboard,
            shown,
            process,
        }
    }

    async fn press_ctrl_c(&mut self) {
        self.keyboard.write_all(b"\x03").await.unwrap();
    }

    /// Waits for the end: whether it was a good one, and all that was shown.
    async fn end(mut self) -> (bool, String) {
        let ended = tokio::time::timeout(PATIENCE, self.process.wait()).await;
        let is_success = ended.expect("it ends").unwrap().success();
        (is_success, self.shown.await.unwrap())
    }
}

/// A folder of a test's own; it is gone with this value.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
        let folder = folder.join(Uuid::new_v4().simple().to_string());
        fs::create_dir(&folder).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    fn files(&self) -> Vec<String> {
        let files = fs::read_dir(&self.0).unwrap();
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        names.collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Whether this question, which begins with `select exists`, is answered with yes.
async fn holds(database: &TestDatabase, question: &str) -> bool {
    let client = database.client().await;
    client.query_one(question, &[]).await.unwrap().get(0)
}

async fn products(database: &TestDatabase) -> i64 {
    let client = database.client().await;
    let count = "select count(*) from products";
    client.query_one(count, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn an_import_shows_how_far_it_is_and_what_it_did() {
    let (database, folder) = (TestDatabase::migrated().await, Folder::new());
    let file = folder.path("products.csv");
    fs::write(&file, table_of_products(2_500)).unwrap();
    let terminal = Terminal::run(&database, &["import", "products", &file]);
    let (is_success, shown) = terminal.end().await;
    assert!(is_success, "{shown}");
    assert!(shown.contains("rows") && shown.contains("left"), "{shown}");
    assert!(shown.contains("2500 rows: created 2500"), "{shown}");
    assert_eq!(products(&database).await, 2_500);
}

/// Presses Ctrl-C when an import has written some of its rows, and returns what was shown.
async fn interrupted(database: &TestDatabase, flags: &[&str]) -> String {
    let folder = Folder::new();
    let file = folder.path("products.csv");
    // A pipe ends when we say so, and so the import goes on until it was interrupted.
    let made = Command::new("mkfifo").arg(&file).status().await.unwrap();
    assert!(made.success());
    let args = [&["import", "products", &file], flags].concat();
    let mut terminal = Terminal::run(database, &args);
    let pipe = spawn_blocking(move || {
        let mut pipe = fs::OpenOptions::new().write(true).open(file).unwrap();
        pipe.write_all(table_of_products(10_000).as_bytes())
            .unwrap();
        pipe
    });
    let pipe = pipe.await.unwrap();
    let is_writing = "
        select exists (
            select
            from pg_class
            where relname in ('staged', 'products')
              and pg_relation_size(oid) > 0
        ) or exists (
            select
            from pg_stat_activity
            where datname = current_database()
              and query like '%insert into staged%'
              and pid <> pg_backend_pid()
        )";
    eventually("it writes", || holds(database, is_writing)).await;
    terminal.press_ctrl_c().await;
    drop(pipe);
    let (is_success, shown) = terminal.end().await;
    assert!(!is_success && shown.contains("interrupted"), "{shown}");
    shown
}

#[tokio::test]
async fn ctrl_c_leaves_whole_batches_of_an_import() {
    let database = TestDatabase::migrated().await;
    let shown = interrupted(&database, &[]).await;
    let products = products(&database).await;
    let told = format!("what was written stays: created {products},");
    assert!(shown.contains(&told), "{shown}");
    assert!(products > 0 && products < 10_000, "{products}: {shown}");
    assert_eq!(products % 1_000, 0, "{shown}");
}

#[tokio::test]
async fn ctrl_c_leaves_nothing_of_an_atomic_import() {
    let database = TestDatabase::migrated().await;
    let _ = interrupted(&database, &["--atomic"]).await;
    assert_eq!(products(&database).await, 0);
}

/// Runs a command that waits for a table which somebody else holds, presses Ctrl-C, and returns what
/// was shown.
async fn interrupted_while_it_waits_for(
    table: &str,
    database: &TestDatabase,
    args: &[&str],
) -> String {
    let holder = database.client().await;
    let hold = format!("begin; lock table {table} in access exclusive mode");
    holder.batch_execute(&hold).await.unwrap();
    let mut terminal = Terminal::run(database, args);
    let is_waiting = "
        select exists (
            select
            from pg_stat_activity
            where datname = current_database()
              and wait_event_type = 'Lock'
        )";
    eventually("it waits", || holds(database, is_waiting)).await;
    terminal.press_ctrl_c().await;
    let (is_success, shown) = terminal.end().await;
    assert!(!is_success, "{shown}");
    shown
}

#[tokio::test]
async fn ctrl_c_leaves_nothing_of_an_atomic_import_that_is_being_written() {
    let (database, folder) = (TestDatabase::migrated().await, Folder::new());
    let file = folder.path("products.csv");
    fs::write(&file, table_of_products(2_500)).unwrap();
    let args = ["import", "products", "--atomic", &file];
    let shown = interrupted_while_it_waits_for("products", &database, &args).await;
    assert!(shown.contains("interrupted"), "{shown}");
    assert_eq!(products(&database).await, 0);
}

#[tokio::test]
async fn an_export_shows_how_far_it_is() {
    let (database, folder) = (TestDatabase::migrated().await, Folder::new());
    let rows = folder.path("rows.csv");
    fs::write(&rows, table_of_products(2_500)).unwrap();
    let imported = Terminal::run(&database, &["import", "products", &rows]);
    let _ = imported.end().await;
    let file = folder.path("products.csv");
    let terminal = Terminal::run(&database, &["export", "products", "--output", &file]);
    let (is_success, shown) = terminal.end().await;
    assert!(is_success, "{shown}");
    assert!(
        shown.contains("/2,500") && shown.contains("left"),
        "{shown}"
    );
    assert_eq!(fs::read_to_string(file).unwrap().lines().count(), 2_501);
}

#[tokio::test]
async fn ctrl_c_leaves_no_file_of_an_export() {
    let (database, folder) = (TestDatabase::migrated().await, Folder::new());
    let file = folder.path("orders.csv");
    let args = ["export", "orders", "--output", &file];
    let _ = interrupted_while_it_waits_for("orders", &database, &args).await;
    assert_eq!(folder.files(), Vec::<String>::new());
}
