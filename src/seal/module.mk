seal_DEPS := proof attest codec crypto base
