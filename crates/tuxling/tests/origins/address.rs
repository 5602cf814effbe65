//! Archives at an address.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use builder::source::Mode;
use host::Id;
use host::error::Kind;

use crate::bench::{Bench, at, id, lock_of, nothing};
use crate::server::{Server, head, serve, whole};

const ALL: usize = usize::MAX;

#[test]
fn what_is_pinned_is_fetched_once() {
    let bench = Bench::new();
    let bytes = bench.musl("1.2.5");
    let sha256 = id(&bytes);
    let server = Server::start(move |_, stream| whole(stream, &bytes));
    let url = server.url("musl-1.2.5.tar.gz");
    let source = bench.fetch(&url, sha256.clone()).unwrap();
    assert_eq!(source.origin.to_string(), format!("url:{url}"));
    assert_eq!(source.version, "1.2.5");
    assert_eq!(Some(&source.sha256), sha256.as_ref());
    assert!(source.tree.join("noise").exists() && !source.cached);
    let lock = lock_of(&source);
    drop(server);
    // The lock file pins it, too, and nobody is asked any more.
    for (pin, mode) in [
        (None, Mode::Locked),
        (None, Mode::Normal),
        (sha256, Mode::Locked),
    ] {
        let again = bench.obtain(&[at(&url, pin)], mode, &lock).unwrap();
        assert!(again.cached);
        assert_eq!(
            (again.tree, again.digest),
            (source.tree.clone(), source.digest.clone())
        );
        assert_eq!(lock.get("musl").unwrap().version, again.version);
    }
}

#[test]
fn other_bytes_are_refused_and_not_kept() {
    let bench = Bench::new();
    let bytes = bench.musl("1.2.5");
    let real = Id::of_bytes(&bytes);
    let server = Server::start(move |_, stream| whole(stream, &bytes));
    let failure = bench.fails(&server.url("musl.tar.gz"), id(b"another"));
    assert_eq!(failure.kind, Kind::Source);
    let detail = failure.detail.unwrap();
    assert!(detail.contains(real.as_str()) && detail.contains(id(b"another").unwrap().as_str()));
    for topic in ["archives", "sources"] {
        assert!(bench.there(topic).is_empty(), "{topic}");
    }
}

#[test]
fn what_nothing_pins_is_told_by_its_hash_or_trusted_when_asked() {
    let bench = Bench::new();
    let bytes = bench.musl("1.2.5");
    let sha256 = Id::of_bytes(&bytes);
    let server = Server::start(move |_, stream| whole(stream, &bytes));
    let url = server.url("musl.tar.gz");
    let failure = bench.fails(&url, None);
    assert_eq!(failure.kind, Kind::Usage);
    let told = failure.detail.unwrap();
    assert!(told.contains(&format!("sha256 = \"{sha256}\"")), "{told}");
    assert_eq!(bench.there("sources").len(), 0);
    // With the hash put in, nothing is downloaded again.
    bench.fetch(&url, Some(sha256.clone())).unwrap();
    assert_eq!(server.seen().len(), 1);
    let other = server.url("other.tar.gz");
    let trusted = bench.obtain(&[at(&other, None)], Mode::TrustNew, &nothing());
    assert_eq!(trusted.unwrap().sha256, sha256);
}

/// Cuts the first answer off after a third and says nothing to the next
/// request; from then on it behaves.
fn cutting(bytes: Vec<u8>) -> (Server, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let seen = count.clone();
    let server = Server::start(
        move |request, stream| match seen.fetch_add(1, Ordering::SeqCst) {
            0 => serve(request, stream, &bytes, "\"v1\"", bytes.len() / 3),
            1 => Ok(()),
            _ => serve(request, stream, &bytes, "\"v1\"", ALL),
        },
    );
    (server, count)
}

#[test]
fn a_cut_off_transfer_goes_on_at_the_next_call() {
    let bench = Bench::new();
    let bytes = bench.musl("1.2.5");
    let (third, sha256) = (bytes.len() / 3, id(&bytes));
    let (server, _) = cutting(bytes);
    let url = server.url("musl.tar.gz");
    let failure = bench.fails(&url, sha256.clone());
    assert_eq!(failure.kind, Kind::Source);
    assert!(failure.help.unwrap().contains("goes on from there"));
    bench.fetch(&url, sha256).unwrap();
    let last = server.seen().pop().unwrap();
    assert_eq!(last.from(), Some(third));
    assert_eq!(last.header("if-range"), Some("\"v1\""));
    assert!(bench.said("going on with"));
    assert!(bench.there("downloads").is_empty());
}

#[test]
fn a_connection_that_breaks_off_is_taken_up_within_the_call() {
    let bench = Bench::new();
    let bytes = bench.musl("1.2.5");
    let (quarter, sha256) = (bytes.len() / 4, id(&bytes));
    // No answer has more than a quarter: it takes four or five.
    let server =
        Server::start(move |request, stream| serve(request, stream, &bytes, "\"v1\"", quarter + 9));
    bench.fetch(&server.url("musl.tar.gz"), sha256).unwrap();
    let from: Vec<_> = server.seen().iter().map(|r| r.from()).collect();
    assert_eq!(from[0], None);
    assert_eq!(from[1], Some(quarter + 9));
    assert_eq!(from.len(), 4);
}

#[test]
fn a_server_that_knows_no_ranges_is_asked_for_the_whole() {
    let bench = Bench::new();
    let bytes = bench.musl("1.2.5");
    let sha256 = id(&bytes);
    let count = AtomicUsize::new(0);
    let server = Server::start(
        move |_, stream| match count.fetch_add(1, Ordering::SeqCst) {
            0 => {
                let size = ("Content-Length", bytes.len().to_string());
                head(stream, "200 OK", &[size, ("ETag", "\"v1\"".to_owned())])?;
                stream.write_all(&bytes[..bytes.len() / 2])
            }
            _ => whole(stream, &bytes),
        },
    );
    bench.fetch(&server.url("musl.tar.gz"), sha256).unwrap();
    assert!(server.seen()[1].from().is_some());
    assert!(bench.said("the server sends the whole file again"));
}

#[test]
fn a_file_that_changed_between_attempts_is_fetched_from_the_start() {
    let bench = Bench::new();
    let (old, new) = (bench.musl("1.2.4"), bench.musl("1.2.5"));
    let sha256 = id(&new);
    let count = AtomicUsize::new(0);
    let server = Server::start(
        move |request, stream| match count.fetch_add(1, Ordering::SeqCst) {
            0 => serve(request, stream, &old, "\"old\"", old.len() / 2),
            _ => serve(request, stream, &new, "\"new\"", ALL),
        },
    );
    let source = bench.fetch(&server.url("musl.tar.gz"), sha256).unwrap();
    assert_eq!(source.version, "1.2.5");
}

#[test]
fn pieces_of_two_files_are_noticed_and_fetched_anew() {
    let bench = Bench::new();
    let (old, new) = (bench.musl("1.2.4"), bench.musl("1.2.5"));
    let sha256 = id(&new);
    let count = AtomicUsize::new(0);
    // The server lies: another file under the same tag.
    let server = Server::start(
        move |request, stream| match count.fetch_add(1, Ordering::SeqCst) {
            0 => serve(request, stream, &old, "\"v1\"", old.len() / 2),
            _ => serve(request, stream, &new, "\"v1\"", ALL),
        },
    );
    bench.fetch(&server.url("musl.tar.gz"), sha256).unwrap();
    assert!(bench.said("the pieces don't belong together"));
}

#[test]
fn a_range_that_can_not_be_had_is_fetched_from_the_start() {
    let bench = Bench::new();
    let bytes = bench.musl("1.2.5");
    let sha256 = id(&bytes);
    let count = AtomicUsize::new(0);
    let server = Server::start(move |request, stream| {
        match (count.fetch_add(1, Ordering::SeqCst), request.from()) {
            (0, _) => serve(request, stream, &bytes, "\"v1\"", 1000),
            (_, Some(_)) => head(stream, "416 Range Not Satisfiable", &[]),
            _ => serve(request, stream, &bytes, "\"v1\"", ALL),
        }
    });
    bench.fetch(&server.url("musl.tar.gz"), sha256).unwrap();
    assert_eq!(server.seen().len(), 3);
}

#[test]
fn what_is_not_there_is_told_with_the_address() {
    let bench = Bench::new();
    let server = Server::start(|_, stream| head(stream, "404 Not Found", &[]));
    let url = server.url("musl-9.9.tar.gz");
    let failure = bench.fails(&url, id(b"x"));
    assert_eq!(failure.kind, Kind::Source);
    assert!(
        failure.message.contains(&url) && failure.message.contains("404"),
        "{failure}"
    );
    assert_eq!(server.seen().len(), 1, "asking again would not help");
}

#[test]
fn redirects_are_followed_but_not_for_ever() {
    let bench = Bench::new();
    let bytes = bench.musl("1.2.5");
    let sha256 = id(&bytes);
    let server = Server::start(move |request, stream| match request.target() {
        "/moved" => head(stream, "302 Found", &[("Location", "/there".to_owned())]),
        "/there" => whole(stream, &bytes),
        _ => head(stream, "302 Found", &[("Location", "/loop".to_owned())]),
    });
    let failure = bench.fails(&server.url("loop"), id(b"x"));
    assert!(
        failure.message.contains("redirected more than 10 times"),
        "{failure}"
    );
    assert!(
        (10..=11).contains(&server.seen().len()),
        "{}",
        server.seen().len()
    );
    bench.fetch(&server.url("moved"), sha256).unwrap();
}

#[test]
fn a_server_that_says_nothing_is_given_up() {
    let bench = Bench::new();
    let bytes = bench.musl("1.2.5");
    let sha256 = id(&bytes);
    let hang = std::time::Duration::from_secs(20);
    let server = Server::start(move |request, stream| {
        if request.target() == "/midway" && request.from().is_none() {
            serve(request, stream, &bytes, "\"v1\"", 2000)?;
        }
        std::thread::sleep(hang);
        Ok(())
    });
    for (path, kept) in [("at-once", false), ("midway", true)] {
        let begun = std::time::Instant::now();
        let failure = bench.fails(&server.url(path), sha256.clone());
        assert!(failure.message.contains("said nothing for"), "{failure}");
        assert!(begun.elapsed() < hang / 2);
        let help = failure.help.unwrap();
        assert_eq!(help.contains("2,000 B"), kept, "{help}");
    }
}

#[test]
fn more_than_was_announced_is_refused() {
    let bench = Bench::new();
    let bytes = bench.musl("1.2.5");
    let sha256 = id(&bytes);
    let server = Server::start(move |_, stream| {
        head(stream, "200 OK", &[("Content-Length", "10".to_owned())])?;
        stream.write_all(&bytes)
    });
    // The client stops at the announced size: the hash tells.
    let failure = bench.fails(&server.url("musl.tar.gz"), sha256);
    assert_eq!(failure.kind, Kind::Source);
    assert!(bench.there("archives").is_empty());
}

#[test]
fn a_size_that_nobody_announced_is_no_obstacle() {
    let bench = Bench::new();
    let bytes = bench.musl("1.2.5");
    let sha256 = id(&bytes);
    let server = Server::start(move |_, stream| {
        head(stream, "200 OK", &[])?;
        stream.write_all(&bytes)
    });
    bench.fetch(&server.url("musl.tar.gz"), sha256).unwrap();
}

#[test]
fn nobody_listening_is_told() {
    let bench = Bench::new();
    // Nobody serves tcpmux (RFC 1078), and no test is given its port.
    let failure = bench.fails("http://127.0.0.1:1/gone", id(b"x"));
    assert_eq!(failure.kind, Kind::Source);
    assert!(failure.message.contains("refused"), "{failure}");
}

/// Connects two streams until one of them ends.
pub(crate) fn tunnel(client: &mut TcpStream, server: TcpStream) {
    let (mut client_in, mut server_out) =
        (client.try_clone().unwrap(), server.try_clone().unwrap());
    let up = std::thread::spawn(move || std::io::copy(&mut client_in, &mut server_out));
    let mut server = server;
    let mut buffer = [0; 4096];
    while let Ok(n @ 1..) = server.read(&mut buffer) {
        if client.write_all(&buffer[..n]).is_err() {
            break;
        }
    }
    let _ = client.shutdown(std::net::Shutdown::Both);
    let _ = up.join();
}

#[test]
fn a_proxy_is_used_and_its_refusal_told() {
    let mut bench = Bench::new();
    let bytes = bench.musl("1.2.5");
    let sha256 = id(&bytes);
    let server = Server::start(move |_, stream| whole(stream, &bytes));
    let behind = server.address();
    let proxy = Server::start(move |request, stream| {
        if request.target() != "archive.invalid:80" {
            return head(stream, "403 Forbidden", &[]);
        }
        head(stream, "200 OK", &[])?;
        tunnel(stream, TcpStream::connect(behind)?);
        Ok(())
    });
    bench.network.http_proxy = Some(format!("http://me:secret@{}", proxy.address()));
    // A host that doesn't exist: only the proxy knows where it is.
    bench
        .fetch("http://archive.invalid/musl.tar.gz", sha256)
        .unwrap();
    assert!(
        proxy.seen()[0]
            .line
            .starts_with("CONNECT archive.invalid:80")
    );
    assert!(proxy.seen()[0].header("proxy-authorization").is_some());
    let failure = bench.fails("http://elsewhere.invalid/x", id(b"x"));
    let told = failure.to_string();
    assert!(told.contains("the proxy") && told.contains("403"), "{told}");
    assert!(!told.contains("secret"), "{told}");
    bench.network.no_proxy = vec!["invalid".to_owned()];
    let before = proxy.seen().len();
    bench.fails("http://elsewhere.invalid/x", id(b"x"));
    assert_eq!(proxy.seen().len(), before, "spared by no_proxy");
}
