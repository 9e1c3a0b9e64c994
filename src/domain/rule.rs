//! The rule codes of the gateway: stable names for everything that can be said of a record or a file.
//!
//! Owns the codes as constants. Their texts (meaning, message, what to do; th/en) are data in
//! `schemas/rules/`; a test holds the two to the same set, so a code can't exist without a text.
//! Areas: ENC encoding, FMT format, COL columns, ID identifiers, DATE, NUM, TEXT, CODE, REQ required,
//! REF reference to another record, XR cross-field, LIM limits.

use serde::Serialize;

/// `SPH-<AREA>-<NNN>` or `CNT-…`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct RuleCode(&'static str);

impl RuleCode {
    pub const fn as_str(&self) -> &'static str {
        self.0
    }

    /// The constant of this text, if there is one: how a stored code comes back.
    pub fn find(text: &str) -> Option<RuleCode> {
        ALL.iter().copied().find(|rule| rule.0 == text)
    }
}

impl std::fmt::Display for RuleCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident = $code:literal;)*) => {
        $($(#[$doc])* pub const $name: RuleCode = RuleCode($code);)*
        /// Every code, in the order of this file.
        pub const ALL: &[RuleCode] = &[$($name),*];
    };
}

rules! {
    /// The file is in none of the encodings its mapping allows.
    ENC_FILE = "SPH-ENC-001";
    /// A record has bytes that mean nothing in the file's encoding (U+FFFD after decoding).
    ENC_BROKEN_BYTE = "SPH-ENC-002";
    /// Text that was read in the wrong encoding before it was sent (mojibake); suggestion: what it was.
    ENC_MOJIBAKE = "SPH-ENC-003";
    /// Letters already lost at the sender (`?????`).
    ENC_LOST = "SPH-ENC-004";

    /// Nothing in the file, or a header without rows.
    FMT_EMPTY = "SPH-FMT-001";
    /// The file is not the format its mapping declares, or breaks off its grammar at the place named.
    FMT_MALFORMED = "SPH-FMT-002";
    /// A row has more or fewer cells than the header.
    FMT_RAGGED = "SPH-FMT-003";
    /// The file ends before it is complete (cut gzip, unclosed element or array).
    FMT_TRUNCATED = "SPH-FMT-004";
    /// XML with a document type: refused, because entities can attack the reader.
    FMT_DTD = "SPH-FMT-005";
    /// A list or object where one value belongs.
    FMT_NESTED_VALUE = "SPH-FMT-006";
    /// A quote that is never closed.
    FMT_QUOTE = "SPH-FMT-007";
    /// NUL bytes in text.
    FMT_NUL = "SPH-FMT-008";
    /// The header row the mapping names is not there.
    FMT_HEADER = "SPH-FMT-009";
    /// The compressed file or workbook is damaged.
    FMT_ARCHIVE = "SPH-FMT-010";
    /// Another list or sheet of the file holds data and was not read: warning.
    FMT_UNREAD = "SPH-FMT-011";
    /// Carriage returns and line feeds end lines in one file: rows would hang together.
    FMT_LINE_ENDS = "SPH-FMT-012";

    /// A column the mapping needs is not in the file: usually the wrong mapping for the file.
    COL_MISSING = "SPH-COL-001";
    /// Two columns bear the name of one that is wanted.
    COL_DUPLICATE = "SPH-COL-002";
    /// A column nobody mapped or ignored: reported on every receipt.
    COL_UNMAPPED = "SPH-COL-003";

    ID_CHECK_DIGIT = "SPH-ID-001";
    ID_LENGTH = "SPH-ID-002";
    /// `1.23457E+12`: the spreadsheet destroyed the number.
    ID_SCIENTIFIC = "SPH-ID-003";
    ID_NON_DIGIT = "SPH-ID-004";
    ID_PLACEHOLDER = "SPH-ID-005";
    ID_FIRST_DIGIT = "SPH-ID-006";
    /// A G-code that is not G and twelve digits.
    ID_G_CODE = "SPH-ID-007";
    /// A G-code whose province part is in no list: warning.
    ID_G_PROVINCE = "SPH-ID-008";
    /// Twelve digits: the letter G was lost. Only a suggestion.
    ID_G_LOST = "SPH-ID-009";
    /// Twelve digits of a citizen number, or a telephone or school code short by its leading zero. Only a suggestion.
    ID_ZERO_LOST = "SPH-ID-010";
    ID_PASSPORT = "SPH-ID-011";
    /// A school code whose first two digits are no agency.
    ID_AGENCY = "SPH-ID-012";

    /// A day that no calendar has (31/02, 29/02 of a common year).
    DATE_IMPOSSIBLE = "SPH-DATE-001";
    DATE_YEAR_RANGE = "SPH-DATE-002";
    /// Two readings are possible (a two-digit year without context).
    DATE_AMBIGUOUS = "SPH-DATE-003";
    /// Year, or year and month only.
    DATE_PARTIAL = "SPH-DATE-004";
    DATE_UNREADABLE = "SPH-DATE-005";
    /// A small number in a date cell: probably not a spreadsheet's date.
    DATE_SERIAL_SUSPECT = "SPH-DATE-006";
    /// Outside what the standard allows (before 1900, after the count day).
    DATE_BOUNDS = "SPH-DATE-007";

    NUM_UNREADABLE = "SPH-NUM-001";
    NUM_RANGE = "SPH-NUM-002";
    /// A number that fits only with a decimal point put back. Only a suggestion.
    NUM_POINT_LOST = "SPH-NUM-003";
    NUM_PRECISION = "SPH-NUM-004";

    TEXT_TWO_TONES = "SPH-TEXT-001";
    TEXT_TWO_VOWELS = "SPH-TEXT-002";
    TEXT_ORPHAN_MARK = "SPH-TEXT-003";
    /// Digits or Latin letters inside a Thai name.
    TEXT_DIGIT_IN_NAME = "SPH-TEXT-004";
    TEXT_PRIVATE_USE = "SPH-TEXT-005";
    TEXT_LENGTH = "SPH-TEXT-006";
    TEXT_PATTERN = "SPH-TEXT-007";

    CODE_UNKNOWN = "SPH-CODE-001";
    /// A code of the list, but not valid on the count day.
    CODE_NOT_VALID_ON_DAY = "SPH-CODE-002";
    /// `1-Feb`: the spreadsheet turned grade and room into a date.
    CODE_SHEET_DATE = "SPH-CODE-003";

    REQ_MISSING = "SPH-REQ-001";

    /// The school is not in the register.
    REF_SCHOOL = "SPH-REF-001";
    /// Rows of a school register were refused, so it was laid over the one held instead of replacing it.
    REF_LAID_OVER = "SPH-REF-002";
    /// The agency's part of the round is certified: nothing comes into force in it.
    REF_CERTIFIED = "SPH-REF-003";

    /// Sex and title disagree: warning.
    XR_SEX_TITLE = "SPH-XR-001";
    /// Left before coming.
    XR_EXIT_BEFORE_ENTRY = "SPH-XR-002";
    /// The school belongs to another agency than the record says.
    XR_SCHOOL_AGENCY = "SPH-XR-003";
    /// The file speaks of another term than the round it was sent for.
    XR_ROUND = "SPH-XR-004";

    LIM_FILE = "SPH-LIM-001";
    LIM_ROWS = "SPH-LIM-002";
    /// One record longer than allowed (a 200 MB single line).
    LIM_RECORD = "SPH-LIM-003";
    LIM_COLUMNS = "SPH-LIM-004";
    LIM_DEPTH = "SPH-LIM-005";
    /// Expands beyond the allowed ratio or size (gzip or zip bomb).
    LIM_EXPANSION = "SPH-LIM-006";
    LIM_CELL = "SPH-LIM-007";
    /// The workbook's table of shared texts is too large.
    LIM_SHARED_STRINGS = "SPH-LIM-008";
    LIM_TIME = "SPH-LIM-009";
    /// The gateway tried it as often as it tries anything, and failed: its own fault, not the file's.
    LIM_TRIES = "SPH-LIM-010";

    /// The same learner enrolled in two agencies on the count day.
    CNT_DUP_AGENCY = "CNT-DUP-AGENCY";
    CNT_DUP_SCHOOL = "CNT-DUP-SCHOOL";
    CNT_DUP_ROW = "CNT-DUP-ROW";
    /// A permitted pair (dual programme).
    CNT_DUAL_OK = "CNT-DUAL-OK";
    /// One number, two different people.
    CNT_ID_SHARED = "CNT-ID-SHARED";
    /// One person under two numbers: a candidate, never a verdict.
    CNT_ID_TWO = "CNT-ID-TWO";
    CNT_CLOSED = "CNT-CLOSED";
    CNT_AGE = "CNT-AGE";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_well_formed() {
        let mut seen = std::collections::HashSet::new();
        for rule in ALL {
            assert!(seen.insert(rule.as_str()), "{rule} twice");
            assert!(rule.as_str().starts_with("SPH-") || rule.as_str().starts_with("CNT-"));
            assert_eq!(RuleCode::find(rule.as_str()), Some(*rule));
        }
    }
}
