//! What only the decoder can say of a refusal or a faulty row, in both languages: the limit, the names, the place.
//!
//! Owns one cause per variant with its Thai and English words, so that no sentence mixes languages. Refuses
//! values: what could identify a person is never a part of a cause.

use crate::domain::text::Bilingual;
use std::fmt;

/// Causes with what each needs to be said; Thai first.
macro_rules! details {
    ($($(#[$doc:meta])* $variant:ident $(($($field:ident: $kind:ty),*))? => $th:literal, $en:literal;)*) => {
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Detail {
            $($(#[$doc])* $variant $(($($kind),*))?,)*
        }

        impl Detail {
            pub fn said(&self) -> Bilingual {
                match self {
                    $(Detail::$variant $(($($field),*))? => Bilingual::new(format!($th), format!($en)),)*
                }
            }
        }
    };
}

// `at` is empty, or the member and a colon: `/address/moo: `.
details! {
    NothingInIt => "ไม่มีอะไรอยู่เลย", "nothing in it";
    NoRecord => "ไม่มีระเบียนข้อมูล", "no record in it";
    NoDataRows => "ไม่มีแถวข้อมูล", "no data rows";

    LongerThan(bytes: u64) => "ยาวเกิน {bytes} ไบต์", "longer than {bytes} bytes";
    LongerThanSeconds(seconds: u64) => "นานเกิน {seconds} วินาที", "longer than {seconds} seconds";
    CellLongerThan(at: String, bytes: usize) => "{at}ช่องยาวเกิน {bytes} ไบต์", "{at}a cell longer than {bytes} bytes";
    ElementLongerThan(bytes: usize) => "องค์ประกอบหรือข้อความหนึ่งยาวเกิน {bytes} ไบต์", "one element or text longer than {bytes} bytes";
    MoreRows(rows: u64) => "เกิน {rows} แถว", "more than {rows} rows";
    MoreColumns(columns: usize) => "เกิน {columns} คอลัมน์", "more than {columns} columns";
    Columns(found: usize, most: usize) => "มี {found} คอลัมน์ อ่านได้ไม่เกิน {most}", "{found} columns, at most {most} are read";
    Deeper(depth: usize) => "ซ้อนกันเกิน {depth} ชั้น", "nested deeper than {depth}";
    ExpandsBeyond(bytes: u64) => "คลายแล้วเกิน {bytes} ไบต์", "expands to more than {bytes} bytes";
    ExpandsTimes(times: u64) => "คลายแล้วเกิน {times} เท่าของขนาดเดิม", "expands to more than {times} times its size";

    MarkNotAllowed(charset: &'static str) => "เครื่องหมายต้นไฟล์ (BOM) บอกว่าเป็น {charset} ซึ่งผังไม่ได้อนุญาต", "a byte-order mark says {charset}, which the mapping does not allow";
    MarkLies => "เครื่องหมายต้นไฟล์ (BOM) บอกว่าเป็น utf-8 แต่เนื้อหาไม่ใช่ utf-8", "a byte-order mark says utf-8, but what follows is not utf-8";
    BareUtf16 => "เป็น UTF-16 ที่ไม่มีเครื่องหมายต้นไฟล์ (BOM) ให้บันทึกเป็น UTF-8", "every other byte is NUL: UTF-16 without a byte-order mark; save the file as UTF-8";
    NoEncoding(tried: String) => "ไม่ใช่รหัสอักษรที่อนุญาต ({tried})", "not in any allowed encoding ({tried})";
    UndefinedIn(charset: &'static str) => "มีไบต์ที่ไม่มีความหมายใน {charset}", "undefined in {charset}";

    AnotherKind(found_th: &'static str, wanted_th: &'static str, found_en: &'static str, wanted_en: &'static str) => "ดูเป็น {found_th} แต่ผังรับ {wanted_th}", "it looks like {found_en}; the mapping takes {wanted_en}";
    CutArchive(kind: &'static str) => "ข้อมูลบีบอัด ({kind}) จบก่อนครบ", "the {kind} data ends before it is complete";
    BytesAfterArchive(kind: &'static str) => "มีไบต์อื่นต่อท้ายหลังข้อมูลบีบอัด ({kind}) จบแล้ว", "other bytes stand after the end of the {kind} data";
    DamagedArchive(kind: &'static str) => "ข้อมูลบีบอัด ({kind}) เสียหาย", "the {kind} data is damaged";

    MixedLineEnds(returns: u64, feeds: u64) => "ในส่วนต้นของไฟล์ {returns} บรรทัดจบด้วย CR อย่างเดียว {feeds} บรรทัดจบด้วย LF", "{returns} lines end with CR alone, {feeds} with LF in the beginning of the file";
    ReturnsInRow => "บรรทัดอื่นจบด้วย LF แต่ในแถวนี้มีหลายบรรทัดที่จบด้วย CR อย่างเดียว", "lines end with LF, but in this row several with CR alone";
    QuoteMeetsAnother => "เครื่องหมายคำพูดที่เปิดในแถวนี้ไปปิดในแถวอื่น โดยมีทั้งแถวอยู่ระหว่างกลาง", "a quote opened in this row meets another one further on, and whole rows stand between them";
    QuoteNeverClosed => "เปิดเครื่องหมายคำพูดที่นี่แล้วไม่ปิด", "a quote is opened here and never closed";
    QuoteNotClosedWithin(bytes: usize) => "เปิดเครื่องหมายคำพูดที่นี่แล้วไม่ปิดภายใน {bytes} ไบต์ ทุกแถวหลังจากนี้จึงไม่แน่นอน", "a quote is opened here and not closed within {bytes} bytes: every row after it is in doubt";
    QuoteSwallows(lines: usize) => "เปิดเครื่องหมายคำพูดที่นี่แล้วไม่ปิด มีอีก {lines} บรรทัดติดอยู่ข้างใน", "a quote is opened here and never closed: {lines} further lines stand inside it";
    TextAfterQuote => "มีข้อความต่อหลังเครื่องหมายคำพูดปิด", "text stands after a closing quote";
    Cells(cells: usize, columns: usize) => "มี {cells} ช่อง หัวตารางมี {columns}", "{cells} cells, the header has {columns}";
    CellBeyond(column: u32, columns: usize) => "มีข้อมูลในคอลัมน์ที่ {column} หัวตารางมี {columns}", "a cell in column {column}, the header has {columns}";

    HeaderElsewhere(row: usize) => "ผังกำหนดหัวตารางไว้แถวนี้ แต่พบที่แถว {row}", "the mapping expects the header here, but it is in row {row}";
    HeaderBeyond(rows: usize) => "ผังกำหนดหัวตารางไว้แถวนี้ แต่ไฟล์มี {rows} แถว", "the mapping expects the header here, the file has {rows} rows";
    MissingColumns(names: String) => "ไม่มีคอลัมน์ {names}", "no column {names}";
    NoneOfColumns(expected: String, found: String) => "ไม่มีคอลัมน์ใดของผังเลย ต้องการ {expected} พบ {found}", "none of the mapping's columns is there: expected {expected}; found {found}";
    NoHeaderButData(expected: String) => "ไม่มีคอลัมน์ใดของผังเลย ต้องการ {expected} แต่พบแถวที่ดูเป็นข้อมูล ไม่ใช่หัวตาราง", "none of the mapping's columns is there: expected {expected}; found a row that looks like data, not a header";
    SameName(columns: String, name: String) => "คอลัมน์ที่ {columns} ชื่อ {name} เหมือนกัน", "columns {columns} are all named {name}";
    NoneOfFields(expected: String, found: String) => "ไม่มีสมาชิกหรือองค์ประกอบใดของผังเลย ต้องการ {expected} พบ {found}", "none of the mapping's fields is there: expected {expected}; found {found}";

    NotXml => "ไม่ใช่ XML", "not XML";
    NotJson => "ไม่ใช่ JSON", "not JSON";
    NotJsonAt(line: usize, column: usize) => "ไม่ใช่ JSON ที่บรรทัด {line} ตำแหน่ง {column} ของระเบียน", "not JSON at line {line} column {column} of the record";
    EndsHere => "ไฟล์จบที่นี่", "the file ends here";
    EndsInList => "ไฟล์จบกลางรายการระเบียน", "the file ends inside the list of records";
    BracketsOpen => "ไฟล์จบก่อนปิดวงเล็บครบ", "the file ends before its brackets are closed";
    EnvelopeNotJson => "ส่วนที่อยู่รอบระเบียนไม่ใช่ JSON", "what stands around the records is not JSON";
    EnvelopeAfter(bytes: usize) => "มีข้อมูลหลังระเบียนเกิน {bytes} ไบต์", "more than {bytes} bytes after the records";
    NoRecordsWithin(bytes: usize) => "ไม่พบระเบียนภายใน {bytes} ไบต์แรก", "no records within the first {bytes} bytes";
    ListExpected => "ผังต้องการรายการระเบียน", "the mapping expects a list of records";
    NoListAt(pointer: String) => "ไม่มีรายการระเบียนที่ {pointer}", "no list of records at {pointer}";
    RecordsTwice => "มีรายการระเบียนซ้ำสองชุด", "the list of records is given twice";
    Twice(name: String) => "{name} มีซ้ำ", "{name} is given twice";
    CommaBelongs => "ระหว่างระเบียนต้องมีจุลภาค", "a comma belongs between records";
    RecordBelongs => "ตรงนี้ต้องเป็นระเบียน", "a record belongs here";
    NestedValue(at: String) => "{at}มีรายการหรือวัตถุในที่ของค่าเดียว", "{at}a list or object stands where one value belongs";
    NulInText(at: String) => "{at}มีอักขระศูนย์ในข้อความ", "{at}NUL in text";
    BadEscape(at: String) => "{at}ข้อความมีรหัสหลบหลีกที่เป็นไปไม่ได้", "{at}a text with an impossible escape";
    ObjectBelongs(at: String) => "{at}ตรงนี้ต้องเป็นวัตถุ", "{at}an object belongs here";
    GivenTwice(at: String) => "{at}มีซ้ำ", "{at}given twice";

    Dtd => "ไม่อ่านส่วนกำหนดชนิดเอกสาร (DTD) เพราะใช้โจมตีผู้อ่านได้ ให้ลบออก", "a document type (DTD) is not read: it can attack the reader; remove it";
    DtdEntity => "มีเอนทิตีที่ต้องอาศัย DTD", "an entity that only a DTD could define";
    EndsInTag => "ไฟล์จบกลางแท็ก", "the file ends inside a tag";
    ElementsOpen => "ไฟล์จบก่อนปิดองค์ประกอบครบ", "the file ends before its elements are closed";
    NotWellFormed => "XML เขียนไม่ถูกรูปแบบ", "not well-formed XML";
    EndWithoutStart => "มีแท็กปิดที่ไม่มีแท็กเปิด", "an end without a start";
    BadAttribute => "มีแอตทริบิวต์ที่เขียนไม่ถูกรูปแบบ", "an attribute that is not well-formed";
    SecondRoot(name: String) => "มีรากที่สอง {name} หลังรากแรกปิดแล้ว", "a second root {name} after the first one closed";
    OtherRoot(found: String, expected: String) => "รากของไฟล์คือ {found} แต่ผังต้องการ {expected}", "the root is {found}, the mapping expects {expected}";
    OtherNamespace(found: String, expected: String) => "รากของไฟล์คือ {found} ในเนมสเปซอื่น ไม่ใช่ {expected} ของผัง", "the root is {found} of another namespace than the mapping's {expected}";
    RecordOffPath(found: String, path: String) => "พบ {found} ในที่ที่ไม่ควรมีระเบียน ระเบียนอยู่ที่ {path}", "{found} stands where no record is expected; records are {path}";
    GivenMoreThanOnce => "มีมากกว่าหนึ่งครั้ง", "given more than once";
    ElementsInValue => "มีองค์ประกอบซ้อนในที่ของค่าเดียว", "elements stand where one value belongs";
    DocumentTwice => "ค่าที่ใช้กับทั้งไฟล์มีสองครั้งและไม่ตรงกัน", "a value meant for the whole file is given twice, and differently";

    WorkbookInGzip => "สมุดงานถูกบีบด้วย gzip ซ้ำ สมุดงานบีบอัดอยู่แล้ว ให้ส่งตามเดิม", "a workbook inside gzip: it is packed already, send it as it is";
    HeadLongerThan(bytes: usize) => "แถวต้น ๆ มีข้อมูลเกิน {bytes} ไบต์", "the first rows hold more than {bytes} bytes";
    OldWorkbook => "มีรหัสผ่าน หรือเป็น .xls แบบเก่า ให้บันทึกเป็น .xlsx ที่ไม่มีรหัสผ่าน", "protected by a password, or an old .xls: save it as .xlsx without a password";
    NotWorkbook => "ไม่พบสารบัญของสมุดงาน (.xlsx) ไฟล์อาจเสียหรือถูกตัด", "no directory of a workbook (.xlsx) is in it: it is damaged or cut off";
    MoreParts(parts: usize) => "สมุดงานมีชิ้นส่วนเกิน {parts} ชิ้น", "more than {parts} parts in the workbook";
    DirectoryDamaged => "สารบัญข้างในเสียหาย", "the directory is damaged";
    PackedOtherwise => "บีบอัดด้วยวิธีที่สมุดงานไม่ใช้", "packed by a method that workbooks do not use";
    PartsOfOneName => "มีชิ้นส่วนสองชิ้นชื่อเดียวกัน", "two parts of one name";
    PartMissing => "สมุดงานขาดชิ้นส่วนนี้", "the workbook lacks this part";
    PartElsewhere => "ชิ้นส่วนไม่อยู่ตรงที่สารบัญบอก", "the part is not where the directory says";
    Encrypted => "ถูกเข้ารหัสไว้", "encrypted";
    NotUtf8 => "ไม่ใช่ UTF-8", "not UTF-8";
    ChecksumWrong => "ผลรวมตรวจสอบไม่ตรง ไฟล์เสียระหว่างทาง", "the checksum is wrong: damaged on the way";
    SharedTextsLarger(bytes: usize) => "ตารางข้อความร่วมใหญ่เกิน {bytes} ไบต์", "the table of shared texts is larger than {bytes} bytes";
    NoSheet(wanted: String, names: String) => "ไม่มีแผ่นงาน {wanted} มีแต่ {names}", "no sheet {wanted}; there are: {names}";
    NoVisibleSheet => "ทุกแผ่นงานถูกซ่อนไว้", "every sheet is hidden";
    SheetPartUnnamed => "ไม่ได้บอกว่าแผ่นงานอยู่ในชิ้นส่วนใด", "the sheet's part is not named";
    Dates1904 => "วันที่นับจากปี 1904 ให้ปิดตัวเลือก \"1904 date system\" ใน Excel", "its dates count from 1904: in Excel's options switch \"1904 date system\" off";
    RowsOutOfOrder => "แถวไม่เรียงลำดับ", "rows out of order";
    CellWithoutPlace => "มีช่องที่ไม่บอกตำแหน่ง", "a cell without a place";
    SharedTextMissing => "มีช่องที่ชี้ไปยังข้อความร่วมที่ไม่มีอยู่", "a cell points to a shared text that is not there";

    SchoolTwice(school: String) => "สถานศึกษา {school} มีมากกว่าหนึ่งแถว", "the school {school} stands in more than one row";
    Tries(tries: u32) => "ลองแล้ว {tries} ครั้ง", "{tries} tries";
}

impl fmt::Display for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.said().en)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_said_in_each_language_alone() {
        let said = Detail::QuoteSwallows(3).said();
        assert_eq!(said.th, "เปิดเครื่องหมายคำพูดที่นี่แล้วไม่ปิด มีอีก 3 บรรทัดติดอยู่ข้างใน");
        assert_eq!(said.en, "a quote is opened here and never closed: 3 further lines stand inside it");
        assert_eq!(Detail::Cells(1, 2).to_string(), "1 cells, the header has 2");
    }
}
