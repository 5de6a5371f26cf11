// Prints frames of ABCI 2.0 as CometBFT v0.38.25 itself writes them: "request NAME HEX", "response NAME HEX". The values are
// those that src/codec/abci_test.c expects. Run by tools/make-abci-vectors; its output is tests/vectors/abci/v0.38.25.txt.
package main

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
	crypto "github.com/cometbft/cometbft/proto/tendermint/crypto"
	types "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/cosmos/gogoproto/proto"
)

func print(what, name string, m proto.Message) {
	var b bytes.Buffer
	if err := abci.WriteMessage(m, &b); err != nil {
		panic(err)
	}
	fmt.Println(what, name, hex.EncodeToString(b.Bytes()))
}

func fill(c byte, n int) []byte { return bytes.Repeat([]byte{c}, n) }

var at = time.Unix(1700000000, 123456789).UTC()

func params() *types.ConsensusParams {
	return &types.ConsensusParams{
		Block:     &types.BlockParams{MaxBytes: 4194304, MaxGas: -1},
		Evidence:  &types.EvidenceParams{MaxAgeNumBlocks: 777600, MaxAgeDuration: 2332800 * time.Second, MaxBytes: 524288},
		Validator: &types.ValidatorParams{PubKeyTypes: []string{"ed25519", "secp256k1"}},
		Version:   &types.VersionParams{App: 1},
		Abci:      &types.ABCIParams{VoteExtensionsEnableHeight: 0},
	}
}

func validator(c byte, power int64) abci.Validator { return abci.Validator{Address: fill(c, 20), Power: power} }

func commit() abci.CommitInfo {
	return abci.CommitInfo{Round: 2, Votes: []abci.VoteInfo{
		{Validator: validator(1, 1000), BlockIdFlag: types.BlockIDFlagCommit},
		{Validator: validator(2, 1), BlockIdFlag: types.BlockIDFlagAbsent}}}
}

func misbehavior() []abci.Misbehavior {
	return []abci.Misbehavior{{Type: abci.MisbehaviorType_DUPLICATE_VOTE, Validator: validator(2, 1), Height: 41, Time: at, TotalVotingPower: 1001}}
}

func update() []abci.ValidatorUpdate {
	return []abci.ValidatorUpdate{
		{PubKey: crypto.PublicKey{Sum: &crypto.PublicKey_Ed25519{Ed25519: fill(9, 32)}}, Power: 7},
		{PubKey: crypto.PublicKey{Sum: &crypto.PublicKey_Secp256K1{Secp256K1: fill(8, 33)}}, Power: 0}}
}

func txs() [][]byte { return [][]byte{[]byte("first"), {}, fill(7, 300)} }

func events() []abci.Event {
	return []abci.Event{{Type: "transfer", Attributes: []abci.EventAttribute{{Key: "from", Value: "a", Index: true}, {Key: "to", Value: ""}}}, {Type: "empty"}}
}

func result() *abci.ExecTxResult {
	return &abci.ExecTxResult{Code: 30, Data: []byte("data"), Log: "log", Info: "info", GasWanted: -1, GasUsed: 5, Events: events(), Codespace: "crust"}
}

func main() {
	rq := func(name string, m *abci.Request) { print("request", name, m) }
	rs := func(name string, m *abci.Response) { print("response", name, m) }
	rq("Echo", abci.ToRequestEcho("hello"))
	rq("Flush", abci.ToRequestFlush())
	rq("Info", abci.ToRequestInfo(&abci.RequestInfo{Version: "0.38.25", BlockVersion: 11, P2PVersion: 8, AbciVersion: "2.0.0"}))
	rq("InitChain", abci.ToRequestInitChain(&abci.RequestInitChain{Time: at, ChainId: "crust-test", ConsensusParams: params(), Validators: update(), AppStateBytes: []byte("{}"), InitialHeight: 1}))
	rq("Query", abci.ToRequestQuery(&abci.RequestQuery{Data: []byte("key"), Path: "/store/accounts", Height: 5, Prove: true}))
	rq("CheckTx", abci.ToRequestCheckTx(&abci.RequestCheckTx{Tx: []byte("tx"), Type: abci.CheckTxType_Recheck}))
	rq("Commit", abci.ToRequestCommit())
	rq("ListSnapshots", abci.ToRequestListSnapshots(&abci.RequestListSnapshots{}))
	snapshot := &abci.Snapshot{Height: 100, Format: 1, Chunks: 3, Hash: fill(3, 32), Metadata: []byte("meta")}
	rq("OfferSnapshot", abci.ToRequestOfferSnapshot(&abci.RequestOfferSnapshot{Snapshot: snapshot, AppHash: fill(4, 32)}))
	rq("LoadSnapshotChunk", abci.ToRequestLoadSnapshotChunk(&abci.RequestLoadSnapshotChunk{Height: 100, Format: 1, Chunk: 2}))
	rq("ApplySnapshotChunk", abci.ToRequestApplySnapshotChunk(&abci.RequestApplySnapshotChunk{Index: 2, Chunk: []byte("chunk"), Sender: "peer"}))
	extended := abci.ExtendedCommitInfo{Round: 2, Votes: []abci.ExtendedVoteInfo{
		{Validator: validator(1, 1000), VoteExtension: []byte("ext"), ExtensionSignature: []byte("sig"), BlockIdFlag: types.BlockIDFlagCommit}, {}}}
	rq("PrepareProposal", abci.ToRequestPrepareProposal(&abci.RequestPrepareProposal{MaxTxBytes: 1 << 20, Txs: txs(), LocalLastCommit: extended, Misbehavior: misbehavior(), Height: 42, Time: at, NextValidatorsHash: fill(5, 32), ProposerAddress: fill(6, 20)}))
	rq("ProcessProposal", abci.ToRequestProcessProposal(&abci.RequestProcessProposal{Txs: txs(), ProposedLastCommit: commit(), Misbehavior: misbehavior(), Hash: fill(3, 32), Height: 42, Time: at, NextValidatorsHash: fill(5, 32), ProposerAddress: fill(6, 20)}))
	rq("ExtendVote", &abci.Request{Value: &abci.Request_ExtendVote{ExtendVote: &abci.RequestExtendVote{Hash: fill(3, 32), Height: 42, Time: at, Txs: txs(), ProposedLastCommit: commit(), Misbehavior: misbehavior(), NextValidatorsHash: fill(5, 32), ProposerAddress: fill(6, 20)}}})
	rq("VerifyVoteExtension", &abci.Request{Value: &abci.Request_VerifyVoteExtension{VerifyVoteExtension: &abci.RequestVerifyVoteExtension{Hash: fill(3, 32), ValidatorAddress: fill(1, 20), Height: 42, VoteExtension: []byte("ext")}}})
	rq("FinalizeBlock", abci.ToRequestFinalizeBlock(&abci.RequestFinalizeBlock{Txs: txs(), DecidedLastCommit: commit(), Misbehavior: misbehavior(), Hash: fill(3, 32), Height: 42, Time: at, NextValidatorsHash: fill(5, 32), ProposerAddress: fill(6, 20)}))
	rq("FinalizeBlock-empty", abci.ToRequestFinalizeBlock(&abci.RequestFinalizeBlock{}))

	rs("Exception", abci.ToResponseException("x"))
	rs("Echo", abci.ToResponseEcho("hello"))
	rs("Flush", abci.ToResponseFlush())
	rs("Info", abci.ToResponseInfo(&abci.ResponseInfo{Data: "crust", Version: "1", AppVersion: 1, LastBlockHeight: 41, LastBlockAppHash: fill(4, 32)}))
	rs("InitChain", abci.ToResponseInitChain(&abci.ResponseInitChain{ConsensusParams: params(), Validators: update(), AppHash: fill(4, 32)}))
	rs("Query", abci.ToResponseQuery(&abci.ResponseQuery{Code: 1, Log: "log", Info: "info", Index: -1, Key: []byte("key"), Value: []byte("value"), ProofOps: &crypto.ProofOps{Ops: []crypto.ProofOp{{Type: "simple:v", Key: []byte("key"), Data: []byte("data")}, {}}}, Height: 5, Codespace: "crust"}))
	rs("CheckTx", abci.ToResponseCheckTx(&abci.ResponseCheckTx{Code: 30, Data: []byte("data"), Log: "log", Info: "info", GasWanted: -1, GasUsed: 5, Events: events(), Codespace: "crust"}))
	rs("CheckTx-empty", abci.ToResponseCheckTx(&abci.ResponseCheckTx{}))
	rs("Commit", abci.ToResponseCommit(&abci.ResponseCommit{RetainHeight: 40}))
	rs("Commit-empty", abci.ToResponseCommit(&abci.ResponseCommit{}))
	rs("ListSnapshots", abci.ToResponseListSnapshots(&abci.ResponseListSnapshots{Snapshots: []*abci.Snapshot{snapshot, {}}}))
	rs("OfferSnapshot", abci.ToResponseOfferSnapshot(&abci.ResponseOfferSnapshot{Result: abci.ResponseOfferSnapshot_REJECT_SENDER}))
	rs("LoadSnapshotChunk", abci.ToResponseLoadSnapshotChunk(&abci.ResponseLoadSnapshotChunk{Chunk: []byte("chunk")}))
	rs("ApplySnapshotChunk", abci.ToResponseApplySnapshotChunk(&abci.ResponseApplySnapshotChunk{Result: abci.ResponseApplySnapshotChunk_RETRY, RefetchChunks: []uint32{1, 300}, RejectSenders: []string{"a", "b"}}))
	rs("PrepareProposal", abci.ToResponsePrepareProposal(&abci.ResponsePrepareProposal{Txs: txs()}))
	rs("ProcessProposal", abci.ToResponseProcessProposal(&abci.ResponseProcessProposal{Status: abci.ResponseProcessProposal_REJECT}))
	rs("ExtendVote", &abci.Response{Value: &abci.Response_ExtendVote{ExtendVote: &abci.ResponseExtendVote{VoteExtension: []byte("ext")}}})
	rs("VerifyVoteExtension", &abci.Response{Value: &abci.Response_VerifyVoteExtension{VerifyVoteExtension: &abci.ResponseVerifyVoteExtension{Status: abci.ResponseVerifyVoteExtension_ACCEPT}}})
	rs("FinalizeBlock", abci.ToResponseFinalizeBlock(&abci.ResponseFinalizeBlock{Events: events(), TxResults: []*abci.ExecTxResult{result(), {}}, ValidatorUpdates: update(), ConsensusParamUpdates: params(), AppHash: fill(4, 32)}))
}
