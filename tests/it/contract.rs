//! The published JSON Schema is the contract: the compiled checks and the `jsonschema` crate give one verdict on any
//! record, and whatever is accepted is a record of the schema.

use jsonschema::{Draft, Validator as SchemaValidator};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use saphan::app::assets::{AssetFolders, Assets};
use saphan::domain::agency::AgencyCode;
use saphan::domain::finding::Finding;
use saphan::domain::learner_id::{LearnerId, check_digit};
use saphan::domain::round::Round;
use saphan::domain::rule;
use saphan::domain::value::{CodeIndex, Decimal, Value};
use saphan::standards::{Codes, FieldType, SchoolsBuilder, Standard};
use saphan::validate::{Validator, Verdict};
use std::cell::Cell;
use std::sync::{Arc, LazyLock};

struct Contract {
    standard: Arc<Standard>,
    lists: Vec<Option<Codes>>,
    schema: SchemaValidator,
}

static CONTRACT: LazyLock<Contract> = LazyLock::new(|| {
    let assets = Assets::load(&AssetFolders::default()).map_err(|faults| format!("{faults:?}")).unwrap();
    let standard = assets.library.standard("enrolment/1").unwrap().clone();
    let mut schools = SchoolsBuilder::default();
    schools.add("1020000001", Some("20060001"), AgencyCode::parse("10").unwrap());
    let schools = Arc::new(schools.finish());
    let lists = standard
        .fields
        .iter()
        .map(|field| match &field.field_type {
            FieldType::Code(name) if &**name == "school" => Some(Codes::Schools(schools.clone())),
            FieldType::Code(name) => assets.library.list(name).cloned().map(Codes::List),
            _ => None,
        })
        .collect();
    let schema = jsonschema::options()
        .with_draft(Draft::Draft202012)
        .should_validate_formats(true)
        .build(standard.schema())
        .unwrap();
    Contract { standard, lists, schema }
});

/// A value for one field: often right, sometimes outside its bounds. Text is leaked: tests end.
fn value(at: usize) -> BoxedStrategy<Value<'static>> {
    let contract = &*CONTRACT;
    let leak = |text: String| Value::Text(Box::leak(text.into_boxed_str()));
    match &contract.standard.fields[at].field_type {
        FieldType::LearnerId => prop_oneof![
            "[1-8][0-9]{11}".prop_filter_map("a placeholder", |body| {
                let digit = char::from(check_digit(body.as_bytes()));
                LearnerId::citizen(&format!("{body}{digit}")).ok().map(Value::LearnerId)
            }),
            "G[0-9]{12}".prop_map(|text| Value::LearnerId(LearnerId::g_code(&text).unwrap())),
            "[A-Z]{2}[0-9]{7}".prop_map(|text| Value::LearnerId(LearnerId::passport(&text).unwrap())),
        ]
        .boxed(),
        FieldType::Text { chars_max, .. } => {
            let max = *chars_max;
            let usual = if contract.standard.pattern(at).is_some() { "[0-9]{5}" } else { "[ก-ฮa-z0-9 /\\-]{1,8}" };
            prop_oneof![
                60 => usual.prop_map(leak),
                1 => "[ก-ฮ]{1,3}".prop_map(leak),
                1 => (max.saturating_sub(1)..max + 3).prop_map(move |length| leak("ก".repeat(length.max(1)))),
            ]
            .boxed()
        }
        FieldType::Code(_) => {
            let entries = contract.lists[at].as_ref().unwrap().len() as u32;
            (0..entries).prop_map(|index| Value::Code(CodeIndex(index))).boxed()
        }
        FieldType::Date { .. } => {
            let day = |(y, m, d)| Value::Date(jiff::civil::date(y, m, d));
            prop_oneof![
                30 => (1900_i16..2026, 1_i8..=12, 1_i8..=28).prop_map(day),
                1 => (1880_i16..1900, 1_i8..=12, 1_i8..=28).prop_map(day),
            ]
            .boxed()
        }
        FieldType::Integer { min, max } => {
            let (min, max) = (min.unwrap_or(0), max.unwrap_or(5_000));
            prop_oneof![30 => min..=max, 1 => min - 3..max + 3].prop_map(Value::Integer).boxed()
        }
        FieldType::Decimal { min, max } => {
            let (min, max) = (min.map_or(0.0, |min| min.as_f64()), max.map_or(1e3, |max| max.as_f64()));
            let (min, max) = ((min * 10.0) as i64, (max * 10.0) as i64);
            let decimal = |mantissa| Value::Decimal(Decimal::new(mantissa, 1));
            prop_oneof![30 => (min..=max).prop_map(decimal), 1 => (min - 20..max + 20).prop_map(decimal)].boxed()
        }
        FieldType::Boolean => any::<bool>().prop_map(Value::Boolean).boxed(),
    }
}

fn row() -> BoxedStrategy<Vec<Value<'static>>> {
    let fields: Vec<BoxedStrategy<Value<'static>>> = (0..CONTRACT.standard.fields.len())
        .map(|at| {
            let present = if CONTRACT.standard.fields[at].required { 200 } else { 2 };
            prop_oneof![present => value(at), 1 => Just(Value::Absent)].boxed()
        })
        .collect();
    fields.boxed()
}

fn json(values: &[Value<'_>]) -> serde_json::Value {
    let mut object = serde_json::Map::new();
    for (at, value) in values.iter().enumerate() {
        let json = match value {
            Value::Absent => continue,
            Value::Text(text) => (*text).into(),
            Value::Code(code) => CONTRACT.lists[at].as_ref().unwrap().code(*code).into(),
            Value::Date(date) => date.to_string().into(),
            Value::Integer(number) => (*number).into(),
            Value::Decimal(number) => serde_json::from_str(&number.to_string()).unwrap(),
            Value::Boolean(value) => (*value).into(),
            Value::LearnerId(id) => id.as_str().into(),
        };
        object.insert(CONTRACT.standard.fields[at].name.to_string(), json);
    }
    object.into()
}

/// What a JSON Schema can say; cross-field rules and the count day are beyond it.
fn is_of_the_schema(finding: &Finding) -> bool {
    let late = finding.rule == rule::DATE_BOUNDS && finding.value.as_deref().is_some_and(|value| value >= "1900-01-01");
    [rule::REQ_MISSING, rule::TEXT_LENGTH, rule::TEXT_PATTERN, rule::NUM_RANGE, rule::DATE_BOUNDS]
        .contains(&finding.rule)
        && !late
}

#[test]
fn compiled_checks_and_the_published_schema_agree() {
    let (agreed_good, agreed_bad) = (Cell::new(0), Cell::new(0));
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(3_000) };
    let mut runner = TestRunner::new(config);
    let outcome = runner.run(&row(), |mut values| {
        let contract = &*CONTRACT;
        let before = json(&values);
        let round = Round::parse("2026-06-10").unwrap();
        let validator = Validator::new(contract.standard.clone(), round, contract.lists.clone(), Vec::new());
        let mut findings = Vec::new();
        let accepted = match validator.judge(1, &mut values, &mut findings) {
            Verdict::Accepted(valid) => {
                let mut out = Vec::new();
                valid.write_json(false, &mut out);
                Some(serde_json::from_slice::<serde_json::Value>(&out).unwrap())
            }
            Verdict::Refused => None,
        };
        let said = findings.iter().any(is_of_the_schema);
        let schema_says = !contract.schema.is_valid(&before);
        let why: Vec<String> = contract.schema.iter_errors(&before).map(|error| error.to_string()).collect();
        prop_assert_eq!(said, schema_says, "{} {:?} {:?}", before, findings, why);
        if let Some(record) = accepted {
            prop_assert!(contract.schema.is_valid(&record), "an accepted record is a record of the schema: {}", record);
        }
        let agreed = if said { &agreed_bad } else { &agreed_good };
        agreed.set(agreed.get() + 1);
        Ok(())
    });
    outcome.unwrap();
    // Both verdicts were asked for often.
    assert!(agreed_good.get() > 100 && agreed_bad.get() > 100, "{agreed_good:?} {agreed_bad:?}");
}
