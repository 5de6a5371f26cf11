chaind_DEPS := engine api store rt chain ipfs proof attest codec crypto base
# The API's description is linked into the program.
$(B)/o/chaind/openapi.o: docs/openapi/chain.json
