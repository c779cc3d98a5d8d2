//! Tests of moxnas-core from outside.

mod disk;
mod tree;
