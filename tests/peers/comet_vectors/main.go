// Writes tests/vectors/comet/light.txt: a line each: two light blocks in the JSON of CometBFT's RPC, and what its own light client says of them.
// Usage: go mod tidy && go run . > ../../vectors/comet/light.txt   (deterministic)
package main

import (
	"errors"
	"fmt"
	"math/rand"
	"os"
	"sort"
	"time"

	"github.com/cometbft/cometbft/crypto"
	"github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/cometbft/cometbft/crypto/tmhash"
	cmtjson "github.com/cometbft/cometbft/libs/json"
	"github.com/cometbft/cometbft/light"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	cmtversion "github.com/cometbft/cometbft/proto/tendermint/version"
	"github.com/cometbft/cometbft/types"
)

const chainID = "crust-vectors"

type keyed struct {
	set  *types.ValidatorSet
	keys map[string]crypto.PrivKey
}

var random = rand.New(rand.NewSource(38))

func keyOf(i int) crypto.PrivKey {
	return ed25519.GenPrivKeyFromSecret([]byte(fmt.Sprintf("validator %d", i)))
}

func setOf(numbers []int, power func(i int) int64) keyed {
	k := keyed{keys: map[string]crypto.PrivKey{}}
	var list []*types.Validator
	for _, i := range numbers {
		key := keyOf(i)
		list = append(list, types.NewValidator(key.PubKey(), power(i)))
		k.keys[string(key.PubKey().Address())] = key
	}
	k.set = types.NewValidatorSet(list)
	return k
}

func hash(text string) []byte { return tmhash.Sum([]byte(text)) }

func header(height int64, at time.Time, set, next keyed) *types.Header {
	h := &types.Header{
		Version: cmtversion.Consensus{Block: 11, App: uint64(height % 3)}, ChainID: chainID, Height: height, Time: at,
		LastBlockID:    types.BlockID{Hash: hash(fmt.Sprint("last ", height)), PartSetHeader: types.PartSetHeader{Total: 2, Hash: hash("parts")}},
		LastCommitHash: hash("commit"), DataHash: hash("data"), ValidatorsHash: set.set.Hash(), NextValidatorsHash: next.set.Hash(),
		ConsensusHash: hash("consensus"), AppHash: hash(fmt.Sprint("app ", height)), LastResultsHash: hash("results"),
		EvidenceHash: hash("evidence"), ProposerAddress: set.set.Validators[0].Address,
	}
	if height == 1 {
		h.LastBlockID = types.BlockID{}
	}
	return h
}

// flags: what each validator of the set does: 2 signs, 3 votes nil, 1 is absent.
func sign(h *types.Header, set keyed, round int32, flags []types.BlockIDFlag) *types.SignedHeader {
	id := types.BlockID{Hash: h.Hash(), PartSetHeader: types.PartSetHeader{Total: 1, Hash: hash("own parts")}}
	c := &types.Commit{Height: h.Height, Round: round, BlockID: id}
	for i, v := range set.set.Validators {
		if flags[i] == types.BlockIDFlagAbsent {
			c.Signatures = append(c.Signatures, types.NewCommitSigAbsent())
			continue
		}
		vote := &types.Vote{Type: cmtproto.PrecommitType, Height: h.Height, Round: round, Timestamp: h.Time.Add(time.Duration(i) * 1234567 * time.Nanosecond),
			ValidatorAddress: v.Address, ValidatorIndex: int32(i)}
		if flags[i] == types.BlockIDFlagCommit {
			vote.BlockID = id
		}
		signature, err := set.keys[string(v.Address)].Sign(types.VoteSignBytes(chainID, vote.ToProto()))
		if err != nil {
			panic(err)
		}
		c.Signatures = append(c.Signatures, types.CommitSig{BlockIDFlag: flags[i], ValidatorAddress: v.Address, Timestamp: vote.Timestamp, Signature: signature})
	}
	return &types.SignedHeader{Header: h, Commit: c}
}

func randomFlags(n int, signing int) []types.BlockIDFlag {
	f := make([]types.BlockIDFlag, n)
	for i := range f {
		switch r := random.Intn(100); {
		case r < signing:
			f[i] = types.BlockIDFlagCommit
		case r%2 == 0:
			f[i] = types.BlockIDFlagNil
		default:
			f[i] = types.BlockIDFlagAbsent
		}
	}
	return f
}

func verdict(err error) string {
	var expired light.ErrOldHeaderExpired
	var untrusted light.ErrNewValSetCantBeTrusted
	var invalid light.ErrInvalidHeader
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &expired):
		return "expired"
	case errors.As(err, &untrusted):
		return "untrusted"
	case errors.As(err, &invalid):
		return "invalid"
	}
	return "refused"
}

func numbers(count, from int) []int {
	var out []int
	for i := 0; i < count; i++ {
		out = append(out, from+i)
	}
	return out
}

type block struct {
	SignedHeader *types.SignedHeader `json:"signed_header"`
	Validators   []*types.Validator  `json:"validators"`
}

type scenario struct {
	Trusted block     `json:"trusted"`
	New     block     `json:"new"`
	Now     time.Time `json:"now"`
	Period  int64     `json:"trusting_seconds"`
	Drift   int64     `json:"drift_seconds"`
	Verdict string    `json:"verdict"`
	Hash    string    `json:"hash"`
}

func make1() scenario {
	n := 1 + random.Intn(6)
	power := func(i int) int64 { return int64(1 + (i*7919)%1000) }
	old := setOf(numbers(n, random.Intn(3)), power)
	next := setOf(numbers(1+random.Intn(6), random.Intn(4)), power)
	height := int64(1 + random.Intn(3))
	gap := int64(1 + random.Intn(3))
	start := time.Unix(1700000000, 0).UTC()
	h1 := header(height, start, old, next)
	set := next
	if random.Intn(6) == 0 {
		set = setOf(numbers(3, 1), power)
	}
	all := make([]types.BlockIDFlag, old.set.Size())
	for i := range all {
		all[i] = types.BlockIDFlagCommit
	}
	step := []time.Duration{-time.Second, 0, 6 * time.Second, time.Hour, time.Hour, time.Hour}[random.Intn(6)]
	h2 := header(height+gap, start.Add(step).Add(7*time.Nanosecond), set, set)
	s1 := sign(h1, old, 0, all)
	s2 := sign(h2, set, int32(random.Intn(3)), randomFlags(set.set.Size(), []int{40, 75, 100}[random.Intn(3)]))
	now := start.Add([]time.Duration{time.Minute, 2 * time.Hour, 2 * time.Hour, 2 * time.Hour, 30 * time.Hour}[random.Intn(5)])
	err := light.Verify(s1, old.set, s2, set.set, 24*time.Hour, now, 10*time.Second, light.DefaultTrustLevel)
	return scenario{block{s1, old.set.Validators}, block{s2, set.set.Validators}, now, 86400, 10, verdict(err), fmt.Sprintf("%X", h2.Hash())}
}

func main() {
	var out []scenario
	counts := map[string]int{}
	for len(out) < 40 {
		s := make1()
		if counts[s.Verdict] < 10 {
			counts[s.Verdict]++
			out = append(out, s)
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].Verdict < out[j].Verdict })
	for _, one := range out {
		text, err := cmtjson.Marshal(one)
		if err != nil {
			panic(err)
		}
		os.Stdout.Write(append(text, '\n'))
	}
	fmt.Fprintln(os.Stderr, counts)
}
