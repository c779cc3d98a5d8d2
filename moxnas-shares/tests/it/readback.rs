//! What the programs make of the files that are for them.
