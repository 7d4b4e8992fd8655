//! A client that sends requests and hangs up at once, again and again. `make bench` runs it against
//! the server while it measures how many orders other clients place.
//!
//! `hang_up ADDRESS:PORT SOCKETS` reads a whole request from standard input and runs until it is
//! killed. `{n}` in the request becomes another number from 1 to 365 each time.

use std::io::{self, Read as _};

use tokio::{io::AsyncWriteExt as _, net::TcpStream, task::JoinSet};

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let mut args = std::env::args().skip(1);
    let (addr, sockets) = (args.next(), args.next());
    let sockets = sockets.and_then(|sockets| sockets.parse::<u32>().ok());
    let (Some(addr), Some(sockets)) = (addr, sockets) else {
        return Err(io::Error::other("usage: hang_up ADDRESS:PORT SOCKETS"));
    };
    let mut request = String::new();
    io::stdin().read_to_string(&mut request)?;
    let mut attackers = JoinSet::new();
    for socket in 0..sockets {
        let (addr, request) = (addr.clone(), request.clone());
        attackers.spawn(async move {
            for n in (1..=365)
                .cycle()
                .skip(usize::try_from(socket).unwrap_or(0) * 7)
            {
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
