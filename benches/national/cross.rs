//! Learners who stand twice: in two agencies, permitted or not, under one number by mistake, or twice in one.
//!
//! Chosen before anything is written; what is kept of them is only how they differ from what their number says.

use crate::person::{Agency, Person, World};
use crate::truth::{CrossTruth, Place};
use jiff::ToSpan;
use std::collections::HashMap;

/// Share of learners who stand in a second place.
const CROSS: f64 = 0.004;
const PAIRS: [(Agency, Agency); 6] = [
    (Agency::Obec, Agency::Opec),
    (Agency::Obec, Agency::Dole),
    (Agency::Obec, Agency::Ovec),
    (Agency::Opec, Agency::Dole),
    (Agency::Dole, Agency::Ovec),
    (Agency::Opec, Agency::Ovec),
];
/// By number.
type Learner = (Agency, u64);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Duplicate,
    Permitted,
    SharedNumber,
}

/// How a learner differs from what their number says.
#[derive(Clone, Copy)]
enum Change {
    /// The first of a pair, with another grade if the pair is permitted.
    Stays(Option<&'static str>),
    /// Is the learner `number` of `agency` under the same number.
    Is { agency: Agency, number: u64, kind: Kind, grade: Option<&'static str> },
}

/// A row after all others of its agency: learner `number` once more, in another school or in the same.
#[derive(Clone, Copy)]
struct Again {
    number: u64,
    school: Option<usize>,
}

#[derive(Default)]
pub struct Cross {
    changes: HashMap<Learner, Change>,
    pairs: Vec<(Kind, Learner, Learner)>,
    again: Vec<Again>,
}

impl Cross {
    pub fn choose(world: &World<'_>) -> Cross {
        let mut cross = Cross::default();
        let count = (world.all_learners() as f64 * CROSS) as u64;
        for number in 0..count {
            let (one, two) = PAIRS[(number % 6) as usize];
            let (Some(first), Some(second)) = (cross.pick(world, one, number), cross.pick(world, two, number)) else {
                continue;
            };
            cross.pair(world, number, (one, first), (two, second));
        }
        for number in 0..(count / 4).max(1) + (count / 8).max(1) {
            let Some(learner) = cross.pick(world, Agency::Obec, count + number) else { continue };
            let is_elsewhere = number < (count / 4).max(1);
            let other = world.chance(Agency::Obec, 5, number).usize(..1 << 30);
            let own = world.person(Agency::Obec, learner).school;
            if is_elsewhere && std::ptr::eq(world.open_school(Agency::Obec, other), own) {
                continue;
            }
            cross.again.push(Again { number: learner, school: is_elsewhere.then_some(other) });
        }
        cross
    }

    /// A learner with a citizen number whom nothing was done to; from here on it is.
    fn pick(&mut self, world: &World<'_>, agency: Agency, number: u64) -> Option<u64> {
        let mut rng = world.chance(agency, 3, number);
        for _ in 0..200 {
            let at = rng.u64(..world.learners(agency));
            if !self.changes.contains_key(&(agency, at)) && !world.person(agency, at).learner_id.starts_with('G') {
                self.changes.insert((agency, at), Change::Stays(None));
                return Some(at);
            }
        }
        None
    }

    fn pair(&mut self, world: &World<'_>, number: u64, first: (Agency, u64), second: (Agency, u64)) {
        let is_dual = first.0 == Agency::Obec && second.0 == Agency::Ovec && (number % 10 == 9 || number % 4 == 2);
        let (kind, grades) = if is_dual {
            // Upper secondary and vocational certificate at once, declared by the college.
            let grades = [("M4", "VC1"), ("M5", "VC2"), ("M6", "VC3")];
            (Kind::Permitted, Some(grades[world.chance(first.0, 4, number).usize(..3)]))
        } else if number % 17 == 5 {
            (Kind::SharedNumber, None)
        } else {
            (Kind::Duplicate, None)
        };
        self.changes.insert(first, Change::Stays(grades.map(|grades| grades.0)));
        let is = Change::Is { agency: first.0, number: first.1, kind, grade: grades.map(|grades| grades.1) };
        self.changes.insert(second, is);
        self.pairs.push((kind, first, second));
    }

    /// Nothing else is done to a row of somebody who stands twice.
    pub fn concerns(&self, agency: Agency, number: u64) -> bool {
        self.changes.contains_key(&(agency, number))
    }

    pub fn rows(&self, world: &World<'_>, agency: Agency) -> u64 {
        world.learners(agency) + if agency == Agency::Obec { self.again.len() as u64 } else { 0 }
    }

    /// Who stands in a row (from 0) of an agency, and by which number the learner is known here.
    pub fn person<'f>(&self, world: &'f World<'f>, agency: Agency, row: u64) -> (u64, Person<'f>) {
        let Some(at) = row.checked_sub(world.learners(agency)) else { return (row, self.changed(world, agency, row)) };
        let Again { number, school } = self.again[at as usize];
        let mut person = self.changed(world, agency, number);
        if let Some(school) = school {
            person.school = world.open_school(agency, school);
        }
        (number, person)
    }

    fn changed<'f>(&self, world: &'f World<'f>, agency: Agency, number: u64) -> Person<'f> {
        let mut person = world.person(agency, number);
        match self.changes.get(&(agency, number)) {
            None => {}
            Some(Change::Stays(grade)) => person.grade = grade.unwrap_or(person.grade),
            Some(Change::Is { agency, number, kind, grade }) => {
                let other = world.person(*agency, *number);
                person.learner_id = other.learner_id;
                person.grade = grade.unwrap_or(person.grade);
                person.is_dual = *kind == Kind::Permitted;
                if *kind == Kind::SharedNumber {
                    // Two people typed under one number: nothing else agrees.
                    let mut rng = world.chance(*agency, 6, *number);
                    while person.given == other.given || person.family == other.family || person.born == other.born {
                        let names = if person.is_female { &world.facts.female } else { &world.facts.male };
                        person.given = &names[rng.usize(..names.len())];
                        person.family = &world.facts.last[rng.usize(..world.facts.last.len())];
                        person.born = person.born.saturating_sub(rng.i32(40..300).days());
                    }
                } else {
                    (person.given, person.family, person.title) = (other.given, other.family, other.title);
                    (person.is_female, person.born) = (other.is_female, other.born);
                }
            }
        }
        person
    }

    pub fn truth(&self, world: &World<'_>) -> CrossTruth {
        let mut truth = CrossTruth::default();
        for (kind, first, second) in &self.pairs {
            let list = match kind {
                Kind::Duplicate => &mut truth.duplicates,
                Kind::Permitted => &mut truth.permitted,
                Kind::SharedNumber => &mut truth.shared_numbers,
            };
            list.push(vec![self.place(world, *first), self.place(world, *second)]);
        }
        for (at, again) in self.again.iter().enumerate() {
            let row = world.learners(Agency::Obec) + at as u64;
            let places = vec![self.place(world, (Agency::Obec, again.number)), self.place(world, (Agency::Obec, row))];
            if again.school.is_some() { &mut truth.other_school } else { &mut truth.same_school }.push(places);
        }
        truth
    }

    fn place(&self, world: &World<'_>, (agency, row): (Agency, u64)) -> Place {
        let (_, person) = self.person(world, agency, row);
        let files = world.files(agency, self.rows(world, agency));
        let start = files.iter().find(|file| file.contains(&row)).map_or(0, |file| file.start);
        Place {
            agency: agency.code(),
            row: row - start + 1,
            school_id: person.school.school_id.clone(),
            grade: person.grade,
        }
    }
}
