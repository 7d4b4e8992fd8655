//! A client that sends requests and hangs up at once, again and again. `make bench` runs it against
//! the server while it measures how many orders other clients place.
//!
//! `hang_up ADDRESS:PORT SOCKETS RATE` reads a whole request from standard input and runs until it is
//! killed. `{n}` in the request becomes another number from 1 to 365 each time. It sends at most RATE
//! requests a second: a server that gets rid of them sooner is not asked for more.

use std::{
    io::{self, Read as _},
    time::Duration,
};

use tokio::{
    io::AsyncWriteExt as _,
    net::TcpStream,
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let mut args = std::env::args().skip(1);
    let addr = args.next();
    let mut number = || args.next()?.parse::<u32>().ok().filter(|n| *n > 0);
    let (Some(addr), Some(sockets), Some(rate)) = (addr, number(), number()) else {
        return Err(io::Error::other("usage: hang_up ADDRESS:PORT SOCKETS RATE"));
    };
    let pause = Duration::from_secs(1) * sockets / rate;
    let mut request = String::new();
    io::stdin().read_to_string(&mut request)?;
    let mut attackers = JoinSet::new();
    for socket in 0..sockets {
        let (addr, request) = (addr.clone(), request.clone());
        attackers.spawn(async move {
            let mut turns = interval(pause);
            turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
            for n in (1..=365)
                .cycle()
                .skip(usize::try_from(socket).unwrap_or(0) * 7)
            {
                turns.tick().await;
                // The server may refuse connections for a moment: that is no reason to stop.
                let _ = ask(&addr, &request.replace("{n}", &n.to_string())).await;
            }
        });
    }
    attackers.join_all().await;
    Ok(())
}

/// Sends a request and resets the connection.
async fn ask(addr: &str, request: &str) -> io::Result<()> {
    let mut stream = TcpStream::connect(addr).await?;
    stream.set_zero_linger()?;
    stream.write_all(request.as_bytes()).await
}
