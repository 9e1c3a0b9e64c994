//! Header rows: which column fills which slot, compared as people read the words, not byte by byte.
//!
//! Owns the folding of header words and the plan of columns (CSV, XLSX). Refuses two columns of one
//! wanted name (either choice would be a guess) and a file that has none of the named columns. Names nobody
//! knows are repeated only where the row can't be a person's.

use super::{DecodeError, Detail, Limits, SourceSpec, Wanted};
use crate::domain::rule::{COL_DUPLICATE, COL_MISSING, FMT_EMPTY, FMT_HEADER, LIM_COLUMNS};

/// Rows searched for the header where the mapping does not name its row.
pub const HEADER_ROWS_MAX: usize = 50;
/// Columns and members of this beginning were put there by us beside refused rows; never read back.
pub const OWN_PREFIX: &str = "_saphan";
/// Names listed in one error.
const NAMES_SHOWN: usize = 8;
pub(crate) const NO_SLOT: u32 = u32::MAX;

/// A header word without what only the eye overlooks: invisible characters, doubled or no-break spaces, a
/// decomposed ำ, a doubled เ, and the mark of a mandatory column (` ต้องกรอก`, `*`).
pub fn fold_name(name: &str) -> String {
    let mut folded = String::with_capacity(name.len());
    for letter in name.chars() {
        match letter {
            '\u{feff}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{ad}' => {}
            letter if letter.is_whitespace() => {
                if !folded.is_empty() && !folded.ends_with(' ') {
                    folded.push(' ');
                }
            }
            'า' => push_aa(&mut folded),
            'เ' if folded.ends_with('เ') => {
                folded.pop();
                folded.push('แ');
            }
            letter => folded.push(letter),
        }
    }
    loop {
        let bare = folded.trim_end();
        let bare = bare.strip_suffix("(ต้องกรอก)").or_else(|| bare.strip_suffix('*')).unwrap_or(bare);
        let bare = bare.strip_suffix("ต้องกรอก").filter(|bare| bare.ends_with([' ', '*'])).unwrap_or(bare).trim_end();
        if bare.is_empty() || bare.len() == folded.len() {
            return folded;
        }
        folded.truncate(bare.len());
    }
}

/// `ํ า` is `ำ`, with or without a tone between.
fn push_aa(folded: &mut String) {
    const TONES: [char; 4] = ['\u{e48}', '\u{e49}', '\u{e4a}', '\u{e4b}'];
    let tone = folded.chars().next_back().filter(|last| TONES.contains(last));
    if tone.is_some() {
        folded.pop();
    }
    if folded.ends_with('\u{e4d}') {
        folded.pop();
        folded.extend(tone);
        // The tone may also stand before the circle; both orders end the same.
        folded.push('ำ');
    } else {
        folded.extend(tone);
        folded.push('า');
    }
}

/// Whether the name is one of ours, beside refused rows given back earlier.
pub(crate) fn is_own(name: &str) -> bool {
    name.starts_with(OWN_PREFIX)
}

/// Which column of the file fills which slot.
#[derive(Debug, Clone, Default)]
pub(crate) struct ColumnPlan {
    /// By column from 0: its slot, or `NO_SLOT`.
    pub(crate) slots: Vec<u32>,
    /// Columns that fill one slot more (by name and by position).
    pub(crate) also: Vec<(u32, u32)>,
    /// A row has at least so many cells: up to the last named column.
    pub(crate) columns_min: usize,
    pub(crate) unmapped: Vec<String>,
    pub(crate) missing: Vec<usize>,
    /// The file was given back by us with refused rows: cells may bear our apostrophe.
    pub(crate) is_returned: bool,
}

/// How many of the wanted names stand in this row.
pub(crate) fn score(cells: &[String], spec: &SourceSpec) -> usize {
    let folded: Vec<String> = cells.iter().map(|cell| fold_name(cell)).collect();
    let is_there = |wanted: &&Wanted| matches!(wanted, Wanted::Name(name) if folded.contains(&fold_name(name)));
    spec.wanted.iter().filter(is_there).count()
}

pub(crate) fn has_names(spec: &SourceSpec) -> bool {
    spec.wanted.iter().any(|wanted| matches!(wanted, Wanted::Name(_)))
}

/// Which of the file's first rows is the header, from 0.
pub(crate) fn find_row(rows: &[Vec<String>], spec: &SourceSpec) -> Result<usize, DecodeError> {
    if rows.iter().all(|row| row.iter().all(|cell| cell.trim().is_empty())) {
        return Err(DecodeError::refused(FMT_EMPTY, "file", Detail::NothingInIt));
    }
    let best = || {
        let scored = rows.iter().take(HEADER_ROWS_MAX).enumerate().map(|(at, row)| (score(row, spec), at));
        // Of equals the first: a later row may repeat the header.
        scored.max_by_key(|(score, at)| (*score, usize::MAX - at)).unwrap_or((0, 0))
    };
    let Some(said) = spec.header_row else {
        let (score, at) = best();
        return Ok(if score == 0 { first_filled(rows) } else { at });
    };
    let said = said.saturating_sub(1) as usize;
    let is_there = rows.get(said).is_some_and(|row| !has_names(spec) || score(row, spec) > 0);
    if !is_there && has_names(spec) && best().0 > 0 {
        let detail = Detail::HeaderElsewhere(best().1 + 1);
        return Err(DecodeError::refused(FMT_HEADER, format!("row {}", said + 1), detail));
    }
    if said >= rows.len() {
        let detail = Detail::HeaderBeyond(rows.len());
        return Err(DecodeError::refused(FMT_HEADER, format!("row {}", said + 1), detail));
    }
    Ok(said)
}

fn first_filled(rows: &[Vec<String>]) -> usize {
    rows.iter().position(|row| row.iter().any(|cell| !cell.trim().is_empty())).unwrap_or(0)
}

/// Lays the wanted columns over a header; `row` is its number in the file, from 1.
pub(crate) fn plan(
    cells: &[String],
    row: usize,
    spec: &SourceSpec,
    limits: &Limits,
) -> Result<ColumnPlan, DecodeError> {
    let place = format!("row {row}");
    let folded: Vec<String> = cells.iter().map(|cell| fold_name(cell)).collect();
    let columns_min = folded.iter().rposition(|name| !name.is_empty()).map_or(0, |last| last + 1);
    if columns_min > limits.columns_max {
        let detail = Detail::Columns(columns_min, limits.columns_max);
        return Err(DecodeError::refused(LIM_COLUMNS, place, detail));
    }
    let is_returned = folded.iter().any(|name| is_own(name));
    let mut plan = ColumnPlan { slots: vec![NO_SLOT; columns_min], columns_min, is_returned, ..ColumnPlan::default() };
    let by_position: Vec<usize> = spec
        .wanted
        .iter()
        .filter_map(|wanted| match wanted {
            Wanted::Position(at) => Some((*at as usize).wrapping_sub(1)),
            Wanted::Name(_) => None,
        })
        .collect();
    let mut named_found = 0;
    for (slot, wanted) in spec.wanted.iter().enumerate() {
        let column = match wanted {
            Wanted::Position(at) => Some((*at as usize).wrapping_sub(1)).filter(|at| *at < columns_min),
            Wanted::Name(name) => one_column(&fold_name(name), &folded, &by_position, &place)?,
        };
        named_found += usize::from(column.is_some() && matches!(wanted, Wanted::Name(_)));
        match column {
            None => plan.missing.push(slot),
            Some(column) if plan.slots[column] == NO_SLOT => plan.slots[column] = slot as u32,
            Some(column) => plan.also.push((column as u32, slot as u32)),
        }
    }
    if named_found == 0 && has_names(spec) {
        return Err(DecodeError::refused(COL_MISSING, place, none_found(cells, spec)));
    }
    let ignored: Vec<String> = spec.ignore.iter().map(|name| fold_name(name)).collect();
    let is_unknown = |column: &usize| {
        let name = &folded[*column];
        plan.slots[*column] == NO_SLOT && !ignored.contains(name) && !is_own(name)
    };
    let unknown: Vec<usize> = (0..columns_min).filter(is_unknown).collect();
    let named = unknown.iter().filter(|column| !folded[**column].is_empty()).count();
    // A header shifted or joined with a row holds a person's cells beside the names of columns.
    let is_doubtful = looks_like_data(&folded) || named > columns_min - unknown.len();
    for column in unknown {
        let name = &folded[column];
        let is_hidden = name.is_empty() || is_doubtful || is_telling(name);
        plan.unmapped.push(if is_hidden { format!("column {}", column + 1) } else { short(name) });
    }
    Ok(plan)
}

fn one_column(name: &str, folded: &[String], by_position: &[usize], place: &str) -> Result<Option<usize>, DecodeError> {
    let found: Vec<usize> = folded.iter().enumerate().filter(|(_, header)| *header == name).map(|(at, _)| at).collect();
    if found.len() < 2 {
        return Ok(found.first().copied());
    }
    let free: Vec<usize> = found.iter().copied().filter(|at| !by_position.contains(at)).collect();
    match free[..] {
        [only] => Ok(Some(only)),
        _ => {
            let columns: Vec<String> = found.iter().map(|at| (at + 1).to_string()).collect();
            let detail = Detail::SameName(columns.join(", "), name.to_owned());
            Err(DecodeError::refused(COL_DUPLICATE, place, detail))
        }
    }
}

fn none_found(cells: &[String], spec: &SourceSpec) -> Detail {
    let expected: Vec<&str> = spec
        .wanted
        .iter()
        .filter_map(|wanted| match wanted {
            Wanted::Name(name) => Some(name.as_str()),
            Wanted::Position(_) => None,
        })
        .take(NAMES_SHOWN)
        .collect();
    // Without a header the row would be a person: then its cells are not repeated.
    if looks_like_data(cells) {
        return Detail::NoHeaderButData(expected.join(", "));
    }
    let names: Vec<String> = cells.iter().take(NAMES_SHOWN).map(|cell| short(&fold_name(cell))).collect();
    Detail::NoneOfColumns(expected.join(", "), names.join(", "))
}

/// Whether a person's data stand in this row: a number of six digits, a date, or two cells of digits only.
fn looks_like_data(cells: &[String]) -> bool {
    let is_number = |cell: &&String| !cell.trim().is_empty() && cell.trim().chars().all(|c| c.is_numeric());
    cells.iter().any(|cell| is_telling(cell) || is_date(cell)) || cells.iter().filter(is_number).count() >= 2
}

/// `1/2/55`, `1-2-55`: three groups of digits.
fn is_date(cell: &str) -> bool {
    let groups: Vec<&str> = cell.trim().split(['/', '-', '.']).collect();
    groups.len() == 3 && groups.iter().all(|group| !group.is_empty() && group.chars().all(|c| c.is_numeric()))
}

/// Six digits in any script: no column is called so, but a person's number is.
pub(crate) fn is_telling(name: &str) -> bool {
    name.chars().filter(|c| c.is_numeric()).count() >= 6
}

fn short(name: &str) -> String {
    name.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::Format;
    use crate::decode::spec::tests::spec;

    fn row(cells: &[&str]) -> Vec<String> {
        cells.iter().map(|cell| (*cell).to_owned()).collect()
    }

    fn rule<T: std::fmt::Debug>(result: Result<T, DecodeError>) -> crate::domain::rule::RuleCode {
        match result {
            Err(DecodeError::Refused { rule, .. }) => rule,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn observed_headers_fold_to_the_word_people_read() {
        for (raw, expected) in [
            ("รหัสโรงเรียน ต้องกรอก", "รหัสโรงเรียน"),
            (" เลขประจำตัวประชาชน\u{a0}", "เลขประจำตัวประชาชน"),
            ("\u{feff}รหัสโรงเรียน", "รหัสโรงเรียน"),
            ("จ\u{e4d}านวน", "จำนวน"),
            ("น\u{e4d}\u{e49}า", "น้ำ"),
            ("ชื่อ*", "ชื่อ"),
            ("ชื่อ (ต้องกรอก) *", "ชื่อ"),
            ("ชื่อ \r\n สกุล", "ชื่อ สกุล"),
            ("เเขวง", "แขวง"),
            ("ต้องกรอก", "ต้องกรอก"),
            ("*", "*"),
        ] {
            assert_eq!(fold_name(raw), expected, "{raw:?}");
        }
    }

    #[test]
    fn two_columns_of_a_wanted_name_are_refused_unless_taken_by_position() {
        let cells = row(&["ก", "เลขประจำตัวนักเรียน", "เลขประจำตัวนักเรียน"]);
        let mut spec = spec(Format::Csv, &["เลขประจำตัวนักเรียน"]);
        assert_eq!(rule(plan(&cells, 1, &spec, &Limits::default())), COL_DUPLICATE);
        spec.wanted.push(Wanted::Position(3));
        let both = plan(&cells, 1, &spec, &Limits::default()).unwrap();
        assert_eq!(both.slots, [NO_SLOT, 0, 1]);
        assert_eq!(both.unmapped, ["ก"]);
        spec.wanted.remove(0);
        assert_eq!(plan(&cells, 1, &spec, &Limits::default()).unwrap().slots, [NO_SLOT, NO_SLOT, 0]);
    }

    #[test]
    fn the_header_is_found_below_titles_and_a_wrong_row_is_said() {
        let rows = vec![row(&["รายงาน"]), row(&[""]), row(&["a", "b ต้องกรอก"]), row(&["1", "2"])];
        let mut spec = spec(Format::Csv, &["a", "b", "c"]);
        assert_eq!(find_row(&rows, &spec).unwrap(), 2);
        spec.header_row = Some(1);
        assert_eq!(rule(find_row(&rows, &spec)), FMT_HEADER);
        spec.header_row = Some(9);
        assert_eq!(rule(find_row(&rows[3..], &spec)), FMT_HEADER);
        spec.header_row = None;
        assert_eq!(plan(&rows[2], 3, &spec, &Limits::default()).unwrap().missing, [2]);
        assert_eq!(rule(plan(&rows[0], 1, &spec, &Limits::default())), COL_MISSING);
    }

    #[test]
    fn a_data_row_in_place_of_the_header_is_not_repeated_in_the_error() {
        let spec = spec(Format::Csv, &["a"]);
        let refused = plan(&row(&["1999900000013", "สมชาย"]), 1, &spec, &Limits::default()).unwrap_err();
        assert!(!refused.to_string().contains("สมชาย"), "{refused}");
    }

    #[test]
    fn cells_of_a_person_among_the_names_are_not_repeated() {
        let spec = spec(Format::Csv, &["a", "b", "c"]);
        let unmapped = |cells: &[&str]| plan(&row(cells), 1, &spec, &Limits::default()).unwrap().unmapped;
        assert_eq!(unmapped(&["a", "b", "หมายเหตุ"]), ["หมายเหตุ"]);
        for person in ["1999900000013", "20/03/2555", "1-2-55"] {
            assert_eq!(unmapped(&["a", "b", "c", "สมชาย", person]), ["column 4", "column 5"]);
        }
        assert_eq!(unmapped(&["a", "b", "c", "สมชาย", "1", "๒"]), ["column 4", "column 5", "column 6"]);
        assert_eq!(unmapped(&["a", "เด็กชาย", "สมชาย"]), ["column 2", "column 3"], "more strange than known names");
    }

    #[test]
    fn columns_of_ours_are_ignored() {
        let spec = spec(Format::Csv, &["a"]);
        let columns = plan(&row(&["a", "_saphan_rules", "b"]), 1, &spec, &Limits::default()).unwrap();
        assert_eq!(columns.unmapped, ["b"]);
    }
}
