/* SPDX-License-Identifier: Apache-2.0
 *
 * Rendering (dpp.encode, dpp.render): every VR, character set, form of unknown values and fault, and random protocols and
 * approvals through C-STORE, rows and rendering, which must say what went in. test_lossless.c does the same for samples
 * and damaged data sets.
 */
#include "catalog_render.h"
#include "testdb.h"

#include "dcm/dict.h"
#include "rows_levels.h"

#define CT "1.2.840.10008.5.1.4.1.1.200.1"

static struct arena *arena;
static unsigned uid_count;

/* A draft whose only content is other_attributes of its header; its UID, static. */
static const char *draft_of(const char *others)
{
    static char uid[32];
    static const char sql[] =
        "with o as (insert into dpp.objects (sop_instance_uid, sop_class_uid) values ($1, '" CT
        "') returning id) insert into dpp.protocols (object_id, other_attributes) select id, "
        "$2::jsonb from o";
    snprintf(uid, sizeof uid, "1.4.%u", ++uid_count);
    struct pg_param params[] = {pg_text(uid), pg_text(others)};
    struct pg_table *table = NULL;
    struct err err = {0};
    if (pg_sync_query(database.sync, sql, params, 2, &table, &err) != RC_OK)
        fail_msg("%s: %s", others, err.text);
    pg_table_free(table);
    return uid;
}

/* ---- values ---- */

#define LONG_TEXT 70000

static const struct {
    const char *vr, *attribute; /* what follows "vr" in DICOM JSON */
    const char *value;          /* as hexadecimal digits, with its padding */
} values[] = {
    {"AE", "'Value':['STORE']", "53544f524520"},
    {"AS", "'Value':['016Y']", "30313659"},
    {"AT", "'Value':['00180060','0018991f']",
     "180060001800"
     "1f99"},
    {"CS", "'Value':['A','B_C']", "415c425f4320"},
    {"DA", "'Value':['20240229']", "3230323430323239"},
    {"DS", "'Value':['0.10']", "302e3130"},
    {"DS", "'Value':[1.5,-2,100000000000000000000]", "312e355c2d325c31652b3230"},
    {"DS", "'Value':[0.12345678901234567]", "302e3132333435363738393031323335"},
    {"DS", "'Value':[-0.000012345678901234]", "2d312e3233343536373839652d303520"},
    {"DT", "'Value':['20240229120000.5+0100']", "32303234303232393132303030302e352b3031303020"},
    {"FD", "'Value':[1.5]", "000000000000f83f"},
    {"FD", "'Value':[-1e300,0.1]",
     "9c7500883ce437fe"
     "9a9999999999b93f"},
    {"FD", "'Value':[null]", "000000000000f87f"},
    {"FL", "'Value':[1.5,-0.1]", "0000c03fcdccccbd"},
    {"FL", "'Value':[3.4028235e38]", "ffff7f7f"},
    {"IS", "'Value':['12','-3']", "31325c2d3320"},
    {"IS", "'Value':[7,2.0]", "375c3220"},
    {"LO", "'Value':['a',null,'c']", "615c5c63"},
    {"LT", "'Value':['a\\\\b\\r\\n']", "615c620d0a20"},
    {"OB", "'InlineBinary':'AQID'", "01020300"},
    {"OD", "'InlineBinary':'AQIDBAUGBwg='", "0102030405060708"},
    {"OF", "'InlineBinary':'AQIDBA=='", "01020304"},
    {"OL", "'InlineBinary':'AQIDBA=='", "01020304"},
    {"OV", "'InlineBinary':'AQIDBAUGBwg='", "0102030405060708"},
    {"OW", "'InlineBinary':'AQI='", "0102"},
    {"PN", "'Value':[{'Alphabetic':'A^B'}]", "415e4220"},
    {"PN", "'Value':[{'Ideographic':'C'},{'Alphabetic':'D','Phonetic':'E'},{}]",
     "3d435c443d3d455c"},
    {"PN", "'Value':['A^B']", "415e4220"},
    {"SH", "'Value':['x']", "7820"},
    {"SL", "'Value':[-2147483648,2147483647]", "00000080ffffff7f"},
    {"SQ", "'Value':[{},null,{'00080100':{'vr':'SH','Value':['1']}}]",
     "feff00e000000000feff00e000000000feff00e00a000000"
     "0800000153480200"
     "3120"},
    {"SS", "'Value':[-32768,-1,32767]", "0080ffffff7f"},
    {"ST", "'Value':['a\\\\b']", "615c6220"},
    {"SV", "'Value':[-9223372036854775808,'9223372036854775807']",
     "0000000000000080ffffffffffffff7f"},
    {"TM", "'Value':['120000']", "313230303030"},
    {"UC", "'Value':['a','b']", "615c6220"},
    {"UI", "'Value':['1.2.3']", "312e322e3300"},
    {"UI", "'Value':['1.2 ','1.33 ']",
     "312e32205c312e333320"}, /* of what is not known padding is not either */
    {"UL", "'Value':[4294967295,0]", "ffffffff00000000"},
    {"UN", "'InlineBinary':'AQ=='", "0100"},
    {"UR", "'Value':['http://a/b\\\\c']", "687474703a2f2f612f625c63"},
    {"US", "'Value':[65535,1]", "ffff0100"},
    {"US", "'Value':[12]", "0c00"},
    {"UT", "'Value':['a\\\\b']", "615c6220"},
    {"UV", "'Value':[1,'18446744073709551615']", "0100000000000000ffffffffffffffff"},
    {"LO", "'Value':[]", ""},
    {"SQ", "'Value':[]", ""},
    {"OB", "'InlineBinary':''", ""},
};

/* ' for ", which C wants escaped */
static char *json_text(const char *text)
{
    char *copy = arena_strdup(arena, text);
    for (char *c = copy; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    return copy;
}

static bool has_long_length(const char *vr)
{
    return dcm_vr_has_long_length(vr);
}

static void every_vr_is_encoded(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(values); i++) {
        size_t len = strlen(values[i].value) / 2;
        char header[64], others[512];
        snprintf(others, sizeof others,
                 "{'00090010':{'vr':'LO','Value':['TEST']},'00091001':{'vr':'%s',%s}}",
                 values[i].vr, values[i].attribute);
        const char *uid = draft_of(json_text(others));
        struct rendered r = render(uid);
        if (r.fault)
            fail_msg("%s %s: %s", values[i].vr, values[i].attribute, r.fault);
        /* at the end of the data set */
        snprintf(header, sizeof header, "09000110%02x%02x%s%02x%02x%s", values[i].vr[0],
                 values[i].vr[1], has_long_length(values[i].vr) ? "0000" : "", (unsigned)len & 255,
                 (unsigned)len >> 8, has_long_length(values[i].vr) ? "0000" : "");
        size_t most = strlen(header) + strlen(values[i].value);
        assert_true(strlen(r.octets) > most);
        const char *end = r.octets + strlen(r.octets) - most;
        if (strncmp(end, header, strlen(header)) != 0 ||
            strcmp(end + strlen(header), values[i].value) != 0)
            fail_msg("%s %s: %s instead of %s%s", values[i].vr, values[i].attribute, end, header,
                     values[i].value);
        render_free(&r);
        check_rendered(others, uid, arena);
    }
}

/* Attributes of the dictionary that are written otherwise than they came. */
static const struct {
    const char *attribute, *element;
} others[] = {
    {"'00081155':{'vr':'UI','Value':['1.2.3 ']}", "08005511554906003"
                                                  "12e322e3300"},
    {"'00081155':{'Value':['1.2']}", "0800551155490400312e3200"},
    {"'00091002':{'vr':'UN'}", "09000210554e000000000000"},
    {"'00089999':{'vr':'OB','InlineBinary':'AQ=='}", "080099994f420000020000000100"},
};

static void others_are_written_as_by_the_program(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(others); i++) {
        char text[256];
        snprintf(text, sizeof text, "{%s}", others[i].attribute);
        const char *uid = draft_of(json_text(text));
        struct rendered r = render(uid);
        if (!strstr(r.octets, others[i].element))
            fail_msg("%s: %s in %s", text, others[i].element, r.octets);
        render_free(&r);
        check_rendered(text, uid, arena);
    }
}

/* PS3.5 6.2.2 note 6 */
static void what_is_too_long_for_its_vr_is_UN(void **state)
{
    enum { LONG = 70000 };
    static const char *const vrs[] = {"LT", "SH", "UT"};
    static const char *const heads[] = {"01000110554e000070110100", "", ""};
    char *text = malloc(LONG + 200);
    (void)state;
    (void)heads;
    for (size_t i = 0; i < COUNT(vrs); i++) {
        /* of a known attribute, as its VR is the reader's then */
        static const char *const tags[] = {"00184000", "00080050", "00189910"};
        int at = snprintf(text, 200, "{\"%s\":{\"vr\":\"%s\",\"Value\":[\"", tags[i], vrs[i]);
        memset(text + at, 'x', LONG);
        snprintf(text + at + LONG, 100, "\"]}}");
        const char *uid = draft_of(text);
        struct rendered r = render(uid);
        assert_int_equal(strstr(r.octets, "554e000070110100") != NULL, !has_long_length(vrs[i]));
        render_free(&r);
        check_rendered(vrs[i], uid, arena);
    }
    free(text);
}

/* What is no part of the data set, or chosen anew, at any depth. */
static void sets_and_group_lengths_are_left_out(void **state)
{
    (void)state;
    const char *uid = draft_of(json_text(
        "{'00020010':{'vr':'UI','Value':['1.2']},'00080000':{'vr':'UL','Value':[4]},"
        "'00080005':{'vr':'CS','Value':['ISO_IR 126']},'00091001':{'vr':'SQ','Value':[{"
        "'00080005':{'vr':'CS','Value':['ISO_IR 126']},'00090000':{'vr':'UL','Value':[4]}}]}}"));
    struct rendered r = render(uid);
    assert_null(strstr(r.octets, "02001000"));
    assert_null(strstr(r.octets, "554c"));
    assert_null(strstr(r.octets, "08000500"));
    assert_string_equal(r.octets + strlen(r.octets) - 40, "0900011053510000"
                                                          "08000000"
                                                          "feff00e0"
                                                          "00000000");
    render_free(&r);
    check_rendered("left out", uid, arena);
}

/* ---- character sets (PS3.3 C.12.1.1.2) ---- */

static const struct {
    const char *attributes, *charset, *element;
} charsets[] = {
    {"'00181030':{'vr':'LO','Value':['Head']}", "", "18003010"},
    {"'00181030':{'vr':'LO','Value':['Sch\u00e4del']}", "ISO_IR 100",
     "180030104c4f0800536368e464656c20"},
    {"'00181030':{'vr':'LO','Value':['\u00a0\u00ff']}", "ISO_IR 100", "180030104c4f0200a0ff"},
    {"'00181030':{'vr':'LO','Value':['\xc2\x80']}", "ISO_IR 192", "180030104c4f0200c280"},
    {"'00181030':{'vr':'LO','Value':['\u0100']}", "ISO_IR 192", "180030104c4f0200c480"},
    {"'00181030':{'vr':'LO','Value':['\u00e4\u0142']}", "ISO_IR 192", "180030104c4f0400c3a4c582"},
    {"'00091001':{'vr':'SQ','Value':[{'00700084':{'vr':'PN','Value':[{'Alphabetic':'\u00e4','"
     "Ideographic':'\u00f6'}]}}]}",
     "ISO_IR 100", "70008400504e0400e43df620"},
    {"'00091001':{'vr':'SQ','Value':[{'00189910':{'vr':'UT','Value':['\u65e5']}}]}", "ISO_IR 192",
     "1800109955540000"
     "04000000e697a520"},
    /* of VRs with the default repertoire the octets stay as they are */
    {"'00180015':{'vr':'CS','Value':['\u00e4']}", "", "1800150043530200c3a4"},
    {"'00180015':{'vr':'CS','Value':['\u00e4']},'00181030':{'vr':'LO','Value':['\u00e4']}",
     "ISO_IR 100", "1800150043530200c3a4180030104c4f0200e420"},
    /* one octet in the data set, two in the query record */
    {"'00181030':{'vr':'LO','Value':['\u00e4']},'00700084':{'vr':'PN','Value':['\u00e4\u00f6\u00fc^"
     "x']}",
     "ISO_IR 100", "70008400504e0600e4f6fc5e7820"},
};

static void the_character_set_is_the_simplest_that_does(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(charsets); i++) {
        char text[512];
        snprintf(text, sizeof text, "{%s}", charsets[i].attributes);
        const char *uid = draft_of(json_text(text));
        struct rendered r = render(uid);
        const char *head = !*charsets[i].charset ? NULL : "0800050043530a00";
        assert_string_equal(r.charset, charsets[i].charset);
        assert_int_equal(strncmp(r.octets, "0800050043530a0049534f5f4952", 28) == 0, head != NULL);
        if (!strstr(r.octets, charsets[i].element))
            fail_msg("%s: %s in %s", text, charsets[i].element, r.octets);
        render_free(&r);
        check_rendered(text, uid, arena);
    }
}

/* ---- the digest ---- */

/* Whose padding does not count, and for which VR. */
static void padding_counts_as_the_dictionary_says(void **state)
{
    static const char *const tags[] = {"00080055", "00101010", "00180015", "00080012", "00180060",
                                       "00080015", "00200013", "00181030", "00184000", "00700084",
                                       "00081010", "00081195", "00080013", "00189908", "00081155",
                                       "00080120", "00189910", "00091001"};
    static const char *const vrs[] = {"LO", "UC", "UI", "CS", "LT", "OB"};
    static const char *const forms[] = {"A", "AB", " A", "A ", " AB ", "A\\\\ B", "   ", "A   "};
    struct buf text = {0};
    (void)state;
    for (size_t v = 0; v < COUNT(vrs); v++) {
        for (size_t f = 0; f < COUNT(forms); f++) {
            bool is_binary = strcmp(vrs[v], "OB") == 0;
            if (strchr(forms[f], '\\') && strcmp(vrs[v], "LT") != 0)
                continue;
            buf_clear(&text);
            buf_add_u8(&text, '{');
            for (size_t t = 0; t < COUNT(tags); t++)
                buf_printf(&text, "%s\"%s\":{\"vr\":\"%s\",\"%s\":%s%s%s}", t ? "," : "", tags[t],
                           vrs[v], is_binary ? "InlineBinary" : "Value", is_binary ? "\"" : "[\"",
                           is_binary ? "IEEg" : forms[f], is_binary ? "\"" : "\"]");
            buf_add_u8(&text, '}');
            check_rendered(buf_cstr(&text), draft_of(buf_cstr(&text)), arena);
        }
    }
    buf_fini(&text);
}

/* Values of UN that are, or look like, sequences in Implicit VR Little Endian (PS3.5 6.2.2 note 2): hexadecimal digits. */
static const char *const unknown_values[] = {
    "feff00e000000000",                 /* an empty item */
    "feff00e000000000feff00e000000000", /* two */
    "feff00e0ffffffff"
    "feff0de000000000", /* of undefined length */
    "feff00e00a000000"
    "0800000102000000"
    "3120", /* Code Value */
    "feff00e009000000"
    "0800000101000000"
    "31", /* of odd length */
    "feff00e01400000018003010020000004120"
    "0800000102000000"
    "3120", /* not in order */
    "feff00e01400000008000001020000003120"
    "0800000102000000"
    "3120", /* twice */
    "feff00e00c000000"
    "0800000004000000"
    "01000000", /* a group length */
    "feff00e00a000000"
    "0200100002000000"
    "3120", /* File Meta Information */
    "feff00e00a000000"
    "0000100002000000"
    "3120", /* a command */
    "feff00e00a000000"
    "09000110020000003120", /* private */
    "feff00e00a000000"
    "09001000020000003120", /* its creator */
    "feff00e010000000"
    "0900011008000000"
    "feff00e000000000", /* private sequence in it */
    "feff00e010000000"
    "0900011008000000"
    "feff00e001000000", /* none */
    "feff00e010000000"
    "18001499"
    "08000000"
    "feff00e000000000", /* a known sequence in it */
    "feff00e010000000"
    "18001499"
    "08000000"
    "feff00e001000000", /* broken */
    "feff00e008000000"
    "1800149900000000", /* empty */
    "feff00e010000000"
    "09000110ffffffff"
    "feffdde000000000", /* undefined length, no items */
    "feff00e018000000"
    "09000110ffffffff"
    "feff00e000000000"
    "feffdde000000000", /* one */
    "feff00e018000000"
    "18001499ffffffff"
    "feff00e000000000"
    "feffdde000000000",
    "feff00e018000000"
    "18003010ffffffff"
    "feff00e000000000"
    "feffdde000000000", /* no sequence by its VR */
    "feff00e018000000"
    "0800000004000000"
    "01000000"
    "fcfffcff04000000"
    "00000000", /* data set trailing padding */
    "feff00e00a000000"
    "60003000020000003120", /* no such group */
    "feff00e00a000000"
    "00600030020000003120", /* an overlay */
    "feff00e00a000000"
    "1060"
    "0030020000003120",
    "feff00e00a000000"
    "00500030020000003120",
    "feff00e00a000000"
    "2000"
    "1731020000003120", /* (0020,31xx) */
    "feff00e0ffffffff"
    "0800000102000000"
    "3120"
    "feff0de000000000",
    "feff00e0ffffffff"
    "0800000102000000"
    "3120", /* no delimiter */
    "feff00e000000000"
    "feffdde000000000", /* a delimiter too much */
    "feff00e0ffffffff"
    "feff0de001000000",
    "feff00e008000000"
    "feff0de000000000", /* a delimiter where the length is said */
    "feff00e0ffffffff"
    "feff0de002000000"
    "0000"
    "feff0de000000000", /* a delimiter with a length */
    "feff00e004000000"
    "08000001", /* cut short */
    "feff00e000000000"
    "08000001",
    "feff00e000000080",
    "feff00e0",
    "feff00e00a000000"
    "feff00e0020000003120", /* an item out of place */
    "08000001020000003120", /* no item */
};

static void add_unknown(struct buf *text, unsigned element, const char *vr, struct span value)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    buf_printf(text, ",\"0009%04X\":{\"vr\":\"%s\",\"InlineBinary\":\"", element, vr);
    for (size_t i = 0; i < value.len; i += 3) {
        size_t left = value.len - i;
        uint32_t bits = (uint32_t)value.data[i] << 16 |
                        (left > 1 ? (uint32_t)value.data[i + 1] << 8 : 0) |
                        (left > 2 ? value.data[i + 2] : 0);
        buf_printf(text, "%c%c%c%c", digits[bits >> 18], digits[bits >> 12 & 63],
                   left > 1 ? digits[bits >> 6 & 63] : '=', left > 2 ? digits[bits & 63] : '=');
    }
    buf_add_str(text, "\"}");
}

static void unknown_values_are_digested_as_sequences(void **state)
{
    enum { MUTATIONS = 8 };
    struct buf text = {0};
    uint32_t random = 7;
    (void)state;
    for (size_t i = 0; i < COUNT(unknown_values); i++) {
        static struct octets o;
        arena_reset(arena);
        struct span value = octets_of(arena, unknown_values[i]);
        buf_clear(&text);
        buf_add_str(&text, "{\"00090010\":{\"vr\":\"LO\"}");
        add_unknown(&text, 0x1001, "UN", value);
        add_unknown(&text, 0x1002, "OB", value);
        for (unsigned m = 0; m < MUTATIONS; m++) {
            o.len = 0;
            octets_add(&o, value.data, value.len);
            mutate(&o, &random);
            add_unknown(&text, 0x1003 + m, "UN", span_of(o.data, o.len));
        }
        buf_add_u8(&text, '}');
        check_rendered(unknown_values[i], draft_of(buf_cstr(&text)), arena);
    }
    buf_fini(&text);
}

/* The same in an attribute that is known to be a sequence, and sequences that have another VR. */
static void sequences_of_other_vrs_are_digested_as_by_the_program(void **state)
{
    static const char *const texts[] = {
        "{'00189914':{'vr':'UN','InlineBinary':'/v8A4AAAAAA='}}",
        "{'00189914':{'vr':'UN','InlineBinary':'/v8A4AEAAAA='}}",
        "{'00189914':{'vr':'OB','InlineBinary':'/v8A4AAAAAA='}}",
        "{'00189914':{'vr':'LO','Value':['abcdefgh']}}",
        "{'00189914':{'vr':'LO'}}",
        "{'00189914':{'vr':'SQ'}}",
        "{'00181030':{'vr':'SQ'}}",
        "{'00181030':{'vr':'SQ','Value':[{}]}}",
        "{'00091001':{'vr':'SQ'}}",
        "{'00091001':{'vr':'SQ','Value':[{}]}}",
        "{'00091001':{'vr':'SQ','Value':[{'00091001':{'vr':'SQ'}},{'00091001':{'vr':'SQ','Value':[{"
        "}]}}]}}",
        "{'FFFCFFFC':{'vr':'OB','InlineBinary':'AAAA'}}",
        "{'60000010':{'vr':'US','Value':[1]},'60023000':{'vr':'OW','InlineBinary':'AAE='}}",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        arena_reset(arena);
        check_rendered(texts[i], draft_of(json_text(texts[i])), arena);
    }
}

/* ---- tables that SQL and C both have ---- */

static void tables_are_those_of_the_program(void **state)
{
    static const struct model *const models[] = {&model_protocol, &model_approval};
    char sql[256];
    (void)state;
    for (size_t m = 0; m < COUNT(models); m++) {
        struct buf tags = {0};
        for (unsigned i = 0; i < models[m]->key_count; i++)
            buf_printf(&tags, "%s%08X", i ? "," : "", (unsigned)models[m]->keys[i].tag);
        for (const char *const *class = models[m]->storage_classes; *class; class ++) {
            snprintf(sql, sizeof sql, "select array_to_string(dpp.query_tags('%s'), ',')", *class);
            assert_string_equal(ask_sql(sql), buf_cstr(&tags));
        }
        buf_fini(&tags);
    }
    unsigned count = 0;
    for (char a = 'A'; a <= 'Z'; a++) {
        for (char b = 'A'; b <= 'Z'; b++) {
            char vr[] = {a, b, 0}, expected[32];
            snprintf(sql, sizeof sql,
                     "select concat_ws(' ', convert_from(octets, 'UTF8'), has_long_length, "
                     "is_string, is_text)"
                     " from dpp.encoded_vrs() where vr = '%s'",
                     vr);
            snprintf(expected, sizeof expected, "%s %c %c %c", vr,
                     dcm_vr_has_long_length(vr) ? 't' : 'f', dcm_vr_is_string(vr) ? 't' : 'f',
                     dcm_vr_is_text(vr) ? 't' : 'f');
            const char *found = ask_sql(sql);
            if (*found || dcm_vr_is_string(vr) || dcm_vr_number_width(vr))
                assert_string_equal(found, expected);
            count += *found != '\0';
        }
    }
    assert_int_equal(count, 33); /* and SQ */
}

/* Elements that some of these groups have, and those around private creators, in each of the groups: eight digits and the VR, or
 * two dashes. */
static void add_vrs(struct buf *out)
{
    static const uint32_t groups[] = {0x0008, 0x0009, 0x0018, 0x0020, 0x0082, 0x5000, 0x500E,
                                      0x50FE, 0x5100, 0x6000, 0x6002, 0x7F00, 0x7FE0, 0x7FFE};
    struct dcm_dict_entry entry;
    for (uint32_t element = 1; element <= 0xFFFF; element++) {
        bool is_there = element <= 0x110;
        for (size_t g = 5; g < COUNT(groups); g++)
            is_there = is_there || dcm_dict_by_tag(groups[g] << 16 | element, &entry);
        for (size_t g = 0; is_there && g < COUNT(groups); g++) {
            bool is_creator = (groups[g] & 1) && element >= 0x10 && element <= 0xFF;
            bool is_known = dcm_dict_by_tag(groups[g] << 16 | element, &entry);
            buf_printf(out, "%08X%s ", (unsigned)(groups[g] << 16 | element),
                       is_creator ? "LO"
                       : is_known ? entry.vr
                                  : "--");
        }
    }
    buf_printf(out, "002031AACS");
}

static void vrs_are_those_of_the_dictionary(void **state)
{
    static const char sql[] =
        "select t.given || ' instead of ' || coalesce(v.vr, '--') from "
        "string_to_table($1, ' ') as t (given)"
        " cross join lateral dpp.vr_of_tag(left(t.given, 8)) as v (vr) where "
        "right(t.given, 2) <> coalesce(v.vr, '--')"
        /* an attribute of a later edition than the dictionary that is installed here */
        " and not (right(t.given, 2) = '--' and exists (select from dpp.attributes as a"
        " where a.tag = left(t.given, 8) and a.vr = v.vr))";
    struct buf given = {0};
    struct pg_table *table = NULL;
    struct err err = {0};
    (void)state;
    add_vrs(&given);
    struct pg_param params[] = {pg_text(buf_cstr(&given))};
    assert_int_equal(pg_sync_query(database.sync, sql, params, 1, &table, &err), RC_OK);
    if (pg_table_rows(table))
        fail_msg("%u VRs, such as %s", pg_table_rows(table), pg_table_get(table, 0, 0));
    pg_table_free(table);
    buf_fini(&given);
}

/* ---- what cannot be encoded ---- */

static const struct {
    const char *others, *rule;
} faults[] = {
    {"{'00181030':{'vr':'XX','Value':['a']}}", "00181030 has the unknown VR XX"},
    {"{'00091001':{'Value':['a']}}",
     "00091001 says no VR, and the data dictionary does not know it"},
    {"{'0018':{'vr':'LO'}}", "0018 is no tag of eight hexadecimal digits in capitals"},
    {"{'0018991d':{'vr':'SQ','Value':[{}]}}",
     "0018991d is no tag of eight hexadecimal digits in capitals"},
    {"{'FFFEE000':{'vr':'SQ'}}", "FFFEE000 is no attribute of a data set"},
    {"{'00000002':{'vr':'UI'}}", "00000002 is no attribute of a data set"},
    {"{'00181030':'Head'}", "00181030 is no attribute of DICOM JSON"},
    {"{'00181030':{'vr':'LO','Value':'Head'}}", "00181030 has a Value that is no array"},
    {"{'00181030':{'vr':'LO','Value':[1]}}", "00181030 has a value that is no string"},
    {"{'00181030':{'vr':'LO','Value':['a\\\\b']}}",
     "00181030 has a backslash within a value, where it would part two values"},
    {"{'00181030':{'vr':'LO','Value':['a','b\\\\c']}}",
     "00181030 has a backslash within a value, where it would part two values"},
    {"{'00184000':{'vr':'LT','Value':['a','b']}}",
     "00184000 has several values, where its VR has one"},
    {"{'00181030':{'vr':'LO','InlineBinary':'AQ=='}}",
     "00181030 has InlineBinary, which its VR has not"},
    {"{'00091001':{'vr':'OB','Value':[1]}}", "00091001 has a Value, where its VR has InlineBinary"},
    {"{'00091001':{'vr':'OB','Value':[1],'InlineBinary':'AQ=='}}",
     "00091001 has both Value and InlineBinary"},
    {"{'00091001':{'vr':'OB','InlineBinary':7}}", "00091001 has InlineBinary that is no base64"},
    {"{'00091001':{'vr':'OB','InlineBinary':'AQ='}}",
     "00091001 has a value that is none of VR OB: AQ="},
    {"{'00091001':{'vr':'OB','InlineBinary':'A Q='}}",
     "00091001 has a value that is none of VR OB: A Q="},
    {"{'00091001':{'vr':'OB','BulkDataURI':'http://a'}}",
     "00091001 has a BulkDataURI, which is not supported"},
    {"{'00091001':{'vr':'US','Value':[65536]}}",
     "00091001 has a value that is none of VR US: 65536"},
    {"{'00091001':{'vr':'US','Value':[-1]}}", "00091001 has a value that is none of VR US: -1"},
    {"{'00091001':{'vr':'US','Value':['1']}}", "00091001 has a value that is no number"},
    {"{'00091001':{'vr':'US','Value':[1.5]}}", "00091001 has a value that is none of VR US: 1.5"},
    {"{'00091001':{'vr':'US','Value':[null]}}", "00091001 has a value that is null"},
    {"{'00091001':{'vr':'SS','Value':[32768]}}",
     "00091001 has a value that is none of VR SS: 32768"},
    {"{'00091001':{'vr':'SL','Value':[2147483648]}}",
     "00091001 has a value that is none of VR SL: 2147483648"},
    {"{'00091001':{'vr':'UL','Value':[1,4294967296]}}",
     "00091001 has a value that is none of VR UL: 1\\4294967296"},
    {"{'00091001':{'vr':'SV','Value':[9223372036854775808]}}",
     "00091001 has a value that is none of VR SV: 9223372036854775808"},
    {"{'00091001':{'vr':'UV','Value':['18446744073709551616']}}",
     "00091001 has a value that is none of VR UV: 18446744073709551616"},
    {"{'00091001':{'vr':'UV','Value':['x']}}", "00091001 has a value that is none of VR UV: x"},
    {"{'00091001':{'vr':'FL','Value':[1e39]}}",
     "00091001 has a value that is none of VR FL: 1000000000000000000000000000000000000000"},
    {"{'00091001':{'vr':'AT','Value':['0018006']}}",
     "00091001 has a value that is none of VR AT: 0018006"},
    {"{'00091001':{'vr':'IS','Value':[1.5]}}", "00091001 has a value that is no integer"},
    {"{'00091001':{'vr':'PN','Value':[{'Alphabetic':1}]}}",
     "00091001 has a component group that is no string, or has a = in it"},
    {"{'00091001':{'vr':'PN','Value':[{'Alphabetic':'a=b'}]}}",
     "00091001 has a component group that is no string, or has a = in it"},
    {"{'0018991D':{'vr':'SQ','Value':[{},7]}}", "0018991D has an item that is no object"},
    {"{'0018991D':{'vr':'SQ','Value':[{},{'00189905':{'vr':'CS','Value':[1]}}]}}",
     "0018991D[2].00189905 has a value that is no string"},
};

static void what_has_no_encoding_is_named(void **state)
{
    static const char problems[] = "select p.relation || ' ' || coalesce(p.item, '-') || ' ' || "
                                   "p.column_name || ' ' || p.rule, count(*) over ()"
                                   " from dpp.objects as o cross join lateral "
                                   "dpp.encoding_problems(o.id) as p where o.sop_instance_uid = $1";
    (void)state;
    for (size_t i = 0; i < COUNT(faults); i++) {
        arena_reset(arena);
        const char *text = json_text(faults[i].others), *uid = draft_of(text);
        struct pg_param params[] = {pg_text(uid)};
        struct pg_table *table = NULL;
        struct err err = {0};
        char expected[256], sql[128];
        assert_int_equal(pg_sync_query(database.sync, problems, params, 1, &table, &err), RC_OK);
        if (pg_table_rows(table) != 1)
            fail_msg("%s: %u problems", text, pg_table_rows(table));
        snprintf(expected, sizeof expected, "protocols - other_attributes %s", faults[i].rule);
        assert_string_equal(pg_table_get(table, 0, 0), expected);
        pg_table_free(table);

        table = NULL;
        snprintf(sql, sizeof sql,
                 "select dpp.render(id) from dpp.objects where sop_instance_uid = '%s'", uid);
        assert_int_equal(pg_sync_query(database.sync, sql, NULL, 0, &table, &err), RC_DB);
        assert_string_equal(err.sqlstate, "22000");
    }
    assert_string_equal(ask_sql("select count(*) from dpp.instances"), "0");
}

/* ---- random protocols and approvals ---- */

enum { RANDOM_OBJECTS = 90, MOST_ITEMS = 3 };

static unsigned below(uint32_t *random, unsigned n)
{
    return next_random(random) % n;
}

/* As DICOM JSON has them, by VR and script: ASCII, Latin-1, more. */
static const char *const words[][3] = {{"Head", "Sch\u00e4del", "\u982d\u90e8"},
                                       {"a b", "\u00df", "\u0431"},
                                       {"x.y/z", "na\u00efve", "\u00e4\u20ac"}};

static const struct {
    const char *vr, *values[4];
} samples[] = {
    {"AE", {"STORE", "A B"}},
    {"AT", {"\x18\x00\x60\x00", "\x18\x00\x91\x99"}},
    {"CS", {"YES", "NO", "EQUAL", "MEMBER_OF"}},
    {"DA", {"20240229", "20240230"}},
    {"DT", {"20240229120000+0100", "2024"}},
    {"IS", {"1", "-20", "x"}},
    {"TM", {"120000", "1"}},
    {"UI", {"1.2.3", "1.2.840.1"}},
    {"UR", {"http://a\\b", "urn:x"}},
    {"US", {"\x01\x00", "\xff\xff"}},
};

static struct span random_value(uint32_t *random, const char *vr, unsigned script)
{
    for (size_t i = 0; i < COUNT(samples); i++) {
        unsigned count = 0;
        while (count < COUNT(samples[i].values) && samples[i].values[count])
            count++;
        if (strcmp(samples[i].vr, vr) != 0)
            continue;
        const char *value = samples[i].values[below(random, count)];
        return span_of(value, strcmp(vr, "US") == 0   ? 2
                              : strcmp(vr, "AT") == 0 ? 4
                                                      : strlen(value));
    }
    const char *word = words[below(random, COUNT(words))][below(random, script + 1)];
    const char *other = words[below(random, COUNT(words))][below(random, script + 1)];
    if (strcmp(vr, "PN") == 0)
        return span_str(
            arena_printf(arena, "%s^%s=%s", word, other, below(random, 2) ? other : ""));
    return span_str(arena_printf(arena, below(random, 4) ? "%s" : "%s %s", word, other));
}

static void add_random_element(uint32_t *random, struct dcm_item *to, uint32_t tag, const char *vr,
                               unsigned script)
{
    struct span value = random_value(random, vr, script);
    if (below(random, 8) == 0)
        value = span_of(NULL, 0);
    else if (below(random, 8) == 0 && strcmp(vr, "US") != 0 && strcmp(vr, "AT") != 0) {
        struct span next = random_value(random, vr, script);
        value = span_str(arena_printf(arena, "%.*s\\%.*s", (int)value.len, (const char *)value.data,
                                      (int)next.len, (const char *)next.data));
    }
    assert_non_null(dcm_put(arena, to, tag, vr, value));
}

/* Selector VR, value tag, and values: texts, or octets. */
static const struct {
    const char *vr;
    uint32_t tag;
    const char *values[3];
    size_t width;
} selectors[] = {
    {"DS", 0x00720072, {"1.50", "120", "x"}, 0},
    {"IS", 0x00720064, {"7", "-8", "9"}, 0},
    {"CS", 0x00720062, {"SPIRAL", "A\\B", "NO"}, 0},
    {"FD",
     0x00720074,
     {"\0\0\0\0\0\0\xf8\x3f", "\x9a\x99\x99\x99\x99\x99\xb9\x3f", "\0\0\0\0\0\0\xf8\x7f"},
     8},
    {"US", 0x0072007A, {"\x01\0", "\xff\xff", "\0\0"}, 2},
    {"AT", 0x00720060, {"\x18\0\x60\0", "\x18\0\x61\0", "\x18\0\x62\0"}, 4},
    {"UV",
     0x00720083,
     {"\1\0\0\0\0\0\0\0", "\xff\xff\xff\xff\xff\xff\xff\xff", "\2\0\0\0\0\0\0\0"},
     8},
    {"PN", 0x0072006A, {"A^B=C", "X", "=Y"}, 0},
    {"LO", 0x00720066, {"a", "b", "c"}, 0},
    {"OB", 0x00720065, {"\1\2", "\3\4", "\5\6"}, 2},
    {"SQ", 0x00720080, {"1", "2", "3"}, 0},
};

static void add_random_values(uint32_t *random, struct dcm_item *constraint, uint32_t tag)
{
    static const char *const types[] = {"EQUAL",        "RANGE_INCL",    "MEMBER_OF",
                                        "GREATER_THAN", "MEMBER_OF_CID", "UNCONSTRAINED"};
    size_t n = below(random, COUNT(selectors));
    struct dcm_element *sequence = dcm_put(arena, constraint, tag, "SQ", span_of(NULL, 0));
    dcm_put_text(arena, constraint, SELECTOR_VR, "CS", selectors[n].vr);
    dcm_put_text(arena, constraint, CONSTRAINT_TYPE, "CS", types[below(random, COUNT(types))]);
    for (unsigned i = below(random, MOST_ITEMS); i > 0; i--) {
        struct dcm_item *item = dcm_add_item(arena, sequence);
        const char *value = selectors[n].values[below(random, 3)];
        struct dcm_element *e =
            dcm_put(arena, item, selectors[n].tag, selectors[n].vr,
                    span_of(value, selectors[n].width ? selectors[n].width : strlen(value)));
        if (strcmp(selectors[n].vr, "SQ") == 0) {
            e->value = span_of(NULL, 0);
            dcm_put_text(arena, dcm_add_item(arena, e), TAG_CodeValue, "SH", value);
        }
    }
}

static void add_random_level(uint32_t *random, const struct level *level, struct dcm_item *to,
                             unsigned script)
{
    for (unsigned i = 0; i < level->count; i++) {
        const struct column *c = &level->columns[i];
        if (below(random, 3) == 0)
            continue;
        if (c->how == VALUES || c->how == DEFAULTS) {
            add_random_values(random, to, c->tag);
        } else if (strcmp(c->vr, "SQ") == 0) {
            struct dcm_element *e = dcm_put(arena, to, c->tag, "SQ", span_of(NULL, 0));
            for (unsigned n = below(random, MOST_ITEMS + 1); n > 0; n--) {
                struct dcm_item *item = dcm_add_item(arena, e);
                if (c->how == ITEMS)
                    add_random_level(random, c->items, item, script);
                else
                    add_random_element(random, item, TAG_CodeValue, "SH", script);
            }
        } else if (c->tag != SELECTOR_VR && c->tag != CONSTRAINT_TYPE) {
            add_random_element(random, to, c->tag, c->vr, script);
        }
    }
    if (below(random, 4) == 0) {
        dcm_put_text(arena, to, 0x00210010, "LO", "DPPR TEST");
        add_random_element(random, to, 0x00211001, "UT", script);
        add_random_level(
            random, &(struct level){0},
            dcm_add_item(arena, dcm_put(arena, to, 0x00211002, "SQ", span_of(NULL, 0))), script);
    }
}

/* In UTF-8 and without padding, so that neither counts. */
static const char *content_of(struct span octets)
{
    struct dcm_item *item = NULL;
    struct buf json = {0};
    struct err err = {0};
    assert_int_equal(dcm_read(octets, dcm_ts_find(UID_EXPLICIT_LE), NULL, arena, &item, &err),
                     RC_OK);
    assert_int_equal(dcm_tree_to_utf8(item, NULL, arena, NULL, &err), RC_OK);
    assert_int_equal(dcm_json_write(item, 0, &json, NULL, &err), RC_OK);
    const char *copy = arena_strdup(arena, buf_cstr(&json));
    buf_fini(&json);
    return copy;
}

static void check_random_object(uint32_t *random, const struct model *model)
{
    static const char *const sets[] = {"", "ISO_IR 100", "ISO_IR 192"};
    unsigned script = below(random, 3);
    char uid[32];
    struct buf octets;
    struct err err = {0};
    arena_reset(arena);
    struct dcm_item *item = dcm_item_new(arena);
    add_random_level(random, model == &model_protocol ? &rows_protocol_level : &rows_approval_level,
                     item, script);
    snprintf(uid, sizeof uid, "1.5.%u", ++uid_count);
    dcm_put_text(arena, item, TAG_SOPClassUID, "UI", model->storage_classes[0]);
    dcm_put_text(arena, item, TAG_SOPInstanceUID, "UI", uid);
    assert_int_equal(dcm_tree_from_utf8(item, sets[script], arena, &err), RC_OK);
    buf_init(&octets, 0);
    assert_int_equal(dcm_write(item, dcm_ts_find(UID_EXPLICIT_LE), &octets, &err), RC_OK);
    assert_string_equal(store_octets(buf_span(&octets), UID_EXPLICIT_LE), "stored");

    struct rendered r = render(uid);
    assert_string_equal(content_of(octets_of(arena, r.octets)), content_of(buf_span(&octets)));
    render_free(&r);
    buf_fini(&octets);
    check_rendered(uid, uid, arena);
}

static void random_objects_come_out_as_they_went_in(void **state)
{
    uint32_t random = 20241126;
    (void)state;
    for (unsigned i = 0; i < RANDOM_OBJECTS; i++)
        check_random_object(&random, i % 3 ? &model_protocol : &model_approval);
    /* else all could be in other_attributes */
    assert_true(
        atoi(ask_sql(
            "select count(*) from dpp.parameter_constraints where constraint_values <> '{}'")) >
        100);
    assert_true(atoi(ask_sql("select count(*) from dpp.approval_codes")) > 100);
}

static int open_database(void **state)
{
    int rc = database_open(state);
    if (rc == 0)
        run_sql("set client_min_messages = warning; set dpp.maintenance = 'on'");
    return rc;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_vr_is_encoded),
        cmocka_unit_test(others_are_written_as_by_the_program),
        cmocka_unit_test(what_is_too_long_for_its_vr_is_UN),
        cmocka_unit_test(sets_and_group_lengths_are_left_out),
        cmocka_unit_test(the_character_set_is_the_simplest_that_does),
        cmocka_unit_test(padding_counts_as_the_dictionary_says),
        cmocka_unit_test(unknown_values_are_digested_as_sequences),
        cmocka_unit_test(sequences_of_other_vrs_are_digested_as_by_the_program),
        cmocka_unit_test(tables_are_those_of_the_program),
        cmocka_unit_test(vrs_are_those_of_the_dictionary),
        cmocka_unit_test(what_has_no_encoding_is_named),
        cmocka_unit_test(random_objects_come_out_as_they_went_in),
    };
    struct err err;
    if (dcm_init(&err) != RC_OK)
        return 1;
    arena = arena_new(64 << 20);
    int failed = cmocka_run_group_tests(tests, open_database, database_close);
    arena_free(arena);
    return failed;
}
