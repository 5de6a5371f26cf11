#include "rt/http_transfer.h"

#include "rt/netaddr.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

enum {
    CONNECT_DEFAULT_MS = 10000,
    IDLE_DEFAULT_MS = 30000,
    SIZE_DEFAULT = 16 << 20,
    HEADER_TEXT_MAX = 4096,
    RECEIVE_BUFFER = 64 << 10,
};

static pthread_once_t global_once = PTHREAD_ONCE_INIT;
static CURLcode global_result;

static void global_init(void)
{
    global_result = curl_global_init(CURL_GLOBAL_DEFAULT);
}

enum err http_transfer_global(void)
{
    pthread_once(&global_once, global_init);
    return global_result == CURLE_OK ? OK : ERR_MEMORY;
}

/* Every connection, of every redirect, after resolution: nothing is dialled that is not allowed. */
static curl_socket_t open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct http_transfer *t = ctx;
    if (purpose != CURLSOCKTYPE_IPCXN)
        return CURL_SOCKET_BAD;
    enum netaddr_class class = netaddr_classify(&address->addr, address->addrlen);
    bool local = class == NETADDR_LOOPBACK || class == NETADDR_PRIVATE ||
                 class == NETADDR_UNIQUE_LOCAL || class == NETADDR_SHARED;
    if (class != NETADDR_GLOBAL && !(local && t->allow_private)) {
        t->denied = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* Tells the owner about the final answer, once, before its body. */
static enum err tell_reply(struct http_transfer *t)
{
    if (t->replied)
        return OK;
    t->replied = true;
    if (t->o.on_reply == NULL)
        return OK;
    long status = 0;
    curl_off_t length = -1;
    char *type = NULL, *url = NULL;
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(t->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    curl_easy_getinfo(t->easy, CURLINFO_CONTENT_TYPE, &type);
    curl_easy_getinfo(t->easy, CURLINFO_EFFECTIVE_URL, &url);
    struct curl_header *header = NULL;
    bool found = t->o.wanted != NULL &&
                 curl_easy_header(t->easy, t->o.wanted, 0, CURLH_HEADER, -1, &header) == CURLHE_OK;
    struct http_reply reply = {
        .status = (uint16_t)status,
        .header = found ? header->value : "",
        .length = length < 0 ? HTTP_SIZE_UNKNOWN : (uint64_t)length,
        .content_type = type == NULL ? "" : type,
        .url = url == NULL ? "" : url,
    };
    return t->o.on_reply(t->o.ctx, &reply);
}

static size_t on_bytes(char *p, size_t size, size_t count, void *ctx)
{
    struct http_transfer *t = ctx;
    size_t n = size * count;
    t->stop = tell_reply(t);
    if (t->stop != OK)
        return 0;
    if (n > t->o.size_max - t->received) {
        t->stop = ERR_LIMIT;
        return 0;
    }
    enum err e = t->o.on_body == NULL ? OK : t->o.on_body(t->o.ctx, span_of(p, n));
    if (e == ERR_BUSY) {
        t->paused = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    t->stop = e;
    if (e != OK)
        return 0;
    t->received += n;
    return n;
}

static size_t on_upload(char *out, size_t size, size_t count, void *ctx)
{
    struct http_transfer *t = ctx;
    int64_t n = t->o.body_read(t->o.ctx, (uint8_t *)out, size * count);
    if (n >= 0 && (uint64_t)n <= size * count)
        return (size_t)n;
    t->stop = ERR_CLOSED;
    return CURL_READFUNC_ABORT;
}

static bool plain_text(const char *s)
{
    for (; *s != '\0'; s++) {
        unsigned char c = (unsigned char)*s;
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

static enum err add_headers(struct http_transfer *t, const struct http_fetch_options *o)
{
    if (o->header_count > HTTP_FETCH_HEADERS_MAX)
        return ERR_LIMIT;
    for (size_t i = 0; i < o->header_count; i++) {
        char line[HEADER_TEXT_MAX];
        const struct http_header *h = &o->headers[i];
        /* A line break in a value would be another header. */
        if (!plain_text(h->name) || !plain_text(h->value) || strchr(h->name, ':') != NULL)
            return ERR_FORMAT;
        /* libcurl drops "Name:" without value; "Name;" is how it is told to send it empty. */
        const char *colon = h->value[0] == '\0' ? ";" : ": ";
        int n = snprintf(line, sizeof(line), "%s%s%s", h->name, colon, h->value);
        if (n < 0 || (size_t)n >= sizeof(line))
            return ERR_LIMIT;
        struct curl_slist *more = curl_slist_append(t->headers, line);
        if (more == NULL)
            return ERR_MEMORY;
        t->headers = more;
    }
    return OK;
}

static enum err set_body(struct http_transfer *t, const struct http_fetch_options *o)
{
    CURL *h = t->easy;
    if (o->body_read != NULL) {
        curl_easy_setopt(h, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(h, CURLOPT_READFUNCTION, on_upload);
        curl_easy_setopt(h, CURLOPT_READDATA, t);
        if (o->body_size != HTTP_SIZE_UNKNOWN)
            curl_easy_setopt(h, CURLOPT_INFILESIZE_LARGE, (curl_off_t)o->body_size);
        return OK;
    }
    t->body = malloc(o->body.n + 1);
    if (t->body == NULL)
        return ERR_MEMORY;
    if (o->body.n > 0)
        memcpy(t->body, o->body.p, o->body.n);
    curl_easy_setopt(h, CURLOPT_POST, 1L);
    curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)o->body.n);
    curl_easy_setopt(h, CURLOPT_POSTFIELDS, t->body);
    return OK;
}

static enum err set_method(struct http_transfer *t, const struct http_fetch_options *o)
{
    CURL *h = t->easy;
    switch (o->method) {
    case HTTP_GET:
        curl_easy_setopt(h, CURLOPT_HTTPGET, 1L);
        return OK;
    case HTTP_HEAD:
        curl_easy_setopt(h, CURLOPT_NOBODY, 1L);
        return OK;
    case HTTP_POST:
    case HTTP_PUT:
        TRY(set_body(t, o));
        break;
    case HTTP_DELETE:
        break;
    case HTTP_OPTIONS:
    case HTTP_PATCH:
    case HTTP_CONNECT:
    case HTTP_OTHER:
        return ERR_UNSUPPORTED;
    }
    curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, http_method_name(o->method));
    return OK;
}

static void set_limits(struct http_transfer *t)
{
    CURL *h = t->easy;
    struct http_fetch_options *o = &t->o;
    if (o->size_max == 0)
        o->size_max = SIZE_DEFAULT;
    long connect_ms = o->connect_timeout_ms == 0 ? CONNECT_DEFAULT_MS : (long)o->connect_timeout_ms;
    long idle_ms = o->idle_timeout_ms == 0 ? IDLE_DEFAULT_MS : (long)o->idle_timeout_ms;
    curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS, connect_ms);
    curl_easy_setopt(h, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(h, CURLOPT_LOW_SPEED_TIME, (idle_ms + 999) / 1000);
    curl_easy_setopt(h, CURLOPT_TIMEOUT_MS, (long)o->total_timeout_ms);
    long redirects = o->redirects_max;
    if (redirects > HTTP_REDIRECTS_MAX)
        redirects = HTTP_REDIRECTS_MAX;
    curl_easy_setopt(h, CURLOPT_FOLLOWLOCATION, redirects > 0 ? 1L : 0L);
    curl_easy_setopt(h, CURLOPT_MAXREDIRS, redirects);
    curl_easy_setopt(h, CURLOPT_BUFFERSIZE, (long)RECEIVE_BUFFER);
}

static enum err set_up(struct http_transfer *t, const struct http_fetch_options *o)
{
    CURL *h = t->easy;
    if (strlen(o->url) >= HTTP_URL_MAX)
        return ERR_LIMIT;
    bool web = strncmp(o->url, "http://", 7) == 0 || strncmp(o->url, "https://", 8) == 0;
    if (!web || !plain_text(o->url))
        return ERR_FORMAT;
    curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(h, CURLOPT_PROXY, ""); /* a proxy would dial for us, unchecked */
    curl_easy_setopt(h, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(h, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(h, CURLOPT_USERAGENT, "crust");
    curl_easy_setopt(h, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(h, CURLOPT_OPENSOCKETDATA, t);
    curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(h, CURLOPT_WRITEDATA, t);
    TRY(set_method(t, o));
    set_limits(t);
    TRY(add_headers(t, o));
    /* Without this libcurl waits a second for "100 Continue" before larger bodies. */
    struct curl_slist *more = curl_slist_append(t->headers, "Expect:");
    if (more == NULL)
        return ERR_MEMORY;
    t->headers = more;
    curl_easy_setopt(h, CURLOPT_HTTPHEADER, t->headers);
    return curl_easy_setopt(h, CURLOPT_URL, o->url) == CURLE_OK ? OK : ERR_MEMORY;
}

enum err http_transfer_init(struct http_transfer *t, const struct http_fetch_options *o,
                            bool allow_private)
{
    *t = (struct http_transfer){ .o = *o, .allow_private = allow_private };
    t->easy = curl_easy_init();
    if (t->easy == NULL)
        return ERR_MEMORY;
    enum err e = set_up(t, o);
    t->o.url = NULL;
    t->o.headers = NULL;
    t->o.body = (struct span){ 0 };
    if (e != OK)
        http_transfer_fini(t);
    return e;
}

void http_transfer_fini(struct http_transfer *t)
{
    curl_easy_cleanup(t->easy);
    curl_slist_free_all(t->headers);
    free(t->body);
    t->easy = NULL;
    t->headers = NULL;
    t->body = NULL;
}

static enum err err_of(const struct http_transfer *t, CURLcode code)
{
    if (t->stop != OK)
        return t->stop;
    /* libcurl asks for sockets one address after the other; with one refused, a failure to connect
     * means that none of the allowed ones worked. */
    if (t->denied && code == CURLE_COULDNT_CONNECT)
        return ERR_DENIED;
    switch ((int)code) {
    case CURLE_OK:
        return OK;
    case CURLE_OPERATION_TIMEDOUT:
        return ERR_TIMEOUT;
    case CURLE_COULDNT_RESOLVE_HOST:
        return ERR_NOT_FOUND;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return ERR_FORMAT;
    case CURLE_TOO_MANY_REDIRECTS:
    case CURLE_FILESIZE_EXCEEDED:
        return ERR_LIMIT;
    case CURLE_OUT_OF_MEMORY:
        return ERR_MEMORY;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR:
        return ERR_SIGNATURE;
    case CURLE_COULDNT_CONNECT:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
        return ERR_CLOSED;
    default:
        return ERR_IO;
    }
}

enum err http_transfer_result(struct http_transfer *t, CURLcode code, uint16_t *status)
{
    long number = 0;
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &number);
    *status = (uint16_t)number;
    enum err e = err_of(t, code);
    return e == OK ? tell_reply(t) : e;
}

/* ---- blocking ---- */

enum err http_fetch_sync(const struct http_fetch_options *o, bool allow_private, uint16_t *status)
{
    uint16_t ignored;
    if (status == NULL)
        status = &ignored;
    *status = 0;
    TRY(http_transfer_global());
    struct http_transfer t;
    TRY(http_transfer_init(&t, o, allow_private));
    CURLcode code = curl_easy_perform(t.easy);
    enum err e = http_transfer_result(&t, code, status);
    http_transfer_fini(&t);
    return e;
}

struct text {
    uint8_t *p;
    size_t n, size;
    const struct http_fetch_options *o;
};

static enum err text_append(void *ctx, struct span chunk)
{
    struct text *t = ctx;
    if (chunk.n >= t->size - t->n) {
        size_t size = t->size * 2 + chunk.n + 1;
        uint8_t *p = realloc(t->p, size);
        if (p == NULL)
            return ERR_MEMORY;
        t->p = p;
        t->size = size;
    }
    memcpy(t->p + t->n, chunk.p, chunk.n);
    t->n += chunk.n;
    t->p[t->n] = 0;
    return OK;
}

static enum err text_reply(void *ctx, const struct http_reply *reply)
{
    const struct text *t = ctx;
    return t->o->on_reply == NULL ? OK : t->o->on_reply(t->o->ctx, reply);
}

static int64_t text_upload(void *ctx, uint8_t *out, size_t max)
{
    const struct text *t = ctx;
    return t->o->body_read(t->o->ctx, out, max);
}

enum err http_fetch_text(struct mspan *out, const struct http_fetch_options *o, bool allow_private,
                         uint16_t *status)
{
    *out = (struct mspan){ 0 };
    struct text t = { .p = calloc(1, 4096), .size = 4096, .o = o };
    if (t.p == NULL)
        return ERR_MEMORY;
    struct http_fetch_options mine = *o;
    mine.on_body = text_append;
    mine.on_reply = text_reply;
    mine.body_read = o->body_read != NULL ? text_upload : NULL;
    mine.ctx = &t;
    enum err e = http_fetch_sync(&mine, allow_private, status);
    if (e != OK) {
        free(t.p);
        return e;
    }
    *out = (struct mspan){ t.p, t.n };
    return OK;
}
