/* SPDX-License-Identifier: Apache-2.0
 *
 * core/process: what the system says about this process, under the names that Prometheus' own clients use
 * (process_cpu_seconds_total, process_resident_memory_bytes ...), and what malloc says about the heap.
 */
#ifndef CORE_PROCESS_H
#define CORE_PROCESS_H

#include "core/bytes.h"

/* HELP, TYPE and sample of each. What the system does not tell is left out. */
void process_print(struct buf *out);

#endif
