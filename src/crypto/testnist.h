/* testnist: the examples of FIPS 180-4 for SHA-256, for tests. */
#ifndef CRUST_CRYPTO_TESTNIST_H
#define CRUST_CRYPTO_TESTNIST_H

#include "base/check.h"

enum { TESTNIST_SHA256 = 4 };

struct testnist {
    const char *text, *digest; /* in hex */
};

/* The i-th, below TESTNIST_SHA256. */
static inline const struct testnist *testnist_sha256(size_t i)
{
    static const struct testnist rows[TESTNIST_SHA256] = {
        { "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
        { "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
        { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
        { "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqr"
          "lmnopqrsmnopqrstnopqrstu",
          "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1" },
    };
    CHECK(i < TESTNIST_SHA256);
    return &rows[i];
}

#endif
