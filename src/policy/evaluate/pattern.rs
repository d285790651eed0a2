//! Patterns with `*`, `?` and the cloud's own `${…}`: a variable's value is plain text, whatever it contains.

use super::request::Context;

/// A pattern, its variables replaced.
#[derive(Debug)]
pub(in crate::policy) struct Pattern(Vec<Token>);

#[derive(Debug)]
enum Token {
    Text(char),
    One,
    Any,
}

/// A variable without a value: whatever it stands in matches nothing.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::policy) struct Unresolved;

/// Whether `*` and `?` are wildcards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::policy) enum Wildcards {
    Work,
    AreText,
}

/// Whether the case of letters counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::policy) enum Case {
    Counts,
    Ignored,
}

impl Pattern {
    /// Reads a pattern. Without `variables` (RAM, AWS's old version) `${…}` is plain text.
    pub(in crate::policy) fn new(
        text: &str,
        wildcards: Wildcards,
        variables: Option<&Context>,
    ) -> Result<Self, Unresolved> {
        let mut tokens = Vec::with_capacity(text.len());
        let mut rest = text;
        while let Some(character) = rest.chars().next() {
            if let Some((name, after)) = variable(rest).filter(|_| variables.is_some()) {
                let value = resolve(name, variables).ok_or(Unresolved)?;
                tokens.extend(value.chars().map(Token::Text));
                rest = after;
                continue;
            }
            tokens.push(match character {
                '*' if wildcards == Wildcards::Work => Token::Any,
                '?' if wildcards == Wildcards::Work => Token::One,
                other => Token::Text(other),
            });
            rest = &rest[character.len_utf8()..];
        }
        Ok(Self(tokens))
    }

    /// Whether the whole text matches: `*` any characters or none, `?` exactly one.
    pub(in crate::policy) fn matches(&self, text: &str, case: Case) -> bool {
        let same = |a: char, b: char| a == b || (case == Case::Ignored && a.to_lowercase().eq(b.to_lowercase()));
        let text: Vec<char> = text.chars().collect();
        let (mut at, mut token) = (0, 0);
        // Where the last `*` stands and how far it reaches so far; a mismatch lets it reach one further.
        let mut star: Option<(usize, usize)> = None;
        while at < text.len() {
            match self.0.get(token) {
                Some(Token::Any) => {
                    star = Some((token, at));
                    token += 1;
                }
                Some(Token::One) => {
                    at += 1;
                    token += 1;
                }
                Some(&Token::Text(character)) if same(character, text[at]) => {
                    at += 1;
                    token += 1;
                }
                _ => {
                    let Some((position, reach)) = star else { return false };
                    star = Some((position, reach + 1));
                    at = reach + 1;
                    token = position + 1;
                }
            }
        }
        self.0[token..].iter().all(|token| matches!(token, Token::Any))
    }

    /// The pattern as it would be written without variables; what would mean something but is text is escaped.
    pub(in crate::policy) fn written(&self) -> String {
        let mut text = String::with_capacity(self.0.len());
        for token in &self.0 {
            match token {
                Token::Any => text.push('*'),
                Token::One => text.push('?'),
                Token::Text(special @ ('*' | '?' | '$')) => text.extend(['$', '{', *special, '}']),
                Token::Text(character) => text.push(*character),
            }
        }
        text
    }

    /// A text that it matches, with `any` for each `*` and `one` for each `?`.
    pub(in crate::policy) fn example(&self, any: &str, one: char) -> String {
        let mut text = String::with_capacity(self.0.len());
        for token in &self.0 {
            match token {
                Token::Any => text.push_str(any),
                Token::One => text.push(one),
                Token::Text(character) => text.push(*character),
            }
        }
        text
    }
}

/// The inside of the `${…}` that the text starts with, and what follows it.
pub(super) fn variable(text: &str) -> Option<(&str, &str)> {
    text.strip_prefix("${")?.split_once('}')
}

/// `key`, `key, 'default'`, or one of `*`, `?`, `$`, which stand for themselves.
fn resolve<'a>(inside: &'a str, variables: Option<&'a Context>) -> Option<&'a str> {
    let inside = inside.trim();
    if matches!(inside, "*" | "?" | "$") {
        return Some(inside);
    }
    let (key, default) = inside.split_once(',').map_or((inside, None), |(key, default)| (key, Some(default.trim())));
    variables.and_then(|context| context.variable(key.trim())).or_else(|| {
        let default = default.filter(|default| !default.is_empty())?;
        Some(default.trim_matches('\''))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn context() -> Context {
        Context::new().with("aws:username", "alice").with("tag/star", "*").with("aws:TagKeys", ["one"])
    }

    fn like(pattern: &str, text: &str) -> bool {
        Pattern::new(pattern, Wildcards::Work, Some(&context())).unwrap().matches(text, Case::Counts)
    }

    #[test]
    fn wildcards() {
        for (pattern, text) in [
            ("*", ""),
            ("a*", "a"),
            ("a*b*c", "a--b-b--c"),
            ("*/x/*", "a/x/y/x/"),
            ("?é?", "aéb"),
            ("**a", "ba"),
            ("", ""),
        ] {
            assert!(like(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("a?", "a"), ("a*b", "a-c"), ("A", "a"), ("", "a"), ("a", ""), ("*a", "ab"), ("?", "")]
        {
            assert!(!like(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn variables_are_plain_text() {
        assert!(like("home/${aws:UserName}/*", "home/alice/x"));
        assert!(!like("home/${aws:username}", "home/bob"));
        assert!(like("${tag/star}", "*"));
        assert!(!like("${tag/star}", "anything"), "a wildcard in a tag is text");
        assert!(like("a${*}b${?}c${$}", "a*b?c$"));
        assert!(!like("a${*}b", "axb"));
        assert!(like("${none, 'guest'}/${ none , 'a b' }", "guest/a b"));
        assert!(like("${aws:username, 'guest'}", "alice"));
        assert!(like("${none, '*'}", "*") && !like("${none, '*'}", "x"));
        assert!(like("${open", "${open") && like("$x{*}", "$x{y}"));
    }

    #[test]
    fn a_variable_without_one_value_matches_nothing() {
        for pattern in ["${none}*", "${aws:TagKeys}", "${}", "${none,}"] {
            assert_eq!(Pattern::new(pattern, Wildcards::Work, Some(&context())).unwrap_err(), Unresolved, "{pattern}");
        }
    }

    #[test]
    fn without_variables_they_are_text() {
        let pattern = Pattern::new("a/${aws:username}", Wildcards::Work, None).unwrap();
        assert!(pattern.matches("a/${aws:username}", Case::Counts));
        assert!(!pattern.matches("a/alice", Case::Counts));
    }

    #[test]
    fn text_wildcards_and_case() {
        let pattern = Pattern::new("A*?", Wildcards::AreText, Some(&context())).unwrap();
        assert!(pattern.matches("a*?", Case::Ignored) && !pattern.matches("abc", Case::Ignored));
        assert!(!pattern.matches("a*?", Case::Counts));
    }
}
