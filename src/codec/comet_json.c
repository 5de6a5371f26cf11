#include "codec/comet.h"
#include "codec/json.h"
#include "codec/multibase.h"

#include <stdlib.h>

/* ---- time ---------------------------------------------------------------------------------- */

struct digits {
    const uint8_t *p;
    size_t n;
    bool bad;
};

static uint32_t number(struct digits *d, size_t count)
{
    uint32_t v = 0;
    if (d->n < count)
        d->bad = true;
    for (size_t i = 0; i < count && !d->bad; i++) {
        if (d->p[i] < '0' || d->p[i] > '9')
            d->bad = true;
        else
            v = v * 10 + (uint32_t)(d->p[i] - '0');
    }
    if (d->bad)
        return 0;
    d->p += count;
    d->n -= count;
    return v;
}

static void sign(struct digits *d, char c)
{
    if (d->bad || d->n == 0 || *d->p != (uint8_t)c) {
        d->bad = true;
        return;
    }
    d->p++;
    d->n--;
}

static bool is_leap(uint32_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static uint32_t month_days(uint32_t year, uint32_t month)
{
    static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

/* Days from 1970-01-01 to the first of the month. */
static int64_t days_before(uint32_t year, uint32_t month)
{
    int64_t y = (int64_t)year - 1;
    int64_t days = y * 365 + y / 4 - y / 100 + y / 400 - 719162;
    for (uint32_t m = 1; m < month; m++)
        days += month_days(year, m);
    return days;
}

enum err comet_read_time(struct comet_time *out, struct span text)
{
    struct digits d = { text.p, text.n, false };
    *out = (struct comet_time){ 0 };
    uint32_t year = number(&d, 4);
    sign(&d, '-');
    uint32_t month = number(&d, 2);
    sign(&d, '-');
    uint32_t day = number(&d, 2);
    sign(&d, 'T');
    uint32_t hour = number(&d, 2);
    sign(&d, ':');
    uint32_t minute = number(&d, 2);
    sign(&d, ':');
    uint32_t second = number(&d, 2);
    uint32_t nanos = 0;
    if (!d.bad && d.n != 0 && *d.p == '.') {
        sign(&d, '.');
        uint32_t unit = 100000000, count = 0;
        while (!d.bad && d.n != 0 && *d.p != 'Z' && count++ < 9) {
            nanos += number(&d, 1) * unit;
            unit /= 10;
        }
        d.bad = d.bad || count == 0;
    }
    sign(&d, 'Z');
    if (d.bad || d.n != 0)
        return ERR_FORMAT;
    if (year < 1 || month < 1 || month > 12 || day < 1 || day > month_days(year, month) ||
        hour > 23 || minute > 59 || second > 59)
        return ERR_FORMAT;
    out->seconds = (days_before(year, month) + day - 1) * 86400 + (int64_t)hour * 3600 +
                   (int64_t)minute * 60 + second;
    out->nanos = nanos;
    return OK;
}

/* ---- members ------------------------------------------------------------------------------- */

static struct comet_time time_member(struct json_value v, const char *name)
{
    struct json_value at = json_get(v, name);
    struct comet_time t;
    if (comet_read_time(&t, span_str(json_text(at))) != OK)
        json_fail(at, ERR_FORMAT, "not a time like 2026-01-31T12:00:00.5Z");
    return t;
}

/* 64 digits, or nothing where nothing may stand. */
static struct comet_hash hash_member(struct json_value v, const char *name)
{
    struct json_value at = json_get(v, name);
    struct comet_hash h = { .there = json_text(at)[0] != '\0' };
    if (h.there)
        json_hex(at, h.bytes, sizeof(h.bytes));
    return h;
}

static void block_id_member(struct comet_block_id *out, struct json_value v, const char *name)
{
    struct json_value at = json_get(v, name);
    struct json_value parts = json_get(at, "parts");
    out->hash = hash_member(at, "hash");
    out->parts_total = (uint32_t)json_u64(json_get(parts, "total"), UINT32_MAX);
    out->parts = hash_member(parts, "hash");
}

static void base64_member(struct json_value v, const char *name, uint8_t *out, size_t n)
{
    struct json_value at = json_get(v, name);
    struct span text = span_str(json_text(at));
    while (text.n != 0 && text.p[text.n - 1] == '=')
        text.n--;
    size_t got = 0;
    if (multibase_parse_bare(out, &got, n, MULTIBASE_64, text) != OK || got != n)
        json_fail(at, ERR_FORMAT, "not base64 of the right length");
}

void comet_read_header(struct comet_header *out, struct json_value v)
{
    *out = (struct comet_header){ 0 };
    struct json_value version = json_get(v, "version");
    out->version_block = json_u64(json_get(version, "block"), UINT64_MAX);
    struct json_value app = json_find(version, "app"); /* left out when 0 */
    out->version_app = app.of != NULL ? json_u64(app, UINT64_MAX) : 0;
    struct json_value id = json_get(v, "chain_id");
    struct span text = span_str(json_text(id));
    if (text.n == 0 || text.n > COMET_CHAIN_ID_MAX)
        json_fail(id, ERR_LIMIT, "must have 1 to 50 bytes");
    else
        memcpy(out->chain_id, text.p, text.n);
    out->height = json_u64(json_get(v, "height"), INT64_MAX);
    out->time = time_member(v, "time");
    block_id_member(&out->last_block, v, "last_block_id");
    out->last_commit = hash_member(v, "last_commit_hash");
    out->data = hash_member(v, "data_hash");
    out->validators = hash_member(v, "validators_hash");
    out->next_validators = hash_member(v, "next_validators_hash");
    out->consensus = hash_member(v, "consensus_hash");
    out->app = hash_member(v, "app_hash");
    out->last_results = hash_member(v, "last_results_hash");
    out->evidence = hash_member(v, "evidence_hash");
    json_hex(json_get(v, "proposer_address"), out->proposer, sizeof(out->proposer));
}

static void read_vote(struct comet_vote *out, struct json_value v)
{
    struct json_value flag = json_get(v, "block_id_flag");
    uint64_t f = json_u64(flag, COMET_NIL);
    if (f < COMET_ABSENT)
        json_fail(flag, ERR_RANGE, "must be 1, 2 or 3");
    out->flag = f == COMET_COMMIT ? COMET_COMMIT : f == COMET_NIL ? COMET_NIL : COMET_ABSENT;
    if (out->flag == COMET_ABSENT)
        return;
    json_hex(json_get(v, "validator_address"), out->address, sizeof(out->address));
    out->time = time_member(v, "timestamp");
    base64_member(v, "signature", out->signature, sizeof(out->signature));
}

void comet_read_commit(struct comet_commit *out, struct json_value v)
{
    *out = (struct comet_commit){ 0 };
    out->height = json_u64(json_get(v, "height"), INT64_MAX);
    out->round = (uint32_t)json_u64(json_get(v, "round"), INT32_MAX);
    block_id_member(&out->block, v, "block_id");
    struct json_value votes = json_get(v, "signatures");
    size_t count = json_count(votes);
    if (count > COMET_VALIDATORS_MAX) {
        json_fail(votes, ERR_LIMIT, "more than 256 signatures");
        return;
    }
    for (size_t i = 0; i < count; i++)
        read_vote(&out->votes[i], json_at(votes, i));
    out->count = (uint32_t)count;
}

static void read_validator(struct comet_validators *set, struct json_value v)
{
    struct comet_validator *out = &set->list[set->count];
    struct json_value key = json_get(v, "pub_key"), address = json_get(v, "address");
    json_hex(address, out->address, sizeof(out->address));
    if (strcmp(json_text(json_get(key, "type")), "tendermint/PubKeyEd25519") != 0)
        json_fail(key, ERR_UNSUPPORTED, "only tendermint/PubKeyEd25519 is supported");
    base64_member(key, "value", out->key, sizeof(out->key));
    uint8_t own[COMET_ADDRESS_SIZE];
    comet_address(own, out->key);
    if (memcmp(own, out->address, sizeof(own)) != 0)
        json_fail(address, ERR_FORMAT, "is not the address of the key");
    struct json_value power = json_get(v, "voting_power");
    out->power = json_u64(power, COMET_POWER_MAX);
    if (out->power == 0 || out->power > COMET_POWER_MAX - set->power) {
        json_fail(power, ERR_RANGE, "0, or too large with the others");
        return;
    }
    set->power += out->power;
    set->count++;
}

void comet_read_validators(struct comet_validators *set, struct json_value array)
{
    size_t count = json_count(array);
    if (count > COMET_VALIDATORS_MAX - set->count) {
        json_fail(array, ERR_LIMIT, "more than 256 validators");
        return;
    }
    for (size_t i = 0; i < count && array.doc->err == OK; i++)
        read_validator(set, json_at(array, i));
}
