//! Other modules' errors as problems: the one place where a failure becomes HTTP.
//!
//! Owns which kind each error is and what its caller reads. Refuses to pass on a cause: what is the gateway's own fault is
//! logged under the request id, and stays inside.

use super::{Fault, Kind, Problem, interrupted, too_large};
use crate::app::AppError;
use crate::app::agreements::AgreementError;
use crate::app::approvals::ApprovalError;
use crate::app::certifying::CertifyError;
use crate::app::people::{PersonError, SignOnError};
use crate::app::subjects::SubjectError;
use crate::app::tokens::{ASSERTION_SECONDS_MAX, AssertionFault, TokenError};
use crate::app::uploads::{OPEN_MAX, PARTS_MAX, UploadError};
use crate::domain::agreement::WishFault;
use crate::domain::principal::Denied;
use std::sync::Arc;

const NO_AGREEMENT: (&str, &str) = (
    "ไม่มีข้อตกลงที่มีผลสำหรับระบบลูกข่ายนี้ อาจสิ้นสุดหรือถูกยกเลิกแล้ว ให้เจ้าหน้าที่ของหน่วยงานขอข้อตกลงหรือต่ออายุ (/v1/agreements)",
    "No agreement in force covers this client; it may have ended or been terminated. An officer of the agency asks for one, or renews it (/v1/agreements).",
);

fn of_token(error: &TokenError) -> Problem {
    let client = Problem::new(Kind::ClientInvalid).oauth("invalid_client");
    match error {
        TokenError::Client => client,
        TokenError::Certificate => Problem::new(Kind::CertificateOther).oauth("invalid_client"),
        TokenError::Agreement => Problem::new(Kind::TokenRequestInvalid)
            .oauth("unauthorized_client")
            .detail(NO_AGREEMENT.0, NO_AGREEMENT.1),
        TokenError::Scope => Problem::new(Kind::TokenRequestInvalid)
            .oauth("invalid_scope")
            .detail("ขอ scope ที่ระบบลูกข่ายนี้ไม่มี", "A scope was asked for that this client does not have."),
        TokenError::Assertion(AssertionFault::Audience) => client.detail(
            "assertion ทำไว้สำหรับผู้รับอื่น ใส่ aud เป็นที่อยู่ของ /oauth/token ตาม /.well-known/oauth-authorization-server",
            "The assertion is meant for somebody else: its `aud` is to be the token_endpoint of /.well-known/oauth-authorization-server.",
        ),
        TokenError::Assertion(AssertionFault::Time) => client.detail(
            "assertion หมดอายุแล้วหรือยังไม่ถึงเวลา ตรวจนาฬิกาของเครื่องแล้วทำใหม่",
            "The assertion has expired or is not valid yet. Check the machine's clock and make a new one.",
        ),
        TokenError::Assertion(AssertionFault::Life) => client.detail(
            format!("assertion มีอายุได้ไม่เกิน {ASSERTION_SECONDS_MAX} วินาที"),
            format!("An assertion lives {ASSERTION_SECONDS_MAX} seconds at most."),
        ),
        TokenError::Assertion(AssertionFault::Used) => client.detail(
            "assertion ใช้ได้ครั้งเดียว ทำใหม่โดยใช้ jti ใหม่",
            "An assertion serves once: make a new one with a `jti` of its own.",
        ),
    }
}

fn of_certify(certify: &CertifyError) -> Problem {
    let kind = match certify {
        CertifyError::NoRevision => Kind::NotFound,
        _ => Kind::Conflict,
    };
    let told = certify.told();
    Problem::new(kind).detail(told.th, told.en)
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::NotAuthenticated => Problem::new(Kind::Unauthenticated),
            Denied::Scope(scope) => Problem::new(Kind::Forbidden).detail(
                format!("โทเคนหรือบัญชีนี้ไม่มีสิทธิ์ {}", scope.as_str()),
                format!("The token or account does not carry the right {}.", scope.as_str()),
            ),
            Denied::ClientsOnly => Problem::new(Kind::Forbidden).detail(
                "ทำได้เฉพาะระบบลูกข่ายด้วยโทเคนของตน หากเป็นบุคคลให้ส่งไฟล์ทั้งไฟล์ที่ POST /v1/submissions",
                "Only a client system does this, with its own token. A person sends the file whole: POST /v1/submissions.",
            ),
            Denied::NoAgreement => Problem::new(Kind::Forbidden).detail(NO_AGREEMENT.0, NO_AGREEMENT.1),
            Denied::NotAgreed => Problem::new(Kind::Forbidden).detail(
                "ข้อตกลงที่มีผลของระบบลูกข่ายนี้ไม่รวมสิ่งนี้ ดูสิ่งที่ตกลงไว้ที่ /v1/agreements",
                "The agreements in force of this client do not include this; /v1/agreements says what they do.",
            ),
            Denied::OtherCertificate => Problem::new(Kind::CertificateOther),
            Denied::OtherAgency => {
                Problem::new(Kind::Forbidden).detail("เป็นข้อมูลของหน่วยงานอื่น", "The data belong to another agency.")
            }
        }
    }
}

impl From<AppError> for Problem {
    fn from(error: AppError) -> Self {
        Problem::from(Arc::new(error))
    }
}

impl From<Arc<AppError>> for Problem {
    /// The one place where a use case's failure becomes HTTP. What is the gateway's own fault stays inside.
    fn from(error: Arc<AppError>) -> Self {
        let not_found = |th: &str, en: &str| Problem::new(Kind::NotFound).detail(th, en);
        let conflict = |th: &str, en: &str| Problem::new(Kind::Conflict).detail(th, en);
        match &*error {
            AppError::Denied(denied) => Problem::from(*denied),
            AppError::UnknownMapping { known, .. } => {
                let list = known.join(", ");
                not_found(
                    &format!("ไม่มีผัง (mapping) ชื่อนี้ ที่มีคือ {list}"),
                    &format!("There is no such mapping; there are: {list}."),
                )
            }
            AppError::UnknownSubmission => not_found("ไม่มีการส่งรหัสนี้", "There is no submission with this id."),
            AppError::NoRows(state) => {
                let state = state.as_str();
                conflict(
                    &format!("การส่งนี้สิ้นสุดแล้วโดยไม่รับทั้งไฟล์ (สถานะ {state}) จึงไม่มีแถวให้ ดูเหตุผลใน refusal ของการส่ง แก้ไฟล์แล้วส่งใหม่"),
                    &format!("The submission ended without any row being taken ({state}), so there are none to give. Its `refusal` says why; correct the file and send it again."),
                )
            }
            AppError::NoRecords => conflict(
                "แถวของทะเบียนสถานศึกษาไม่ได้เก็บแยกเป็นรายการส่ง ดูทะเบียนที่ใช้อยู่ที่ /v1/codelists/school",
                "The rows of a school register are not kept apart from it; the register in force is /v1/codelists/school.",
            ),
            AppError::OtherFormat(own) => Problem::new(Kind::NotAcceptable).detail(
                format!("ไฟล์นี้เป็น {own} แถวที่ไม่รับจึงได้กลับเป็น {own} เท่านั้น ใช้ format={own} หรือ layout หรือ json สำหรับรายการสิ่งที่พบ"),
                format!("This file is {own}, and its rows go back as {own} only: use format={own} or layout, or json for the findings."),
            ),
            AppError::UnknownDataset(_) => {
                not_found("ไม่มีชุดข้อมูลนี้ หรือยังไม่เผยแพร่", "There is no such data set, or it is not published yet.")
            }
            AppError::Limit(_) => Problem::new(Kind::BadRequest).because(error.clone()),
            AppError::UnknownClient => not_found("ไม่มีระบบลูกข่ายรหัสนี้", "There is no client with this id."),
            AppError::NotCounted => not_found("ยังไม่มีการนับรอบนี้", "Nothing has been counted for this round."),
            AppError::NotReady => conflict("ยังประมวลผลไม่เสร็จ", "The submission is not at its end yet.").retry_after(5),
            AppError::NoRegister | AppError::NothingSubmitted { .. } | AppError::NothingToPublish { .. } => {
                let told = error.told().unwrap_or_default();
                conflict(&told.th, &told.en)
            }
            AppError::Erased { .. } | AppError::RoundErased { .. } => {
                let told = error.told().unwrap_or_default();
                Problem::new(Kind::Gone).detail(told.th, told.en)
            }
            AppError::Gate(_) => conflict(
                "ด่านเผยแพร่ไม่ยอมให้ข้อมูลนี้ออก ผู้ดูแลดูสาเหตุได้ในบันทึกของระบบ",
                "The publish gate does not let these data out; the log says why.",
            )
            .because(error.clone()),
            AppError::UnsupportedStandard(_) => {
                conflict("ระบบยังไม่รับมาตรฐานของ mapping นี้", "The standard of this mapping is not taken here.")
            }
            AppError::Certify(certify) => of_certify(certify),
            AppError::Signature(fault) => {
                let told = fault.told();
                Problem::new(Kind::SignatureInvalid).detail(told.th, told.en)
            }
            AppError::IdempotencyKeyReused => Problem::new(Kind::IdempotencyKeyReused),
            AppError::TooLarge { bytes_max } => too_large(*bytes_max),
            AppError::Interrupted(_) => interrupted(),
            AppError::Upload(upload) => of_upload(upload).because(error.clone()),
            AppError::Cancelled => conflict(
                "การส่งนี้ถูกยกเลิกแล้ว หากต้องการส่งไฟล์เดิมอีกให้ส่งใหม่โดยใช้ Idempotency-Key ใหม่",
                "The submission was cancelled. To send the file after all, send it anew with a new Idempotency-Key.",
            ),
            AppError::Ended(state) => {
                let state = state.as_str();
                conflict(
                    &format!("การส่งนี้สิ้นสุดแล้ว (สถานะ {state}) จึงยกเลิกไม่ได้ หากข้อมูลที่มีผลอยู่ไม่ถูกต้อง ให้ส่งไฟล์ที่ถูกต้องแทน"),
                    &format!(
                        "The submission is at its end ({state}) and can't be cancelled. If what is in force is wrong, send the right file in its place."
                    ),
                )
            }
            AppError::Token(token) => of_token(token),
            AppError::Person(person) => of_person(person),
            AppError::SignOn(sign_on) => of_sign_on(sign_on).because(error.clone()),
            AppError::Approval(approval) => of_approval(approval),
            AppError::ClientWithoutKeys => conflict(
                "ระบบลูกข่ายนี้ยังไม่มีกุญแจสาธารณะ เพิ่มด้วย saphan client key add ก่อน",
                "The client has no public key yet; add one first: saphan client key add.",
            ),
            AppError::Agreement(agreement) => of_agreement(agreement),
            AppError::Subject(subject) => of_subject(subject),
            AppError::NotForClients(_) => Problem::new(Kind::BadRequest).detail(
                "สิทธิ์นี้เป็นของบุคคลเท่านั้น ให้ระบบลูกข่ายไม่ได้",
                "This right is a person's; no client system holds it.",
            ),
            AppError::Draining => Problem::new(Kind::Unavailable).retry_after(BUSY_RETRY_S).because(error.clone()),
            away if away.is_away() => {
                Problem::new(Kind::Unavailable).retry_after(BUSY_RETRY_S).because(error.clone())
            }
            AppError::Store(store) if store.is_conflict() => conflict(
                "มีผู้ทำรายการนี้ไปก่อนแล้ว ผลของรายการนั้นยังอยู่ครบ ตรวจดูแล้วจึงส่งใหม่หากยังจำเป็น",
                "Somebody else did this first, and what they did stands. Look at it, then send again if you still need to.",
            )
            .because(error.clone()),
            AppError::Store(store) if store.is_unknown() => {
                not_found("ไม่มีรายการนี้แล้ว", "There is no such thing any more.").because(error.clone())
            }
            _ => Problem::internal(error.clone()),
        }
    }
}

fn of_approval(error: &ApprovalError) -> Problem {
    let kind = match error {
        ApprovalError::Unknown => Kind::NotFound,
        ApprovalError::Open | ApprovalError::Closed | ApprovalError::Given | ApprovalError::NotApproved => {
            Kind::Conflict
        }
        ApprovalError::SamePerson | ApprovalError::PersonsOnly => Kind::Forbidden,
        ApprovalError::Reason | ApprovalError::NamesSomebody => Kind::BadRequest,
    };
    let told = error.told();
    Problem::new(kind).detail(told.th, told.en)
}

fn of_agreement(error: &AgreementError) -> Problem {
    let told = error.told();
    let kind = match error {
        AgreementError::Unknown | AgreementError::NoService(_) => Kind::NotFound,
        AgreementError::Changed => Kind::PreconditionFailed,
        AgreementError::Standing(_) => Kind::Conflict,
        AgreementError::KeyReused => Kind::IdempotencyKeyReused,
        AgreementError::Reason => Kind::BadRequest,
        AgreementError::Wish(faults) => {
            let number = faults.len();
            let fault = |one: &WishFault| Fault {
                pointer: format!("/body{}", one.pointer),
                detail: one.text.clone(),
                rule: None,
                did_you_mean: None,
            };
            return Problem::new(Kind::JsonInvalid)
                .detail(
                    format!("คำขอนี้ตกลงไม่ได้ {number} จุด ดูเหตุผลใน errors"),
                    format!("{number} things of this wish can't be agreed on; `errors` says why."),
                )
                .faults(faults.iter().map(fault).collect());
        }
    };
    Problem::new(kind).detail(told.th, told.en)
}

fn of_subject(error: &SubjectError) -> Problem {
    let kind = match error {
        SubjectError::Unknown => Kind::NotFound,
        SubjectError::Changed => Kind::PreconditionFailed,
        SubjectError::Closed
        | SubjectError::NoStatement
        | SubjectError::NotAccess
        | SubjectError::IdentityGone
        | SubjectError::AllKept { .. } => Kind::Conflict,
        SubjectError::Received
        | SubjectError::Says
        | SubjectError::CorrectionForm
        | SubjectError::Fields
        | SubjectError::Ground { .. } => Kind::BadRequest,
    };
    let told = error.told();
    Problem::new(kind).detail(told.th, told.en)
}

fn of_sign_on(error: &SignOnError) -> Problem {
    let kind = match error {
        SignOnError::Off => Kind::NotFound,
        SignOnError::Flow => Kind::BadRequest,
        SignOnError::Declined
        | SignOnError::Stranger { .. }
        | SignOnError::Provider(_)
        | SignOnError::Signature(_)
        | SignOnError::Answer(_)
        | SignOnError::Mixed => Kind::Forbidden,
        SignOnError::Clock | SignOnError::Away(_) => Kind::Unavailable,
    };
    let told = error.told();
    let problem = Problem::new(kind).detail(told.th, told.en);
    if matches!(error, SignOnError::Away(_)) { problem.retry_after(BUSY_RETRY_S) } else { problem }
}

fn of_person(error: &PersonError) -> Problem {
    let kind = match error {
        PersonError::Refused | PersonError::Code | PersonError::Over => Kind::Unauthenticated,
        PersonError::Wait { .. } => Kind::TooManyRequests,
        PersonError::OwnAccess => Kind::Forbidden,
        PersonError::NotHeld => Kind::Conflict,
        PersonError::Unknown => Kind::NotFound,
        PersonError::Exists => Kind::Conflict,
        PersonError::Busy => Kind::Unavailable,
        PersonError::Name
        | PersonError::SignInName
        | PersonError::NoWayIn
        | PersonError::Subject
        | PersonError::Roles(_)
        | PersonError::Invite
        | PersonError::Password(_)
        | PersonError::Differ
        | PersonError::SamePassword => Kind::BadRequest,
    };
    let told = error.told();
    let problem = Problem::new(kind).detail(told.th, told.en);
    match error {
        PersonError::Wait { seconds } => problem.retry_after(u32::try_from(*seconds).unwrap_or(u32::MAX)),
        PersonError::Busy => problem.retry_after(BUSY_RETRY_S),
        _ => problem,
    }
}

/// Seconds after which one who has too many uploads open may ask again.
const UPLOADS_RETRY_S: u32 = 60;

fn of_upload(error: &UploadError) -> Problem {
    match error {
        UploadError::Unknown => Problem::new(Kind::NotFound).detail(
            "ไม่มีการอัปโหลดรหัสนี้ อาจหมดอายุหรือยกเลิกแล้ว เริ่มใหม่ที่ POST /v1/uploads",
            "There is no upload with this id; it may have expired or been given up. Begin again with POST /v1/uploads.",
        ),
        UploadError::TooMany => Problem::new(Kind::TooManyRequests)
            .detail(
                format!("เปิดการอัปโหลดพร้อมกันได้ไม่เกิน {OPEN_MAX} รายการ ทำรายการเดิมให้จบหรือยกเลิกด้วย DELETE ก่อน"),
                format!("At most {OPEN_MAX} uploads are open at the same time. Finish one, or give it up with DELETE, first."),
            )
            .retry_after(UPLOADS_RETRY_S),
        UploadError::Offset { at } => Problem::new(Kind::Conflict).detail(
            format!("Upload-Offset ไม่ตรงกับไบต์ที่รับไว้แล้ว ส่งต่อจากไบต์ที่ {at}"),
            format!("Upload-Offset is not where the upload goes on. Send from byte {at} on."),
        ),
        UploadError::TooManyParts => Problem::new(Kind::BadRequest).detail(
            format!("แบ่งเป็นชิ้นเล็กเกินไป รับได้ไม่เกิน {PARTS_MAX} ชิ้น เริ่มใหม่โดยส่งชิ้นละ 1 MiB ขึ้นไป"),
            format!("The pieces are too small: at most {PARTS_MAX} are taken. Begin again with pieces of 1 MiB or more."),
        ),
        UploadError::Checksum => Problem::new(Kind::ChecksumMismatch),
        UploadError::Empty => Problem::new(Kind::BadRequest)
            .detail("Upload-Length ต้องเป็น 1 ขึ้นไป", "Upload-Length takes a number from 1."),
        UploadError::Torn => Problem::new(Kind::Internal),
    }
}

/// Seconds after which a busy store is worth asking again.
const BUSY_RETRY_S: u32 = 2;
