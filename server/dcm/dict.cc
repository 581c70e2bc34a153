/* SPDX-License-Identifier: Apache-2.0
 *
 * dcm/dict: DCMTK's data dictionary, copied once into sorted arrays of our own.
 *
 * DCMTK guards its dictionary with a lock, which every element of every Implicit VR data set on every
 * worker would take. dcm_init runs before threads, copies what is standard (private entries need a
 * creator and are none of ours) and never changes it again, so look-ups need no lock.
 */
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dcdict.h>
#include <dcmtk/dcmdata/dcdicent.h>
#include <dcmtk/dcmdata/dcobject.h>
#include <dcmtk/oflog/oflog.h>

extern "C" {
#include "dcm/dict.h"
#include "dcm/tags.h"

#include "codedset.h"
}

#ifndef DCM_DICT_DEFAULT_PATH
#define DCM_DICT_DEFAULT_PATH "none built in"
#endif

namespace
{

struct Entry {
    uint32_t tag;
    char vr[3];
    std::string keyword;
};

/* Elements of repeating groups, like (60xx,3000). */
struct Range {
    uint32_t low_group, high_group, low_element, high_element;
    DcmDictRangeRestriction group_rule;
    Entry entry;
};

struct Dictionary {
    std::vector<Entry> by_tag;
    std::vector<const Entry *> by_keyword;
    std::vector<Range> ranges;
};

Dictionary *dictionary; /* set once by dcm_init, lives as long as the process */

/* PS3.6 names several VRs for some elements; the first of them, but OW where OB stands beside it: so the
 * Implicit VR, the only one that has to guess, defines it (PS3.5 A.1). */
void set_vr(Entry &entry, const DcmDictEntry &from)
{
    const char *name;
    switch (from.getEVR()) {
    case EVR_ox:
    case EVR_px:
        name = "OW";
        break;
    case EVR_xs:
    case EVR_lt:
        name = "US";
        break;
    case EVR_up:
        name = "UL";
        break;
    default:
        name = DcmVR(from.getEVR()).getValidVRName();
        break;
    }
    std::memcpy(entry.vr, std::strlen(name) == 2 ? name : "UN", 3);
}

/* DCMTK marks retired keywords with a prefix that PS3.6 does not have. */
Entry make_entry(const DcmDictEntry &from)
{
    static const char retired[] = "RETIRED_";
    const char *keyword = from.getTagName();
    Entry entry;
    entry.tag = TAG(from.getGroup(), from.getElement());
    set_vr(entry, from);
    if (std::strncmp(keyword, retired, sizeof retired - 1) == 0)
        keyword += sizeof retired - 1;
    entry.keyword = keyword;
    return entry;
}

bool is_standard(const DcmDictEntry &entry)
{
    return entry.getPrivateCreator() == nullptr && (entry.getGroup() & 1) == 0 &&
           entry.getGroup() != 0xFFFE;
}

void copy_dictionary(const DcmDataDictionary &from, Dictionary &to)
{
    DcmDataDictionary &source =
        const_cast<DcmDataDictionary &>(from); /* its iterators are not const */
    DcmHashDictIterator end(source.normalEnd());
    for (DcmHashDictIterator i(source.normalBegin()); i != end; ++i) {
        if (is_standard(**i))
            to.by_tag.push_back(make_entry(**i));
    }
    DcmDictEntryListIterator last(source.repeatingEnd());
    for (DcmDictEntryListIterator i(source.repeatingBegin()); i != last; ++i) {
        const DcmDictEntry &e = **i;
        if (is_standard(e) && e.getElement() != 0)
            to.ranges.push_back({e.getGroup(), e.getUpperGroup(), e.getElement(),
                                 e.getUpperElement(), e.getGroupRangeRestriction(), make_entry(e)});
    }
    std::sort(to.by_tag.begin(), to.by_tag.end(),
              [](const Entry &a, const Entry &b) { return a.tag < b.tag; });
    for (const Entry &e : to.by_tag)
        to.by_keyword.push_back(&e);
    std::stable_sort(to.by_keyword.begin(), to.by_keyword.end(),
                     [](const Entry *a, const Entry *b) { return a->keyword < b->keyword; });
}

void fill(const Entry &from, uint32_t tag, struct dcm_dict_entry *out)
{
    out->tag = tag;
    std::memcpy(out->vr, from.vr, sizeof out->vr);
    out->keyword = from.keyword.c_str();
}

/* "0018,1030", "(0018,1030)", "00181030". */
bool parse_tag(const char *name, uint32_t *tag)
{
    char digits[9];
    size_t len = std::strlen(name);
    bool has_parentheses = len == 11 && name[0] == '(' && name[10] == ')';
    if (has_parentheses) {
        name++;
        len = 9;
    }
    if (len == 9 && name[4] == ',') {
        std::memcpy(digits, name, 4);
        std::memcpy(digits + 4, name + 5, 4);
    } else if (len == 8 && !has_parentheses) {
        std::memcpy(digits, name, 8);
    } else {
        return false;
    }
    digits[8] = '\0';
    if (std::strspn(digits, "0123456789abcdefABCDEF") != 8)
        return false;
    *tag = static_cast<uint32_t>(std::strtoul(digits, nullptr, 16));
    return true;
}

} // namespace

enum rc dcm_init(struct err *err)
{
    if (dictionary)
        return RC_OK;
    try {
        /* DCMTK's own log would go to stderr beside ours; what it finds wrong is told by its results. */
        OFLog::configure(OFLogger::OFF_LOG_LEVEL);
        coded_sets_init();
        /* Values are stored as they came: DCMTK must not tidy them when it converts. */
        dcmEnableAutomaticInputDataCorrection.set(OFFalse);
        const DcmDataDictionary &loaded = dcmDataDict.rdlock();
        bool is_loaded = loaded.isDictionaryLoaded();
        Dictionary *copy = nullptr;
        try {
            copy = new Dictionary;
            copy_dictionary(loaded, *copy);
        } catch (...) {
            delete copy;
            dcmDataDict.rdunlock();
            throw;
        }
        dcmDataDict.rdunlock();
        /* Any dictionary that can serve has thousands of entries and the youngest attributes we need. */
        dictionary = copy;
        struct dcm_dict_entry probe;
        if (is_loaded && copy->by_tag.size() > 1000 &&
            dcm_dict_by_name("ModelSpecificationSequence", &probe))
            return RC_OK;
        dictionary = nullptr;
        delete copy;
        const char *path = std::getenv(DCM_DICT_ENVIRONMENT_VARIABLE);
        return err_set(
            err, RC_NOTFOUND,
            "DICOM data dictionary missing or too old: %.180s (DCMDICTPATH can name another)",
            path && *path ? path : DCM_DICT_DEFAULT_PATH);
    } catch (...) {
        return err_set(err, RC_NOMEM, "cannot load the DICOM data dictionary");
    }
}

bool dcm_dict_by_tag(uint32_t tag, struct dcm_dict_entry *out)
{
    uint32_t group = tag >> 16, element = tag & 0xFFFF;
    if (!dictionary || (group & 1))
        return false;
    auto hit = std::lower_bound(dictionary->by_tag.begin(), dictionary->by_tag.end(), tag,
                                [](const Entry &e, uint32_t t) { return e.tag < t; });
    if (hit != dictionary->by_tag.end() && hit->tag == tag) {
        fill(*hit, tag, out);
        return true;
    }
    for (const Range &r : dictionary->ranges) {
        if (group >= r.low_group && group <= r.high_group && element >= r.low_element &&
            element <= r.high_element && r.group_rule != DcmDictRange_Odd) {
            fill(r.entry, tag, out);
            return true;
        }
    }
    return false;
}

bool dcm_dict_by_name(const char *name, struct dcm_dict_entry *out)
{
    uint32_t tag;
    if (!dictionary || !name)
        return false;
    if (parse_tag(name, &tag))
        return dcm_dict_by_tag(tag, out);
    auto hit = std::lower_bound(
        dictionary->by_keyword.begin(), dictionary->by_keyword.end(), name,
        [](const Entry *e, const char *n) { return std::strcmp(e->keyword.c_str(), n) < 0; });
    if (hit == dictionary->by_keyword.end() || (*hit)->keyword != name)
        return false;
    fill(**hit, (*hit)->tag, out);
    return true;
}
