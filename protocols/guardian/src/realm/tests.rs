//! Tests of the realm.
