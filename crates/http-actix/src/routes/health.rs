//! Health: what an orchestrator asks.

use actix_web::{HttpResponse, web::Data};
use serde_json::json;

use crate::{app::App, problem::Problem};

/// The process answers.
pub(super) async fn live() -> HttpResponse {
    HttpResponse::Ok().json(json!({"status": "live"}))
}

/// PostgreSQL answers. Redis is reported, but the API serves without it.
pub(super) async fn ready(app: Data<App>) -> Result<HttpResponse, Problem> {
    app.probes.database().await?;
    let redis = app.probes.redis().await;
    Ok(HttpResponse::Ok().json(json!({
        "status": "ready",
        "postgresql": "up",
        "redis": redis.map_or("not configured", |up| if up { "up" } else { "down" }),
    })))
}
