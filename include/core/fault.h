/* SPDX-License-Identifier: Apache-2.0
 *
 * core/fault: where a test can make an internal failure happen that neither a peer nor an outage brings about, so
 * that the statuses for it are seen on the wire once.
 *
 * A fault point stands where the result of a step is known: `rc = FAULT(find_build, rc, &err);`. In what is built
 * for use it is that result and nothing else. Only the program `dppr-faults` of tests/integration, which is never
 * installed, compiles the files that have fault points a second time with DPPR_FAULTS and links everything else as it
 * is; there tests/integration/peer/fault.c decides which strike.
 */
#ifndef CORE_FAULT_H
#define CORE_FAULT_H

#include "core/err.h"

/* X(name, code of the failure) */
#define FAULT_POINTS(X)           \
    X(store_prepare, RC_INTERNAL) \
    X(find_build, RC_INTERNAL)    \
    X(retrieve_read, RC_INTERNAL) \
    X(failed_list, RC_NOMEM)      \
    X(move_propose, RC_NOMEM)     \
    X(suboperation_convert, RC_NOMEM)

enum fault_point {
#define X(name, code) FAULT_##name,
    FAULT_POINTS(X)
#undef X
        FAULT_COUNT
};

#ifdef DPPR_FAULTS
/* The failure if the point is to strike now, else rc. */
enum rc fault_at(enum fault_point point, enum rc rc, struct err *err);
#define FAULT(name, rc, err) fault_at(FAULT_##name, rc, err)
#else
#define FAULT(name, rc, err) ((void)FAULT_##name, (rc))
#endif

#endif
