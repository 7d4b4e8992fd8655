//! The time and the ids of the demonstration.

use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::{Clock, IdSource, Timer};
use futures_util::{FutureExt as _, future::BoxFuture};
use time::OffsetDateTime;
use uuid::{Builder, Uuid};

/// A clock that is set before every step, and UUIDs of version 7 that are the same every time: by
/// these a second load recognises what the first one created.
pub(super) struct Script(Mutex<Scene>);

struct Scene {
    now: OffsetDateTime,
    next_id: u64,
}

impl Script {
    pub(super) const fn new() -> Self {
        Self(Mutex::new(Scene {
            now: OffsetDateTime::UNIX_EPOCH,
            next_id: 0,
        }))
    }

    /// Sets the time, and the number of the next id.
    pub(super) fn go_to(&self, now: OffsetDateTime, next_id: u64) {
        *self.scene() = Scene { now, next_id };
    }

    /// The id with this number.
    pub(super) fn id(number: u64) -> Uuid {
        /// 2026-01-01, in milliseconds since 1970.
        const OPENING: u64 = 1_767_225_600_000;
        let mut tail = [0; 10];
        for (byte, digit) in tail.iter_mut().skip(2).zip(number.to_be_bytes()) {
            *byte = digit;
        }
        Builder::from_unix_timestamp_millis(OPENING + number, &tail).into_uuid()
    }

    /// A poisoned lock is safe to use: a panic cannot have left the scene half written.
    fn scene(&self) -> MutexGuard<'_, Scene> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for Script {
    fn now(&self) -> OffsetDateTime {
        self.scene().now
    }
}

impl Timer for Script {
    fn sleep(&self, _: std::time::Duration) -> BoxFuture<'static, ()> {
        std::future::ready(()).boxed()
    }
}

impl IdSource for Script {
    fn next_id(&self) -> Uuid {
        let mut scene = self.scene();
        let number = scene.next_id;
        scene.next_id += 1;
        Self::id(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_uuid_of_version_7_and_greater_than_the_one_before() {
        let script = Script::new();
        script.go_to(OffsetDateTime::UNIX_EPOCH, 255);
        let (first, second) = (script.next_id(), script.next_id());
        assert_eq!(first.get_version_num(), 7);
        assert_eq!(first, Script::id(255));
        assert!(first < second);
    }
}
