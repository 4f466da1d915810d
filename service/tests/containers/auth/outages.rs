//! What credentials are worth while the database is away.

use serde_json::json;
use ultra_testenv::Stack;

use super::people::{ADMIN, CHEAP, PASSWORD, problem};
use crate::harness::Service;

#[tokio::test]
async fn a_lost_database_refuses_nobody_who_is_known_and_blames_itself_for_the_rest() {
    let stack = Stack::builder().postgres().dedicated().start().await.unwrap();
    let vars: Vec<_> = CHEAP
        .iter()
        .chain(&ADMIN)
        .copied()
        .chain([
            ("ULTRA_AUTH_REGISTRATION", "open"),
            ("DATABASE_URL", stack.postgres().url()),
            ("ULTRA_DATABASE_ACQUIRE_TIMEOUT", "500ms"),
        ])
        .collect();
    let service = Service::start(&vars, None).await;
    let user = service.user("ada@example.com").await;
    let (_, used) = service.new_key(&user.access, &json!({"name": "used"})).await;
    let (_, unused) = service.new_key(&user.access, &json!({"name": "unused"})).await;
    assert_eq!(service.asks(&used).await, 200);

    stack.postgres().stop().await.unwrap();
    service.dependency_is("database", "down").await;
    assert_eq!(
        service.asks(&user.access).await,
        200,
        "a signed token needs no database"
    );
    assert_eq!(
        service.asks(&used).await,
        200,
        "a key that was seen a moment ago is known"
    );
    let unavailable = (503, "store-unavailable".to_owned());
    let ask = service
        .post("/api/v1/analyses", &json!({"prompt": "?"}))
        .bearer_auth(&unused);
    assert_eq!(
        problem(ask).await,
        unavailable,
        "a key that may be valid is not refused as invalid"
    );
    let login = json!({"email": "ada@example.com", "password": PASSWORD});
    assert_eq!(
        problem(service.post("/api/v1/auth/login", &login)).await,
        unavailable
    );
    let refresh = json!({"refresh_token": user.refresh});
    assert_eq!(
        problem(service.post("/api/v1/auth/refresh", &refresh)).await,
        unavailable
    );

    stack.postgres().start().await.unwrap();
    service.dependency_is("database", "up").await;
    assert_eq!(service.asks(&unused).await, 200);
    assert_eq!(service.refresh(&user.refresh).await.status(), 200);
}
