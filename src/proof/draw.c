#include "proof/draw.h"

#include "crypto/hmac.h"

/* The first 16 bytes as a little-endian number. */
static u128 le128(const uint8_t *p)
{
    return (u128)load_le64(p + 8) << 64 | load_le64(p);
}

u128 draw_offset(const struct draw_seed *seed, enum draw_kind kind, uint32_t j, u128 total)
{
    ASSERT(total != 0);
    uint8_t numbers[13];
    uint8_t hash[32];
    store_le64(numbers, seed->slot);
    numbers[8] = (uint8_t)kind;
    store_le32(numbers + 9, j);
    const struct span parts[] = {
        { seed->chain, 32 },
        { seed->beacon, 32 },
        { seed->lineage, 32 },
        { numbers, 13 },
    };
    sha256_tagged(hash, "crust/draw/1", parts, 4);
    return le128(hash) % total;
}

/* Bytes of one kind in volume v; none when it is suspended. */
static uint64_t volume_bytes(const struct work_state *s, uint16_t suspended, bool srd, int v)
{
    if ((suspended >> v & 1) != 0)
        return 0;
    return srd ? s->volumes[v].srd.root.sum : s->volumes[v].files.root.sum;
}

u128 draw_total(const struct work_state *s, uint16_t suspended, bool srd)
{
    u128 total = 0;
    for (int v = 0; v < WORK_VOLUMES; v++)
        total += volume_bytes(s, suspended, srd, v);
    return total;
}

enum err draw_locate(struct draw_place *out, const struct work_state *s, uint16_t suspended,
                     bool srd, u128 offset)
{
    *out = (struct draw_place){ 0 };
    for (int v = 0; v < WORK_VOLUMES; v++) {
        /* SPEC proof 5.2: "offsets run through them by ascending number" */
        uint64_t bytes = volume_bytes(s, suspended, srd, v);
        if (offset < bytes) {
            *out = (struct draw_place){ (uint8_t)v, srd, (uint64_t)offset };
            return OK;
        }
        offset -= bytes;
    }
    return ERR_RANGE;
}

/* A place that must exist, because the offset is below the total of the same volumes. */
static struct draw_place locate(const struct work_state *s, uint16_t suspended, bool srd,
                                u128 offset)
{
    struct draw_place place;
    enum err e = draw_locate(&place, s, suspended, srd, offset);
    ASSERT(e == OK);
    return place;
}

void draw_slot(struct draw_list *out, const struct draw_seed *seed, const struct work_state *s,
               uint16_t suspended, struct draw_counts counts)
{
    ASSERT(counts.files <= DRAW_LIST_MAX && counts.srd <= DRAW_LIST_MAX - counts.files);
    *out = (struct draw_list){ 0 };
    for (int srd = 0; srd < 2; srd++) {
        u128 total = draw_total(s, suspended, srd != 0);
        uint32_t count = srd != 0 ? counts.srd : counts.files;
        /* SPEC proof 5.2: "Without bytes there is no draw." */
        for (uint32_t j = 0; total != 0 && j < count; j++) {
            u128 offset = draw_offset(seed, srd != 0 ? DRAW_SRD : DRAW_FILES, j, total);
            out->draws[out->count++] = (struct draw){
                .kind = srd != 0 ? REPORT_ANSWER_SRD : REPORT_ANSWER_FILE,
                .j = j,
                .place = locate(s, suspended, srd != 0, offset),
            };
        }
    }
}

void draw_return(struct draw_list *out, const struct draw_seed *seed, const struct work_state *s,
                 uint8_t volume, uint32_t count)
{
    ASSERT(volume < WORK_VOLUMES && count <= DRAW_LIST_MAX);
    *out = (struct draw_list){ 0 };
    uint16_t others = (uint16_t) ~(1u << volume);
    u128 files = draw_total(s, others, false);
    u128 total = files + draw_total(s, others, true);
    for (uint32_t j = 0; total != 0 && j < count; j++) {
        u128 offset = draw_offset(seed, DRAW_RETURN, j, total);
        /* SPEC proof 5.3: "an offset below those of its files falls in the file tree, the others,
         * less those, in the SRD tree" */
        bool srd = offset >= files;
        out->draws[out->count++] = (struct draw){
            .kind = srd ? REPORT_ANSWER_RETURN_SRD : REPORT_ANSWER_RETURN_FILE,
            .j = j,
            .place = locate(s, others, srd, srd ? offset - files : offset),
        };
    }
}

/* The least r with r * r >= n. */
static uint32_t sqrt_up(uint64_t n)
{
    uint64_t r = 0;
    for (uint64_t bit = (uint64_t)1 << 20; bit != 0; bit >>= 1)
        if ((r + bit) * (r + bit) <= n)
            r += bit;
    return (uint32_t)(r * r < n ? r + 1 : r);
}

uint32_t draw_private_count(const struct work_state *s, uint16_t suspended)
{
    uint64_t leaves = 0;
    for (int v = 0; v < WORK_VOLUMES; v++)
        if ((suspended >> v & 1) == 0)
            leaves += (uint64_t)s->volumes[v].files.count + s->volumes[v].srd.count;
    if (draw_total(s, suspended, false) + draw_total(s, suspended, true) == 0)
        return 0;
    /* SPEC proof 5.4: "for i below 64 + ceil(sqrt(leaves))" */
    return 64 + sqrt_up(leaves);
}

void draw_private(struct draw_place *out, const struct draw_secret *secret, uint32_t i,
                  const struct work_state *s, uint16_t suspended)
{
    static const char tag[] = "crust/inspect/1";
    u128 files = draw_total(s, suspended, false);
    u128 total = files + draw_total(s, suspended, true);
    ASSERT(total != 0);
    uint8_t numbers[12];
    uint8_t mac[HMAC_SIZE];
    store_le64(numbers, secret->slot);
    store_le32(numbers + 8, i);
    const struct span parts[] = { span_str(tag), { secret->beacon, 32 }, { numbers, 12 } };
    hmac_sha256(mac, span_of(secret->inspect_key, 32), parts, 3);
    u128 offset = le128(mac) % total;
    bool srd = offset >= files;
    *out = locate(s, suspended, srd, srd ? offset - files : offset);
}

uint32_t draw_send_offset(const uint8_t lineage[32], uint64_t slot, uint32_t report_blocks)
{
    uint8_t number[8];
    uint8_t hash[32];
    uint64_t window = (uint64_t)report_blocks * 3 / 4;
    store_le64(number, slot);
    const struct span parts[] = { { lineage, 32 }, { number, 8 } };
    sha256_tagged(hash, "crust/send/1", parts, 2);
    /* SPEC proof 5.5: "max(1, floor(3 * report_blocks / 4)) of the slot" */
    return (uint32_t)(load_le64(hash) % (window == 0 ? 1 : window));
}
