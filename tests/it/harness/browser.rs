//! A browser without a script: it keeps cookies, follows to the next page, and sends forms as they stand in the page.

use super::Gateway;
use regex::Regex;
use reqwest::{Method, RequestBuilder, Response};
use std::collections::BTreeMap;

#[derive(Default, Clone)]
pub struct Browser {
    pub cookies: BTreeMap<String, String>,
    /// Of the page last seen, as its forms carry it.
    pub token: String,
}

/// An answer as the browser has it.
#[derive(Debug)]
pub struct Page {
    pub status: u16,
    pub text: String,
    pub location: String,
    /// `Set-Cookie`, as they came.
    pub set: Vec<String>,
}

impl Browser {
    pub fn request(&self, gateway: &Gateway, method: Method, path: &str) -> RequestBuilder {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = gateway.request(method, path).header("accept", "text/html,*/*").header("accept-language", "en");
        if cookies.is_empty() { request } else { request.header("cookie", cookies.join("; ")) }
    }

    pub async fn seen(&mut self, response: Response) -> Page {
        let headers = response.headers().get_all("set-cookie");
        let set: Vec<String> = headers.iter().map(|value| value.to_str().unwrap().to_owned()).collect();
        for cookie in &set {
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            match value {
                "" => drop(self.cookies.remove(name)),
                value => drop(self.cookies.insert(name.to_owned(), value.to_owned())),
            }
        }
        let location = super::header(&response, "location").to_owned();
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        let token = Regex::new(r#"name="form" value="([^"]+)""#).unwrap();
        if let Some(found) = token.captures(&text) {
            self.token = found[1].to_owned();
        }
        Page { status, text, location, set }
    }

    pub async fn get(&mut self, gateway: &Gateway, path: &str) -> Page {
        let response = self.request(gateway, Method::GET, path).send().await.unwrap();
        self.seen(response).await
    }

    /// With the token of the page last seen, from that page.
    pub async fn post(&mut self, gateway: &Gateway, path: &str, fields: &[(&str, &str)]) -> Page {
        let fields = [fields, &[("form", self.token.as_str())]].concat();
        let request = self.request(gateway, Method::POST, path).form(&fields).header("origin", &gateway.url);
        let response = request.header("sec-fetch-site", "same-origin").send().await.unwrap();
        self.seen(response).await
    }
}
