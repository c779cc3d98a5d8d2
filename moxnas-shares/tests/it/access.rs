//! What is explained, held against what is so.

mod dice;
mod kernel;
mod remedies;
mod rules;
mod smbd;
mod trails;
