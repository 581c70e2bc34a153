/* SPDX-License-Identifier: Apache-2.0
 *
 * From a received data set to rows.
 *
 *     octets -> dcm_read -> check UIDs -> digest -> UTF-8 -> query record, rows     (ingest_prepare, any thread)
 *                                                                   |
 *     dpp.ingest[_approval](octets, rows, ...), one statement and so one transaction  (ingest_start, the loop)
 *                                                                   |
 *     answered: its outcome             connection lost: unknown, ask by UID and digest on another one
 *
 * The octets are the truth and go in as they came. Nothing but what would make them unusable refuses a
 * store: they must be decodable and name the instance that the command names. Text that is not in its
 * character set is read as well as it can be, value by value, and flagged with a warning that names the
 * attribute, since only the derived forms suffer.
 *
 * After a lost connection the statement may or may not have committed, and success may only be said of
 * what is committed. So the object is read again: found with this digest, it is stored; not found, the
 * failure is reported and the peer sends again, which is harmless because the same content is a success.
 * A time-out of the statement is treated alike: the cancel may have come too late. Where no connection
 * was to be had nothing was sent, and the failure is the answer. What breaks one connection often breaks all of
 * a pool, so reading is tried on a few; and what broke it may be the end of a primary whose standby takes its place, so
 * reading waits for a database that is away.
 *
 * What is found need not be safe: with synchronous replication a commit may be on a primary and not on its standby,
 * whether that primary has come back or somebody has cancelled the wait, or ended its session (PG_UNREPLICATED). So
 * every statement here is PG_CONFIRMED, also one that only finds: its own commit waits for the standby, which then has all
 * that came before. "The same content is stored already" is said of nothing less.
 *
 * The audit row of a store is written by the statement that stores, so it is there when the object is, and gone when the
 * transaction is. Of a store whose answer was lost it is there if that has committed.
 *
 * Two servers that store at once may be a deadlock, or not be serializable where the database wants that: the one
 * that PostgreSQL chose to fail has left nothing behind and does it again, and then finds what the other stored.
 */
#include "catalog/ingest.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "catalog/model.h"
#include "catalog/record.h"
#include "core/clock.h"
#include "dcm/charset.h"
#include "audit_rows.h"
#include "rows.h"

enum {
    INLINE_LIMIT = 65536, /* octets of a binary value that other_attributes hold */
    MAX_CHARSET = DCM_CHARSET_TERMS_MAX - 1, /* characters of (0008,0005) that its column keeps */
    MAX_TRIES = 5,                           /* of one statement */
};

/* dpp.ingest, or dpp.ingest_successor of a peer whose versions take the place of their predecessors. */
#define INGEST_PROTOCOL(function)                                                            \
    "select dpp." function "($1::text, $2::text, $3::text, $4::bytea, $5::bytea, $6::bytea," \
    " $7::text, $8::text, $9::text, $10::text, $11::text[], $12::text[], $13::text[], "      \
    "$14::text[],"                                                                           \
    " $15::text[], $16::text[], $17::text[], $18::text[], $19::text[])"
#define INGEST_APPROVAL                                                                         \
    "select dpp.ingest_approval($1::text, $2::text, $3::text, $4::bytea, $5::bytea, $6::bytea," \
    " $7::text, $8::text, $9::text, $10::text, $11::text[], $12::text[], $13::text[], "         \
    "$14::text[],"                                                                              \
    " $15::text[], $16::text[], $17::text[])"
#define PLAIN(ingest) ingest ", " PG_CONFIRMED
/* The same with its audit row. The parameters after the statement's own, in the order of add_audit. */
#define AUDITED(ingest, operation, accepted, refused, aet, address, association, server, details)  \
    "with ingested as materialized (" ingest " as outcome),"                                       \
    " audited as (insert into dpp.audit_events (operation, sop_instance_uid, status, ae_title,"    \
    " peer_address, association, server_id, details)"                                              \
    " select " operation "::text, $1::text,"                                                       \
    " case when i.outcome in ('stored', 'same') then " accepted "::int else " refused "::int end," \
    " " aet "::text, " address "::inet, " association "::text, " server "::uuid,"                  \
    " " details "::jsonb || jsonb_build_object('outcome', i.outcome) from ingested i)"             \
    " select i.outcome, " PG_CONFIRMED " from ingested i"

#define AUDITED_PROTOCOL(function) \
    AUDITED(INGEST_PROTOCOL(function), "$20", "$21", "$22", "$23", "$24", "$25", "$26", "$27")
static const char protocol_ingest[] = PLAIN(INGEST_PROTOCOL("ingest"));
static const char protocol_audited[] = AUDITED_PROTOCOL("ingest");
static const char successor_ingest[] = PLAIN(INGEST_PROTOCOL("ingest_successor"));
static const char successor_audited[] = AUDITED_PROTOCOL("ingest_successor");

static const char protocol_rebuild[] =
    "select dpp.rebuild($1::text, $2::bytea, $3::text, $4::text, $5::text[], $6::text[],"
    " $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[])"
    ", " PG_CONFIRMED;

static const char approval_ingest[] = PLAIN(INGEST_APPROVAL);
static const char approval_audited[] =
    AUDITED(INGEST_APPROVAL, "$18", "$19", "$20", "$21", "$22", "$23", "$24", "$25");

static const char approval_rebuild[] =
    "select dpp.rebuild_approval($1::text, $2::bytea, $3::text, $4::text, $5::text[], $6::text[],"
    " $7::text[], $8::text[], $9::text[], $10::text[], $11::text[])"
    ", " PG_CONFIRMED;

/* Per model the statements and the tables whose rows they take, before the warnings. */
static const struct kind {
    const struct model *model;
    const char *ingest, *audited, *rebuild;
    enum rows_table first, end;
} kinds[] = {
    {&model_protocol, protocol_ingest, protocol_audited, protocol_rebuild, ROWS_PROTOCOL,
     ROWS_APPROVAL},
    {&model_approval, approval_ingest, approval_audited, approval_rebuild, ROWS_APPROVAL,
     ROWS_WARNINGS},
};
static const struct kind successor = {&model_protocol,  successor_ingest, successor_audited,
                                      protocol_rebuild, ROWS_PROTOCOL,    ROWS_APPROVAL};

static const char known_statement[] =
    "select o.state, coalesce(i.digest = $2::bytea, false), " PG_CONFIRMED
    " from dpp.objects o left join dpp.instances i on i.object_id = o.id"
    " where o.sop_instance_uid = $1::text";

struct ingest_prepared {
    struct span octets; /* the caller's */
    const struct dcm_ts *ts;
    struct arena *arena;
    char sop_class[65];
    char sop_instance[65];
    const char *source;
    char *sender;   /* in the arena, as the next two; NULL = none */
    char *charset;  /* NULL = default repertoire */
    char *timezone; /* NULL = none */
    const struct kind *kind;
    struct rows rows;
    struct buf record;
    uint8_t digest[DCM_DIGEST_BYTES];
    const struct ingest_audit *audit; /* the caller's; NULL = none */
    struct audit_texts {
        char accepted[8], refused[8], association[24], address[64], title[17];
    } audit_texts; /* of it */
};

/* ---- prepare ---- */

/* A UID of the data set, which must be the command's. */
static enum rc check_uid(const struct dcm_item *item, uint32_t tag, const char *commanded,
                         char out[65], struct err *err)
{
    const char *what = tag == TAG_SOPClassUID ? "SOP Class UID" : "SOP Instance UID";
    const struct dcm_element *e = dcm_find(item, tag);
    struct span uid = e ? dcm_trimmed(e) : span_of(NULL, 0);

    if (uid.len == 0)
        return err_set_tag(err, RC_INVALID, tag, "data set has no %s", what);
    if (uid.len < 65)
        memcpy(out, uid.data, uid.len);
    out[uid.len < 65 ? uid.len : 0] = '\0';
    if (strcmp(e->vr, "UI") != 0 || strlen(out) != uid.len || !dcm_uid_is_valid(out))
        return err_set_tag(err, RC_INVALID, tag, "%s of the data set is not valid", what);
    if (commanded && strcmp(commanded, out) != 0)
        return err_set_tag(err, RC_INVALID, tag, "%s of data set and command differ", what);
    return RC_OK;
}

/* Printable ASCII of what a peer sent, for columns that are for people. */
static char *clean_copy(struct arena *arena, const char *text, size_t len, size_t most)
{
    char *copy = arena_strndup(arena, text, len < most ? len : most);
    for (char *c = copy; c && *c; c++) {
        if (*c < 0x20 || *c > 0x7E)
            *c = '?';
    }
    return copy;
}

static enum rc no_room(struct err *err)
{
    return err_set_limit(err, LIMIT_memory, 0, "data set needs more than it may have");
}

static const char *const flaw_sentences[DCM_TEXT_FLAWS] = {
    [DCM_TEXT_SET_UNSUPPORTED] = "has a term that is not supported",
    [DCM_TEXT_READ_AS_UTF8] =
        "is beyond ASCII without a supported Specific Character Set; it was read as UTF-8",
    [DCM_TEXT_READ_AS_LATIN1] =
        "is beyond ASCII without a supported Specific Character Set; it was read as Latin-1",
    [DCM_TEXT_SET_NOT_LISTED] = "has an escape sequence that Specific Character Set does not allow",
    [DCM_TEXT_UNDECODABLE] =
        "has octets that are no characters of its set; in rows and answers U+FFFD stands for them",
    [DCM_TEXT_HAS_NUL] = "has U+0000, which is left out in rows",
};

static void on_text_flaw(enum dcm_text_flaw flaw, const char *attribute, void *arg)
{
    struct ingest_prepared *p = arg;
    rows_warn(&p->rows, attribute, flaw_sentences[flaw]);
}

static struct span charset_terms(const struct dcm_item *item)
{
    const struct dcm_element *e = dcm_find(item, TAG_SpecificCharacterSet);
    struct span terms = e ? e->value : span_of("", 0);
    while (terms.len > 0 && (terms.data[terms.len - 1] == ' ' || terms.data[terms.len - 1] == 0))
        terms.len--;
    return terms;
}

/* Query record and rows of the UTF-8 tree, which is used up. */
static enum rc derive(struct ingest_prepared *p, struct dcm_item *utf8, struct arena *work,
                      struct err *err)
{
    const struct model *model = p->kind->model;
    struct span timezone = rows_timezone(utf8);
    if (timezone.data)
        p->timezone = arena_strndup(p->arena, (const char *)timezone.data, timezone.len);
    if (timezone.data && !p->timezone)
        return no_room(err);

    enum rc rc = record_write(model, utf8, span_str(p->charset ? p->charset : ""), &p->record, err);
    if (rc == RC_OK)
        rc = rows_write(model, utf8, INLINE_LIMIT, work, &p->rows, err);
    if (rc == RC_OK && p->rows.is_lossy)
        rows_warn(&p->rows, NULL, INGEST_LOSSY ": JSON cannot hold them, or they are large");
    return rc == RC_OK ? rows_finish(&p->rows, err) : rc;
}

static const struct kind *kind_of(const char *sop_class)
{
    const struct model *model = model_of_storage(sop_class);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (kinds[i].model == model)
            return &kinds[i];
    }
    return NULL;
}

static enum rc prepare(struct ingest_prepared *p, const struct ingest_input *input,
                       const struct dcm_limits *limits, struct arena *work, struct err *err)
{
    struct dcm_item *item = NULL;
    enum rc rc = dcm_read(input->octets, input->ts, limits, work, &item, err);
    if (rc == RC_INVALID)
        rc = RC_UNSUPPORTED;
    if (rc == RC_OK)
        rc = check_uid(item, TAG_SOPClassUID, input->sop_class, p->sop_class, err);
    if (rc == RC_OK)
        rc = check_uid(item, TAG_SOPInstanceUID, input->sop_instance, p->sop_instance, err);
    if (rc != RC_OK)
        return rc;

    p->kind = kind_of(p->sop_class);
    if (!p->kind)
        return err_set_tag(err, RC_INVALID, TAG_SOPClassUID, "SOP class %s is not kept here",
                           p->sop_class);
    if (input->supersedes && p->kind->model == successor.model)
        p->kind = &successor;
    rc = dcm_digest(item, p->digest, err);
    if (rc != RC_OK)
        return rc;

    struct span terms = charset_terms(item);
    if (terms.len)
        p->charset = clean_copy(p->arena, (const char *)terms.data, terms.len, MAX_CHARSET);
    if (input->sender_aet)
        p->sender = clean_copy(p->arena, input->sender_aet, strlen(input->sender_aet), 16);
    if ((terms.len && !p->charset) || (input->sender_aet && !p->sender))
        return no_room(err);

    rc = dcm_tree_to_utf8_anyhow(item, work, on_text_flaw, p, err);
    return rc == RC_OK ? derive(p, item, work, err) : rc;
}

static void write_audit(const struct ingest_audit *audit, struct audit_texts *t)
{
    static const struct audit_peer nobody;
    const struct audit_peer *peer = audit->peer ? audit->peer : &nobody;
    snprintf(t->accepted, sizeof(t->accepted), "%d", audit->accepted);
    snprintf(t->refused, sizeof(t->refused), "%d", audit->refused);
    snprintf(t->association, sizeof(t->association), "%" PRIu64, peer->association);
    audit_clean(peer->ae_title ? peer->ae_title : "", t->title, sizeof(t->title));
    audit_address(peer->address ? peer->address : "", t->address, sizeof(t->address));
}

enum rc ingest_prepare(const struct ingest_input *input, const struct dcm_limits *limits,
                       struct ingest_prepared **out, struct err *err)
{
    struct dcm_limits l = limits ? *limits : dcm_limits_default();
    if (l.max_bytes == 0)
        l.max_bytes = dcm_limits_default().max_bytes;
    size_t most = input->ts->is_deflated ? l.max_bytes : input->octets.len;
    *out = NULL;
    if (input->octets.len > INT_MAX || most > INT_MAX)
        return err_set_limit(err, LIMIT_max_dataset, 0, "data set of more than 2 GiB");

    /* A tree takes up to ten times the octets (empty elements of 8), the row of an empty item eighteen,
     * and what remains of it, escaped twice, up to twelve. */
    size_t room = 1048576 + 32 * most;
    struct arena *work = arena_new(room);
    struct ingest_prepared *p = xcalloc(1, sizeof(*p));
    p->octets = input->octets;
    p->ts = input->ts;
    p->source = input->source;
    p->audit = input->audit;
    if (p->audit)
        write_audit(p->audit, &p->audit_texts);
    p->arena = arena_new(65536);
    rows_init(&p->rows, room < INT_MAX ? room : INT_MAX);
    buf_init(&p->record, 65536 + 4 * most < INT_MAX ? 65536 + 4 * most : INT_MAX);

    enum rc rc = prepare(p, input, &l, work, err);
    arena_free(work);
    if (rc != RC_OK) {
        if (err)
            err->code = rc;
        ingest_prepared_free(p);
        return rc;
    }
    *out = p;
    return RC_OK;
}

void ingest_prepared_free(struct ingest_prepared *p)
{
    if (!p)
        return;
    rows_fini(&p->rows);
    buf_fini(&p->record);
    arena_free(p->arena);
    free(p);
}

/* ---- statement ---- */

static const char *const outcome_names[] = {
    [INGEST_STORED] = "stored", [INGEST_SAME] = "same",       [INGEST_DIFFERENT] = "different",
    [INGEST_DRAFT] = "draft",   [INGEST_RETIRED] = "retired", [INGEST_PURGED] = "purged",
};

const char *ingest_outcome_name(enum ingest_outcome o)
{
    return (unsigned)o < sizeof(outcome_names) / sizeof(outcome_names[0]) ? outcome_names[o]
                                                                          : "unknown";
}

enum rc ingest_outcome_of(struct span text, enum ingest_outcome *out)
{
    for (size_t i = 0; i < sizeof(outcome_names) / sizeof(outcome_names[0]); i++) {
        if (span_equal_str(text, outcome_names[i])) {
            *out = (enum ingest_outcome)i;
            return RC_OK;
        }
    }
    return RC_INVALID;
}

const char *ingest_sql(const struct ingest_prepared *p)
{
    return p->audit ? p->kind->audited : p->kind->ingest;
}

static unsigned add_rows(const struct ingest_prepared *p, struct pg_param out[])
{
    unsigned n = 0;
    for (unsigned table = p->kind->first; table < p->kind->end; table++)
        out[n++] = pg_text_span(buf_span(&p->rows.literals[table]));
    out[n++] = pg_text_span(buf_span(&p->rows.literals[ROWS_WARNINGS]));
    return n;
}

static unsigned add_audit(const struct ingest_prepared *p, struct pg_param out[])
{
    const struct audit_texts *t = &p->audit_texts;
    unsigned n = 0;
    out[n++] = pg_text(p->audit->operation);
    out[n++] = pg_text(p->audit->accepted == AUDIT_NO_STATUS ? NULL : t->accepted);
    out[n++] = pg_text(p->audit->refused == AUDIT_NO_STATUS ? NULL : t->refused);
    out[n++] = pg_text(t->title[0] ? t->title : NULL);
    out[n++] = pg_text(t->address[0] ? t->address : NULL);
    out[n++] = pg_text(p->audit->peer ? t->association : NULL);
    out[n++] = pg_text(p->audit->server_id);
    out[n++] = pg_text(p->audit->details);
    return n;
}

unsigned ingest_params(const struct ingest_prepared *p, struct pg_param out[INGEST_PARAMS])
{
    unsigned n = 0;
    out[n++] = pg_text(p->sop_instance);
    out[n++] = pg_text(p->sop_class);
    out[n++] = pg_text(p->ts->uid);
    out[n++] = pg_bytea(p->octets);
    out[n++] = pg_bytea(span_of(p->digest, sizeof(p->digest)));
    out[n++] = pg_bytea(buf_span(&p->record));
    out[n++] = pg_text(p->charset);
    out[n++] = pg_text(p->timezone);
    out[n++] = pg_text(p->source);
    out[n++] = pg_text(p->sender);
    n += add_rows(p, out + n);
    return p->audit ? n + add_audit(p, out + n) : n;
}

const char *ingest_known_sql(void)
{
    return known_statement;
}

unsigned ingest_known_params(const struct ingest_prepared *p,
                             struct pg_param out[INGEST_KNOWN_PARAMS])
{
    out[0] = pg_text(p->sop_instance);
    out[1] = pg_bytea(span_of(p->digest, sizeof(p->digest)));
    return INGEST_KNOWN_PARAMS;
}

enum rc ingest_known_outcome(struct span state, bool is_same, enum ingest_outcome *out)
{
    if (!span_equal_str(state, "published"))
        return ingest_outcome_of(state, out);
    *out = is_same ? INGEST_SAME : INGEST_DIFFERENT;
    return RC_OK;
}

const char *rebuild_sql(const struct ingest_prepared *p)
{
    return p->kind->rebuild;
}

unsigned rebuild_params(const struct ingest_prepared *p, struct pg_param out[REBUILD_PARAMS])
{
    unsigned n = 0;
    out[n++] = pg_text(p->sop_instance);
    out[n++] = pg_bytea(buf_span(&p->record));
    out[n++] = pg_text(p->charset);
    out[n++] = pg_text(p->timezone);
    return n + add_rows(p, out + n);
}

/* ---- the operation ---- */

struct ingest_op {
    struct pg_pool *pool;
    int64_t timeout_ms;
    const struct ingest_prepared *prepared; /* the caller's until cb */
    ingest_cb cb;
    void *arg;
    struct pg_once *once;
    bool was_sent;
    bool has_outcome;
    enum ingest_outcome outcome;
    unsigned tries;
    int64_t reread_until_ms;
    struct err first_failure; /* while reading again */
};

static void finish(struct ingest_op *op, const struct err *result)
{
    struct err copy = *result;
    struct ingest_op done = *op;
    free(op);
    done.cb(&copy, done.outcome, done.arg);
}

static void on_reread_row(const struct pg_row *row, void *arg)
{
    struct ingest_op *op = arg;
    op->has_outcome =
        ingest_known_outcome(pg_octets(row, 0), pg_bool(row, 1), &op->outcome) == RC_OK;
    if (op->has_outcome && op->outcome == INGEST_SAME)
        op->outcome = INGEST_STORED; /* by the statement whose answer was lost */
}

static void reread(struct ingest_op *op);

static void on_reread_done(const struct err *result, int64_t rows, void *arg)
{
    struct ingest_op *op = arg;
    bool may_try_again = result->code == RC_IO || result->code == RC_AGAIN;
    (void)rows;
    op->once = NULL;
    if (result->code == RC_OK && op->has_outcome)
        finish(op, result);
    else if (may_try_again && op->tries < MAX_TRIES && clock_now_ms() < op->reread_until_ms)
        reread(op);
    else
        finish(op, &op->first_failure);
}

static void reread(struct ingest_op *op)
{
    struct pg_param params[INGEST_KNOWN_PARAMS];
    struct pg_query q = {.sql = known_statement,
                         .params = params,
                         .param_count = ingest_known_params(op->prepared, params),
                         .on_row = on_reread_row,
                         .on_done = on_reread_done,
                         .arg = op,
                         .lane = PG_LANE_STORES,
                         .is_patient = true};
    op->has_outcome = false;
    op->tries++;
    op->once = pg_once_start(op->pool, op->reread_until_ms - clock_now_ms(), &q);
}

/* failure: the answer when it cannot be said that it is there. */
static void start_reread(struct ingest_op *op, const struct err *failure)
{
    op->first_failure = *failure;
    op->tries = 0;
    op->reread_until_ms = clock_now_ms() + op->timeout_ms;
    reread(op);
}

static void on_ingest_row(const struct pg_row *row, void *arg)
{
    struct ingest_op *op = arg;
    op->has_outcome = ingest_outcome_of(pg_octets(row, 0), &op->outcome) == RC_OK;
}

/* serialization_failure, deadlock_detected; or a session that cannot write */
static bool is_lost_race(const struct err *result)
{
    return result->code == RC_AGAIN ||
           (result->code == RC_DB &&
            (strcmp(result->sqlstate, "40001") == 0 || strcmp(result->sqlstate, "40P01") == 0));
}

static void run(struct ingest_op *op);

static bool is_unknown(const struct err *result)
{
    return result->code == RC_IO || result->code == RC_TIMEOUT ||
           (result->code == RC_DB && strcmp(result->sqlstate, PG_UNREPLICATED) == 0);
}

static void on_ingest_done(const struct err *result, int64_t rows, void *arg)
{
    struct ingest_op *op = arg;
    (void)rows;
    op->once = NULL;
    if (op->was_sent && is_unknown(result)) {
        start_reread(op, result);
        return;
    }
    if (is_lost_race(result) && op->tries < MAX_TRIES) {
        run(op);
        return;
    }
    if (result->code == RC_OK && !op->has_outcome) {
        struct err err = {0};
        err_set(&err, RC_INTERNAL, "dpp.ingest gave no outcome that this build knows");
        finish(op, &err);
        return;
    }
    finish(op, result);
}

static void run(struct ingest_op *op)
{
    struct pg_param params[INGEST_PARAMS];
    struct pg_query q = {.sql = ingest_sql(op->prepared),
                         .params = params,
                         .param_count = ingest_params(op->prepared, params),
                         .on_row = on_ingest_row,
                         .on_done = on_ingest_done,
                         .arg = op,
                         .lane = PG_LANE_STORES,
                         .was_sent = &op->was_sent};
    op->has_outcome = false;
    op->tries++;
    op->once = pg_once_start(op->pool, op->timeout_ms, &q);
}

struct ingest_op *ingest_start(struct pg_pool *pool, int64_t timeout_ms, struct ingest_prepared *p,
                               ingest_cb cb, void *arg)
{
    struct ingest_op *op = xcalloc(1, sizeof(*op));
    op->pool = pool;
    op->timeout_ms = timeout_ms;
    op->prepared = p;
    op->cb = cb;
    op->arg = arg;
    run(op);
    return op;
}

void ingest_cancel(struct ingest_op *op)
{
    pg_once_cancel(op->once);
    free(op);
}
