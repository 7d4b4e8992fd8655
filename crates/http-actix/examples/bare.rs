//! A minimal actix-web server, with which `make bench` compares reads. It answers every request
//! with a body of as many bytes as its second argument says.

use actix_web::{App, HttpResponse, HttpServer, web};

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let mut args = std::env::args().skip(1);
    let addr = args.next().unwrap_or_else(|| "127.0.0.1:8081".to_owned());
    let bytes = args.next().and_then(|n| n.parse().ok()).unwrap_or(300);
    let body = web::Bytes::from("x".repeat(bytes));
    let app = move || {
        let body = body.clone();
        let answer = move || {
            let body = body.clone();
            async move {
                HttpResponse::Ok()
                    .content_type("application/json")
                    .body(body)
            }
        };
        App::new().default_service(web::to(answer))
    };
    HttpServer::new(app).bind(addr)?.run().await
}
