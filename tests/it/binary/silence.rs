//! Clients that connect and say nothing more, and the server that has to live or end beside them.

use std::process::Stdio;

use integration_tests::{PASSWORD, TestDatabase, eventually};
use tokio::{io::AsyncWriteExt, net::TcpStream, process::Command};

use super::{CREATE_BOSS, balcao, run, serve_by, stdout, terminate};

/// Connections that each send the head of an order and one byte of its body.
async fn silent_bodies(addr: &str, token: &str, count: usize) -> Vec<TcpStream> {
    let silent = format!(
        "POST /orders HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{{"
    );
    let mut streams = Vec::new();
    for _ in 0..count {
        let mut stream = TcpStream::connect(addr).await.unwrap();
        stream.write_all(silent.as_bytes()).await.unwrap();
        streams.push(stream);
    }
    streams
}

#[tokio::test]
async fn silent_connections_beyond_the_limit_of_files_do_not_silence_the_server() {
    let database = TestDatabase::empty().await;
    let limited = |command: Command| {
        // The same command, in a process that may open 1 024 files.
        let command = command.into_std();
        let mut limited = Command::new("sh");
        let script = "ulimit -n 1024 && exec \"$@\"";
        limited
            .args(["-c", script, "sh"])
            .arg(command.get_program());
        limited.args(command.get_args()).env_clear();
        let variables = command.get_envs();
        limited.envs(variables.filter_map(|(name, value)| Some((name, value?))));
        limited
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        limited
    };
    let args = ["serve", "--http-max-connections", "1000"];
    let output = run(limited(balcao(&database, &args)), "").await;
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(
        told.contains("HTTP_MAX_CONNECTIONS") && told.contains("1024"),
        "{told}"
    );

    let args = ["serve", "--http-read-timeout-seconds", "2"];
    let mut server = serve_by(limited(balcao(&database, &args))).await;
    let _ = stdout(&run(balcao(&database, &CREATE_BOSS), PASSWORD).await);
    let boss = server.client.logged_in("boss@example.com").await;
    let addr = server.client.addr().to_owned();
    let streams = silent_bodies(&addr, boss.token().unwrap(), 1_100).await;
    eventually("the server lives", || async {
        let live = server.client.request("GET", "/livez").send();
        let live = tokio::time::timeout(std::time::Duration::from_secs(10), live).await;
        live.is_ok_and(|answer| answer.is_ok_and(|answer| answer.status() == 200))
    })
    .await;
    drop(streams);
    terminate(&mut server.process).await;
}

#[tokio::test]
async fn sigterm_does_not_wait_for_silent_bodies() {
    let database = TestDatabase::empty().await;
    // Half a minute is what the requests under way may take.
    let args = ["serve", "--http-read-timeout-seconds", "60"];
    let mut server = serve_by(balcao(&database, &args)).await;
    let _ = stdout(&run(balcao(&database, &CREATE_BOSS), PASSWORD).await);
    let boss = server.client.logged_in("boss@example.com").await;
    let addr = server.client.addr().to_owned();
    let streams = silent_bodies(&addr, boss.token().unwrap(), 50).await;
    let _ = server.client.get("/livez").await.expect(200);
    let ended = terminate(&mut server.process);
    let ended = tokio::time::timeout(std::time::Duration::from_secs(10), ended).await;
    assert!(ended.is_ok(), "it waits for silent bodies");
    drop(streams);
}
