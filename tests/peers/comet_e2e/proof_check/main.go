// Checks records of a Crust network with nothing of ours: headers by CometBFT's light client, which asks one node and compares with the
// others; proofs by the Go library of ICS-23 and CometBFT's own "simple:v". Usage: proof_check CHAIN HEIGHT HASH URL,URL,... STORE/HEXKEY...
// A line for each record: its height, then its value in hex, or "absent". Each answer is also changed, and must then be refused.
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	dbm "github.com/cometbft/cometbft-db"
	"github.com/cometbft/cometbft/crypto/merkle"
	"github.com/cometbft/cometbft/light"
	"github.com/cometbft/cometbft/light/provider"
	lighthttp "github.com/cometbft/cometbft/light/provider/http"
	lightdb "github.com/cometbft/cometbft/light/store/db"
	cmtcrypto "github.com/cometbft/cometbft/proto/tendermint/crypto"
	"github.com/cometbft/cometbft/rpc/client"
	rpchttp "github.com/cometbft/cometbft/rpc/client/http"
	"github.com/cometbft/cometbft/types"
	ics23 "github.com/cosmos/ics23/go"
)

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return value
}

// A tree keeps hashes only: absence is shown with them in place of keys and values (state-tree.md 6.1).
func hashed() *ics23.ProofSpec {
	spec := *ics23.SmtSpec
	leaf := *spec.LeafSpec
	leaf.PrehashKey, leaf.PrehashValue = ics23.HashOp_NO_HASH, ics23.HashOp_NO_HASH
	spec.LeafSpec = &leaf
	return &spec
}

// value nil: it must be absent.
func check(ops *cmtcrypto.ProofOps, appHash []byte, store string, key, value []byte) error {
	if len(ops.Ops) != 2 || ops.Ops[0].Type != "ics23:smt" || !bytes.Equal(ops.Ops[0].Key, key) {
		return errors.New("not the two operations")
	}
	var proof ics23.CommitmentProof
	if err := proof.Unmarshal(ops.Ops[0].Data); err != nil {
		return err
	}
	root, err := proof.Calculate()
	if err != nil {
		return err
	}
	if value != nil && !ics23.VerifyMembership(ics23.SmtSpec, root, &proof, key, value) {
		return errors.New("presence is not shown")
	}
	sum := sha256.Sum256(key)
	if value == nil && !ics23.VerifyNonMembership(hashed(), root, &proof, sum[:]) {
		return errors.New("absence is not shown")
	}
	top, err := merkle.ValueOpDecoder(ops.Ops[1])
	if err != nil {
		return err
	}
	out, err := top.Run([][]byte{root})
	if err != nil {
		return err
	}
	if string(top.GetKey()) != store || !bytes.Equal(out[0], appHash) {
		return errors.New("another app hash")
	}
	return nil
}

func verified(c *light.Client, height int64) *types.LightBlock {
	deadline := time.Now().Add(time.Minute)
	for {
		block, err := c.VerifyLightBlockAtHeight(context.Background(), height, time.Now())
		if err == nil || time.Now().After(deadline) {
			return must(block, err)
		}
		time.Sleep(100 * time.Millisecond) // the block that carries the hash may not be there yet
	}
}

func flipped(b []byte) []byte {
	other := bytes.Clone(b)
	other[len(other)/2] ^= 1
	return other
}

func main() {
	chain, urls := os.Args[1], strings.Split(os.Args[4], ",")
	trust := light.TrustOptions{Period: 24 * time.Hour, Height: must(strconv.ParseInt(os.Args[2], 10, 64)), Hash: must(hex.DecodeString(os.Args[3]))}
	var providers []provider.Provider
	for _, url := range urls {
		providers = append(providers, must(lighthttp.New(chain, url)))
	}
	c := must(light.NewClient(context.Background(), chain, trust, providers[0], providers[1:], lightdb.New(dbm.NewMemDB(), chain)))
	rpc := must(rpchttp.New(urls[0], "/websocket"))
	for _, record := range os.Args[5:] {
		store, text, _ := strings.Cut(record, "/")
		key := must(hex.DecodeString(text))
		answer := must(rpc.ABCIQueryWithOptions(context.Background(), "/store/"+store+"/key", key, client.ABCIQueryOptions{Prove: true})).Response
		value := answer.Value
		if answer.Code == 1 {
			value = nil
		} else if answer.Code != 0 {
			must(0, fmt.Errorf("%s: code %d %s", record, answer.Code, answer.Log))
		}
		appHash := verified(c, answer.Height+1).AppHash
		if err := check(answer.ProofOps, appHash, store, key, value); err != nil {
			must(0, fmt.Errorf("%s: %w", record, err))
		}
		wrong := []error{check(answer.ProofOps, flipped(appHash), store, key, value), check(answer.ProofOps, appHash, store+"x", key, value),
			check(answer.ProofOps, appHash, store, flipped(key), value)}
		if value != nil {
			wrong = append(wrong, check(answer.ProofOps, appHash, store, key, flipped(value)), check(answer.ProofOps, appHash, store, key, nil))
		} else {
			wrong = append(wrong, check(answer.ProofOps, appHash, store, key, []byte{1}))
		}
		for i, err := range wrong {
			if err == nil {
				must(0, fmt.Errorf("%s: change %d was taken", record, i))
			}
		}
		if value == nil {
			fmt.Println(answer.Height, "absent")
		} else {
			fmt.Printf("%d %x\n", answer.Height, value)
		}
	}
}
