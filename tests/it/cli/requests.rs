//! What is sent: method, body and headers.

use super::support::*;

#[test]
fn the_method_is_get_and_there_is_no_body_unless_it_is_said() {
    let api = Api::new();
    get(["--ids", "7", &api.url]).code(0);
    let asked = api.request();
    assert!(asked.head.starts_with("GET /7 HTTP/1.1\r\n"), "{}", asked.head);
    assert!(!asked.head.to_ascii_lowercase().contains("content-"), "{}", asked.head);
    for (option, method) in [("-X", "DELETE"), ("--method", "PURGE")] {
        get(["--ids", "7", option, method, &api.url]).code(0);
        assert!(api.head().starts_with(&format!("{method} /7 HTTP/1.1\r\n")));
    }
}

#[test]
fn a_body_is_filled_in_for_each_id_and_has_no_type_of_its_own() {
    let api = Api::new();
    let body = r#"{"id":"{id}","of":{},"again":"{id}"}"#;
    get(["--ids", "7", "-X", "POST", "--data", body, &api.url]).code(0);
    let asked = api.request();
    assert!(asked.head.starts_with("POST /7 "), "{}", asked.head);
    assert!(!asked.head.to_ascii_lowercase().contains("content-type"), "{}", asked.head);
    assert_eq!(asked.body, br#"{"id":"7","of":{},"again":"7"}"#);
    let typed = ["-H", "Content-Type: application/json"];
    get(["--ids", "7", "-X", "PUT", "-d", "-{id}"].iter().chain(&typed).chain(&[api.url.as_str()])).code(0);
    let asked = api.request();
    assert!(asked.head.to_ascii_lowercase().contains("\r\ncontent-type: application/json\r\n"));
    assert_eq!(asked.body, b"-7");
    get(["--ids", "7", "-X", "GET", "--data", "{id}", &api.url]).code(0);
    assert_eq!(api.request().body, b"7", "whoever says so");
}

#[test]
fn a_body_may_come_from_a_file_byte_for_byte() {
    let (api, file) = (Api::new(), TempPath::with("body", b"\xff{id}\0\r\n"));
    let data = format!("@{}", file.shown());
    get(["--ids", "7", "-X", "POST", "--data", &data, &api.url]).code(0);
    assert_eq!(api.request().body, b"\xff7\0\r\n");
    let largest = vec![b'x'; 1024 * 1024];
    std::fs::write(&file.0, &largest).unwrap();
    get(["--ids", "7", "-X", "POST", "--data", &data, &api.url]).code(0);
    assert!(api.request().body == largest);
    std::fs::write(&file.0, [&largest[..], b"x"].concat()).unwrap();
    let done = get(["--ids", "7", "-X", "POST", "--data", &data, &api.url]);
    assert_eq!(done.code(2).errors(), [format!("--data {data}: larger than 1 MiB (use a smaller body)")]);
}

#[test]
fn a_body_is_in_no_message() {
    let api = Api::answering(|_| (500, Vec::new()));
    let args = ["-vv", "--ids", "7", "--data", "topsecret", &api.url];
    assert!(!get(args).code(2).stderr.contains("topsecret"));
    let done = get(args.iter().chain(&["-X", "POST"]));
    assert!(!done.code(1).stderr.contains("topsecret"), "{}", done.stderr);
    assert_eq!(api.request().body, b"topsecret");
}

#[test]
fn a_failure_names_the_method() {
    let api = Api::answering(|_| (404, Vec::new()));
    let host = api.url.trim_end_matches("{id}");
    let expected = format!("the server answered 404 Not Found (PATCH {host}7)");
    let done = get(["--ids", "7", "-X", "PATCH", &api.url]);
    let hint = "; is {id} in the right place? --ok 200-299,404 would let it pass)";
    assert_eq!(done.code(1).errors(), [format!("id 7: {}{hint}", expected.trim_end_matches(')'))]);
    let done = get(["--ids", "7", "-X", "PATCH", "--keep-going", &api.url]);
    assert_eq!(done.code(1).records()["7"]["error"], expected);
}

#[test]
fn headers_are_sent_and_a_user_agent_of_ones_own_replaces_ours() {
    let api = Api::new();
    get(["--ids", "1", "-H", "X-Team: ours", "--header", "Accept: text/plain", &api.url]).code(0);
    let head = api.head().to_ascii_lowercase();
    for line in
        ["x-team: ours", "accept: text/plain", concat!("user-agent: fanout/", env!("CARGO_PKG_VERSION"))]
    {
        assert!(head.contains(&format!("\r\n{line}\r\n")), "{line} in {head}");
    }
    get(["--ids", "1", "--header", "User-Agent: mine", &api.url]).code(0);
    let head = api.head().to_ascii_lowercase();
    assert!(head.contains("\r\nuser-agent: mine\r\n") && !head.contains("fanout/"), "{head}");
}

#[test]
fn an_id_is_filled_into_headers() {
    let api = Api::new();
    get(["--ids", "7", "-H", "Idempotency-Key: job-{id}", "-H", "User-Agent: for {id}", &api.url]).code(0);
    let head = api.head().to_ascii_lowercase();
    for line in ["idempotency-key: job-7", "user-agent: for 7"] {
        assert!(head.contains(&format!("\r\n{line}\r\n")), "{line} in {head}");
    }
    assert!(!head.contains("fanout/"), "{head}");
}
