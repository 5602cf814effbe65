//! Several origins, in the recipe's order.

use builder::source::Mode;
use host::error::Kind;
use recipe::plan::OriginWish;

use crate::bench::{Bench, at, id, lock_of, nothing, write_musl};
use crate::server::{Server, head, whole};

/// Serves the archive at `/good`; nothing else is there.
fn server(bytes: Vec<u8>) -> Server {
    Server::start(move |request, stream| match request.target() {
        "/good" => whole(stream, &bytes),
        "/evil" => whole(stream, b"evil"),
        _ => head(stream, "404 Not Found", &[]),
    })
}

#[test]
fn the_next_origin_is_asked_when_one_fails() {
    let bench = Bench::new();
    let bytes = bench.musl("1.2.5");
    let sha256 = id(&bytes);
    let server = server(bytes);
    let origins = ["gone", "evil", "good"].map(|path| at(&server.url(path), sha256.clone()));
    let source = bench.obtain(&origins, Mode::Normal, &nothing()).unwrap();
    assert_eq!(source.origin, format!("url:{}", server.url("good")));
    let asked: Vec<_> = server
        .seen()
        .iter()
        .map(|r| r.target().to_owned())
        .collect();
    assert_eq!(asked, ["/gone", "/evil", "/good"]);
    assert!(bench.said("taken from url:"));
}

#[test]
fn when_all_fail_each_is_told_with_its_reason_and_its_mend() {
    let bench = Bench::new();
    let server = server(Vec::new());
    let missing = bench.dir.path().join("missing");
    let origins = [
        OriginWish::Path(missing.clone()),
        at(&server.url("gone"), id(b"x")),
        OriginWish::Distribution,
    ];
    let failure = bench
        .obtain(&origins, Mode::Normal, &nothing())
        .unwrap_err();
    assert_eq!(failure.kind, Kind::Source);
    assert_eq!(
        failure.message,
        "musl could be had from none of its 3 origins"
    );
    let detail = failure.detail.unwrap();
    for part in [
        &format!("1. {}", missing.display()),
        "does not exist",
        "2. http://",
        "status 404",
        "help: it isn't there",
        "3. distribution",
    ] {
        assert!(detail.contains(part), "{part}\n{detail}");
    }
}

#[test]
fn a_tree_at_hand_comes_before_what_is_fetched() {
    let bench = Bench::new();
    let tree = bench.dir.path().join("mine");
    write_musl(&tree, "1.2.3");
    let origins = [
        OriginWish::Path(tree.clone()),
        at("http://127.0.0.1:1/never", id(b"x")),
    ];
    let source = bench.obtain(&origins, Mode::Normal, &nothing()).unwrap();
    assert_eq!((source.origin.as_str(), &source.tree), ("path", &tree));
}

#[test]
fn what_the_lock_names_is_taken_before_the_recipes_order() {
    let bench = Bench::new();
    let bytes = bench.musl("1.2.5");
    let sha256 = id(&bytes);
    let first = server(bytes.clone());
    let second = server(bytes);
    let origins = [&first, &second].map(|s| at(&s.url("good"), sha256.clone()));
    let locked = bench.obtain(&origins[1..], Mode::Normal, &nothing());
    let lock = lock_of(&locked.unwrap());
    std::fs::remove_dir_all(bench.cache.root().join("archives")).unwrap();
    std::fs::remove_dir_all(bench.cache.root().join("sources")).unwrap();
    let again = bench.obtain(&origins, Mode::Normal, &lock).unwrap();
    assert_eq!(lock_of(&again), lock);
    assert!(first.seen().is_empty());
}

#[test]
fn locked_refuses_what_the_lock_does_not_name() {
    let bench = Bench::new();
    let (old, new) = (bench.musl("1.2.4"), bench.musl("1.2.5"));
    let ids = (id(&old), id(&new));
    let server = Server::start(move |request, stream| match request.target() {
        "/old" => whole(stream, &old),
        _ => whole(stream, &new),
    });
    let urls = ["old", "new", "mirror"].map(|path| server.url(path));
    let lock = lock_of(&bench.fetch(&urls[0], ids.0.clone()).unwrap());
    for (url, pin) in [
        (&urls[1], ids.1.clone()),
        (&urls[1], None),
        (&urls[0], ids.1),
    ] {
        let failure = bench
            .obtain(&[at(url, pin)], Mode::Locked, &lock)
            .unwrap_err();
        assert!(failure.message.starts_with("--locked"), "{failure}");
    }
    // The same bytes from elsewhere are the same source.
    bench
        .obtain(&[at(&urls[2], ids.0)], Mode::Locked, &lock)
        .unwrap();
}

#[test]
fn another_version_than_the_recipes_is_refused() {
    let bench = Bench::new();
    let bytes = bench.musl("1.3.0");
    let sha256 = id(&bytes);
    let server = server(bytes);
    let failure = bench.fails(&server.url("good"), sha256);
    assert!(
        failure
            .message
            .contains("is musl 1.3.0, and the recipe asks for 1.2"),
        "{failure}"
    );
}
