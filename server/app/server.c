/* SPDX-License-Identifier: Apache-2.0
 *
 * The server put together: threads, listeners, signals, the end.
 *
 *   main thread   this file: signals, both listeners, the probe, supervision
 *   workers       one loop, one struct service, one database pool each
 *   retrieve      threads of service/retrieve_pool for C-MOVE
 *   jobs          threads for large data sets
 *   names         threads for lookups of host names, which block: destinations' apart from the database's,
 *                 so that names nobody answers for hold up neither stores nor the database
 *   probe         one thread for the schema check
 *
 * Start: the HTTP port, which the workers name to who looks for it on theirs, then workers (worker_start is a
 * barrier), then the DICOM port, then the line for --ready-fd. A
 * database that is away is no reason not to start: the ports open, /readyz says 503, the probe finds the
 * database when it comes. A schema this build must not use is one, and when it turns up later new
 * connections are closed at once.
 *
 * An accepted descriptor goes to the workers in turn, by message; nothing exists for it before the worker
 * makes it. Associations live long and cost alike, so taking turns is as good as counting.
 *
 * End: the first SIGTERM or SIGINT makes readiness false and begins the drain (drain.c). When all is done, or
 * the grace time is over, threads are stopped front to back. A second signal skips the waiting;
 * stopping the threads has a deadline of its own.
 */
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "app_internal.h"
#include "certificates.h"
#include "core/arena.h"
#include "core/listener.h"
#include "core/metrics.h"
#include "core/network.h"
#include "core/worker.h"
#include "dcm/dict.h"
#include "pg/migrate.h"
#include "drain.h"
#include "notify.h"
#include "probe.h"
#include "readiness.h"
#include "settings.h"

enum {
    NAME_THREADS = 64, /* so many lookups that hang hold up moves to no other name */
    DATABASE_NAME_THREADS = 16,
    MAX_ARENAS = 16,
    STOP_S = 30,
    TELL_MS = 1000, /* between looks at what the log has left out */
};

struct server {
    const struct config *base;   /* those that it started with */
    const struct config *config; /* those in force; its service is held where it has a keeper */
    int argc;
    char **argv;
    struct loop *loop;
    struct mailbox *mailbox;
    struct service_pools pools;
    struct retrieve_pool *retrieve;
    struct worker **workers;
    unsigned worker_count, next_worker;
    struct listener *listener, *tls_listener;
    struct certificates *certificates;
    struct web *web;
    struct web_health health;
    struct probe *probe;
    struct readiness *readiness;
    int signal_fd;
    struct loop_watch *signals;
    struct drain *drain; /* NULL = it serves */
    struct notify *notify;
    bool is_ready; /* the database has been seen */
    struct loop_timer *tell_timer;
    struct presence presence;
    struct service_config service; /* the settings', and what only the running server knows */
};

unsigned server_workers(const struct config *c)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);

    return c->workers ? c->workers : processors > 0 ? (unsigned)processors : 1;
}

/* ---- workers ---------------------------------------------------------------------------------------- */

static enum rc start_worker(struct worker *w, void *arg, void **state, struct err *err)
{
    struct server *s = arg;

    (void)err;
    *state = service_new(w, &s->service, &s->pools, s->retrieve);
    return RC_OK;
}

static void stop_worker(void *state)
{
    service_free(state);
}

struct handoff {
    struct worker *worker;
    int fd;
    struct sockaddr_storage peer;
    struct tls *tls; /* held; NULL = plain */
};

static void deliver_fd(void *arg)
{
    struct handoff *h = arg;

    service_accept(worker_state(h->worker), h->fd, &h->peer, h->tls);
    tls_unref(h->tls);
    free(h);
}

static void drop_fd(void *arg)
{
    struct handoff *h = arg;

    close(h->fd);
    tls_unref(h->tls);
    free(h);
}

static void refuse_for_schema(const struct sockaddr_storage *peer)
{
    char address[ADDRESS_TEXT], name[ADDRESS_TEXT];
    struct log_ctx ctx = {.peer = name};

    metric_add(METRIC_connections_refused, 1);
    address_format((const struct sockaddr *)peer, address, name);
    if (log_enabled(LOG_WARN) && log_is_due("connection.refused", "schema", address))
        log_warn(&ctx, "connection.refused",
                 "why=\"the database has a schema this version must not use\"");
}

static void accept_with(struct server *s, int fd, const struct sockaddr_storage *peer,
                        struct tls *tls)
{
    if (probe_schema_is_refused(s->probe)) {
        refuse_for_schema(peer);
        close(fd);
        return;
    }
    struct handoff *h = xcalloc(1, sizeof(*h));
    h->worker = s->workers[s->next_worker++ % s->worker_count];
    h->fd = fd;
    h->peer = *peer;
    h->tls = tls ? tls_ref(tls) : NULL;
    worker_post(h->worker, deliver_fd, drop_fd, h);
}

static void on_accept(int fd, const struct sockaddr_storage *peer, void *arg)
{
    accept_with(arg, fd, peer, NULL);
}

static void on_accept_tls(int fd, const struct sockaddr_storage *peer, void *arg)
{
    struct server *s = arg;

    accept_with(s, fd, peer, certificates_server(s->certificates));
}

/* ---- the end ------------------------------------------------------------------------------------------ */

static void close_listeners(void *arg)
{
    struct server *s = arg;

    listener_finish(s->listener);
    listener_finish(s->tls_listener);
    s->listener = s->tls_listener = NULL;
}

static void on_drained(void *arg)
{
    struct server *s = arg;

    loop_stop(s->loop);
}

static void begin_drain(struct server *s, int number)
{
    struct drain_parts parts = {
        .loop = s->loop,
        .mailbox = s->mailbox,
        .workers = s->workers,
        .worker_count = s->worker_count,
        .retrieve = s->retrieve,
        .delay_ms = s->config->drain_delay_ms,
        .grace_ms = s->config->shutdown_grace_ms,
        .close_listeners = close_listeners,
        .on_over = on_drained,
        .arg = s,
    };

    if (s->drain) {
        log_warn(NULL, "serve.hurried", "second signal: not waiting for running operations");
        loop_stop(s->loop);
        return;
    }
    atomic_store(&s->health.draining, true);
    notify_stopping(s->notify, parts.delay_ms + parts.grace_ms + STOP_S * 1000);
    s->drain = drain_begin(&parts, number);
}

static void on_tell_timer(void *arg)
{
    struct server *s = arg;

    log_tell_suppressed(false);
    loop_timer_set(s->tell_timer, TELL_MS);
}

/* ---- signals ------------------------------------------------------------------------------------------ */

/* What only the running server knows. */
static void complete(struct server *s, struct service_config *c)
{
    c->server_id = s->presence.id;
    c->assoc.http_port = web_port(s->web);
    c->assoc.tls_port = s->config->dicom_tls_port;
    c->destination_tls = certificates_client(s->certificates);
}

static void apply_to_service(void *state, const struct service_config *c) /* a worker's loop */
{
    service_reconfigure(state, c);
}

static void put_in_force(struct server *s, struct settings *fresh)
{
    const struct config *c = &fresh->config;

    log_configure(c->log_level, c->log_format);
    log_set_repeat(c->log_repeat_ms);
    readiness_set_bounds(s->readiness, (int64_t)s->worker_count * c->service.database.max_waiting,
                         c->max_waiting_jobs);
    jobpool_set_max(s->pools.work, c->max_waiting_jobs);
    jobpool_set_max(s->pools.names, c->max_waiting_jobs);
    jobpool_set_max(s->pools.database_names, c->max_waiting_jobs);
    for (unsigned i = 0; i < s->worker_count; i++)
        service_config_post(s->workers[i], &c->service, apply_to_service);
    retrieve_pool_reconfigure(s->retrieve, &c->service);
    service_config_drop(&s->config->service);
    s->config = c;
}

static const char *status_of_server(const struct server *s)
{
    return s->is_ready ? "serving" : "waiting for the database";
}

/* All or nothing: what is wrong changes nothing. */
static void reload(struct server *s)
{
    struct settings *fresh = NULL;
    struct settings_news news = {0};
    struct err err = {0};
    notify_reloading(s->notify);
    enum rc rc = settings_read(s->argc, s->argv, s->base, s->config, &fresh, &news, &err);

    if (rc == RC_OK && !certificates_reload(s->certificates, &fresh->config))
        rc = err_set(&err, RC_INVALID, "the certificates cannot be used (see tls.rejected)");
    if (rc == RC_OK) {
        complete(s, &fresh->config.service);
        put_in_force(s, fresh);
        metric_add(METRIC_config_reloads, 1);
        log_info(NULL, "config.reloaded", "changed=\"%s\" needs_restart=\"%s\"",
                 buf_cstr(&news.changed), buf_cstr(&news.unchanged));
    } else {
        metric_add(METRIC_config_rejected, 1);
        log_error(NULL, "config.rejected", "note=\"all stays as it was\" why=\"%s\"", err.text);
        service_config_drop(fresh ? &fresh->config.service : NULL);
    }
    notify_ready(s->notify, status_of_server(s));
    settings_news_fini(&news);
}

static void on_signal(int fd, unsigned ready, void *arg)
{
    struct server *s = arg;
    struct signalfd_siginfo info;

    (void)ready;
    while (read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGHUP)
            reload(s);
        else
            begin_drain(s, (int)info.ssi_signo);
    }
}

/* Before any thread exists, so that all of them have these blocked. */
static enum rc take_signals(struct server *s, struct err *err)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigset_t set;

    sigaction(SIGPIPE, &ignore, NULL);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    s->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (s->signal_fd < 0)
        return err_set(err, RC_IO, "signalfd: %s", strerror(errno));
    return RC_OK;
}

/* ---- start -------------------------------------------------------------------------------------------- */

/* As many descriptors as the system gives us; few malloc arenas, as many as threads that allocate, and
 * large buffers returned to the system when they are freed. */
static void prepare_process(const struct config *c, unsigned workers)
{
    unsigned arenas = workers + c->service.retrieve_workers + 1;
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &files) != 0)
            log_warn(NULL, "serve.files", "cannot raise the number of open files");
    }
    mallopt(M_ARENA_MAX, arenas < MAX_ARENAS ? (int)arenas : MAX_ARENAS);
    mallopt(M_MMAP_THRESHOLD, 512 * 1024);
    mallopt(M_TRIM_THRESHOLD, 2 * 1024 * 1024);
}

/* RC_OK: *is_known_good tells whether the schema was seen. RC_CONFLICT: it must not be used, or the setting
 * time-zone is wrong. */
static enum rc look_at_database(const struct config *c, const struct presence *presence,
                                bool *is_known_good, struct err *err)
{
    struct pg_sync *db = NULL;
    struct err why = {0};
    enum rc rc = database_open(c->database, &db, &why);

    *is_known_good = false;
    if (rc == RC_OK)
        rc = presence_check(db, presence, &why);
    if (rc == RC_OK)
        rc = database_check_zone(db, c->time_zone, &why);
    pg_sync_free(db);
    if (rc == RC_CONFLICT) {
        *err = why;
        return rc;
    }
    *is_known_good = rc == RC_OK;
    if (rc != RC_OK)
        log_warn(NULL, "database.away", "note=\"serving without it until it answers\" why=\"%s\"",
                 why.text);
    return RC_OK;
}

static void on_ready(void *arg)
{
    struct server *s = arg;

    if (s->drain)
        return; /* the database came too late */
    s->is_ready = true;
    notify_status(s->notify, status_of_server(s));
    log_info(NULL, "serve.ready", "dicom=%u http=%u aet=\"%s\"",
             (unsigned)listener_port(s->listener), (unsigned)web_port(s->web), s->config->ae_title);
}

static void announce(struct server *s, int ready_fd)
{
    char *masked = config_mask_uri(s->config->database);
    char line[64];

    log_info(NULL, "serve.listening",
             "version=" DPPR_VERSION
             " dicom=%u tls=%u http=%u aet=\"%s\" workers=%u database=\"%s\"",
             (unsigned)listener_port(s->listener), (unsigned)s->service.assoc.tls_port,
             (unsigned)web_port(s->web), s->config->ae_title, s->worker_count, masked);
    free(masked);
    if (ready_fd < 0)
        return;
    int n = snprintf(line, sizeof(line), "dicom=%u http=%u\n", (unsigned)listener_port(s->listener),
                     (unsigned)web_port(s->web));
    if (write(ready_fd, line, (size_t)n) != n)
        log_warn(NULL, "serve.ready_fd", "cannot write to --ready-fd: %s", strerror(errno));
    close(ready_fd);
}

static enum rc start_threads(struct server *s, struct err *err)
{
    static const struct worker_hooks hooks = {start_worker, stop_worker};
    unsigned wanted = server_workers(s->config), most = s->config->max_waiting_jobs;
    enum rc rc;

    s->pools = (struct service_pools){
        .work = jobpool_new("jobs", wanted < 2 ? 2 : wanted, most),
        .names = jobpool_new("names", NAME_THREADS, most),
        .database_names = jobpool_new("db-names", DATABASE_NAME_THREADS, most),
    };
    rc = retrieve_pool_new(&s->service, &s->pools, &s->retrieve, err);
    s->workers = xcalloc(wanted, sizeof(struct worker *));
    for (unsigned i = 0; i < wanted && rc == RC_OK; i++) {
        char name[32];
        snprintf(name, sizeof(name), "worker-%u", i);
        rc = worker_start(name, &hooks, s, &s->workers[i], err);
        s->worker_count += rc == RC_OK;
    }
    return rc;
}

static enum rc start_listening(struct server *s, bool is_known_good, struct err *err)
{
    const struct config *c = s->config;
    unsigned wanted = database_connections_wanted(c, s->worker_count);

    s->probe = probe_new(s->loop, s->mailbox, c, &s->presence, wanted, &s->health, is_known_good,
                         on_ready, s);
    s->readiness = readiness_new(s->loop, &s->health, s->probe,
                                 (int64_t)s->worker_count * s->service.database.max_waiting,
                                 c->max_waiting_jobs);
    enum rc rc =
        listener_new(s->loop, c->dicom_address, c->dicom_port, on_accept, s, &s->listener, err);
    if (rc == RC_OK && c->dicom_tls_port != 0)
        rc = listener_new(s->loop, c->dicom_address, c->dicom_tls_port, on_accept_tls, s,
                          &s->tls_listener, err);
    return rc;
}

static void stop_all(struct server *s)
{
    alarm(STOP_S); /* a thread that does not come back must not keep us: SIGALRM ends the process */
    drain_end(s->drain);
    loop_watch_free(
        s->signals); /* the loop turns once more, for the probe, when there are no workers */
    listener_free(s->listener);
    listener_free(s->tls_listener);
    for (unsigned i = 0; i < s->worker_count; i++)
        worker_stop(s->workers[i]);
    free(s->workers);
    retrieve_pool_free(s->retrieve);
    readiness_free(s->readiness);
    probe_free(s->probe);
    web_free(s->web);
    certificates_free(s->certificates);
    jobpool_free(s->pools.work);
    jobpool_free(s->pools.names);
    jobpool_free(s->pools.database_names);
    service_config_drop(&s->config->service);
    loop_timer_free(s->tell_timer);
    notify_free(s->notify);
    log_tell_suppressed(true);
    mailbox_free(s->mailbox);
    drain_free(s->drain);
    loop_free(s->loop);
    close(s->signal_fd);
}

int server_run(const struct config *config, int ready_fd, int argc, char **argv)
{
    struct server s = {
        .base = config, .config = config, .argc = argc, .argv = argv, .signal_fd = -1};
    struct err err = {0};
    bool is_known_good = false;
    enum rc rc;

    presence_init(&s.presence);
    log_configure(config->log_level, config->log_format);
    log_set_repeat(config->log_repeat_ms);
    metrics_set_schema(migrate_latest());
    prepare_process(config, server_workers(config));
    rc = take_signals(&s, &err);
    if (rc == RC_OK)
        rc = dcm_init(&err);
    if (rc == RC_OK)
        rc = look_at_database(config, &s.presence, &is_known_good, &err);
    if (rc != RC_OK) {
        log_error(NULL, "serve.failed", "why=\"%s\"", err.text);
        return STATUS_FAILED;
    }
    s.loop = loop_new();
    s.mailbox = mailbox_new(s.loop);
    s.tell_timer = loop_timer_new(s.loop, on_tell_timer, &s);
    loop_timer_set(s.tell_timer, TELL_MS);
    s.notify = notify_new(s.loop);
    s.signals = loop_watch_new(s.loop, s.signal_fd, on_signal, &s);
    rc = web_new(s.loop, config->http_address, config->http_port, &s.health, &s.web, &err);
    s.service = config->service;
    if (rc == RC_OK)
        rc = certificates_new(s.loop, config, &s.certificates, &err);
    if (rc == RC_OK)
        complete(&s, &s.service);
    if (rc == RC_OK)
        rc = start_threads(&s, &err);
    if (rc == RC_OK)
        rc = start_listening(&s, is_known_good, &err);
    if (rc == RC_OK) {
        announce(&s, ready_fd);
        notify_ready(s.notify, status_of_server(&s));
        loop_watch_set(s.signals, LOOP_READ);
        loop_run(s.loop);
    } else {
        log_error(NULL, "serve.failed", "why=\"%s\"", err.text);
    }
    stop_all(&s);
    if (rc == RC_OK)
        log_info(NULL, "serve.stopped", "released=%lld aborted=%lld",
                 (long long)metric_get(METRIC_drain_released),
                 (long long)metric_get(METRIC_drain_aborted));
    return rc == RC_OK ? STATUS_DONE : STATUS_FAILED;
}
