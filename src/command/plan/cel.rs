//! The part of CEL in which the rules of our CustomResourceDefinitions are written, so that files can be judged without
//! the API server. What is not understood is not judged: that is left to the API server.

use std::collections::BTreeMap;

use regex_lite::Regex;
use serde_json::Value;

/// Why an expression has no value here: it is not in this part of the language, or not defined for these values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotUnderstood(pub String);

type Result<T> = std::result::Result<T, NotUnderstood>;

#[derive(Clone, Debug, PartialEq)]
enum Expr {
    Literal(Value),
    Name(String),
    List(Vec<Expr>),
    Field(Box<Expr>, String),
    Has(Box<Expr>, String),
    /// `int(x)`, `x.size()`: the first argument is what the function is called on.
    Call(String, Vec<Expr>),
    /// `x.all(name, body)`.
    Each(String, Box<Expr>, String, Box<Expr>),
    Not(Box<Expr>),
    Binary(&'static str, Box<Expr>, Box<Expr>),
    If(Box<Expr>, Box<Expr>, Box<Expr>),
}

const EACH: [&str; 5] = ["all", "exists", "exists_one", "map", "filter"];
/// By how tightly they bind, the loosest first.
const OPERATORS: [&[&str]; 5] = [&["||"], &["&&"], &["==", "!=", "<=", ">=", "<", ">", "in"], &["+", "-"], &["*"]];

/// Whether the rule says something of what was there before.
pub fn is_about_change(rule: &str) -> bool {
    tokens(rule).is_ok_and(|tokens| tokens.iter().any(|token| *token == Token::Name("oldSelf".to_owned())))
}

/// Whether the rule holds for `value` and, if it speaks of it, the value that was there before.
pub fn holds(rule: &str, value: &Value, old: Option<&Value>) -> Result<bool> {
    let expression = parse(rule)?;
    let mut names = BTreeMap::from([("self".to_owned(), value.clone())]);
    names.extend(old.map(|old| ("oldSelf".to_owned(), old.clone())));
    truth(&evaluate(&expression, &names)?)
}

/// Whether the rule is in this part of the language.
#[cfg(test)]
pub fn is_understood(rule: &str) -> bool {
    parse(rule).is_ok()
}

fn parse(rule: &str) -> Result<Expr> {
    let mut parser = Parser { tokens: tokens(rule)?, at: 0 };
    let expression = parser.expression()?;
    match parser.tokens.get(parser.at) {
        None => Ok(expression),
        left => Err(NotUnderstood(format!("{left:?} is left over"))),
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Name(String),
    Text(String),
    Number(i64),
    Sign(&'static str),
}

const SIGNS: [&str; 21] =
    ["||", "&&", "==", "!=", "<=", ">=", "<", ">", "+", "-", "*", "!", "(", ")", "[", "]", ",", ".", "?", ":", "{"];

fn tokens(text: &str) -> Result<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let taken = if first.is_ascii_alphabetic() || first == '_' {
            let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
            tokens.push(Token::Name(rest[..length].to_owned()));
            length
        } else if first.is_ascii_digit() {
            let length = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            let number = rest[..length].parse().map_err(|_| NotUnderstood(rest[..length].to_owned()))?;
            tokens.push(Token::Number(number));
            length
        } else if first == '\'' || first == '"' {
            let inside = &rest[1..];
            let end = inside.find(first).ok_or_else(|| NotUnderstood("a text without end".to_owned()))?;
            if inside[..end].contains('\\') {
                return Err(NotUnderstood("an escape in a text".to_owned()));
            }
            tokens.push(Token::Text(inside[..end].to_owned()));
            end + 2
        } else {
            let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign));
            let sign = sign.ok_or_else(|| NotUnderstood(format!("the sign {first}")))?;
            tokens.push(Token::Sign(sign));
            sign.len()
        };
        rest = rest[taken..].trim_start();
    }
    Ok(tokens)
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
}

impl Parser {
    fn next_is(&mut self, sign: &str) -> bool {
        let found = match self.tokens.get(self.at) {
            Some(Token::Sign(it)) => *it == sign,
            Some(Token::Name(it)) => it == sign && sign == "in",
            _ => false,
        };
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, sign: &str) -> Result<()> {
        if self.next_is(sign) { Ok(()) } else { Err(NotUnderstood(format!("{sign} is missing"))) }
    }

    fn expression(&mut self) -> Result<Expr> {
        let condition = self.binary(0)?;
        if !self.next_is("?") {
            return Ok(condition);
        }
        let yes = self.expression()?;
        self.expect(":")?;
        let no = self.expression()?;
        Ok(Expr::If(Box::new(condition), Box::new(yes), Box::new(no)))
    }

    fn binary(&mut self, level: usize) -> Result<Expr> {
        let Some(operators) = OPERATORS.get(level) else { return self.unary() };
        let mut left = self.binary(level + 1)?;
        while let Some(operator) = operators.iter().find(|operator| self.next_is(operator)) {
            let right = self.binary(level + 1)?;
            left = Expr::Binary(operator, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Expr> {
        if self.next_is("!") {
            return Ok(Expr::Not(Box::new(self.unary()?)));
        }
        let mut expression = self.primary()?;
        while self.next_is(".") {
            let name = self.name()?;
            expression = if self.next_is("(") { self.call(expression, name)? } else { field(expression, &name) };
        }
        Ok(expression)
    }

    fn call(&mut self, on: Expr, name: String) -> Result<Expr> {
        if EACH.contains(&name.as_str()) {
            let variable = self.name()?;
            self.expect(",")?;
            let body = self.expression()?;
            self.expect(")")?;
            return Ok(Expr::Each(name, Box::new(on), variable, Box::new(body)));
        }
        let mut arguments = vec![on];
        arguments.extend(self.list(")")?);
        Ok(Expr::Call(name, arguments))
    }

    fn primary(&mut self) -> Result<Expr> {
        if self.next_is("(") {
            let inside = self.expression()?;
            self.expect(")")?;
            return Ok(inside);
        }
        if self.next_is("[") {
            return Ok(Expr::List(self.list("]")?));
        }
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        match token {
            Some(Token::Text(text)) => Ok(Expr::Literal(Value::from(text))),
            Some(Token::Number(number)) => Ok(Expr::Literal(Value::from(number))),
            Some(Token::Name(name)) if name == "true" || name == "false" => {
                Ok(Expr::Literal(Value::from(name == "true")))
            }
            Some(Token::Name(name)) if self.next_is("(") => {
                let arguments = self.list(")")?;
                match (name.as_str(), arguments.as_slice()) {
                    ("has", [Expr::Field(of, name)]) => Ok(Expr::Has(of.clone(), name.clone())),
                    _ => Ok(Expr::Call(name, arguments)),
                }
            }
            Some(Token::Name(name)) => Ok(Expr::Name(name)),
            other => Err(NotUnderstood(format!("{other:?}"))),
        }
    }

    fn name(&mut self) -> Result<String> {
        let name = match self.tokens.get(self.at) {
            Some(Token::Name(name)) => name.clone(),
            other => return Err(NotUnderstood(format!("{other:?} where a name is expected"))),
        };
        self.at += 1;
        Ok(name)
    }

    fn list(&mut self, end: &str) -> Result<Vec<Expr>> {
        let mut items = Vec::new();
        while !self.next_is(end) {
            if !items.is_empty() {
                self.expect(",")?;
            }
            items.push(self.expression()?);
        }
        Ok(items)
    }
}

/// Words of CEL itself are written `__word__` where they are names of fields.
fn field(of: Expr, name: &str) -> Expr {
    let name = name.strip_prefix("__").and_then(|name| name.strip_suffix("__")).unwrap_or(name);
    Expr::Field(Box::new(of), name.to_owned())
}

type Names = BTreeMap<String, Value>;

fn evaluate(expression: &Expr, names: &Names) -> Result<Value> {
    Ok(match expression {
        Expr::Literal(value) => value.clone(),
        Expr::Name(name) => names.get(name).cloned().ok_or_else(|| NotUnderstood(format!("{name} is not known")))?,
        Expr::List(items) => items.iter().map(|item| evaluate(item, names)).collect::<Result<Vec<_>>>()?.into(),
        Expr::Field(of, name) => {
            let of = evaluate(of, names)?;
            of.get(name).cloned().ok_or_else(|| NotUnderstood(format!("there is no {name}")))?
        }
        Expr::Has(of, name) => evaluate(of, names)?.get(name).is_some().into(),
        Expr::Not(of) => (!truth(&evaluate(of, names)?)?).into(),
        Expr::If(condition, yes, no) => evaluate(if truth(&evaluate(condition, names)?)? { yes } else { no }, names)?,
        Expr::Binary(operator, left, right) => binary(operator, left, right, names)?,
        Expr::Each(what, of, variable, body) => each(what, &evaluate(of, names)?, variable, body, names)?,
        Expr::Call(name, arguments) => {
            let arguments: Vec<Value> = arguments.iter().map(|it| evaluate(it, names)).collect::<Result<_>>()?;
            call(name, &arguments)?
        }
    })
}

fn truth(value: &Value) -> Result<bool> {
    value.as_bool().ok_or_else(|| NotUnderstood(format!("{value} is neither true nor false")))
}

fn number(value: &Value) -> Result<i64> {
    value.as_i64().ok_or_else(|| NotUnderstood(format!("{value} is no whole number")))
}

fn text(value: &Value) -> Result<&str> {
    value.as_str().ok_or_else(|| NotUnderstood(format!("{value} is no text")))
}

fn binary(operator: &str, left: &Expr, right: &Expr, names: &Names) -> Result<Value> {
    if operator == "||" || operator == "&&" {
        // Either side decides alone, whatever the other one is.
        let decisive = operator == "||";
        let (left, right) = (evaluate(left, names), evaluate(right, names));
        let (left, right) = (left.and_then(|it| truth(&it)), right.and_then(|it| truth(&it)));
        return match (left, right) {
            (Ok(value), _) | (_, Ok(value)) if value == decisive => Ok(decisive.into()),
            (Ok(_), Ok(value)) if value == decisive => Ok(decisive.into()),
            (Ok(_), Ok(_)) => Ok((!decisive).into()),
            (Err(error), _) | (_, Err(error)) => Err(error),
        };
    }
    let (left, right) = (evaluate(left, names)?, evaluate(right, names)?);
    let overflow = || NotUnderstood("a number that is too large".to_owned());
    Ok(match operator {
        "==" => (left == right).into(),
        "!=" => (left != right).into(),
        "<" => (number(&left)? < number(&right)?).into(),
        "<=" => (number(&left)? <= number(&right)?).into(),
        ">" => (number(&left)? > number(&right)?).into(),
        ">=" => (number(&left)? >= number(&right)?).into(),
        "+" => number(&left)?.checked_add(number(&right)?).ok_or_else(overflow)?.into(),
        "-" => number(&left)?.checked_sub(number(&right)?).ok_or_else(overflow)?.into(),
        "*" => number(&left)?.checked_mul(number(&right)?).ok_or_else(overflow)?.into(),
        "in" => items(&right)?.contains(&left).into(),
        other => return Err(NotUnderstood(format!("the operator {other}"))),
    })
}

/// The items of a list, the keys of a map.
fn items(of: &Value) -> Result<Vec<Value>> {
    match of {
        Value::Array(items) => Ok(items.clone()),
        Value::Object(fields) => Ok(fields.keys().map(|key| Value::from(key.as_str())).collect()),
        other => Err(NotUnderstood(format!("{other} is neither list nor map"))),
    }
}

fn each(what: &str, of: &Value, variable: &str, body: &Expr, names: &Names) -> Result<Value> {
    let mut names = names.clone();
    let mut ask = |item: &Value| {
        names.insert(variable.to_owned(), item.clone());
        evaluate(body, &names)
    };
    let items = items(of)?;
    if what == "map" {
        return Ok(items.iter().map(ask).collect::<Result<Vec<_>>>()?.into());
    }
    let mut kept = Vec::new();
    for item in &items {
        if truth(&ask(item)?)? {
            kept.push(item.clone());
        }
    }
    Ok(match what {
        "all" => (kept.len() == items.len()).into(),
        "exists" => (!kept.is_empty()).into(),
        "exists_one" => (kept.len() == 1).into(),
        _ => kept.into(),
    })
}

fn call(name: &str, arguments: &[Value]) -> Result<Value> {
    let regex = |pattern: &str| Regex::new(pattern).map_err(|error| NotUnderstood(error.to_string()));
    Ok(match (name, arguments) {
        ("size", [Value::String(text)]) => text.chars().count().into(),
        ("size", [of]) => items(of)?.len().into(),
        ("int", [of]) => match of {
            Value::String(digits) => {
                digits.parse::<i64>().map_err(|_| NotUnderstood(format!("{digits:?} is no number")))?.into()
            }
            other => number(other)?.into(),
        },
        ("sum", [of]) => {
            let numbers = items(of)?.iter().map(number).collect::<Result<Vec<i64>>>()?;
            let sum = numbers.iter().try_fold(0_i64, |sum, number| sum.checked_add(*number));
            sum.ok_or_else(|| NotUnderstood("a number that is too large".to_owned()))?.into()
        }
        ("startsWith", [of, part]) => text(of)?.starts_with(text(part)?).into(),
        ("endsWith", [of, part]) => text(of)?.ends_with(text(part)?).into(),
        ("contains", [of, part]) => text(of)?.contains(text(part)?).into(),
        ("lowerAscii", [of]) => text(of)?.to_ascii_lowercase().into(),
        ("replace", [of, from, to]) => text(of)?.replace(text(from)?, text(to)?).into(),
        ("matches", [of, pattern]) => regex(text(pattern)?)?.is_match(text(of)?).into(),
        ("findAll", [of, pattern]) => {
            let regex = regex(text(pattern)?)?;
            regex.find_iter(text(of)?).map(|found| found.as_str()).collect::<Vec<_>>().into()
        }
        _ => return Err(NotUnderstood(format!("the function {name}"))),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use serde_json::json;

    use super::*;

    #[test]
    fn rules_are_judged() {
        let value =
            json!({"name": "kube-x", "list": [1, 2, 2], "map": {"AWS:x": "1"}, "namespace": "n", "every": "1d12h"});
        for (rule, expected) in [
            ("self.name.startsWith('kube-') && !self.name.endsWith(\"-y\")", true),
            ("self.list.all(a, self.list.exists_one(b, a == b))", false),
            ("self.list.size() == 3 && self.name.size() >= 7", false),
            ("has(self.none) ? self.none : has(self.__namespace__)", true),
            ("self.map.all(k, !['aws:'].exists(p, k.lowerAscii().startsWith(p)))", false),
            ("2 in self.list && !('x' in ['y'])", true),
            (
                "24 * self.every.findAll('[0-9]+d').map(n, int(n.replace('d', ''))).sum() + self.every.findAll('[0-9]+h').map(n, int(n.replace('h', ''))).sum() == 36",
                true,
            ),
            ("has(self.none) && self.none.size() > 0", false),
            ("self.none == 1 || true", true),
            ("2 + 3 * 4 - 1 == 13", true),
        ] {
            assert_eq!(holds(rule, &value, None), Ok(expected), "{rule}");
        }
        assert_eq!(holds("self == oldSelf", &json!("a"), Some(&json!("a"))), Ok(true));
        assert!(is_about_change("has(self.a) == has(oldSelf.a)") && !is_about_change("self.a == 'oldSelf'"));
    }

    #[test]
    fn what_is_not_understood_is_not_judged() {
        for rule in ["self.none == 1", "self.x(", "quantity('1') > 2", "self ~ 1", "'a", "self.name < 3", "self.list"] {
            assert!(holds(rule, &json!({"name": "x", "list": []}), None).is_err(), "{rule}");
        }
    }
}
