/* SPDX-License-Identifier: Apache-2.0
 *
 * Responses from end to end: objects are stored, identifiers are run as the server runs them, and the octets of the
 * response are compared with what PS3.4 K.2.2.1, K.2.2.2 and K.4.1 say, written down by hand. A row is a rule.
 */
#include "catalog_find.h"

#include "catalog/instances.h"
#include "dcm/dict.h"
#include "testdb.h"

#define CT     "00080016 UI 1.2.840.10008.5.1.4.1.1.200.1; "
#define UTF8   "00080005 CS ISO_IR 192; "
#define LATIN1 "00080005 CS ISO_IR 100; "

#define PRIVATE                                                                                  \
    "00090010 LO ACME 1; 00091001 LO one; 00091002 SQ {[00091003 LO x; 00091004 LO y][00091003 " \
    "LO z]}; "
#define ELEMENTS                                                                                  \
    "00189920 SQ {[00189921 US ab; 00189922 LO Scout; 00189923 UT slow][00091001 LO p; 00189921 " \
    "US cd; "                                                                                     \
    "00189922 LO Spiral]}"
#define MODELS                                                                                   \
    "00189912 SQ {[00080070 LO ACME; 00081090 LO One; 00181000 LO 4711; 300A0420 SQ {[300A00F8 " \
    "CS T; 300A00F9 LO A1]}][00080070 LO Beta; 00081090 LO Two; 00091001 LO own][00080070 LO "   \
    "ACME; 00081090 LO Three]}"
#define CUSTODIANS                                                                              \
    "0040A07C SQ {[00080080 LO Mercy; 00080082 SQ {[00080100 SH X; 00080102 SH L; 00080104 LO " \
    "Ex][00080100 SH Y; 00080102 SH L; 00080104 LO Why]}][00080080 LO General]}"

/* Six levels, deeper than anything that is matched. */
#define DEEP(innermost)                                                                  \
    "00189934 SQ {[0018993D SQ {[00189939 SQ {[00189939 SQ {[00189939 SQ {[00189939 SQ " \
    "{[" innermost "]}]}]}]}]}]}"

/* By the last number of their SOP Instance UIDs. */
enum {
    FULL = 1,
    BARE,
    NESTED_TIMES,
    WRONG_VRS,
    JAPANESE,
    IMPLICIT,
    BIG,
    DEFLATED,
    NO_OCTETS,
    TWO_CREATORS
};

static const struct {
    unsigned number;
    const char *ts, *text;
} objects[] = {
    {FULL, UID_EXPLICIT_LE,
     LATIN1 "00080012 DA 20200105; 00080013 TM 101500; " CT "00080018 UI 1.2.3.1; 00080070 LO "
            "Maker; 00080201 SH +0100; 00080220 SQ {[00080100 SH G1; 00080102 SH 99X; 00080104 LO "
            "Group]}; " PRIVATE "00181030 LO Head; 0018990F UT Pl\xE4n; " MODELS "; " ELEMENTS
            "; 00200013 IS 7; " CUSTODIANS
            "; 00700080 CS LABEL; 00700081 LO; 00700084 PN J\xFCrgen"},
    {BARE, UID_EXPLICIT_LE, CT "00080018 UI 1.2.3.2"},
    {NESTED_TIMES, UID_EXPLICIT_LE,
     "00080013 TM; " CT
     "00080018 UI 1.2.3.3; 00080201 SH -0500; 00080220 SQ {[00080100 SH G1; 00080106 DT "
     "20190101]}; 00189914 SQ {[00189916 LO text; 00189919 DT 2020]}; " DEEP(
         "00080104 LO no; 00080106 DT 2021")},
    {WRONG_VRS, UID_EXPLICIT_LE,
     "00080012 DA 20200105; " CT "00080018 UI 1.2.3.4; 00080201 SH; 00181030 OB Head; 00189912 LO "
     "ACME; 00189920 LO none; 00200013 SQ {[00080100 SH A]}"},
    {JAPANESE, UID_EXPLICIT_LE,
     "00080005 CS \\ISO 2022 IR 87; " CT "00080018 UI 1.2.3.5; 0018990F UT \x1B$BED\x1B(B"},
    {IMPLICIT, UID_IMPLICIT_LE, CT "00080018 UI 1.2.3.6; " PRIVATE ELEMENTS "; 00200013 IS 6"},
    {BIG, UID_EXPLICIT_BE, CT "00080018 UI 1.2.3.7; " PRIVATE ELEMENTS "; 00200013 IS 5"},
    {DEFLATED, UID_DEFLATED_LE, CT "00080018 UI 1.2.3.8; " PRIVATE ELEMENTS "; 00200013 IS 4"},
    {TWO_CREATORS, UID_EXPLICIT_LE,
     "00080005 CS ISO_IR 100; " CT
     "00080018 UI 1.2.3.10; 00090010 LO OTHER; 00090011 LO ACME 1; 00091001 LO "
     "other; 00091101 LO own; 00091102 SQ {[00091003 LO y]}"},
    {NO_OCTETS, UID_EXPLICIT_LE, CT "00080018 UI 1.2.3.9; 00181030 LO Head; 00200013 IS 3"},
};

/* In another transfer syntax; in the arena. */
static struct span in_syntax(struct span octets, const struct dcm_ts *from, const struct dcm_ts *to,
                             struct arena *arena)
{
    struct dcm_item *item;
    struct buf out;
    struct err err;
    buf_init(&out, 0);
    if (dcm_read(octets, from, NULL, arena, &item, &err) != RC_OK ||
        dcm_write(item, to, &out, &err) != RC_OK)
        fail_msg("%s", err.text);
    uint8_t *copy = arena_alloc(arena, out.len + 1);
    assert_non_null(copy);
    memcpy(copy, out.data, out.len);
    struct span result = span_of(copy, out.len);
    buf_fini(&out);
    return result;
}

/* The UID is a key of each row, and in front of or between the others as its tag says. */
struct response {
    const char *clause;
    unsigned object;
    const char *before, *identifier; /* tags below and above (0008,0018) */
    const char *expected_before, *expected;
    bool is_ff01;
};

static unsigned check_row(const struct response *r)
{
    static struct octets want;
    char identifier[4096], expected[4096];
    struct answers a;
    unsigned failed = 0;
    snprintf(identifier, sizeof(identifier), "%s00080018 UI 1.2.3.%u; %s",
             r->before ? r->before : "", r->object, r->identifier);
    snprintf(expected, sizeof(expected), "%s00080018 UI 1.2.3.%u; %s",
             r->expected_before ? r->expected_before : "", r->object, r->expected);
    find_spec(identifier, &a);
    assert_int_equal(strlen(a.letters), 1);
    if (!span_equal(buf_span(&a.response), spec(&want, expected))) {
        print_message("%s: %s\n", r->clause, identifier);
        print_octets(buf_span(&a.response), spec(&want, expected));
        failed = 1;
    }
    if (a.query.optional_ignored != r->is_ff01) {
        print_message("%s: %s is%s FF01\n", r->clause, identifier, r->is_ff01 ? " not" : "");
        failed = 1;
    }
    find_fini(&a);
    return failed;
}

static void check(const struct response *rows, size_t count)
{
    unsigned failed = 0;
    for (size_t i = 0; i < count; i++)
        failed += check_row(&rows[i]);
    assert_int_equal(failed, 0);
}

#define ROW(clause, object, identifier, expected)               \
    {                                                           \
        clause, object, NULL, identifier, NULL, expected, false \
    }
#define FF01(clause, object, identifier, expected)             \
    {                                                          \
        clause, object, NULL, identifier, NULL, expected, true \
    }

static void what_was_asked_for_is_returned(void **state)
{
    static const struct response rows[] = {
        ROW("K.2.2.1.2: return keys only", FULL, "00181030 LO", "00181030 LO Head"),
        ROW("K.2.2.1.2: every matching key is a return key", FULL, "00181030 LO H*; 00200013 IS",
            "00181030 LO Head; 00200013 IS 7"),
        ROW("HH.6-1: level is not relevant", FULL, "00080052 CS STUDY; 00181030 LO",
            "00181030 LO Head"),
        ROW("PS3.5 7.2: group lengths are no attributes", FULL,
            "00180000 UL abcd; 00181030 LO; 00200000 UL abcd", "00181030 LO Head"),
        ROW("PS3.10 7.2: nor is trailing padding", FULL, "00181030 LO; FFFCFFFC OB ab",
            "00181030 LO Head"),
        ROW("K.2.2.2: the time zone is no key", FULL, "00080201 SH +0500; 00181030 LO",
            "00181030 LO Head"),
        ROW("PS3.5 7.1: ascending order", FULL,
            "00700080 CS; 00200013 IS; 00181030 LO; 00080070 LO",
            "00080070 LO Maker; 00181030 LO Head; 00200013 IS 7; 00700080 CS LABEL"),
        ROW("PS3.5 6.2.2: a key in UN is what the dictionary says", FULL, "00181030 UN H*",
            "00181030 LO Head"),
        ROW("PS3.5 6.2.2: a zero-length key in UN", FULL, "00189912 UN; 00200013 UN",
            MODELS "; 00200013 IS 7"),
    };
    (void)state;
    check(rows, COUNT(rows));
}

/* PS3.5 7.4: whatever the type, the requester finds the attribute it asked for. */
static void what_the_object_lacks_has_no_length(void **state)
{
    static const struct response rows[] = {
        ROW("type 1", BARE, "00080221 CS; 00181030 LO; 00700084 PN",
            "00080221 CS; 00181030 LO; 00700084 PN"),
        ROW("type 1 of an absent module", FULL, "00120010 LO; 00120020 LO",
            "00120010 LO; 00120020 LO"),
        ROW("type 2", BARE, "00189908 UC; 0018990A UC", "00189908 UC; 0018990A UC"),
        ROW("sequences, with and without item attributes", BARE,
            "00082218 SQ {}; 00189912 SQ {[00080070 LO]}", "00082218 SQ {}; 00189912 SQ {}"),
        ROW("types 1C, 2 and 3 in items", FULL,
            "00080220 SQ {[00080100 SH; 00080103 SH; 00080119 UC; 00080105 CS; 00080121 SQ {}]}",
            "00080220 SQ {[00080100 SH G1; 00080103 SH; 00080105 CS; 00080119 UC; 00080121 SQ "
            "{}]}"),
        ROW("type 3 outside the model", BARE,
            "00080070 LO; 0018990F UT; 00189920 SQ {}; 00200013 IS; 00700080 CS",
            "00080070 LO; 0018990F UT; 00189920 SQ {}; 00200013 IS; 00700080 CS"),
        ROW("type 3 outside the model, with item attributes", BARE, "00189920 SQ {[00189922 LO]}",
            "00189920 SQ {}"),
        ROW("in items of another attribute", FULL, "00189920 SQ {[00189922 LO; 00189923 UT]}",
            "00189920 SQ {[00189922 LO Scout; 00189923 UT slow][00189922 LO Spiral; 00189923 "
            "UT]}"),
        ROW("zero length in the object", FULL, "00700081 LO", "00700081 LO"),
        FF01("private, with its reservation", BARE, "00090010 LO ACME 1; 00091001 LO",
             "00090010 LO ACME 1; 00091001 LO"),
        ROW("no octets are kept", NO_OCTETS, "00181030 LO; 00200013 IS",
            "00181030 LO Head; 00200013 IS"),
    };
    (void)state;
    check(rows, COUNT(rows));
}

static void items_are_those_that_match_with_what_was_asked_for(void **state)
{
    static const struct response rows[] = {
        ROW("K.2.2.1.2 note 4: a zero-length sequence is the whole", FULL, "00189912 SQ {}",
            MODELS),
        ROW("K.2.2.1.2 note 4: so is an empty item", FULL, "00189912 SQ {[]}", MODELS),
        ROW("an item with what is no key is empty", FULL, "00189912 SQ {[00080052 CS X]}", MODELS),
        ROW("nested ones too", FULL, "0040A07C SQ {[00080082 SQ {}]}",
            "0040A07C SQ {[00080082 SQ {[00080100 SH X; 00080102 SH L; 00080104 LO "
            "Ex][00080100 SH Y; 00080102 SH L; 00080104 LO Why]}][00080082 SQ {}]}"),
        ROW("nested ones too, by an empty item", FULL, "0040A07C SQ {[00080082 SQ {[]}]}",
            "0040A07C SQ {[00080082 SQ {[00080100 SH X; 00080102 SH L; 00080104 LO "
            "Ex][00080100 SH Y; 00080102 SH L; 00080104 LO Why]}][00080082 SQ {}]}"),
        ROW("C.2.2.2.6: matching items, requested attributes", FULL,
            "00189912 SQ {[00080070 LO ACME; 00081090 LO]}",
            "00189912 SQ {[00080070 LO ACME; 00081090 LO One][00080070 LO ACME; 00081090 LO "
            "Three]}"),
        ROW("a universal key restricts nothing", FULL,
            "00189912 SQ {[00080070 LO *; 00181000 LO 1]}",
            "00189912 SQ {[00080070 LO ACME; 00181000 LO 4711][00080070 LO Beta; 00181000 "
            "LO][00080070 LO ACME; 00181000 LO]}"),
        ROW("matching items at both levels", FULL,
            "0040A07C SQ {[00080080 LO; 00080082 SQ {[00080100 SH Y; 00080102 SH L; 00080104 "
            "LO]}]}",
            "0040A07C SQ {[00080080 LO Mercy; 00080082 SQ {[00080100 SH Y; 00080102 SH L; 00080104 "
            "LO Why]}]}"),
        ROW("in an item of the model: an attribute outside of it", FULL,
            "00189912 SQ {[00081090 LO One; 300A0420 SQ {}]}",
            "00189912 SQ {[00081090 LO One; 300A0420 SQ {[300A00F8 CS T; 300A00F9 LO A1]}]}"),
        ROW("in an item of the model: item attributes of such", FULL,
            "00189912 SQ {[00081090 LO One; 300A0420 SQ {[300A00F9 LO]}]}",
            "00189912 SQ {[00081090 LO One; 300A0420 SQ {[300A00F9 LO A1]}]}"),
        ROW("at any depth outside the model", NESTED_TIMES, DEEP("00080106 DT"),
            "00080201 SH -0500; " DEEP("00080106 DT 2021")),
        ROW("what is no sequence in the object has no items", WRONG_VRS,
            "00189912 SQ {[00080070 LO]}; 00189920 SQ {[00189922 LO]}",
            "00189912 SQ {}; 00189920 SQ {}"),
        ROW("but is returned as it is when it is asked for whole", WRONG_VRS,
            "00181030 LO; 00189912 SQ {}; 00189920 SQ {}; 00200013 IS",
            "00181030 OB Head; 00189912 LO ACME; 00189920 LO none; 00200013 SQ {[00080100 SH A]}"),
    };
    (void)state;
    check(rows, COUNT(rows));
}

/* Decision: any attribute that the object has may be asked for (documented as supported Type 3 keys). */
static void any_attribute_of_the_object_may_be_asked_for(void **state)
{
    static const struct response rows[] = {
        {"text, numbers as text, codes", FULL, NULL, "0018990F UT; 00200013 IS; 00700080 CS",
         LATIN1, "0018990F UT Pl\xE4n; 00200013 IS 7; 00700080 CS LABEL", false},
        ROW("a sequence", FULL, "00189920 SQ {}", ELEMENTS),
        ROW("a sequence by an empty item", FULL, "00189920 SQ {[]}", ELEMENTS),
        ROW("a sequence with item attributes", FULL, "00189920 SQ {[00189921 US; 00189922 LO]}",
            "00189920 SQ {[00189921 US ab; 00189922 LO Scout][00189921 US cd; 00189922 LO "
            "Spiral]}"),
        FF01("a private element with its reservation", FULL, "00090010 LO ACME 1; 00091001 LO",
             "00090010 LO ACME 1; 00091001 LO one"),
        FF01("the reservation is the object's", FULL, "00090010 LO; 00091001 LO",
             "00090010 LO ACME 1; 00091001 LO one"),
        FF01("PS3.5 7.8.1: by its creator, whatever the block", TWO_CREATORS,
             "00090010 LO ACME 1; 00091001 LO; 00091002 SQ {[00091003 LO]}",
             "00090010 LO ACME 1; 00091001 LO own; 00091002 SQ {[00091003 LO y]}"),
        FF01("PS3.5 7.8.1: padding of the creator", TWO_CREATORS,
             "00090010 LO  ACME 1 ; 00091001 LO", "00090010 LO ACME 1; 00091001 LO own"),
        FF01("PS3.5 7.8.1: by several creators", TWO_CREATORS,
             "00090010 LO ACME 1; 00090012 LO OTHER; 00091001 LO; 00091201 LO",
             "00090010 LO ACME 1; 00090012 LO OTHER; 00091001 LO own; 00091201 LO other"),
        FF01("PS3.5 7.8.1: a creator that the object has not", TWO_CREATORS,
             "00090010 LO NOBODY; 00091001 LO", "00090010 LO NOBODY; 00091001 LO"),
        FF01("as numbered, where no creator is named", TWO_CREATORS, "00090010 LO; 00091001 LO",
             "00090010 LO OTHER; 00091001 LO other"),
        FF01("as numbered, where none is asked for", TWO_CREATORS, "00091101 LO",
             "00091101 LO own"),
        FF01("a private sequence", FULL, "00090010 LO ACME 1; 00091002 SQ {[00091004 LO]}",
             "00090010 LO ACME 1; 00091002 SQ {[00091004 LO y][00091004 LO]}"),
        FF01("in an item", FULL, "00189912 SQ {[00081090 LO Two; 00091001 LO]}",
             "00189912 SQ {[00081090 LO Two; 00091001 LO own]}"),
        ROW("beside a key that matches items", FULL, "00189912 SQ {[00081090 LO Two]}; 00200013 IS",
            "00189912 SQ {[00081090 LO Two]}; 00200013 IS 7"),
        {"from text in a two-octet set", JAPANESE, UTF8, "0018990F UT", UTF8,
         "0018990F UT \xE7\x94\xB0", false},
        ROW("from Explicit VR Big Endian", BIG, "00189920 SQ {}; 00200013 IS",
            ELEMENTS "; 00200013 IS 5"),
        FF01("private, from Explicit VR Big Endian", BIG,
             "00090010 LO; 00091002 SQ {[00091003 LO]}",
             "00090010 LO ACME 1; 00091002 SQ {[00091003 LO x][00091003 LO z]}"),
        ROW("from Deflated Explicit VR Little Endian", DEFLATED, "00189920 SQ {}; 00200013 IS",
            ELEMENTS "; 00200013 IS 4"),
        ROW("from Implicit VR Little Endian", IMPLICIT, "00200013 IS; 00189920 SQ {[00189922 LO]}",
            "00189920 SQ {[00189922 LO Scout][00189922 LO Spiral]}; 00200013 IS 6"),
        FF01("private, from Implicit VR: octets", IMPLICIT, "00090010 LO; 00091001 LO",
             "00090010 LO ACME 1; 00091001 UN one "),
        FF01("a private sequence, from Implicit VR", IMPLICIT,
             "00090010 LO; 00091002 SQ {[00091003 LO]}",
             "00090010 LO ACME 1; 00091002 SQ {[00091003 UN x ][00091003 UN z ]}"),
    };
    static const struct response below[] = {
        {"in front of the character set", FULL, "00080001 UL; ", "0018990F UT; 00700084 PN",
         "00080001 UL; " LATIN1, "0018990F UT Pl\xE4n; 00700084 PN J\xFCrgen", false},
    };
    (void)state;
    check(rows, COUNT(rows));
    check(below, COUNT(below));
}

/* Decision 22. */
static void ff01_says_that_an_optional_key_was_not_matched(void **state)
{
    static const struct response rows[] = {
        ROW("a return key outside the model", FULL, "00200013 IS", "00200013 IS 7"),
        ROW("padding is no value", FULL, "00200013 IS  ", "00200013 IS 7"),
        FF01("a value outside the model restricts nothing", FULL, "00200013 IS 99",
             "00200013 IS 7"),
        FF01("nor does one that would match", FULL, "00700080 CS LABEL", "00700080 CS LABEL"),
        FF01("a wild card is a value", FULL, "00700080 CS *", "00700080 CS LABEL"),
        FF01("a key of items only, on the top level", FULL, "00080100 SH G1", "00080100 SH"),
        FF01("within a sequence outside the model", FULL, "00189920 SQ {[00189922 LO Spiral]}",
             "00189920 SQ {[00189922 LO Scout][00189922 LO Spiral]}"),
        ROW("a zero-length one there", FULL, "00189920 SQ {[00189922 LO]}",
            "00189920 SQ {[00189922 LO Scout][00189922 LO Spiral]}"),
        FF01("within an item of the model", FULL, "00189912 SQ {[00081090 LO Two; 00081010 SH X]}",
             "00189912 SQ {[00081010 SH; 00081090 LO Two]}"),
        ROW("a zero-length one there", FULL, "00189912 SQ {[00081090 LO Two; 00081010 SH]}",
            "00189912 SQ {[00081010 SH; 00081090 LO Two]}"),
        FF01("two levels outside the model", FULL,
             "00189912 SQ {[00081090 LO One; 300A0420 SQ {[300A00F9 LO B]}]}",
             "00189912 SQ {[00081090 LO One; 300A0420 SQ {[300A00F9 LO A1]}]}"),
        FF01("private", FULL, "00091001 LO", "00091001 LO one"),
        FF01("private, in an item", FULL, "00189920 SQ {[00091001 LO]}",
             "00189920 SQ {[00091001 LO][00091001 LO p]}"),
        FF01("not in the dictionary", FULL, "00189EEE LO", "00189EEE LO"),
        ROW("return only, with a value: Device Serial Number", FULL,
            "00189912 SQ {[00081090 LO One; 00181000 LO 1]}",
            "00189912 SQ {[00081090 LO One; 00181000 LO 4711]}"),
        ROW("return only, with a value: reasons", FULL, "00189908 UC cough", "00189908 UC"),
        ROW("an optional key that is matched: equivalents", FULL,
            "00080220 SQ {[00080121 SQ {[00080100 SH *]}]}", "00080220 SQ {[00080121 SQ {}]}"),
        ROW("what is no key at any level", FULL,
            "00080052 CS STUDY; 00080201 SH +0100; 00189912 SQ {[00080052 CS X; 00081090 LO Two]}",
            "00189912 SQ {[00081090 LO Two]}"),
    };
    static const struct response below[] = {
        {"return only, with a value: Code Meaning", FULL, NULL,
         "00080220 SQ {[00080100 SH G1; 00080104 LO Other]}", NULL,
         "00080220 SQ {[00080100 SH G1; 00080104 LO Group]}", false},
    };
    (void)state;
    check(rows, COUNT(rows));
    check(below, COUNT(below));
}

/* K.2.2.2: what is returned without being asked for. */
static void character_set_and_time_zone_come_where_they_are_needed(void **state)
{
    static const struct response rows[] = {
        {"not with ASCII", FULL, UTF8, "00181030 LO", NULL, "00181030 LO Head", false},
        {"the request's, if it fits", FULL, UTF8, "0018990F UT", UTF8, "0018990F UT Pl\xC3\xA4n",
         false},
        {"else the object's", FULL, "00080005 CS ISO_IR 144; ", "0018990F UT", LATIN1,
         "0018990F UT Pl\xE4n", false},
        {"the time zone with a date", FULL, "00080012 DA; ", "00181030 LO",
         "00080012 DA 20200105; ", "00080201 SH +0100; 00181030 LO Head", false},
        {"with a time", FULL, "00080013 TM; ", "00181030 LO", "00080013 TM 101500; ",
         "00080201 SH +0100; 00181030 LO Head", false},
        {"not without", FULL, NULL, "00181030 LO", NULL, "00181030 LO Head", false},
        {"with a date-time in an item, before it in the data set", NESTED_TIMES, NULL,
         "00080220 SQ {[00080106 DT]}", NULL,
         "00080201 SH -0500; 00080220 SQ {[00080106 DT 20190101]}", false},
        {"of a whole sequence", NESTED_TIMES, NULL, "00080220 SQ {}; 00181030 LO", NULL,
         "00080201 SH -0500; 00080220 SQ {[00080100 SH G1; 00080106 DT 20190101]}; 00181030 LO",
         false},
        {"outside the model, in an item", NESTED_TIMES, NULL, "00189914 SQ {[00189919 DT]}", NULL,
         "00080201 SH -0500; 00189914 SQ {[00189919 DT 2020]}", false},
        {"not with what has no times in it", NESTED_TIMES, NULL,
         "00080220 SQ {[00080100 SH]}; 00189914 SQ {[00189916 LO]}", NULL,
         "00080220 SQ {[00080100 SH G1]}; 00189914 SQ {[00189916 LO text]}", false},
        {"not with an unknown date", BARE, "00080012 DA; ", "00181030 LO", "00080012 DA; ",
         "00181030 LO", false},
        {"not with a time of zero length", NESTED_TIMES, "00080013 TM; ", "00181030 LO",
         "00080013 TM; ", "00181030 LO", false},
        {"K.2.2.2.2: never with zero length", WRONG_VRS, "00080012 DA; ", "00700084 PN",
         "00080012 DA 20200105; ", "00700084 PN", false},
    };
    (void)state;
    check(rows, COUNT(rows));
}

/* PS3.4 HH.6.1 leaves the syntax to the context: the same identifier and the same response in each. */
static void every_transfer_syntax_says_the_same(void **state)
{
    static const char *const syntaxes[] = {UID_IMPLICIT_LE, UID_EXPLICIT_LE, UID_EXPLICIT_BE,
                                           UID_DEFLATED_LE};
    static const unsigned kept[] = {FULL, IMPLICIT, BIG, DEFLATED};
    const struct dcm_ts *native = dcm_ts_find(UID_EXPLICIT_LE);
    unsigned failed = 0;
    (void)state;
    for (size_t i = 0; i < COUNT(syntaxes) * COUNT(kept); i++) {
        static struct octets from, want;
        const struct dcm_ts *ts = dcm_ts_find(syntaxes[i % COUNT(syntaxes)]);
        unsigned object = kept[i / COUNT(syntaxes)];
        struct arena *arena = arena_new(1 << 20);
        struct answers a;
        struct err err;
        char text[512];
        snprintf(text, sizeof(text), "00080018 UI 1.2.3.%u; 00189920 SQ {[00189922 LO]}", object);
        struct span identifier = in_syntax(spec(&from, text), native, ts, arena);
        snprintf(text, sizeof(text),
                 "00080018 UI 1.2.3.%u; 00189920 SQ {[00189922 LO Scout][00189922 LO Spiral]}",
                 object);
        struct span expected = in_syntax(spec(&want, text), native, ts, arena);
        assert_int_equal(find_octets(identifier, ts, &a, &err), RC_OK);
        assert_int_equal(a.projection.code, RC_OK);
        assert_int_equal(strlen(a.letters), 1);
        if (!span_equal(buf_span(&a.response), expected)) {
            print_message("object %u in %s\n", object, ts->uid);
            print_octets(buf_span(&a.response), expected);
            failed++;
        }
        find_fini(&a);
        arena_free(arena);
    }
    assert_int_equal(failed, 0);
}

/* PS3.5 6.2.2 note 2: what Implicit VR made octets of is a sequence for who asks for its items. */
static void octets_that_are_a_sequence_have_items(void **state)
{
    static const char sequence[] = "\xFE\xFF\x00\xE0\x0E\0\0\0"
                                   "\x08\x00\x00\x01\x06\0\0\0value ";
    static struct octets want;
    struct arena *arena = arena_new(1 << 20);
    struct dcm_item *item = dcm_item_new(arena);
    struct answers a;
    struct buf out;
    struct err err;
    (void)state;
    assert_non_null(dcm_put_text(arena, item, TAG_SOPClassUID, NULL, UID_CT_DEFINED_PROTOCOL));
    assert_non_null(dcm_put_text(arena, item, TAG_SOPInstanceUID, NULL, "1.2.3.11"));
    assert_non_null(
        dcm_put(arena, item, 0x00091002, "UN", span_of(sequence, sizeof(sequence) - 1)));
    buf_init(&out, 0);
    assert_int_equal(dcm_write(item, dcm_ts_find(UID_EXPLICIT_LE), &out, &err), RC_OK);
    assert_string_equal(store_octets(buf_span(&out), UID_EXPLICIT_LE), "stored");
    find_spec("00080018 UI 1.2.3.11; 00091002 SQ {[00080100 SH]}", &a);
    assert_octets(buf_span(&a.response),
                  spec(&want, "00080018 UI 1.2.3.11; 00091002 SQ {[00080100 SH value]}"));
    find_fini(&a);
    buf_fini(&out);
    arena_free(arena);
}

/* ---- large objects ---- */

enum { LARGE = 20, LARGE_BE, LARGE_DEFLATED, LARGE_BYTES = 5 * INSTANCES_CHUNK_BYTES / 2 };

/* Something to step over, of a length that is given and of one that is not, in front of what is asked for. */
static void store_large(unsigned number, const char *syntax)
{
    struct arena *arena = arena_new(64 << 20);
    struct dcm_item *item = dcm_item_new(arena), *inner;
    char uid[32];
    uint8_t *filler = arena_alloc(arena, LARGE_BYTES);
    struct buf out;
    struct err err;
    assert_non_null(filler);
    uint32_t random = number;
    for (size_t i = 0; i < LARGE_BYTES; i++)
        filler[i] = (uint8_t)next_random(&random); /* which does not deflate */
    snprintf(uid, sizeof(uid), "1.2.3.%u", number);
    assert_non_null(dcm_put_text(arena, item, 0x00080016, "UI", UID_CT_DEFINED_PROTOCOL));
    assert_non_null(dcm_put_text(arena, item, 0x00080018, "UI", uid));
    assert_non_null(dcm_put_text(arena, item, 0x00200013, "IS", "42"));
    assert_non_null(dcm_put_text(arena, item, 0x00190010, "LO", "ACME 1"));
    assert_non_null(dcm_put(arena, item, 0x00191001, "OB", span_of(filler, LARGE_BYTES)));
    struct dcm_element *sq = dcm_put(arena, item, 0x00191002, "SQ", span_of(NULL, 0));
    for (unsigned i = 0; i < 1000; i++) {
        inner = dcm_add_item(arena, sq);
        assert_non_null(dcm_put_text(arena, inner, 0x00191003, "LO", "x"));
    }
    buf_init(&out, 0);
    assert_int_equal(dcm_write(item, dcm_ts_find(syntax), &out, &err), RC_OK);
    assert_string_equal(store_octets(buf_span(&out), syntax), "stored");
    buf_fini(&out);
    arena_free(arena);
}

/* Nothing of an object is held but its octets: the scratch of a row is far smaller than they are. */
static void large_objects_come_in_parts(void **state)
{
    static const struct {
        unsigned number;
        const char *syntax;
    } kept[] = {
        {LARGE, UID_IMPLICIT_LE}, {LARGE_BE, UID_EXPLICIT_BE}, {LARGE_DEFLATED, UID_DEFLATED_LE}};
    (void)state;
    for (size_t i = 0; i < COUNT(kept); i++) {
        static struct octets want;
        struct answers a;
        char text[256];
        store_large(kept[i].number, kept[i].syntax);
        snprintf(text, sizeof(text), "00080018 UI 1.2.3.%u; 00200013 IS", kept[i].number);
        find_spec(text, &a);
        assert_int_equal(a.rows, 3);
        assert_int_equal(strlen(a.letters), 1);
        assert_int_equal(a.parts.cap, 0); /* given back */
        snprintf(text, sizeof(text), "00080018 UI 1.2.3.%u; 00200013 IS 42", kept[i].number);
        assert_octets(buf_span(&a.response), spec(&want, text));
        find_fini(&a);
    }
}

/* Parts of several objects do not mix, and the limit counts objects. */
static void large_objects_stay_apart(void **state)
{
    struct answers a;
    (void)state;
    find_spec("00080018 UI 1.2.3.20\\1.2.3.2\\1.2.3.21\\1.2.3.22\\1.2.3.1; 00200013 IS", &a);
    assert_string_equal(a.letters, "abtuv");
    assert_int_equal(a.rows, 3 * 3 + 2);
    find_fini(&a);
}

/* Two and a half megabytes are returned if they are asked for; what a response may not have is a fault. */
static void large_attributes_are_returned_within_bounds(void **state)
{
    static const struct {
        size_t limit;
        enum rc rc;
    } rows[] = {{64 << 20, RC_OK}, {LARGE_BYTES, RC_LIMIT}, {64, RC_LIMIT}};
    (void)state;
    for (size_t i = 0; i < COUNT(rows) * 3; i++) {
        static struct octets o;
        struct answers a;
        struct err err;
        char text[64];
        snprintf(text, sizeof(text), "00080018 UI 1.2.3.%u; 00191001 OB; 00200013 IS",
                 LARGE + (unsigned)i % 3);
        find_response_limit = rows[i / 3].limit;
        assert_int_equal(find_octets(spec(&o, text), dcm_ts_find(UID_EXPLICIT_LE), &a, &err),
                         RC_OK);
        assert_int_equal(a.projection.code, rows[i / 3].rc);
        assert_true(rows[i / 3].rc != RC_OK || a.response.len > LARGE_BYTES);
        assert_int_equal(a.parts.cap, 0);
        find_fini(&a);
    }
    find_response_limit = 64 << 20;
}

/* In any syntax: what a response holds once more while it is converted is no reason to refuse it. */
static void large_attributes_are_returned_in_every_syntax(void **state)
{
    static const char *const syntaxes[] = {UID_EXPLICIT_LE, UID_IMPLICIT_LE, UID_EXPLICIT_BE,
                                           UID_DEFLATED_LE};
    (void)state;
    find_scratch_limit = LARGE_BYTES / 2;
    for (size_t i = 0; i < COUNT(syntaxes); i++) {
        static struct octets o;
        const struct dcm_ts *native = dcm_ts_find(UID_EXPLICIT_LE), *ts = dcm_ts_find(syntaxes[i]);
        struct arena *arena = arena_new(4 * LARGE_BYTES);
        struct dcm_item *item;
        struct buf inflated;
        struct answers a;
        struct err err;
        char text[64];
        snprintf(text, sizeof(text), "00080018 UI 1.2.3.%u; 00191001 OB; 00200013 IS", LARGE);
        assert_int_equal(find_octets(in_syntax(spec(&o, text), native, ts, arena), ts, &a, &err),
                         RC_OK);
        assert_int_equal(a.projection.code, RC_OK);
        struct dcm_wanted filler = {.tag = 0x00191001};
        buf_init(&inflated, 2 * LARGE_BYTES);
        assert_int_equal(dcm_read_some(buf_span(&a.response), ts, NULL, &filler, 1, arena,
                                       &inflated, &item, &err),
                         RC_OK);
        assert_int_equal(item->first->value.len, LARGE_BYTES);
        buf_fini(&inflated);
        find_fini(&a);
        arena_free(arena);
    }
    find_scratch_limit = 16 << 20;
}

static void queries_without_such_keys_read_no_octets(void **state)
{
    struct answers a;
    (void)state;
    find_spec("00080018 UI 1.2.3.20; 00189912 SQ {[00080070 LO; 00091001 LO]}; 00181030 LO", &a);
    assert_null(strstr(a.query.sql, "instances"));
    assert_null(strstr(a.query.sql, "octet"));
    assert_int_equal(a.rows, 1);
    find_fini(&a);
}

static void octets_that_cannot_be_read_are_a_fault(void **state)
{
    static const struct {
        const char *change;
        enum rc rc;
    } rows[] = {
        {"transfer_syntax_uid = '1.2.3'", RC_INTERNAL},
        {"dataset = '\\x0800'", RC_INTERNAL},
        {"dataset = '\\x08001600'", RC_INTERNAL},
        {"dataset = '\\x08001600554900100000'", RC_INTERNAL},
        {"transfer_syntax_uid = '" UID_DEFLATED_LE "'", RC_INTERNAL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct answers a;
        struct err err;
        static struct octets o;
        char sql[512];
        run_sql("create table kept as select * from dpp.instances");
        snprintf(sql, sizeof(sql),
                 "update dpp.instances set %s where object_id = (select id from dpp.objects where"
                 " sop_instance_uid = '1.2.3.2')",
                 rows[i].change);
        run_sql(sql);
        assert_int_equal(find_octets(spec(&o, "00080018 UI 1.2.3.2; 00200013 IS"),
                                     dcm_ts_find(UID_EXPLICIT_LE), &a, &err),
                         RC_OK);
        assert_int_equal(a.projection.code, rows[i].rc);
        assert_int_equal(a.response.len, 0);
        find_fini(&a);
        run_sql("update dpp.instances i set transfer_syntax_uid = k.transfer_syntax_uid, dataset ="
                " k.dataset from kept k where k.object_id = i.object_id; drop table kept");
    }
}

static void identifiers_that_break_a_rule_are_refused(void **state)
{
    static const struct {
        const char *clause, *identifier;
        enum rc rc; /* RC_INVALID: A900, RC_UNSUPPORTED: C310 */
        uint32_t tag;
    } rows[] = {
        {"C.2.2.2.6: one item", "00189912 SQ {[00080070 LO A][00080070 LO B]}", RC_INVALID,
         0x00189912},
        {"C.2.2.2.6: two empty ones", "00189912 SQ {[][]}", RC_INVALID, 0x00189912},
        {"C.2.2.2.6: nested", "0040A07C SQ {[00080082 SQ {[00080100 SH A][00080100 SH B]}]}",
         RC_INVALID, 0x00080082},
        {"C.2.2.2.6: outside the model", "00189920 SQ {[00189922 LO][00189922 LO]}", RC_INVALID,
         0x00189920},
        {"C.2.2.2.6: within such", "00189920 SQ {[00189930 SQ {[][]}]}", RC_INVALID, 0x00189930},
        {"a sequence as text", "00189912 LO ACME", RC_INVALID, 0x00189912},
        {"text as a sequence", "00181030 SQ {[00080100 SH A]}", RC_INVALID, 0x00181030},
        {"PS3.5 7.1: an element occurs once", "00181030 LO A; 00181030 LO B", RC_UNSUPPORTED,
         0x00181030},
        {"PS3.7 6.3.1: no command elements", "00000010 LO A; 00181030 LO", RC_UNSUPPORTED,
         0x00000010},
    };
    unsigned failed = 0;
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        static struct octets o;
        struct answers a;
        struct err err;
        enum rc rc =
            find_octets(spec(&o, rows[i].identifier), dcm_ts_find(UID_EXPLICIT_LE), &a, &err);
        find_fini(&a);
        if (rc != rows[i].rc || err.tag != rows[i].tag) {
            print_message("%s: %s: %s, (%08X)\n", rows[i].clause, rows[i].identifier, rc_name(rc),
                          err.tag);
            failed++;
        }
    }
    assert_int_equal(failed, 0);
}

static int fill(void **state)
{
    static struct octets o;
    if (database_open(state) != 0)
        return -1;
    for (size_t i = 0; i < COUNT(objects); i++) {
        struct arena *arena = arena_new(1 << 20);
        struct span octets = in_syntax(spec(&o, objects[i].text), dcm_ts_find(UID_EXPLICIT_LE),
                                       dcm_ts_find(objects[i].ts), arena);
        const char *outcome = store_octets(octets, objects[i].ts);
        arena_free(arena);
        if (strcmp(outcome, "stored") != 0) {
            print_message("object %zu: %s\n", i, outcome);
            return -1;
        }
    }
    run_sql("delete from dpp.instances i using dpp.objects o where o.id = i.object_id and"
            " o.sop_instance_uid = '1.2.3.9'");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_asked_for_is_returned),
        cmocka_unit_test(what_the_object_lacks_has_no_length),
        cmocka_unit_test(items_are_those_that_match_with_what_was_asked_for),
        cmocka_unit_test(any_attribute_of_the_object_may_be_asked_for),
        cmocka_unit_test(ff01_says_that_an_optional_key_was_not_matched),
        cmocka_unit_test(character_set_and_time_zone_come_where_they_are_needed),
        cmocka_unit_test(every_transfer_syntax_says_the_same),
        cmocka_unit_test(octets_that_are_a_sequence_have_items),
        cmocka_unit_test(large_objects_come_in_parts),
        cmocka_unit_test(large_objects_stay_apart),
        cmocka_unit_test(large_attributes_are_returned_within_bounds),
        cmocka_unit_test(large_attributes_are_returned_in_every_syntax),
        cmocka_unit_test(queries_without_such_keys_read_no_octets),
        cmocka_unit_test(octets_that_cannot_be_read_are_a_fault),
        cmocka_unit_test(identifiers_that_break_a_rule_are_refused),
    };
    struct err err;
    if (dcm_init(&err) != RC_OK)
        return 1;
    return cmocka_run_group_tests(tests, fill, database_close);
}
