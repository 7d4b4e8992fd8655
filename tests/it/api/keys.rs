//! The keys of tokens: they rotate, over several replicas, and others can check what they sign.

use http_actix::{adapters::SigningKey, settings::Settings};
use integration_tests::{Caches, Shop};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header, jwk::JwkSet};
use serde_json::{Value, json};

/// Of RFC 8037, appendix A.1.
const PEM: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n\
    -----END PRIVATE KEY-----\n";

fn edwards() -> SigningKey {
    SigningKey::ed25519(&PEM.into()).unwrap()
}

/// The settings of a replica that has another key than the others, and takes what theirs has signed.
fn rotated(settings: &mut Settings) {
    let old = std::mem::replace(&mut settings.jwt.current, edwards());
    settings.jwt.previous.push(old);
}

#[tokio::test]
async fn while_replicas_rotate_their_keys_nobody_is_logged_out() {
    // The first replica still signs with the old key, and knows the new one already.
    let knows = |settings: &mut Settings| settings.jwt.previous.push(edwards());
    let shop = Shop::opened_with(Caches::InProcess, knows).await;
    let second = shop.replica_with(rotated);
    let old = shop.customer().await.0;
    let new = second.customer().await.0;
    for client in [&old, &new] {
        for replica in [&shop.anonymous(), &second.anonymous()] {
            let orders = client.at(replica).get("/orders").await;
            let _ = orders.expect(200);
        }
    }
    // A cursor goes on at either, too.
    for _ in 0..2 {
        shop.product("19.90", 1).await;
    }
    let page = shop.staff.get("/products?limit=1").await.expect(200);
    let next = page.next().unwrap();
    let _ = second.anonymous().get(&next).await.expect(200);
}

#[tokio::test]
async fn a_key_that_is_gone_is_good_for_nothing() {
    let shop = Shop::open().await;
    let second = shop.replica_with(|settings| settings.jwt.current = edwards());
    let (client, _) = shop.customer().await;
    let refused = client.at(&second.anonymous()).get("/orders").await;
    let _ = refused.expect_problem(401, "token_invalid");
}

#[tokio::test]
async fn others_check_tokens_with_the_public_keys() {
    let shop = Shop::opened_with(Caches::InProcess, rotated).await;
    let token = shop.staff.token().unwrap().to_owned();
    let keys = shop
        .anonymous()
        .get("/.well-known/jwks.json")
        .await
        .expect(200);
    let keys: JwkSet = serde_json::from_value(keys.body).unwrap();
    let kid = decode_header(&token).unwrap().kid.unwrap();
    let key = DecodingKey::from_jwk(keys.find(&kid).unwrap()).unwrap();
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_audience(&["balcao-api"]);
    let claims = decode::<Value>(&token, &key, &validation).unwrap().claims;
    assert_eq!(claims["role"], "staff");
}

#[tokio::test]
async fn a_secret_has_no_public_key() {
    let shop = Shop::open().await;
    let keys = shop
        .anonymous()
        .get("/.well-known/jwks.json")
        .await
        .expect(200);
    assert_eq!(keys.body, json!({"keys": []}));
}
