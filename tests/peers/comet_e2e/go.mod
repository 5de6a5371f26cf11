module crust/comet_e2e

go 1.22.11

require (
	github.com/cometbft/cometbft v0.38.25
	github.com/cosmos/ics23/go v0.11.0
	github.com/informalsystems/tm-load-test v1.3.0
)
