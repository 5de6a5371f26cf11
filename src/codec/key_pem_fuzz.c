#include "codec/key_pem.h"

/* What is read is written as the same text, but for its line ends. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t text[KEY_PEM_SIZE];
    struct ed25519_key key, again;
    if (key_pem_read(&key, span_of(data, size)) != OK)
        return 0;
    struct writer w = writer_of(text, sizeof(text));
    key_pem_write(&w, &key);
    ASSERT(w.err == OK && w.len == KEY_PEM_SIZE && key_pem_is(writer_span(&w)));
    size_t at = 0;
    for (size_t i = 0; i < size; i++)
        if (data[i] != '\r')
            ASSERT(at < w.len && data[i] == text[at++]);
    ASSERT(at + 1 >= w.len && key_pem_read(&again, writer_span(&w)) == OK);
    ASSERT(memcmp(&key, &again, sizeof(key)) == 0);
    return 0;
}
