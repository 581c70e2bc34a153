/* SPDX-License-Identifier: Apache-2.0
 *
 * C-FIND of Protocol Approvals (PS3.4 Annex II) from end to end: objects are stored, identifiers are run as the server runs
 * them, and what they find, a letter for each object, and the octets of the responses are compared with what the
 * table of keys says, written down by hand. How values of each kind match is in test_rules.c, test_datetime.c,
 * test_matching.c and test_fuzzy.c.
 */
#include "catalog_find.h"
#include "testdb.h"

#include "dcm/dict.h"

#define CLASS "1.2.840.10008.5.1.4.1.1.200.3"
#define CT    "1.2.840.10008.5.1.4.1.1.200.1"
#define XA    "1.2.840.10008.5.1.4.1.1.200.7"
#define UIDS  "00080016 UI " CLASS "; 00080018 UI 1.2.3."

#define HEAD    "[00080100 SH 128670; 00080102 SH DCM; 00080104 LO Head of Radiology]"
#define CHAIR   "[00080100 SH 128671; 00080102 SH DCM]"
#define FOR_USE "[00080100 SH 128603; 00080102 SH DCM; 00080104 LO Approved for use]"
#define FOR_ALL "[00080100 SH 128605; 00080102 SH DCM; 00080104 LO Pregnant too]"

#define SMITH                                                                                    \
    "00080080 LO Mercy; 00080082 SQ {[00080100 SH MERCY; 00080102 SH 99A; 00080104 LO Mercy; "   \
    "00080121 SQ {[00080120 UR urn:mercy]}]}; 00081040 LO Radiology; 00081041 SQ {[00080100 SH " \
    "D1; 00080102 SH 99D]}; 00401101 SQ {[00080100 SH P1; 00080102 SH 99P]}; 0040A084 CS PSN; "  \
    "0040A123 PN Smith^John; 0044010A SQ {" HEAD "}"
#define DOE                                                                                   \
    "00080080 LO General; 00401101 SQ {[00080100 SH P2; 00080102 SH 99P]}; 0040A084 CS PSN; " \
    "0040A123 PN Doe^Jane; 0044010A SQ {" CHAIR "}"

/* Letter n of the alphabet is SOP Instance UID 1.2.3.n. */
static const char *const objects[] = {
    /* a: something everywhere */
    "00080012 DA 20200105; 00080013 TM 101500; " UIDS
    "1; 00080070 LO Maker; 00080201 SH +0100; 00081090 LO Tool; 00181000 LO 7; 00181020 LO 1\\2; "
    "00440100 SQ {[00080082 SQ {[00080100 SH SITE]}; 00380100 SQ {[0040E010 UR urn:minutes]}; "
    "00440101 SQ {[00080100 SH 128603; 00080102 SH DCM; 00080103 SH 2; 00080104 LO Approved for "
    "use; 00080121 SQ {[00080100 SH OK; 00080102 SH 99A]}]}; 00440102 UI 1.2.8.1; 00440103 SQ "
    "{[" SMITH "]}; 00440104 DT 20200105101500; 00440105 DT 20220105; 00440106 UT said; 00440107 "
    "SQ {[00440108 UI 1.2.8.8][00440108 UI 1.2.8.9]}][00440101 SQ {" FOR_ALL
    "}; 00440102 UI 1.2.8.2; 00440103 SQ {[" DOE
    "]}; 00440104 DT 20210301]}; 00440109 SQ {[00081150 UI " CT "; 00081155 UI 1.2.9.1][00081150 "
    "UI " XA "; 00081155 UI 1.2.9.2]}",
    /* b: the same in other company */
    "00080012 DA 20200106; 00080013 TM 09; " UIDS "2; 00440100 SQ {[00440101 SQ {" FOR_USE
    "}; 00440102 UI 1.2.8.3; 00440103 SQ {[" DOE
    "]}; 00440104 DT 20200105091500+0000][00440101 SQ {" FOR_ALL "}; 00440102 UI 1.2.8.4; 00440103 "
    "SQ {[" SMITH "]}; 00440104 DT 20200105; 00440105 DT 20230105]}; 00440109 SQ {[00081150 UI " CT
    "; 00081155 UI 1.2.9.2]}",
    /* c: a device */
    UIDS "3; 00440100 SQ {[00440101 SQ {[00080119 UC a-code-of-more-than-sixteen; 00080102 SH 99L]"
         "[00080120 UR urn:x:a%b]}; 00440102 UI 1.2.8.5; 00440103 SQ {[00080055 AE GATE; 00080070 "
         "LO Maker; 00081010 SH Station; 00081090 LO Gate; 00181002 UI 1.2.7; 0040A084 CS DEV]}; "
         "00440104 DT 2019]}; 00440109 SQ {[00081155 UI 1.2.9.3]}",
    /* d: nothing but its UIDs */
    UIDS "4",
    /* e: values without length, and items without values */
    "00080012 DA; 00080013 TM; " UIDS
    "5; 00440100 SQ {[00440101 SQ {}; 00440102 UI; 00440103 SQ {[00080080 LO; 00080082 SQ {[]}; "
    "00081040 LO; 00081041 SQ {}; 00401101 SQ {[00080100 SH]}; 0040A123 PN; 0044010A SQ {[]}]}; "
    "00440104 DT; 00440105 DT; 00440107 SQ {[00440108 UI]}][]}; 00440109 SQ {[00081150 UI; "
    "00081155 UI][]}",
    /* f: two who assert together; codes that belong to different codes */
    "00080012 DA 20200107; " UIDS
    "6; 00440100 SQ {[00440103 SQ {[00080080 LO Mercy; 0044010A SQ {" CHAIR
    "}][00080080 LO North; 00080082 SQ {[00080100 SH C1; 00080121 SQ {[00080100 SH E2]}][00080100 "
    "SH C2; 00080121 SQ {[00080100 SH E1][00080100 SH E4][00080100 SH E3]}]}; 0044010A SQ {" HEAD
    "}]}]}",
    /* g: a name in groups, in its own character set */
    "00080005 CS ISO_IR 192; " UIDS
    "7; 00440100 SQ {[][00440103 SQ {[0040A123 PN M\xC3\xBCller^J\xC3\xBCrgen=\xE9\xA0\xAD^"
    "\xE5\x85\x88]}; 00440104 DT 20200105101500.5-0500]}",
    /* h and i become retired and draft: never found */
    UIDS "8; 00440109 SQ {[00081155 UI 1.2.9.1]}",
    UIDS "9; 00440109 SQ {[00081155 UI 1.2.9.1]}",
    /* j: a protocol, never an approval, whatever is in it */
    "00080012 DA 20200105; 00080016 UI " CT "; 00080018 UI 1.2.3.10; 00440109 SQ {[00081155 UI "
    "1.2.9.1]}",
};

#define ALL                  "abcdefg"
#define UID                  "00080018 UI; "
#define SUBJECT(keys)        UID "00440109 SQ {[" keys "]}"
#define ASSERTION(keys)      UID "00440100 SQ {[" keys "]}"
#define ASSERTER(keys)       ASSERTION("00440103 SQ {[" keys "]}")
#define ASSERTION_CODE(keys) ASSERTION("00440101 SQ {[" keys "]}")
#define CODE_OF(tag, keys)   ASSERTER(tag " SQ {[" keys "]}")

struct rule {
    const char *rule, *identifier, *letters;
};

static void check(const struct rule *rules, size_t count)
{
    unsigned failed = 0;
    for (size_t i = 0; i < count; i++) {
        struct answers a;
        find_entity_spec(&model_approval, rules[i].identifier, &a);
        if (strcmp(a.letters, rules[i].letters) != 0 || a.query.optional_ignored) {
            print_message("%s: %s: [%s] instead of [%s]\n", rules[i].rule, rules[i].identifier,
                          a.letters, rules[i].letters);
            failed++;
        }
        find_fini(&a);
    }
    assert_int_equal(failed, 0);
}

/* Table II.6-1 in its order. */
static void every_key_matches(void **state)
{
    static const struct rule rules[] = {
        {"SOPClassUID", UID "00080016 UI " CLASS, ALL},
        {"SOPClassUID", UID "00080016 UI " CT, ""},
        {"SOPClassUID", UID "00080016 UI " CT "\\" CLASS, ALL},
        {"SOPInstanceUID", "00080018 UI 1.2.3.2", "b"},
        {"SOPInstanceUID", "00080018 UI 1.2.3.2\\1.2.3.8\\1.2.3.10\\1.2.3.1", "ab"},
        {"InstanceCreationDate", UID "00080012 DA 20200106", "b"},
        {"InstanceCreationDate", UID "00080012 DA 20200106-", "bf"},
        {"InstanceCreationTime", UID "00080013 TM 101500", "a"},
        {"InstanceCreationTime", UID "00080013 TM -0930", "b"},
        {"both: one range", UID "00080012 DA 20200105-20200106; 00080013 TM 1100-1000", "b"},
        {"both: one range", UID "00080012 DA 20200105-20200107; 00080013 TM 00-23", "ab"},
        {"ReferencedSOPClassUID", SUBJECT("00081150 UI " XA), "a"},
        {"ReferencedSOPClassUID", SUBJECT("00081150 UI " CT "\\" XA), "ab"},
        {"ReferencedSOPInstanceUID", SUBJECT("00081155 UI 1.2.9.1"), "a"},
        {"ReferencedSOPInstanceUID", SUBJECT("00081155 UI 1.2.9.2"), "ab"},
        {"ReferencedSOPInstanceUID", SUBJECT("00081155 UI 1.2.9.3\\1.2.9.1\\9.9"), "ac"},
        {"PersonName", ASSERTER("0040A123 PN smith^john"), "ab"},
        {"PersonName", ASSERTER("0040A123 PN Doe*"), "ab"},
        {"PersonName: a group", "00080005 CS ISO_IR 192; " ASSERTER("0040A123 PN \xE9\xA0\xAD*"),
         "g"},
        {"PersonName", ASSERTER("0040A123 PN muller^jurgen"), "g"},
        {"InstitutionName", ASSERTER("00080080 LO Mercy"), "abf"},
        {"InstitutionName", ASSERTER("00080080 LO *th"), "f"},
        {"InstitutionName: case counts", ASSERTER("00080080 LO mercy"), ""},
        {"InstitutionalDepartmentName, optional", ASSERTER("00081040 LO Radiology"), "ab"},
        {"InstitutionalDepartmentName, optional", ASSERTER("00081040 LO Rad*"), "ab"},
        {"InstitutionalDepartmentName, optional", ASSERTER("00081040 LO Cardiology"), ""},
        {"AssertionDateTime", ASSERTION("00440104 DT 20200105"), "b"},
        {"AssertionDateTime", ASSERTION("00440104 DT 20210301"), "a"},
        {"AssertionDateTime: any precision", ASSERTION("00440104 DT 20190101000000"), "c"},
        {"AssertionDateTime", ASSERTION("00440104 DT 2020-2020"), "abg"},
        {"AssertionDateTime", ASSERTION("00440104 DT -2019"), "c"},
        {"AssertionDateTime: instants", ASSERTION("00440104 DT 20200105101500+0100"), "ab"},
        {"AssertionDateTime: instants", ASSERTION("00440104 DT 20200105151500.5+0000"), "g"},
        {"AssertionExpirationDateTime", ASSERTION("00440105 DT 20220105"), "a"},
        {"AssertionExpirationDateTime", ASSERTION("00440105 DT 2022-"), "ab"},
        {"AssertionExpirationDateTime", ASSERTION("00440105 DT -20221231"), "a"},
        {"RelatedAssertionSequence, optional", ASSERTION("00440107 SQ {[00440108 UI 1.2.8.9]}"),
         "a"},
        {"ReferencedAssertionUID, optional", ASSERTION("00440107 SQ {[00440108 UI 9.9\\1.2.8.8]}"),
         "a"},
        {"ReferencedAssertionUID, optional", ASSERTION("00440107 SQ {[00440108 UI 1.2.8.1]}"), ""},
    };
    (void)state;
    check(rules, COUNT(rules));
}

/* The sequences of codes, and macro 8-1a on either level. */
static void every_code_matches(void **state)
{
    static const struct rule rules[] = {
        {"AssertionCodeSequence", ASSERTION_CODE("00080100 SH 128603"), "ab"},
        {"AssertionCodeSequence", ASSERTION_CODE("00080100 SH 1286*; 00080102 SH DCM"), "ab"},
        {"AssertionCodeSequence", ASSERTION_CODE("00080100 SH 128603; 00080102 SH SCT"), ""},
        {"AssertionCodeSequence: version", ASSERTION_CODE("00080100 SH 128603; 00080103 SH 2"),
         "a"},
        {"AssertionCodeSequence: meaning is none",
         ASSERTION_CODE("00080100 SH 128603; 00080104 LO x"), "ab"},
        {"AssertionCodeSequence", ASSERTION_CODE("00080119 UC a-code-of-more-than-sixteen"), "c"},
        {"AssertionCodeSequence", ASSERTION_CODE("00080120 UR urn:x:a%b"), "c"},
        {"AssertionCodeSequence: equivalent",
         ASSERTION_CODE("00080121 SQ {[00080100 SH OK; 00080102 SH 99A]}"), "a"},
        {"AssertionCodeSequence: not that of the institution", ASSERTION_CODE("00080100 SH SITE"),
         ""},
        {"PersonIdentificationCodeSequence", CODE_OF("00401101", "00080100 SH P1"), "ab"},
        {"PersonIdentificationCodeSequence", CODE_OF("00401101", "00080100 SH P3"), ""},
        {"PersonIdentificationCodeSequence", CODE_OF("00401101", "00080100 SH 128670"), ""},
        {"OrganizationalRoleCodeSequence", CODE_OF("0044010A", "00080100 SH 128670"), "abf"},
        {"OrganizationalRoleCodeSequence", CODE_OF("0044010A", "00080100 SH P1"), ""},
        {"InstitutionCodeSequence", CODE_OF("00080082", "00080100 SH MERCY; 00080102 SH 99A"),
         "ab"},
        {"InstitutionCodeSequence", CODE_OF("00080082", "00080102 SH 99B"), ""},
        {"InstitutionCodeSequence: not that of the assertion",
         CODE_OF("00080082", "00080100 SH SITE"), ""},
        {"InstitutionCodeSequence: equivalent",
         CODE_OF("00080082", "00080121 SQ {[00080120 UR urn:mercy]}"), "ab"},
        {"InstitutionCodeSequence: equivalent",
         CODE_OF("00080082", "00080100 SH C1; 00080121 SQ {[00080100 SH E2]}"), "f"},
        {"InstitutionalDepartmentTypeCodeSequence, optional",
         CODE_OF("00081041", "00080100 SH D1; 00080102 SH 99D"), "ab"},
        {"InstitutionalDepartmentTypeCodeSequence, optional", CODE_OF("00081041", "00080100 SH D2"),
         ""},
    };
    (void)state;
    check(rules, COUNT(rules));
}

/* C.2.2.2.6: all keys of an item within one item, on every level. */
static void keys_match_within_one_item(void **state)
{
    static const struct rule rules[] = {
        {"a subject", SUBJECT("00081150 UI " CT "; 00081155 UI 1.2.9.1"), "a"},
        {"a subject: class of another", SUBJECT("00081150 UI " XA "; 00081155 UI 1.2.9.1"), ""},
        {"an assertion: who says what",
         ASSERTION("00440101 SQ {[00080100 SH 128603]}; 00440103 SQ {[0040A123 PN Smith^John]}"),
         "a"},
        {"an assertion: who says what",
         ASSERTION("00440101 SQ {[00080100 SH 128603]}; 00440103 SQ {[0040A123 PN Doe^Jane]}"),
         "b"},
        {"an assertion: code and date",
         ASSERTION("00440101 SQ {[00080100 SH 128605]}; 00440104 DT 20210301"), "a"},
        {"an assertion: code and date of another",
         ASSERTION("00440101 SQ {[00080100 SH 128603]}; 00440104 DT 20210301"), ""},
        {"an assertion: related one of another",
         ASSERTION("00440101 SQ {[00080100 SH 128605]}; 00440107 SQ {[00440108 UI 1.2.8.8]}"), ""},
        {"an asserter: name and role",
         ASSERTER("0040A123 PN Smith^John; 0044010A SQ {[00080100 SH 128670]}"), "ab"},
        {"an asserter: role of one in another assertion",
         ASSERTER("0040A123 PN Smith^John; 0044010A SQ {[00080100 SH 128671]}"), ""},
        {"an asserter: role of one beside it",
         ASSERTER("00080080 LO Mercy; 0044010A SQ {[00080100 SH 128670]}"), "ab"},
        {"an asserter", ASSERTER("00080080 LO North; 0044010A SQ {[00080100 SH 128670]}"), "f"},
        {"a code: value and scheme of it",
         CODE_OF("0044010A", "00080100 SH 128670; 00080102 SH 99P"), ""},
        {"a code: equivalent of another",
         CODE_OF("00080082", "00080100 SH C1; 00080121 SQ {[00080100 SH E1]}"), ""},
        {"four codes and a name",
         ASSERTION("00440101 SQ {[00080100 SH 128603]}; 00440103 SQ {[00080082 SQ {[00080100 SH "
                   "MERCY]}; 00081041 SQ {[00080100 SH D1]}; 00401101 SQ {[00080100 SH P1]}; "
                   "0040A123 PN Smith*; 0044010A SQ {[00080100 SH 128670]}]}"),
         "a"},
        {"everything at once",
         "00080012 DA 20200105; 00080013 TM 101500; 00080016 UI " CLASS "; " ASSERTION(
             "00440101 SQ {[00080100 SH 128603; 00080121 SQ {[00080100 SH OK]}]}; 00440103 SQ "
             "{[00080080 LO Mercy; 00080082 SQ {[00080100 SH MERCY; 00080121 SQ {[00080120 UR "
             "urn:mercy]}]}; 00081040 LO Radiology; 00081041 SQ {[00080100 SH D1]}; 00401101 SQ "
             "{[00080100 SH P1]}; 0040A123 PN Smith^John; 0044010A SQ {[00080100 SH 128670]}]}; "
             "00440104 DT 20200105101500; 00440105 DT 20220105; 00440107 SQ {[00440108 UI "
             "1.2.8.9]}") "; 00440109 SQ {[00081150 UI " XA "; 00081155 UI 1.2.9.2]}",
         "a"},
    };
    (void)state;
    check(rules, COUNT(rules));
}

/* K.2.2.1.1.1 */
static void unknown_values_match_universal_keys_only(void **state)
{
    static const struct rule rules[] = {
        {"zero length", UID "00080012 DA; 00080013 TM", ALL},
        {"zero length", ASSERTER("00080080 LO; 00081040 LO; 0040A123 PN"), ALL},
        {"zero length", ASSERTION("00440104 DT; 00440105 DT; 00440107 SQ {[00440108 UI]}"), ALL},
        {"zero length", CODE_OF("00080082", "00080100 SH; 00080121 SQ {[00080100 SH]}"), ALL},
        {"a lone asterisk", ASSERTER("00080080 LO *; 00081040 LO *; 0040A123 PN *"), ALL},
        {"an empty item", ASSERTER(""), ALL},
        {"sequences of zero length", UID "00440100 SQ {}; 00440109 SQ {}", ALL},
        {"return only, with a value", UID "00080070 LO Other; 00181020 LO 9", ALL},
        {"return only, with a value", ASSERTER("0040A084 CS DEV; 00181002 UI 9.9; 00080070 LO x"),
         ALL},
        {"return only, with a value", ASSERTION("00440102 UI 9.9; 00440106 UT x"), ALL},
        {"any name", ASSERTER("0040A123 PN ?*"), "abg"},
        {"any institution", ASSERTER("00080080 LO ?*"), "abf"},
        {"any date", ASSERTION("00440104 DT 0001-"), "abcg"},
        {"any expiration", ASSERTION("00440105 DT 0001-"), "ab"},
        {"any time", UID "00080013 TM 00-", "ab"},
    };
    (void)state;
    check(rules, COUNT(rules));
}

/* ---- responses ---- */

struct response {
    const char *rule, *identifier, *expected;
    bool is_ff01;
};

static void responses_hold_what_was_asked_for(void **state)
{
#define A "00080018 UI 1.2.3.1; "
    static const struct response rows[] = {
        {"II.6-1: the equipment that made it", A "00080070 LO; 00081090 LO; 00181020 LO",
         A "00080070 LO Maker; 00081090 LO Tool; 00181020 LO 1\\2", false},
        {"K.4.1.3: an attribute that it has not",
         "00080012 DA; 00080018 UI 1.2.3.4; 00080070 LO; "
         "00440100 SQ {}; 00440109 SQ {[00081155 UI]}",
         "00080012 DA; 00080018 UI 1.2.3.4; 00080070 LO; 00440100 SQ {}; 00440109 SQ {}", false},
        {"K.2.2.1.2: a whole sequence", A "00440109 SQ {}",
         A "00440109 SQ {[00081150 UI " CT "; 00081155 UI 1.2.9.1][00081150 UI " XA
           "; 00081155 UI 1.2.9.2]}",
         false},
        {"C.2.2.2.6: matching items only", A "00440109 SQ {[00081155 UI 1.2.9.2]}",
         A "00440109 SQ {[00081155 UI 1.2.9.2]}", false},
        {"C.2.2.2.6: matching items only, of them what was asked for",
         A "00440100 SQ {[00440101 SQ {[00080100 SH 128605; 00080104 LO]}; 00440102 UI; 00440105 "
           "DT]}",
         A
         "00440100 SQ {[00440101 SQ {[00080100 SH 128605; 00080104 LO Pregnant too]}; 00440102 UI "
         "1.2.8.2; 00440105 DT]}",
         false},
        {"all items, of them what was asked for",
         A "00440100 SQ {[00440103 SQ {[0040A084 CS; 0040A123 PN]}]}",
         A "00440100 SQ {[00440103 SQ {[0040A084 CS PSN; 0040A123 PN Smith^John]}][00440103 SQ "
           "{[0040A084 CS PSN; 0040A123 PN Doe^Jane]}]}",
         false},
        {"a whole sequence within a matching item",
         A "00440100 SQ {[00440102 UI; 00440103 SQ {[0040A123 PN smith*; 0044010A SQ {}]}]}",
         A "00440100 SQ {[00440102 UI 1.2.8.1; 00440103 SQ {[0040A123 PN Smith^John; 0044010A SQ "
           "{" HEAD "}]}]}",
         false},
        {"matching items on each level: asserters of different assertions",
         "00080018 UI 1.2.3.6; 00440100 SQ {[00440103 SQ {[00080080 LO; 0044010A SQ {[00080100 SH "
         "128670]}]}]}",
         "00080018 UI 1.2.3.6; 00440100 SQ {[00440103 SQ {[00080080 LO North; 0044010A SQ "
         "{[00080100 SH 128670]}]}]}",
         false},
        {"matching items on each level, four deep",
         "00080018 UI 1.2.3.6; 00440100 SQ {[00440103 SQ {[00080080 LO; 00080082 SQ {[00080100 SH; "
         "00080121 SQ {[00080100 SH E3]}]}]}]}",
         "00080018 UI 1.2.3.6; 00440100 SQ {[00440103 SQ {[00080080 LO North; 00080082 SQ "
         "{[00080100 SH C2; 00080121 SQ {[00080100 SH E3]}]}]}]}",
         false},
        {"K.2.2.2: the time zone with a date-time in an item",
         A "00440100 SQ {[00440104 DT 20210301]}",
         A "00080201 SH +0100; 00440100 SQ {[00440104 DT 20210301]}", false},
        {"K.2.2.2: the character set with text of an item",
         "00080005 CS ISO_IR 192; 00080018 UI 1.2.3.7; 00440100 SQ {[00440103 SQ {[0040A123 PN "
         "M*]}]}",
         "00080005 CS ISO_IR 192; 00080018 UI 1.2.3.7; 00440100 SQ {[00440103 SQ {[0040A123 PN "
         "M\xC3\xBCller^J\xC3\xBCrgen=\xE9\xA0\xAD^\xE5\x85\x88]}]}",
         false},
        {"what is no key of the model, but there", A "00181000 LO", A "00181000 LO 7", false},
        {"what is a key on another level only", A "00440102 UI 1.2.8.1", A "00440102 UI", true},
        {"what is no key in an item", A "00440109 SQ {[00081155 UI; 00081160 IS 1]}",
         A "00440109 SQ {[00081155 UI 1.2.9.1; 00081160 IS][00081155 UI 1.2.9.2; 00081160 IS]}",
         true},
    };
    unsigned failed = 0;
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        static struct octets want;
        struct answers a;
        find_entity_spec(&model_approval, rows[i].identifier, &a);
        if (strlen(a.letters) != 1 || a.query.optional_ignored != rows[i].is_ff01 ||
            !span_equal(buf_span(&a.response), spec(&want, rows[i].expected))) {
            print_message("%s: [%s], %s\n", rows[i].rule, a.letters,
                          a.query.optional_ignored ? "FF01" : "FF00");
            print_octets(buf_span(&a.response), spec(&want, rows[i].expected));
            failed++;
        }
        find_fini(&a);
    }
    assert_int_equal(failed, 0);
}

/* As it was before there were tables: retrieved, but with nothing that could be matched or answered. */
static void what_has_no_rows_yet_is_not_found(void **state)
{
    static const struct rule rules[] = {
        {"all", UID, ALL},
        {"by its UID", "00080018 UI 1.2.3.11", ""},
        {"by its class", UID "00080016 UI " CLASS, ALL},
    };
    (void)state;
    check(rules, COUNT(rules));
    run_sql(
        "select dpp.write_approval_rows(o.id, array[array_fill(null::text, array[7])], null, null,"
        " null, null, null) from dpp.objects o where o.sop_instance_uid = '1.2.3.11'");
    struct answers a;
    find_entity_spec(&model_approval, "00080018 UI 1.2.3.11", &a);
    assert_int_equal(strlen(a.letters), 1);
    find_fini(&a);
    run_sql("delete from dpp.objects where sop_instance_uid = '1.2.3.11'");
}

/* The SOP class of the context decides the model (HH.6, II.6). */
static void protocols_are_of_another_model(void **state)
{
    struct answers a;
    (void)state;
    find_spec("00080018 UI", &a);
    assert_string_equal(a.letters, "j");
    find_fini(&a);
    find_spec("00080018 UI 1.2.3.1\\1.2.3.10", &a);
    assert_string_equal(a.letters, "j");
    find_fini(&a);
}

static int fill(void **state)
{
    if (database_open(state) != 0)
        return -1;
    for (size_t i = 0; i < COUNT(objects); i++) {
        const char *outcome = store_spec(objects[i]);
        if (strcmp(outcome, "stored") != 0) {
            print_message("object %zu: %s\n", i, outcome);
            return -1;
        }
    }
    run_sql("update dpp.objects set state = 'retired', retired_at = now() where sop_instance_uid = "
            "'1.2.3.8'");
    run_sql("update dpp.objects set state = 'draft', published_at = null where sop_instance_uid = "
            "'1.2.3.9'");
    run_sql("select dpp.ingest('1.2.3.11', '" CLASS
            "', '1.2.840.10008.1.2.1', '', 'digest', '', null,"
            " null, 'store', null, null, null, null, null, null, null, null, null, null)");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_matches),
        cmocka_unit_test(every_code_matches),
        cmocka_unit_test(keys_match_within_one_item),
        cmocka_unit_test(unknown_values_match_universal_keys_only),
        cmocka_unit_test(responses_hold_what_was_asked_for),
        cmocka_unit_test(protocols_are_of_another_model),
        cmocka_unit_test(what_has_no_rows_yet_is_not_found),
    };
    struct err err;
    if (dcm_init(&err) != RC_OK)
        return 1;
    return cmocka_run_group_tests(tests, fill, database_close);
}
