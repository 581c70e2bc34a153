/* SPDX-License-Identifier: Apache-2.0 */
#include "net_fake.h"

#include <sys/queue.h>

#include "core/clock.h"
#include "core/log.h"
#include "core_internal.h"
#include "fuzz.h"

struct loop_timer {
    LIST_ENTRY(loop_timer) link;
    struct loop *loop;
    loop_cb cb;
    void *arg;
    int64_t due_ms; /* -1 = not set */
};

struct deferred {
    STAILQ_ENTRY(deferred) link;
    loop_cb cb;
    void *arg;
};

struct loop {
    LIST_HEAD(, loop_timer) timers;
    STAILQ_HEAD(, deferred) work;
    struct stream *stream;
    unsigned streams; /* alive */
    struct buf written;
};

struct stream {
    struct loop *loop;
    struct stream_options options;
    struct stream_callbacks callbacks;
    void *arg;
    struct buf input;
    size_t queued;
    bool is_connecting;
    bool is_full, is_paused, is_deaf, is_ended, is_freed;
    bool is_offering;
};

static int64_t now_ms = 1000;

int64_t clock_now_ms(void)
{
    return now_ms;
}

int64_t clock_now_us(void)
{
    return now_ms * 1000;
}

/* ---- log: formats, so that arguments are looked at, and says nothing ---- */

void core_fatal(const char *what)
{
    fprintf(stderr, "%s\n", what);
    abort();
}

bool log_enabled(enum log_level level)
{
    (void)level;
    return true;
}

void log_event(enum log_level level, const struct log_ctx *ctx, const char *event, const char *fmt,
               ...)
{
    char text[1024];
    va_list args;
    (void)ctx;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    CHECK(level != LOG_ERROR); /* an error of the log is a fault of ours: assoc.bug */
    CHECK(event[0] != '\0');
}

void log_pairs(enum log_level level, const struct log_ctx *ctx, const char *event,
               const struct log_pair *pairs, unsigned count)
{
    (void)ctx;
    for (unsigned i = 0; i < count; i++) {
        CHECK(pairs[i].key[0] != '\0');
        CHECK(!pairs[i].text || strlen(pairs[i].text) < 4096); /* a peer's octets, with an end */
    }
    CHECK(level != LOG_ERROR);
    CHECK(event[0] != '\0');
}

/* ---- loop ---- */

struct loop *fake_loop_new(void)
{
    struct loop *l = xcalloc(1, sizeof(*l));
    LIST_INIT(&l->timers);
    STAILQ_INIT(&l->work);
    buf_init(&l->written, 0);
    return l;
}

void fake_loop_free(struct loop *l)
{
    fake_run_deferred(l);
    CHECK(LIST_EMPTY(&l->timers) && l->streams == 0);
    buf_fini(&l->written);
    free(l);
}

void loop_defer(struct loop *l, loop_cb cb, void *arg)
{
    struct deferred *d = xcalloc(1, sizeof(*d));
    d->cb = cb;
    d->arg = arg;
    STAILQ_INSERT_TAIL(&l->work, d, link);
}

void fake_run_deferred(struct loop *l)
{
    for (unsigned rounds = 0; !STAILQ_EMPTY(&l->work); rounds++) {
        struct deferred *d = STAILQ_FIRST(&l->work);
        STAILQ_REMOVE_HEAD(&l->work, link);
        CHECK(rounds < 10000);
        d->cb(d->arg);
        free(d);
    }
}

struct loop_timer *loop_timer_new(struct loop *l, loop_cb cb, void *arg)
{
    struct loop_timer *t = xcalloc(1, sizeof(*t));
    *t = (struct loop_timer){.loop = l, .cb = cb, .arg = arg, .due_ms = -1};
    LIST_INSERT_HEAD(&l->timers, t, link);
    return t;
}

void loop_timer_free(struct loop_timer *t)
{
    if (t) {
        LIST_REMOVE(t, link);
        free(t);
    }
}

void loop_timer_set(struct loop_timer *t, int64_t after_ms)
{
    CHECK(after_ms >= 0);
    t->due_ms = now_ms + after_ms;
}

void loop_timer_clear(struct loop_timer *t)
{
    t->due_ms = -1;
}

bool loop_timer_is_set(const struct loop_timer *t)
{
    return t->due_ms >= 0;
}

void fake_advance(struct loop *l, int64_t ms)
{
    int64_t until = now_ms + ms;
    for (unsigned fired = 0;; fired++) {
        struct loop_timer *next = NULL, *t;
        LIST_FOREACH (t, &l->timers, link) {
            if (t->due_ms >= 0 && t->due_ms <= until && (!next || t->due_ms < next->due_ms))
                next = t;
        }
        if (!next)
            break;
        CHECK(fired < 10000); /* a timer that sets itself again and again */
        if (next->due_ms > now_ms)
            now_ms = next->due_ms;
        next->due_ms = -1;
        next->cb(next->arg);
        fake_run_deferred(l);
    }
    now_ms = until;
}

/* ---- streams ---- */

struct stream *fake_stream(struct loop *l)
{
    return l->stream;
}

struct span fake_written(const struct loop *l)
{
    return buf_span(&l->written);
}

static struct stream *make(struct loop *l, const struct stream_options *options,
                           const struct stream_callbacks *callbacks, void *arg)
{
    struct stream *s = xcalloc(1, sizeof(*s));
    s->loop = l;
    s->options = *options;
    s->callbacks = *callbacks;
    s->arg = arg;
    buf_init(&s->input, 0);
    l->stream = s;
    l->streams++;
    return s;
}

struct stream *stream_new(struct loop *l, int fd, const struct stream_options *options,
                          const struct stream_callbacks *callbacks, void *arg)
{
    (void)fd;
    return make(l, options, callbacks, arg);
}

struct stream *stream_connect(struct loop *l, const struct sockaddr *addr, socklen_t addr_len,
                              int64_t timeout_ms, const struct stream_options *options,
                              const struct stream_callbacks *callbacks, void *arg)
{
    (void)addr;
    (void)addr_len;
    (void)timeout_ms;
    struct stream *s = make(l, options, callbacks, arg);
    s->is_connecting = true;
    return s;
}

static void destroy(void *arg)
{
    struct stream *s = arg;
    buf_fini(&s->input);
    s->loop->streams--;
    free(s);
}

void stream_free(struct stream *s)
{
    if (!s || s->is_freed)
        return;
    s->is_freed = true;
    if (s->loop->stream == s)
        s->loop->stream = NULL;
    loop_defer(s->loop, destroy, s);
}

void stream_write(struct stream *s, struct span octets)
{
    CHECK(!s->is_freed);
    if (s->is_ended)
        return;
    buf_add_span(&s->loop->written, octets);
    s->queued += octets.len;
    s->is_full = s->is_full || s->queued >= s->options.high_water_bytes;
}

bool stream_is_full(const struct stream *s)
{
    return s->is_full;
}

size_t stream_queued(const struct stream *s)
{
    return s->queued;
}

void stream_ack_now(struct stream *s)
{
    CHECK(!s->is_freed);
}

void stream_pause_reading(struct stream *s)
{
    s->is_paused = true;
}

static void end(struct stream *s, enum rc code)
{
    struct err why = {.code = code, .text = "the stream has ended"};
    if (s->is_freed || s->is_ended)
        return;
    s->is_ended = true;
    s->callbacks.on_closed(&why, s->arg);
}

/* As the real one: what is left is offered again at once while some of it is taken. */
static void offer(void *arg)
{
    struct stream *s = arg;
    if (s->is_offering)
        return;
    s->is_offering = true;
    while (!s->is_freed && !s->is_ended && !s->is_paused && !s->is_deaf && !s->is_connecting &&
           s->input.len > 0) {
        struct span input = heap_copy(buf_span(&s->input));
        ssize_t n = s->callbacks.on_data(input, s->arg);
        CHECK(n <= (ssize_t)input.len);
        heap_free(input);
        if (n < 0)
            s->is_deaf = true;
        if (n <= 0)
            break;
        s->input.len -= (size_t)n;
        memmove(s->input.data, s->input.data + n, s->input.len);
    }
    s->is_offering = false;
    if (!s->is_paused && !s->is_deaf && s->input.len >= s->options.max_input_bytes)
        end(s, RC_LIMIT);
}

void stream_resume_reading(struct stream *s)
{
    s->is_paused = false;
    if (!s->is_freed)
        loop_defer(s->loop, offer, s);
}

const char *stream_peer(const struct stream *s)
{
    (void)s;
    return "192.0.2.1:104";
}

const char *stream_peer_address(const struct stream *s)
{
    (void)s;
    return "192.0.2.1";
}

/* Plain, and without a balancer. */
enum stream_origin stream_origin(const struct stream *s)
{
    (void)s;
    return STREAM_DIRECT;
}

enum stream_security stream_security(const struct stream *s)
{
    (void)s;
    return STREAM_PLAIN;
}

bool stream_has_spoken(const struct stream *s)
{
    (void)s;
    return false;
}

struct span stream_foreign(const struct stream *s)
{
    (void)s;
    return span_of(NULL, 0);
}

enum rc stream_check_binding(const struct stream *s, const char *entries, struct err *err)
{
    (void)s;
    (void)entries;
    return err_set(err, RC_DENIED, "no certificate");
}

void stream_describe_tls(const struct stream *s, struct stream_tls *out)
{
    (void)s;
    *out = (struct stream_tls){.version = "", .suite = ""};
}

void fake_connected(struct loop *l)
{
    struct stream *s = l->stream;
    if (s && s->is_connecting && !s->is_ended) {
        s->is_connecting = false;
        s->callbacks.on_connected(s->arg);
    }
    fake_run_deferred(l);
}

void fake_offer(struct loop *l, struct span octets)
{
    struct stream *s = l->stream;
    if (s && !s->is_ended && !s->is_deaf && !s->is_connecting) {
        buf_add_span(&s->input, octets);
        offer(s);
    }
    fake_run_deferred(l);
}

void fake_read_all(struct loop *l)
{
    struct stream *s = l->stream;
    if (s && !s->is_ended) {
        bool was_full = s->is_full;
        s->queued = 0;
        s->is_full = false;
        if (was_full && s->callbacks.on_drained)
            s->callbacks.on_drained(s->arg);
    }
    fake_run_deferred(l);
}

void fake_peer_closes(struct loop *l)
{
    if (l->stream && !l->stream->is_deaf)
        end(l->stream, l->stream->is_connecting ? RC_IO : RC_OK);
    fake_run_deferred(l);
}
