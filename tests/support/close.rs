//! Compares texts that hold numbers.

/// Asserts that two texts are equal but for their numbers, and those to a relative difference of `tolerance`.
pub fn assert_close(left: &str, right: &str, tolerance: f64) {
    let (left_words, right_words) = (words(left), words(right));
    let agree = left_words.len() == right_words.len()
        && left_words.iter().zip(&right_words).all(|(a, b)| match (a.parse::<f64>(), b.parse::<f64>()) {
            (Ok(a), Ok(b)) => (a - b).abs() <= tolerance * a.abs().max(b.abs()),
            _ => a == b,
        });
    assert!(agree, "{left:?} differs from {right:?}");
}

/// Numbers and what is between them, in turn.
fn words(text: &str) -> Vec<&str> {
    let in_number = |c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '+' | 'e');
    let mut words = Vec::new();
    let mut rest = text.trim();
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|c| in_number(c) != in_number(first)).unwrap_or(rest.len());
        words.push(&rest[..end]);
        rest = &rest[end..];
    }
    words
}

#[test]
fn numbers_are_compared_as_numbers() {
    assert_close("[0.50000001, 'a']", "[0.5, 'a']\n", 1e-5);
    assert!(std::panic::catch_unwind(|| assert_close("[0.501]", "[0.5]", 1e-5)).is_err());
    assert!(std::panic::catch_unwind(|| assert_close("[0.5, 1]", "[0.5]", 1e-5)).is_err());
}
