/* node_handover: the messages of codec/node_msg.h by which a worker registers, and goes on in
 * another enclave. docs/spec/node-ipc.md. Pure. */
#ifndef CRUST_CODEC_NODE_HANDOVER_H
#define CRUST_CODEC_NODE_HANDOVER_H

#include "base/span.h"

struct node_register {
    uint8_t account[32];
    uint8_t chain[32];
    uint8_t release[32];
    uint64_t block_height;
    uint8_t block_hash[32];
};

struct node_evidence {
    uint8_t worker[32];
    struct span evidence;
};

/* One step; what is done already is not done again. */
enum node_hand_over_step {
    NODE_HAND_OVER_LOOK = 0,   /* nothing: say how far it is */
    NODE_HAND_OVER_OFFER = 1,  /* make the successor's keys */
    NODE_HAND_OVER_GIVE = 2,   /* the enclave judges it and gives it the node's keys */
    NODE_HAND_OVER_SWITCH = 3, /* the successor takes the enclave's place */
    NODE_HAND_OVER_SHOW = 4,   /* nothing: give evidence of the successor that was offered */
};

struct node_hand_over {
    uint32_t step;
    uint64_t time; /* seconds */
    uint8_t account[32], block_hash[32];
    struct span certificate; /* of the successor's release; GIVE */
    struct span documents;   /* collateral, docs/spec/handover.md 3.2; GIVE */
};

struct node_handed {
    uint32_t stage; /* 0 none, 1 offered, 2 given, 3 taken */
    uint8_t predecessor[32], successor[32];
    struct span evidence; /* SHOW; else empty */
};

struct node_succession {
    uint8_t worker[32], predecessor[32], exchange[32], release[32];
    struct span evidence, given, taken;
};

#endif
