#include "p2p/upgrade.h"

#include "crypto/secret.h"

static const char noise_id[] = "/noise";
static const char tls_id[] = "/tls/1.0.0";
/* The one muxer we speak. */
static const char *const muxers[] = { "/yamux/1.0.0" };

void upgrade_init(struct upgrade *u, const struct upgrade_config *config,
                  const uint8_t random[UPGRADE_RANDOM_SIZE])
{
    *u = (struct upgrade){ .config = *config };
    memcpy(u->random, random, sizeof(u->random));
    size_t n = 0;
    ASSERT(config->noise || config->tls);
    ASSERT(!config->tls || config->tls_identity != NULL);
    if (config->tls && config->prefer_tls)
        u->offers[n++] = tls_id;
    if (config->noise)
        u->offers[n++] = noise_id;
    if (config->tls && !config->prefer_tls)
        u->offers[n++] = tls_id;
    if (config->dialer)
        multistream_dial(&u->negotiation, u->offers, n, false);
    else
        multistream_listen(&u->negotiation, u->offers, n);
}

void upgrade_fini(struct upgrade *u)
{
    if (u->begun && u->security == UPGRADE_NOISE)
        noise_fini(&u->noise);
    if (u->begun && u->security == UPGRADE_TLS)
        tls_fini(&u->tls);
    secret_wipe_bytes(u, sizeof(*u));
}

static enum err begin_handshake(struct upgrade *u)
{
    const struct upgrade_config *c = &u->config;
    size_t count = c->early_muxer ? 1 : 0;
    u->begun = true;
    u->state = UPGRADE_HANDSHAKE;
    if (u->offers[multistream_chosen(&u->negotiation)] == noise_id) {
        u->security = UPGRADE_NOISE;
        struct noise_config n = { .initiator = c->dialer,
                                  .identity = c->identity,
                                  .expected = c->expected,
                                  .muxers = muxers,
                                  .muxer_count = count };
        enum err e = noise_init(&u->noise, &n, u->random);
        secret_wipe_bytes(u->random, sizeof(u->random));
        return e;
    }
    u->security = UPGRADE_TLS;
    struct tls_config t = { .initiator = c->dialer,
                            .expected = c->expected,
                            .muxers = muxers,
                            .muxer_count = count,
                            .now_s = c->unix_s };
    return tls_init(&u->tls, c->tls_identity, &t);
}

static enum err step_handshake(struct upgrade *u, const struct upgrade_rings *r)
{
    bool done;
    if (u->security == UPGRADE_NOISE) {
        TRY(noise_step(&u->noise, r->net_in, r->net_out));
        done = noise_done(&u->noise);
        u->early = u->noise.muxer_agreed;
    } else {
        TRY(tls_step(&u->tls, r->net_in, r->net_out));
        done = tls_done(&u->tls);
        u->early = u->tls.muxer_agreed;
    }
    if (!done)
        return OK;
    if (u->early) {
        u->state = UPGRADE_READY;
        return OK;
    }
    u->state = UPGRADE_MUXER;
    if (u->config.dialer)
        multistream_dial(&u->negotiation, muxers, 1, false);
    else
        multistream_listen(&u->negotiation, muxers, 1);
    return OK;
}

/* Bytes through the channel, both ways. */
static enum err carry(struct upgrade *u, const struct upgrade_rings *r)
{
    if (u->security == UPGRADE_NOISE) {
        noise_seal(&u->noise, r->app_out, r->net_out);
        return noise_open(&u->noise, r->net_in, r->app_in);
    }
    tls_seal(&u->tls, r->app_out, r->net_out);
    enum err e = tls_open(&u->tls, r->net_in, r->app_in);
    if (e != OK)
        tls_seal(&u->tls, r->app_out, r->net_out); /* the alert that says why */
    return e;
}

static enum err step_muxer(struct upgrade *u, const struct upgrade_rings *r)
{
    TRY(carry(u, r));
    TRY(multistream_step(&u->negotiation, r->app_in, r->app_out));
    if (multistream_done(&u->negotiation))
        u->state = UPGRADE_READY;
    return carry(u, r);
}

static enum err advance(struct upgrade *u, const struct upgrade_rings *r, uint64_t now_ms)
{
    /* SPEC upgrade 1.4: "An upgrade that is not ready 15 seconds after it began MUST be given up,
     * whatever has arrived." */
    if (u->state != UPGRADE_READY && u->config.deadline_ms != 0 && now_ms >= u->config.deadline_ms)
        return ERR_TIMEOUT;
    if (u->state == UPGRADE_SECURITY) {
        TRY(multistream_step(&u->negotiation, r->net_in, r->net_out));
        if (multistream_done(&u->negotiation))
            TRY(begin_handshake(u));
    }
    if (u->state == UPGRADE_HANDSHAKE)
        TRY(step_handshake(u, r));
    if (u->state == UPGRADE_MUXER)
        return step_muxer(u, r);
    return u->state == UPGRADE_READY ? carry(u, r) : OK;
}

enum err upgrade_step(struct upgrade *u, const struct upgrade_rings *r, uint64_t now_ms)
{
    if (u->err == OK)
        u->err = advance(u, r, now_ms);
    return u->err;
}

void upgrade_close(struct upgrade *u, struct ring *net_out)
{
    if (u->begun && u->security == UPGRADE_TLS)
        tls_close(&u->tls, net_out);
}

const struct peer_id *upgrade_peer(const struct upgrade *u)
{
    ASSERT(u->state == UPGRADE_MUXER || u->state == UPGRADE_READY);
    return u->security == UPGRADE_NOISE ? &u->noise.peer : &u->tls.peer;
}

const struct peer_key *upgrade_peer_key(const struct upgrade *u)
{
    ASSERT(u->state == UPGRADE_MUXER || u->state == UPGRADE_READY);
    return u->security == UPGRADE_NOISE ? &u->noise.peer_key : &u->tls.peer_key;
}

bool upgrade_peer_closed(const struct upgrade *u)
{
    return u->begun && u->security == UPGRADE_TLS && u->tls.closed;
}

const char *upgrade_security_name(const struct upgrade *u)
{
    if (u->state == UPGRADE_SECURITY)
        return NULL;
    return u->security == UPGRADE_NOISE ? noise_id : tls_id;
}
