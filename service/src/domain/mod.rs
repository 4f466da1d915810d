//! The words of the product. Each type parses once and cannot hold a bad value afterwards; nothing here does I/O.

mod analysis_id;
mod duration;
mod model_id;
mod prompt;
mod usage;

pub use analysis_id::AnalysisId;
pub use duration::{format_duration, parse_duration};
pub use model_id::ModelId;
pub use prompt::Prompt;
pub use usage::Usage;
