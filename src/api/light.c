#include "api/light.h"

#include "codec/json.h"
#include "crypto/ed25519.h"

/* Vote i of the commit is for the block and signed by key. */
static bool is_signed(const struct light_block *block, size_t i, const uint8_t *key)
{
    const struct comet_vote *vote = &block->commit.votes[i];
    if (vote->flag != COMET_COMMIT)
        return false;
    uint8_t room[COMET_VOTE_SIZE_MAX];
    struct span message = comet_vote_bytes(room, block->header.chain_id, &block->commit, i);
    return ed25519_verify(vote->signature, message, key) == OK;
}

static bool hash_is(const struct comet_hash *h, const uint8_t *bytes)
{
    return h->there && memcmp(h->bytes, bytes, COMET_HASH_SIZE) == 0;
}

enum err light_check(const struct light_block *block, const char *chain_id)
{
    const struct comet_header *h = &block->header;
    const struct comet_commit *c = &block->commit;
    const struct comet_validators *set = &block->validators;
    uint8_t hash[COMET_HASH_SIZE];
    if (strcmp(h->chain_id, chain_id) != 0 || h->height == 0 || c->height != h->height)
        return ERR_FORMAT;
    comet_header_hash(hash, h);
    if (!hash_is(&c->block.hash, hash))
        return ERR_CORRUPT;
    comet_validators_hash(hash, set);
    if (!hash_is(&h->validators, hash) || c->count != set->count)
        return ERR_CORRUPT;
    uint64_t power = 0; /* at most COMET_POWER_MAX, so that three times it fits */
    for (size_t i = 0; i < set->count && 3 * power <= 2 * set->power; i++) {
        bool named = memcmp(c->votes[i].address, set->list[i].address, COMET_ADDRESS_SIZE) == 0;
        if (named && is_signed(block, i, set->list[i].key))
            power += set->list[i].power;
    }
    return 3 * power > 2 * set->power ? OK : ERR_SIGNATURE;
}

struct light_signers light_signers(const struct light_block *block)
{
    struct light_signers s = { 0 };
    for (size_t i = 0; i < block->validators.count && i < block->commit.count; i++) {
        const struct comet_validator *v = &block->validators.list[i];
        bool named = memcmp(block->commit.votes[i].address, v->address, COMET_ADDRESS_SIZE) == 0;
        if (!named || !is_signed(block, i, v->key))
            continue;
        s.count++;
        s.power += v->power;
    }
    return s;
}

void light_read(struct light_block *out, struct json_value v)
{
    *out = (struct light_block){ 0 };
    struct json_value signed_header = json_get(v, "signed_header");
    comet_read_header(&out->header, json_get(signed_header, "header"));
    comet_read_commit(&out->commit, json_get(signed_header, "commit"));
    comet_read_validators(&out->validators, json_get(v, "validators"));
}

static const struct comet_validator *find(const struct comet_validators *set,
                                          const uint8_t *address)
{
    for (size_t i = 0; i < set->count; i++)
        if (memcmp(set->list[i].address, address, COMET_ADDRESS_SIZE) == 0)
            return &set->list[i];
    return NULL;
}

/* More than 1/3 of the trusted power signed the block. */
static bool overlaps(const struct comet_validators *trusted, const struct light_block *block)
{
    uint64_t power = 0;
    bool counted[COMET_VALIDATORS_MAX] = { false };
    for (size_t i = 0; i < block->commit.count && 3 * power <= trusted->power; i++) {
        const struct comet_validator *v = find(trusted, block->commit.votes[i].address);
        if (v == NULL || counted[v - trusted->list] || !is_signed(block, i, v->key))
            continue;
        counted[v - trusted->list] = true;
        power += v->power;
    }
    return 3 * power > trusted->power;
}

static struct comet_time later(struct comet_time t, uint64_t seconds)
{
    int64_t room = INT64_MAX - (t.seconds > 0 ? t.seconds : 0);
    t.seconds += seconds < (uint64_t)room ? (int64_t)seconds : room;
    return t;
}

enum err light_follow(const struct light_block *trusted, const struct light_block *block,
                      const struct light_clock *clock)
{
    const struct comet_header *old = &trusted->header, *new = &block->header;
    if (comet_time_cmp(later(old->time, clock->trusting_seconds), clock->now) <= 0)
        return ERR_TIMEOUT;
    if (new->height <= old->height || comet_time_cmp(new->time, old->time) <= 0 ||
        comet_time_cmp(new->time, later(clock->now, clock->drift_seconds)) >= 0)
        return ERR_RANGE;
    if (new->height == old->height + 1) {
        if (!new->validators.there || !hash_is(&old->next_validators, new->validators.bytes))
            return ERR_DENIED;
    } else if (!overlaps(&trusted->validators, block)) {
        return ERR_DENIED;
    }
    return light_check(block, old->chain_id);
}
