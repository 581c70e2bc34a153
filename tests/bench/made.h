/* SPDX-License-Identifier: Apache-2.0
 *
 * What a generated protocol says. Everything about protocol n of a seed follows from the two, so runs repeat.
 *
 * Spread as in a large enterprise: 19 procedure codes of LOINC and 2,000 of its own, 12 regions, 12 makers with 20
 * models each (few are common), 480 creators, 60 hospitals, 20 years of dates, one in twenty XA, one in five the
 * successor of the one before it. For searches that find the same number in small and large repositories:
 * Protocol Name ends in five letters and the number that no other name has, every protocol has a scheduled
 * protocol code of its own (P and its number), and of a hundred protocols
 *     number ...00  belongs to a clinical trial
 *     number ...01  has its bare number as name, as some sites do
 *     number ...03  comes from an archive: one a day, backwards from 2005-12-31
 *     number ...04  is made for one prototype, whose model name nobody else has
 *     numbers ...50 and ...51  have names beyond ASCII (ISO_IR 192)
 */
#ifndef MADE_H
#define MADE_H

#include <stdbool.h>
#include <stdint.h>

enum { MADE_TEXT = 80, MADE_MODELS = 3, MADE_CODES = 3 };

struct made_code {
    char value[17], scheme[17], meaning[64];
};

struct made_model {
    char maker[MADE_TEXT], group[MADE_TEXT], model[MADE_TEXT]; /* group "": none */
    char versions[2][16];
};

struct made_protocol {
    uint64_t n;
    char uid[65], predecessor[65]; /* predecessor "": none, as in the texts below */
    const char *class_uid, *modality;
    bool is_utf8;
    char name[MADE_TEXT], creator[MADE_TEXT], creator_folded[MADE_TEXT];
    char date[9], time[7];
    struct made_model source; /* the equipment that made the object */
    char serial[17];
    struct made_code group, region;
    struct made_code scheduled[MADE_CODES], requested[MADE_CODES];
    unsigned scheduled_count, requested_count;
    const char *reasons[2];
    unsigned reason_count;
    char sponsor[MADE_TEXT], trial[MADE_TEXT];
    struct made_model models[MADE_MODELS];
    unsigned model_count;
    char institution[MADE_TEXT];
    struct made_code institution_code;
};

/* One Attribute Value Constraint. The attribute lies in path[0], and below that in path[1] if there is one. */
struct made_constraint {
    const char *tag, *keyword, *name, *vr; /* tags as eight hexadecimal digits */
    const char *path[2];
    const char *type;
    const char *values[3];
    unsigned value_count;
    const char *unit, *unit_meaning; /* NULL: none */
    bool is_fixed;                   /* Modifiable Constraint Flag NO */
    bool is_acquisition;       /* of an acquisition element, else of a reconstruction element */
    unsigned element, ordinal; /* number of the element, and of the constraint in it, from 1 */
};

void made_protocol(uint64_t n, uint64_t seed, struct made_protocol *p);
/* Constraint i (from 0) of the `count` that a protocol has. */
void made_constraint(uint64_t n, uint64_t seed, unsigned i, unsigned count,
                     struct made_constraint *c);

#endif
