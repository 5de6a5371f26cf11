/* Any JSON as an answer of the engine's RPC: what is read stays within its limits and can be
 * hashed. */
#include "codec/comet.h"
#include "codec/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct comet_header header;
    static struct comet_commit commit;
    static struct comet_validators set;
    uint8_t hash[COMET_HASH_SIZE], room[COMET_VOTE_SIZE_MAX];
    struct json doc;
    set = (struct comet_validators){ 0 };
    if (json_open(&doc, span_of(data, size), COMET_JSON_MAX) == OK) {
        struct json_value v = json_root(&doc), sh = json_get(v, "signed_header");
        comet_read_header(&header, json_get(sh, "header"));
        comet_read_commit(&commit, json_get(sh, "commit"));
        comet_read_validators(&set, json_get(v, "validators"));
        comet_header_hash(hash, &header);
        comet_validators_hash(hash, &set);
        ASSERT(set.count <= COMET_VALIDATORS_MAX && set.power <= COMET_POWER_MAX);
        ASSERT(commit.count <= COMET_VALIDATORS_MAX);
        for (size_t i = 0; i < commit.count; i++)
            ASSERT(comet_vote_bytes(room, header.chain_id, &commit, i).n <= sizeof(room));
    }
    json_close(&doc);
    return 0;
}
