//! Open data: without login, from any site, and again only if it changed.

use super::harness::{Gateway, ROUND, header, sample};
use reqwest::Method;
use saphan::domain::principal::Principal;

#[tokio::test]
async fn published_files_are_open_to_all_and_ask_again_cheaply() {
    let gateway = Gateway::start();
    assert_eq!(gateway.get("/data/count-summary.csv").await.status(), 404, "nothing published yet");
    let page = gateway.get("/data/count-summary?lang=en").await;
    assert_eq!(page.status(), 200);
    assert!(page.text().await.unwrap().contains("Not published yet"));

    gateway.send_register().await;
    assert_eq!(gateway.send("dole", "dole/enrolments", sample("dole.json")).await.status(), 201);
    gateway.by("count", Method::POST, &format!("/v1/counts/{ROUND}")).send().await.unwrap();
    let published = gateway.app.publish(&Principal::Operator, None).await.unwrap();
    assert_eq!(published.len(), 2);
    for one in &published {
        for file in &one.files {
            let path = format!("/data/{}", file.name);
            let response = gateway.get(&path).await;
            assert_eq!(response.status(), 200, "{path}");
            assert_eq!(header(&response, "access-control-allow-origin"), "*");
            assert_eq!(header(&response, "content-type"), file.media_type);
            assert!(header(&response, "content-disposition").contains(&file.name));
            assert!(header(&response, "cache-control").starts_with("public"));
            let tag = header(&response, "etag").to_owned();
            assert_eq!(response.bytes().await.unwrap().len() as u64, file.bytes, "{path}");
            let again = gateway.request(Method::GET, &path).header("if-none-match", &tag).send().await.unwrap();
            assert_eq!(again.status(), 304, "{path}");
            assert!(again.bytes().await.unwrap().is_empty());
            let head = gateway.request(Method::HEAD, &path).send().await.unwrap();
            assert_eq!((head.status().as_u16(), header(&head, "etag")), (200, tag.as_str()), "{path}");
        }
        let page = gateway.get(&format!("/data/{}?lang=en", one.dataset)).await;
        assert_eq!(page.status(), 200);
        let html = page.text().await.unwrap();
        assert!(html.contains("Release") && html.contains(&format!("/data/{}.csv", one.dataset)), "{html}");
    }
    assert_eq!(gateway.get("/data/count-summary.exe").await.status(), 404);
    assert_eq!(gateway.get("/data/learners").await.status(), 404);
    assert_eq!(gateway.get("/data/..%2f..%2fkeys").await.status(), 404);
}
