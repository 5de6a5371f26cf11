p2p_DEPS := codec crypto base
p2p_LIBS := -lssl
