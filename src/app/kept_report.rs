//! A count's report as the store keeps it: its JSON, compressed, and written while it is made.
//!
//! Owns that form: `gzip:` and base64 of the gzip of the JSON. A national report is eighty megabytes of JSON, and the store copies
//! what it is given several times over; packed it is a tenth. What earlier versions kept is JSON and still read.

use crate::app::AppError;
use crate::count::CountReport;
use data_encoding::{BASE64_NOPAD, Encoder};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::{self, BufReader, BufWriter, Write};

const PACKED: &str = "gzip:";

/// Half the size of the fastest level for half a second more, of a national report.
const LEVEL: u32 = 4;

/// JSON comes in small pieces; each way into the compressor costs.
const PIECE_BYTES: usize = 64 << 10;

struct Text<'t>(Encoder<'t>);

impl Write for Text<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.append(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(super) fn pack<Cases: Serialize>(report: &CountReport<Cases>) -> Result<String, AppError> {
    let (mut text, base64) = (String::from(PACKED), BASE64_NOPAD);
    let packer = GzEncoder::new(Text(base64.new_encoder(&mut text)), Compression::new(LEVEL));
    let mut out = BufWriter::with_capacity(PIECE_BYTES, packer);
    serde_json::to_writer(&mut out, report).map_err(|_| AppError::Worker)?;
    let packer = out.into_inner().map_err(|_| AppError::Worker)?;
    packer.finish().map_err(|_| AppError::Worker)?.0.finalize();
    text.shrink_to_fit();
    Ok(text)
}

/// `Cases`: what is wanted of them; `IgnoredAny` holds none.
pub(super) fn unpack<Cases: DeserializeOwned>(text: &str) -> Result<CountReport<Cases>, AppError> {
    let unreadable = || AppError::NotCounted;
    let Some(packed) = text.strip_prefix(PACKED) else {
        return serde_json::from_str(text).map_err(|_| unreadable());
    };
    let bytes = BASE64_NOPAD.decode(packed.as_bytes()).map_err(|_| unreadable())?;
    let json = BufReader::with_capacity(PIECE_BYTES, GzDecoder::new(&*bytes));
    serde_json::from_reader(json).map_err(|_| unreadable())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::count::report::CaseLine;
    use serde::de::IgnoredAny;

    /// As earlier versions kept it.
    const JSON: &str = concat!(
        r#"{"round":"2026-06-10","findings":{"CNT-AGE":1},"agencies":[],"payable":{"total":7,"by_school":["#,
        r#"{"agency":"10","school_id":"1020000001","total":5,"cells":[{"grade":"P1","sex":"F","learners":2},"#,
        r#"{"grade":"P1","sex":"M","learners":3}]},"#,
        r#"{"agency":"13","school_id":"1320000001","total":2,"cells":[{"grade":"VC1","sex":"M","learners":2}]}]},"#,
        r#""closed_schools":[],"cases":[{"rule":"CNT-AGE","severity":"warning","learner_masked":"1-99XX","#,
        r#""basis":"warning","provisional":false,"places":[]}],"cases_not_listed":0,"#,
        r#""manifest":{"format":"saphan-count-manifest/1","round":"2026-06-10","inputs":[],"lists":[],"rules":[],"#,
        r#""result":{"findings":{},"payable":7,"lines":3,"sha256":"00"}}}"#
    );

    #[test]
    fn a_report_comes_back_as_it_was_from_either_form() {
        let plain: CountReport = unpack(JSON).unwrap();
        assert_eq!(serde_json::to_string(&plain).unwrap(), JSON);
        let packed = pack(&plain).unwrap();
        assert!(packed.starts_with(PACKED) && packed.len() < JSON.len(), "{packed}");
        assert_eq!(unpack::<Vec<CaseLine>>(&packed).unwrap(), plain);
        let numbers: CountReport<IgnoredAny> = unpack(&packed).unwrap();
        assert_eq!((numbers.payable, numbers.manifest), (plain.payable, plain.manifest));
    }

    #[test]
    fn what_is_no_report_is_refused() {
        let packed = pack(&unpack::<Vec<CaseLine>>(JSON).unwrap()).unwrap();
        let cut = &packed[..packed.len() / 2];
        for text in ["", "{}", "gzip:", "gzip:!", cut, &packed.replace("gzip:", "zip:")] {
            assert!(matches!(unpack::<Vec<CaseLine>>(text), Err(AppError::NotCounted)), "{text}");
        }
    }
}
