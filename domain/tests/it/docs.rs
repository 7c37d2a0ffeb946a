//! Documents made from the rows.

use crier_domain::{App, Catalogue, Direction, docs};

#[test]
fn every_event_is_in_every_document() {
    let catalogue = Catalogue::new(App::ALL);
    let (types, table) = (docs::events_d_ts(&catalogue), docs::events_markdown(&catalogue));
    let asyncapi = docs::asyncapi(&catalogue);
    let operations = asyncapi["operations"].as_object().unwrap();
    for row in catalogue.rows() {
        let to_server = row.direction == Direction::ToServer;
        assert!(types.contains(&format!("  {:?}: (", row.name)), "{}", row.name);
        assert!(table.contains(&format!("| `{}`", row.name)), "{}", row.name);
        let action = if to_server { "receive" } else { "send" };
        let found = operations
            .values()
            .filter(|operation| operation["summary"] == row.name && operation["action"] == action);
        for operation in found.clone() {
            assert_eq!(operation.get("reply").is_some(), to_server, "{}", row.name);
        }
        assert!(found.count() > 0, "{action} {}", row.name);
    }
    assert_eq!(table.lines().count(), 2 + catalogue.rows().count());
}

#[test]
fn shapes_have_names_of_their_own() {
    let types = docs::events_d_ts(&Catalogue::new(App::ALL));
    let names = types.lines().filter_map(|line| {
        let line = line.strip_prefix("export ")?;
        line.strip_prefix("interface ").or(line.strip_prefix("type "))?.split([' ', '<']).next()
    });
    let mut names: Vec<&str> = names.collect();
    // Two shapes of one name would be told apart by a number.
    for name in &names {
        assert!(name.chars().all(|c| c.is_ascii_alphabetic()), "{name}");
    }
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
    assert!(!types.contains("crate::") && !types.contains("[`"), "no links of the source");
}

#[test]
fn what_is_off_is_in_no_document() {
    let none = Catalogue::new([]);
    let documents =
        [docs::asyncapi(&none).to_string(), docs::events_d_ts(&none), docs::events_markdown(&none)];
    for document in documents {
        for word in ["order_status_update", "ChatServerToClientEvents", "\"/chat\"", "sendMessage"]
        {
            assert!(!document.contains(word), "{word}");
        }
        assert!(document.contains("force_update"));
    }
}
