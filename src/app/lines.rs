//! Accepted rows as canonical records, a JSON object a line: what `map` writes and what examples are held to.

use crate::pipeline::Renderer;
use crate::validate::Valid;

/// Each record with the number of its row.
pub struct JsonLines;

impl Renderer for JsonLines {
    type Out = Vec<u8>;

    fn accept(&mut self, row: &Valid<'_, '_>, out: &mut Vec<u8>) {
        row.write_json(true, out);
        out.push(b'\n');
    }
}
