//! Why nothing starts a user land that was made elsewhere.

use rootfs::UserError;

/// Why nothing starts a system.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The image's program is somebody's who isn't known.
    #[error("can't start the image's program")]
    User(#[source] UserError),
    /// Nothing is named, and no init is there.
    #[error("the root file system names nothing to be started, and has no /init, {looked}")]
    NoInit {
        /// Where an init was looked for.
        looked: String,
    },
}
