//! Decoding alone: blocks cut and parsed into slots, nothing mapped.
//!
//! Owns the flow of blocks for this measurement; it is the line's own (one reader, workers, blocks lent from a fixed pool)
//! without the results' order, which nobody here asks for.

use anyhow::anyhow;
use crossbeam_channel::{Receiver, Sender, bounded};
use saphan::decode::{Block, BlockWorker, DecodeError, Opened, RowBatch, SourceSpec};

#[derive(Default)]
pub struct Sum {
    pub rows: u64,
    pub refused: u64,
}

impl Sum {
    fn add(
        &mut self,
        worker: &mut dyn BlockWorker,
        block: &mut Block,
        batch: &mut RowBatch,
    ) -> Result<(), DecodeError> {
        worker.parse(block, batch)?;
        self.rows += batch.rows() as u64;
        self.refused += batch.faults().len() as u64;
        Ok(())
    }
}

pub fn on_one(mut opened: Opened, spec: &SourceSpec) -> anyhow::Result<Sum> {
    let (mut worker, mut block, mut sum) = (opened.parser.worker(), Block::default(), Sum::default());
    let mut batch = RowBatch::new(spec.wanted.len());
    while opened.source.next(&mut block)? {
        sum.add(&mut *worker, &mut block, &mut batch)?;
    }
    Ok(sum)
}

pub fn on_many(mut opened: Opened, spec: &SourceSpec, threads: usize) -> anyhow::Result<Sum> {
    let pool = threads * 2 + 2;
    let (lend, borrow) = bounded(pool);
    for _ in 0..pool {
        lend.send(Block::default()).map_err(|_| anyhow!("nobody borrows"))?;
    }
    let (to_work, work) = bounded(pool);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| (opened.parser.worker(), work.clone(), lend.clone()))
            .map(|(worker, work, lend)| scope.spawn(move || parse_all(worker, spec, &work, &lend)))
            .collect();
        drop((work, lend));
        while let Ok(mut block) = borrow.recv() {
            if !opened.source.next(&mut block)? || to_work.send(block).is_err() {
                break;
            }
        }
        drop(to_work);
        let mut sum = Sum::default();
        for worker in workers {
            let done = worker.join().map_err(|_| anyhow!("a worker stopped before its time"))??;
            sum = Sum { rows: sum.rows + done.rows, refused: sum.refused + done.refused };
        }
        Ok(sum)
    })
}

fn parse_all(
    mut worker: Box<dyn BlockWorker>,
    spec: &SourceSpec,
    work: &Receiver<Block>,
    lend: &Sender<Block>,
) -> Result<Sum, DecodeError> {
    let (mut batch, mut sum) = (RowBatch::new(spec.wanted.len()), Sum::default());
    for mut block in work {
        sum.add(&mut *worker, &mut block, &mut batch)?;
        // At the end nobody borrows any more.
        let _ = lend.send(block);
    }
    Ok(sum)
}
