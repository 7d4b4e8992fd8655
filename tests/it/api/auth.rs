//! Signing up and logging in.

use std::time::{Duration, Instant};

use integration_tests::{Answer, Caches, PASSWORD, Shop, TestDatabase, TestServer};
use serde_json::json;

#[tokio::test]
async fn who_signs_up_can_log_in_in_whatever_case_and_see_themselves() {
    let shop = Shop::open().await;
    let body = json!({"nome": "Ana Souza", "email": "Ana@Example.com", "password": PASSWORD});
    let made = shop.anonymous().post("/customers", &body).await.expect(201);
    let path = format!("/customers/{}", made.body["id"].as_str().unwrap());
    assert_eq!(made.header("location"), Some(path.as_str()));

    let login = json!({"email": "ANA@example.COM", "password": PASSWORD});
    let login = shop
        .anonymous()
        .post("/auth/login", &login)
        .await
        .expect(200);
    assert_eq!(login.body["token_type"], "Bearer");
    assert_eq!(login.body["expires_in"], 900);
    assert_eq!(login.header("cache-control"), Some("no-store"));
    let token = login.body["access_token"].as_str().unwrap();
    let seen = shop
        .anonymous()
        .with_token(token)
        .get(&path)
        .await
        .expect(200);
    assert_eq!(seen.body, made.body);
    assert!(made.body.get("password").is_none());
}

#[tokio::test]
async fn a_wrong_address_and_a_wrong_password_cannot_be_told_apart() {
    let shop = Shop::open().await;
    let body = json!({"nome": "Ana", "email": "ana@example.com", "password": PASSWORD});
    let _ = shop.anonymous().post("/customers", &body).await.expect(201);
    let mut answers = Vec::new();
    for (email, password) in [
        ("ana@example.com", "wrong password"),
        ("bob@example.com", PASSWORD),
        ("no address", PASSWORD),
        ("ana@example.com", ""),
        ("ana@example.com", &*"x".repeat(500)),
    ] {
        let login = json!({"email": email, "password": password});
        let answer = shop.anonymous().post("/auth/login", &login).await;
        let mut answer = answer.expect_problem(401, "wrong_credentials");
        answer.body["request_id"].take();
        answers.push(answer.body);
    }
    assert!(
        answers.windows(2).all(|pair| pair[0] == pair[1]),
        "{answers:?}"
    );
}

#[tokio::test]
async fn a_password_is_never_cut() {
    let shop = Shop::open().await;
    let sign_up = |password: String| {
        let body = json!({"nome": "Ana", "email": "ana@example.com", "password": password});
        let client = shop.anonymous();
        async move { client.post("/customers", &body).await }
    };
    for password in ["1234567".to_owned(), "x".repeat(72), "ã".repeat(36)] {
        let answer = sign_up(password)
            .await
            .expect_problem(422, "validation_failed");
        assert_eq!(answer.body["errors"][0]["pointer"], "/password");
    }
    let _ = sign_up("x".repeat(71)).await.expect(201);
    let login = json!({"email": "ana@example.com", "password": "x".repeat(72)});
    let answer = shop.anonymous().post("/auth/login", &login).await;
    let _ = answer.expect_problem(401, "wrong_credentials");
}

#[tokio::test]
async fn an_address_is_taken_once_in_whatever_case() {
    let shop = Shop::open().await;
    let sign_up = |email: &str| {
        let body = json!({"nome": "Ana", "email": email, "password": PASSWORD});
        let client = shop.anonymous();
        async move { client.post("/customers", &body).await }
    };
    let _ = sign_up("ana@example.com").await.expect(201);
    let _ = sign_up("Ana@EXAMPLE.com")
        .await
        .expect_problem(409, "email_taken");
}

#[tokio::test]
async fn a_token_of_this_server_is_good_at_every_server_with_its_secret() {
    let shop = Shop::open().await;
    let there = shop.replica();
    let (ana, id) = shop.customer().await;
    let path = format!("/customers/{id}");
    let _ = ana.at(&there.anonymous()).get(&path).await.expect(200);
}

#[tokio::test]
async fn a_token_that_was_tampered_with_is_refused() {
    let shop = Shop::open().await;
    let (_, id) = shop.customer().await;
    let body = json!({"nome": "Eva", "email": "eva@example.com", "password": PASSWORD});
    let _ = shop.anonymous().post("/customers", &body).await.expect(201);
    let login = json!({"email": "eva@example.com", "password": PASSWORD});
    let login = shop
        .anonymous()
        .post("/auth/login", &login)
        .await
        .expect(200);
    let token = login.body["access_token"].as_str().unwrap();
    let (head, signature) = token.rsplit_once('.').unwrap();
    for forged in [
        format!("{head}."),
        format!("{head}.{}", signature.chars().rev().collect::<String>()),
        head.to_owned(),
    ] {
        let request = shop.anonymous().with_token(&forged);
        let answer = request.get(&format!("/customers/{id}")).await;
        let _ = answer.expect_problem(401, "token_invalid");
    }
    let lower = shop.anonymous().request("GET", &format!("/customers/{id}"));
    let answer = Answer::to(lower.header("authorization", format!("bearer {token}"))).await;
    let _ = answer.expect_problem(404, "not_found");
}

/// Logs in until the test is over, again and again, with a wrong password.
async fn guess(client: integration_tests::Client, email: String) {
    loop {
        let login = json!({"email": email, "password": "a wrong password"});
        let answer = client.post("/auth/login", &login).await;
        assert!(matches!(answer.status, 401 | 429 | 503), "{}", answer.body);
    }
}

#[tokio::test]
async fn two_hundred_who_guess_do_not_keep_the_right_password_waiting() {
    // Sixty milliseconds a password, and one at a time.
    let shop = Shop::opened_with(Caches::InProcess, |settings| {
        settings.passwords.cost = 10;
        settings.passwords.concurrency = 1;
    })
    .await;
    let sign_up = json!({"nome": "Ana", "email": "ana@example.com", "password": PASSWORD});
    let anonymous = shop.anonymous();
    let _ = anonymous.post("/customers", &sign_up).await.expect(201);
    let flood: Vec<_> = (0..200)
        .map(|n| {
            // At one account, at many, and at the very account whose owner wants to log in.
            let email = match n % 3 {
                0 => "nobody@example.com".to_owned(),
                1 => format!("somebody{n}@example.com"),
                _ => "ana@example.com".to_owned(),
            };
            tokio::spawn(guess(anonymous.clone(), email))
        })
        .collect();
    let slowed_down = async {
        loop {
            let login = json!({"email": "nobody@example.com", "password": "another wrong one"});
            let asked = Instant::now();
            let answer = anonymous.post("/auth/login", &login).await;
            if answer.status == 429 {
                // Held back: who asks again at once would take the processors from the others.
                assert!(asked.elapsed() >= Duration::from_secs(1));
                return answer;
            }
        }
    };
    let slowed_down = slowed_down.await.expect_problem(429, "too_many_attempts");
    let seconds: u64 = slowed_down.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=120).contains(&seconds), "{seconds}");
    let elsewhere = anonymous.coming_from([127, 0, 0, 2]);
    let login = json!({"email": "ana@example.com", "password": PASSWORD});
    for _ in 0..5 {
        // Behind two hundred others it would be told to come back after five seconds.
        let answer = integration_tests::World::soon("the right password", async {
            elsewhere.post("/auth/login", &login).await
        });
        let _ = answer.await.expect(200);
    }
    for guess in flood {
        guess.abort();
    }
}

#[tokio::test]
async fn sign_ups_have_turns_of_their_own() {
    let shop = Shop::opened_with(Caches::InProcess, |settings| {
        settings.passwords.cost = 10;
        settings.passwords.concurrency = 1;
    })
    .await;
    let (ana, _) = shop.customer().await;
    let floods: Vec<_> = (0..50)
        .map(|n| {
            let client = shop.anonymous();
            tokio::spawn(async move {
                for m in 0.. {
                    let email = format!("ana{n}-{m}@example.com");
                    let body = json!({"nome": "Ana", "email": email, "password": PASSWORD});
                    let answer = client.post("/customers", &body).await;
                    assert!(matches!(answer.status, 201 | 503), "{}", answer.body);
                }
            })
        })
        .collect();
    drop(ana);
    let staff = integration_tests::World::soon("a login", shop.server.staff()).await;
    let _ = staff.product("1.00", 1).await;
    for flood in floods {
        flood.abort();
    }
}

#[tokio::test]
async fn a_password_is_hashed_anew_when_its_owner_logs_in() {
    let database = TestDatabase::migrated().await;
    let with_cost = |cost| {
        TestServer::start_with(&database, Caches::InProcess, |settings| {
            settings.passwords.cost = cost;
        })
    };
    let (before, now) = (with_cost(4), with_cost(5));
    let sign_up = json!({"nome": "Ana", "email": "ana@example.com", "password": PASSWORD});
    let _ = before
        .anonymous()
        .post("/customers", &sign_up)
        .await
        .expect(201);
    let client = database.client().await;
    let hash = || async {
        let hash = "select password_hash from users";
        client
            .query_one(hash, &[])
            .await
            .unwrap()
            .get::<_, String>(0)
    };
    let made = hash().await;
    assert!(made.starts_with("$2b$04$"));
    let login = |password: &str| {
        let login = json!({"email": "ana@example.com", "password": password});
        let anonymous = now.anonymous();
        async move { anonymous.post("/auth/login", &login).await.status }
    };
    assert_eq!(login("a wrong password").await, 401);
    assert_eq!(hash().await, made);
    assert_eq!(login(PASSWORD).await, 200);
    let renewed = hash().await;
    assert!(renewed.starts_with("$2b$05$"));
    assert_eq!(login(PASSWORD).await, 200);
    assert_eq!(hash().await, renewed);
}

#[tokio::test]
async fn replicas_count_failed_logins_together_and_who_comes_from_elsewhere_logs_in_at_once() {
    let shop = Shop::with(Caches::redis()).await;
    let second = shop.replica();
    let servers = [shop.anonymous(), second.anonymous()];
    let (ana, _) = shop.customer().await;
    let email = ana.email().await;
    let wrong = json!({"email": email, "password": "a wrong password"});
    for n in 0..5 {
        let answer = servers[n % 2].post("/auth/login", &wrong).await;
        let _ = answer.expect_problem(401, "wrong_credentials");
    }
    let right = json!({"email": email, "password": PASSWORD});
    for server in &servers {
        for login in [&wrong, &right] {
            let slowed_down = server.post("/auth/login", login).await;
            let slowed_down = slowed_down.expect_problem(429, "too_many_attempts");
            let seconds: u64 = slowed_down.header("retry-after").unwrap().parse().unwrap();
            assert!((1..=120).contains(&seconds), "{seconds}");
        }
        let elsewhere = server.coming_from([127, 0, 0, 2]);
        let _ = elsewhere.post("/auth/login", &right).await.expect(200);
    }
}

#[tokio::test]
async fn without_redis_each_replica_counts_for_itself() {
    let wire = integration_tests::Proxy::to_redis().await;
    let shop = Shop::with(Caches::redis_at(&wire.url())).await;
    wire.cut();
    let (ana, _) = shop.customer().await;
    let wrong = json!({"email": ana.email().await, "password": "a wrong password"});
    for _ in 0..5 {
        let answer = shop.anonymous().post("/auth/login", &wrong).await;
        let _ = answer.expect_problem(401, "wrong_credentials");
    }
    let slowed_down = shop.anonymous().post("/auth/login", &wrong).await;
    let _ = slowed_down.expect_problem(429, "too_many_attempts");
}
