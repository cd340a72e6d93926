//! Readers against everything that is not what they hope for: no panic, no endless work, an error or a value.

mod hostile;
mod json;
mod shapes;
mod there_and_back;
mod validation;
