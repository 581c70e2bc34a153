/* SPDX-License-Identifier: Apache-2.0
 *
 * core/metrics: process-wide counters and gauges, declared in one list.
 *
 * Relaxed atomics: any thread may add at any time, a reader sees each value whole but not all of one
 * moment. Every refusal has a counter here and a log line where it happens.
 */
#ifndef CORE_METRICS_H
#define CORE_METRICS_H

#include <stdint.h>

#include "core/bytes.h"

/* X(name, kind, help): kind is COUNTER or GAUGE; help has no backslash and no line feed. */
#define METRICS_LIST(X)                                                                            \
    X(connections_accepted, COUNTER, "TCP connections accepted on the DICOM port")                 \
    X(connections_refused, COUNTER, "TCP connections closed at once: too many, or another schema") \
    X(associations_accepted, COUNTER, "associations accepted")                                     \
    X(associations_rejected, COUNTER, "associations rejected")                                     \
    X(associations_aborted, COUNTER, "associations ended by an abort of either side")              \
    X(associations_open, GAUGE, "associations open now")                                           \
    X(drain_released, COUNTER, "associations asked to release because this server stops")          \
    X(drain_aborted, COUNTER, "associations aborted because this server could not wait longer")    \
    X(contexts_denied, COUNTER, "presentation contexts refused because an AE lacks the right")     \
    X(protocol_errors, COUNTER, "PDUs or messages that broke PS3.7 or PS3.8")                      \
    X(echo_total, COUNTER, "C-ECHO operations")                                                    \
    X(store_ok, COUNTER, "C-STORE operations that ended with success")                             \
    X(store_failed, COUNTER, "C-STORE operations that were refused or failed")                     \
    X(find_ok, COUNTER, "C-FIND operations that ended with success")                               \
    X(find_failed, COUNTER, "C-FIND operations that were refused or failed")                       \
    X(find_cancelled, COUNTER, "C-FIND operations that were cancelled")                            \
    X(find_responses, COUNTER, "pending C-FIND responses sent")                                    \
    X(get_total, COUNTER, "C-GET operations ended")                                                \
    X(get_failed, COUNTER, "C-GET operations that were refused or failed, of them")                \
    X(move_total, COUNTER, "C-MOVE operations ended")                                              \
    X(move_failed, COUNTER, "C-MOVE operations that were refused or failed, of them")              \
    X(suboperations_ok, COUNTER, "C-STORE sub-operations completed")                               \
    X(suboperations_failed, COUNTER, "C-STORE sub-operations failed or warned")                    \
    X(audit_rows, COUNTER, "audit rows of queries, retrievals and refusals written")               \
    X(audit_dropped, COUNTER, "audit rows that could not be written, or not in time")              \
    X(audit_waiting, GAUGE, "audit rows that wait to be written")                                  \
    X(database_errors, COUNTER, "statements or connections that failed")                           \
    X(database_connections, GAUGE, "database connections open now")                                \
    X(database_waiting, GAUGE, "operations waiting for a database connection")                     \
    X(database_away, GAUGE, "threads that have no database connection and cannot make one")

enum metric {
#define X(name, kind, help) METRIC_##name,
    METRICS_LIST(X)
#undef X
        METRIC_COUNT
};

/* What came where an A-ASSOCIATE-RQ is due: dppr_wrong_talk_total{talk="http"}. X(id, name, in words) */
#define TALK_LIST(X)                                                      \
    X(http, "http", "an HTTP request")                                    \
    X(http2, "http2", "an HTTP/2 connection")                             \
    X(tls, "tls", "a TLS hello")                                          \
    X(ssh, "ssh", "an SSH client")                                        \
    X(proxy, "proxy", "a PROXY protocol header")                          \
    X(smtp, "smtp", "an SMTP client")                                     \
    X(hl7, "hl7", "an HL7 message")                                       \
    X(noise, "noise", "no DICOM")                                         \
    X(half, "half", "a connection closed in the middle of its first PDU") \
    X(silent, "silent", "a connection closed without a word")             \
    X(probe, "probe", "the same from an address of probe-addresses")

enum talk {
    TALK_NONE,
#define X(id, name, words) TALK_##id,
    TALK_LIST(X)
#undef X
        TALK_COUNT
};
const char *talk_name(enum talk t);  /* "http"; not of TALK_NONE */
const char *talk_words(enum talk t); /* "an HTTP request" */
void talk_add(enum talk t);
int64_t talk_count(enum talk t);

void metric_add(enum metric m, int64_t n);
int64_t metric_get(enum metric m);
/* All of them as Prometheus text (exposition format 0.0.4): dppr_<name>, counters with _total at the end; then how
 * often each limit and deadline of core/limits.h has struck, dppr_limits_hit_total{limit="max-depth"} and
 * dppr_timeouts_total{deadline="idle-timeout"}; then the heap of this moment, dppr_heap_used_bytes,
 * dppr_heap_large_bytes and dppr_heap_kept_bytes. */
void metrics_print(struct buf *out);

#endif
