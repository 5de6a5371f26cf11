api_DEPS := chain ipfs proof attest codec crypto base
