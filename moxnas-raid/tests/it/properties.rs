//! What holds for every plan and every array.

mod consequences;
mod expected;
mod health;
mod plans;
mod refusals;
mod retry;
mod struck;
mod texts;
