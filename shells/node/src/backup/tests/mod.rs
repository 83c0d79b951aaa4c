//! Tests of backups, with peers in this process.
