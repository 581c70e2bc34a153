/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables of CSV as authoring documents, and documents as tables.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "authoring.h"
#include "core/arena.h"

/* Documents one a line as "LINE JSON", what is wrong with one as "LINE ! problem" with " / " between problems. */
static void read_all(struct span text, struct buf *out)
{
    struct csv_documents *d;
    struct err err = {0};
    enum rc rc = csv_documents_open(text, &d, &err);
    size_t last = 0;

    if (rc != RC_OK)
        buf_printf(out, "! %s\n", err.text);
    while (rc == RC_OK) {
        struct buf json = {0}, problems = {0};
        unsigned long line = 0;
        size_t end = 0;
        rc = csv_documents_next(d, &json, &problems, &line, &end);
        if (rc == RC_OK) {
            assert_true(end > last && end <= text.len);
            last = end;
            buf_cstr(&problems);
            for (char *nl; problems.len && (nl = strchr((char *)problems.data, '\n')) != NULL;)
                *nl = '/';
            buf_printf(out, "%lu %s%s\n", line, problems.len ? "! " : "",
                       problems.len ? buf_cstr(&problems) : buf_cstr(&json));
        } else {
            assert_int_equal(rc, RC_NOTFOUND);
            assert_true(json.len == 0 && problems.len == 0);
        }
        buf_fini(&json);
        buf_fini(&problems);
    }
    csv_documents_free(d);
}

static void check(const char *what, struct span text, const char *wanted)
{
    struct buf got = {0};

    read_all(text, &got);
    if (strcmp(buf_cstr(&got), wanted) != 0)
        fail_msg("%s: got\n%s\nwanted\n%s", what, buf_cstr(&got), wanted);
    buf_fini(&got);
}

static void tables_become_documents(void **state)
{
    static const struct {
        const char *what, *text, *documents;
    } cases[] = {
        {"protocol columns given once",
         "id,name,part,element,keyword,value,unit\n"
         "a,Head,acquisition,1,KVP,120,kV\n"
         ",,,,ExposureInmAs,90,mAs\n",
         "2 {\"id\":\"a\",\"name\":\"Head\",\"acquisition\":[{\"parameters\":["
         "{\"keyword\":\"KVP\",\"value\":\"120\",\"unit\":\"kV\"},"
         "{\"keyword\":\"ExposureInmAs\",\"value\":\"90\",\"unit\":\"mAs\"}]}]}\n"},
        {"protocol columns repeated",
         "id,name,part,keyword\na,Head,storage,K1\na,Head,storage,K2\n",
         "2 "
         "{\"id\":\"a\",\"name\":\"Head\",\"storage\":[{\"parameters\":[{\"keyword\":\"K1\"},{"
         "\"keyword\":\"K2\"}]}]}\n"},
        {"two protocols", "id\na\nb\n", "2 {\"id\":\"a\"}\n3 {\"id\":\"b\"}\n"},
        {"told apart by UID before id", "sop_instance_uid,id\n1.2,a\n1.3,a\n",
         "2 {\"sop_instance_uid\":\"1.2\",\"id\":\"a\"}\n3 "
         "{\"sop_instance_uid\":\"1.3\",\"id\":\"a\"}\n"},
        {"told apart by name", "name,part,keyword\nx,storage,K\ny,storage,K\n",
         "2 {\"name\":\"x\",\"storage\":[{\"parameters\":[{\"keyword\":\"K\"}]}]}\n"
         "3 {\"name\":\"y\",\"storage\":[{\"parameters\":[{\"keyword\":\"K\"}]}]}\n"},
        {"elements and their members",
         "id,part,element,element.name,keyword\n"
         "a,acquisition,1,Scout,K1\n"
         ",acquisition,2,Helical,K2\n"
         ",reconstruction,1,,K3\n"
         ",acquisition,1,,K4\n",
         "2 {\"id\":\"a\",\"acquisition\":["
         "{\"name\":\"Scout\",\"parameters\":[{\"keyword\":\"K1\"},{\"keyword\":\"K4\"}]},"
         "{\"name\":\"Helical\",\"parameters\":[{\"keyword\":\"K2\"}]}],"
         "\"reconstruction\":[{\"parameters\":[{\"keyword\":\"K3\"}]}]}\n"},
        {"an element without parameters",
         "id,part,element,element.name\na,acquisition,1,Scout\n,acquisition,2,\n",
         "2 {\"id\":\"a\",\"acquisition\":[{\"name\":\"Scout\"},{}]}\n"},
        {"the patient",
         "id,part,keyword,constraint,value\na,patient,PatientAge,RANGE_INCL,016Y\\080Y\n",
         "2 "
         "{\"id\":\"a\",\"patient_constraints\":[{\"keyword\":\"PatientAge\",\"constraint\":"
         "\"RANGE_INCL\","
         "\"value\":[\"016Y\",\"080Y\"]}]}\n"},
        {"members inside members", "id,body.code.value,body.code.scheme\na,1,SCT\n",
         "2 {\"id\":\"a\",\"body\":{\"code\":{\"value\":\"1\",\"scheme\":\"SCT\"}}}\n"},
        {"cells of JSON", "id,codes,text\na,\"[{\"\"value\"\":1}]\",\"\"\"C:\\\\x\"\"\"\n",
         "2 {\"id\":\"a\",\"codes\":[{\"value\":1}],\"text\":\"C:\\\\x\"}\n"},
        {"numbers in cells of JSON keep their digits",
         "id,x\na,\"{\"\"a\"\":[0.10,1e-3,12345678901234567890]}\"\n",
         "2 {\"id\":\"a\",\"x\":{\"a\":[0.10,1e-3,12345678901234567890]}}\n"},
        {"numbers that are none", "id,x,y,z\na,[01],[1.],[-]\n",
         "2 {\"id\":\"a\",\"x\":\"[01]\",\"y\":\"[1.]\",\"z\":\"[-]\"}\n"},
        {"brackets that are no JSON", "id,name\na,[Head] CT\n",
         "2 {\"id\":\"a\",\"name\":\"[Head] CT\"}\n"},
        {"numbers stay text", "id,x\n007,0.10\n", "2 {\"id\":\"007\",\"x\":\"0.10\"}\n"},
        {"empty values between", "id,part,keyword,value\na,storage,K,1\\\\3\n",
         "2 "
         "{\"id\":\"a\",\"storage\":[{\"parameters\":[{\"keyword\":\"K\",\"value\":[\"1\",null,"
         "\"3\"]}]}]}\n"},
        {"titles in any case, with blanks", " ID ;Part;Element.Name;Keyword\na;storage;x;K\n",
         "2 {\"id\":\"a\",\"storage\":[{\"name\":\"x\",\"parameters\":[{\"keyword\":\"K\"}]}]}\n"},
        {"members with a prefix", "id,part,parameter.keyword,parameter.odd.one\na,storage,K,1\n",
         "2 "
         "{\"id\":\"a\",\"storage\":[{\"parameters\":[{\"keyword\":\"K\",\"odd\":{\"one\":\"1\"}}]}"
         "]}\n"},
        {"rows of fewer fields, empty columns at the end", "id,name,,\na\n,x,,,,\n",
         "2 {\"id\":\"a\",\"name\":\"x\"}\n"},

        {"nothing", "", "! the table is empty\n"},
        {"a header alone", "id,name\n", ""},
        {"no identity", "part,keyword\nstorage,K\n",
         "! line 1: no column sop_instance_uid, id or name says which rows are of one protocol\n"},
        {"a column twice", "id,unit,Unit\n", "! line 1: columns 2 and 3 are both 'Unit'\n"},
        {"short and long the same", "id,unit,parameter.unit\n",
         "! line 1: columns 2 and 3 are both 'parameter.unit'\n"},
        {"a title that is none", "id,,x\n", "! line 1, column 2: '' is no name of a column\n"},
        {"a title of a dot", "id,a..b\n", "! line 1, column 2: 'a..b' is no name of a column\n"},
        {"a title that ends in a dot", "id,element.\n",
         "! line 1, column 2: 'element.' is no name of a column\n"},
        {"a cell without a title", "id\na,x\n", "2 ! line 2: column 2 has no name in the header\n"},
        {"the first row without identity", "id,name,x\n,,1\na,,1\n",
         "2 ! line 2: the first row of a protocol needs sop_instance_uid, id or name\n"},
        {"no part", "id,keyword\na,K\n",
         "2 ! line 2: part is empty; it is patient, acquisition, reconstruction or storage\n"},
        {"a part that is none", "id,part,keyword\na,scan,K\nb,storage,K\n",
         "2 ! line 2: part 'scan' is none of patient, acquisition, reconstruction and storage\n"
         "3 {\"id\":\"b\",\"storage\":[{\"parameters\":[{\"keyword\":\"K\"}]}]}\n"},
        {"members of the patient's element", "id,part,element.name,keyword\na,patient,x,K\n",
         "2 ! line 2: a constraint on the patient is of no element\n"},
        {"contradictions", "id,name,x\na,Head,1\na,Foot,2\n",
         "2 ! line 3: name is 'Foot' here and was something else in a row above/"
         "line 3: x is '2' here and was something else in a row above\n"},
        {"a list and parts of it", "id,storage,part,keyword\na,x,storage,K\n",
         "2 ! line 2: storage has a value already, which is no list\n"},
        {"a value and members of it", "id,x,x.y\na,1,2\n",
         "2 ! line 2: x.y: another column has given its first part a value already\n"},
        {"parameters by two ways", "id,part,element.parameters,keyword\na,storage,1,K\n",
         "2 ! line 2: another column has given parameters a value already\n"},
        /* Of which protocol is a row that cannot be read? */
        {"a broken row at a border", "id,part,keyword\na,storage,K\n\"b\"x,storage,K\nb,,K\nc,,\n",
         "2 ! line 3, column 1: text after the closing quote\n"
         "4 ! line 3, column 1: text after the closing quote/"
         "line 4: part is empty; it is patient, acquisition, reconstruction or storage\n"
         "5 {\"id\":\"c\"}\n"},
        {"a broken row in the middle", "id,part,keyword\na,storage,K\n,\"b\"x,K\na,storage,K\nb\n",
         "2 ! line 3, column 2: text after the closing quote\n5 {\"id\":\"b\"}\n"},
        {"a broken row first", "id,name\n\"x\"y\na,Head\nb,Head\n",
         "2 ! line 2, column 1: text after the closing quote\n4 "
         "{\"id\":\"b\",\"name\":\"Head\"}\n"},
        {"a broken row last", "id\na\n\"b\"x\n",
         "2 ! line 3, column 1: text after the closing quote\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        check(cases[i].what, span_str(cases[i].text), cases[i].documents);
}

static void a_protocol_is_bounded(void **state)
{
    struct buf text = {0}, got = {0};

    (void)state;
    buf_add_str(&text, "id,x\n");
    for (unsigned i = 0; i < 600; i++)
        buf_printf(&text, "a,%0*d\n", 32000, 7);
    buf_add_str(&text, "b,1\n");
    check("rows of one protocol", buf_span(&text),
          "2 ! line 526: the protocol takes more than 16777216 octets\n602 "
          "{\"id\":\"b\",\"x\":\"1\"}\n");

    buf_clear(&text);
    buf_add_str(&text, "id,part,keyword\n");
    for (unsigned i = 0; i < 1000; i++)
        buf_add_str(&text, "a,x,K\n");
    read_all(buf_span(&text), &got);
    assert_non_null(strstr(buf_cstr(&got), "and more"));
    assert_true(got.len < 10000);
    buf_fini(&text);
    buf_fini(&got);
}

/* Cells of a table are texts, so numbers come back as such. */
static json_t *as_texts(json_t *value)
{
    struct span digits;
    const char *name;
    json_t *one;
    size_t i;

    if (json_exact_number(value, &digits)) {
        char *copy = xstrdup((const char *)digits.data);
        json_string_set(value, copy);
        free(copy);
    }
    json_object_foreach(value, name, one) as_texts(one);
    json_array_foreach(value, i, one) as_texts(one);
    return value;
}

static void members_are_in_the_order_of_people(void **state)
{
    json_t *read =
        json_exact_load(span_str("{\"x\":1,\"storage\":[{\"parameters\":[{\"unit\":\"kV\","
                                 "\"value\":0.10,\"y\":[],\"keyword\":\"KVP\"}],"
                                 "\"name\":null}],\"name\":\"n\",\"a\":true,\"id\":\"i\"}"));
    json_t *arranged = authoring_arrange(read);
    struct buf out = {0};

    (void)state;
    json_exact_dump(arranged, JSON_COMPACT, &out);
    assert_string_equal(buf_cstr(&out),
                        "{\"id\":\"i\",\"name\":\"n\",\"x\":1,\"a\":true,\"storage\":[{\"name\":"
                        "null,\"parameters\":[{"
                        "\"keyword\":\"KVP\",\"value\":0.10,\"unit\":\"kV\",\"y\":[]}]}]}");
    json_decref(read);
    json_decref(arranged);
    buf_fini(&out);
}

static void json_is_read_exactly_or_not_at_all(void **state)
{
    static const struct {
        const char *json;
        bool is_good;
    } cases[] = {
        {"0", true},
        {"-0", true},
        {"-1.5e+10", true},
        {"1E5", true},
        {"\"\\\"1\"", true},
        {"[1,2]", true},
        {" { \"a\" : 1 } ", true},
        {"01", false},
        {"1.", false},
        {".5", false},
        {"1e", false},
        {"+1", false},
        {"-", false},
        {"1 2", false},
        {"1x", false},
        {"NaN", false},
        {"\"\\u0001\"", false},
        {"\"a\\\\\\u0001\"", false},
        {"\"\\\\u0001\"", true},
        {"{\"a\":1,\"a\":1}", false},
        {"\"", false},
        {"", false},
        {"\"\\", false},
        {"[1", false},
        {"{1:1}", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        json_t *value = json_exact_load(span_str(cases[i].json));
        if ((value != NULL) != cases[i].is_good)
            fail_msg("%s", cases[i].json);
        json_decref(value);
    }
}

static void documents_become_tables_and_documents_again(void **state)
{
    static const struct {
        const char *document, *table;
    } cases[] = {
        {"{\"sop_instance_uid\":\"1.2\",\"name\":\"Head\"}",
         "sop_instance_uid,name,part,element\r\n1.2,Head,,\r\n"},
        {"{\"id\":\"a\",\"modality\":\"CT\",\"patient_constraints\":[{\"keyword\":\"PatientAge\","
         "\"value\":\"016Y\"}],"
         "\"acquisition\":[{\"name\":\"Scout\"},{\"name\":\"Helical\",\"parameters\":[{\"keyword\":"
         "\"KVP\",\"value\":"
         "[\"80\",\"120\"]},{\"keyword\":\"X\",\"odd\":\"1\"}]}]}",
         "id,modality,part,element,element.name,keyword,value,parameter.odd\r\n"
         "a,CT,patient,,,PatientAge,016Y,\r\n"
         "a,,acquisition,1,Scout,,,\r\n"
         "a,,acquisition,2,Helical,KVP,80\\120,\r\n"
         "a,,acquisition,2,,X,,1\r\n"},
        {"{\"sop_instance_uid\":\"1.2\",\"storage\":[{\"parameters\":[{\"value\":[80,1.50],"
         "\"unit\":\"kV\","
         "\"keyword\":\"KVP\"},{\"value\":0.10,\"keyword\":\"X\"}]}]}",
         "sop_instance_uid,part,element,keyword,value,unit\r\n"
         "1.2,storage,1,KVP,80\\1.50,kV\r\n1.2,storage,1,X,0.10,\r\n"},
        {"{\"id\":\"a\",\"x\":{\"y\":[1,true,null]},\"z\":[{\"one\":1}],\"e\":\"\",\"b\":\"C:"
         "\\\\x\","
         "\"q\":\"\\\"\",\"l\":[],"
         "\"m\":[\"a\\\\b\",\"c\"],\"n\":[\"[1\",\"2]\"],\"o\":\"[1]\",\"p\":[\"\",\"x\"],\"t\":"
         "\"\\u0005\",\"u\":[\"a\",\"\\u0007\"],\"s\":\" "
         "\\n\"}",
         NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf table = {0}, json = {0}, problems = {0};
        struct csv_documents *d;
        struct err err;
        unsigned long line;
        size_t end;
        assert_int_equal(csv_document_write(span_str(cases[i].document), &table, &err), RC_OK);
        if (cases[i].table)
            assert_string_equal(buf_cstr(&table), cases[i].table);
        assert_int_equal(csv_documents_open(buf_span(&table), &d, &err), RC_OK);
        assert_int_equal(csv_documents_next(d, &json, &problems, &line, &end), RC_OK);
        assert_string_equal(buf_cstr(&problems), "");
        json_t *wanted = as_texts(json_exact_load(span_str(cases[i].document)));
        json_t *got = as_texts(json_exact_load(buf_span(&json)));
        if (!json_equal(wanted, got))
            fail_msg("%s became %s", cases[i].document, buf_cstr(&json));
        json_decref(wanted);
        json_decref(got);
        csv_documents_free(d);
        buf_fini(&table);
        buf_fini(&json);
        buf_fini(&problems);
    }
}

static void what_is_no_document_is_refused(void **state)
{
    static const char *const texts[] = {"", "[]", "1", "{", "{\"a\":1,\"a\":2}"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct buf table = {0};
        struct err err;
        assert_int_equal(csv_document_write(span_str(texts[i]), &table, &err), RC_INVALID);
        assert_int_equal(table.len, 0);
        buf_fini(&table);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_become_documents),
        cmocka_unit_test(a_protocol_is_bounded),
        cmocka_unit_test(members_are_in_the_order_of_people),
        cmocka_unit_test(json_is_read_exactly_or_not_at_all),
        cmocka_unit_test(documents_become_tables_and_documents_again),
        cmocka_unit_test(what_is_no_document_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
