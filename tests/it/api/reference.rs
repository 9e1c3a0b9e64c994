//! What anybody may read: standards, code lists, mappings, rules, and the pages of them.

use super::harness::{Gateway, header, sample};
use reqwest::Method;
use serde_json::Value;

#[tokio::test]
async fn a_standard_is_a_schema_an_xsd_or_a_dictionary_by_what_is_asked() {
    let gateway = Gateway::start();
    let list: Value = gateway.get("/v1/standards").await.json().await.unwrap();
    assert_eq!(list[0]["name"], "enrolment");
    for (accept, media, word) in [
        ("*/*", "application/schema+json", "2020-12"),
        ("application/json", "application/schema+json", "learner_id"),
        ("application/xml", "application/xml", "schema"),
        ("text/html,application/xhtml+xml", "text/html", "<table>"),
    ] {
        let response =
            gateway.request(Method::GET, "/v1/standards/enrolment/1").header("accept", accept).send().await.unwrap();
        assert_eq!(response.status(), 200, "{accept}");
        assert!(
            header(&response, "content-type").starts_with(media),
            "{accept}: {}",
            header(&response, "content-type")
        );
        assert!(response.text().await.unwrap().contains(word), "{accept}");
    }
    let picture =
        gateway.request(Method::GET, "/v1/standards/enrolment/1").header("accept", "image/png").send().await.unwrap();
    assert_eq!(picture.status(), 406);
    assert_eq!(gateway.get("/v1/standards/enrolment/9").await.status(), 404);
    assert_eq!(gateway.get("/v1/standards?x=1").await.status(), 400);
}

#[tokio::test]
async fn code_lists_come_as_json_or_csv_and_for_a_day() {
    let gateway = Gateway::start();
    let json: Value = gateway.get("/v1/codelists/grade?on=2026-06-10").await.json().await.unwrap();
    assert_eq!(json["on"], "2026-06-10");
    assert!(json["codes"].as_array().unwrap().iter().any(|code| code["code"] == "P1"));
    let csv = gateway.get("/v1/codelists/grade?format=csv").await;
    assert!(header(&csv, "content-type").starts_with("text/csv"));
    assert!(csv.text().await.unwrap().starts_with("code,"));
    assert_eq!(gateway.get("/v1/codelists/grade?on=10/06/2569").await.status(), 400);
    assert_eq!(gateway.get("/v1/codelists/nothing").await.status(), 404);
    let all: Value = gateway.get("/v1/codelists").await.json().await.unwrap();
    assert!(all.as_array().unwrap().len() > 10);
}

#[tokio::test]
async fn the_register_is_a_code_list_like_the_others() {
    let gateway = Gateway::start();
    let none: Value = gateway.get("/v1/codelists/school").await.json().await.unwrap();
    assert_eq!((&none["version"], &none["codes"]), (&"register.0".into(), &serde_json::json!([])));
    let text = String::from_utf8(sample("schools.csv")).unwrap().replacen(",open", ",closed", 1);
    assert_eq!(gateway.send("register", "moe/schools", text.clone().into_bytes()).await.status(), 201);
    let all: Value = gateway.get("/v1/codelists/school").await.json().await.unwrap();
    let codes = all["codes"].as_array().unwrap();
    assert_eq!(codes.len(), text.lines().count() - 1, "every school of the register");
    let first = codes.iter().find(|code| code["code"] == "1020000001").unwrap();
    assert!(!first["label_th"].as_str().unwrap().is_empty() && first["parent"] == "10", "{first}");
    let listed: Value = gateway.get("/v1/codelists").await.json().await.unwrap();
    let line = listed.as_array().unwrap().iter().find(|list| list["name"] == "school").unwrap();
    assert_eq!((&line["version"], line["codes"].as_u64()), (&all["version"], Some(codes.len() as u64)));
    let open: Value = gateway.get("/v1/codelists/school?on=2026-06-10").await.json().await.unwrap();
    assert_eq!(open["codes"].as_array().unwrap().len(), codes.len() - 1, "the closed school is left out");
    let csv = gateway.get("/v1/codelists/school?format=csv").await;
    assert_eq!(csv.text().await.unwrap().lines().count(), codes.len() + 1);
    let page = gateway.request(Method::GET, "/codelists/school").header("accept", "text/html").send().await.unwrap();
    assert!(page.text().await.unwrap().contains("1020000001"));
}

#[tokio::test]
async fn who_has_the_register_is_not_sent_it_again() {
    let gateway = Gateway::start();
    gateway.send_register().await;
    let ask = async |query: &str, tag: &str| {
        let path = format!("/v1/codelists/school{query}");
        let response = gateway.request(Method::GET, &path).header("if-none-match", tag).send().await.unwrap();
        let tag = header(&response, "etag").to_owned();
        (response.status().as_u16(), tag, response.bytes().await.unwrap().len())
    };
    let mut tags = Vec::new();
    for query in ["", "?format=csv", "?on=2026-06-10"] {
        let (status, tag, bytes) = ask(query, "").await;
        assert!(status == 200 && bytes > 0, "{query}");
        assert_eq!(ask(query, &tag).await, (304, tag.clone(), 0), "{query}");
        tags.push(tag);
    }
    assert!(tags[0] != tags[1] && tags[0] != tags[2], "each form has its own: {tags:?}");
    let fewer = String::from_utf8(sample("schools.csv")).unwrap();
    let fewer = fewer.trim_end().rsplit_once('\n').unwrap().0;
    assert_eq!(gateway.send("register", "moe/schools", fewer.as_bytes().to_vec()).await.status(), 201);
    let (status, tag, _) = ask("", &tags[0]).await;
    assert!(status == 200 && tag != tags[0], "another register, another tag");
}

#[tokio::test]
async fn a_mapping_is_told_and_shown_as_its_keepers_wrote_it() {
    let gateway = Gateway::start();
    let told: Value = gateway.get("/v1/mappings/obec/enrolments").await.json().await.unwrap();
    assert_eq!((&told["standard"], &told["format"]), (&"enrolment/1".into(), &"csv".into()));
    let text = gateway.request(Method::GET, "/v1/mappings/obec/enrolments").header("accept", "application/yaml");
    let text = text.send().await.unwrap().text().await.unwrap();
    let kept = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/mappings/obec/enrolments/mapping.yaml"));
    assert_eq!(text, kept.unwrap());
}

#[tokio::test]
async fn every_page_linked_from_home_is_there_in_both_languages() {
    let gateway = Gateway::start();
    let home = gateway.get("/").await.text().await.unwrap();
    let links: Vec<&str> = home
        .split("href=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .filter(|link| link.starts_with('/'))
        .collect();
    assert!(links.len() > 20, "{links:?}");
    for link in links {
        let response = gateway.request(Method::GET, link).header("accept", "text/html").send().await.unwrap();
        assert_eq!(response.status(), 200, "{link}");
    }
    for path in
        ["/standards/enrolment/1", "/codelists/grade", "/rules", "/rules/SPH-CODE-001", "/data/learners-by-area"]
    {
        for lang in ["th", "en"] {
            let request = gateway.request(Method::GET, &format!("{path}?lang={lang}")).header("accept", "text/html");
            let html = request.send().await.unwrap().text().await.unwrap();
            assert!(html.contains(&format!("<html lang=\"{lang}\">")) && !html.contains("<script"), "{path}");
        }
    }
    let metrics = gateway.get("/metrics").await.text().await.unwrap();
    assert!(metrics.contains("route=\"/rules/{code}\",status=\"200\"} 2"), "{metrics}");
}

#[tokio::test]
async fn the_purposes_say_in_both_languages_by_what_law_and_which_fields() {
    let gateway = Gateway::start();
    let purposes: Value = gateway.get("/v1/purposes").await.json().await.unwrap();
    let of = |code: &str| purposes.as_array().unwrap().iter().find(|purpose| purpose["code"] == code).unwrap().clone();
    let transfer = of("transfer");
    assert_eq!(transfer["basis"][0]["ground"], "24(4)");
    assert_eq!((&transfer["used_by"][0], &transfer["needs_reference"]), (&"agency.lookup".into(), &true.into()));
    assert!(transfer["fields"]["enrolment/1"].as_array().unwrap().iter().all(|field| field != "religion"));
    assert_eq!(of("count-evidence")["fields"]["enrolment/1"], serde_json::json!(["learner_id"]));
    for lang in ["th", "en"] {
        assert!(transfer["title"][lang].as_str().is_some_and(|title| !title.is_empty()));
    }
    assert_eq!(gateway.get("/v1/purposes?learner=1").await.status(), 400);
}
