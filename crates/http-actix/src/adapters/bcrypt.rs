//! Password hashing with bcrypt.

use std::{
    ops::Range,
    thread,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use bcrypt::{BcryptError, HashParts, non_truncating_hash, non_truncating_verify};
use domain::identity::{
    Password, PasswordCheck, PasswordHash, PasswordHasher, PasswordHasherError, Requester, Verdict,
};
use tokio::{sync::oneshot, time::timeout};

use super::fair_semaphore::FairSemaphore;

/// How long a request waits for a permit.
const PATIENCE: Duration = Duration::from_millis(1_500);

/// Runs bcrypt on threads of its own, a few passwords at a time: hashing is slow on purpose, and must
/// not take every core from those who order.
pub struct BcryptHasher {
    cost: u32,
    hashing: Queue,
    checking: Queue,
}

/// The permits for one kind of work.
struct Queue {
    permits: FairSemaphore,
    patience: Duration,
}

/// The costs that bcrypt supports: `2^cost` rounds.
const COSTS: Range<u32> = 4..32;

impl BcryptHasher {
    /// A hasher that takes `2^cost` rounds. It checks at most `concurrency` passwords at once, and
    /// hashes as many.
    ///
    /// # Errors
    ///
    /// When the cost is not between 4 and 31.
    pub fn new(cost: u32, concurrency: usize) -> Result<Self, PasswordHasherError> {
        if !COSTS.contains(&cost) {
            return Err(failed(BcryptError::CostNotAllowed(cost)));
        }
        Ok(Self {
            cost,
            hashing: Queue::new(concurrency),
            checking: Queue::new(concurrency),
        })
    }

    /// How many wait to have a password hashed, and to have one checked.
    pub(crate) fn waiting(&self) -> [usize; 2] {
        [&self.hashing, &self.checking].map(|queue| queue.permits.waiting())
    }

    /// The cost of a hash; a malformed hash has the current cost.
    fn cost_of(&self, hash: &PasswordHash) -> u32 {
        let parts = hash.expose().parse::<HashParts>();
        parts.map_or(self.cost, |parts| parts.get_cost())
    }
}

impl Queue {
    fn new(concurrency: usize) -> Self {
        Self {
            permits: FairSemaphore::new(concurrency),
            patience: PATIENCE,
        }
    }

    /// Runs `work` on a thread of its own, which gives way to others, once it has a permit. Once
    /// started, it runs to its end and keeps its permit until then, even when the caller hangs up.
    /// Unless the result is trusted, the permit rests for as long as the work took: whoever guesses, or
    /// signs up again and again, takes half of a core for each permit and never all of it.
    async fn run<T: Send + 'static>(
        &self,
        requester: Requester,
        work: impl FnOnce() -> Result<T, BcryptError> + Send + 'static,
        is_trusted: fn(&T) -> bool,
    ) -> Result<T, PasswordHasherError> {
        let permit = timeout(self.patience, self.permits.acquire(requester))
            .await
            .map_err(|_| PasswordHasherError::Busy)?
            .map_err(|_| PasswordHasherError::Busy)?;
        let (done, answer) = oneshot::channel();
        let thread = thread::Builder::new().name("password".to_owned());
        let run = move || {
            let _permit = permit;
            give_way();
            let began = Instant::now();
            let result = work();
            let rest = match &result {
                Ok(done) if is_trusted(done) => Duration::ZERO,
                _ => began.elapsed(),
            };
            // Whoever asked may be gone.
            let _ = done.send(result);
            thread::sleep(rest);
        };
        thread.spawn(run).map_err(failed)?;
        answer.await.map_err(failed)?.map_err(failed)
    }
}

/// How much this thread gives way to others (`nice`, POSIX): where they want the processors, it gets a
/// fifth of what one of them gets.
#[cfg(target_os = "linux")]
const NICE: i32 = 7;

/// Lets threads that answer other requests go before this one.
fn give_way() {
    // Elsewhere the priority is that of the whole process.
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, NICE) {
        tracing::debug!(%error, "hashing has the priority of everything else");
    }
}

#[async_trait]
impl PasswordHasher for BcryptHasher {
    async fn hash(
        &self,
        password: Password,
        requester: Requester,
    ) -> Result<PasswordHash, PasswordHasherError> {
        let cost = self.cost;
        let hash = move || non_truncating_hash(password.expose(), cost);
        self.hashing
            .run(requester, hash, |_| false)
            .await
            .map(PasswordHash::new)
    }

    async fn check(&self, check: PasswordCheck) -> Result<Verdict, PasswordHasherError> {
        let PasswordCheck {
            attempt,
            hash,
            dearest,
            requester,
        } = check;
        let costs = [&hash, &dearest].map(|hash| hash.as_ref().map(|hash| self.cost_of(hash)));
        let dearest = costs.into_iter().flatten().fold(self.cost, u32::max);
        let is_outdated = costs[0] != Some(self.cost);
        let is_right = move || is_right(&attempt, hash.as_ref(), dearest, burn);
        Ok(
            match self
                .checking
                .run(requester, is_right, |is_right| *is_right)
                .await?
            {
                false => Verdict::Wrong,
                true if is_outdated => Verdict::RightButOutdated,
                true => Verdict::Right,
            },
        )
    }
}

/// Whether an attempt matches a hash. A negative answer takes as many rounds as the costliest hash,
/// whatever the cost of this one.
fn is_right(
    attempt: &str,
    hash: Option<&PasswordHash>,
    dearest: u32,
    mut burn: impl FnMut(u32),
) -> Result<bool, BcryptError> {
    let Some(hash) = hash else {
        burn(dearest);
        return Ok(false);
    };
    let cost = hash.expose().parse::<HashParts>()?.get_cost();
    match non_truncating_verify(attempt, hash.expose()) {
        Ok(true) => return Ok(true),
        Ok(false) => {}
        // Longer than any password that was ever accepted: bcrypt refuses it without a single
        // round.
        Err(BcryptError::Truncation(_)) => burn(cost),
        Err(error) => return Err(error),
    }
    // The rounds 2^cost, plus those of every cost from there up to the last before `dearest`, make
    // 2^dearest.
    (cost..dearest).for_each(burn);
    Ok(false)
}

/// Takes as long as checking a password whose hash has this cost.
fn burn(cost: u32) {
    std::hint::black_box(bcrypt::bcrypt(cost, [0; 16], b"nobody has this password"));
}

fn failed(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> PasswordHasherError {
    PasswordHasherError::Failed(source.into())
}

#[cfg(test)]
mod tests {
    use domain::identity::ClientAddress;
    use futures_util::FutureExt as _;

    use super::*;

    /// The lowest cost that bcrypt supports: these tests are not about slowness.
    const COST: u32 = 4;

    const REQUESTER: Requester = Requester::Address(ClientAddress::LOCAL);

    fn hasher(cost: u32) -> BcryptHasher {
        BcryptHasher::new(cost, 1).unwrap()
    }

    async fn hash(hasher: &BcryptHasher, text: &str) -> PasswordHash {
        let password = Password::parse(text.to_owned()).unwrap();
        hasher.hash(password, REQUESTER).await.unwrap()
    }

    async fn check(hasher: &BcryptHasher, attempt: &str, hash: Option<&PasswordHash>) -> Verdict {
        let check = PasswordCheck {
            attempt: attempt.to_owned(),
            hash: hash.cloned(),
            dearest: hash.cloned(),
            requester: REQUESTER,
        };
        hasher.check(check).await.unwrap()
    }

    #[tokio::test]
    async fn only_the_right_password_is_right() {
        let hasher = hasher(COST);
        let hash = hash(&hasher, "correct horse").await;
        let check = |attempt| check(&hasher, attempt, Some(&hash));
        assert_eq!(check("correct horse").await, Verdict::Right);
        assert_eq!(check("correct horses").await, Verdict::Wrong);
        assert_eq!(check("").await, Verdict::Wrong);
    }

    #[tokio::test]
    async fn without_an_account_no_password_is_right() {
        let verdict = check(&hasher(COST), "nobody has this password", None).await;
        assert_eq!(verdict, Verdict::Wrong);
    }

    #[tokio::test]
    async fn a_long_password_is_compared_whole_and_a_longer_one_is_wrong() {
        let hasher = hasher(COST);
        let longest = "x".repeat(71);
        let hash = hash(&hasher, &longest).await;
        let check = |attempt: String| {
            let (hasher, hash) = (&hasher, &hash);
            async move { check(hasher, &attempt, Some(hash)).await }
        };
        assert_eq!(check(longest.clone()).await, Verdict::Right);
        let other_end = format!("{}y", "x".repeat(70));
        assert_eq!(check(other_end).await, Verdict::Wrong);
        assert_eq!(check(longest + "x").await, Verdict::Wrong);
    }

    #[tokio::test]
    async fn two_hashes_of_one_password_differ() {
        let hasher = hasher(COST);
        let (one, other) = (
            hash(&hasher, "correct horse").await,
            hash(&hasher, "correct horse").await,
        );
        assert_ne!(one, other);
    }

    #[tokio::test]
    async fn a_right_password_whose_hash_has_another_cost_is_outdated() {
        for (made_at, now_at) in [(COST, COST + 1), (COST + 1, COST)] {
            let hash = hash(&hasher(made_at), "correct horse").await;
            let verdict = check(&hasher(now_at), "correct horse", Some(&hash)).await;
            assert_eq!(verdict, Verdict::RightButOutdated);
        }
    }

    #[tokio::test]
    async fn a_no_takes_the_rounds_of_the_dearest_hash_whatever_is_checked() {
        let (cheap, dear) = (hasher(COST), hasher(COST + 3));
        let (cheap, dear) = (
            hash(&cheap, "correct horse").await,
            hash(&dear, "correct horse").await,
        );
        let dearest = COST + 3;
        for (attempt, hash) in [
            ("wrong", Some(&cheap)),
            ("wrong", Some(&dear)),
            (&"x".repeat(72), Some(&cheap)),
            ("wrong", None),
        ] {
            let mut rounds = 0;
            let is_right = is_right(attempt, hash, dearest, |cost| rounds += 1_u64 << cost);
            assert!(!is_right.unwrap());
            // The rounds of checking the hash itself.
            let checked = hash.filter(|_| attempt.len() <= 71);
            let checked = checked.map_or(0, |hash| {
                1 << COSTS
                    .clone()
                    .find(|cost| hash.expose().starts_with(&format!("$2b${cost:02}$")))
                    .unwrap()
            });
            assert_eq!(rounds + checked, 1 << dearest, "{attempt}");
        }
    }

    #[tokio::test]
    async fn who_waits_for_a_permit_is_counted() {
        let hasher = hasher(COST);
        let permit = hasher.checking.permits.acquire(REQUESTER).await.unwrap();
        let mut waiting = Box::pin(check(&hasher, "correct horse", None));
        assert!((&mut waiting).now_or_never().is_none());
        assert_eq!(hasher.waiting(), [0, 1]);
        drop(permit);
        waiting.await;
        assert_eq!(hasher.waiting(), [0, 0]);
        let permit = hasher.checking.permits.acquire(REQUESTER).await;
        let mut gone = Box::pin(check(&hasher, "correct horse", None));
        assert!((&mut gone).now_or_never().is_none());
        drop(gone);
        assert_eq!(hasher.waiting(), [0, 0], "whoever hung up does not wait");
        drop(permit);
    }

    #[tokio::test]
    async fn a_request_that_waits_too_long_for_a_permit_is_refused_as_busy() {
        let mut hasher = hasher(COST);
        hasher.checking.patience = Duration::ZERO;
        let _permit = hasher.checking.permits.acquire(REQUESTER).await.unwrap();
        let told = hasher
            .check(PasswordCheck {
                attempt: "correct horse".to_owned(),
                hash: None,
                dearest: None,
                requester: REQUESTER,
            })
            .await;
        assert!(matches!(told, Err(PasswordHasherError::Busy)));
        // Hashing has separate permits.
        hash(&hasher, "correct horse").await;
    }
}
