#include "p2p/tls.h"

#include "p2p/tls_cert.h"

#include <openssl/ssl.h>

static const char plain_alpn[] = "libp2p";

enum {
    ALPN_MAX = 512,
    FEED_MAX = 16384,  /* bytes that libssl is given at a time */
    SEAL_MIN = 4096,   /* a record below this is written only when no more is to be sent */
    ALERT_BASE = 1000, /* libssl: reasons from here on are alerts of the peer */
};

/* ---- what all connections share ---------------------------------------------------------------
 */

/* Called by libssl with the peer's chain. */
static int on_verify(X509_STORE_CTX *store, void *arg)
{
    (void)arg;
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct tls *t = SSL_get_app_data(ssl);
    struct peer_key key = { 0 };
    X509 *cert = X509_STORE_CTX_get0_cert(store);
    /* SPEC tls 2.1: "A chain of more than one certificate MUST be refused." */
    enum err e = ERR_FORMAT;
    if (cert != NULL && sk_X509_num(X509_STORE_CTX_get0_untrusted(store)) == 1)
        e = tls_cert_check(&key, cert, t->config.now_s);
    struct peer_id id = { 0 };
    if (e == OK) {
        id = peer_id_of(&key);
        /* SPEC tls 2.6: "A peer that is not the one that was dialled MUST be refused." */
        if (t->config.expected.size != 0 && !peer_id_eq(&id, &t->config.expected))
            e = ERR_DENIED;
    }
    t->verdict = e;
    if (e == OK) {
        t->peer_key = key;
        t->peer = id;
    }
    X509_STORE_CTX_set_error(store, e == OK ? X509_V_OK : X509_V_ERR_APPLICATION_VERIFICATION);
    return e == OK;
}

/* Whether we would speak this protocol; *muxer is its index, or muxer_count for plain libp2p. */
static bool alpn_known(const struct tls_config *c, struct span name, size_t *muxer)
{
    for (*muxer = 0; *muxer < c->muxer_count; (*muxer)++)
        if (span_eq(name, span_str(c->muxers[*muxer])))
            return true;
    return span_eq(name, span_str(plain_alpn));
}

/* Called by libssl on a listener with the dialer's list: its first that we have. */
static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *size,
                   const unsigned char *list, unsigned int list_size, void *arg)
{
    (void)arg;
    struct tls *t = SSL_get_app_data(ssl);
    struct reader r = reader_of(span_of(list, list_size));
    while (r.n != 0 && r.err == OK) {
        size_t muxer;
        struct span name = read_span(&r, read_u8(&r));
        if (r.err == OK && alpn_known(&t->config, name, &muxer)) {
            *out = name.p;
            *size = (unsigned char)name.n;
            return SSL_TLSEXT_ERR_OK;
        }
    }
    t->verdict = ERR_UNSUPPORTED;
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static bool context_set(SSL_CTX *ctx, X509 *cert, EVP_PKEY *key)
{
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_cert_verify_callback(ctx, on_verify, NULL);
    SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_max_cert_list(ctx, TLS_CERT_SIZE_MAX);
    return SSL_CTX_set_num_tickets(ctx, 0) == 1 &&
           SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) == 1 &&
           SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) == 1 &&
           SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:"
                                         "TLS_AES_256_GCM_SHA384") == 1 &&
           SSL_CTX_use_certificate(ctx, cert) == 1 && SSL_CTX_use_PrivateKey(ctx, key) == 1;
}

enum err tls_identity_init(struct tls_identity *t, const struct ed25519_key *identity,
                           int64_t now_s)
{
    X509 *cert;
    EVP_PKEY *key;
    *t = (struct tls_identity){ 0 };
    /* The system's configuration of libssl is for other programs: libp2p fixes ours. */
    if (OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1)
        return ERR_MEMORY;
    TRY(tls_cert_make(&cert, &key, identity, now_s));
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());
    bool ok = ctx != NULL && context_set(ctx, cert, key);
    X509_free(cert);
    EVP_PKEY_free(key);
    t->ctx = ctx;
    ERR_clear_error();
    return ok ? OK : ERR_MEMORY;
}

void tls_identity_fini(struct tls_identity *t)
{
    SSL_CTX_free(t->ctx);
    *t = (struct tls_identity){ 0 };
}

/* ---- one connection -----------------------------------------------------------------------------
 */

/* The names a dialer offers: its muxers, then plain libp2p. */
static bool set_alpn(SSL *ssl, const struct tls_config *c)
{
    uint8_t buf[ALPN_MAX];
    struct writer w = writer_of(buf, sizeof(buf));
    for (size_t i = 0; i < c->muxer_count; i++) {
        write_u8(&w, (uint8_t)strlen(c->muxers[i]));
        write_span(&w, span_str(c->muxers[i]));
    }
    write_u8(&w, sizeof(plain_alpn) - 1);
    write_span(&w, span_str(plain_alpn));
    ASSERT(w.err == OK);
    return SSL_set_alpn_protos(ssl, buf, (unsigned)w.len) == 0;
}

enum err tls_init(struct tls *t, const struct tls_identity *identity,
                  const struct tls_config *config)
{
    *t = (struct tls){ .config = *config };
    ASSERT(config->muxer_count <= TLS_MUXERS_MAX);
    SSL *ssl = SSL_new(identity->ctx);
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
    t->ssl = ssl;
    if (ssl == NULL || in == NULL || out == NULL) {
        BIO_free(in);
        BIO_free(out);
        t->err = ERR_MEMORY;
        return t->err;
    }
    SSL_set_bio(ssl, in, out); /* taken */
    SSL_set_app_data(ssl, t);
    if (config->initiator) {
        SSL_set_connect_state(ssl);
        if (!set_alpn(ssl, config))
            t->err = ERR_MEMORY;
    } else {
        SSL_set_accept_state(ssl);
    }
    return t->err;
}

void tls_fini(struct tls *t)
{
    SSL_free(t->ssl);
    *t = (struct tls){ 0 };
}

/* Gives libssl bytes when it has used up the last ones; false when there are none. */
static bool feed(struct tls *t, struct ring *net_in)
{
    BIO *bio = SSL_get_rbio(t->ssl);
    struct span s = span_sub(ring_peek(net_in), 0, FEED_MAX);
    if (BIO_pending(bio) != 0)
        return true;
    if (s.n == 0)
        return false;
    int n = BIO_write(bio, s.p, (int)s.n);
    ring_drop(net_in, n > 0 ? (size_t)n : 0);
    return n > 0;
}

/* Takes what libssl has written, as far as there is room; true when nothing is left. */
static bool drain(struct tls *t, struct ring *net_out)
{
    BIO *bio = SSL_get_wbio(t->ssl);
    while (BIO_pending(bio) != 0 && ring_room(net_out) != 0) {
        struct mspan space = ring_space(net_out, 0);
        int n = BIO_read(bio, space.p, (int)(space.n < INT32_MAX ? space.n : INT32_MAX));
        ring_commit(net_out, n > 0 ? (size_t)n : 0);
    }
    return BIO_pending(bio) == 0;
}

/* What went wrong, in our words. */
static enum err failure(struct tls *t)
{
    unsigned long e = ERR_peek_error();
    int reason = ERR_GET_REASON(e);
    ERR_clear_error();
    if (t->verdict != OK)
        return t->verdict;
    if (ERR_GET_LIB(e) != ERR_LIB_SSL)
        return ERR_FORMAT;
    if (reason >= ALERT_BASE)
        return ERR_CLOSED;
    if (reason == SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC ||
        reason == SSL_R_DIGEST_CHECK_FAILED || reason == SSL_R_BAD_SIGNATURE)
        return ERR_SIGNATURE;
    return ERR_FORMAT;
}

static enum err finish(struct tls *t)
{
    const unsigned char *name = NULL;
    unsigned size = 0;
    size_t muxer = t->config.muxer_count;
    SSL_get0_alpn_selected(t->ssl, &name, &size);
    /* A listener of ours takes a dialer without ALPN; a muxer is then negotiated afterwards. */
    if (size != 0 && !alpn_known(&t->config, span_of(name, size), &muxer))
        return ERR_UNSUPPORTED;
    t->muxer_agreed = size != 0 && muxer < t->config.muxer_count;
    t->muxer = t->muxer_agreed ? muxer : 0;
    ASSERT(t->peer.size != 0);
    t->done = true;
    return OK;
}

enum err tls_step(struct tls *t, struct ring *net_in, struct ring *net_out)
{
    while (t->err == OK && !t->done) {
        (void)feed(t, net_in);
        ERR_clear_error();
        int r = SSL_do_handshake(t->ssl);
        if (r == 1)
            t->err = finish(t);
        else if (SSL_get_error(t->ssl, r) != SSL_ERROR_WANT_READ)
            t->err = failure(t);
        else if (!feed(t, net_in))
            break;
    }
    if (t->ssl != NULL)
        (void)drain(t, net_out);
    return t->err;
}

void tls_seal(struct tls *t, struct ring *app_out, struct ring *net_out)
{
    ASSERT(tls_done(t));
    while (drain(t, net_out) && t->err == OK) {
        struct span s = span_sub(ring_peek(app_out), 0, TLS_PLAIN_MAX);
        size_t least = s.n < SEAL_MIN ? s.n : SEAL_MIN;
        if (s.n == 0 || ring_room(net_out) < least)
            return;
        s = span_sub(s, 0, ring_room(net_out) > SEAL_MIN ? ring_room(net_out) : SEAL_MIN);
        ERR_clear_error();
        int n = SSL_write(t->ssl, s.p, (int)s.n);
        if (n <= 0) {
            t->err = failure(t);
            return;
        }
        ring_drop(app_out, (size_t)n);
    }
}

enum err tls_open(struct tls *t, struct ring *net_in, struct ring *app_in)
{
    ASSERT(tls_done(t));
    while (t->err == OK && !t->closed && ring_room(app_in) != 0) {
        /* Answers to the peer's requests wait in the other direction: no more of them. */
        if (BIO_pending(SSL_get_wbio(t->ssl)) > FEED_MAX)
            break;
        struct mspan space = ring_space(app_in, 0);
        ERR_clear_error();
        int n = SSL_read(t->ssl, space.p, (int)(space.n < INT32_MAX ? space.n : INT32_MAX));
        if (n > 0) {
            ring_commit(app_in, (size_t)n);
            continue;
        }
        int e = SSL_get_error(t->ssl, n);
        if (e == SSL_ERROR_ZERO_RETURN)
            t->closed = true;
        else if (e != SSL_ERROR_WANT_READ)
            t->err = failure(t);
        else if (!feed(t, net_in))
            break;
    }
    return t->err;
}

void tls_close(struct tls *t, struct ring *net_out)
{
    if (t->ssl == NULL || !t->done || t->err != OK)
        return;
    ERR_clear_error();
    (void)SSL_shutdown(t->ssl);
    ERR_clear_error();
    (void)drain(t, net_out);
}
