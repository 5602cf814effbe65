//! What an image says is to be started.

use initramfs::{ArchivePath, Content, EntryKind, Tree};
use serde::{Deserialize, Serialize};

/// The process of a container image (`config` of its configuration: config.md
/// of the OCI image specification).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// The program and its arguments: entry point and command, one behind the
    /// other.
    pub arguments: Vec<String>,
    /// `NAME=VALUE`.
    pub environment: Vec<String>,
    /// Whose the process is: `user`, `uid`, `user:group`, `uid:gid`; empty for
    /// root.
    pub user: String,
    /// Where it starts; empty for the root.
    pub directory: String,
}

/// Whose a process is, in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// The user.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// Further groups.
    pub groups: Vec<u32>,
}

/// Why a user has no number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the image starts as {wanted:?}, and its {file} names no {name:?}")]
pub struct UserError {
    /// What the image says.
    pub wanted: String,
    /// Where it was looked for.
    pub file: &'static str,
    /// What was looked for.
    pub name: String,
}

impl Start {
    /// Whose the process is, by `/etc/passwd` and `/etc/group` of the tree.
    ///
    /// # Errors
    /// When a name stands in neither.
    pub fn user(&self, tree: &Tree) -> Result<User, UserError> {
        if self.user.is_empty() {
            return Ok(User::default());
        }
        let (user, group) = match self.user.split_once(':') {
            Some((user, group)) => (user, Some(group)),
            None => (self.user.as_str(), None),
        };
        let passwd = text(tree, "etc/passwd");
        let groups = text(tree, "etc/group");
        let unknown = |file, name: &str| UserError {
            wanted: self.user.clone(),
            file,
            name: name.to_owned(),
        };
        // name:password:uid:gid:… (passwd(5))
        let mut users = passwd.lines().map(fields);
        let entry = users.find(|f| f.first() == Some(&user) || f.get(2) == Some(&user));
        let number = |at: usize| -> Option<u32> { entry.as_ref()?.get(at)?.parse().ok() };
        let uid = user.parse().ok().or_else(|| number(2));
        let uid = uid.ok_or_else(|| unknown("/etc/passwd", user))?;
        let gid = match group {
            // name:password:gid:members (group(5))
            Some(group) => {
                let mut all = groups.lines().map(fields);
                let found = all.find(|f| f.first() == Some(&group));
                let number = found.and_then(|f| f.get(2)?.parse().ok());
                let gid = group.parse().ok().or(number);
                gid.ok_or_else(|| unknown("/etc/group", group))?
            }
            None => number(3).unwrap_or(0),
        };
        let name = entry.as_ref().and_then(|f| f.first().copied());
        let member = |f: &Vec<&str>| {
            f.get(3)
                .is_some_and(|m| m.split(',').any(|m| Some(m) == name))
        };
        let further = groups.lines().map(fields).filter(member);
        Ok(User {
            uid,
            gid,
            // A group that is named replaces all others.
            groups: match group {
                Some(_) => Vec::new(),
                None => further.filter_map(|f| f.get(2)?.parse().ok()).collect(),
            },
        })
    }
}

fn fields(line: &str) -> Vec<&str> {
    line.split(':').collect()
}

/// A file of the tree as a text; empty where there is none.
fn text(tree: &Tree, path: &str) -> String {
    let entry = ArchivePath::new(path)
        .ok()
        .and_then(|path| tree.get(&tree.leads_to(&path)?));
    match entry.map(|entry| &entry.kind) {
        Some(EntryKind::File(Content::Bytes(bytes))) => String::from_utf8_lossy(bytes).into_owned(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use initramfs::Entry;

    fn tree() -> Tree {
        let mut tree = Tree::new();
        for (path, text) in [
            (
                "etc/passwd",
                "root:x:0:0::/:/bin/sh\nredis:x:101:102::/:/bin/false\n",
            ),
            (
                "etc/group",
                "root:x:0:\nredis:x:102:\nlog:x:7:redis,www\nwww:x:9:\n",
            ),
        ] {
            let path = ArchivePath::new(path).expect("a path");
            tree.insert(Entry::file(path, text.as_bytes()))
                .expect("fits");
        }
        tree
    }

    fn user(of: &str) -> Result<User, UserError> {
        let start = Start {
            user: of.to_owned(),
            ..Start::default()
        };
        start.user(&tree())
    }

    #[test]
    fn users_have_the_numbers_of_their_files() {
        let of = |uid, gid, groups: &[u32]| {
            Ok(User {
                uid,
                gid,
                groups: groups.to_vec(),
            })
        };
        assert_eq!(user(""), of(0, 0, &[]));
        assert_eq!(user("redis"), of(101, 102, &[7]));
        assert_eq!(user("101"), of(101, 102, &[7]));
        assert_eq!(user("redis:www"), of(101, 9, &[]));
        assert_eq!(user("5"), of(5, 0, &[]));
        assert_eq!(user("5:6"), of(5, 6, &[]));
        let error = user("nobody").expect_err("isn't there").to_string();
        assert_eq!(
            error,
            "the image starts as \"nobody\", and its /etc/passwd names no \"nobody\""
        );
        assert!(user("redis:nogroup").is_err());
    }
}
