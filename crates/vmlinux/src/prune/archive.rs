//! The archive that holds pruned objects: the `ar` format with GNU's table of
//! long names, without an index, which `--whole-archive` doesn't ask for.

use super::pruned::{Output, Pruned};

impl Pruned {
    /// One archive of all objects, to be linked with `--whole-archive` in the
    /// place of all that went in.
    pub fn archive(&self) -> Vec<u8> {
        archive(&self.objects)
    }
}

/// One archive of all objects, in their order.
fn archive(objects: &[Output]) -> Vec<u8> {
    let mut names = String::new();
    let mut places = Vec::with_capacity(objects.len());
    for object in objects {
        places.push(names.len());
        // Slashes end a name.
        names.push_str(&object.name.replace('/', "_"));
        names.push_str("/\n");
    }
    let mut out = b"!<arch>\n".to_vec();
    member(&mut out, "//", names.as_bytes());
    for (object, place) in objects.iter().zip(places) {
        member(&mut out, &format!("/{place}"), &object.bytes);
    }
    out
}

fn member(out: &mut Vec<u8>, name: &str, bytes: &[u8]) {
    let size = bytes.len();
    let header = format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{size:<10}`\n", 0, 0, 0, 644);
    out.extend(header.as_bytes());
    out.extend(bytes);
    if size % 2 == 1 {
        out.push(b'\n');
    }
}
