/* SPDX-License-Identifier: Apache-2.0
 *
 * The rules of matching one by one (PS3.4 K.2.2.1, C.2.2.2), but for dates, times (test_datetime.c) and names
 * (test_matching.c): objects are stored, identifiers are run as the server runs them, and what they find is compared with
 * what the rule says, written down by hand, a letter for each object.
 */
#include "catalog_find.h"
#include "testdb.h"

#include "dcm/dict.h"

#define CT     "00080016 UI 1.2.840.10008.5.1.4.1.1.200.1; "
#define XA     "00080016 UI 1.2.840.10008.5.1.4.1.1.200.7; "
#define UTF8   "00080005 CS ISO_IR 192; "
#define LATIN1 "00080005 CS ISO_IR 100; "

#define L20 "LLLLLLLLLLLLLLLLLLLL"
#define L80 L20 L20 L20 L20

#define E_ACUTE    "\xC3\xA9"  /* one character */
#define E_COMBINED "e\xCC\x81" /* two */

/* Letter n of the alphabet is SOP Instance UID 1.2.3.n. */
static const char *const objects[] = {
    /* a: something everywhere */
    CT
    "00080018 UI 1.2.3.1; 00080220 SQ {[00080100 SH G1; 00080102 SH 99X]}; 00080221 CS CT; "
    "00082218 SQ {[00080100 SH 69536005; 00080102 SH SCT; 00080104 LO Head; 00080121 SQ "
    "{[00080100 SH T-D1100; 00080102 SH SRT][00080100 SH OTHER; 00080102 SH 99X]}]}; 00120010 LO "
    "Sponsor A; 00120020 LO TRIAL-1; 00181030 LO Head Routine; 00189912 SQ {[00080070 LO ACME; "
    "00081090 LO One; 00181000 LO 4711; 00181020 LO 1.0\\1.1][00080070 LO Beta; 00080222 LO "
    "Line; 00081090 LO Two]}; 0040A07C SQ {[00080080 LO Mercy; 00080082 SQ {[00080100 SH X; "
    "00080102 SH L][00080100 SH Y; 00080102 SH L]}][00080080 LO General]}",
    /* b */
    LATIN1 CT
    "00080018 UI 1.2.3.2; 00080221 CS CT; 00181030 LO Head Contrast 50%; 0018990E SQ "
    "{[00081150 UI 1.2.840.10008.5.1.4.1.1.200.1; 00081155 UI 1.2.3.1][00081155 UI 9.9]}; "
    "00189912 SQ {[00080070 LO ACME; 00081090 LO Two]}",
    /* c */
    XA "00080018 UI 1.2.3.3; 00080221 CS XA; 00181030 LO Abdomen_1",
    /* d: nothing but its UIDs */
    CT "00080018 UI 1.2.3.4",
    /* e: values without length, and items without values */
    CT "00080018 UI 1.2.3.5; 00080220 SQ {[]}; 00080221 CS; 00082218 SQ {}; 00120010 LO; 00120020 "
       "LO; 00181030 LO; 0018990E SQ {[00081155 UI]}; 00189912 SQ {[00080070 LO; 00181020 LO][]}; "
       "0040A07C SQ {[00080080 LO; 00080082 SQ {[]}]}",
    /* f: another case, another designator, another order */
    CT "00080018 UI 1.2.3.6; 00082218 SQ {[00080100 SH T-D1100; 00080102 SH SNM3]}; 00181030 LO "
       "head routine; 0040A07C SQ {[00080080 LO General; 00080082 SQ {[00080100 SH Y; 00080102 SH "
       "L]}][00080080 LO Mercy]}",
    /* g: long codes, several values */
    CT "00080018 UI 1.2.3.7; 00082218 SQ {[00080102 SH 99L; 00080119 UC "
       "a-code-of-more-than-sixteen][00080120 UR urn:x:a%b]}; 00181030 LO Chest; 00189912 SQ "
       "{[00080070 LO Gamma; 00181020 LO VA10\\VB20]}",
    /* h: characters beyond ASCII */
    LATIN1 CT "00080018 UI 1.2.3.8; 00181030 LO Gr\xF6\xDF"
              "e",
    /* i and j become retired and draft: never found */
    CT "00080018 UI 1.2.3.9; 00181030 LO Head Routine",
    CT "00080018 UI 1.2.3.10; 00181030 LO Head Routine",
    /* k: a letter in its two forms */
    UTF8 CT "00080018 UI 1.2.3.11; 00120010 LO Caf" E_COMBINED "; 00181030 LO Caf" E_ACUTE,
    /* l: what belongs to different items; an empty value among others */
    CT
    "00080018 UI 1.2.3.12; 00082218 SQ {[00080100 SH C1; 00080102 SH 99X; 00080121 SQ {[00080100 "
    "SH E2; 00080102 SH 99Y]}][00080100 SH C2; 00080102 SH 99X; 00080121 SQ {[00080100 SH E1; "
    "00080102 SH 99Z]}]}; 0018990E SQ {[00081155 UI no-uid]}; 00189912 SQ {[00080070 LO Delta; "
    "00181020 LO A\\\\B]}; 0040A07C SQ "
    "{[00080080 LO North; 00080082 SQ {[00080100 SH X; 00080102 SH L]}][00080080 LO South; "
    "00080082 SQ {[00080100 SH Z; 00080102 SH L]}]}",
    /* m: padded */
    CT
    "00080018 UI 1.2.3.13; 00080220 SQ {[00080100 SH  PAD ; 00080102 SH  99P ]}; 00080221 CS  MR "
    "; 00082218 SQ {[00080119 UC  lead code over sixteen  ][00080120 UR urn:trail  ]}; 00120020 LO "
    "  ID; 00181030 LO   Padded  ",
    /* n: characters that mean something elsewhere */
    CT "00080018 UI 1.2.3.14; 00080221 CS ct; 00082218 SQ {[00080120 UR urn:a\\b]}; 00120010 LO "
       "100%_x; 00120020 LO a*b?c; 00181030 LO \"\"",
    /* o: longer than their VRs allow */
    CT "00080018 UI 1.2.3.15; 00082218 SQ {[00080100 SH CODE-OF-TWENTY-CHARS; 00080102 SH "
       "SCHEME-OF-TWENTY-ABC]}; 00181030 LO " L80,
    /* p: two values where there may be one; versions */
    CT "00080018 UI 1.2.3.16; 00082218 SQ {[00080100 SH V; 00080102 SH SRT; 00080103 SH "
       "2][00080100 SH V; 00080102 SH SCT; 00080103 SH 1]}; 00181030 LO First\\Second",
    /* q: a code of its own in each sequence; what comes after all that begins with Chest */
    CT "00080018 UI 1.2.3.17; 00080220 SQ {[00080100 SH Q1]}; 00082218 SQ {[00080100 SH Q2]}; "
       "00082228 SQ {[00080100 SH Q3]}; 00181030 LO Chesu; 00189906 SQ {[00080100 SH Q4]}; "
       "00189907 SQ {[00080100 SH "
       "Q5]}; 00189909 SQ {[00080100 SH Q6]}",
};

#define ALL "abcdefghklmnopq"
#define UID "00080018 UI; "

struct rule {
    const char *rule, *identifier, *letters;
};

static void check(const struct rule *rules, size_t count)
{
    unsigned failed = 0;
    for (size_t i = 0; i < count; i++) {
        struct answers a;
        find_spec(rules[i].identifier, &a);
        if (strcmp(a.letters, rules[i].letters) != 0) {
            print_message("%s: %s: [%s] instead of [%s]\n", rules[i].rule, rules[i].identifier,
                          a.letters, rules[i].letters);
            failed++;
        }
        find_fini(&a);
    }
    assert_int_equal(failed, 0);
}

/* C.2.2.2.3: zero length. C.2.2.2.4: asterisks only are the same. */
static void universal(void **state)
{
    static const struct rule rules[] = {
        {"text of zero length", UID "00181030 LO", ALL},
        {"text of spaces", UID "00181030 LO    ", ALL},
        {"unknown values too: *", UID "00181030 LO *", ALL},
        {"asterisks", UID "00181030 LO ***", ALL},
        {"padded", UID "00181030 LO  * ", ALL},
        {"* in an absent module", UID "00120010 LO *; 00120020 LO *", ALL},
        {"* in CS", UID "00080221 CS *", ALL},
        {"a sequence of zero length", UID "00082218 SQ {}", ALL},
        {"an empty item", UID "00082218 SQ {[]}", ALL},
        {"an item of universal keys", UID "00189912 SQ {[00080070 LO; 00081090 LO *]}", ALL},
        {"nested", UID "0040A07C SQ {[00080082 SQ {[00080100 SH *; 00080102 SH]}]}", ALL},
        {"nested: an empty item", UID "0040A07C SQ {[00080082 SQ {[]}]}", ALL},
        {"UID of zero length", "00080018 UI", ALL},
        {"UID of spaces", "00080018 UI   ", ALL},
        {"decision: * in UI", "00080018 UI *", ALL},
        {"decision: * in a list of UIDs", "00080018 UI 1.2.3.1\\*", ALL},
        {"decision: * among values", UID "00181030 LO Chest\\*", ALL},
        {"decision: empty values only", UID "00181030 LO \\", ALL},
        {"with keys that are none", UID "00080052 CS X; 00080201 SH +0100", ALL},
        {"beside a key that restricts", UID "00181030 LO Chest; 00120010 LO *; 00189912 SQ {}",
         "g"},
    };
    (void)state;
    check(rules, COUNT(rules));
}

/* K.2.2.1.1.1: an unknown value, absent or of zero length, matches nothing else. ?* is any known value. */
static void unknown_values(void **state)
{
    static const struct rule rules[] = {
        {"EquipmentModality", UID "00080221 CS ?*", "abcmn"},
        {"ClinicalTrialSponsorName", UID "00120010 LO ?*", "akn"},
        {"ClinicalTrialProtocolID", UID "00120020 LO ?*", "amn"},
        {"ProtocolName", UID "00181030 LO ?*", "abcfghkmnoq"},
        {"in another order", UID "00181030 LO **?", "abcfghkmnoq"},
        {"Manufacturer", UID "00189912 SQ {[00080070 LO ?*]}", "abgl"},
        {"ManufacturerRelatedModelGroup", UID "00189912 SQ {[00080222 LO ?*]}", "a"},
        {"ManufacturerModelName", UID "00189912 SQ {[00081090 LO ?*]}", "ab"},
        {"SoftwareVersions", UID "00189912 SQ {[00181020 LO ?*]}", "agl"},
        {"InstitutionName", UID "0040A07C SQ {[00080080 LO ?*]}", "afl"},
        {"CodeValue in InstitutionCodeSequence",
         UID "0040A07C SQ {[00080082 SQ {[00080100 SH ?*]}]}", "afl"},
        {"CodeValue", UID "00082218 SQ {[00080100 SH ?*]}", "aflopq"},
        {"CodingSchemeDesignator", UID "00082218 SQ {[00080102 SH ?*]}", "afglop"},
        {"CodingSchemeVersion", UID "00082218 SQ {[00080103 SH ?*]}", "p"},
        {"LongCodeValue", UID "00082218 SQ {[00080119 UC ?*]}", "gm"},
        {"URNCodeValue", UID "00082218 SQ {[00080120 UR ?*]}", "gmn"},
        {"EquivalentCodeSequence", UID "00082218 SQ {[00080121 SQ {[00080100 SH ?*]}]}", "al"},
        {"ReferencedSOPInstanceUID", UID "0018990E SQ {[00081155 UI 9.9\\1.2.3.1]}", "b"},
        {"an unknown one in an item that matches",
         UID "00189912 SQ {[00080070 LO ACME; 00080222 LO "
             "?*]}",
         ""},
        {"but it does match *", UID "00189912 SQ {[00080070 LO ACME; 00080222 LO *]}", "ab"},
        {"and zero length", UID "00189912 SQ {[00080070 LO ACME; 00080222 LO]}", "ab"},
        {"several values where there may be one are none", UID "00181030 LO First", ""},
    };
    (void)state;
    check(rules, COUNT(rules));
}

/* C.2.2.2.1: exactly, in the same case, the same characters. */
static void single_value(void **state)
{
    static const struct rule rules[] = {
        {"exact", UID "00181030 LO Head Routine", "a"},
        {"case counts", UID "00181030 LO head routine", "f"},
        {"case counts in CS", UID "00080221 CS CT", "ab"},
        {"case counts in CS", UID "00080221 CS ct", "n"},
        {"case counts in SH", UID "00082218 SQ {[00080100 SH t-d1100]}", ""},
        {"case counts in UR", UID "00082218 SQ {[00080120 UR URN:a\\b]}", ""},
        {"the whole value", UID "00181030 LO Head", ""},
        {"the whole value", UID "00181030 LO Head Routines", ""},
        {"accents count", UID "00181030 LO Grosse", ""},
        {"characters, whatever their set",
         LATIN1 UID "00181030 LO Gr\xF6\xDF"
                    "e",
         "h"},
        {"characters, whatever their set",
         UTF8 UID "00181030 LO Gr\xC3\xB6\xC3\x9F"
                  "e",
         "h"},
        {"decision: no Unicode normalization", UTF8 UID "00181030 LO Caf" E_ACUTE, "k"},
        {"decision: no Unicode normalization", UTF8 UID "00181030 LO Caf" E_COMBINED, ""},
        {"decision: no Unicode normalization", UTF8 UID "00120010 LO Caf" E_ACUTE, ""},
        {"decision: no Unicode normalization", UTF8 UID "00120010 LO Caf" E_COMBINED, "k"},
        {"all keys", UID "00120010 LO Sponsor A; 00120020 LO TRIAL-1", "a"},
        {"all keys", UID "00120010 LO Sponsor A; 00120020 LO TRIAL-2", ""},
        {"all keys", UID "00181030 LO Head*; 00080221 CS CT; 00189912 SQ {[00081090 LO Two]}",
         "ab"},
        {"longer than its VR: LO", UID "00181030 LO " L80, "o"},
        {"longer than its VR: one character more", UID "00181030 LO " L80 "L", ""},
        {"longer than its VR: SH",
         UID "00082218 SQ {[00080100 SH CODE-OF-TWENTY-CHARS; 00080102 SH "
             "SCHEME-OF-TWENTY-ABC]}",
         "o"},
        {"longer than its VR: CS", UID "00080221 CS " L20 "\\CT", "ab"},
    };
    (void)state;
    check(rules, COUNT(rules));
}

/* C.2.2.2.4. */
static void wild_cards(void **state)
{
    static const struct rule rules[] = {
        {"* at the end", UID "00181030 LO Head*", "ab"},
        {"* at the end, to the last such value", UID "00181030 LO Chest*", "g"},
        {"* is none as well", UID "00181030 LO Head Routine*", "a"},
        {"* in front", UID "00181030 LO *outine", "af"},
        {"* within", UID "00181030 LO H*e", "a"},
        {"several *", UID "00181030 LO *ea*ou*", "af"},
        {"? is one", UID "00181030 LO ?ead Routine", "a"},
        {"? is one", UID "00181030 LO ?Head Routine", ""},
        {"? is not none", UID "00181030 LO Chest?", ""},
        {"several ?", UID "00181030 LO ?ead ?outine", "af"},
        {"? and *", UID "00181030 LO ?h*", "gq"},
        {"case counts", UID "00181030 LO head*", "f"},
        {"? counts characters, not octets", UTF8 UID "00181030 LO Gr??e", "h"},
        {"? counts characters, not octets", UID "00181030 LO Gr????e", ""},
        {"? counts characters, composed or not", UID "00181030 LO Caf?", "k"},
        {"? counts characters, composed or not", UID "00120010 LO Caf?", ""},
        {"? counts characters, composed or not", UID "00120010 LO Caf??", "k"},
        {"* after a character beyond ASCII", UTF8 UID "00181030 LO Gr\xC3\xB6*", "h"},
        {"in CS", UID "00080221 CS ?A", "c"},
        {"in SH", UID "00082218 SQ {[00080100 SH T-D*]}", "f"},
        {"in UC", UID "00082218 SQ {[00080119 UC a-code-of-*]}", "g"},
        {"in UR", UID "00082218 SQ {[00080120 UR urn:?:*]}", "g"},
        {"not in UI", "00080018 UI 1.2.3.*", ""},
        {"not in UI", "00080018 UI 1.2.3.?", ""},
        {"stored ones are characters", UID "00120020 LO a*b?c", "n"},
        {"stored ones are characters", UID "00120020 LO a?b?c", "n"},
        {"longer than the VR", UID "00181030 LO " L20 "*" L20 L20 "??" L20 "*", ""},
        {"longer than the VR", UID "00181030 LO " L20 "*" L20 L20 "*" L20, "o"},
    };
    (void)state;
    check(rules, COUNT(rules));
}

/* What means something in SQL, or elsewhere in DICOM, is a character here. */
static void literal_characters(void **state)
{
    static const struct rule rules[] = {
        {"%, exact", UID "00120010 LO 100%_x", "n"},
        {"% is not any run", UID "00120010 LO 100%", ""},
        {"% in a pattern", UID "00181030 LO *50%", "b"},
        {"% in a pattern is not any run", UID "00181030 LO H%?50%", ""},
        {"_ is not any character", UID "00120010 LO 100__x", ""},
        {"_ in a pattern", UID "00181030 LO *5_%", ""},
        {"_ in a pattern", UID "00181030 LO Abdomen_?", "c"},
        {"? where _ is", UID "00181030 LO Abdomen?1", "c"},
        {"% and _ in front of *", UID "00120010 LO 100%_*", "n"},
        {"\\ parts no values of UR", UID "00082218 SQ {[00080120 UR urn:a\\b]}", "n"},
        {"\\ parts no values of UR", UID "00082218 SQ {[00080120 UR urn:x:a%b\\urn:y]}", ""},
        {"\\ in a pattern of UR", UID "00082218 SQ {[00080120 UR urn:a\\*]}", "n"},
        {"\\ in a pattern of UR", UID "00082218 SQ {[00080120 UR *a\\b]}", "n"},
        {"\\ in a pattern of UR", UID "00082218 SQ {[00080120 UR *\\*]}", "n"},
        {"\\ in a pattern of UR is no escape", UID "00082218 SQ {[00080120 UR *\\x:*]}", ""},
        {"quotation marks: no empty value matching under HH", UID "00181030 LO \"\"", "n"},
        {"SQL", UID "00181030 LO ' or '1'='1", ""},
        {"SQL", UID "00181030 LO *' or '1'='1", ""},
        {"braces and quotes of an array", UID "00181030 LO {Chest}\\\"Chest\"\\Chest,g", ""},
        {"range", UID "00120020 LO TRIAL-", ""},
        {"=", UID "00181030 LO Chest=", ""},
    };
    (void)state;
    check(rules, COUNT(rules));
}

/* PS3.5 6.2: what is padding on either side does not count. */
static void padding(void **state)
{
    static const struct rule rules[] = {
        {"of a stored LO", UID "00181030 LO Padded", "m"},
        {"of a stored LO, in a pattern", UID "00181030 LO P*", "m"},
        {"of a stored LO, in a pattern", UID "00181030 LO *ed", "m"},
        {"of a key LO", UID "00181030 LO    Head Routine  ", "a"},
        {"of a key LO, in a pattern", UID "00181030 LO   *outine ", "af"},
        {"within it counts", UID "00181030 LO Head  Routine", ""},
        {"of a stored LO in front", UID "00120020 LO ID", "m"},
        {"of a stored CS", UID "00080221 CS MR", "m"},
        {"of a key CS", UID "00080221 CS  XA ", "c"},
        {"of a stored SH", UID "00080220 SQ {[00080100 SH PAD; 00080102 SH 99P]}", "m"},
        {"of a key SH", UID "00080220 SQ {[00080100 SH  G1 ; 00080102 SH  99X ]}", "a"},
        {"UC: behind", UID "00082218 SQ {[00080119 UC  lead code over sixteen ]}", "m"},
        {"UC: in front it counts", UID "00082218 SQ {[00080119 UC lead code over sixteen]}", ""},
        {"UR: behind", UID "00082218 SQ {[00080120 UR urn:trail]}", "m"},
        {"UR: behind", UID "00082218 SQ {[00080120 UR urn:trail    ]}", "m"},
        {"UR: in front it counts", UID "00082218 SQ {[00080120 UR  urn:trail]}", ""},
        {"UI: spaces of careless clients", "00080018 UI 1.2.3.1 ", "a"},
        {"UI: spaces of careless clients", "00080018 UI  1.2.3.1\\ 1.2.3.2 ", "ab"},
        {"of values among several", UID "00181030 LO  Chest \\ Head Routine ", "ag"},
    };
    (void)state;
    check(rules, COUNT(rules));
}

/* K.2.2.1.1: one value of the entity is enough. Decision 17: so is one of the key. */
static void several_values(void **state)
{
    static const struct rule rules[] = {
        {"of the entity, the first", UID "00189912 SQ {[00181020 LO 1.0]}", "a"},
        {"of the entity, the last", UID "00189912 SQ {[00181020 LO 1.1]}", "a"},
        {"of the entity, none", UID "00189912 SQ {[00181020 LO 1.2]}", ""},
        {"of the entity, by a pattern", UID "00189912 SQ {[00181020 LO V?20]}", "g"},
        {"of the entity, by a prefix", UID "00189912 SQ {[00181020 LO VA*]}", "g"},
        {"of the entity, not joined", UID "00189912 SQ {[00181020 LO VA*VB*]}", ""},
        {"of the entity, in the same item", UID "00189912 SQ {[00080070 LO Beta; 00181020 LO 1.1]}",
         ""},
        {"of the entity, beside an empty one", UID "00189912 SQ {[00181020 LO B]}", "l"},
        {"of the entity, a prefix of none", UID "00189912 SQ {[00181020 LO A?*]}", ""},
        {"of the key", UID "00181030 LO Chest\\Head Routine", "ag"},
        {"of the key, with wild cards", UID "00181030 LO Chest\\Head R*\\*_1", "acg"},
        {"of the key, an empty one among them", UID "00181030 LO Chest\\\\Head Routine", "ag"},
        {"of the key, an empty one at the end", UID "00181030 LO Chest\\", "g"},
        {"of the key, an empty one in front", UID "00181030 LO \\Chest", "g"},
        {"of the key, in CS", UID "00080221 CS XA\\MR", "cm"},
        {"of the key, in SH", UID "00082218 SQ {[00080100 SH V\\Q2]}", "pq"},
        {"of the key, in UC", UID "00082218 SQ {[00080119 UC x\\a-code-of-more-than-sixteen]}",
         "g"},
        {"of both", UID "00189912 SQ {[00181020 LO 1.1\\VB20]}", "ag"},
        {"of both, with wild cards", UID "00189912 SQ {[00181020 LO 1.0\\V*]}", "ag"},
    };
    (void)state;
    check(rules, COUNT(rules));
}

#define CT_UID "1.2.840.10008.5.1.4.1.1.200.1"
#define XA_UID "1.2.840.10008.5.1.4.1.1.200.7"

/* C.2.2.2.2. */
static void list_of_uid(void **state)
{
    static const struct rule rules[] = {
        {"of one", "00080018 UI 1.2.3.1", "a"},
        {"of several, some unknown, one twice", "00080018 UI 1.2.3.1\\1.2.3.8\\1.2.3.8\\9.9.9",
         "ah"},
        {"the whole UID", "00080018 UI 1.2.3", ""},
        {"the whole UID", "00080018 UI 1.2.3.1.1", ""},
        {"not retired, not draft", "00080018 UI 1.2.3.9\\1.2.3.10", ""},
        {"decision: what is no UID matches nothing", "00080018 UI junk", ""},
        {"decision: a leading zero", "00080018 UI 1.2.3.01", ""},
        {"decision: more than 64 characters",
         "00080018 UI 1.2.3.11111111111111111111111111111111111111111111111111111111111", ""},
        {"decision: nor does it in a list", "00080018 UI junk\\1.2.3.2\\1.2.3.*\\.", "b"},
        {"decision: not even in an entity", UID "0018990E SQ {[00081155 UI no-uid]}", ""},
        {"empty ones say nothing", "00080018 UI \\1.2.3.2\\\\", "b"},
        {"SOPClassUID", UID "00080016 UI " XA_UID, "c"},
        {"SOPClassUID, a list", UID "00080016 UI " XA_UID "\\" CT_UID, ALL},
        {"SOPClassUID of another model", UID "00080016 UI 1.2.840.10008.5.1.4.1.1.200.3", ""},
        {"in an item", UID "0018990E SQ {[00081155 UI 1.2.3.1]}", "b"},
        {"in an item, a list", UID "0018990E SQ {[00081155 UI 9.9\\8.8]}", "b"},
        {"in an item, none", UID "0018990E SQ {[00081155 UI junk]}", ""},
        {"in the same item", UID "0018990E SQ {[00081150 UI " CT_UID "; 00081155 UI 1.2.3.1]}",
         "b"},
        {"in the same item", UID "0018990E SQ {[00081150 UI " CT_UID "; 00081155 UI 9.9]}", ""},
    };
    (void)state;
    check(rules, COUNT(rules));
}

static void list_of_ten_thousand_uids(void **state)
{
    enum { COUNT_UIDS = 10000 };
    struct buf list;
    struct arena *arena = arena_new(16 << 20);
    struct dcm_item *item = dcm_item_new(arena);
    struct answers a;
    struct err err;
    (void)state;
    buf_init(&list, 0);
    for (unsigned i = 0; i < COUNT_UIDS; i++)
        buf_printf(&list, "%s2.25.%u", i ? "\\" : "",
                   i + 1000000000u); /* which nobody has, and three that are there */
    buf_add_str(&list, "\\1.2.3.3\\1.2.3.5\\1.2.3.8");
    /* A UI value over 65,534 octets is a matter of Implicit VR. */
    assert_non_null(dcm_put(arena, item, TAG_SOPInstanceUID, "UI", buf_span(&list)));
    struct buf octets;
    buf_init(&octets, 0);
    assert_int_equal(dcm_write(item, dcm_ts_find(UID_IMPLICIT_LE), &octets, &err), RC_OK);
    assert_int_equal(find_octets(buf_span(&octets), dcm_ts_find(UID_IMPLICIT_LE), &a, &err), RC_OK);
    assert_int_equal(a.projection.code, RC_OK);
    assert_int_equal(a.rows, 3);
    assert_int_equal(a.query.param_count, 1);
    find_fini(&a);
    buf_fini(&octets);
    buf_fini(&list);
    arena_free(arena);
}

/* C.2.2.2.6: one item of the entity satisfies all keys of the item. */
static void sequences(void **state)
{
    static const struct rule rules[] = {
        {"one key", UID "00189912 SQ {[00080070 LO ACME]}", "ab"},
        {"of any item", UID "00189912 SQ {[00081090 LO T*]}", "ab"},
        {"all keys in one item", UID "00189912 SQ {[00080070 LO ACME; 00081090 LO Two]}", "b"},
        {"all keys in one item", UID "00189912 SQ {[00080070 LO Beta; 00081090 LO Two]}", "a"},
        {"three keys", UID "00189912 SQ {[00080070 LO Beta; 00080222 LO L?ne; 00081090 LO Two]}",
         "a"},
        {"three keys", UID "00189912 SQ {[00080070 LO ACME; 00080222 LO L?ne; 00081090 LO One]}",
         ""},
        {"a return-only key restricts nothing",
         UID "00189912 SQ {[00181000 LO 0; 00080070 LO ACME]}", "ab"},
        {"a key outside the model restricts nothing",
         UID "00189912 SQ {[00081010 SH X; 00080070 LO ACME]}", "ab"},
        {"several sequences",
         UID "00189912 SQ {[00080070 LO ACME]}; 0040A07C SQ {[00080080 LO "
             "Mercy]}",
         "a"},
        {"several sequences need not be of one item",
         UID "00189912 SQ {[00081090 LO Two]}; 00080220 SQ {[00080100 SH G1]}", "a"},
        {"nested", UID "0040A07C SQ {[00080082 SQ {[00080100 SH Y; 00080102 SH L]}]}", "af"},
        {"nested: within the same outer item",
         UID "0040A07C SQ {[00080080 LO Mercy; 00080082 SQ {[00080100 SH Y]}]}", "a"},
        {"nested: within the same outer item",
         UID "0040A07C SQ {[00080080 LO General; 00080082 SQ {[00080100 SH Y]}]}", "f"},
        {"nested: within the same outer item",
         UID "0040A07C SQ {[00080080 LO North; 00080082 SQ {[00080100 SH Z]}]}", ""},
        {"nested: within the same outer item",
         UID "0040A07C SQ {[00080080 LO South; 00080082 SQ {[00080100 SH Z]}]}", "l"},
        {"nested: all keys in one inner item",
         UID "0040A07C SQ {[00080082 SQ {[00080100 SH X; 00080102 SH M]}]}", ""},
        {"nested twice", UID "0040A07C SQ {[00080082 SQ {[00080121 SQ {[00080100 SH ?*]}]}]}", ""},
    };
    (void)state;
    check(rules, COUNT(rules));
}

/* Tables 8-1a and 8-1b. */
static void codes(void **state)
{
    static const struct rule rules[] = {
        {"value", UID "00082218 SQ {[00080100 SH 69536005]}", "a"},
        {"value and scheme", UID "00082218 SQ {[00080100 SH 69536005; 00080102 SH SCT]}", "a"},
        {"another scheme", UID "00082218 SQ {[00080100 SH 69536005; 00080102 SH 99X]}", ""},
        {"scheme alone", UID "00082218 SQ {[00080102 SH SCT]}", "ap"},
        {"version", UID "00082218 SQ {[00080100 SH V; 00080103 SH 2]}", "p"},
        {"version of the same item",
         UID "00082218 SQ {[00080100 SH V; 00080102 SH SCT; 00080103 SH 2]}", ""},
        {"version of the same item",
         UID "00082218 SQ {[00080100 SH V; 00080102 SH SCT; 00080103 SH 1]}", "p"},
        {"a version where there is none", UID "00082218 SQ {[00080100 SH 69536005; 00080103 SH 1]}",
         ""},
        {"long value", UID "00082218 SQ {[00080119 UC a-code-of-more-than-sixteen]}", "g"},
        {"long value and scheme",
         UID "00082218 SQ {[00080102 SH 99L; 00080119 UC a-code-of-more-than-sixteen]}", "g"},
        {"URN", UID "00082218 SQ {[00080120 UR urn:x:a%b]}", "g"},
        {"a long value is no value", UID "00082218 SQ {[00080100 SH a-code-of-more-than-sixteen]}",
         ""},
        {"of one item", UID "00082218 SQ {[00080119 UC a-code*; 00080120 UR urn*]}", ""},
        {"never the meaning", UID "00082218 SQ {[00080100 SH 69536005; 00080104 LO Foot]}", "a"},
        {"never the meaning", UID "00082218 SQ {[00080104 LO Head]}", ALL},
        {"PS3.16 8.2: SRT", UID "00082218 SQ {[00080100 SH T-D1100; 00080102 SH SRT]}", "f"},
        {"PS3.16 8.2: SNM3", UID "00082218 SQ {[00080100 SH V; 00080102 SH SNM3]}", "p"},
        {"PS3.16 8.2: 99SDM", UID "00082218 SQ {[00080102 SH 99SDM]}", "fp"},
        {"PS3.16 8.2: among others", UID "00082218 SQ {[00080102 SH 99L\\SNM3]}", "fgp"},
        {"PS3.16 8.2: not SCT", UID "00082218 SQ {[00080100 SH 69536005; 00080102 SH SRT]}", ""},
        {"decision: patterns as they are written", UID "00082218 SQ {[00080102 SH SN*]}", "f"},
        {"decision: patterns as they are written", UID "00082218 SQ {[00080102 SH SR?]}", "p"},
        {"an equivalent",
         UID "00082218 SQ {[00080121 SQ {[00080100 SH T-D1100; 00080102 SH SNM3]}]}", "a"},
        {"an equivalent, of one item",
         UID "00082218 SQ {[00080121 SQ {[00080100 SH T-D1100; 00080102 SH 99X]}]}", ""},
        {"an equivalent and the code in one item",
         UID "00082218 SQ {[00080100 SH C1; 00080121 SQ {[00080100 SH E2]}]}", "l"},
        {"an equivalent and the code in one item",
         UID "00082218 SQ {[00080100 SH C1; 00080121 SQ {[00080100 SH E1]}]}", ""},
        {"an equivalent is no code", UID "00082218 SQ {[00080100 SH E1]}", ""},
        {"a code is no equivalent", UID "00082218 SQ {[00080121 SQ {[00080100 SH C1]}]}", ""},
    };
    (void)state;
    check(rules, COUNT(rules));
}

/* Each sequence of codes has its own. */
static void codes_of_one_sequence_are_of_no_other(void **state)
{
    static const char *const tags[] = {"00080220", "00082218", "00082228",
                                       "00189906", "00189907", "00189909"};
    unsigned failed = 0;
    (void)state;
    for (unsigned i = 0; i < COUNT(tags); i++) {
        for (unsigned k = 0; k < COUNT(tags); k++) {
            char identifier[128];
            struct answers a;
            snprintf(identifier, sizeof(identifier), UID "%s SQ {[00080100 SH Q%u]}", tags[i],
                     k + 1);
            find_spec(identifier, &a);
            if (strcmp(a.letters, i == k ? "q" : "") != 0) {
                print_message("%s: [%s]\n", identifier, a.letters);
                failed++;
            }
            find_fini(&a);
        }
    }
    assert_int_equal(failed, 0);
}

/* K.2.2.1.1.2: what is not supported for matching is a return key. */
static void keys_outside_the_model(void **state)
{
    static const struct rule rules[] = {
        {"HH.6.1: level", UID "00080052 CS STUDY", ALL},
        {"K.2.2.2: time zone", UID "00080201 SH +0500", ALL},
        {"text", UID "00100010 PN Doe^John", ALL},
        {"numbers as text", UID "00200013 IS 5", ALL},
        {"numbers", UID "00189921 US ab", ALL},
        {"private", UID "00091001 LO x; 00181030 LO Chest", "g"},
        {"a sequence", UID "00189920 SQ {[00189922 LO x]}", ALL},
        {"a key of items, on the top level", UID "00080100 SH G1; 00080070 LO ACME", ALL},
        {"return only", UID "00189908 UC cough; 0018990A UC task", ALL},
    };
    (void)state;
    check(rules, COUNT(rules));
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
            "'1.2.3.9'");
    run_sql("update dpp.objects set state = 'draft', published_at = null where sop_instance_uid = "
            "'1.2.3.10'");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(universal),
        cmocka_unit_test(unknown_values),
        cmocka_unit_test(single_value),
        cmocka_unit_test(wild_cards),
        cmocka_unit_test(literal_characters),
        cmocka_unit_test(padding),
        cmocka_unit_test(several_values),
        cmocka_unit_test(list_of_uid),
        cmocka_unit_test(list_of_ten_thousand_uids),
        cmocka_unit_test(sequences),
        cmocka_unit_test(codes),
        cmocka_unit_test(codes_of_one_sequence_are_of_no_other),
        cmocka_unit_test(keys_outside_the_model),
    };
    struct err err;
    if (dcm_init(&err) != RC_OK)
        return 1;
    return cmocka_run_group_tests(tests, fill, database_close);
}
