/* The first byte chooses: 0, entropy to words and back; 1, a phrase, whose entropy gives a phrase
 * that is read alike; else a derivation path. */
#include "codec/bip39.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_entropy(struct span in)
{
    char text[BIP39_TEXT_MAX];
    uint8_t back[BIP39_ENTROPY_MAX];
    size_t n = 0;
    if (bip39_format(text, in) != OK)
        return;
    enum err e = bip39_parse(back, &n, span_str(text));
    ASSERT(e == OK && span_eq(span_of(back, n), in));
}

static void check_phrase(struct span in)
{
    uint8_t entropy[BIP39_ENTROPY_MAX];
    size_t n = 0;
    if (bip39_parse(entropy, &n, in) == OK)
        check_entropy(span_of(entropy, n));
    else
        ASSERT(n == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct span in = span_of(data + 1, size - 1);
    if (data[0] == 0) {
        check_entropy(in);
    } else if (data[0] == 1) {
        check_phrase(in);
    } else {
        struct secret seed = { { 1 } }, before = seed;
        enum err e = bip39_derive(&seed, in);
        bool same = memcmp(&seed, &before, sizeof(seed)) == 0;
        ASSERT(same == (e != OK || in.n == 0));
    }
    return 0;
}
