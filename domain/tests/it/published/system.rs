//! Sections 1 and 3 of the contract, and the shop's notification.

use serde_json::json;

use super::{Case, case};

const AT: &str = "2026-01-31T09:30:00.000Z";

pub(super) fn cases() -> Vec<Case> {
    let user = json!({ "userId": 5 });
    vec![
        case(
            "system_maintenance",
            json!({ "scheduledAt": AT, "duration": 30, "message": "m", "affectedServices": ["orders"] }),
            json!({}),
            [],
        ),
        case(
            "force_update",
            json!({ "version": "2", "updateUrl": "https://u", "message": "m", "isForced": true }),
            json!({}),
            [],
        ),
        case(
            "session_expired",
            json!({ "message": "m", "expiredAt": AT }),
            user.clone(),
            ["user:5"],
        ),
        case(
            "token_refresh",
            json!({ "newToken": "t", "expiresIn": 60 }),
            user.clone(),
            ["user:5"],
        ),
        case(
            "notification:received",
            json!({
                "event": "notification:received", "type": "warning", "title": "t", "body": null,
                "meta": { "a": [1] }, "from": "u7", "ts": AT,
            }),
            user,
            ["user:5"],
        ),
    ]
}
