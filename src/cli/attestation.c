#include "cli/attestation.h"

#include <stdio.h>
#include <string.h>

enum { HOUR = 3600, DAY = 86400, SOON_PARTS = 4, WHOLE = 1000 };

struct attestation attestation_of(const struct chain_client_worker *w, uint64_t valid_s,
                                  uint64_t now)
{
    const uint64_t soon = valid_s == 0 ? DAY : valid_s / SOON_PARTS;
    struct attestation a = { .state = ATTESTATION_SOFTWARE };
    const bool over = w->expires_at < now;
    if (w->expires_at == 0 && !w->lapsed)
        return a;
    if (w->expires_at != 0)
        a.seconds = over ? now - w->expires_at : w->expires_at - now;
    if (w->lapsed && !over)
        a.seconds = 0; /* ended before its time, by a revocation or a raised minimum */
    a.state = w->lapsed || over  ? ATTESTATION_LAPSED
              : a.seconds < soon ? ATTESTATION_SOON
                                 : ATTESTATION_GOOD;
    if (a.state != ATTESTATION_GOOD)
        a.next = "crust attest collateral status";
    return a;
}

static void number_text(char out[32], uint64_t n, const char *what)
{
    (void)snprintf(out, 32, "%llu %s%s", (unsigned long long)n, what, n == 1 ? "" : "s");
}

/* "2 days 5 hours", "3 hours", "12 minutes". */
static void time_text(char out[72], uint64_t seconds)
{
    char days[32], hours[32], minutes[32];
    number_text(days, seconds / DAY, "day");
    number_text(hours, seconds % DAY / HOUR, "hour");
    number_text(minutes, seconds % HOUR / 60, "minute");
    if (seconds >= DAY)
        (void)snprintf(out, 72, "%s %s", days, hours);
    else
        (void)snprintf(out, 72, "%s", seconds >= HOUR ? hours : minutes);
}

void attestation_text(char out[ATTESTATION_TEXT_MAX], const struct attestation *a,
                      const struct chain_client_worker *w)
{
    char time[72], weight[48] = "counts in full";
    const char *status = strcmp(w->status, "none") == 0 ? "" : w->status;
    time_text(time, a->seconds);
    if (w->weight != WHOLE)
        (void)snprintf(weight, sizeof(weight), "counts %u of %d", w->weight, WHOLE);
    switch (a->state) {
    case ATTESTATION_SOFTWARE:
        (void)snprintf(out, ATTESTATION_TEXT_MAX, "%s, no hardware: it does not lapse; %s",
                       w->class, weight);
        return;
    case ATTESTATION_GOOD:
    case ATTESTATION_SOON:
        (void)snprintf(out, ATTESTATION_TEXT_MAX, "%s%s%s, %s; lapses in %s%s", w->class,
                       status[0] != '\0' ? ", " : "", status, weight, time,
                       a->state == ATTESTATION_SOON ? ": SHOULD HAVE BEEN RENEWED BY NOW" : "");
        return;
    case ATTESTATION_LAPSED:
        (void)snprintf(out, ATTESTATION_TEXT_MAX, "%s HAS LAPSED%s%s%s: the worker %s", w->provider,
                       a->seconds != 0 ? " " : "", a->seconds != 0 ? time : "",
                       a->seconds != 0 ? " ago" : " before its time", weight);
        return;
    }
}

json_t *attestation_json(const struct attestation *a, const struct chain_client_worker *w)
{
    static const char *const states[] = { "software", "good", "soon", "lapsed" };
    const bool left = a->state == ATTESTATION_GOOD || a->state == ATTESTATION_SOON;
    json_t *o = json_pack("{s:s, s:s, s:I, s:s, s:s, s:I, s:I, s:s?}", "provider", w->provider,
                          "class", w->class, "weight", (json_int_t)w->weight, "status", w->status,
                          "state", states[a->state], "attested_at", (json_int_t)w->attested_at,
                          "expires_at", (json_int_t)w->expires_at, "next", a->next);
    json_t *days = a->state == ATTESTATION_SOFTWARE
                       ? json_null()
                       : json_integer(left ? (json_int_t)(a->seconds / DAY) : 0);
    if (o == NULL || json_object_set_new(o, "days_left", days) != 0) {
        json_decref(o);
        return NULL;
    }
    return o;
}
