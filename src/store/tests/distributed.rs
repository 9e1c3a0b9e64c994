//! Rows that are spread over machines: where each statement is done, and that the answers are those of one machine.
//!
//! Of the feature `citus-tests`, because they need a PostgreSQL with Citus: `make distributed DATABASE_URL=…` runs these, and
//! every other test of the store, there.

use super::*;
use crate::store::push_down::{AGED, REPEATED_LEARNERS, ROWS, SHARED_PERSONS};
use sqlx::{AssertSqlSafe, PgConnection};

/// What the planner would do, line by line; `values` are literals.
async fn plan(bench: &Bench, sql: &str, values: &[&str]) -> Vec<String> {
    let Database::Postgres(address) = &bench.database else { panic!("a test of PostgreSQL") };
    let mut connection = <PgConnection as sqlx::Connection>::connect(address).await.unwrap();
    let mut text = sql.to_owned();
    // From the last, so that `$1` is not taken for the beginning of `$10`.
    for (number, value) in values.iter().enumerate().rev() {
        text = text.replace(&format!("${}", number + 1), value);
    }
    let rows: Vec<String> = sqlx::query_scalar(AssertSqlSafe(format!("EXPLAIN (COSTS OFF) {text}")))
        .fetch_all(&mut connection)
        .await
        .unwrap();
    rows
}

/// Its own steps on the coordinator: what stands above the first scan of the machines.
fn on_coordinator(plan: &[String]) -> Vec<&str> {
    let steps = plan.iter().map(|line| line.trim_start_matches(['-', '>', ' ']));
    steps.take_while(|step| !step.starts_with("Custom Scan (Citus Adaptive)")).collect()
}

fn tasks(plan: &[String]) -> Option<u32> {
    // The last at the least depth is the statement's own; those of its subplans stand deeper.
    let counts = plan
        .iter()
        .filter_map(|line| Some((line.len() - line.trim_start().len(), line.trim().strip_prefix("Task Count: ")?)));
    counts.min_by_key(|(depth, _)| *depth).and_then(|(_, count)| count.parse().ok())
}

const ROUND_LITERAL: &str = "'2026-06-10'";
const LEARNER: &str = "'\\x616e6e61000000000000000000000000'";

#[tokio::test]
async fn the_duplicates_are_found_where_the_rows_lie() {
    let bench = Bench::postgres().await;
    let shards = "SELECT count(*) FROM pg_dist_shard WHERE logicalrelid = 'enrolment'::regclass";
    let shards: i64 = query_scalar(shards).fetch_one(&bench.store.write).await.unwrap();
    assert!(shards > 1);
    for (name, sql, extra) in [
        ("repeated learners", REPEATED_LEARNERS, None),
        ("shared persons", SHARED_PERSONS, None),
        ("aged", AGED, Some("'[[\"P1\", 9]]'")),
    ] {
        let values: Vec<&str> = [Some(ROUND_LITERAL), extra].into_iter().flatten().collect();
        let plan = plan(&bench, sql, &values).await;
        assert_eq!(
            on_coordinator(&plan),
            Vec::<&str>::new(),
            "{name}: the coordinator only passes on\n{}",
            plan.join("\n")
        );
        assert_eq!(tasks(&plan), Some(shards as u32), "{name}\n{}", plan.join("\n"));
    }
    // The grouping itself is in the task, not above it.
    let duplicates = plan(&bench, REPEATED_LEARNERS, &[ROUND_LITERAL]).await;
    let shown = duplicates.join("\n");
    let task = duplicates.iter().rposition(|line| line.trim() == "->  Task").expect(&shown);
    assert!(duplicates[task..].iter().any(|line| line.contains("Filter: (count(*) > 1)")), "{shown}");
    let total = plan(&bench, ROWS, &[ROUND_LITERAL]).await;
    assert_eq!(on_coordinator(&total), ["Aggregate"], "a sum of the machines' sums");
}

#[tokio::test]
async fn what_names_its_learner_goes_to_one_machine() {
    let bench = Bench::postgres().await;
    for sql in [
        "SELECT sealed FROM vault_record WHERE record = $1 AND learner = $2",
        "SELECT e.grade, v.sealed FROM enrolment e JOIN holding h ON h.id = e.holding \
         JOIN vault_record v ON v.record = e.record AND v.learner = e.learner WHERE e.learner = $2 AND h.in_force = $1",
        "SELECT by_submission FROM superseded WHERE record = $1 AND learner = $2",
    ] {
        let plan = plan(&bench, sql, &["1", LEARNER]).await;
        assert_eq!(tasks(&plan), Some(1), "{}", plan.join("\n"));
    }
}

#[tokio::test]
async fn what_names_its_submission_is_asked_of_every_machine_and_only_gathered_here() {
    let bench = Bench::postgres().await;
    let page = record::STATEMENTS.iter().find(|sql| sql.contains("FROM vault_record")).unwrap();
    let staged = commit::STATEMENTS.iter().find(|sql| sql.contains("count(*) FROM enrolment")).unwrap();
    let sealed = record::IN_DIALECT[0].postgres;
    for (sql, values, here) in [
        (*page, vec!["0", "9", "100"], vec!["Limit", "Sort", "Sort Key: remote_scan.record"]),
        (*staged, vec!["0", "9"], vec!["Aggregate"]),
        (sealed, vec!["'[1, 2]'"], vec!["Sort", "Sort Key: remote_scan.record"]),
    ] {
        let plan = plan(&bench, sql, &values).await;
        let own: Vec<&str> =
            on_coordinator(&plan).into_iter().map(|step| step.trim_start_matches("->").trim()).collect();
        assert_eq!(own, here, "{}", plan.join("\n"));
        assert!(tasks(&plan) > Some(1), "{}", plan.join("\n"));
    }
}

#[tokio::test]
async fn every_table_lies_where_it_should() {
    let bench = Bench::postgres().await;
    let kinds = "SELECT c.relname || ' ' || CASE WHEN p.partmethod = 'h' THEN \
        'by ' || column_to_column_name(p.logicalrelid, p.partkey) ELSE 'everywhere' END \
        FROM pg_dist_partition p JOIN pg_class c ON c.oid = p.logicalrelid \
        WHERE c.relnamespace = CAST(current_schema() AS regnamespace) ORDER BY 1";
    let kinds: Vec<String> = query_scalar(kinds).fetch_all(&bench.store.write).await.unwrap();
    let expected = [
        "access_log by learner",
        "enrolment by learner",
        "holding everywhere",
        "school everywhere",
        "superseded by learner",
        "vault_record by learner",
    ];
    assert_eq!(kinds, expected);
    let groups = "SELECT count(DISTINCT p.colocationid) FROM pg_dist_partition p JOIN pg_class c ON c.oid = p.logicalrelid \
        WHERE c.relnamespace = CAST(current_schema() AS regnamespace) AND p.partmethod = 'h'";
    assert_eq!(
        query_scalar(groups).fetch_one::<i64>(&bench.store.write).await.unwrap(),
        1,
        "a learner's rows lie together"
    );
    let again = bench.store.distribute().await.unwrap();
    assert!(matches!(again, Distribution::Already { .. }), "{again:?}");
}

#[tokio::test]
async fn a_store_with_rows_is_distributed_and_says_the_same() {
    let schema = format!("saphan_test_{}", uuid::Uuid::now_v7().simple());
    let database = Database::Postgres(server::address(&schema));
    let dir = tempfile::tempdir().unwrap();
    let bench = Bench { store: Store::open(&database).await.unwrap(), database, dir };
    let rows = (1..=200).map(|row| held(row, &format!("l{}", row % 150), [SCHOOL_A, SCHOOL_B][row as usize % 2], 1));
    bench.submit("s1", Replace, rows.collect()).await;
    bench.submit("s2", Delta, vec![held(1, "l7", SCHOOL_B, 2), held(2, "l8", SCHOOL_A, 2)]).await;
    let (before, visible) = (rolls::found(&bench).await, bench.visible().await);
    let done = bench.store.distribute().await.unwrap();
    assert!(matches!(done, Distribution::Done { .. }), "{done:?}");
    assert_eq!(rolls::found(&bench).await, before, "a gateway that doesn't know yet");
    let bench = bench.reopen().await;
    assert!(bench.store.is_distributed);
    assert_eq!(rolls::found(&bench).await, before);
    assert_eq!(bench.visible().await, visible);
    // What is not there yet of a commit is not passed over.
    query("DELETE FROM superseded").execute(&bench.store.write).await.unwrap();
    let mut view = bench.store.count_view(round()).await.unwrap();
    let census = view.census().await.unwrap();
    let error = view.findings(census, &[], |_| Ok::<(), StoreError>(())).await.unwrap_err();
    assert!(matches!(error, StoreError::Unsettled { .. }) && error.is_busy(), "{error:?}");
}
