// Prints the keys that CometBFT's end to end tests expect of a test network: they draw them from a seed of their own, in the order of the
// nodes' names. A line each: name, then priv_validator_key.json, then node_key.json. Usage: testnet_keys MANIFEST INFRASTRUCTURE
package main

import (
	"fmt"
	"os"

	cmtjson "github.com/cometbft/cometbft/libs/json"
	"github.com/cometbft/cometbft/p2p"
	"github.com/cometbft/cometbft/privval"
	e2e "github.com/cometbft/cometbft/test/e2e/pkg"
)

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return value
}

func main() {
	testnet := must(e2e.LoadTestnet(os.Args[1], must(e2e.InfrastructureDataFromFile(os.Args[2]))))
	for _, node := range testnet.Nodes {
		public := node.PrivvalKey.PubKey()
		validator := privval.FilePVKey{Address: public.Address(), PubKey: public, PrivKey: node.PrivvalKey}
		fmt.Printf("%s %s %s\n", node.Name, must(cmtjson.Marshal(validator)), must(cmtjson.Marshal(p2p.NodeKey{PrivKey: node.NodeKey})))
	}
}
