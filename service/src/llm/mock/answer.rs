//! What a stand-in says. The text is made of what it was asked: the question's own words and, where the message
//! quotes other answers, their own sentences. So a test, or a person, can see in the answer what reached the model.

use std::cell::Cell;

use sha2::{Digest as _, Sha256};

use super::Request;
use crate::{
    llm::{Format, Message, Role},
    panel::{Comparison, Contradiction, Insight, Position, comparison},
};

/// From where a stand-in looks at a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    Analyst,
    Skeptic,
    Pragmatist,
    Editor,
}

/// Words that say nothing about a question's subject.
const COMMON: &str = " a about after all an and any are as at be because been before but by can could did do does \
    for from had has have how i if in into is it its just me more most my no not of on one only or our out own \
    should so some such than that the their them then there these they this to up use was we were what when where \
    which who why will with would you your please ";

/// Whether a stand-in answers in this form: in words, or with what the panel compares its answers by.
pub(super) fn speaks(format: &Format) -> bool {
    *format == Format::Text || is_comparison(format)
}

fn is_comparison(format: &Format) -> bool {
    matches!(format, Format::Schema { name, .. } if name == comparison::SCHEMA)
}

pub(super) fn answer(request: &Request, view: View) -> String {
    let asked = request
        .messages
        .iter()
        .rev()
        .find(|message| message.role() == Role::User);
    let asked = asked.map(Message::text).unwrap_or_default();
    let quoted = quoted_blocks(&asked);
    let chance = Chance::new(request, view);
    let question = quoted.iter().find(|block| block.name == "Question");
    if let (Some(question), true) = (question, is_comparison(&request.format)) {
        return verdict(&question.text, &responses(&quoted));
    }
    match (question, view) {
        (None, _) => opinion(&asked, view, &chance),
        (Some(question), View::Editor) => synthesis(&question.text, responses(&quoted), &chance),
        (Some(question), _) => revision(&question.text, &quoted, view, &chance),
    }
}

fn opinion(question: &str, view: View, chance: &Chance) -> String {
    let mut subjects = subjects(question);
    chance.reorder(&mut subjects);
    let main = subjects.first().map_or("the question", String::as_str);
    let rest = match &subjects[1.min(subjects.len())..] {
        [] => "its surroundings".to_owned(),
        rest => list(&rest[..rest.len().min(3)]),
    };
    let verdict = match view {
        View::Analyst => chance.pick([
            format!("What decides here is {main}, weighed against {rest}."),
            format!("The question turns on {main}; {rest} set its limits."),
        ]),
        View::Skeptic => chance.pick([
            format!("I would doubt the easy answer about {main} until {rest} have been tested under load."),
            format!("The risk sits in {main}: when it fails, {rest} fail with it."),
        ]),
        View::Pragmatist => chance.pick([
            format!("Start small with {main}, measure, and decide about {rest} afterwards."),
            format!("Take the reversible step first: try {main} for two weeks, and keep {rest} as they are."),
        ]),
        View::Editor => chance.pick([
            format!("In short, the answer depends on {main} and on {rest}."),
            format!("There are two sides to it: {main}, and {rest}."),
        ]),
    };
    format!("{verdict} {}{}", condition(question, main), chance.aside())
}

fn condition(question: &str, main: &str) -> String {
    let first = question
        .split_whitespace()
        .next()
        .unwrap_or_default()
        .to_lowercase();
    match first.as_str() {
        "should" | "can" | "is" | "are" | "do" | "does" | "will" => {
            format!("So: yes, if somebody owns {main} by name; no, if nobody does.")
        }
        "why" => format!("The cause to look at first is how {main} came about."),
        "how" => format!("The first step is to write down what {main} has to do, and for whom."),
        _ => format!("That is what I would say about {main} with what the question tells."),
    }
}

fn revision(question: &str, quoted: &[Block], view: View, chance: &Chance) -> String {
    let own = quoted
        .iter()
        .find(|block| block.name == "Your answer")
        .map_or("", |block| block.text.as_str());
    let peers = responses(quoted);
    let kept = first_sentence(own);
    let mut text = if kept.is_empty() {
        opinion(question, view, chance)
    } else {
        kept.to_owned()
    };
    for peer in peers {
        let point = first_sentence(&peer.text);
        let verdict = chance.pick([
            format!(" {} adds a point that I take over: “{point}”", peer.name),
            format!(" I weighed {}, which says: “{point}”", peer.name),
        ]);
        text.push_str(&verdict);
    }
    text
}

fn synthesis(question: &str, responses: Vec<&Block>, chance: &Chance) -> String {
    let subjects = subjects(question);
    let shared: Vec<String> = subjects
        .into_iter()
        .filter(|subject| {
            responses
                .iter()
                .all(|response| contains_word(&response.text, subject))
        })
        .collect();
    let mut text = if shared.is_empty() {
        "The responses start from different points, and each holds a part of the answer.".to_owned()
    } else {
        let shared = list(&shared);
        chance.pick([
            format!("All responses agree that {shared} matter most."),
            format!("The responses have one thing in common: {shared}."),
        ])
    };
    for response in responses {
        text.push_str(&format!(
            "\n- {}: {}",
            response.name,
            first_sentence(&response.text)
        ));
    }
    text
}

/// What the panel's comparison of its answers is made of: the question's words, by who takes them up.
fn verdict(question: &str, responses: &[&Block]) -> String {
    let mut verdict = Comparison::default();
    for subject in subjects(question) {
        let (with, without): (Vec<&&Block>, Vec<&&Block>) = responses
            .iter()
            .partition(|response| contains_word(&response.text, &subject));
        match (&with[..], &without[..]) {
            (_, []) => verdict.consensus.push(format!("{subject} matters")),
            ([], _) => verdict.blind_spots.push(format!("nobody speaks of {subject}")),
            ([one], _) => verdict.unique_insights.push(Insight {
                response: one.name.clone(),
                insight: format!("{subject} belongs to it"),
            }),
            _ => {
                let position = |response: &&&Block, position: &str| Position {
                    response: response.name.clone(),
                    position: position.to_owned(),
                };
                let takes = with.iter().map(|response| position(response, "it matters"));
                let leaves = without
                    .iter()
                    .map(|response| position(response, "it does not matter"));
                verdict.contradictions.push(Contradiction {
                    topic: subject,
                    positions: takes.chain(leaves).collect(),
                });
            }
        }
    }
    serde_json::to_string(&verdict).unwrap_or_default()
}

/// A named part of a message whose lines are quoted with `> `.
struct Block {
    name: String,
    text: String,
}

fn quoted_blocks(message: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut heading = None;
    for line in message.lines() {
        if let Some(quoted) = line.strip_prefix('>') {
            let quoted = quoted.strip_prefix(' ').unwrap_or(quoted);
            match (heading.take(), blocks.last_mut()) {
                (Some(name), _) => blocks.push(Block {
                    name,
                    text: quoted.to_owned(),
                }),
                (None, Some(block)) => {
                    block.text.push('\n');
                    block.text.push_str(quoted);
                }
                (None, None) => {}
            }
        } else {
            heading = line.strip_suffix(':').map(str::to_owned);
        }
    }
    blocks
}

fn responses(blocks: &[Block]) -> Vec<&Block> {
    blocks
        .iter()
        .filter(|block| block.name.starts_with("Response "))
        .collect()
}

/// The question's own words that carry its subject, longest first.
fn subjects(question: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in question.split(|c: char| !c.is_alphanumeric() && c != '-' && c != '\'') {
        let known = words.iter().any(|other| other.eq_ignore_ascii_case(word));
        let common = COMMON.contains(&format!(" {} ", word.to_lowercase()));
        if word.chars().count() > 2 && !known && !common {
            words.push(word.to_owned());
        }
    }
    words.sort_by_key(|word| std::cmp::Reverse(word.chars().count()));
    words.truncate(6);
    words
}

fn contains_word(text: &str, word: &str) -> bool {
    text.to_lowercase().contains(&word.to_lowercase())
}

fn first_sentence(text: &str) -> &str {
    let text = text.trim();
    let end = text.find(['.', '?', '!']).map_or(text.len(), |end| end + 1);
    &text[..end]
}

fn list(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// The stand-in's only freedom: choices that model, conversation and sampling decide.
enum Chance {
    /// Without a seed every choice is the same one.
    Hashed(u64),
    /// With one, seeds that follow each other differ in at least one choice: they count them through.
    Seeded(Cell<u64>),
}

impl Chance {
    fn new(request: &Request, view: View) -> Self {
        let mut hash = Sha256::new();
        let seed = request.sampling.seed;
        hash.update(format!("{view:?}/{}/", request.model));
        if seed.is_none() {
            hash.update(format!("{:?}", request.sampling));
        }
        for message in &request.messages {
            hash.update(message.text().as_bytes());
        }
        let hash = u64::from(hash.finalize()[0]);
        match seed {
            None => Self::Hashed(hash),
            Some(seed) => Self::Seeded(Cell::new(hash.wrapping_add(seed.unsigned_abs()))),
        }
    }

    fn pick<const N: usize>(&self, choices: [String; N]) -> String {
        choices.into_iter().nth(self.next(N)).unwrap_or_default()
    }

    fn next(&self, count: usize) -> usize {
        let count = (count as u64).max(1);
        let index = match self {
            Self::Hashed(hash) => hash % count,
            Self::Seeded(left) => left.replace(left.get() / count) % count,
        };
        usize::try_from(index).unwrap_or_default()
    }

    /// What only a seed brings: another order of what is looked at.
    fn reorder(&self, subjects: &mut [String]) {
        if matches!(self, Self::Seeded(_)) {
            subjects.rotate_left(self.next(subjects.len()));
        }
    }

    /// What only a seed brings: how sure the stand-in is.
    fn aside(&self) -> &'static str {
        match self {
            Self::Hashed(_) => "",
            Self::Seeded(_) => ["", " I am sure of it.", " I am not sure of it."][self.next(3)],
        }
    }
}
