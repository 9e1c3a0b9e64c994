//! Headcounts of a round, packed: a national one has more than a million cells, of twelve bytes each.
//!
//! Owns their order (agency, school, grade, sex, status) and the sums of what is counted in parts. Each text stands there once,
//! whatever the number of cells. Refuses to keep a cell without learners.

use super::agency::AgencyCode;
use super::enrolment::HeadcountKey;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

/// Cells gathered before equal ones are put together.
const UNMERGED_MIN: usize = 1 << 16;

/// A school of one agency.
type School = (AgencyCode, Arc<str>);

/// What else learners are told apart by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Group {
    pub grade: Arc<str>,
    pub sex: Arc<str>,
    /// Code of `learner_status`; none: studying.
    pub status: Option<Arc<str>>,
}

/// Ordered as its members stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Head {
    school: u32,
    group: u32,
    learners: u32,
}

impl Head {
    fn place(&self) -> (u32, u32) {
        (self.school, self.group)
    }
}

/// One cell, as it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadcountCell<'h> {
    pub agency: AgencyCode,
    pub school_id: &'h Arc<str>,
    pub group: &'h Group,
    pub learners: u64,
}

/// Sorted, each cell there once.
#[derive(Debug, Clone, Default)]
pub struct Headcounts {
    schools: Vec<School>,
    groups: Vec<Group>,
    heads: Vec<Head>,
}

/// Headcounts while they are gathered, in any order.
#[derive(Debug, Default)]
pub struct Tally {
    texts: Numbers<Arc<str>>,
    /// By agency and the number of the school's code.
    schools: Numbers<(AgencyCode, u32)>,
    /// By the numbers of grade, sex and status.
    groups: Numbers<(u32, u32, Option<u32>)>,
    heads: Vec<Head>,
    merge_at: usize,
}

/// Numbers for what is met again and again.
#[derive(Debug)]
struct Numbers<T>(HashMap<T, u32>);

impl<T> Default for Numbers<T> {
    fn default() -> Self {
        Numbers(HashMap::new())
    }
}

impl<T: Hash + Eq> Numbers<T> {
    fn of(&mut self, value: T) -> u32 {
        let next = self.0.len() as u32;
        *self.0.entry(value).or_insert(next)
    }
}

impl Numbers<Arc<str>> {
    fn of_text(&mut self, text: &str) -> u32 {
        match self.0.get(text) {
            Some(known) => *known,
            None => self.of(text.into()),
        }
    }
}

impl Tally {
    /// The number by which [`Tally::add`] knows this school.
    pub fn school(&mut self, agency: AgencyCode, school_id: &str) -> u32 {
        let text = self.texts.of_text(school_id);
        self.schools.of((agency, text))
    }

    /// The number by which [`Tally::add`] knows this group; groups are numbered from 0.
    pub fn group(&mut self, grade: &str, sex: &str, status: Option<&str>) -> u32 {
        let (grade, sex) = (self.texts.of_text(grade), self.texts.of_text(sex));
        let status = status.map(|status| self.texts.of_text(status));
        self.groups.of((grade, sex, status))
    }

    /// Some learners of one cell; the same cell may come again.
    pub fn add(&mut self, school: u32, group: u32, learners: u32) {
        if learners == 0 {
            return;
        }
        self.heads.push(Head { school, group, learners });
        if self.heads.len() >= self.merge_at.max(UNMERGED_MIN) {
            merge(&mut self.heads);
            self.merge_at = self.heads.len() * 2;
        }
    }

    pub fn finish(self) -> Headcounts {
        let texts = in_order(&self.texts);
        let text = |number: u32| Arc::clone(texts[number as usize]);
        let schools = in_order(&self.schools).into_iter().map(|(agency, id)| (*agency, text(*id))).collect();
        let group = |(grade, sex, status): &(u32, u32, Option<u32>)| Group {
            grade: text(*grade),
            sex: text(*sex),
            status: status.map(text),
        };
        let groups = in_order(&self.groups).into_iter().map(group).collect();
        let ((schools, school_ranks), (groups, group_ranks)) = (ranked(schools), ranked(groups));
        let mut heads = self.heads;
        for head in &mut heads {
            (head.school, head.group) = (school_ranks[head.school as usize], group_ranks[head.group as usize]);
        }
        merge(&mut heads);
        heads.shrink_to_fit();
        Headcounts { schools, groups, heads }
    }
}

fn in_order<T>(numbers: &Numbers<T>) -> Vec<&T> {
    let mut values: Vec<(&T, u32)> = numbers.0.iter().map(|(value, number)| (value, *number)).collect();
    values.sort_unstable_by_key(|(_, number)| *number);
    values.into_iter().map(|(value, _)| value).collect()
}

/// Sorted, and the new place of each.
fn ranked<T: Ord>(values: Vec<T>) -> (Vec<T>, Vec<u32>) {
    let mut numbered: Vec<(T, usize)> = values.into_iter().zip(0..).collect();
    numbered.sort_unstable();
    let mut ranks = vec![0; numbered.len()];
    for (rank, (_, number)) in (0..).zip(&numbered) {
        ranks[*number] = rank;
    }
    (numbered.into_iter().map(|(value, _)| value).collect(), ranks)
}

/// Sorts, and puts equal cells together. A sum that is too large for one entry stays in two.
fn merge(heads: &mut Vec<Head>) {
    heads.sort_unstable_by_key(Head::place);
    heads.dedup_by(|next, kept| {
        let sum = (next.place() == kept.place()).then(|| kept.learners.checked_add(next.learners)).flatten();
        kept.learners = sum.unwrap_or(kept.learners);
        sum.is_some()
    });
}

/// The same cells; which schools and groups were met without any is no part of it.
impl PartialEq for Headcounts {
    fn eq(&self, other: &Self) -> bool {
        self.cells().eq(other.cells())
    }
}

impl Eq for Headcounts {}

impl Headcounts {
    /// In order.
    pub fn cells(&self) -> impl Iterator<Item = HeadcountCell<'_>> {
        self.heads.iter().map(|head| self.cell(head))
    }

    /// In order, school by school.
    pub fn by_school(&self) -> impl Iterator<Item = impl Iterator<Item = HeadcountCell<'_>> + Clone> {
        let schools = self.heads.chunk_by(|one, next| one.school == next.school);
        schools.map(move |heads| heads.iter().map(move |head| self.cell(head)))
    }

    fn cell(&self, head: &Head) -> HeadcountCell<'_> {
        let (agency, school_id) = &self.schools[head.school as usize];
        let group = &self.groups[head.group as usize];
        HeadcountCell { agency: *agency, school_id, group, learners: u64::from(head.learners) }
    }

    pub fn total(&self) -> u64 {
        self.heads.iter().map(|head| u64::from(head.learners)).sum()
    }

    /// Those cells that stay, without their status.
    pub fn only(mut self, mut stays: impl FnMut(HeadcountCell<'_>) -> bool) -> Headcounts {
        let mut heads = std::mem::take(&mut self.heads);
        heads.retain(|head| stays(self.cell(head)));
        let bare = self.groups.iter().map(|group| Group { status: None, ..group.clone() });
        // In order already: where a status is taken off, its neighbours have the same grade and sex.
        let (mut groups, mut numbers): (Vec<Group>, Vec<u32>) = (Vec::new(), Vec::new());
        for group in bare {
            if groups.last() != Some(&group) {
                groups.push(group);
            }
            numbers.push(groups.len() as u32 - 1);
        }
        heads.iter_mut().for_each(|head| head.group = numbers[head.group as usize]);
        merge(&mut heads);
        Headcounts { groups, heads, ..self }
    }

    /// Takes one learner who studies off each of these cells. Errors: the first in which there was none left.
    pub fn take_off<'k>(&mut self, cells: impl IntoIterator<Item = &'k HeadcountKey>) -> Result<(), &'k HeadcountKey> {
        for cell in cells {
            let head = self.find(cell).map(|at| &mut self.heads[at]).filter(|head| head.learners > 0);
            head.ok_or(cell)?.learners -= 1;
        }
        self.heads.retain(|head| head.learners > 0);
        Ok(())
    }

    fn find(&self, key: &HeadcountKey) -> Option<usize> {
        let wanted = (&key.agency, &key.school_id);
        let school = self.schools.binary_search_by(|(agency, id)| (agency, id).cmp(&wanted)).ok()? as u32;
        let wanted = (&key.grade, &key.sex, &None);
        let group = |group: &Group| (&group.grade, &group.sex, &group.status).cmp(&wanted);
        let group = self.groups.binary_search_by(group).ok()? as u32;
        self.heads.binary_search_by_key(&(school, group), Head::place).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn agency(text: &str) -> AgencyCode {
        AgencyCode::parse(text).unwrap()
    }

    fn shown(heads: &Headcounts) -> Vec<String> {
        let show = |cell: HeadcountCell<'_>| {
            let Group { grade, sex, status } = cell.group;
            let status = status.as_deref().unwrap_or("-");
            format!("{} {} {grade} {sex} {status} {}", cell.agency, cell.school_id, cell.learners)
        };
        heads.cells().map(show).collect()
    }

    #[test]
    fn cells_come_in_order_and_their_parts_are_summed() {
        let mut sums: BTreeMap<(&str, String, String, &str, Option<&str>), u64> = BTreeMap::new();
        let mut tally = Tally::default();
        // More than are gathered before they are merged, in no order.
        for number in 0..3 * UNMERGED_MIN as u64 {
            let mixed = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
            let agency_code = ["13", "10"][(mixed % 2) as usize];
            let (school, grade) = (format!("{:010}", mixed / 2 % 700), format!("P{}", mixed / 1_400 % 6));
            let sex = ["M", "F"][(mixed / 8_400 % 2) as usize];
            let status = [None, Some("graduated"), Some("dropped")][(mixed / 16_800 % 3) as usize];
            let at = (tally.school(agency(agency_code), &school), tally.group(&grade, sex, status));
            tally.add(at.0, at.1, 1);
            *sums.entry((agency_code, school, grade, sex, status)).or_default() += 1;
        }
        assert!(tally.heads.len() < 3 * UNMERGED_MIN, "merged on the way");
        let heads = tally.finish();
        let wanted: Vec<String> = sums
            .iter()
            .map(|((agency, school, grade, sex, status), learners)| {
                format!("{agency} {school} {grade} {sex} {} {learners}", status.unwrap_or("-"))
            })
            .collect();
        assert_eq!(shown(&heads), wanted);
        assert_eq!(heads.total(), 3 * UNMERGED_MIN as u64);
        assert_eq!(heads.by_school().map(Iterator::count).sum::<usize>(), wanted.len());
        assert_eq!(heads.by_school().count(), 1_400);
    }

    #[test]
    fn what_stays_has_no_status_and_can_be_taken_off_while_there_is_some() {
        let mut tally = Tally::default();
        for (school, status, learners) in
            [("2", None, 1), ("1", Some("repeating"), 2), ("1", None, 1), ("1", Some("graduated"), 9), ("3", None, 4)]
        {
            let at = (tally.school(agency("10"), school), tally.group("P1", "F", status));
            tally.add(at.0, at.1, learners);
        }
        let mut heads =
            tally.finish().only(|cell| cell.group.status.as_deref() != Some("graduated") && &**cell.school_id != "3");
        assert_eq!(shown(&heads), ["10 1 P1 F - 3", "10 2 P1 F - 1"]);
        let cell = |school: &str, grade: &str| HeadcountKey {
            agency: agency("10"),
            school_id: school.into(),
            grade: grade.into(),
            sex: "F".into(),
        };
        heads.take_off(&[cell("2", "P1"), cell("1", "P1")]).unwrap();
        assert_eq!(shown(&heads), ["10 1 P1 F - 2"]);
        for gone in [cell("2", "P1"), cell("3", "P1"), cell("1", "P2"), cell("4", "P1")] {
            assert_eq!(heads.clone().take_off([&gone]), Err(&gone));
        }
        let twice = [cell("1", "P1"), cell("1", "P1"), cell("1", "P1")];
        assert_eq!(heads.take_off(&twice), Err(&twice[2]));
    }
}
