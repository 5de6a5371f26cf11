chain_DEPS := proof attest codec crypto base
