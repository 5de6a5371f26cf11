/* decisions: the journal of what was decided about orders and why, one JSON object a line in
 * FOLDER/decisions.jsonl; the file before it is kept as decisions.jsonl.1. It is for people and
 * never read back: every decision can be made again from the chain. Loop thread. */
#ifndef CRUST_AGENTD_DECISIONS_H
#define CRUST_AGENTD_DECISIONS_H

#include "agentd/orders.h"

enum { DECISIONS_FILE_MAX = 8 << 20, DECISIONS_LINE_MAX = 1024 };

struct decisions; /* given by decisions_open, destroyed by decisions_close */

NODISCARD enum err decisions_open(struct decisions **out, const char *folder);
void decisions_close(struct decisions *d); /* NULL is fine */

/* decisions_line writes the line, with its end, for a row. w->err tells when it did not fit. */
void decisions_line(struct writer *w, const struct order *row, uint64_t height, uint64_t wall_ms);

/* decisions_note appends the line of a row. A disk that refuses it costs only the line. */
void decisions_note(struct decisions *d, const struct order *row, uint64_t height);

#endif
