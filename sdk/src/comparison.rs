//! Whether two responses say the same. Text is compared exactly, JSON by value, and numbers with a fraction, in either,
//! within a tolerance: inference adds up in another order here than there.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::iter;

use serde_json::Value;

use crate::host::Response;

/// How far apart two numbers may be, as a part of the larger.
const RELATIVE: f64 = 1e-5;
/// How far apart they may be in any case, as for numpy's `allclose`: rounding errors near zero are relatively large.
const ABSOLUTE: f64 = 1e-8;

/// Whether status, headers and body are the same.
pub fn same(one: &Response, other: &Response) -> bool {
    one.status == other.status && headers(one) == headers(other) && same_body(&one.body, &other.body)
}

/// Whether two bodies are the same words in another order, and all else is the same.
pub fn rearranged(one: &Response, other: &Response) -> bool {
    fn words(body: &[u8]) -> Vec<&[u8]> {
        let separates = |byte: &u8| byte.is_ascii_whitespace() || b",;:()[]{}'\"".contains(byte);
        let mut words: Vec<_> = body.split(separates).filter(|word| !word.is_empty()).collect();
        words.sort_unstable();
        words
    }
    one.status == other.status && headers(one) == headers(other) && words(&one.body) == words(&other.body)
}

/// The names of headers are the same in any case, and come in any order.
fn headers(response: &Response) -> BTreeSet<(String, &str)> {
    response.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.as_str())).collect()
}

/// Whether two bodies are the same.
pub fn same_body(one: &[u8], other: &[u8]) -> bool {
    if one == other {
        return true;
    }
    if let (Ok(one), Ok(other)) = (serde_json::from_slice(one), serde_json::from_slice(other)) {
        return same_value(&one, &other);
    }
    match (str::from_utf8(one), str::from_utf8(other)) {
        (Ok(one), Ok(other)) => same_text(one, other),
        _ => false,
    }
}

fn same_value(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(a), Value::Number(b)) => {
            let is_integer = |number: &serde_json::Number| number.is_i64() || number.is_u64();
            // A whole number may be written either way, but two that are meant to be whole are counts, labels or keys.
            let integers = is_integer(a) && is_integer(b);
            a == b || !integers && a.as_f64().zip(b.as_f64()).is_some_and(|(a, b)| close(a, b))
        }
        (Value::String(a), Value::String(b)) => same_text(a, b),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_value(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same_value(a, b)))
        }
        _ => one == other,
    }
}

fn same_text(one: &str, other: &str) -> bool {
    let (one, other) = (&*without_addresses(one), &*without_addresses(other));
    if one == other {
        return true;
    }
    let (mut ones, mut others) = (Pieces(one), Pieces(other));
    let mut number_differs = false;
    loop {
        match (ones.next(), others.next()) {
            (Some(a), Some(b)) => {
                number_differs |= a.number != b.number;
                // Numbers in columns are padded to the same width, and so are their neighbours.
                if !a.before.split_whitespace().eq(b.before.split_whitespace()) || !same_number(a.number, b.number) {
                    return false;
                }
            }
            // The same numbers to the letter: then the text between them is not the same.
            (None, None) => return number_differs,
            _ => return false,
        }
    }
}

/// The text without the addresses of `<Model object at 0x7f3a>`, which are others in every process.
fn without_addresses(text: &str) -> Cow<'_, str> {
    const MARK: &str = " at 0x";
    let mut parts = text.split(MARK);
    let Some(first) = parts.next().filter(|first| first.len() < text.len()) else { return text.into() };
    let rest = |part: &str| format!("{MARK}{}", part.trim_start_matches(|c: char| c.is_ascii_hexdigit()));
    iter::once(first.to_owned()).chain(parts.map(rest)).collect()
}

fn same_number(one: &str, other: &str) -> bool {
    let has_fraction = |number: &str| number.contains(['.', 'e', 'E']);
    let both = || one.parse().ok().zip(other.parse().ok());
    one == other || has_fraction(one) && has_fraction(other) && both().is_some_and(|(a, b)| close(a, b))
}

fn close(one: f64, other: f64) -> bool {
    one == other || (one - other).abs() <= (RELATIVE * one.abs().max(other.abs())).max(ABSOLUTE)
}

/// Text as its numbers, each with the text before it. The last piece has no number.
struct Pieces<'a>(&'a str);

struct Piece<'a> {
    before: &'a str,
    number: &'a str,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        let text = self.0;
        if text.is_empty() {
            return None;
        }
        let mut within_word = false;
        for (at, character) in text.char_indices() {
            let length = if within_word { 0 } else { number(&text.as_bytes()[at..]) };
            if length > 0 {
                self.0 = &text[at + length..];
                return Some(Piece { before: &text[..at], number: &text[at..at + length] });
            }
            // The digits of `float32` or of a digest are no number.
            within_word = character.is_alphanumeric() || character == '_';
        }
        self.0 = "";
        Some(Piece { before: text, number: "" })
    }
}

/// The length of the number that `text` begins with; 0 if it begins with none.
fn number(text: &[u8]) -> usize {
    let digits = |from: usize| text[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let sign = |at: usize| usize::from(matches!(text.get(at), Some(b'+' | b'-')));
    let mut at = sign(0);
    let whole = digits(at);
    at += whole;
    if text.get(at) == Some(&b'.') {
        let fraction = digits(at + 1);
        if whole + fraction == 0 {
            return 0;
        }
        at += 1 + fraction;
    } else if whole == 0 {
        return 0;
    }
    if matches!(text.get(at), Some(b'e' | b'E')) {
        let from = at + 1 + sign(at + 1);
        let exponent = text.get(from..).map_or(0, |_| digits(from));
        if exponent > 0 {
            at = from + exponent;
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn response(status: u16, headers: &[(&str, &str)], body: &str) -> Response {
        let headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        Response { status, headers, body: body.into() }
    }

    #[test]
    fn bodies_are_compared_by_what_they_say() {
        for (one, other, expected) in [
            ("a", "a", true),
            ("a", "b", false),
            ("a\n", "a", false),
            ("loss: 0.12345678\n", "loss: 0.12345680\n", true),
            ("loss: 0.1234\n", "loss: 0.1235\n", false),
            ("loss: 0.5\n", "gain: 0.5000001\n", false),
            // Counts and labels are exact.
            ("1000000", "1000001", false),
            ("int64", "int32", false),
            ("1", "1.0", true),
            ("n = 1", "n = 1.0", false),
            ("2024-01-02", "2024-01-03", false),
            // Digests and names are no numbers.
            ("a3e10.5b", "a3e10.500001b", false),
            ("x", "x 1", false),
            ("", "0", false),
            ("-0.0", "0.0", true),
            ("1e-12 chance", "3e-9 chance", true),
            ("1e-6 chance", "2e-6 chance", false),
            ("nan 1.0", "nan 1.0000001", true),
            ("nan 1.0", "inf 1.0", false),
            ("<A at 0x7f3a> <B at 0x7f3b> 0.5", "<A at 0x1a> <B at 0x19c8> 0.5000001", true),
            ("<A at 0x7f3a>", "<B at 0x7f3a>", false),
            ("0x7f3a", "0x7f3b", false),
            // Columns of arrays are as wide as their widest number.
            ("[0.99999994 0.5       ]", "[1.  0.5]", true),
            ("[1. 2.]", "[1.  2.]", false),
            ("[[0.1]\n [0.2]]", "[[0.1]\n [0.20000001]]", true),
            (r#"{"a": 1, "b": [0.25]}"#, r#"{"b":[0.2500001],"a":1.0}"#, true),
            (r#"{"a": 1}"#, r#"{"a": 2}"#, false),
            (r#"{"a": 1}"#, r#"{"a": 1, "b": 2}"#, false),
            (r#"{"a": 1}"#, r#"{"a": "1"}"#, false),
            (r#"[1, 2]"#, r#"[2, 1]"#, false),
            (r#"[]"#, r#"{}"#, false),
            (r#"{"text/plain": "array([[0.99]])"}"#, r#"{"text/plain": "array([[0.99000001]])"}"#, true),
            (r#"{"text/plain": "array([[0.99]])"}"#, r#"{"text/plain": "array([[0.98]])"}"#, false),
        ] {
            assert_eq!(same_body(one.as_bytes(), other.as_bytes()), expected, "{one:?} and {other:?}");
            assert_eq!(same_body(other.as_bytes(), one.as_bytes()), expected, "{other:?} and {one:?}");
        }
        assert!(!same_body(b"\xff\xfe", b"\xff\xfd"));
    }

    #[test]
    fn status_and_headers_count() {
        let one = response(201, &[("Content-Type", "text/plain"), ("X-Kind", "new")], "x");
        assert!(same(&one, &response(201, &[("x-kind", "new"), ("content-type", "text/plain")], "x")));
        assert!(!same(&one, &response(200, &[("x-kind", "new"), ("content-type", "text/plain")], "x")));
        assert!(!same(&one, &response(201, &[("x-kind", "New"), ("content-type", "text/plain")], "x")));
        assert!(!same(&one, &response(201, &[("content-type", "text/plain")], "x")));
    }

    #[test]
    fn the_same_words_may_be_rearranged() {
        let [one, other] = ["{'a', 'b c'}\n", "{'b c', 'a'}\n"].map(|body| response(200, &[], body));
        assert!(rearranged(&one, &other) && !same(&one, &other));
        assert!(!rearranged(&one, &response(200, &[], "{'a', 'b'}\n")));
        assert!(!rearranged(&one, &response(201, &[], "{'b c', 'a'}\n")));
    }

    proptest! {
        #[test]
        fn text_is_cut_without_loss(text in any::<String>()) {
            let pieces: String = Pieces(&text).flat_map(|piece| [piece.before, piece.number]).collect();
            prop_assert_eq!(pieces, text);
        }

        #[test]
        fn what_is_cut_out_is_a_number(text in "[-+.eE0-9a ]{0,24}") {
            for piece in Pieces(&text).filter(|piece| !piece.number.is_empty()) {
                prop_assert!(piece.number.parse::<f64>().is_ok(), "{:?}", piece.number);
            }
        }

        #[test]
        fn any_bodies_can_be_compared(one in any::<Vec<u8>>(), other in any::<Vec<u8>>()) {
            prop_assert!(same_body(&one, &one));
            prop_assert_eq!(same_body(&one, &other), same_body(&other, &one));
        }

        #[test]
        fn a_number_in_text_may_be_off_by_its_tolerance_and_not_by_more(value in 0.001f64..1e6, off in 2e-5f64..0.5) {
            let text = |value: f64| format!("the answer is {value:.17}, surely");
            prop_assert!(same_text(&text(value), &text(value * (1.0 + 0.9e-5))));
            prop_assert!(!same_text(&text(value), &text(value * (1.0 + off))));
        }
    }
}
