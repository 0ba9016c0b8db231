//! Makes archives: synthetic ledgers that pass every check of this program.
//!
//! Invariant: what is made depends on the [`Plan`] alone, down to the last byte. Transactions are well formed, but their signatures sign nothing
//! and their accounts are random; buckets are left out, as nothing here applies them. No file is touched here.

use alloc::vec::Vec;
use core::fmt;

use miniz_oxide::deflate::compress_to_vec;
use sha2::{Digest, Sha256};
use stellar_xdr::{
    Asset, DecoratedSignature, GeneralizedTransactionSet, Hash, LedgerCloseValueSignature, LedgerHeader,
    LedgerHeaderHistoryEntry, LedgerHeaderHistoryEntryExt, Limits, MuxedAccount, NodeId, Operation,
    OperationBody, OperationResult, OperationResultTr, ParallelTxsComponent, PaymentOp, PaymentResult,
    PublicKey, SequenceNumber, Signature, SignatureHint, StellarValueExt, TimePoint, Transaction,
    TransactionEnvelope, TransactionHistoryEntry, TransactionHistoryEntryExt, TransactionHistoryResultEntry,
    TransactionPhase, TransactionResult, TransactionResultPair, TransactionResultResult,
    TransactionResultSet, TransactionSet, TransactionSetV1, TransactionV1Envelope, TxSetComponent,
    TxSetComponentTxsMaybeDiscountedFee, Uint256, VecM, WriteXdr,
};

use crate::error::Invalid;
use crate::layout::{ArchiveFile, ArchiveState, Checkpoint, Frequency, LedgerRange};
use crate::random::Random;
use crate::verify::{empty_set_hash, sha256_xdr};

/// The passphrase of the generated network; transaction hashes are made with it.
pub const PASSPHRASE: &str = "Windlass demo network";

const PROTOCOL: u32 = 23;
const FEE: u32 = 100;
const TOTAL_COINS: i64 = 1_000_000_000_000_000_000;
const SECONDS_PER_LEDGER: u64 = 5;
/// One ledger in so many is left without transactions, as happens on a quiet network.
const EMPTY_ONE_IN: u64 = 8;

/// What to generate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    range: LedgerRange,
    transactions: u32,
    seed: u64,
}

impl Plan {
    /// The most transactions in one ledger.
    pub const MAX_TRANSACTIONS: u32 = 10_000;

    /// A history of so many checkpoints from ledger 1 on, with so many transactions in every ledger that is not left empty.
    ///
    /// Refused without a checkpoint, where the last ledger would not fit a `u32`, and beyond [`MAX_TRANSACTIONS`](Self::MAX_TRANSACTIONS).
    pub fn new(
        checkpoints: u32,
        frequency: Frequency,
        transactions: u32,
        seed: u64,
    ) -> Result<Plan, Invalid> {
        let every = frequency.ledgers();
        // With one ledger a checkpoint, the checkpoint of ledger 0 is the one that does not exist.
        let last =
            checkpoints.checked_mul(every).map(|end| if every == 1 { end } else { end.saturating_sub(1) });
        let Some(last) = last.filter(|_| checkpoints > 0) else {
            return Err(Invalid::new(
                "number of checkpoints",
                checkpoints,
                "1 or more, with ledger numbers within 32 bits",
            ));
        };
        if transactions > Self::MAX_TRANSACTIONS {
            return Err(Invalid::new("transactions per ledger", transactions, "10000 or fewer"));
        }
        Ok(Plan { range: LedgerRange::new(frequency, 1, last)?, transactions, seed })
    }

    /// The ledgers it makes.
    pub fn range(&self) -> LedgerRange {
        self.range
    }
}

/// The files of an archive, made one checkpoint at a time, oldest first.
#[derive(Debug)]
pub struct Archive {
    plan: Plan,
    network: [u8; 32],
    random: Random,
    previous: LedgerHeader,
    previous_hash: Hash,
    next: u32,
}

/// The files of one checkpoint, ready to be stored.
#[derive(Clone, Debug)]
pub struct Files {
    /// The last ledger of the checkpoint and its hash.
    pub last: (u32, Hash),
    /// Transactions in it.
    pub transactions: u64,
    /// Path and contents: ledgers, transactions, results, archive state as of this checkpoint.
    pub files: [(ArchiveFile, Vec<u8>); 4],
}

impl Archive {
    /// An archive from its first ledger on.
    pub fn new(plan: Plan) -> Archive {
        Archive {
            plan,
            network: Sha256::digest(PASSPHRASE).into(),
            random: Random::new(plan.seed),
            previous: LedgerHeader { total_coins: TOTAL_COINS, ..LedgerHeader::default() },
            previous_hash: Hash::default(),
            next: 0,
        }
    }

    /// The archive's own description, to be published after all else.
    pub fn state(&self) -> (ArchiveFile, Vec<u8>) {
        (ArchiveFile::State, state_json(self.plan.range.to()))
    }

    fn checkpoint(&mut self, checkpoint: Checkpoint) -> Files {
        let (mut headers, mut sets, mut results) = (Stream::default(), Stream::default(), Stream::default());
        let mut transactions = 0;
        for ledger in checkpoint.first()..=checkpoint.last() {
            let mut header = self.open(ledger);
            let envelopes = self.envelopes(ledger);
            if !envelopes.is_empty() {
                let set = transaction_set(&header, &envelopes);
                header.scp_value.tx_set_hash = sha256_xdr(&set);
                sets.push(&TransactionHistoryEntry {
                    ledger_seq: ledger,
                    // Unused: the set proper is in the extension.
                    tx_set: TransactionSet::default(),
                    ext: TransactionHistoryEntryExt::V1(set),
                });
                let paid = self.results(&envelopes);
                header.tx_set_result_hash = sha256_xdr(&paid);
                header.fee_pool += paid.results.iter().map(|pair| pair.result.fee_charged).sum::<i64>();
                results.push(&TransactionHistoryResultEntry {
                    ledger_seq: ledger,
                    tx_result_set: paid,
                    ..TransactionHistoryResultEntry::default()
                });
                transactions += envelopes.len() as u64;
            }
            self.previous_hash = sha256_xdr(&header);
            headers.push(&LedgerHeaderHistoryEntry {
                hash: self.previous_hash.clone(),
                header: header.clone(),
                ext: LedgerHeaderHistoryEntryExt::V0,
            });
            self.previous = header;
        }
        Files {
            last: (checkpoint.last(), self.previous_hash.clone()),
            transactions,
            files: [
                (ArchiveFile::Ledger(checkpoint), headers.finish()),
                (ArchiveFile::Transactions(checkpoint), sets.finish()),
                (ArchiveFile::Results(checkpoint), results.finish()),
                (ArchiveFile::StateAt(checkpoint), state_json(checkpoint.last())),
            ],
        }
    }

    /// The header of a ledger before anything happened in it. The first ledger of a network is made, not closed: no hashes, no signature.
    fn open(&mut self, ledger: u32) -> LedgerHeader {
        let mut header = self.previous.clone();
        header.ledger_version = PROTOCOL;
        header.ledger_seq = ledger;
        header.base_fee = FEE;
        header.base_reserve = 5_000_000;
        header.max_tx_set_size = Plan::MAX_TRANSACTIONS;
        header.bucket_list_hash = Hash(self.random.bytes());
        header.previous_ledger_hash = self.previous_hash.clone();
        if ledger > 1 {
            header.scp_value.close_time = TimePoint(u64::from(ledger) * SECONDS_PER_LEDGER);
            header.scp_value.ext = StellarValueExt::Signed(LedgerCloseValueSignature {
                node_id: NodeId(PublicKey::PublicKeyTypeEd25519(Uint256(self.random.bytes()))),
                signature: self.signature(),
            });
            header.scp_value.tx_set_hash = empty_set_hash(&header);
            header.tx_set_result_hash = sha256_xdr(&TransactionResultSet::default());
        }
        header
    }

    /// Payments, in ascending order of their hashes as a set wants them.
    fn envelopes(&mut self, ledger: u32) -> Vec<(Hash, TransactionEnvelope)> {
        if ledger == 1 || self.random.below(EMPTY_ONE_IN) == 0 {
            return Vec::new();
        }
        let mut envelopes: Vec<_> = (0..self.plan.transactions)
            .map(|_| {
                let payment = PaymentOp {
                    destination: MuxedAccount::Ed25519(Uint256(self.random.bytes())),
                    asset: Asset::Native,
                    amount: 1 + self.random.below(1_000_000_000) as i64,
                };
                let operation = Operation { source_account: None, body: OperationBody::Payment(payment) };
                let envelope = TransactionV1Envelope {
                    tx: Transaction {
                        source_account: MuxedAccount::Ed25519(Uint256(self.random.bytes())),
                        fee: FEE,
                        seq_num: SequenceNumber((i64::from(ledger) << 32) + 1),
                        operations: list([operation]),
                        ..Transaction::default()
                    },
                    signatures: list([DecoratedSignature {
                        hint: SignatureHint(self.random.bytes()),
                        signature: self.signature(),
                    }]),
                };
                let hash = envelope.hash(self.network).expect("a payment made here encodes");
                (Hash(hash), TransactionEnvelope::Tx(envelope))
            })
            .collect();
        envelopes.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        envelopes
    }

    /// What came of them; now and then a payment fails, and pays its fee all the same.
    fn results(&mut self, envelopes: &[(Hash, TransactionEnvelope)]) -> TransactionResultSet {
        let results = envelopes
            .iter()
            .map(|(hash, _)| {
                let failed = self.random.below(16) == 0;
                let payment = if failed { PaymentResult::Underfunded } else { PaymentResult::Success };
                let operations = list([OperationResult::OpInner(OperationResultTr::Payment(payment))]);
                let result = match failed {
                    true => TransactionResultResult::TxFailed(operations),
                    false => TransactionResultResult::TxSuccess(operations),
                };
                TransactionResultPair {
                    transaction_hash: hash.clone(),
                    result: TransactionResult {
                        fee_charged: i64::from(FEE),
                        result,
                        ..TransactionResult::default()
                    },
                }
            })
            .collect::<Vec<_>>();
        TransactionResultSet { results: list(results) }
    }

    fn signature(&mut self) -> Signature {
        Signature(list(self.random.bytes::<64>().to_vec()))
    }
}

impl Iterator for Archive {
    type Item = Files;

    fn next(&mut self) -> Option<Files> {
        let checkpoint = self.plan.range.checkpoint(self.next)?;
        self.next += 1;
        Some(self.checkpoint(checkpoint))
    }
}

fn transaction_set(
    header: &LedgerHeader,
    envelopes: &[(Hash, TransactionEnvelope)],
) -> GeneralizedTransactionSet {
    let txs: Vec<_> = envelopes.iter().map(|(_, envelope)| envelope.clone()).collect();
    let component = TxSetComponent::TxsetCompTxsMaybeDiscountedFee(TxSetComponentTxsMaybeDiscountedFee {
        base_fee: Some(i64::from(FEE)),
        txs: list(txs),
    });
    let phases = [
        TransactionPhase::V0(list([component])),
        TransactionPhase::V1(ParallelTxsComponent { base_fee: None, execution_stages: VecM::default() }),
    ];
    GeneralizedTransactionSet::V1(TransactionSetV1 {
        previous_ledger_hash: header.previous_ledger_hash.clone(),
        phases: list(phases),
    })
}

/// A list of the wire format. None made here comes near its bound.
fn list<L>(items: impl TryInto<L, Error: fmt::Debug>) -> L {
    items.try_into().expect("a list made here is within the bounds of the format")
}

fn state_json(current_ledger: u32) -> Vec<u8> {
    let state = ArchiveState {
        version: 1,
        server: concat!("windlass-catchup ", env!("CARGO_PKG_VERSION")).into(),
        current_ledger,
        network_passphrase: Some(PASSPHRASE.into()),
    };
    serde_json::to_vec(&state).expect("four plain fields make JSON")
}

/// A gzip file of records in the making, not compressed yet.
#[derive(Default)]
struct Stream(Vec<u8>);

impl Stream {
    fn push(&mut self, record: &impl WriteXdr) {
        let body = record.to_xdr(Limits::none()).expect("a record made here encodes");
        let length = u32::try_from(body.len()).expect("a record made here is far below 2 GiB");
        self.0.extend((length | 1 << 31).to_be_bytes());
        self.0.extend(body);
    }

    fn finish(self) -> Vec<u8> {
        // No flags, no time, the fastest level, no particular system.
        const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 0xff];
        let checksum = crc32fast::hash(&self.0).to_le_bytes();
        let length = (self.0.len() as u32).to_le_bytes();
        [&HEADER[..], &compress_to_vec(&self.0, 1), &checksum, &length].concat()
    }
}

#[cfg(test)]
mod tests;
