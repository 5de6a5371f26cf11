engine_DEPS := store rt chain proof attest codec crypto base
