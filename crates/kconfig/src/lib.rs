//! The Kconfig language of the Linux kernel.
