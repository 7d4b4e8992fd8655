//! How a server ends: first it says so to whoever sends it requests, then it stops.

use tokio::sync::watch;

/// How far a server is on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Serving,
    /// Everything works, but `/readyz` says that requests are better sent elsewhere.
    Leaving,
    /// No connection is accepted, and nothing is waited for any longer than it must be.
    Stopping,
}

/// The phase of a server. Clones are of the same one.
#[derive(Clone)]
pub struct Lifecycle(watch::Sender<Phase>);

impl Default for Lifecycle {
    fn default() -> Self {
        Self(watch::Sender::new(Phase::Serving))
    }
}

impl Lifecycle {
    /// From now on load balancers are told to send requests elsewhere.
    pub fn leave(&self) {
        self.0.send_replace(Phase::Leaving);
    }

    /// From now on nobody waits for bodies for long.
    pub fn stop(&self) {
        self.0.send_replace(Phase::Stopping);
    }

    pub(crate) fn is_serving(&self) -> bool {
        *self.0.borrow() == Phase::Serving
    }

    /// For waiting until it stops.
    pub(crate) fn stopping(&self) -> Stopping {
        Stopping(self.0.subscribe())
    }
}

/// Waits until a server stops.
pub(crate) struct Stopping(watch::Receiver<Phase>);

impl Stopping {
    pub(crate) async fn begun(&mut self) {
        // An error says that nobody is left who could stop it, and then nobody serves either.
        let _ = self.0.wait_for(|phase| *phase == Phase::Stopping).await;
    }
}
