/* SPDX-License-Identifier: Apache-2.0
 *
 * The reference: which objects an identifier matches and what is answered, read off PS3.4 K.2.2, C.2.2.2
 * and tables HH.6-1 and II.6-1 as plainly as can be, one object at a time, without a database. Speed is no aim.
 *
 * Where the standard leaves a choice the reference takes the one that dppr documents; each place says so
 * with the word "choice".
 */
#ifndef REFERENCE_H
#define REFERENCE_H

#include "compare.h"

/* How a value of the key is compared (the last columns of the tables of keys). */
enum rule {
    RULE_RETURN, /* a return key only */
    RULE_UID,
    RULE_TEXT,
    RULE_SCHEME, /* RULE_TEXT, of coding schemes that have had several designators */
    RULE_NAME,
    RULE_DATE,
    RULE_TIME,
    RULE_DATETIME,
    RULE_SEQUENCE,
};

struct key {
    uint32_t tag;
    char vr[3];
    enum rule rule;
    bool is_optional; /* matching type O */
    bool has_many;    /* VM 1-n */
    const struct key *items;
    unsigned item_count;
};
struct keys {
    const struct key *keys;
    unsigned count;
};
const struct key *key_of(struct keys keys, uint32_t tag); /* NULL = none */

/* PS3.4 Annexes HH and II. */
struct information_model {
    const char *find_uid;
    const char *classes[3]; /* of its objects, NULL-terminated */
    struct keys keys;
};
extern const struct information_model protocols, approvals;

/* An object as the reference sees it: decoded, in UTF-8. */
struct entity {
    const struct information_model *model;
    const struct dcm_item *tree;
    const char *charset; /* as stored, "" = none */
    bool is_hidden;      /* retired, say */
    bool has_zone;
    int64_t zone; /* its (0008,0201), in microseconds */
};
bool entity_read(struct span octets, const struct dcm_ts *ts, const struct information_model *model,
                 struct arena *arena, struct entity *out);

/* An identifier. Refused ones have at least one offending element (A900). */
enum { MAX_OFFENDING = 64 };
struct question {
    const struct information_model *model;
    const struct dcm_item *tree;
    const char *charset;
    uint32_t offending[MAX_OFFENDING];
    unsigned offending_count;
    bool is_unreadable;       /* C310 */
    bool asks_nothing;        /* no keys: success without a match */
    bool is_partly_supported; /* FF01 */
    bool adjusts, is_fuzzy, has_zone;
    int64_t zone, site_zone; /* in microseconds */
};
void question_read(struct span octets, const struct dcm_ts *ts,
                   const struct information_model *model, const struct requester *requester,
                   struct arena *arena, struct question *out);

bool reference_matches(const struct question *q, const struct entity *e);
/* Of one that matches: the identifier of the response, in UTF-8, and its (0008,0005) ("" = none). */
const struct dcm_item *reference_response(const struct question *q, const struct entity *e,
                                          const char *preferred_charset, struct arena *arena,
                                          const char **charset);

/* ---- parts ---- */

/* The values without padding; 0 = unknown or, for a key, universal. */
enum { MAX_VALUES = 10000, MAX_RANGES = 64 };
unsigned values_of(const struct dcm_element *e, const char *vr, struct span out[MAX_VALUES]);
bool is_only_asterisks(struct span s);
bool has_wild_card(struct span s);
/* Characters, not octets. */
bool wild_card_matches(struct span pattern, struct span text);
bool name_matches(struct span key, struct span name, bool is_fuzzy);
struct span name_folded(struct span text); /* kept for good */
/* Whether all words of the key are among those of the name, by sound; false also if the key has none. */
bool words_match(struct span key, struct span name);
/* The Double Metaphone codes of a word of a to z, "" = none: asked of the library that PostgreSQL comes with. */
enum { SOUND_TEXT = 16 };
extern void (*sounds_of)(const char *word, char out[2][SOUND_TEXT]);
struct span name_trimmed(struct span name); /* without delimiters at its end */
bool uid_is_valid(struct span s);

/* Of dates and date-times since 0001-01-01, of times since midnight; as the clock shows it. */
#define DAY INT64_C(86400000000)
struct moment {
    int64_t first, last; /* what the precision covers */
    bool has_offset;     /* DT only */
    int64_t offset;
};
/* false: it is none. */
typedef bool (*moment_reader)(struct span s, struct moment *out);
bool date_read(struct span s, struct moment *out);
bool time_read(struct span s, struct moment *out);
bool datetime_read(struct span s, struct moment *out);
bool offset_read(struct span s, int64_t *out);
struct range {
    bool is_range, has_low, has_high; /* of a single value: low only */
    struct moment low, high;
};
bool range_read(struct span s, moment_reader reader, struct range *out);
/* The ends moved by so much. */
bool range_holds(const struct range *r, int64_t moment, int64_t low_shift, int64_t high_shift);

/* ---- faults to be planted, so that a test can see them found ---- */

/* clang-format off */
#define PLANTS(X)                                                                                 \
    X(PLANT_CASE,             "text is compared without regard to case")                          \
    X(PLANT_NAME_CASE,        "names are compared with regard to case")                           \
    X(PLANT_NAME_ACCENT,      "names are compared with regard to accents")                        \
    X(PLANT_NAME_GROUPS,      "only the first component group of a name is compared")             \
    X(PLANT_UNDERSCORE,       "an underscore of a key stands for any character")                  \
    X(PLANT_PERCENT,          "a percent sign of a key stands for any text")                      \
    X(PLANT_OCTETS,           "a question mark stands for an octet")                              \
    X(PLANT_UNKNOWN_MATCHES,  "an unknown value matches every key")                               \
    X(PLANT_STAR_NEEDS_VALUE, "a lone asterisk needs a value")                                    \
    X(PLANT_ACROSS_ITEMS,     "keys of an item may match in several items")                       \
    X(PLANT_FIRST_ITEM,       "only the first item of a sequence is looked at")                   \
    X(PLANT_MEANING,          "the meaning of a code is matched")                                 \
    X(PLANT_SCHEMES,          "designators of the same coding scheme differ")                     \
    X(PLANT_EQUIVALENT,       "a code matches by its equivalent codes")                           \
    X(PLANT_RANGE_END,        "the end of a range is outside of it")                              \
    X(PLANT_PRECISION,        "the end of a range covers no more than its first microsecond")     \
    X(PLANT_SEPARATE_RANGES,  "a range of dates and one of times are matched separately")         \
    X(PLANT_TEXT_TIMES,       "a single time is compared as text")                                \
    X(PLANT_FIRST_VALUE,      "only the first value of an attribute counts")                      \
    X(PLANT_FIRST_UID,        "only the first UID of a list counts")                              \
    X(PLANT_PADDING,          "spaces at the start of a value count")                             \
    X(PLANT_ALL_ITEMS,        "all items are returned, whether they match or not")                \
    X(PLANT_WHOLE_ITEMS,      "items are returned whole")                                         \
    X(PLANT_NO_EMPTY,         "what an object lacks is left out of the response")                 \
    X(PLANT_NO_ZONE,          "the time zone is left out of the response")                        \
    X(PLANT_CHARSET,          "responses beyond ASCII are always in UTF-8")                       \
    X(PLANT_FF01,             "keys outside of the model are supported")                          \
    X(PLANT_LEVEL,            "the Query/Retrieve Level is a key")                                \
    X(PLANT_NOT_FUZZY,        "names are always compared literally")                              \
    X(PLANT_FUZZY_ONE_WORD,   "one of the words of a name is enough")                             \
    X(PLANT_FUZZY_START,      "the first words of a name must be those of the key")               \
    X(PLANT_HIDDEN,           "retired objects are found")                                      \
    X(PLANT_DT_OFFSET,        "the offset of a date-time is passed over")                         \
    X(PLANT_NO_ADJUSTMENT,    "time zones are never adjusted")                                    \
    X(PLANT_OBJECT_ZONE,      "the time zone of an object is passed over")                        \
    X(PLANT_REQUEST_ZONE,     "the time zone of an identifier is passed over")                    \
    X(PLANT_TWO_ITEMS,        "of several items in a key the first is taken")

/* In the statement instead: what is found there is replaced. */
#define PLANTS_IN_SQL(X)                                                                          \
    X(PLANT_SQL_RANGE_END,  " <= $", " < $", "the end of a range is outside of it")               \
    X(PLANT_SQL_CASE,       " like $", " ilike $", "patterns are compared without regard to case") \
    X(PLANT_SQL_EQUIVALENT, "equivalent = 0", "equivalent >= 0", "a code matches by its equivalent codes") \
    X(PLANT_SQL_TWICE,      "ordinal < ms", "ordinal < -ms", "an object comes once for each matching item") \
    X(PLANT_SQL_ROLE,       "role = 'anatomic_region'", "role = 'primary_structure'", "one sequence is taken for another") \
    X(PLANT_SQL_ANY_OBJECT, ".object_id = o.id)", ".object_id = o.id limit 1)", "only the first matching item is returned")
/* clang-format on */

enum plant {
    PLANT_NONE,
#define PLANT_ENUM(name, text) name,
    PLANTS(PLANT_ENUM)
#undef PLANT_ENUM
#define PLANT_ENUM(name, from, to, text) name,
        PLANTS_IN_SQL(PLANT_ENUM)
#undef PLANT_ENUM
            PLANT_COUNT
};
extern enum plant planted;
const char *plant_name(enum plant p); /* "CASE" */
const char *plant_text(enum plant p);
/* The statement with the planted fault; sql itself when there is none. */
const char *plant_in_sql(const char *sql, struct arena *arena);

#endif
