/* Signs transactions and votes for tests/e2e and bench. One command a line on standard input, one
 * answer a line; seeds, keys, hashes, messages and transactions in hex, amounts in base units.
 *
 * - account SEED: key and address.
 * - transfer SEED TO AMOUNT NONCE EXPIRY CHAIN-ID: the transaction and its hash.
 * - sign SEED MESSAGE: the signature. */
#include "driver.h"

#include "base/hex.h"
#include "codec/ss58.h"
#include "codec/tx.h"
#include "crypto/random.h"
#include "crypto/sha256.h"

#include <stdlib.h>

static void account(const struct ed25519_key *key)
{
    char hex[65], address[SS58_TEXT_MAX];
    hex_format(hex, span_of(key->public_key, 32));
    ss58_format(address, key->public_key);
    printf("%s %s\n", hex, address);
}

static bool transfer(const struct ed25519_key *key, char *args[5])
{
    uint8_t room[1024], id[32];
    char text[2 * sizeof(room) + 1], hash[65];
    struct span out;
    struct tx tx = { .call.kind = TX_TRANSFER };
    memcpy(tx.from, key->public_key, 32);
    tx.nonce = strtoull(args[2], NULL, 10);
    tx.expiry = strtoull(args[3], NULL, 10);
    sha256(tx.chain, span_str(args[4]));
    if (hex_parse(tx.call.transfer.to, 32, args[0]) != OK ||
        amount_parse_units(&tx.call.transfer.amount, args[1]) != OK ||
        tx_sign(&out, &tx, (struct mspan){ room, sizeof(room) }, key) != OK)
        return false;
    tx_id(id, out);
    hex_format(text, out);
    hex_format(hash, span_of(id, sizeof(id)));
    printf("%s %s\n", text, hash);
    return true;
}

static bool sign(const struct ed25519_key *key, const char *hex)
{
    uint8_t message[1024], signature[ED25519_SIGNATURE_SIZE];
    char text[2 * ED25519_SIGNATURE_SIZE + 1];
    size_t n = strlen(hex) / 2;
    if (n > sizeof(message) || hex_parse(message, n, hex) != OK)
        return false;
    ed25519_sign(signature, span_of(message, n), key);
    hex_format(text, span_of(signature, sizeof(signature)));
    printf("%s\n", text);
    return true;
}

static bool answer(char *words[DRIVER_WORDS], size_t count)
{
    uint8_t seed[32];
    struct ed25519_key key;
    if (count < 2 || hex_parse(seed, sizeof(seed), words[1]) != OK)
        return false;
    ed25519_keypair(&key, seed);
    if (count == 2 && strcmp(words[0], "account") == 0) {
        account(&key);
        return true;
    }
    if (count == 3 && strcmp(words[0], "sign") == 0)
        return sign(&key, words[2]);
    return count == 7 && strcmp(words[0], "transfer") == 0 && transfer(&key, &words[2]);
}

int main(void)
{
    if (random_init() != OK)
        return EXIT_FAILURE;
    driver_run(answer);
    return EXIT_SUCCESS;
}
