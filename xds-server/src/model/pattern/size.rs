//! How large a program RE2 makes of a regular expression, and what it does not make one of.

use regex_syntax::ast::{
    Ast, ClassAsciiKind, ClassBracketed, ClassPerl, ClassPerlKind, ClassSet, ClassSetItem, Flag, Flags,
    FlagsItemKind, Group, GroupKind, HexLiteralKind, Literal, LiteralKind, Repetition, RepetitionKind,
    RepetitionRange,
};

/// Instructions of every program: where it begins, matches and fails, and the skipping of what comes before a match.
const FRAME: u64 = 4;

/// A bound for the instructions of the program, as `RE2::ProgramSize` counts them: one for each range of bytes, assertion and
/// end of a group; and up to two for each fork, since RE2 joins lists of alternatives by jumps.
///
/// # Errors
/// What RE2 or Ferrox does not take.
pub(super) fn of(ast: &Ast, pattern: &str) -> Result<u64, &'static str> {
    // Without case a letter can become two ranges.
    let measure = Measure { pattern, letters: if pattern.contains("(?i") { 2 } else { 1 } };
    Ok(measure.of(ast)?.saturating_add(FRAME))
}

const FORK: u64 = 2;

struct Measure<'a> {
    pattern: &'a str,
    /// Ranges of bytes for a letter.
    letters: u64,
}

impl Measure<'_> {
    fn of(&self, ast: &Ast) -> Result<u64, &'static str> {
        match ast {
            Ast::Empty(_) => Ok(1),
            Ast::Flags(flags) => only_ignores_case(&flags.flags).map(|()| 1),
            Ast::Literal(literal) => is_plain(literal).map(|()| self.letters),
            // All but the end of a line.
            Ast::Dot(_) => Ok(2),
            Ast::Assertion(assertion) => {
                self.assertion(assertion.span.start.offset, assertion.span.end.offset)
            }
            Ast::ClassUnicode(_) => Err(UNICODE),
            Ast::ClassPerl(class) => Ok(self.letters * perl(class)),
            Ast::ClassBracketed(class) => self.class(class),
            Ast::Repetition(repetition) => self.repetition(repetition),
            Ast::Group(group) => self.group(group),
            Ast::Alternation(alternation) => {
                let forks = FORK * count(alternation.asts.len());
                self.sum(&alternation.asts).map(|size| size.saturating_add(forks))
            }
            Ast::Concat(concat) => self.sum(&concat.asts),
        }
    }

    fn sum(&self, parts: &[Ast]) -> Result<u64, &'static str> {
        parts.iter().try_fold(0, |sum: u64, part| Ok(sum.saturating_add(self.of(part)?)))
    }

    /// `\<`, `\>` and `\b{start}` are characters to RE2.
    fn assertion(&self, start: usize, end: usize) -> Result<u64, &'static str> {
        match self.pattern.get(start..end) {
            Some("^" | "$" | r"\A" | r"\z" | r"\b" | r"\B") => Ok(1),
            _ => Err("the beginning or end of a word"),
        }
    }

    fn class(&self, class: &ClassBracketed) -> Result<u64, &'static str> {
        let ClassSet::Item(item) = &class.kind else { return Err("an operation on classes") };
        let ranges = item_ranges(item, &Edges::of(class))?;
        Ok(self.letters * (ranges + u64::from(class.negated)))
    }

    fn group(&self, group: &Group) -> Result<u64, &'static str> {
        let ends = match &group.kind {
            GroupKind::CaptureIndex(_) => 2,
            GroupKind::CaptureName { .. } => return Err("a group with a name"),
            GroupKind::NonCapturing(flags) => only_ignores_case(flags).map(|()| 0)?,
        };
        self.of(&group.ast).map(|size| size.saturating_add(ends))
    }

    fn repetition(&self, repetition: &Repetition) -> Result<u64, &'static str> {
        if matches!(*repetition.ast, Ast::Repetition(_)) {
            return Err("a repetition of a repetition");
        }
        let once = self.of(&repetition.ast)?;
        // A star of what can be empty becomes an optional plus.
        let forked = once.saturating_add(2 * FORK);
        Ok(match &repetition.op.kind {
            RepetitionKind::ZeroOrOne | RepetitionKind::ZeroOrMore | RepetitionKind::OneOrMore => forked,
            RepetitionKind::Range(range) => {
                let (least, most) = match *range {
                    RepetitionRange::Exactly(count) => (count, count),
                    RepetitionRange::AtLeast(least) => (least, least.saturating_add(1)),
                    RepetitionRange::Bounded(least, most) => (least, most),
                };
                let span = &repetition.op.span;
                // To RE2 '{,5}' is no repetition.
                if self.pattern.get(span.start.offset..span.end.offset).is_some_and(|op| op.starts_with("{,"))
                {
                    return Err("a count without a beginning");
                }
                let optional = u64::from(most.saturating_sub(least)).saturating_mul(forked);
                // RE2 looks into what is repeated never, too.
                u64::from(least).saturating_mul(once).saturating_add(optional).max(once)
            }
        })
    }
}

const UNICODE: &str = "a Unicode class";

fn only_ignores_case(flags: &Flags) -> Result<(), &'static str> {
    let allowed = |kind: &FlagsItemKind| {
        matches!(kind, FlagsItemKind::Negation | FlagsItemKind::Flag(Flag::CaseInsensitive))
    };
    match flags.items.iter().all(|item| allowed(&item.kind)) {
        true => Ok(()),
        false => Err("another flag than 'i'"),
    }
}

/// A character as it is, escaped by a backslash, or as `\x7f`.
fn is_plain(literal: &Literal) -> Result<(), &'static str> {
    match literal.kind {
        LiteralKind::Verbatim | LiteralKind::Meta | LiteralKind::Superfluous => Ok(()),
        LiteralKind::HexFixed(HexLiteralKind::X) if literal.c.is_ascii() => Ok(()),
        _ => Err("an escape for a character beyond printable ASCII"),
    }
}

/// Where the members of a class begin and end.
struct Edges {
    first: usize,
    last: usize,
}

impl Edges {
    fn of(class: &ClassBracketed) -> Self {
        let open = if class.negated { 2 } else { 1 };
        Self {
            first: class.span.start.offset.saturating_add(open),
            last: class.span.end.offset.saturating_sub(1),
        }
    }

    /// A bare hyphen elsewhere is a range to one engine and itself to the other: `[--a]`.
    fn allow(&self, literal: &Literal) -> Result<(), &'static str> {
        let is_bare_hyphen = literal.kind == LiteralKind::Verbatim && literal.c == '-';
        let is_at_edge = literal.span.start.offset == self.first || literal.span.end.offset == self.last;
        match is_bare_hyphen && !is_at_edge {
            true => Err(r"a '-' amid a class (write '\-')"),
            false => is_plain(literal),
        }
    }
}

fn item_ranges(item: &ClassSetItem, edges: &Edges) -> Result<u64, &'static str> {
    match item {
        ClassSetItem::Empty(_) => Ok(1),
        ClassSetItem::Literal(literal) => edges.allow(literal).map(|()| 1),
        ClassSetItem::Range(range) => edges.allow(&range.start).and(edges.allow(&range.end)).map(|()| 1),
        ClassSetItem::Ascii(class) => Ok(ascii(&class.kind) + u64::from(class.negated)),
        ClassSetItem::Unicode(_) => Err(UNICODE),
        ClassSetItem::Perl(class) => Ok(perl(class)),
        ClassSetItem::Bracketed(_) => Err("a class in a class"),
        ClassSetItem::Union(union) => {
            union.items.iter().try_fold(0, |sum: u64, item| Ok(sum.saturating_add(item_ranges(item, edges)?)))
        }
    }
}

/// Ranges of bytes. A negated class has up to one more.
fn perl(class: &ClassPerl) -> u64 {
    let ranges = match class.kind {
        ClassPerlKind::Digit => 1,
        ClassPerlKind::Space => 3,
        ClassPerlKind::Word => 4,
    };
    ranges + u64::from(class.negated)
}

fn ascii(kind: &ClassAsciiKind) -> u64 {
    match kind {
        ClassAsciiKind::Ascii
        | ClassAsciiKind::Digit
        | ClassAsciiKind::Graph
        | ClassAsciiKind::Lower
        | ClassAsciiKind::Print
        | ClassAsciiKind::Upper => 1,
        ClassAsciiKind::Alpha | ClassAsciiKind::Blank | ClassAsciiKind::Cntrl | ClassAsciiKind::Space => 2,
        ClassAsciiKind::Alnum | ClassAsciiKind::Xdigit => 3,
        ClassAsciiKind::Punct | ClassAsciiKind::Word => 4,
    }
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
