// tm-load-test with transactions that our ledger takes: signed transfers, written from docs/spec/transactions.md with Go's own Ed25519.
//
// Every connection has accounts of its own, whose seeds are SHA-256 of "chain e2e N"; they send in turn, since one signer may have only so
// many transactions waiting. Usage: transfer_load with tm-load-test's own flags; environment: CRUST_CHAIN, CRUST_ACCOUNTS (per connection),
// CRUST_EXPIRY (a height). -selftest prints the vector of transactions.md 7 instead.
package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"os"
	"strconv"
	"sync/atomic"

	"github.com/informalsystems/tm-load-test/pkg/loadtest"
)

// ---- canonical DAG-CBOR, as far as a transfer needs it ----

func head(out *bytes.Buffer, major byte, n uint64) {
	switch {
	case n < 24:
		out.WriteByte(major<<5 | byte(n))
	case n < 1<<8:
		out.Write([]byte{major<<5 | 24, byte(n)})
	case n < 1<<16:
		out.WriteByte(major<<5 | 25)
		out.Write(binary.BigEndian.AppendUint16(nil, uint16(n)))
	case n < 1<<32:
		out.WriteByte(major<<5 | 26)
		out.Write(binary.BigEndian.AppendUint32(nil, uint32(n)))
	default:
		out.WriteByte(major<<5 | 27)
		out.Write(binary.BigEndian.AppendUint64(nil, n))
	}
}

func text(out *bytes.Buffer, s string) {
	head(out, 3, uint64(len(s)))
	out.WriteString(s)
}

func blob(out *bytes.Buffer, b []byte) {
	head(out, 2, uint64(len(b)))
	out.Write(b)
}

// Minimal big-endian: nothing at all is zero.
func amount(out *bytes.Buffer, n uint64) {
	blob(out, bytes.TrimLeft(binary.BigEndian.AppendUint64(nil, n), "\x00"))
}

func chainBytes(id string) []byte {
	sum := sha256.Sum256([]byte(id))
	return sum[:]
}

// The map of 1.1; without sig when it is nil.
func transfer(key ed25519.PrivateKey, sig []byte, chain, to []byte, units, nonce, expiry uint64) []byte {
	var out bytes.Buffer
	public := []byte(key.Public().(ed25519.PublicKey))
	members := uint64(7)
	if sig != nil {
		members = 8
	}
	head(&out, 5, members)
	text(&out, "by")
	blob(&out, public)
	if sig != nil {
		text(&out, "sig")
		blob(&out, sig)
	}
	text(&out, "tip")
	amount(&out, 0)
	text(&out, "call")
	head(&out, 4, 2)
	text(&out, "transfer")
	head(&out, 5, 2)
	text(&out, "to")
	blob(&out, to)
	text(&out, "amount")
	amount(&out, units)
	text(&out, "from")
	blob(&out, public)
	text(&out, "chain")
	blob(&out, chain)
	text(&out, "nonce")
	head(&out, 0, nonce)
	text(&out, "expiry")
	head(&out, 0, expiry)
	return out.Bytes()
}

func signed(key ed25519.PrivateKey, chain, to []byte, units, nonce, expiry uint64) []byte {
	sum := sha256.Sum256(transfer(key, nil, chain, to, units, nonce, expiry))
	sig := ed25519.Sign(key, append([]byte("crust/tx/1"), sum[:]...))
	return transfer(key, sig, chain, to, units, nonce, expiry)
}

// ---- the client of tm-load-test ----

type factory struct {
	clients  atomic.Int64
	accounts int
	chain    []byte
	expiry   uint64
}

type client struct {
	keys   []ed25519.PrivateKey
	chain  []byte
	expiry uint64
	count  int
}

func number(name string, fallback int) int {
	n, err := strconv.Atoi(os.Getenv(name))
	if err != nil {
		return fallback
	}
	return n
}

func (f *factory) ValidateConfig(loadtest.Config) error { return nil }

func (f *factory) NewClient(loadtest.Config) (loadtest.Client, error) {
	first := int(f.clients.Add(1)-1) * f.accounts
	c := &client{chain: f.chain, expiry: f.expiry}
	for i := first; i < first+f.accounts; i++ {
		seed := sha256.Sum256([]byte(fmt.Sprintf("chain e2e %d", i)))
		c.keys = append(c.keys, ed25519.NewKeyFromSeed(seed[:]))
	}
	return c, nil
}

func (c *client) GenerateTx() ([]byte, error) {
	n := len(c.keys)
	from, to := c.keys[c.count%n], c.keys[(c.count+1)%n]
	nonce := uint64(c.count / n)
	c.count++
	return signed(from, c.chain, []byte(to.Public().(ed25519.PublicKey)), 1_000_000_000, nonce, c.expiry), nil
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == "-selftest" {
		key := ed25519.NewKeyFromSeed(make([]byte, 32))
		fmt.Printf("%x\n", signed(key, chainBytes("crust-test"), bytes.Repeat([]byte{2}, 32), 1_000_000_000_000, 3, 100))
		return
	}
	f := &factory{accounts: number("CRUST_ACCOUNTS", 100), chain: chainBytes(os.Getenv("CRUST_CHAIN")), expiry: uint64(number("CRUST_EXPIRY", 1000))}
	if err := loadtest.RegisterClientFactory("crust", f); err != nil {
		panic(err)
	}
	loadtest.Run(&loadtest.CLIConfig{
		AppName:              "transfer_load",
		AppShortDesc:         "Signed transfers for a Crust network.",
		AppLongDesc:          "Signed transfers for a Crust network, through CometBFT's RPC.",
		DefaultClientFactory: "crust",
	})
}
