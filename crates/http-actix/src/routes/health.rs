//! Health endpoints, for an orchestrator.

use actix_web::web::Data;
use serde::Serialize;
use utoipa::ToSchema;

use super::{About, Resource, endpoint::endpoint};
use crate::{
    access::Access,
    answer::Shown,
    app::App,
    problem::{Code, Problem},
};

pub(super) const RESOURCE: Resource = Resource {
    name: "health",
    about: "What an orchestrator asks.",
    endpoints: &[
        endpoint!(GET "/livez", Access::Public, live, About {
            id: "getLiveness",
            summary: "Whether the process answers",
            description: "It does, or there is no answer.",
            problems: &[],
        }),
        endpoint!(GET "/readyz", Access::Public, ready, About {
            id: "getReadiness",
            summary: "Whether it can serve",
            description: "PostgreSQL answers, or the answer is 503, as it is when this replica is \
                          about to stop. Redis is reported, but the API serves without it.",
            problems: &[],
        }),
    ],
};

/// The process answers.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"status": "live"}))]
struct Liveness {
    /// Always `live`.
    #[schema(value_type = String)]
    status: &'static str,
}

/// All services that the API needs are up.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"status": "ready", "postgresql": "up", "redis": "up"}))]
struct Readiness {
    /// Always `ready`.
    #[schema(value_type = String)]
    status: &'static str,
    /// Always `up`.
    #[schema(value_type = String)]
    postgresql: &'static str,
    /// `up`, `down` or `not configured`.
    #[schema(value_type = String)]
    redis: &'static str,
}

async fn live() -> Shown<Liveness> {
    Shown(Liveness { status: "live" })
}

async fn ready(app: Data<App>) -> Result<Shown<Readiness>, Problem> {
    if !app.probes.is_serving() {
        let detail = "this replica is about to stop: send requests to another one";
        return Err(Problem::new(Code::Unavailable).detail(detail));
    }
    app.probes.database().await?;
    let redis = app.probes.redis().await;
    Ok(Shown(Readiness {
        status: "ready",
        postgresql: "up",
        redis: redis.map_or("not configured", |up| if up { "up" } else { "down" }),
    }))
}
