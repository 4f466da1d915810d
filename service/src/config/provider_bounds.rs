use std::time::Duration;

/// What bounds the calls of a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProviderBounds {
    /// How long a connection may take to come about, `connectTimeout`.
    pub connect: Duration,
    /// How long a streamed answer may take to begin, `firstByteTimeout`.
    pub first_byte: Duration,
    /// How long a streamed answer may rest between two pieces, `chunkTimeout`.
    pub chunk: Duration,
    /// How long a whole answer may take, tries anew included, `timeout`.
    pub total: Duration,
    /// How often a call is tried anew, at most, `retries`.
    pub retries: u32,
    /// How many calls may be under way at once, `maxConcurrency`.
    pub concurrency: usize,
    /// How many of them may be of one model, `maxConcurrencyPerModel`.
    pub concurrency_per_model: usize,
}

impl ProviderBounds {
    pub(super) const DEFAULT: Self = Self {
        connect: Duration::from_secs(5),
        first_byte: Duration::from_secs(60),
        chunk: Duration::from_secs(30),
        total: Duration::from_secs(600),
        retries: 2,
        concurrency: 2_048,
        concurrency_per_model: 2_048,
    };

    /// What is out of range, by the field's name in the file.
    pub(super) fn problems(&self) -> Vec<(&'static str, String)> {
        let durations = [
            ("connectTimeout", self.connect),
            ("firstByteTimeout", self.first_byte),
            ("chunkTimeout", self.chunk),
            ("timeout", self.total),
        ];
        let allowed = Duration::from_millis(100)..=Duration::from_secs(1_800);
        let mut problems: Vec<_> = durations
            .iter()
            .filter(|(_, duration)| !allowed.contains(duration))
            .map(|(name, _)| (*name, "is out of range; 100ms to 30m is allowed".to_owned()))
            .collect();
        if self.retries > 10 {
            problems.push(("retries", "is out of range; 0 to 10 is allowed".to_owned()));
        }
        for (name, calls) in [
            ("maxConcurrency", self.concurrency),
            ("maxConcurrencyPerModel", self.concurrency_per_model),
        ] {
            if !(1..=100_000).contains(&calls) {
                problems.push((name, "is out of range; 1 to 100000 is allowed".to_owned()));
            }
        }
        problems
    }
}
