crypto_DEPS := base
crypto_LIBS := -lsodium -lcrypto
