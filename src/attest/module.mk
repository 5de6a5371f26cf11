attest_DEPS := codec crypto base
