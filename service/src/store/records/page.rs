/// Which part of a list is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page<T> {
    /// The last entry that was seen; none for the first page.
    pub after: Option<T>,
    /// How many entries at most.
    pub limit: u32,
}
