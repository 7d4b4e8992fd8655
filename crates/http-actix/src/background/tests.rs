//! What the supervisor logs, and which tasks it waits for.

use std::{
    io,
    sync::{Mutex, PoisonError},
};

use tokio::{
    sync::{mpsc, oneshot},
    task::yield_now,
};
use tracing::{Level, subscriber::DefaultGuard};

use super::*;

/// The log of this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn start() -> (Self, DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(Level::WARN)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// Lets the tasks run until this is logged.
    async fn logged(&self, text: &str) {
        while !self.text().contains(text) {
            yield_now().await;
        }
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut text = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn no_fire() -> Result<(), StorageError> {
    panic!("no fire")
}

#[tokio::test]
async fn a_task_that_panics_is_logged_by_its_name_at_once() {
    let (log, _guard) = Log::start();
    let mut tasks = Supervisor::default();
    tasks.run("mill", async { panic!("no beans") });
    tasks.every("roaster", Duration::from_secs(1), no_fire);
    log.logged("mill").await;
    log.logged("roaster").await;
    let text = log.text();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert!(text.contains("ERROR") && text.contains("no beans") && text.contains("no fire"));
    tasks.finish(|| {}).await;
}

#[tokio::test]
async fn a_task_that_ends_before_it_was_asked_to_is_logged_by_its_name() {
    let (log, _guard) = Log::start();
    let mut tasks = Supervisor::default();
    tasks.run("mill", async {});
    log.logged("mill").await;
    assert!(log.text().contains("ERROR") && log.text().contains("before it was asked to"));
}

#[tokio::test]
async fn a_task_that_finishes_is_waited_for_and_nothing_is_logged() {
    let (log, _guard) = Log::start();
    let mut tasks = Supervisor::default();
    let (ask, asked) = oneshot::channel();
    let (done, finished) = oneshot::channel();
    tasks.run("mill", async {
        asked.await.unwrap();
        // The last part of its work.
        yield_now().await;
        done.send(()).unwrap();
    });
    tasks.finish(|| ask.send(()).unwrap()).await;
    assert!(finished.await.is_ok());
    assert_eq!(log.text(), "");
}

#[tokio::test]
async fn a_task_that_panics_while_it_finishes_is_logged_too() {
    let (log, _guard) = Log::start();
    let mut tasks = Supervisor::default();
    let (ask, asked) = oneshot::channel::<()>();
    tasks.run("mill", async {
        asked.await.unwrap();
        panic!("no beans");
    });
    tasks.finish(|| ask.send(()).unwrap()).await;
    assert!(log.text().contains("mill") && log.text().contains("no beans"));
}

#[tokio::test]
async fn what_is_periodic_goes_on_after_a_failure_until_the_end() {
    let (log, _guard) = Log::start();
    let mut tasks = Supervisor::default();
    let (rounds, mut begun) = mpsc::unbounded_channel();
    tasks.every("roaster", Duration::from_millis(1), move || {
        let rounds = rounds.clone();
        async move {
            rounds.send(()).unwrap();
            Err(StorageError::internal("no fire"))
        }
    });
    begun.recv().await.unwrap();
    begun.recv().await.unwrap();
    tasks.finish(|| {}).await;
    // The task has ended, and its sender is dropped.
    while begun.recv().await.is_some() {}
    let text = log.text();
    assert!(text.contains("roaster") && text.contains("no fire"));
    assert!(!text.contains("ERROR"), "{text}");
}
