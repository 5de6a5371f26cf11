#include "api/car_push.h"

#include "base/hex.h"

#include <stdio.h>

static const char path_start[] = "/crust/v1/orders/";
static const char path_end[] = "/car";
static const char tag[] = "crust/push/1";

enum { MESSAGE_SIZE = sizeof(tag) - 1 + 32 + 32 + 4 + 32 + 8 };

void car_push_path(char out[CAR_PUSH_PATH_MAX], const struct content_key *key)
{
    char text[CID_TEXT_MAX];
    struct cid cid = cid_of_key(key);
    cid_format(text, &cid);
    int n = snprintf(out, CAR_PUSH_PATH_MAX, "%s%s%s", path_start, text, path_end);
    ASSERT(n > 0 && n < CAR_PUSH_PATH_MAX);
}

enum err car_push_parse_path(struct content_key *out, const char *path)
{
    struct cid cid;
    size_t head = sizeof(path_start) - 1, tail = sizeof(path_end) - 1, n = strlen(path);
    *out = (struct content_key){ 0 };
    if (n <= head + tail || memcmp(path, path_start, head) != 0 ||
        memcmp(path + n - tail, path_end, tail) != 0)
        return ERR_NOT_FOUND;
    /* SPEC car-push 1.1: "its hash MUST be sha2-256 and its codec that of the order" */
    TRY(cid_parse(&cid, span_of(path + head, n - head - tail)));
    return cid_key(out, &cid);
}

/* docs/spec/car-push.md 2. */
static struct span message_of(uint8_t out[MESSAGE_SIZE], const struct car_push_claim *claim,
                              const struct car_push_subject *subject)
{
    struct writer w = writer_of(out, MESSAGE_SIZE);
    write_bytes(&w, tag, sizeof(tag) - 1);
    write_bytes(&w, subject->chain, 32);
    write_bytes(&w, claim->order, 32);
    write_le32(&w, subject->key.codec);
    write_bytes(&w, subject->key.digest, 32);
    write_le64(&w, claim->height);
    ASSERT(w.err == OK && w.len == MESSAGE_SIZE);
    return span_of(out, w.len);
}

void car_push_sign(struct car_push_claim *claim, const struct car_push_subject *subject,
                   const struct ed25519_key *key)
{
    uint8_t message[MESSAGE_SIZE];
    ed25519_sign(claim->signature, message_of(message, claim, subject), key);
}

void car_push_format(char out[CAR_PUSH_VALUE_MAX], const struct car_push_claim *claim)
{
    char order[65], by[65], signature[129];
    hex_format(by, span_of(claim->by, 32));
    hex_format(order, span_of(claim->order, 32));
    hex_format(signature, span_of(claim->signature, 64));
    int n = snprintf(out, CAR_PUSH_VALUE_MAX, "order=%s, height=%llu%s%s, sig=%s", order,
                     (unsigned long long)claim->height, claim->has_by ? ", by=" : "",
                     claim->has_by ? by : "", signature);
    ASSERT(n > 0 && n < CAR_PUSH_VALUE_MAX);
}

/* ---- parsing: exactly what car_push_format writes -------------------------------------------- */

static enum err take_text(struct span *in, const char *text)
{
    size_t n = strlen(text);
    if (in->n < n || memcmp(in->p, text, n) != 0)
        return ERR_FORMAT;
    *in = span_sub(*in, n, in->n - n);
    return OK;
}

static enum err take_hex(struct span *in, uint8_t *out, size_t n)
{
    char text[2 * ED25519_SIGNATURE_SIZE + 1];
    if (in->n < 2 * n)
        return ERR_FORMAT;
    memcpy(text, in->p, 2 * n);
    text[2 * n] = '\0';
    TRY(hex_parse(out, n, text));
    *in = span_sub(*in, 2 * n, in->n - 2 * n);
    return OK;
}

static enum err take_number(struct span *in, uint64_t *out)
{
    size_t n = 0;
    *out = 0;
    for (; n < in->n && in->p[n] >= '0' && in->p[n] <= '9'; n++) {
        uint64_t digit = (uint64_t)(in->p[n] - '0');
        if (*out > (UINT64_MAX - digit) / 10)
            return ERR_RANGE;
        *out = *out * 10 + digit;
    }
    if (n == 0 || (n > 1 && in->p[0] == '0'))
        return ERR_FORMAT;
    *in = span_sub(*in, n, in->n - n);
    return OK;
}

static enum err parse(struct car_push_claim *out, struct span in)
{
    TRY(take_text(&in, "order="));
    TRY(take_hex(&in, out->order, 32));
    TRY(take_text(&in, ", height="));
    TRY(take_number(&in, &out->height));
    out->has_by = take_text(&in, ", by=") == OK;
    if (out->has_by)
        TRY(take_hex(&in, out->by, 32));
    TRY(take_text(&in, ", sig="));
    TRY(take_hex(&in, out->signature, 64));
    return in.n == 0 ? OK : ERR_TRAILING;
}

enum err car_push_parse(struct car_push_claim *out, const char *value)
{
    *out = (struct car_push_claim){ 0 };
    enum err e = parse(out, span_str(value));
    if (e != OK)
        *out = (struct car_push_claim){ 0 };
    return e;
}

enum err car_push_check(const struct car_push_claim *claim, const struct car_push_subject *subject,
                        const uint8_t owner[32], uint64_t height)
{
    uint8_t message[MESSAGE_SIZE];
    uint64_t h = claim->height;
    if (h > height ? h - height > CAR_PUSH_AHEAD_MAX : height - h > CAR_PUSH_AGE_MAX)
        return ERR_RANGE;
    return ed25519_verify(claim->signature, message_of(message, claim, subject),
                          claim->has_by ? claim->by : owner);
}
