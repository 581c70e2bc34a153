/* SPDX-License-Identifier: Apache-2.0
 *
 * What names are matched by does not depend on the locale of the database, as far as dppr takes it.
 */
#include "catalog_db.h"

static const char *const locales[] = {
    "encoding 'UTF8' lc_collate 'C.UTF-8' lc_ctype 'C.UTF-8' template template0",
    "encoding 'UTF8' locale_provider icu icu_locale 'und' lc_collate 'C' lc_ctype 'C'"
    " template template0",
    "encoding 'UTF8' locale_provider icu icu_locale 'tr-TR' lc_collate 'C' lc_ctype 'C'"
    " template template0",
};

/* Alike once folded. */
static const struct {
    const char *a, *b;
} pairs[] = {
    {"SMITH^IAN", "smith^ian"}, /* I has a dotless one in Turkish */
    {"İnci^Işık", "inci^isik"},
    {"INCI^ISIK", "inci^isik"},
    {"ΠΑΠΑΣ", "παπας"}, /* ICU's small sigma at the end of a word is another letter */
    {"ΠΑΠΑΣ^ΓΙΩΡΓΟΣ", "Παπάς^Γιώργος"},
    {"ΣΑΣ=ΣΑΣ", "σας=σας"},
    {"MÜLLER^JÜRGEN", "müller^jürgen"},
    {"STRAUẞ", "strauss"},
    {"ИВАНОВ^ИВАН", "иванов^иван"},
};

static void names_fold_alike_in_every_locale(void **state)
{
    unsigned failed = 0;
    (void)state;
    for (size_t i = 0; i < COUNT(locales); i++) {
        struct testdb db;
        struct migrate_report report;
        struct err err = {0};
        assert_true(testdb_create_with(&db, "locale", locales[i]));
        if (pg_sync_connect(db.uri, "catalog-test", &database.sync, &err) != RC_OK ||
            migrate_run(database.sync, 30000, &report, &err) != RC_OK)
            fail_msg("%s", err.text);
        for (size_t n = 0; n < COUNT(pairs); n++) {
            char sql[256];
            snprintf(sql, sizeof(sql),
                     "select dpp.fold_name('%s') || ' ' || dpp.fold_name('%s') where"
                     " dpp.fold_name('%s') <> dpp.fold_name('%s')",
                     pairs[n].a, pairs[n].b, pairs[n].a, pairs[n].b);
            const char *differ = ask_sql(sql);
            if (differ[0])
                print_message("%.60s: %s\n", locales[i], differ);
            failed += differ[0] != '\0';
        }
        pg_sync_free(database.sync);
        testdb_drop(&db);
    }
    assert_int_equal(failed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(names_fold_alike_in_every_locale)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
