//! What a Linux kernel consists of.
