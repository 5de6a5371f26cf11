chaind_DEPS := engine api store rt chain ipfs proof attest codec crypto base
