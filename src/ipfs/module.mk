ipfs_DEPS := codec crypto base
