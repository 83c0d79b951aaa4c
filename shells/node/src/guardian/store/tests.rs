//! Tests of the store: what is kept, what is destroyed, and what a crash leaves.
