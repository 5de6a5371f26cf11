/* openssl: the one door to libcrypto's headers for code of ours. libcrypto has a type named
 * ERR_STATE, which is an error code here: this header renames theirs while it is read. Include it
 * before any other <openssl/...> header; <openssl/sha.h> alone needs no care. */
#ifndef CRUST_CRYPTO_OPENSSL_H
#define CRUST_CRYPTO_OPENSSL_H

#define ERR_STATE OPENSSL_ERR_STATE
#include <openssl/types.h>
/* err.h uses the type, so it is read here as well. */
#include <openssl/err.h>
#undef ERR_STATE

#endif
