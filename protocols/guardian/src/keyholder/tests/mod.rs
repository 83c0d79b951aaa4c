//! The keyholder against a small ledger.
