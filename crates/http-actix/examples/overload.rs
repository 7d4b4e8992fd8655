//! A client that sends requests at a fixed rate, whatever becomes of them (an open loop). `make bench`
//! runs it against the server with more orders than it can place.
//!
//! `overload ADDRESS:PORT CONNECTIONS RATE SECONDS` reads a whole request from standard input. `{n}` in
//! it becomes another number each time, of four hexadecimal digits, from 1 to 10 000. A request is sent
//! when its turn comes, over a connection that waits for nothing; when there is none, it is not sent. It
//! prints a line of what was answered meanwhile: how many a second 201, the median and the 99th
//! percentile of their times in milliseconds, how many a second were refused (429 and 503), how many got
//! anything else, and how many a second were sent.

use std::{
    cell::Cell,
    io::{self, Read as _},
    rc::Rc,
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::mpsc,
    task::{JoinSet, LocalSet},
    time::{Instant, sleep_until},
};

/// What became of a request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Placed,
    Refused,
    Failed,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    LocalSet::new().run_until(run()).await
}

async fn run() -> io::Result<()> {
    let mut args = std::env::args().skip(1);
    let addr = args.next();
    let mut number = || args.next()?.parse::<u32>().ok().filter(|n| *n > 0);
    let (Some(addr), Some(connections), Some(rate), Some(seconds)) =
        (addr, number(), number(), number())
    else {
        return Err(io::Error::other(
            "usage: overload ADDRESS:PORT CONNECTIONS RATE SECONDS",
        ));
    };
    let mut request = String::new();
    io::stdin().read_to_string(&mut request)?;
    let (turns, taken) = async_channel::unbounded::<u32>();
    let idle = Rc::new(Cell::new(connections));
    let (tell, mut told) = mpsc::unbounded_channel();
    let mut senders = JoinSet::new();
    for _ in 0..connections {
        let (addr, request) = (addr.clone(), request.clone());
        let (taken, tell, idle) = (taken.clone(), tell.clone(), Rc::clone(&idle));
        senders.spawn_local(async move {
            let mut stream = None;
            while let Ok(n) = taken.recv().await {
                let turn = Instant::now();
                let request = request.replace("{n}", &format!("{:04x}", n % 10_000 + 1));
                let outcome = ask(&addr, &mut stream, &request).await;
                let outcome = outcome.unwrap_or(Outcome::Failed);
                if outcome == Outcome::Failed {
                    stream = None;
                }
                idle.set(idle.get() + 1);
                let _ = tell.send((outcome, turn.elapsed()));
            }
        });
    }
    let start = Instant::now();
    let (pause, mut n, mut sent) = (Duration::from_millis(1), 0_u32, 0_u32);
    for tick in 1..=seconds * 1_000 {
        sleep_until(start + pause * tick).await;
        let due = u64::from(rate) * u64::from(tick) / 1_000;
        while u64::from(n) < due {
            n += 1;
            if idle.get() > 0 {
                idle.set(idle.get() - 1);
                sent += 1;
                let _ = turns.try_send(n.wrapping_mul(7_919));
            }
        }
    }
    let outcomes = std::iter::from_fn(|| told.try_recv().ok());
    print(outcomes, start.elapsed().as_secs_f64(), sent);
    Ok(())
}

/// Prints what became of the requests of so many seconds.
fn print(outcomes: impl Iterator<Item = (Outcome, Duration)>, took: f64, sent: u32) {
    let mut placed = Vec::new();
    let (mut refused, mut failed) = (0_u32, 0_u32);
    for (outcome, time) in outcomes {
        match outcome {
            Outcome::Placed => placed.push(time),
            Outcome::Refused => refused += 1,
            Outcome::Failed => failed += 1,
        }
    }
    placed.sort_unstable();
    let percentile = |percent: usize| {
        let time = placed.get(placed.len() * percent / 100);
        time.map_or(0.0, |time| time.as_secs_f64() * 1e3)
    };
    let count = u32::try_from(placed.len()).unwrap_or(u32::MAX);
    println!(
        "{:.0} {:.3} {:.3} {:.0} {failed} {:.0}",
        f64::from(count) / took,
        percentile(50),
        percentile(99),
        f64::from(refused) / took,
        f64::from(sent) / took,
    );
}

/// Sends a request and reads the answer, over this connection or a new one.
async fn ask(addr: &str, stream: &mut Option<TcpStream>, request: &str) -> io::Result<Outcome> {
    let stream = match stream {
        Some(stream) => stream,
        none => none.insert(TcpStream::connect(addr).await?),
    };
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::with_capacity(2_048);
    loop {
        if stream.read_buf(&mut answer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if is_whole(&answer) {
            break;
        }
    }
    Ok(match answer.get(9..12) {
        Some(b"201") => Outcome::Placed,
        Some(b"429" | b"503") => Outcome::Refused,
        _ => Outcome::Failed,
    })
}

/// Whether the head and as much as it announces have arrived.
fn is_whole(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, length)| length.parse::<usize>().ok());
    length.is_none_or(|length| body.len() >= length)
}
