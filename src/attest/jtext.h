/* jtext: a pull reader for the JSON of Intel's collateral. It allocates nothing and keeps no tree:
 * the caller walks objects and arrays in the order of the text. codec/json is the door for all
 * other JSON; this one exists because a verdict on evidence is consensus, so that every rule about
 * what is read must be ours and the same in every build: docs/spec/attest.md 6.
 *
 * Strict: integers from 0 to 2^31 only, no repeated member, depth at most 8, no escapes in names or
 * in text that is used; values that nobody asks for are checked for form and skipped. Sticky, over
 * base/reader. Pure. */
#ifndef CRUST_ATTEST_JTEXT_H
#define CRUST_ATTEST_JTEXT_H

#include "base/reader.h"

enum {
    JTEXT_DEPTH_MAX = 8,
    JTEXT_MEMBERS_MAX = 32,
    JTEXT_NUMBER_MAX = 2147483647,
};

struct jtext {
    struct reader r;
    unsigned depth;
};

/* An object under way: the names it has had. */
struct jtext_object {
    struct span names[JTEXT_MEMBERS_MAX];
    size_t count;
};

/* An array under way. */
struct jtext_array {
    bool begun;
};

struct jtext jtext_of(struct span in);

/* jtext_object begins an object; then jtext_member gives the name of each member in turn, whose
 * value the caller reads or skips, and false at the end or after a failure. */
void jtext_object(struct jtext *j, struct jtext_object *o);
bool jtext_member(struct jtext *j, struct jtext_object *o, struct span *name);

/* The same for an array; jtext_element is true when an element follows. */
void jtext_array(struct jtext *j, struct jtext_array *a);
bool jtext_element(struct jtext *j, struct jtext_array *a);

/* Text without escapes, control characters or quotes; borrowed. */
struct span jtext_text(struct jtext *j);
uint32_t jtext_number(struct jtext *j, uint32_t max);
/* Exactly 2 * n hex digits of either case. */
void jtext_hex(struct jtext *j, uint8_t *out, size_t n);
/* "YYYY-MM-DDThh:mm:ssZ": seconds since 1970. */
uint64_t jtext_time(struct jtext *j);

/* jtext_skip passes over one value of any kind and gives its bytes, without space around it. */
struct span jtext_skip(struct jtext *j);

/* jtext_finish: OK, the first failure, or ERR_TRAILING when anything but space is left. */
NODISCARD enum err jtext_finish(struct jtext *j);

#endif
