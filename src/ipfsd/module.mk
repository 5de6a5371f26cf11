ipfsd_DEPS := api p2p store rt chain ipfs proof attest codec crypto base
