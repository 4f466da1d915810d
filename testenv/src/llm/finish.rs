/// Why a scripted answer ends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finish {
    /// It is complete.
    #[default]
    Complete,
    /// It met the request's token limit.
    Length,
    /// It waits for what the tools give.
    ToolCalls,
    /// The provider's filter ended it.
    Filtered,
    /// The provider says nothing to such a question: the answer has no text. To Gemini the prompt itself is blocked.
    Refused,
    /// In the provider's own word, such as `pause_turn` or `MALFORMED_FUNCTION_CALL`.
    Named(String),
}
