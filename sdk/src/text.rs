//! Text from elsewhere, in messages that are one line each.

use std::fmt::Display;

/// `text` with a space for every control character: a line break would tear a log or an answer apart, others could steer the
/// terminal that shows it.
pub fn one_line(text: impl Display) -> String {
    text.to_string().replace(char::is_control, " ")
}

#[cfg(test)]
mod tests {
    use super::one_line;

    #[test]
    fn what_would_break_a_line_or_steer_a_terminal_is_a_space() {
        assert_eq!(one_line("größe\r\n\u{1b}[2J\u{85}\t"), "größe   [2J  ");
    }
}
