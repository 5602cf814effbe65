//! What the program does without building or booting anything: one test program,
//! so that all of it is linked once.

mod disks;
mod dry_run;
mod files;
mod review;
mod scale;
mod source;
mod upkeep;
