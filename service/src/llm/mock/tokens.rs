/// Splits a text into the stand-ins' tokens: words with the space before them. Joined, they are the text again.
pub(super) fn split(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut start = 0;
    let mut in_word = false;
    for (at, character) in text.char_indices() {
        if character.is_whitespace() && in_word {
            tokens.push(&text[start..at]);
            start = at;
            in_word = false;
        } else if !character.is_whitespace() {
            in_word = true;
        }
    }
    if start < text.len() {
        tokens.push(&text[start..]);
    }
    tokens
}

pub(super) fn count(text: &str) -> u64 {
    split(text).len() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_joined_are_the_text_again() {
        for text in [
            "",
            " ",
            "one",
            "  two words\n\nand more ",
            "ein Wörtchen — 日本語",
        ] {
            assert_eq!(split(text).concat(), text);
        }
        assert_eq!(count("Should a small team run its own Postgres?"), 8);
    }
}
