/* SPDX-License-Identifier: Apache-2.0
 *
 * The pools.
 */
#include "vocabulary.h"

#include "dcm/tags.h"

/* clang-format off */

static const char *const words[] = {
    "Head", "head", "HEAD", "Head Routine", "Head  Routine", "Head_Routine", "Head%Routine", "HeadXRoutine",
    "Head Routine ", " Head", "Head*", "He?d", "Heads", "Hea", "50%", "A_B", "AXB", "it's \"x\"", "a\"\"b", "{a,b}", "NULL",
    "$1", "x'); --", "Abdomen", "Abdomen_1", "Abdomen 1", "-", "?", "%", "_", "Chest-Abdomen", "~", "zz",
    "a value that is longer than the sixty-four characters which its VR allows it to have",
};
static const char *const words_in[SCRIPTS][8] = {
    [LATIN_1]  = {"Gr\u00f6\u00dfe", "Gr\u00f6sse", "gr\u00f6\u00dfe", "Sch\u00e4del", "Sch\u00c4del", "t\u00eate", "T\u00eate_1", "\u00ff"},
    [LATIN_2]  = {"g\u0142owa", "G\u0142owa", "k\u0159\u00ed\u017e", "K\u0159\u00ed\u017e", "\u017eebro", "\u0161\u00e1l", "\u0103b", "g\u0142owa_1"},
    [CYRILLIC] = {"\u0413\u043e\u043b\u043e\u0432\u0430", "\u0433\u043e\u043b\u043e\u0432\u0430", "\u041c\u043e\u0437\u0433", "\u041a\u0438\u0439", "\u041a\u0438\u0438", "\u0416", "\u0436", "\u043e\u043a\u043e"},
    [GREEK]    = {"\u03ba\u03b5\u03c6\u03b1\u03bb\u03ae", "\u039a\u03b5\u03c6\u03b1\u03bb\u03ae", "\u03ba\u03b5\u03c6\u03b1\u03bb\u03b7", "\u03c9", "\u03a9", "\u03c3\u03c2", "\u03a3\u03a3", "\u03bc\u03c5"},
    [JAPANESE] = {"\u982d\u90e8", "\u982d", "\u80f8\u90e8", "\u304b\u304d", "\u304c\u304d", "\u30ab", "\u30ac", "CT\u982d\u90e8"},
    [KOREAN]   = {"\ub450\ubd80", "\ub450", "\ud749\ubd80", "\ubcf5\ubd80", "\uac00", "\uac01", "CT\ub450\ubd80", "\ubd80"},
    [CHINESE]  = {"\u5934\u90e8", "\u5934", "\u80f8\u90e8", "\u8179\u90e8", "CT\u5934\u90e8", "\u9aa8", "\u9aa8\u5934", "\u90e8"},
    [LATIN_5] = {"g\u00f6\u011f\u00fcs", "G\u00f6\u011f\u00fcs", "G\u00d6\u011e\u00dcS", "g\u00f6\u011fus", "ba\u015f", "\u0131\u015f\u0131n", "I\u015eIN", "I\u015f\u0131n_1"},
    [ARABIC] = {"\u0631\u0623\u0633", "\u0631\u0627\u0633", "\u0635\u062f\u0631", "\u0631\u0623\u0633 1", "\u0631\u0623\u0633_1", "\u0628\u0637\u0646", "\u0631\u0623\u064e\u0633", "\u0635\u062f\u0631*"},
    [HEBREW] = {"\u05e8\u05d0\u05e9", "\u05e8\u05d0\u05e9 1", "\u05e8\u05d0\u05e9_1", "\u05d7\u05d6\u05d4", "\u05d1\u05d8\u05df", "\u05e8\u05d0?", "\u05e8\u05d0\u05e9\u05dd", "\u05e8"},
    [THAI] = {"\u0e2b\u0e31\u0e27", "\u0e2b\u0e27", "\u0e2b\u0e31\u0e27\u0e43\u0e08", "\u0e17\u0e49\u0e2d\u0e07", "\u0e17\u0e2d\u0e07", "\u0e17\u0e23\u0e27\u0e07\u0e2d\u0e01", "\u0e2b\u0e31\u0e27_1", "\u0e2b?\u0e27"},
    [KANA] = {"\uff94\uff8f\uff80\uff9e", "\uff94\uff8f\uff80", "\uff71\uff80\uff8f", "\uff91\uff88", "CT\uff71\uff80\uff8f", "\uff71", "\uff72", "\uff9e"},
};
/* Marks of their own, which fit no set but UTF-8. */
static const char *const composed[] = {
    "Scha\u0308del", "te\u0302te", "e\u0301", "\u304b\u3099\u304d", "\u1103\u116e\u1107\u116e", "\u0438\u0306",
};

static const char *const names[] = {
    "Smith^John", "smith^john", "SMITH^JOHN", "Smith^John^^^", "Smith^John^Q", "Smith", "Smith^", "Smith^Jane", "Smithers^John",
    "Smith^John=", "Smith^John ", " Smith^John", "^John", "^^^Dr", "Smith^John^Q^Dr^MD", "O'Brien^Pat", "A%B^C_D", "A_B^CXD",
    "Muller^Jurgen", "Strauss^Soren", "Angstrom^Eva", "Yamada^Tarou", "Hong^Gildong", "^", "==", "Smith^John=Alias^A",
    "=Alias^A", "Smith^John=Alias^A=Alias^B", "Smith John", "Smith^John^*", "ss", "i",
    "Smyth^Jon", "Schmidt^Johann", "John^Smith", "Smith-Jones^Ann", "Jones Smith^Ann", "Smith^John Paul", "Meyer^Hans", "Maier, Hans",
    "OBrien^Pat", "J. Smith", "Katherine^Zeta", "Catherine^Zeta", "h", "7^of Nine", "Smith7", "Knight^Xavier", "Night^Havier", "-", "smith-", "Smith=B=C=D", "Smith ^John=  Alias^A ",
};
static const char *const names_in[SCRIPTS][8] = {
    [LATIN_1]  = {"M\u00fcller^J\u00fcrgen", "M\u00dcLLER^J\u00dcRGEN", "Strau\u00df^S\u00f8ren", "\u00c5ngstr\u00f6m^\u00c9va", "\u00c6ther^\u00d8re", "\u00d0or^\u00fe", "\u00df", "Mu\u00f1oz^Jos\u00e9"},
    [LATIN_2]  = {"\u0141ukasz^\u0110or\u0111e", "\u0141UKASZ^\u0110OR\u0110E", "Dvo\u0159\u00e1k^Anton\u00edn", "Dvorak^Antonin", "\u0141", "\u017di\u017eka^Jan", "Ziz\u030cka^Jan", "\u0160^\u0161"},
    [CYRILLIC] = {"\u0418\u0432\u0430\u043d\u043e\u0432^\u0418\u0432\u0430\u043d", "\u0438\u0432\u0430\u043d\u043e\u0432^\u0438\u0432\u0430\u043d", "\u0419\u043e\u0432^\u0410", "\u0418\u043e\u0432^\u0410", "Ivanov^Ivan=\u0418\u0432\u0430\u043d\u043e\u0432^\u0418\u0432\u0430\u043d", "\u0401\u0436", "\u0415\u0436", "\u0416^\u0436"},
    [GREEK]    = {"\u03a0\u03b1\u03c0\u03ac\u03c2^\u0393\u03b9\u03ce\u03c1\u03b3\u03bf\u03c2", "\u03a0\u0391\u03a0\u0391\u03a3^\u0393\u0399\u03a9\u03a1\u0393\u039f\u03a3", "\u03c0\u03b1\u03c0\u03b1\u03c3", "\u03a9^\u03c9", "\u03ce", "\u03c9", "\u03ca\u03ca", "\u0399\u0399"},
    [JAPANESE] = {"Yamada^Tarou=\u5c71\u7530^\u592a\u90ce=\u3084\u307e\u3060^\u305f\u308d\u3046", "=\u5c71\u7530^\u592a\u90ce", "==\u3084\u307e\u3060^\u305f\u308d\u3046", "\u5c71\u7530\u3000\u592a\u90ce", "Yamada^Tarou==\u3084\u307e\u3060^\u305f\u308d\u3046", "\u304b^\u304d", "\u304c^\u304d", "Yamada^Tarou=\u5c71\u7530^\u592a\u90ce"},
    [KOREAN]   = {"Hong^Gildong=\u6d2a^\u5409\u6d1e=\ud64d^\uae38\ub3d9", "Hong^Gildong=\u6d2a^\u5409\u6d1e", "==\ud64d^\uae38\ub3d9", "\ud64d^\uae38\ub3d9", "\ud64d", "\ud64d^", "=\u6d2a^\u5409\u6d1e", "HONG^GILDONG"},
    [CHINESE]  = {"Zhang^XiaoDong=\u5f20^\u5c0f\u4e1c", "=\u5f20^\u5c0f\u4e1c", "Wang^XiaoDong=\u738b^\u5c0f\u4e1c", "\u738b", "\u738b^\u5c0f\u4e1c", "zhang^xiaodong", "Zhang^=\u5f20", "\u5f20"},
    [LATIN_5] = {"\u0130nci^I\u015f\u0131k", "inci^\u0131\u015f\u0131k", "INCI^I\u015eIK", "Inci^Isik", "\u00c7a\u011flar^\u00d6mer", "\u00e7a\u011flar^\u00f6mer", "Caglar^Omer", "\u0131"},
    [ARABIC] = {"\u0623\u062d\u0645\u062f^\u0639\u0644\u064a", "\u0627\u062d\u0645\u062f^\u0639\u0644\u064a", "\u0623\u062d\u0645\u062f", "\u0623\u064e\u062d\u0645\u062f^\u0639\u0644\u064a", "\u0645\u062d\u0645\u062f^\u0639\u0644\u064a", "\u0639\u0644\u064a^\u0623\u062d\u0645\u062f", "Ahmed^Ali=\u0623\u062d\u0645\u062f^\u0639\u0644\u064a", "\u0623\u062d\u0645\u062f \u0639\u0644\u064a"},
    [HEBREW] = {"\u05db\u05d4\u05df^\u05de\u05e9\u05d4", "\u05db\u05d4\u05df", "\u05dc\u05d5\u05d9^\u05de\u05e9\u05d4", "Cohen^Moshe=\u05db\u05d4\u05df^\u05de\u05e9\u05d4", "\u05db\u05d4\u05df \u05de\u05e9\u05d4", "\u05de\u05e9\u05d4^\u05db\u05d4\u05df", "\u05db\u05d4?", "Cohen^Moshe"},
    [THAI] = {"\u0e2a\u0e21\u0e0a\u0e32\u0e22^\u0e43\u0e08\u0e14\u0e35", "\u0e2a\u0e21\u0e0a\u0e31\u0e22^\u0e43\u0e08\u0e14\u0e35", "\u0e2a\u0e21\u0e0a\u0e22^\u0e43\u0e08\u0e14\u0e35", "\u0e2a\u0e21\u0e0a\u0e32\u0e22", "\u0e43\u0e08\u0e14\u0e35^\u0e2a\u0e21\u0e0a\u0e32\u0e22", "Somchai^Jaidee=\u0e2a\u0e21\u0e0a\u0e32\u0e22^\u0e43\u0e08\u0e14\u0e35", "\u0e2a\u0e21\u0e0a\u0e32\u0e22 \u0e43\u0e08\u0e14\u0e35", "\u0e14\u0e35"},
    [KANA] = {"\uff94\uff8f\uff80\uff9e^\uff80\uff9b\uff73", "\uff94\uff8f\uff80^\uff80\uff9b\uff73", "Yamada^Tarou=\uff94\uff8f\uff80\uff9e^\uff80\uff9b\uff73", "\uff94\uff8f\uff80\uff9e \uff80\uff9b\uff73", "\uff80\uff9b\uff73", "\uff94\uff8f\uff80\uff9e", "==\uff94\uff8f\uff80\uff9e^\uff80\uff9b\uff73", "Yamada^Tarou"},
};
static const char *const composed_names[] = {
    "Mu\u0308ller^Ju\u0308rgen", "MU\u0308LLER^JU\u0308RGEN", "A\u030angstro\u0308m^E\u0301va", "\u304b\u3099^\u304d",
    "\u1112\u1169\u11bc^\u1100\u1175\u11af\u1103\u1169\u11bc", "I\u0307nci^Is\u0327\u0131k", "\u0130nci^I\u015f\u0131k", "inci^isik",
    "\u1e9e", "\u0152uvre^\u0153", "\u0152UVRE^\u0152",
};

static const char *const modalities[] = {"CT", "XA", "MR", "ct", "CT ", " CT", "C_", "CTX", "OT"};
static const char *const code_values[] = {
    "T-D1100", "69536005", "6953600", "G1", "g1", "G_1", "GX1", " G1", "T-D1%", "sixteen-letters!", "A", "more-than-sixteen-letters",
};
static const char *const schemes[] = {"SRT", "SNM3", "99SDM", "SCT", "99X", "99x", "DCM", "srt", "SRT2"};
static const char *const versions[] = {"1", "2", "2020", "V_1", "VX1"};
static const char *const long_codes[] = {"a-code-of-more-than-sixteen", "A-code-of-more-than-sixteen", "a-code-of-more-than", "a_code", " a_code"};
static const char *const urns[] = {"urn:x:a%b", "urn:x:acb", "http://example.org/a?b=c", "urn:x:a\\b", "urn:x:A%B"};
static const char *const classes[] = {"1.2.840.10008.5.1.4.1.1.200.1", "1.2.840.10008.5.1.4.1.1.200.7", "1.2.840.10008.5.1.4.1.1.200.3"};
static const char *const uids[] = {"2.25.1", "2.25.2", "2.25.10", "2.25.100", "2.25.7\\2.25.8", "1.2.3", "1.02.3", "junk", "1..2", "9.9", "0.0"};
static const char *const dates[] = {
    "20200105", "20200106", "20200107", "20200131", "20200201", "20200229", "20210101", "20191231", "2020.01.06", "2020.01.05",
    "20209999", "20210229", "2020010", "00000101", "20200106 ", "99991231", "00010101", "202001060", "20200105\\20200106", "19000229", "text",
};
static const char *const times[] = {
    "10", "1015", "101500", "101500.0", "101500.5", "101559.999999", "101559", "10:15", "10:15:00", "10:15:00.25", "09", "0930", "235959",
    "235960", "235959.999999", "235960.5", "2400", "1060", "10156", "000000", "00", "1", "101500.", "101500.1234567", "1015\\1016", "11 ", "noon", "10:1500",
};
static const char *const date_times[] = {
    "2020", "2019", "202001", "20200105", "20200106", "2020010510", "202001051015", "20200105101500", "20200105101500.0",
    "20200105101500.5", "20200105101500.5+0100", "20200105091500.5+0000", "20200105101500-0500", "20200105151500+0000",
    "20200105-0500", "20200106+1400", "202001-0500", "20200105235960", "99991231235959", "0001", "20200105 ", "x", "20201301",
    "20200105101561", "20200105101500+1500", "20200105\\20200106", "2020010510:15",
};
static const char *const zones[] = {"+0100", "-0500", "+0000", "+0530", "-1200", "+1400", "", "+1", "+0160"};
static const char *const flags[] = {"Y", "N"};

const struct stranger strangers[] = {
    {0x00080060, "CS", "CT"}, {0x00080070, "LO", "ACME"}, {0x00200013, "IS", "7"}, {0x00100010, "PN", "Doe^John"},
    {0x00091010, "LO", "x"}, {0x00090010, "LO", "ACME PRIVATE"}, {0x00700080, "CS", "LABEL"}, {0x00280010, "US", NULL},
    {0x00081140, "SQ", NULL}, {0x0018990F, "UT", "a plan"}, {0x00081030, "LO", "a study"}, {0x00080023, "DA", "20200101"},
    {0x00189947, "CS", "HFS"}, {0x00189910, "UT", "why"}, {0x00120021, "LO", "Trial"}, {0x00081010, "SH", "STATION"},
};
const unsigned stranger_count = COUNT(strangers);

/* clang-format on */

enum script script_any(struct chance *c)
{
    return chance_percent(c, 40) ? SCRIPT_ASCII : (enum script)chance_below(c, SCRIPTS);
}

const char *script_charset(struct chance *c, enum script s)
{
    static const char *const sets[SCRIPTS][4] = {
        [SCRIPT_ASCII] = {"", "", "ISO_IR 100", "ISO_IR 6"},
        [LATIN_1] = {"ISO_IR 100", "ISO 2022 IR 6\\ISO 2022 IR 100", "ISO_IR 148", "ISO_IR 203"},
        [LATIN_2] = {"ISO_IR 101", "ISO_IR 101", "ISO_IR 101", "ISO 2022 IR 100\\ISO 2022 IR 101"},
        [LATIN_5] = {"ISO_IR 148", "ISO_IR 148", "ISO 2022 IR 6\\ISO 2022 IR 148", "ISO_IR 148"},
        [ARABIC] = {"ISO_IR 127", "ISO_IR 127", "ISO_IR 127", "ISO 2022 IR 6\\ISO 2022 IR 127"},
        [HEBREW] = {"ISO_IR 138", "ISO_IR 138", "ISO 2022 IR 6\\ISO 2022 IR 138", "ISO_IR 138"},
        [THAI] = {"ISO_IR 166", "ISO_IR 166", "ISO_IR 166", "ISO 2022 IR 6\\ISO 2022 IR 166"},
        [KANA] = {"ISO_IR 13", "ISO_IR 13", "ISO 2022 IR 13\\ISO 2022 IR 87", "ISO_IR 13"},
        [CYRILLIC] = {"ISO_IR 144", "ISO_IR 144", "ISO 2022 IR 6\\ISO 2022 IR 144", "ISO_IR 144"},
        [GREEK] = {"ISO_IR 126", "ISO_IR 126", "ISO_IR 126", "ISO 2022 IR 6\\ISO 2022 IR 126"},
        [JAPANESE] = {"\\ISO 2022 IR 87", "ISO 2022 IR 6\\ISO 2022 IR 87\\ISO 2022 IR 159",
                      "ISO 2022 IR 13\\ISO 2022 IR 87", "\\ISO 2022 IR 87"},
        [KOREAN] = {"\\ISO 2022 IR 149", "\\ISO 2022 IR 149", "ISO 2022 IR 6\\ISO 2022 IR 149",
                    "\\ISO 2022 IR 149"},
        [CHINESE] = {"GB18030", "GBK", "\\ISO 2022 IR 58", "GB18030"},
    };
    return chance_percent(c, 25) ? "ISO_IR 192" : sets[s][chance_below(c, 4)];
}

#define ANY(pool) ((pool)[chance_below(c, COUNT(pool))])

static const char *text_word(struct chance *c, enum script s)
{
    if (chance_percent(c, 6))
        return ANY(composed);
    return s != SCRIPT_ASCII && chance_percent(c, 60) ? ANY(words_in[s]) : ANY(words);
}

static const char *name_word(struct chance *c, enum script s)
{
    if (chance_percent(c, 10))
        return ANY(composed_names);
    return s != SCRIPT_ASCII && chance_percent(c, 60) ? ANY(names_in[s]) : ANY(names);
}

const char *word_for(struct chance *c, uint32_t tag, const char *vr, enum script s)
{
    switch (tag) {
    case TAG_EquipmentModality:
        return ANY(modalities);
    case TAG_CodeValue:
        return ANY(code_values);
    case TAG_CodingSchemeDesignator:
        return ANY(schemes);
    case TAG_CodingSchemeVersion:
        return ANY(versions);
    case TAG_LongCodeValue:
        return ANY(long_codes);
    case TAG_URNCodeValue:
        return ANY(urns);
    case TAG_SOPClassUID:
    case TAG_ReferencedSOPClassUID:
        return ANY(classes);
    case TAG_TimezoneOffsetFromUTC:
        return ANY(zones);
    default:
        break;
    }
    if (strcmp(vr, "PN") == 0)
        return name_word(c, s);
    if (strcmp(vr, "DA") == 0)
        return ANY(dates);
    if (strcmp(vr, "TM") == 0)
        return ANY(times);
    if (strcmp(vr, "DT") == 0)
        return ANY(date_times);
    if (strcmp(vr, "UI") == 0)
        return ANY(uids);
    if (strcmp(vr, "CS") == 0)
        return ANY(flags);
    if (strcmp(vr, "AE") == 0)
        return ANY(modalities);
    return text_word(c, s);
}
