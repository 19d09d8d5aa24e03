//! `Cache-Control` (RFC 9111 section 5.2).

/// Largest number of seconds that is told apart: what is larger means this (RFC 9111 section 1.2.2).
pub(crate) const MAX_SECONDS: u64 = 1 << 31;

/// The directives of a message, in order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct CacheControl(Vec<Directive>);

#[derive(Debug, PartialEq, Eq)]
struct Directive {
    /// In lower case.
    name: Vec<u8>,
    /// Without the quotes, if it had any.
    argument: Option<Vec<u8>>,
}

/// What does not follow the grammar, or says two things about one matter. Nobody may be served by a guess at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

impl CacheControl {
    /// Reads all header lines of a message.
    pub(crate) fn parse<'h>(lines: impl Iterator<Item = &'h [u8]>) -> Result<Self, Malformed> {
        let mut directives = Vec::new();
        for line in lines {
            parse_line(line, &mut directives)?;
        }
        Ok(Self(directives))
    }

    /// Whether the directive is there, with or without an argument. The forms `no-cache="name"` and `private="name"`
    /// count as the unqualified ones, as RFC 9111 sections 5.2.2.4 and 5.2.2.7 allow.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.arguments(name).next().is_some()
    }

    /// The directive's number of seconds, at most [`MAX_SECONDS`]; `None` where it is not there.
    ///
    /// # Errors
    /// When it is no number, or stands more than once (RFC 9111 section 4.2.1 would let a cache choose).
    pub(crate) fn seconds(&self, name: &str) -> Result<Option<u64>, Malformed> {
        let mut arguments = self.arguments(name);
        let Some(argument) = arguments.next() else { return Ok(None) };
        if arguments.next().is_some() {
            return Err(Malformed);
        }
        seconds(argument.ok_or(Malformed)?).map(Some)
    }

    fn arguments(&self, name: &str) -> impl Iterator<Item = Option<&[u8]>> {
        self.0.iter().filter(move |d| d.name == name.as_bytes()).map(|d| d.argument.as_deref())
    }
}

/// Reads `delta-seconds` (RFC 9111 section 1.2.2).
pub(crate) fn seconds(digits: &[u8]) -> Result<u64, Malformed> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(Malformed);
    }
    let digits = std::str::from_utf8(digits).map_err(|_| Malformed)?;
    // Only digits, so the one way to fail is to be too large.
    Ok(digits.parse().unwrap_or(MAX_SECONDS).min(MAX_SECONDS))
}

fn parse_line(line: &[u8], directives: &mut Vec<Directive>) -> Result<(), Malformed> {
    let mut rest = line;
    loop {
        // Empty members of a list mean nothing (RFC 9110 section 5.6.1.2).
        rest = skip(rest, |b| is_space(b) || b == b',');
        if rest.is_empty() {
            return Ok(());
        }
        let (name, after) = token(rest)?;
        let (argument, after) = match after.strip_prefix(b"=") {
            Some(value) => argument(value).map(|(argument, after)| (Some(argument), after))?,
            None => (None, after),
        };
        directives.push(Directive { name: name.to_ascii_lowercase(), argument });
        rest = skip(after, is_space);
        if !rest.is_empty() && !rest.starts_with(b",") {
            return Err(Malformed);
        }
    }
}

fn argument(input: &[u8]) -> Result<(Vec<u8>, &[u8]), Malformed> {
    match input.strip_prefix(b"\"") {
        Some(quoted) => quoted_string(quoted),
        None => token(input).map(|(token, rest)| (token.to_vec(), rest)),
    }
}

/// The rest of a quoted-string whose opening quote was read (RFC 9110 section 5.6.4).
fn quoted_string(input: &[u8]) -> Result<(Vec<u8>, &[u8]), Malformed> {
    let mut text = Vec::new();
    let mut rest = input;
    loop {
        match rest {
            [b'"', after @ ..] => return Ok((text, after)),
            [b'\\', escaped, after @ ..] => {
                text.push(*escaped);
                rest = after;
            }
            [byte, after @ ..] => {
                text.push(*byte);
                rest = after;
            }
            [] => return Err(Malformed),
        }
    }
}

fn token(input: &[u8]) -> Result<(&[u8], &[u8]), Malformed> {
    let end = input.iter().position(|b| !is_token_char(*b)).unwrap_or(input.len());
    match input.split_at_checked(end) {
        Some((token, rest)) if !token.is_empty() => Ok((token, rest)),
        _ => Err(Malformed),
    }
}

/// `tchar` of RFC 9110 section 5.6.2.
fn is_token_char(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn is_space(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

fn skip(input: &[u8], skipped: impl Fn(u8) -> bool) -> &[u8] {
    let start = input.iter().position(|b| !skipped(*b)).unwrap_or(input.len());
    input.get(start..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(lines: &[&str]) -> Result<CacheControl, Malformed> {
        CacheControl::parse(lines.iter().map(|line| line.as_bytes()))
    }

    #[test]
    fn names_have_no_case_and_lines_are_one_list() {
        let control = parse(&["No-Store ,, Max-AGE=60", "\tpublic"]).unwrap();
        assert!(control.has("no-store") && control.has("public") && !control.has("private"));
        assert_eq!(control.seconds("max-age"), Ok(Some(60)));
        assert_eq!(control.seconds("s-maxage"), Ok(None));
    }

    #[test]
    fn a_quoted_string_hides_what_is_in_it() {
        let control = parse(&[r#"private="a, no-store\", public", max-age="7""#]).unwrap();
        assert!(control.has("private") && !control.has("no-store") && !control.has("public"));
        assert_eq!(control.seconds("max-age"), Ok(Some(7)));
    }

    #[test]
    fn what_breaks_the_grammar_is_malformed() {
        for line in
            ["max-age = 60", "max-age=", "=5", r#"private="a"#, r#"private="a"b"#, "a b", "max-age=1;b"]
        {
            assert_eq!(parse(&[line]), Err(Malformed), "{line}");
        }
        assert_eq!(parse(&["", " , "]), Ok(CacheControl::default()));
    }

    #[test]
    fn a_line_cannot_open_a_quote_for_the_next() {
        assert_eq!(parse(&[r#"x="a"#, r#"no-store""#]), Err(Malformed));
    }

    #[test]
    fn seconds_are_one_whole_number_with_an_upper_bound() {
        let seconds = |line: &str| parse(&[line]).unwrap().seconds("max-age");
        assert_eq!(seconds("max-age=0"), Ok(Some(0)));
        assert_eq!(seconds("max-age=99999999999999999999999"), Ok(Some(MAX_SECONDS)));
        for line in
            ["max-age", "max-age=-1", "max-age=1.5", "max-age=\"\"", "max-age=+1", "max-age=1, max-age=1"]
        {
            assert_eq!(seconds(line), Err(Malformed), "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_parsed_or_refused(lines in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..4)) {
            let parsed = CacheControl::parse(lines.iter().map(Vec::as_slice));
            if let Ok(control) = parsed {
                prop_assert!(control.0.iter().all(|directive| !directive.name.is_empty()));
            }
        }

        /// A directive is found whatever harmless directives stand around it.
        #[test]
        fn no_store_is_never_overlooked(
            before in prop::collection::vec("[a-z]{1,5}(=([0-9]{1,3}|\"[a-z, \\\\=]{0,4}x\"))?", 0..4),
            spaces in "[ \t,]{0,3}",
        ) {
            let line = format!("{}{spaces},{spaces}No-Store", before.join(", "));
            prop_assert!(parse(&[&line]).is_ok_and(|control| control.has("no-store")), "{}", line);
        }
    }
}
