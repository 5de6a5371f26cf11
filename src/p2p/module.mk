p2p_DEPS := codec crypto base
