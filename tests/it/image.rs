//! What is deployed.

/// What the last stage of `deploy/Dockerfile` does, line by line.
fn last_stage() -> impl Iterator<Item = &'static str> {
    let file = include_str!("../../deploy/Dockerfile");
    let (_, stage) = file.rsplit_once("\nFROM ").unwrap();
    stage.lines()
}

#[test]
fn the_image_holds_the_binary_alone() {
    let copied = |line: &&str| line.starts_with("COPY ") || line.starts_with("ADD ");
    let copied: Vec<_> = last_stage().filter(copied).collect();
    assert_eq!(
        copied,
        ["COPY --from=build /usr/local/bin/balcao /usr/local/bin/balcao"]
    );
    let installed = last_stage().filter(|line| line.contains("apt-get install"));
    let installed: Vec<_> = installed.collect();
    assert!(
        matches!(&installed[..], [line] if line.contains(" ca-certificates ")),
        "{installed:?}"
    );
    let user = last_stage().find_map(|line| line.strip_prefix("USER "));
    assert_eq!(user, Some("65532:65532"), "nobody in particular");
}
