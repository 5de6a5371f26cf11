store_DEPS := rt ipfs codec crypto base
store_LIBS := -llmdb
