/* SPDX-License-Identifier: Apache-2.0
 *
 * dppr import: documents into the database.
 *
 * A few threads with a connection each take documents from a short queue; the reader waits when it is full. A document is
 * one statement, and so one transaction: what is reported as stored is stored, and a run that was cut off at any point
 * leaves whole documents behind and no others.
 *
 * There is no journal. Whether a document is there already is for the database to say, in the same statement: of a data
 * set by UID and digest, of an authoring document by UID and by the digest of the document (dpp.import_protocol). A
 * file beside it could only repeat that, and could be wrong. So the same command once more goes on where the first one
 * ended, also from another machine. What is found is known when the standby has it (PG_CONFIRMED), as for C-STORE.
 *
 * A database that goes away is waited for, --wait at most; then everything stops, because the rest would fail likewise.
 * The same holds for what the database refuses for a reason that is not the document's, such as a missing right.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "catalog/ingest.h"
#include "core/clock.h"
#include "dcm/dict.h"
#include "dcm/part10.h"
#include "import.h"

enum { PLACES_PER_JOB = 4, MAX_ATTEMPTS = 5, PAUSE_MS = 250 };

struct workers {
    struct import *im;
    pthread_mutex_t lock;
    pthread_cond_t has_work, has_place;
    struct work **queue; /* a ring */
    unsigned places, first, count;
    bool is_closed;
    struct pg_sync *first_connection; /* for whoever starts first */
    pthread_t *threads;
    unsigned thread_count;
};

/* A thread's own. */
struct hand {
    struct import *im;
    struct pg_sync *database;
    bool meets_known; /* the data set before was known already */
};

/* ---- statements ---- */

static void pause_briefly(void)
{
    nanosleep(&(struct timespec){.tv_nsec = PAUSE_MS * 1000000L}, NULL);
}

/* After which the same statement may succeed: serialization_failure, deadlock_detected, and unique_violation when
 * another import stores the same document at this moment. */
static bool is_lost_race(const struct err *err)
{
    static const char *const states[] = {"40001", "40P01", "23505"};

    for (unsigned i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        if (err->code == RC_DB && strcmp(err->sqlstate, states[i]) == 0)
            return true;
    }
    return false;
}

/* What every other document would meet as well: no right, no such function or table, read only, out of resources. */
static bool is_for_all(const struct err *err)
{
    static const char *const states[] = {"42501", "42883", "42P01", "3F000", "25006"};

    if (err->code != RC_DB)
        return false;
    for (unsigned i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        if (strcmp(err->sqlstate, states[i]) == 0)
            return true;
    }
    return strncmp(err->sqlstate, "53", 2) == 0;
}

/* Connect again, for --wait at most. */
static enum rc reconnect(struct hand *h, struct err *err)
{
    int64_t until = clock_now_ms() + h->im->wait_s * 1000;
    struct err cause = *err;

    pg_sync_free(h->database);
    h->database = NULL;
    for (;;) {
        if (database_open(h->im->config->database, &h->database, err) == RC_OK)
            return RC_OK;
        if (import_is_over(h->im) || clock_now_ms() >= until)
            return err_set(err, RC_IO, "%.200s", cause.text[0] ? cause.text : err->text);
        pause_briefly();
    }
}

/* One statement, again when the connection was lost or another transaction was in the way. */
static enum rc ask(struct hand *h, const char *sql, const struct pg_param *params, unsigned count,
                   struct pg_table **out, struct err *err)
{
    enum rc rc = RC_OK;

    *out = NULL;
    err->text[0] = '\0';
    for (unsigned attempts = 0; attempts < MAX_ATTEMPTS; attempts++) {
        if (!h->database && (rc = reconnect(h, err)) != RC_OK)
            return rc;
        rc = pg_sync_query(h->database, sql, params, count, out, err);
        if (rc == RC_OK || (rc != RC_IO && !is_lost_race(err)))
            return rc;
        if (rc == RC_IO && (rc = reconnect(h, err)) != RC_OK)
            return rc;
    }
    return rc;
}

static bool cell(const struct pg_table *t, unsigned column, struct span *out)
{
    if (pg_table_rows(t) != 1 || !pg_table_get(t, 0, column))
        return false;
    *out = span_of(pg_table_get(t, 0, column), pg_table_len(t, 0, column));
    return true;
}

static enum rc write_one(struct hand *h, const char *sql, const struct pg_param *params,
                         unsigned count, enum ingest_outcome *outcome, struct err *err)
{
    struct pg_table *t;
    struct span word;
    enum rc rc = ask(h, sql, params, count, &t, err);

    if (rc == RC_OK && (!cell(t, 0, &word) || ingest_outcome_of(word, outcome) != RC_OK))
        rc = err_set(err, RC_INTERNAL, "the database gave no outcome that this build knows");
    pg_table_free(t);
    return rc;
}

/* What dpp.ingest would say to what is known already; *is_known false: nothing is. */
static enum rc look_up(struct hand *h, const struct ingest_prepared *p, bool *is_known,
                       enum ingest_outcome *outcome, struct err *err)
{
    struct pg_param params[INGEST_KNOWN_PARAMS];
    struct pg_table *t;
    struct span state, same;
    enum rc rc = ask(h, ingest_known_sql(), params, ingest_known_params(p, params), &t, err);

    *is_known = rc == RC_OK && cell(t, 0, &state) && cell(t, 1, &same) &&
                ingest_known_outcome(state, span_equal_str(same, "t"), outcome) == RC_OK;
    pg_table_free(t);
    return rc;
}

/* ---- outcomes ---- */

static const char *refusal(enum ingest_outcome outcome)
{
    switch (outcome) {
    case INGEST_DIFFERENT:
        return "its SOP Instance UID is known with other content; a change needs a new UID";
    case INGEST_DRAFT:
        return "its SOP Instance UID is known as a draft";
    case INGEST_RETIRED:
        return "its SOP Instance UID is known and retired";
    case INGEST_PURGED:
        return "its SOP Instance UID has been purged";
    default:
        return NULL;
    }
}

static void settle(struct import *im, const struct work *w, enum ingest_outcome outcome)
{
    if (outcome != INGEST_STORED && outcome != INGEST_SAME) {
        import_failed(im, w->file->path, w->number, w->line, refusal(outcome));
        return;
    }
    pthread_mutex_lock(&im->lock);
    if (outcome == INGEST_STORED)
        im->stored++;
    else
        im->same++;
    pthread_mutex_unlock(&im->lock);
}

/* The database's own words, where it has some: they name every problem of a document. */
static void settle_failure(struct hand *h, const struct work *w, const struct err *err)
{
    const char *why = err->text[0] ? err->text : rc_name(err->code);

    if (err->code == RC_DB && h->database && *pg_sync_words(h->database))
        why = pg_sync_words(h->database);
    if (err->code == RC_IO || is_for_all(err))
        import_stop(h->im, why);
    else
        import_failed(h->im, w->file->path, w->number, w->line, why);
}

/* ---- data sets ---- */

/* In a run that goes on where it was cut off, what is there already comes first. While that is so, asking is cheaper than
 * sending; in a run with something new, nothing is asked. */
static enum rc ingest(struct hand *h, const struct ingest_prepared *p, enum ingest_outcome *outcome,
                      struct err *err)
{
    struct pg_param params[INGEST_PARAMS];
    bool is_known = false;
    enum rc rc = RC_OK;

    if (h->meets_known)
        rc = look_up(h, p, &is_known, outcome, err);
    if (rc == RC_OK && !is_known)
        rc = write_one(h, ingest_sql(p), params, ingest_params(p, params), outcome, err);
    h->meets_known = rc == RC_OK && *outcome != INGEST_STORED;
    return rc;
}

static void store_dataset(struct hand *h, const struct work *w, struct span octets,
                          const struct dcm_ts *ts)
{
    struct buf details = {0};
    audit_open(&details);
    audit_text(&details, "file", span_str(w->file->path));
    audit_number(&details, "octets", (int64_t)octets.len);
    audit_close(&details);
    struct ingest_audit audit = {.operation = "import",
                                 .details = buf_cstr(&details),
                                 .accepted = AUDIT_NO_STATUS,
                                 .refused = AUDIT_NO_STATUS};
    struct ingest_input input = {.octets = octets, .ts = ts, .source = "import", .audit = &audit};
    struct ingest_prepared *p = NULL;
    enum ingest_outcome outcome = INGEST_STORED;
    struct err err = {0};
    enum rc rc = ingest_prepare(&input, &h->im->config->service.dataset_limits, &p, &err);

    if (rc != RC_OK)
        import_failed(h->im, w->file->path, w->number, w->line,
                      err.text[0] ? err.text : rc_name(rc));
    else if ((rc = ingest(h, p, &outcome, &err)) == RC_OK)
        settle(h->im, w, outcome);
    else
        settle_failure(h, w, &err);
    ingest_prepared_free(p);
    buf_fini(&details);
}

static void store_part10(struct hand *h, const struct work *w)
{
    size_t limit = h->im->config->service.dataset_limits.max_bytes + FILE_SLACK_BYTES;
    struct part10 part;
    struct err err = {0};
    enum rc rc = RC_OK;

    if (w->content.len > limit)
        rc = err_set(&err, RC_LIMIT, "larger than %zu octets", limit);
    if (rc == RC_OK)
        rc = part10_read(w->content, &part, &err);
    if (rc == RC_OK)
        store_dataset(h, w, part.dataset, part.ts);
    else
        import_failed(h->im, w->file->path, 0, 0, err.text);
}

static void store_json(struct hand *h, const struct work *w)
{
    struct buf octets = {0};
    struct err err = {0};
    char note[256];
    enum rc rc =
        jsonset_encode(w->content, &h->im->config->service.dataset_limits, &octets, note, &err);

    if (rc != RC_OK) {
        import_failed(h->im, w->file->path, w->number, 0, err.text);
    } else {
        if (note[0])
            import_note(h->im, w->file->path, note);
        store_dataset(h, w, buf_span(&octets), dcm_ts_find(UID_EXPLICIT_LE));
    }
    buf_fini(&octets);
}

/* ---- authoring documents ---- */

/* The only place that knows how a document becomes a protocol. */
static const char author_sql[] =
    "select dpp.import_protocol($1::jsonb, $2::boolean), " PG_CONFIRMED;

/* PostgreSQL would take the last of two members of one name, silently, and tells no lines. */
static enum rc check_document(struct span text, struct err *err)
{
    json_error_t why;
    json_t *root = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, &why);

    if (!root)
        return err_set(err, RC_INVALID, "no JSON: %s (line %d of the document)", why.text,
                       why.line);
    json_decref(root);
    return RC_OK;
}

static void store_authored(struct hand *h, const struct work *w)
{
    const struct pg_param params[] = {pg_text_span(w->content),
                                      pg_text(h->im->as_draft ? "true" : "false")};
    size_t limit = h->im->config->service.dataset_limits.max_bytes * 2 + FILE_SLACK_BYTES;
    enum ingest_outcome outcome = INGEST_STORED;
    struct err err = {0};
    enum rc rc = RC_OK;

    if (w->content.len > limit)
        rc = err_set(&err, RC_LIMIT, "larger than %zu octets", limit);
    if (rc == RC_OK)
        rc = check_document(w->content, &err);
    if (rc != RC_OK) {
        import_failed(h->im, w->file->path, w->number, w->line, err.text);
        return;
    }
    rc = write_one(h, author_sql, params, 2, &outcome, &err);
    if (rc == RC_OK)
        settle(h->im, w, outcome);
    else
        settle_failure(h, w, &err);
}

static void (*const store[])(struct hand *h, const struct work *w) = {
    [WORK_PART10] = store_part10,
    [WORK_DICOM_JSON] = store_json,
    [WORK_AUTHORED] = store_authored,
};

/* ---- threads ---- */

static struct work *next_work(struct workers *ws)
{
    struct work *w = NULL;

    pthread_mutex_lock(&ws->lock);
    while (ws->count == 0 && !ws->is_closed)
        pthread_cond_wait(&ws->has_work, &ws->lock);
    if (ws->count > 0) {
        w = ws->queue[ws->first];
        ws->first = (ws->first + 1) % ws->places;
        ws->count--;
        pthread_cond_signal(&ws->has_place);
    }
    pthread_mutex_unlock(&ws->lock);
    return w;
}

static void *work_on(void *arg)
{
    struct workers *ws = arg;
    struct hand h = {.im = ws->im, .meets_known = true};
    struct work *w;

    pthread_mutex_lock(&ws->lock);
    h.database = ws->first_connection;
    ws->first_connection = NULL;
    pthread_mutex_unlock(&ws->lock);
    while ((w = next_work(ws)) != NULL) {
        if (!import_is_over(ws->im)) {
            store[w->kind](&h, w);
            import_progress(ws->im, w->octets);
        }
        work_free(w);
    }
    pg_sync_free(h.database);
    return NULL;
}

struct workers *workers_start(struct import *im, unsigned jobs, struct err *err)
{
    struct pg_sync *database;

    if (database_open(im->config->database, &database, err) != RC_OK)
        return NULL;
    struct workers *ws = xcalloc(1, sizeof(*ws));
    ws->im = im;
    ws->first_connection = database;
    ws->places = jobs * PLACES_PER_JOB;
    ws->queue = xcalloc(ws->places, sizeof(*ws->queue));
    ws->threads = xcalloc(jobs, sizeof(*ws->threads));
    pthread_mutex_init(&ws->lock, NULL);
    pthread_cond_init(&ws->has_work, NULL);
    pthread_cond_init(&ws->has_place, NULL);
    for (unsigned i = 0; i < jobs; i++) {
        if (pthread_create(&ws->threads[i], NULL, work_on, ws) == 0)
            ws->thread_count++;
        else
            break;
    }
    if (ws->thread_count == 0) {
        err_set(err, RC_NOMEM, "no thread can be started");
        workers_finish(ws);
        return NULL;
    }
    return ws;
}

void workers_submit(struct workers *ws, struct work *w)
{
    pthread_mutex_lock(&ws->lock);
    while (ws->count == ws->places)
        pthread_cond_wait(&ws->has_place, &ws->lock);
    ws->queue[(ws->first + ws->count) % ws->places] = w;
    ws->count++;
    pthread_cond_signal(&ws->has_work);
    pthread_mutex_unlock(&ws->lock);
}

void workers_finish(struct workers *ws)
{
    pthread_mutex_lock(&ws->lock);
    ws->is_closed = true;
    pthread_cond_broadcast(&ws->has_work);
    pthread_mutex_unlock(&ws->lock);
    for (unsigned i = 0; i < ws->thread_count; i++)
        pthread_join(ws->threads[i], NULL);
    pg_sync_free(ws->first_connection);
    pthread_cond_destroy(&ws->has_work);
    pthread_cond_destroy(&ws->has_place);
    pthread_mutex_destroy(&ws->lock);
    free(ws->threads);
    free(ws->queue);
    free(ws);
}
