//! What a line of the spool says, in bytes. A record's end repeats its beginning, so that each can be read alone.

use time::OffsetDateTime;
use uuid::Uuid;

use super::Request;
use crate::{
    domain::{Account, Money, Operation, Outcome, Usage},
    store::UsageRecord,
};

/// The longest line: the longest name of a model, and everything else.
#[cfg(test)]
const LONGEST: usize = 400;

/// What is known of a request before its work begins.
#[derive(Debug, Clone)]
pub(super) struct Begin {
    pub(super) id: Uuid,
    pub(super) occurred_at: OffsetDateTime,
    pub(super) request: Request,
}

/// A line of the spool.
#[derive(Debug)]
pub(super) enum Line {
    /// A request has begun.
    Begin(Begin),
    /// It has ended.
    End(UsageRecord),
}

/// The first byte of a line; another version's lines would have others.
const BEGIN: u8 = 1;
const END: u8 = 2;

/// What the end has beyond the beginning: two counts of tokens, a cost, an outcome, and whether it was remembered.
const END_EXTRA: usize = 8 + 8 + 8 + 1 + 1;

impl Begin {
    pub(super) fn write(&self, to: &mut Vec<u8>) {
        to.push(BEGIN);
        self.write_content(to);
    }

    /// How long its line is.
    pub(super) fn length(&self) -> usize {
        let Request {
            account,
            key,
            operation,
            analysis,
        } = &self.request;
        let id = |is_there: bool| if is_there { 17 } else { 1 };
        let model = match operation {
            Operation::Panel => 1,
            Operation::Chat(model) => 2 + model.as_str().len(),
        };
        1 + 16 + 8 + id(*account != Account::Anonymous) + id(key.is_some()) + id(analysis.is_some()) + model
    }

    /// How long the line of its end will be.
    pub(super) fn length_of_end(&self) -> usize {
        self.length() + END_EXTRA
    }

    fn write_content(&self, to: &mut Vec<u8>) {
        let Request {
            account,
            key,
            operation,
            analysis,
        } = &self.request;
        to.extend_from_slice(self.id.as_bytes());
        to.extend_from_slice(&micros(self.occurred_at).to_le_bytes());
        write_id(
            to,
            match account {
                Account::Anonymous => None,
                Account::User(id) => Some(id.as_uuid()),
            },
        );
        write_id(to, key.map(|key| key.as_uuid()));
        write_id(to, analysis.map(|analysis| analysis.as_uuid()));
        match operation {
            Operation::Panel => to.push(0),
            Operation::Chat(model) => {
                to.push(1);
                // A model's name is no longer than this; see ModelId.
                to.push(u8::try_from(model.as_str().len()).unwrap_or(u8::MAX));
                to.extend_from_slice(model.as_str().as_bytes());
            }
        }
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            id: from.uuid()?,
            occurred_at: from.time()?,
            request: Request {
                account: from
                    .id()?
                    .map_or(Account::Anonymous, |id| Account::User(id.into())),
                key: from.id()?.map(Into::into),
                analysis: from.id()?.map(Into::into),
                operation: match from.byte()? {
                    0 => Operation::Panel,
                    1 => {
                        let length = from.byte()?;
                        let name = std::str::from_utf8(from.bytes(usize::from(length))?).ok()?;
                        Operation::Chat(name.parse().ok()?)
                    }
                    _ => return None,
                },
            },
        })
    }

    /// The record of this request, once it has ended so.
    pub(super) fn end(&self, usage: Usage, cost: Money, outcome: Outcome, cached: bool) -> UsageRecord {
        let Request {
            account,
            key,
            operation,
            analysis,
        } = self.request.clone();
        UsageRecord {
            id: self.id,
            occurred_at: self.occurred_at,
            account,
            key,
            operation,
            analysis,
            usage,
            cost,
            outcome,
            cached,
        }
    }
}

/// Writes the line of an end.
pub(super) fn write_end(record: &UsageRecord, to: &mut Vec<u8>) {
    let UsageRecord {
        id,
        occurred_at,
        account,
        key,
        operation,
        analysis,
        usage,
        cost,
        outcome,
        cached,
    } = record;
    let begin = Begin {
        id: *id,
        occurred_at: *occurred_at,
        request: Request {
            account: *account,
            key: *key,
            operation: operation.clone(),
            analysis: *analysis,
        },
    };
    to.push(END);
    begin.write_content(to);
    to.extend_from_slice(&usage.input_tokens.to_le_bytes());
    to.extend_from_slice(&usage.output_tokens.to_le_bytes());
    to.extend_from_slice(&cost.millionths().to_le_bytes());
    to.push(match outcome {
        Outcome::Completed => 0,
        Outcome::Failed => 1,
        Outcome::Cancelled => 2,
        Outcome::Unconfirmed => 3,
    });
    to.push(u8::from(*cached));
}

impl Line {
    /// Reads a line; nothing where it is none that this version knows.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let mut from = Reader(bytes);
        let line = match from.byte()? {
            BEGIN => Self::Begin(Begin::read(&mut from)?),
            END => {
                let begin = Begin::read(&mut from)?;
                let usage = Usage {
                    input_tokens: from.number()?,
                    output_tokens: from.number()?,
                };
                let cost = Money::from_millionths(from.number()?);
                let outcome = match from.byte()? {
                    0 => Outcome::Completed,
                    1 => Outcome::Failed,
                    2 => Outcome::Cancelled,
                    3 => Outcome::Unconfirmed,
                    _ => return None,
                };
                let cached = from.byte()? == 1;
                Self::End(begin.end(usage, cost, outcome, cached))
            }
            _ => return None,
        };
        from.0.is_empty().then_some(line)
    }
}

fn write_id(to: &mut Vec<u8>, id: Option<Uuid>) {
    match id {
        None => to.push(0),
        Some(id) => {
            to.push(1);
            to.extend_from_slice(id.as_bytes());
        }
    }
}

/// Whole microseconds since 1970: what the stores keep.
fn micros(time: OffsetDateTime) -> i64 {
    i64::try_from(time.unix_timestamp_nanos().div_euclid(1_000)).unwrap_or(i64::MAX)
}

struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    fn bytes(&mut self, length: usize) -> Option<&'b [u8]> {
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    fn byte(&mut self) -> Option<u8> {
        self.bytes(1)?.first().copied()
    }

    fn number(&mut self) -> Option<u64> {
        self.bytes(8)?.try_into().ok().map(u64::from_le_bytes)
    }

    fn time(&mut self) -> Option<OffsetDateTime> {
        let micros = i64::from_le_bytes(self.bytes(8)?.try_into().ok()?);
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1_000).ok()
    }

    fn uuid(&mut self) -> Option<Uuid> {
        Uuid::from_slice(self.bytes(16)?).ok()
    }

    /// The outer is nothing where the line is no good, the inner where the id is not there.
    fn id(&mut self) -> Option<Option<Uuid>> {
        match self.byte()? {
            0 => Some(None),
            1 => self.uuid().map(Some),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id() -> impl Strategy<Value = Option<Uuid>> {
        prop::option::of(any::<u128>().prop_map(Uuid::from_u128))
    }

    fn record() -> impl Strategy<Value = UsageRecord> {
        let model = prop::option::of("[a-z]{1,20}/[!-~]{1,170}");
        let ids = (any::<u128>(), id(), id(), id());
        let numbers = (
            0..4_000_000_000_000_000_i64,
            any::<u64>(),
            any::<u64>(),
            any::<u64>(),
        );
        (ids, model, numbers, 0..4_usize, any::<bool>()).prop_map(|(ids, model, numbers, outcome, cached)| {
            let outcomes = [
                Outcome::Completed,
                Outcome::Failed,
                Outcome::Cancelled,
                Outcome::Unconfirmed,
            ];
            UsageRecord {
                id: Uuid::from_u128(ids.0),
                occurred_at: OffsetDateTime::from_unix_timestamp_nanos(i128::from(numbers.0) * 1_000)
                    .unwrap(),
                account: ids.1.map_or(Account::Anonymous, |id| Account::User(id.into())),
                key: ids.2.map(Into::into),
                operation: model.map_or(Operation::Panel, |name| Operation::Chat(name.parse().unwrap())),
                analysis: ids.3.map(Into::into),
                usage: Usage {
                    input_tokens: numbers.1,
                    output_tokens: numbers.2,
                },
                cost: Money::from_millionths(numbers.3),
                outcome: outcomes[outcome],
                cached,
            }
        })
    }

    proptest! {
        #[test]
        fn a_record_reads_back_as_it_was_written(record in record()) {
            let mut bytes = Vec::new();
            write_end(&record, &mut bytes);
            prop_assert!(bytes.len() <= LONGEST && LONGEST + 8 <= super::super::frame::MAX);
            let Some(Line::End(read)) = Line::read(&bytes) else { panic!("{bytes:?}") };
            prop_assert_eq!(&read, &record);
            prop_assert!(Line::read(&bytes[..bytes.len() - 1]).is_none());

            let begin = Begin {
                id: record.id,
                occurred_at: record.occurred_at,
                request: Request {
                    account: record.account,
                    key: record.key,
                    operation: record.operation.clone(),
                    analysis: record.analysis,
                },
            };
            prop_assert_eq!(begin.length_of_end(), bytes.len());
            bytes.clear();
            begin.write(&mut bytes);
            prop_assert_eq!(begin.length(), bytes.len());
            let Some(Line::Begin(read)) = Line::read(&bytes) else { panic!("{bytes:?}") };
            prop_assert_eq!(read.end(record.usage, record.cost, record.outcome, record.cached), record);
        }

        #[test]
        fn noise_reads_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = Line::read(&bytes);
        }
    }
}
