//! What a person at the terminal is told when something is wrong: in Thai where Thai is asked for, in English otherwise, with
//! the place and the next step, and never less than what has happened already.

use super::harness::cli::{Ran, Saphan};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Stdio;

const ROUND: &[&str] = &["--round", "2026-06-10"];

fn sample(name: &str) -> String {
    fixtures().join(name).to_str().unwrap().to_owned()
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/agencies/2026-06-10")
}

fn is_thai(letter: char) -> bool {
    ('ก'..='๛').contains(&letter)
}

/// Words that are the same in both languages are no English: names of commands, options, formats, places.
fn english_words(text: &str) -> Vec<&str> {
    let word = |word: &&str| word.len() > 1 && word.chars().all(|c| c.is_ascii_lowercase());
    let known = ["saphan", "mapping", "submit", "count", "standard", "output", "http", "https"];
    text.split([' ', '\n', ':', '(', ')']).filter(word).filter(|word| !known.contains(word)).collect()
}

/// Runs it in both languages: the sentence is there, and nothing of the other language is.
fn assert_told(saphan: &Saphan, arguments: &[&str], thai: &[&str], english: &[&str]) {
    for (lang, wanted) in [("th", thai), ("en", english)] {
        let Ran { code, stdout, stderr } = saphan.run(&[&["--lang", lang], arguments].concat());
        assert_eq!((code, stdout.as_str()), (1, ""), "{arguments:?}: {stderr}");
        for text in wanted {
            assert!(stderr.contains(text), "{lang} {arguments:?}: no «{text}» in: {stderr}");
        }
        match lang {
            "th" => assert_eq!(english_words(&stderr), Vec::<&str>::new(), "{arguments:?}: {stderr}"),
            _ => assert!(!stderr.contains(is_thai), "{arguments:?}: {stderr}"),
        }
    }
}

#[test]
fn an_unknown_mapping_is_told_with_those_there_are_by_every_command_that_takes_one() {
    let home = tempfile::tempdir().unwrap();
    let saphan = Saphan::new(home.path());
    let file = sample("obec.csv");
    for command in ["submit", "map"] {
        let arguments = [&[command, "--mapping", "obec/pupils"][..], ROUND, &[&file]].concat();
        assert_told(
            &saphan,
            &arguments,
            &["ไม่มีผัง (mapping) ชื่อ obec/pupils ที่มีคือ dole/enrolments, moe/schools, obec/enrolments"],
            &["There is no mapping obec/pupils; there are: dole/enrolments, moe/schools, obec/enrolments"],
        );
    }
}

#[test]
fn an_empty_register_is_told_with_the_submission_that_waits_for_it() {
    let home = tempfile::tempdir().unwrap();
    let saphan = Saphan::new(home.path());
    let file = sample("obec.csv");
    assert_told(
        &saphan,
        &[&["submit", "--mapping", "obec/enrolments"][..], ROUND, &[&file]].concat(),
        &["เก็บไฟล์ไว้แล้วเป็น sub_", "ทะเบียนสถานศึกษายังว่าง ต้องส่งด้วยผัง moe/schools ก่อน"],
        &[
            "the file is kept as sub_",
            "The school register is empty: it must be sent first, with the mapping moe/schools",
        ],
    );
}

#[test]
fn a_round_without_any_data_is_told_what_to_send_first() {
    let home = tempfile::tempdir().unwrap();
    let saphan = Saphan::new(home.path());
    assert_told(
        &saphan,
        &[&["count"], ROUND].concat(),
        &["ยังไม่มีข้อมูลที่รับไว้ในรอบใดเลย จึงไม่ได้นับรอบ 2026-06-10", "saphan submit"],
        &["No data have been accepted for any round yet, so 2026-06-10 was not counted", "`saphan submit`"],
    );
    assert_told(
        &saphan,
        &["publish"],
        &["ยังไม่มีผลการนับที่เผยแพร่ได้", "ส่งไฟล์ด้วย saphan submit และนับด้วย saphan count --round ก่อน"],
        &["There is no count to publish, and no data have been accepted", "`saphan count --round` first"],
    );
}

#[test]
fn a_file_that_cannot_be_read_or_written_is_named_with_the_cause() {
    let home = tempfile::tempdir().unwrap();
    let saphan = Saphan::new(home.path());
    let (file, schools) = (sample("dole.json"), sample("schools.csv"));
    let folder = fixtures().to_str().unwrap().to_owned();
    let missing = format!("{folder}/NOT.csv");
    let (gone_th, gone) =
        (format!("อ่าน {missing} ไม่ได้: ไม่มีไฟล์"), format!("{missing} can't be read: there is no such file"));
    let map = |more: &[&'static str]| [&["map", "--mapping", "dole/enrolments"][..], ROUND, more].concat();
    let schools = ["--schools", schools.as_str()];
    for command in [
        [&["submit", "--mapping", "obec/enrolments"][..], ROUND, &[&missing]].concat(),
        [&map(&[])[..], &schools, &[&missing]].concat(),
        [&map(&[])[..], &["--schools", &missing, &file]].concat(),
        vec!["count", "verify", &missing],
    ] {
        assert_told(&saphan, &command, &[&gone_th, "ตรวจชื่อและโฟลเดอร์"], &[&gone, "Check its name and folder"]);
    }
    let (th, en) = (format!("อ่าน {folder} ไม่ได้: เป็นโฟลเดอร์"), format!("{folder} can't be read: it is a folder"));
    assert_told(&saphan, &[&map(&[])[..], &schools, &[&folder]].concat(), &[&th], &[&en]);
    for option in ["--accepted", "--rejected", "--report"] {
        let (th, en) =
            ("เขียน /dev/null/X ไม่ได้: ส่วนหนึ่งของที่อยู่เป็นไฟล์", "/dev/null/X can't be written: a part of its path");
        assert_told(&saphan, &[&map(&[])[..], &schools, &[option, "/dev/null/X", &file]].concat(), &[th], &[en]);
    }
    let full = ["--accepted", "/dev/full", &file];
    let (th, en) = ("เขียน /dev/full ไม่ได้: ที่เก็บเต็ม", "/dev/full can't be written: there is no room left");
    assert_told(&saphan, &[&map(&[])[..], &schools, &full].concat(), &[th], &[en]);
}

#[test]
fn a_gateway_that_cannot_be_reached_is_told_without_the_words_of_a_library() {
    let home = tempfile::tempdir().unwrap();
    let saphan = Saphan::new(home.path());
    let file = sample("obec.csv");
    let submit = |server: &str| {
        let to = ["submit", "--token", "t", "--server", server, "--mapping", "obec/enrolments"];
        [&to[..], ROUND, &[&file]].concat().into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let told = |server: &str, thai: &[&str], english: &[&str]| {
        let arguments = submit(server);
        assert_told(&saphan, &arguments.iter().map(String::as_str).collect::<Vec<_>>(), thai, english);
    };
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (th, en) =
        (format!("ติดต่อระบบที่ http://{free} ไม่ได้: ต่อไม่ได้"), format!("the gateway at http://{free} can't be reached"));
    told(&format!("http://somebody:SECRET@{free}"), &[&th, "--server"], &[&en, "no connection", "--server"]);
    told("nowhere", &["--server ไม่ใช่ที่อยู่ของระบบ"], &["--server is not an address"]);
    // One that hangs up is not a reader of our output that left: it may not end in silence.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = stream.unwrap().read(&mut [0; 64]);
        }
    });
    told(&format!("http://{address}"), &["การเชื่อมต่อขาดกลางทาง", "รับครั้งเดียว"], &["broke off", "taken once"]);
}

#[test]
fn a_receipt_that_cannot_be_printed_does_not_hide_that_the_file_was_taken() {
    let home = tempfile::tempdir().unwrap();
    let saphan = Saphan::new(home.path());
    let submit = |lang: &str, mapping: &str, file: &str| {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let file = sample(file);
        let arguments = [&["--lang", lang, "submit", "--mapping", mapping][..], ROUND, &[&file]].concat();
        let child = saphan.command(&arguments).stdout(full).stderr(Stdio::piped()).spawn().unwrap();
        let output = child.wait_with_output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, said) = submit("en", "moe/schools", "schools.csv");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("the file was taken as sub_") && said.contains("(24 rows accepted, 0 refused)"), "{said}");
    assert!(said.contains("Don't send it again") && said.contains("no room left"), "{said}");
    let (code, said) = submit("th", "obec/enrolments", "obec.csv");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("รับไฟล์แล้วเป็น sub_") && said.contains("(รับ 3,916 แถว ไม่รับ 66 แถว)"), "{said}");
    let counted = saphan.run(&[&["count", "--json"], ROUND].concat());
    assert_eq!((counted.code, counted.stdout.contains("\"received\":3982")), (0, true), "{}", counted.stderr);
}
