//! README.md tells the truth: its commands, run unchanged in a fresh clone, print what it shows.

use tests::{readme, workspace};

#[test]
#[ignore = "builds for release and wants the default ports: `cargo ci` runs it as a step of its own"]
fn the_commands_of_the_readme_work_in_a_fresh_clone() {
    let page = std::fs::read_to_string(workspace::root().join("README.md")).unwrap();
    let steps = readme::parse(&page).unwrap_or_else(|failure| panic!("{failure}"));
    assert!(!steps.is_empty(), "README.md has no command to run");
    if let Err(failure) = readme::run(&steps, workspace::root()) {
        panic!("{failure}");
    }
}

#[test]
fn the_readme_follows_its_conventions() {
    let Ok(page) = std::fs::read_to_string(workspace::root().join("README.md")) else {
        panic!("README.md is missing");
    };
    readme::parse(&page).unwrap_or_else(|failure| panic!("{failure}"));
}
