proof_DEPS := codec crypto base
