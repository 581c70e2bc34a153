/* SPDX-License-Identifier: Apache-2.0
 *
 * The value representations of PS3.5 6.2 as one table, and what follows from a row of it.
 */
#include "vr.h"

#include <stdlib.h>
#include <string.h>

#include "dcm/dict.h"

/* clang-format off */
static const struct vr_info table[] = { /* ascending names */
    /*       unit 32bit  string text   split  front */
    {"AE",   1,   false, true,  false, true,  true },
    {"AS",   1,   false, true,  false, true,  false},
    {"AT",   2,   false, false, false, false, false}, /* two 16-bit numbers */
    {"CS",   1,   false, true,  false, true,  true },
    {"DA",   1,   false, true,  false, true,  false},
    {"DS",   1,   false, true,  false, true,  true },
    {"DT",   1,   false, true,  false, true,  false},
    {"FD",   8,   false, false, false, false, false},
    {"FL",   4,   false, false, false, false, false},
    {"IS",   1,   false, true,  false, true,  true },
    {"LO",   1,   false, true,  true,  true,  true },
    {"LT",   1,   false, true,  true,  false, false},
    {"OB",   1,   true,  false, false, false, false},
    {"OD",   8,   true,  false, false, false, false},
    {"OF",   4,   true,  false, false, false, false},
    {"OL",   4,   true,  false, false, false, false},
    {"OV",   8,   true,  false, false, false, false},
    {"OW",   2,   true,  false, false, false, false},
    {"PN",   1,   false, true,  true,  true,  false},
    {"SH",   1,   false, true,  true,  true,  true },
    {"SL",   4,   false, false, false, false, false},
    {"SQ",   1,   true,  false, false, false, false},
    {"SS",   2,   false, false, false, false, false},
    {"ST",   1,   false, true,  true,  false, false},
    {"SV",   8,   true,  false, false, false, false},
    {"TM",   1,   false, true,  false, true,  false},
    {"UC",   1,   true,  true,  true,  true,  false},
    {"UI",   1,   false, true,  false, true,  false},
    {"UL",   4,   false, false, false, false, false},
    {"UN",   1,   true,  false, false, false, false},
    {"UR",   1,   true,  true,  false, false, false},
    {"US",   2,   false, false, false, false, false},
    {"UT",   1,   true,  true,  true,  false, false},
    {"UV",   8,   true,  false, false, false, false},
};
/* clang-format on */

static int compare_name(const void *key, const void *row)
{
    return memcmp(key, ((const struct vr_info *)row)->name, 2);
}

const struct vr_info *vr_find(const char *name)
{
    return bsearch(name, table, sizeof table / sizeof *table, sizeof *table, compare_name);
}

const struct vr_info *vr_of(const struct dcm_element *e)
{
    const struct vr_info *vr = vr_find(e->vr);
    return vr ? vr : vr_find("UN");
}

bool vr_of_tag(uint32_t tag, char vr[3])
{
    struct dcm_dict_entry entry;
    bool is_creator = (tag >> 16 & 1) && (tag & 0xFFFF) >= 0x10 && (tag & 0xFFFF) <= 0xFF;
    bool is_known = is_creator || dcm_dict_by_tag(tag, &entry);
    memcpy(vr, is_creator ? "LO" : is_known ? entry.vr : "UN", 3);
    return is_known;
}

uint8_t vr_pad(const struct vr_info *vr)
{
    return vr->is_string && memcmp(vr->name, "UI", 2) != 0 ? ' ' : '\0';
}

void vr_swap(uint8_t *to, const uint8_t *from, size_t n, unsigned unit)
{
    size_t whole = n - n % unit;
    for (size_t i = 0; i < whole; i += unit) {
        for (size_t j = 0; j < unit; j++)
            to[i + j] = from[i + unit - 1 - j];
    }
    if (n > whole)
        memcpy(to + whole, from + whole, n - whole);
}

/* Both spaces and NULs are taken off the end of every string: peers pad UI with spaces and text with NULs. */
struct span vr_trim(const struct vr_info *vr, struct span value)
{
    if (!vr->is_string)
        return value;
    while (value.len && (value.data[value.len - 1] == ' ' || value.data[value.len - 1] == '\0'))
        value.len--;
    while (vr->trims_front && value.len && value.data[0] == ' ') {
        value.data++;
        value.len--;
    }
    return value;
}

bool dcm_vr_is_text(const char vr[3])
{
    const struct vr_info *info = vr_find(vr);
    return info && info->is_text;
}

bool dcm_vr_is_string(const char vr[3])
{
    const struct vr_info *info = vr_find(vr);
    return info && info->is_string;
}

bool dcm_vr_has_long_length(const char vr[3])
{
    const struct vr_info *info = vr_find(vr);
    return info && info->has_32_bit_len;
}
