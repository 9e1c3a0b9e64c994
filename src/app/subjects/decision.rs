//! The decision of a request; for an erasure, what goes and what stays.
//!
//! Owns which grounds a decision takes, and that evidence of subsidies stays: rows of a round that is open, or was counted and is
//! within its time of keeping. What is erased goes with the decision, in one transaction. Received files can't lose a single
//! row: they stay sealed until their own time ends, and the answer says when.

use super::correction::changed;
use super::{App, AppError, Held, SubjectError};
use crate::domain::day::day_in_thailand;
use crate::domain::ids::SubjectRequestId;
use crate::domain::principal::Principal;
use crate::domain::retention::{DataClass, Period};
use crate::domain::round::Round;
use crate::domain::subject::{Outcome, RequestKind, RequestState, SUBSIDY_EVIDENCE};
use crate::store::{RequestDecision, Statement, SubjectRequest};
use jiff::ToSpan;
use jiff::civil::Date;
use serde_json::json;
use std::collections::BTreeMap;

#[derive(Debug, Clone)]
pub struct DecisionForm {
    pub outcome: Outcome,
    pub ground: Option<String>,
}

/// What an erasure comes to.
struct Plan {
    erased: Vec<Statement>,
    /// Rounds that stay, with the day until which.
    kept: BTreeMap<Round, Date>,
    said: serde_json::Value,
}

impl App {
    /// Errors: `Changed` where the request is not what the officer read, `Closed` where it was decided.
    pub async fn decide_request(
        &self,
        principal: &Principal,
        id: &SubjectRequestId,
        version: i64,
        form: &DecisionForm,
    ) -> Result<super::RequestView, AppError> {
        let authorised = self.authorise_subjects(principal)?;
        let stored = self.stored_request(id).await?;
        if stored.version != version {
            return Err(SubjectError::Changed.into());
        }
        if stored.state != RequestState::Open {
            return Err(SubjectError::Closed.into());
        }
        let ground = self.ground_of(&stored, form)?;
        let mut decision = RequestDecision {
            state: form.outcome.state(),
            by: authorised.principal().actor(),
            ground: ground.clone(),
            outcome: None,
        };
        let mut detail = json!({ "kind": stored.kind.as_str(), "outcome": form.outcome.as_str(), "ground": ground });
        if (stored.kind, form.outcome) == (RequestKind::Erasure, Outcome::Fulfil) {
            let learner = stored.learner.ok_or(SubjectError::IdentityGone)?;
            let plan = self.plan_erasure(&self.statements(&learner).await?).await?;
            if plan.erased.is_empty()
                && let Some(until) = plan.kept.values().max()
            {
                return Err(SubjectError::AllKept { until: *until }.into());
            }
            detail["erased_rows"] = plan.erased.len().into();
            decision.outcome = Some(plan.said);
            let entry = self.request_entry(authorised.principal(), "subject.erase", id.as_str(), detail);
            let done = self.store.erase_statements(&learner, &plan.erased, (id, version), &decision, &entry).await;
            done.map_err(changed)?;
        } else {
            let entry = self.request_entry(authorised.principal(), "subject.decide", id.as_str(), detail);
            self.store.decide_subject_request(id, version, &decision, &entry).await.map_err(changed)?;
        }
        self.request_view(&self.stored_request(id).await?)
    }

    /// A refusal and an erasure say why, by the list; nothing else takes a ground.
    fn ground_of(&self, stored: &SubjectRequest, form: &DecisionForm) -> Result<Option<String>, SubjectError> {
        let fits = |of: &&crate::domain::subject::DecisionGround| {
            of.outcome == form.outcome && of.kinds.contains(&stored.kind)
        };
        let known: Vec<String> = self.assets.grounds.iter().filter(fits).map(|ground| ground.code.clone()).collect();
        match &form.ground {
            Some(code) if known.contains(code) => Ok(Some(code.clone())),
            None if known.is_empty() => Ok(None),
            _ => Err(SubjectError::Ground { known }),
        }
    }

    async fn plan_erasure(&self, statements: &[Held]) -> Result<Plan, AppError> {
        let (today, policy) = (self.today(), &self.assets.retention);
        let days = |class| match policy.period(class) {
            Period::Days(days) => i64::from(days),
            Period::ByPurpose | Period::Forever => i64::from(u16::MAX),
        };
        let mut kept: BTreeMap<Round, Date> = BTreeMap::new();
        let mut judged: BTreeMap<Round, bool> = BTreeMap::new();
        for one in statements {
            let round = one.statement.round;
            if judged.contains_key(&round) {
                continue;
            }
            let until = round.count_day().saturating_add(days(DataClass::Identities).days());
            let is_open = round.count_day() >= policy.open_from(today);
            let stays = until >= today && (is_open || self.store.is_counted(round).await?);
            judged.insert(round, stays);
            if stays {
                kept.insert(round, until);
            }
        }
        let erased: Vec<Statement> = statements
            .iter()
            .map(|one| one.statement.clone())
            .filter(|one| judged.get(&one.round) == Some(&false))
            .collect();
        let (mut by_submission, mut files) = (BTreeMap::new(), BTreeMap::new());
        for one in statements {
            let id = one.submission.new.id.to_string();
            let is_gone = self.store.erased_of(one.statement.submission_key).await?;
            if !is_gone.iter().any(|of| of.class == DataClass::ReceivedFiles.as_str()) {
                let received = day_in_thailand(one.submission.new.received_at);
                files.insert(id.clone(), received.saturating_add(days(DataClass::ReceivedFiles).days()));
            }
            if judged.get(&one.statement.round) == Some(&false) {
                let of = by_submission.entry(id).or_insert((one.statement.round, one.statement.agency, 0_u64));
                of.2 += 1;
            }
        }
        let said = json!({
            "erased": by_submission.iter().map(|(id, (round, agency, rows))| json!({
                "submission": id, "round": round.to_string(), "agency": agency, "rows": rows,
            })).collect::<Vec<_>>(),
            "kept": kept.iter().map(|(round, until)| json!({
                "round": round.to_string(), "ground": SUBSIDY_EVIDENCE, "until": until.to_string(),
            })).collect::<Vec<_>>(),
            "files_until": files.iter().map(|(id, until)| json!({
                "submission": id, "until": until.to_string(),
            })).collect::<Vec<_>>(),
        });
        Ok(Plan { erased, kept, said })
    }
}
