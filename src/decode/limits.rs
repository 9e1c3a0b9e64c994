//! Every limit on what comes from outside, with its unit in its name.
//!
//! Owns the numbers; each has a rule code (`SPH-LIM-…`). Configuration may lower or raise them.

/// Limits of one file. The defaults take the largest agency's whole round in one file.
#[derive(Debug, Clone)]
pub struct Limits {
    /// As received.
    pub file_bytes_max: u64,
    /// After decompression.
    pub expanded_bytes_max: u64,
    /// Decompressed ÷ compressed, once `expansion_grace_bytes` are passed. Real registers compress up to about 30:1.
    pub expansion_ratio_max: u64,
    pub expansion_grace_bytes: u64,
    pub rows_max: u64,
    /// One CSV record, one JSON or XML record, one sheet row.
    pub record_bytes_max: usize,
    pub cell_bytes_max: usize,
    pub columns_max: usize,
    /// Nesting of JSON and XML.
    pub depth_max: usize,
    /// The workbook's table of shared texts, unpacked.
    pub shared_strings_bytes_max: usize,
    /// What may stand around the records (JSON envelope, XML head, title rows).
    pub envelope_bytes_max: usize,
    /// Whole records handed to a worker at once.
    pub block_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            file_bytes_max: 8 << 30,
            expanded_bytes_max: 32 << 30,
            expansion_ratio_max: 200,
            expansion_grace_bytes: 64 << 20,
            rows_max: 20_000_000,
            record_bytes_max: 1 << 20,
            cell_bytes_max: 64 << 10,
            columns_max: 1_000,
            depth_max: 32,
            shared_strings_bytes_max: 256 << 20,
            envelope_bytes_max: 1 << 20,
            block_bytes: 512 << 10,
        }
    }
}
