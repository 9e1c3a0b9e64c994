//! Schools and learners, each made from its number alone.
//!
//! Every person is invented: the province digits 99 in their numbers do not exist, so no number belongs to anybody.

use crate::facts::{Facts, Subdistrict};
use fastrand::Rng;
use jiff::ToSpan;
use jiff::civil::Date;
use std::ops::Range;

/// Rows of one workbook, about: a sheet holds 1,048,576.
const SHEET_ROWS: u64 = 1_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Agency {
    Obec,
    Opec,
    Dole,
    Ovec,
}

const BASIC: [&str; 14] = ["K2", "K3", "P1", "P2", "P3", "P4", "P5", "P6", "M1", "M2", "M3", "M4", "M5", "M6"];
const PRIVATE: [&str; 15] = ["K1", "K2", "K3", "P1", "P2", "P3", "P4", "P5", "P6", "M1", "M2", "M3", "M4", "M5", "M6"];

impl Agency {
    pub const ALL: [Agency; 4] = [Agency::Obec, Agency::Opec, Agency::Dole, Agency::Ovec];

    pub fn slug(self) -> &'static str {
        ["obec", "opec", "dole", "ovec"][self as usize]
    }

    /// The two digits of its code, with which its school codes begin.
    pub fn code(self) -> &'static str {
        ["10", "11", "12", "13"][self as usize]
    }

    fn share(self) -> f64 {
        [0.66, 0.19, 0.07, 0.08][self as usize]
    }

    fn grades(self) -> &'static [&'static str] {
        match self {
            Agency::Obec => &BASIC,
            Agency::Opec => &PRIVATE,
            Agency::Dole => &["NFE1", "NFE2", "NFE3"],
            Agency::Ovec => &["VC1", "VC2", "VC3", "VD1", "VD2"],
        }
    }

    fn learners_a_school(self) -> u64 {
        [220, 480, 900, 1_100][self as usize]
    }

    fn school_name(self) -> &'static str {
        ["โรงเรียน", "โรงเรียนเอกชน", "ศูนย์ส่งเสริมการเรียนรู้อำเภอ", "วิทยาลัยเทคนิค"][self as usize]
    }
}

fn age(grade: &str) -> i32 {
    let from = |first: i32| grade[grade.len() - 1..].parse::<i32>().map_or(first, |year| first + year - 1);
    match grade {
        "NFE1" => 22,
        "NFE2" => 24,
        "NFE3" => 26,
        _ if grade.starts_with('K') => from(4),
        _ if grade.starts_with('P') => from(7),
        _ if grade.starts_with('M') => from(13),
        _ if grade.starts_with("VC") => from(16),
        _ => from(19),
    }
}

pub struct School<'f> {
    pub school_id: String,
    pub smis: String,
    pub name: String,
    pub subdistrict: &'f Subdistrict,
    pub latitude: f64,
    pub longitude: f64,
    pub is_open: bool,
}

pub struct World<'f> {
    pub facts: &'f Facts,
    pub seed: u64,
    pub day: Date,
    learners: u64,
    schools: [Vec<School<'f>>; 4],
    /// Places of the open ones in `schools`: nobody learns in a closed one.
    open: [Vec<usize>; 4],
}

#[derive(Clone)]
pub struct Person<'f> {
    pub learner_id: String,
    pub is_female: bool,
    pub title: &'static str,
    pub given: &'f str,
    pub family: &'f str,
    pub born: Date,
    pub grade: &'static str,
    pub room: u8,
    pub school: &'f School<'f>,
    pub student_no: u32,
    pub weight: f64,
    pub height: f64,
    pub religion: &'static str,
    pub nation: &'static str,
    pub blood: &'static str,
    pub subdistrict: &'f Subdistrict,
    pub house: String,
    pub moo: u8,
    pub father: [&'f str; 3],
    pub mother: [&'f str; 3],
    pub disadvantage: &'static str,
    pub is_dual: bool,
}

const OCCUPATIONS: [&str; 6] = ["เกษตรกรรม", "รับจ้าง", "ค้าขาย/ธุรกิจ", "รับราชการ", "พนักงาน/ลูกจ้าง", "ไม่ได้ประกอบอาชีพ"];

fn one<'a, T: ?Sized>(rng: &mut Rng, of: &'a [impl AsRef<T>]) -> &'a T {
    of[rng.usize(..of.len())].as_ref()
}

fn round_to(value: f64, places: i32) -> f64 {
    let scale = 10_f64.powi(places);
    (value * scale).round() / scale
}

impl<'f> World<'f> {
    pub fn new(facts: &'f Facts, learners: u64, seed: u64, day: Date) -> World<'f> {
        let mut world = World { facts, seed, day, learners, schools: Default::default(), open: Default::default() };
        for agency in Agency::ALL {
            let schools = world.make_schools(agency);
            world.open[agency as usize] = (0..schools.len()).filter(|at| schools[*at].is_open).collect();
            world.schools[agency as usize] = schools;
        }
        world
    }

    /// Chance for one thing of one agency: the same number always gives the same.
    pub fn chance(&self, agency: Agency, kind: u64, number: u64) -> Rng {
        let mut rng = Rng::with_seed(self.seed ^ (kind << 56) ^ ((agency as u64) << 48) ^ number);
        // Neighbouring seeds begin alike.
        Rng::with_seed(rng.u64(..) ^ rng.u64(..).rotate_left(31))
    }

    /// Learners of an agency, those who stand in two of its schools once.
    pub fn learners(&self, agency: Agency) -> u64 {
        (self.learners as f64 * agency.share()) as u64
    }

    pub fn all_learners(&self) -> u64 {
        self.learners
    }

    pub fn schools(&self, agency: Agency) -> &[School<'f>] {
        &self.schools[agency as usize]
    }

    pub fn open_school(&self, agency: Agency, at: usize) -> &School<'f> {
        let open = &self.open[agency as usize];
        &self.schools[agency as usize][open[at % open.len()]]
    }

    fn make_schools(&self, agency: Agency) -> Vec<School<'f>> {
        let count = (self.learners(agency) / agency.learners_a_school()).max(2);
        let mut serials = std::collections::HashMap::<&str, u32>::new();
        (0..count)
            .map(|number| {
                let mut rng = self.chance(agency, 1, number);
                let subdistrict = &self.facts.subdistricts[rng.usize(..self.facts.subdistricts.len())];
                let province = &subdistrict.code[..2];
                let serial = serials.entry(province).or_default();
                *serial += 1;
                let area = rng.u32(1..9);
                School {
                    school_id: format!("{}{province}{serial:06}", agency.code()),
                    smis: if agency == Agency::Obec {
                        format!("{province}{area:02}{serial:04}")
                    } else {
                        String::new()
                    },
                    name: format!("{}{} {}", agency.school_name(), subdistrict.name, number + 1),
                    subdistrict,
                    latitude: round_to(5.7 + rng.f64() * 14.6, 5),
                    longitude: round_to(97.4 + rng.f64() * 8.1, 5),
                    // Somebody has to be open.
                    is_open: number == 0 || rng.f64() >= 0.004,
                }
            })
            .collect()
    }

    /// Rows of each file of an agency. The private schools' workbooks end where a school ends: a file says all of its schools.
    pub fn files(&self, agency: Agency, rows: u64) -> Vec<Range<u64>> {
        if agency != Agency::Opec {
            return std::iter::once(0..rows).collect();
        }
        let (parts, schools) = (rows.div_ceil(SHEET_ROWS), self.open[agency as usize].len() as u64);
        // The first learner of a school, as `person` hands them out.
        let first_of = |school: u64| (school * rows).div_ceil(schools);
        (0..parts).map(|part| first_of(part * schools / parts)..first_of((part + 1) * schools / parts)).collect()
    }

    pub fn person(&'f self, agency: Agency, number: u64) -> Person<'f> {
        let (facts, mut rng) = (self.facts, self.chance(agency, 2, number));
        let rng = &mut rng;
        let grade = agency.grades()[rng.usize(..agency.grades().len())];
        let is_female = rng.f64() < 0.49;
        let schools = self.open[agency as usize].len() as u64;
        let school = self.open_school(agency, (number * schools / self.learners(agency).max(1)) as usize);
        let later = if agency == Agency::Dole { rng.i32(0..30) } else { i32::from(rng.u8(..5) == 0) };
        let age = age(grade) + later;
        let born = self.day.saturating_sub((age * 365 + rng.i32(0..330)).days());
        let title = match (is_female, age < 15) {
            (true, true) => "เด็กหญิง",
            (true, false) => "นางสาว",
            (false, true) => "เด็กชาย",
            (false, false) => "นาย",
        };
        let parent = |rng: &mut Rng, names: &'f [String]| {
            [one::<str>(rng, names), one(rng, &facts.last), OCCUPATIONS[rng.usize(..OCCUPATIONS.len())]]
        };
        let years = f64::from(age);
        Person {
            learner_id: self.learner_id(agency, number, school, rng),
            is_female,
            title,
            given: one(rng, if is_female { &facts.female } else { &facts.male }),
            family: one(rng, &facts.last),
            born,
            grade,
            room: rng.u8(1..6),
            school,
            student_no: rng.u32(..100_000),
            weight: if age < 20 { round_to(12.0 + years * 2.4 + rng.f64() * 8.0, 1) } else { 58.0 },
            height: round_to((85.0 + years * 5.2 + rng.f64() * 10.0).min(175.0), 1),
            religion: ["พุทธ", "อิสลาม", "คริสต์"][[0; 17].into_iter().chain([1, 1, 2]).nth(rng.usize(..20)).unwrap_or(0)],
            nation: match rng.u8(..50) {
                0 => "เมียนมา",
                1 => "ลาว",
                2 => "กัมพูชา",
                3 => "ไม่ระบุ",
                _ => "ไทย",
            },
            blood: ["A", "B", "O", "AB", "ไม่ทราบ"][rng.usize(..5)],
            subdistrict: &facts.subdistricts[rng.usize(..facts.subdistricts.len())],
            house: format!("{}/{}", rng.u16(1..400), rng.u8(1..60)),
            moo: rng.u8(1..15),
            father: parent(rng, &facts.male),
            mother: parent(rng, &facts.female),
            disadvantage: match rng.u8(..20) {
                0..6 => "เด็กยากจน",
                6 => "เด็กถูกทอดทิ้ง",
                _ => "-",
            },
            is_dual: false,
        }
    }

    fn learner_id(&self, agency: Agency, number: u64, school: &School<'_>, rng: &mut Rng) -> String {
        if rng.f64() < 0.006 {
            let year = (self.day.year() + 543) % 100;
            let province = &school.subdistrict.code[..2];
            return format!("G{year:02}{province}{:08}", number * 4 + agency as u64);
        }
        // Multiplying by a number prime to 10⁹ gives each of them another: no two are alike, and none follows its neighbour.
        let serial = (number * 4 + agency as u64).wrapping_add(self.seed) % 1_000_000_000 * 387_420_489 % 1_000_000_000;
        let first = [1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 3, 4, 5, 6, 7, 8][rng.usize(..16)];
        let body = format!("{first}99{serial:09}");
        let sum: u32 = body.bytes().zip((2..=13).rev()).map(|(digit, weight)| u32::from(digit - b'0') * weight).sum();
        format!("{body}{}", (11 - sum % 11) % 10)
    }
}
