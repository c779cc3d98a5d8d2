//! Cases that nobody here wrote.
