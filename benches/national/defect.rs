//! What is done to a row: some defects must refuse it, the others are repaired.

use crate::person::{Agency, Person};
use fastrand::Rng;
use jiff::civil::Date;

pub const REFUSED: [&str; 8] = [
    "id_check_digit",
    "id_scientific",
    "id_length",
    "id_missing",
    "grade_unknown",
    "date_impossible",
    "school_unknown",
    "name_missing",
];
pub const UNTIDY: [&str; 8] = [
    "id_printed_form",
    "id_thai_digits",
    "id_nbsp",
    "name_zero_width",
    "name_nikhahit",
    "date_thai_digits",
    "weight_out_of_range",
    "title_short",
];

/// Share of rows that must be refused; as many again are only untidy.
const DIRTY: f64 = 0.02;

pub fn must_be_refused(defect: &str) -> bool {
    REFUSED.contains(&defect)
}

pub fn choose(rng: &mut Rng, agency: Agency, person: &Person<'_>) -> Option<&'static str> {
    let roll = rng.f64();
    let defect = match roll {
        _ if roll < DIRTY => REFUSED[rng.usize(..8)],
        _ if roll < 2.0 * DIRTY => UNTIDY[rng.usize(..8)],
        _ => return None,
    };
    match defect {
        _ if defect.starts_with("id_") && person.learner_id.starts_with('G') => None,
        // windows-874 has no zero-width space.
        "name_zero_width" if agency == Agency::Obec => None,
        "school_unknown" if agency == Agency::Obec => Some("grade_unknown"),
        _ => Some(defect),
    }
}

/// The cells that every format writes, as text.
pub struct Cells {
    pub id: String,
    pub title: &'static str,
    pub given: String,
    pub day: i8,
    pub month: i8,
    pub year: i16,
    pub grade: String,
    pub school: String,
    pub weight: String,
    pub has_thai_date: bool,
}

pub fn thai_digits(text: &str) -> String {
    let digit = |c: char| c.to_digit(10).and_then(|digit| char::from_u32('๐' as u32 + digit)).unwrap_or(c);
    text.chars().map(digit).collect()
}

impl Cells {
    pub fn of(person: &Person<'_>, agency: Agency, grade: &str, defect: Option<&str>, rng: &mut Rng) -> Cells {
        let school = if agency == Agency::Obec { &person.school.smis } else { &person.school.school_id };
        let mut cells = Cells {
            id: person.learner_id.clone(),
            title: person.title,
            given: person.given.to_owned(),
            day: person.born.day(),
            month: person.born.month(),
            year: person.born.year(),
            grade: grade.to_owned(),
            school: school.clone(),
            weight: format!("{:.1}", person.weight),
            has_thai_date: false,
        };
        if let Some(defect) = defect {
            cells.spoil(defect, rng);
        }
        cells
    }

    fn spoil(&mut self, defect: &str, rng: &mut Rng) {
        match defect {
            "id_check_digit" => {
                let last = self.id.pop().and_then(|digit| digit.to_digit(10)).unwrap_or(0);
                self.id.push_str(&((last + 1) % 10).to_string());
            }
            "id_scientific" => {
                let number: f64 = self.id.parse().unwrap_or(0.0);
                self.id = format!("{number:.5E}").replace("E12", "E+12");
            }
            "id_length" => self.id.truncate(11),
            "id_missing" => self.id = "-".into(),
            "grade_unknown" => self.grade = ["ป.7", "ม.9", "เตรียม", "??"][rng.usize(..4)].into(),
            "date_impossible" => (self.day, self.month) = (31, 2),
            "school_unknown" => self.school.replace_range(2..4, "98"),
            "name_missing" => self.given.clear(),
            "id_printed_form" => {
                let id = &self.id;
                self.id = format!("{}-{}-{}-{}-{}", &id[..1], &id[1..5], &id[5..10], &id[10..12], &id[12..]);
            }
            "id_thai_digits" => self.id = thai_digits(&self.id),
            "id_nbsp" => self.id = format!("\u{a0}{}\u{a0}", self.id),
            "name_zero_width" => {
                let at = self.given.char_indices().nth(2).map_or(self.given.len(), |(at, _)| at);
                self.given.insert(at, '\u{200b}');
            }
            "name_nikhahit" => self.given.insert_str(0, "ท\u{e4d}\u{e32}"),
            "date_thai_digits" => self.has_thai_date = true,
            "weight_out_of_range" => self.weight = "455".into(),
            "title_short" => {
                self.title = match self.title {
                    "เด็กชาย" => "ด.ช.",
                    "เด็กหญิง" => "ด.ญ.",
                    "นางสาว" => "น.ส.",
                    other => other,
                }
            }
            _ => {}
        }
    }

    /// `dd/mm/yyyy` of the Buddhist era.
    pub fn thai_date(&self) -> String {
        self.digits(format!("{:02}/{:02}/{}", self.day, self.month, self.year + 543))
    }

    pub fn digits(&self, date: String) -> String {
        if self.has_thai_date { thai_digits(&date) } else { date }
    }

    pub fn civil(&self) -> Option<Date> {
        Date::new(self.year, self.month, self.day).ok()
    }
}
