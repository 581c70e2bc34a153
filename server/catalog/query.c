/* SPDX-License-Identifier: Apache-2.0
 *
 * From a C-FIND identifier (PS3.4 HH.6.1.2, matching of K.2.2.1) to one statement and a response plan.
 *
 *     octets -> dcm_read -> count, adopt VRs -> UTF-8 -> query_level -> select ... from dpp.objects o
 *                                                        (recursive)    [join dpp.protocols p ...]
 *                                                                       where <view> <predicates>
 *
 * The statement is one select over dpp.objects, in no order: an order would hold back the first row.
 * dpp.protocols is joined only when one of its columns is compared, so that a match-all query is a plain
 * scan of objects. Every value is a parameter; the text depends on which keys are given and on the shape
 * of their values (exact, prefix, pattern, range), so few texts exist and each is prepared once per
 * connection. The limit alone is written into the text: it comes from our configuration, not from a peer.
 *
 * The first response shall come at once, whatever is asked for (decided by experiment on 10^6 protocols,
 * tests/unit/catalog/test_plans.c):
 *
 *   keys                                        planned        because
 *   a value of SOP Instance UID, of a           once           few rows by an index, whatever the value; planning
 *   predecessor's, of Protocol Name                            would take longer than the query
 *   none, or universal ones only                once           a scan of objects
 *   any other                                   with values    a modality, a range or a pattern may select a handful
 *                                                              or everything, and one plan cannot be good for both
 *
 * The last kind has "limit (select n)" at its end. A limit that the planner cannot know makes it look for
 * the plan that has the first tenth of the rows soonest, so neither sorts nor large bitmaps come before
 * the first row; a limit it knows would be no reason, being more than there is.
 *
 * Attributes outside the model (query_other.c) are not in the record. When an identifier asks for such, the
 * statement also reads the object's octets: it becomes "select ... from (<it>) as q (...)", in parts.
 *
 * Faults of the identifier: what cannot be parsed is RC_UNSUPPORTED (C310); what can, but does not fit the
 * SOP class, is RC_INVALID with the offending element (A900).
 *
 * A key with a value is also a return key (K.2.2.1.2), so every key enters the plan.
 */
#include "query_parts.h"

#include "catalog/instances.h"
#include "dcm/charset.h"
#include "text_array.h"

struct query_limits query_limits_default(void)
{
    return (struct query_limits){
        .max_keys = 256, .max_uids = 65536, .max_octets = 16 << 20, .max_depth = 32};
}

struct query_limits query_limits_or_default(const struct query_limits *limits)
{
    struct query_limits use = query_limits_default();
    if (limits && limits->max_keys)
        use.max_keys = limits->max_keys;
    if (limits && limits->max_uids)
        use.max_uids = limits->max_uids;
    if (limits && limits->max_octets)
        use.max_octets = limits->max_octets;
    if (limits && limits->max_depth)
        use.max_depth = limits->max_depth;
    return use;
}

/* Items and group lengths are no attributes, but must not be many either. */
struct dcm_limits query_read_limits(const struct query_limits *limits)
{
    return (struct dcm_limits){.max_bytes = limits->max_octets,
                               .max_depth = limits->max_depth,
                               .max_elements = limits->max_keys + 64,
                               .bytes_setting = LIMIT_max_identifier,
                               .elements_setting = LIMIT_max_query_keys};
}

enum rc query_no_room(struct err *err, uint32_t tag)
{
    return err_set_limit(err, LIMIT_memory, tag, "identifier asks for too much");
}

enum rc query_many_values(struct err *err, uint32_t tag)
{
    return err_set_limit(err, LIMIT_query_values, tag, "key has more than %d values",
                         QUERY_MAX_VALUES);
}

unsigned query_add_param(struct query_builder *b, struct span text)
{
    if (b->param_count == b->param_cap) {
        unsigned cap = b->param_cap ? 2 * b->param_cap : 16;
        if (cap > QUERY_MAX_PARAMS)
            return 0;
        struct pg_param *more = arena_array(b->arena, cap, sizeof(*more));
        if (!more)
            return 0;
        if (b->param_count)
            memcpy(more, b->params, b->param_count * sizeof(*more));
        b->params = more;
        b->param_cap = cap;
    }
    b->params[b->param_count++] = pg_text_span(text);
    return b->param_count;
}

unsigned query_add_array(struct query_builder *b, const struct span *values, unsigned count)
{
    struct span literal = text_array(b->arena, values, count);
    return literal.data ? query_add_param(b, literal) : 0;
}

const char *query_column(struct query_builder *b, const struct query_place *at)
{
    if (strcmp(at->alias, "p") == 0)
        b->needs_table = true;
    return arena_printf(b->arena, "%s.%s", at->alias, at->key->column);
}

/* Count all attributes, and give known ones the model's VR: an identifier may say UN, or a wrong one. */
static enum rc adopt_vrs(struct query_builder *b, const struct model_key *keys, unsigned key_count,
                         struct dcm_item *item, struct err *err)
{
    for (struct dcm_element *e = item->first; e; e = e->next) {
        if (++b->attribute_count > b->limits.max_keys)
            return err_set_limit(err, LIMIT_max_query_keys, e->tag, "more than %u attributes",
                                 b->limits.max_keys);
        const struct model_key *key = model_find_key(keys, key_count, e->tag);
        bool is_sequence = e->items || memcmp(e->vr, "SQ", 2) == 0;
        if (key && !is_sequence && key->match != MATCH_SEQUENCE)
            memcpy(e->vr, key->vr, sizeof(e->vr));

        for (struct dcm_item *i = e->items; i; i = i->next) {
            enum rc rc =
                adopt_vrs(b, key ? key->children : NULL, key ? key->child_count : 0, i, err);
            if (rc != RC_OK)
                return rc;
        }
    }
    return RC_OK;
}

/* The request's (0008,0005) as responses repeat it; "" = none. */
static enum rc copy_charset(struct query_builder *b, const struct dcm_item *item, char **out,
                            struct err *err)
{
    const struct dcm_element *e = dcm_find(item, TAG_SpecificCharacterSet);
    char spelled[DCM_CHARSET_TERMS_MAX];
    if (!dcm_charset_spell(e ? e->value : span_of("", 0), spelled))
        return err_set_tag(err, RC_INVALID, TAG_SpecificCharacterSet,
                           "character set of the identifier is not supported");
    *out = arena_strdup(b->arena, spelled);
    return *out ? RC_OK : query_no_room(err, TAG_SpecificCharacterSet);
}

/* Octets to a UTF-8 tree whose known attributes have the model's VRs. */
static enum rc read_identifier(struct query_builder *b, struct span octets, const struct dcm_ts *ts,
                               const struct query_view *view, struct dcm_item **item,
                               char **charset, struct err *err)
{
    struct dcm_limits limits = query_read_limits(&b->limits);

    enum rc rc = dcm_read(octets, ts, &limits, b->arena, item, err);
    if (rc == RC_INVALID && err)
        err->code = RC_UNSUPPORTED;
    if (rc != RC_OK)
        return rc == RC_INVALID ? RC_UNSUPPORTED : rc;

    rc = adopt_vrs(b, b->model->keys, b->model->key_count, *item, err);
    if (rc == RC_OK)
        rc = copy_charset(b, *item, charset, err);
    if (rc != RC_OK)
        return rc;

    rc = dcm_tree_to_utf8(*item, view->default_charset, b->arena, NULL, err);
    if (rc == RC_UNSUPPORTED) /* of an item, say */
        return err_set_tag(err, RC_INVALID, TAG_SpecificCharacterSet,
                           "character set of the identifier is not supported");
    return rc;
}

/* A version has no place when a published one that the requester may see has taken it (dpp.current_protocols):
 * directly, which is the rule and costs a look into an index, or through published ones that are hidden from it, which
 * dpp.is_superseded finds out. */
static void add_currentness(unsigned required, struct buf *sql)
{
    buf_add_str(sql, " and not exists (select from dpp.supersessions s"
                     " join dpp.objects n on n.id = s.object_id"
                     " where s.superseded_uid = o.sop_instance_uid and n.state = 'published'");
    if (required)
        buf_printf(
            sql,
            " and $%u::text[] <@ " INSTANCES_REQUIREMENTS_MET(
                "n") ") and (not exists (select from"
                     " dpp.supersessions s where s.superseded_uid = o.sop_instance_uid) or not"
                     " dpp.is_superseded(o.sop_instance_uid, $%u::text[])",
            required, required);
    buf_add_str(sql, ")");
}

/* What the requester may see. The one place for it: state first, then approval, then currentness (decision 12). The
 * text tells only which of them restrict it; instances.c says the same for retrievals. */
static enum rc add_view(struct query_builder *b, const struct query_view *view, struct buf *sql,
                        struct err *err)
{
    unsigned required = 0;
    buf_add_str(sql, " where o.state = 'published' and o.sop_class_uid in (");
    for (const char *const *uid = b->model->storage_classes; *uid; uid++)
        buf_printf(sql, "%s'%s'", uid == b->model->storage_classes ? "" : ", ", *uid);
    buf_add_str(sql, ")");
    if (!b->model->is_subject)
        return RC_OK;
    if (view->required) {
        required = query_add_param(b, span_str(view->required));
        if (!required)
            return query_no_room(err, 0);
        buf_printf(sql, " and $%u::text[] <@ " INSTANCES_REQUIREMENTS_MET("o"), required);
    }
    if (view->current_only)
        add_currentness(required, sql);
    return RC_OK;
}

/* Whether one plan is good for all values. */
static bool has_one_plan(const struct query_builder *b)
{
    return b->names_few || b->where.len == 0;
}

static void add_limit(const struct query_builder *b, const struct query_view *view, struct buf *sql)
{
    int64_t most =
        view->max_matches > 0 && view->max_matches < INT64_MAX ? view->max_matches + 1 : INT64_MAX;
    if (!has_one_plan(b))
        buf_printf(sql, " limit (select %lld)", (long long)most);
    else if (most < INT64_MAX)
        buf_printf(sql, " limit %lld", (long long)most);
}

/* Around the statement: each row of it becomes as many as its octets have parts, one after the other. Only
 * what is large has more than one; so no row makes libpq's input buffer, which never shrinks, large. */
static void open_parts(const struct query_builder *b, struct buf *sql)
{
    buf_add_str(sql, "select q.record");
    for (unsigned i = 1; i <= b->list_count; i++)
        buf_printf(sql, ", q.list%u", i);
    buf_printf(
        sql,
        ", q.syntax, coalesce(octet_length(q.dataset), 0), substring(q.dataset from 1 + %d *"
        " generate_series(0, (coalesce(octet_length(q.dataset), 0) - 1) / %d) for %d) from (",
        INSTANCES_CHUNK_BYTES, INSTANCES_CHUNK_BYTES, INSTANCES_CHUNK_BYTES);
}

static void close_parts(const struct query_builder *b, struct buf *sql)
{
    buf_add_str(sql, ") as q (record");
    for (unsigned i = 1; i <= b->list_count; i++)
        buf_printf(sql, ", list%u", i);
    buf_add_str(sql, ", syntax, dataset)");
}

static enum rc add_select(struct query_builder *b, const struct query_view *view, struct buf *sql,
                          struct err *err)
{
    bool reads_octets = b->other_count > 0;
    buf_add_str(sql, "select o.query_record");
    buf_add_span(sql, buf_span(&b->columns));
    if (reads_octets)
        buf_add_str(sql, ", i.transfer_syntax_uid, i.dataset");
    buf_add_str(sql, " from dpp.objects o");
    if (b->needs_table ||
        (b->model->needs_rows && b->from.len == 0)) /* items have an entity's row */
        buf_printf(sql, " join %s p on p.object_id = o.id", b->model->table);
    buf_add_span(sql, buf_span(&b->from));
    if (reads_octets)
        buf_add_str(sql, " left join dpp.instances i on i.object_id = o.id");
    enum rc rc = add_view(b, view, sql, err);
    buf_add_span(sql, buf_span(&b->where));
    add_limit(b, view, sql);
    return rc;
}

static enum rc write_sql(struct query_builder *b, const struct query_view *view, struct query *out,
                         struct err *err)
{
    struct buf sql;
    buf_init(&sql, 4 * (size_t)QUERY_MAX_SQL);
    if (b->other_count > 0)
        open_parts(b, &sql);
    enum rc rc = add_select(b, view, &sql, err);
    if (b->other_count > 0)
        close_parts(b, &sql);

    bool is_whole = buf_status(&sql) == RC_OK && buf_status(&b->from) == RC_OK &&
                    buf_status(&b->where) == RC_OK && buf_status(&b->columns) == RC_OK;
    out->sql = is_whole ? arena_strndup(b->arena, (const char *)sql.data, sql.len) : NULL;
    if (!out->sql && rc == RC_OK)
        rc = query_no_room(err, 0);
    buf_fini(&sql);
    out->params = b->params;
    out->param_count = b->param_count;
    return rc;
}

/* Predicates and plan of a decoded identifier. */
static enum rc add_keys(struct query_builder *b, const struct dcm_item *item,
                        struct project_plan *plan, struct err *err)
{
    b->top = item;
    b->list_cap = b->attribute_count;
    b->depths = arena_array(b->arena, b->list_cap ? b->list_cap : 1, sizeof(*b->depths));
    if (!b->depths)
        return query_no_room(err, 0);

    enum rc rc = query_level(b, NULL, item, &b->where, &plan->keys, &plan->key_count, err);
    if (rc == RC_OK && b->model->date_tag)
        rc = query_datetime(b, dcm_find(item, b->model->date_tag),
                            dcm_find(item, b->model->time_tag), &b->where, err);
    if (rc == RC_OK && plan->key_count == 0) {
        b->matches_none = true;
        buf_add_str(&b->where, " and false");
    }
    plan->depths = b->depths;
    plan->list_count = b->list_count;
    plan->others = b->others;
    plan->other_count = b->other_count;
    return rc;
}

enum rc query_build(const struct model *model, struct span identifier, const struct dcm_ts *ts,
                    const struct query_view *view, const struct query_limits *limits,
                    struct arena *arena, struct query *out, struct err *err)
{
    struct query_builder b = {
        .model = model,
        .limits = query_limits_or_default(limits),
        .arena = arena,
        .fuzzy_names = view->fuzzy_names,
        .adjusts_times = view->adjusts_times,
        .site_zone = view->site_zone ? view->site_zone : "UTC",
    };
    struct project_plan *plan = arena_alloc(arena, sizeof(*plan));
    struct dcm_item *item = NULL;
    char *charset = NULL;

    memset(out, 0, sizeof(*out));
    if (!plan)
        return query_no_room(err, 0);
    buf_init(&b.from, QUERY_MAX_SQL);
    buf_init(&b.where, QUERY_MAX_SQL);
    buf_init(&b.columns, QUERY_MAX_SQL);

    enum rc rc = read_identifier(&b, identifier, ts, view, &item, &charset, err);
    if (rc == RC_OK) {
        out->identifier = item;
        rc = query_read_zone(&b, item, err);
    }
    if (rc == RC_OK)
        rc = add_keys(&b, item, plan, err);
    if (rc == RC_OK)
        rc = write_sql(&b, view, out, err);
    if (rc == RC_OK) {
        plan->request_charset = charset;
        out->nothing_asked = plan->key_count == 0;
        out->matches_none = b.matches_none;
        out->plan_with_values = !has_one_plan(&b);
        out->optional_ignored = b.optional_ignored;
        out->plan = plan;
    }
    buf_fini(&b.from);
    buf_fini(&b.where);
    buf_fini(&b.columns);
    return rc;
}
