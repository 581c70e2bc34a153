/* SPDX-License-Identifier: Apache-2.0
 *
 * PS3.4 tables HH.6-1 and II.6-1 and the coded entry macros of tables 8-1a and 8-1b, copied from the standard and not
 * from catalog/model.c: a key that is missing or matched wrongly there is found by the comparison.
 */
#include "reference.h"

#define ITEMS(a) .items = (a), .item_count = COUNT(a)

/* clang-format off */

/* Table 8-1b. */
#define CODE                                                                   \
    {0x00080100, "SH", .rule = RULE_TEXT},   /* Code Value: RC */                      \
    {0x00080102, "SH", .rule = RULE_SCHEME}, /* Coding Scheme Designator: RC */        \
    {0x00080103, "SH", .rule = RULE_TEXT},   /* Coding Scheme Version: RC */           \
    {0x00080104, "LO", .rule = RULE_RETURN}, /* Code Meaning */                        \
    {0x00080119, "UC", .rule = RULE_TEXT},   /* Long Code Value: RC */                 \
    {0x00080120, "UR", .rule = RULE_TEXT},   /* URN Code Value: RC */                  \
    {0x00080105, "CS", .rule = RULE_RETURN}, /* Mapping Resource */                    \
    {0x00080118, "UI", .rule = RULE_RETURN}, /* Mapping Resource UID */                \
    {0x00080106, "DT", .rule = RULE_RETURN}, /* Context Group Version */               \
    {0x0008010B, "CS", .rule = RULE_RETURN}, /* Context Group Extension Flag */        \
    {0x00080107, "DT", .rule = RULE_RETURN}, /* Context Group Local Version */         \
    {0x0008010D, "UI", .rule = RULE_RETURN}  /* Context Group Extension Creator UID */

static const struct key basic_code[] = {CODE};
/* Table 8-1a. */
static const struct key code[] = {
    CODE,
    {0x00080121, "SQ", .rule = RULE_SEQUENCE, .is_optional = true, ITEMS(basic_code)}, /* Equivalent Code */
};

static const struct key custodian[] = {
    {0x00080080, "LO", .rule = RULE_TEXT},                  /* Institution Name */
    {0x00080082, "SQ", .rule = RULE_SEQUENCE, ITEMS(code)}, /* Institution Code Sequence */
};
static const struct key predecessor[] = {
    {0x00081150, "UI", .rule = RULE_UID}, /* Referenced SOP Class UID */
    {0x00081155, "UI", .rule = RULE_UID}, /* Referenced SOP Instance UID */
};
static const struct key model_specification[] = {
    {0x00080070, "LO", .rule = RULE_TEXT},                   /* Manufacturer */
    {0x00080222, "LO", .rule = RULE_TEXT},                   /* Manufacturer's Related Model Group */
    {0x00081090, "LO", .rule = RULE_TEXT},                   /* Manufacturer's Model Name */
    {0x00181020, "LO", .rule = RULE_TEXT, .has_many = true}, /* Software Versions */
    {0x00181000, "LO", .rule = RULE_RETURN},                 /* Device Serial Number */
};

static const struct key protocol[] = {
    {0x00080016, "UI", .rule = RULE_UID},                                  /* SOP Class UID */
    {0x00080018, "UI", .rule = RULE_UID},                                  /* SOP Instance UID */
    {0x0040A07C, "SQ", .rule = RULE_SEQUENCE, ITEMS(custodian)},           /* Custodial Organization */
    {0x00080220, "SQ", .rule = RULE_SEQUENCE, ITEMS(code)},                /* Responsible Group Code */
    {0x00181030, "LO", .rule = RULE_TEXT},                                 /* Protocol Name */
    {0x00189906, "SQ", .rule = RULE_SEQUENCE, ITEMS(code)},                /* Potential Scheduled Protocol Code */
    {0x00189907, "SQ", .rule = RULE_SEQUENCE, ITEMS(code)},                /* Potential Requested Procedure Code */
    {0x00189908, "UC", .rule = RULE_RETURN, .has_many = true},             /* Potential Reasons for Procedure */
    {0x00189909, "SQ", .rule = RULE_SEQUENCE, ITEMS(code)},                /* the same, coded */
    {0x0018990A, "UC", .rule = RULE_RETURN, .has_many = true},             /* Potential Diagnostic Tasks */
    {0x0018990E, "SQ", .rule = RULE_SEQUENCE, ITEMS(predecessor)},         /* Predecessor Protocol */
    {0x00700084, "PN", .rule = RULE_NAME},                                 /* Content Creator's Name */
    {0x00080012, "DA", .rule = RULE_DATE},                                 /* Instance Creation Date */
    {0x00080013, "TM", .rule = RULE_TIME},                                 /* Instance Creation Time */
    {0x00120010, "LO", .rule = RULE_TEXT},                                 /* Clinical Trial Sponsor Name */
    {0x00120020, "LO", .rule = RULE_TEXT},                                 /* Clinical Trial Protocol ID */
    {0x00080221, "CS", .rule = RULE_TEXT},                                 /* Equipment Modality */
    {0x00189912, "SQ", .rule = RULE_SEQUENCE, ITEMS(model_specification)}, /* Model Specification */
    {0x00082218, "SQ", .rule = RULE_SEQUENCE, ITEMS(code)},                /* Anatomic Region */
    {0x00082228, "SQ", .rule = RULE_SEQUENCE, ITEMS(code)},                /* Primary Anatomic Structure */
};

/* ---- Table II.6-1. "U" below the top level is read as optional. ---- */

static const struct key subject[] = {
    {0x00081150, "UI", .rule = RULE_UID}, /* Referenced SOP Class UID */
    {0x00081155, "UI", .rule = RULE_UID}, /* Referenced SOP Instance UID */
};
static const struct key asserter[] = {
    {0x0040A084, "CS", .rule = RULE_RETURN},                    /* Observer Type */
    {0x0040A123, "PN", .rule = RULE_NAME},                      /* Person Name */
    {0x00401101, "SQ", .rule = RULE_SEQUENCE, ITEMS(code)},     /* Person Identification Code */
    {0x0044010A, "SQ", .rule = RULE_SEQUENCE, ITEMS(code)},     /* Organizational Role Code */
    {0x00081010, "SH", .rule = RULE_RETURN},                    /* Station Name */
    {0x00181002, "UI", .rule = RULE_RETURN},                    /* Device UID */
    {0x00080070, "LO", .rule = RULE_RETURN},                    /* Manufacturer */
    {0x00081090, "LO", .rule = RULE_RETURN},                    /* Manufacturer's Model Name */
    {0x00080055, "AE", .rule = RULE_RETURN},                    /* Station AE Title */
    {0x00080080, "LO", .rule = RULE_TEXT},                      /* Institution Name */
    {0x00080082, "SQ", .rule = RULE_SEQUENCE, ITEMS(code)},     /* Institution Code */
    {0x00081040, "LO", .rule = RULE_TEXT, .is_optional = true}, /* Institutional Department Name */
    {0x00081041, "SQ", .rule = RULE_SEQUENCE, .is_optional = true, ITEMS(code)}, /* its type, coded */
};
static const struct key related[] = {
    {0x00440108, "UI", .rule = RULE_UID, .is_optional = true}, /* Referenced Assertion UID */
};
static const struct key assertion[] = {
    {0x00440101, "SQ", .rule = RULE_SEQUENCE, ITEMS(code)},     /* Assertion Code */
    {0x00440102, "UI", .rule = RULE_RETURN},                    /* Assertion UID */
    {0x00440103, "SQ", .rule = RULE_SEQUENCE, ITEMS(asserter)}, /* Asserter Identification */
    {0x00440104, "DT", .rule = RULE_DATETIME},                  /* Assertion DateTime */
    {0x00440105, "DT", .rule = RULE_DATETIME},                  /* Assertion Expiration DateTime */
    {0x00440106, "UT", .rule = RULE_RETURN},                    /* Assertion Comments */
    {0x00440107, "SQ", .rule = RULE_SEQUENCE, .is_optional = true, ITEMS(related)}, /* Related Assertion */
};

static const struct key approval[] = {
    {0x00080016, "UI", .rule = RULE_UID},                            /* SOP Class UID */
    {0x00080018, "UI", .rule = RULE_UID},                            /* SOP Instance UID */
    {0x00080012, "DA", .rule = RULE_DATE},                           /* Instance Creation Date */
    {0x00080013, "TM", .rule = RULE_TIME},                           /* Instance Creation Time */
    {0x00440109, "SQ", .rule = RULE_SEQUENCE, ITEMS(subject)},       /* Approval Subject */
    {0x00440100, "SQ", .rule = RULE_SEQUENCE, ITEMS(assertion)},     /* Approval */
    {0x00080070, "LO", .rule = RULE_RETURN},                         /* Manufacturer */
    {0x00081090, "LO", .rule = RULE_RETURN},                         /* Manufacturer's Model Name */
    {0x00181020, "LO", .rule = RULE_RETURN, .has_many = true},       /* Software Versions */
};

/* clang-format on */

const struct information_model protocols = {
    "1.2.840.10008.5.1.4.20.1",
    {"1.2.840.10008.5.1.4.1.1.200.1", "1.2.840.10008.5.1.4.1.1.200.7", NULL},
    {protocol, COUNT(protocol)}};
const struct information_model approvals = {"1.2.840.10008.5.1.4.1.1.200.4",
                                            {"1.2.840.10008.5.1.4.1.1.200.3", NULL},
                                            {approval, COUNT(approval)}};

const struct key *key_of(struct keys keys, uint32_t tag)
{
    for (unsigned i = 0; i < keys.count; i++) {
        if (keys.keys[i].tag == tag)
            return &keys.keys[i];
    }
    return NULL;
}
