sim_DEPS := engine api store rt p2p seal chain ipfs proof attest codec crypto base
