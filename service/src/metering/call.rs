use super::Meter;
use crate::domain::{ModelId, Usage};

/// One call of a request. What it took is known when it ends; until then, and for good where it is broken off, it is
/// guessed from the text: whoever goes away before the end has been answered all the same.
#[derive(Debug)]
pub struct Call {
    meter: Meter,
    number: usize,
    read: usize,
    written: usize,
}

impl Call {
    /// A model is being asked, with so many bytes.
    pub(super) fn begin(meter: Meter, model: ModelId, read: usize) -> Self {
        let number = meter.asked(model, Usage::guess(read, 0));
        Self {
            meter,
            number,
            read,
            written: 0,
        }
    }

    /// It has answered so many bytes more.
    pub fn wrote(&mut self, bytes: usize) {
        if bytes > 0 {
            self.written += bytes;
            self.meter
                .took(self.number, Usage::guess(self.read, self.written));
        }
    }

    /// It took this.
    pub fn took(&self, usage: Usage) {
        self.meter.took(self.number, usage);
    }

    /// So many bytes it was asked with.
    pub fn read(&self) -> usize {
        self.read
    }
}
