/* SPDX-License-Identifier: Apache-2.0
 *
 * The parts of catalog/query: query.c reads the identifier and puts the statement together; query_text.c,
 * query_name.c, query_time.c and query_uid.c each turn the value of one kind of key into a predicate;
 * query_sequence.c nests; query_other.c has the keys outside the model.
 */
#ifndef CATALOG_QUERY_PARTS_H
#define CATALOG_QUERY_PARTS_H

#include "catalog/query.h"
#include "project_plan.h"

enum {
    QUERY_MAX_VALUES = 64,   /* of one key that is no UID list */
    QUERY_MAX_PARAMS = 2048, /* libpq and the server allow 65535 */
    QUERY_MAX_SQL = 1 << 20, /* octets */
};

/* The statement in the making. Values that outlive query_build are in the arena. */
struct query_builder {
    const struct model *model;
    struct query_limits limits;
    struct arena *arena;
    struct pg_param *params;
    unsigned param_count, param_cap;
    struct buf from;    /* joined tables of items, each starting with " join " */
    struct buf where;   /* predicates, each starting with " and " */
    struct buf columns; /* result columns after the first, each starting with ", " */
    unsigned *depths;   /* of each such column */
    unsigned list_count, list_cap;
    unsigned alias_count;
    unsigned attribute_count, uid_count;
    const struct dcm_item *top; /* of the identifier */
    struct plan_other *others;  /* as in struct project_plan */
    unsigned other_count;
    bool needs_table; /* the model's own table is mentioned */
    bool names_few;   /* a predicate that few objects satisfy, whatever its value */
    bool matches_none;
    bool optional_ignored;
    bool fuzzy_names; /* see query_name.c */
    /* query_time.c: the zones of keys and of stored times, see there. */
    bool adjusts_times;
    bool has_zone; /* the request has (0008,0201) */
    int zone_minutes;
    const char *site_zone;
    const char *site_zone_sql, *key_zone_sql;     /* once they are parameters; else NULL */
    const char *datetime_column, *instant_column; /* of the model's date and time */
};

/* Where a key's column is: "o", "p" or the alias of an item table. */
struct query_place {
    const struct model_key *key;
    char alias[16];
};

/* A predicate for one key with a value, appended to `to` with " and " in front; nothing is appended when
 * the value is universal. RC_INVALID carries the tag. */
typedef enum rc (*query_predicate)(struct query_builder *b, const struct query_place *at,
                                   const struct dcm_element *e, struct buf *to, struct err *err);
enum rc query_text(struct query_builder *b, const struct query_place *at,
                   const struct dcm_element *e, struct buf *to, struct err *err);
enum rc query_name(struct query_builder *b, const struct query_place *at,
                   const struct dcm_element *e, struct buf *to, struct err *err);
enum rc query_uid(struct query_builder *b, const struct query_place *at,
                  const struct dcm_element *e, struct buf *to, struct err *err);
enum rc query_instant(struct query_builder *b, const struct query_place *at,
                      const struct dcm_element *e, struct buf *to, struct err *err);
/* The request's Timezone Offset From UTC, before any key. */
enum rc query_read_zone(struct query_builder *b, const struct dcm_item *item, struct err *err);
/* Both keys of the model's date and time together; either may be NULL or empty. */
enum rc query_datetime(struct query_builder *b, const struct dcm_element *date,
                       const struct dcm_element *time, struct buf *to, struct err *err);

/* The items of one sequence key, as far as they are restricted: see query_sequence.c. */
struct query_items {
    const struct model_key *key;
    char alias[16];
    struct buf keys;          /* predicates of their own attributes, each starting with " and " */
    struct buf exists;        /* likewise, of the sequences within */
    struct buf joins, firsts; /* the same said with joined tables: those, and predicates */
};
/* The keys of one level: predicates into `to`, the plan in the arena. around NULL: the top level. */
enum rc query_level(struct query_builder *b, struct query_items *around,
                    const struct dcm_item *item, struct buf *to, const struct plan_key **plan,
                    unsigned *plan_count, struct err *err);
/* A sequence key: the objects with a matching item, and the matching items as a result column. */
enum rc query_sequence(struct query_builder *b, struct query_items *around,
                       const struct model_key *key, const struct dcm_element *e,
                       struct plan_key *plan, struct err *err);

/* The kinds of a text value (query_text.c). */
enum value_shape { VALUE_UNIVERSAL, VALUE_EXACT, VALUE_PREFIX, VALUE_PATTERN, VALUE_IMPOSSIBLE };
enum value_shape query_shape(struct span value);
/* LIKE pattern with the default escape character; data NULL without room. */
struct span query_like_pattern(struct arena *arena, struct span value);

/* Never keys, at no level: K.2.2.2 (character set, time zone), HH.6.1 (level is not relevant), PS3.10 7.2
 * (trailing padding has no significance). */
bool query_is_no_key(uint32_t tag);
/* A key's row of the plan, as of an attribute that is returned whole. */
enum rc query_plan_row(struct query_builder *b, const struct dcm_element *e, const char *vr,
                       struct plan_key *row, struct err *err);
/* A key that the model does not have, and what is in it. */
enum rc query_other(struct query_builder *b, const struct dcm_element *e, bool is_top,
                    struct plan_key *row, struct err *err);
enum rc query_one_item(const struct dcm_element *e, struct err *err);

/* A parameter; returns its number from 1, 0 when there is no room. */
unsigned query_add_param(struct query_builder *b, struct span text);
/* text[] out of values, as one parameter. */
unsigned query_add_array(struct query_builder *b, const struct span *values, unsigned count);
enum rc query_no_room(struct err *err, uint32_t tag);
enum rc query_many_values(struct err *err, uint32_t tag);
/* What the column of a key is called in SQL: "p.protocol_name"; in the arena, NULL without room. */
const char *query_column(struct query_builder *b, const struct query_place *at);

#endif
