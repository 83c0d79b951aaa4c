//! Answers and what can be proven with them.
