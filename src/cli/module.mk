cli_DEPS := api store rt chain ipfs proof attest codec crypto base
