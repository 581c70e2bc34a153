/* SPDX-License-Identifier: Apache-2.0
 *
 * core/metrics: what the process counts, declared in tables: counters, gauges and histograms, with labels.
 *
 * A label has a bounded set of values, always. Most sets are written here; those of LABEL_status, LABEL_class and
 * LABEL_pool are named by those who know them (metric_label_of), as far as there is room, and "other" is beyond.
 *
 * Each thread counts in cells of its own with plain loads and stores, so counting costs a few nanoseconds however
 * many threads do it; a reader adds up the cells of all threads and sees each value whole, but not all of one moment.
 * Every refusal has a counter here or in core/limits.h and a log line where it happens.
 */
#ifndef CORE_METRICS_H
#define CORE_METRICS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/bytes.h"

/* ---- labels: X(id, "value") ---- */

/* clang-format off */
/* in the order of enum status_service */
#define SERVICE_VALUES(X) \
    X(store, "store") X(find, "find") X(get, "get") X(move, "move") X(echo, "echo")
#define RETRIEVE_VALUES(X) X(get, "get") X(move, "move")
/* in the order of enum subop_outcome */
#define OUTCOME_VALUES(X) X(completed, "completed") X(warning, "warning") X(failed, "failed")
#define DIRECTION_VALUES(X) X(in, "in") X(out, "out")
#define WAY_VALUES(X) X(stored, "stored") X(sent, "sent")
#define SIDE_VALUES(X) X(us, "us") X(peer, "peer")
/* in the order of enum reject */
#define REJECT_VALUES(X) \
    X(context_name, "application-context") X(calling, "calling-title") X(called, "called-title") \
    X(max_length, "max-length") X(version, "version") X(contexts, "contexts") \
    X(congestion, "congestion") X(limit, "limit")
/* Why /readyz says 503; in the order of its lines. */
#define UNREADY_VALUES(X) \
    X(database, "database") X(schema, "schema") X(draining, "draining") X(queue, "queue") X(worker, "worker")
#define PLACE_VALUES(X) X(primary, "primary") X(standby, "standby")
#define FALLBACK_VALUES(X) X(stale, "stale") X(away, "away") X(conflict, "conflict")
#define NO_VALUES(X)

/* X(id, key, values, room): room for values that are named at run time; "other" is the last of them. */
#define LABELS_LIST(X) \
    X(none, "", NO_VALUES, 1) \
    X(service, "service", SERVICE_VALUES, 0) \
    X(retrieve, "service", RETRIEVE_VALUES, 0) \
    X(outcome, "outcome", OUTCOME_VALUES, 0) \
    X(direction, "direction", DIRECTION_VALUES, 0) \
    X(way, "way", WAY_VALUES, 0) \
    X(side, "by", SIDE_VALUES, 0) \
    X(reject, "reason", REJECT_VALUES, 0) \
    X(unready, "reason", UNREADY_VALUES, 0) \
    X(place, "place", PLACE_VALUES, 0) \
    X(fallback, "reason", FALLBACK_VALUES, 0) \
    X(status, "status", NO_VALUES, 40) \
    X(class, "class", NO_VALUES, 20) \
    X(pool, "pool", NO_VALUES, 8)

/* ---- metrics ---- */

/* X(id, kind, label, label, label, help). COUNTER: dppr_<id>_total. GAUGE: dppr_<id>. SECONDS: a histogram of times,
 * dppr_<id>_bucket, _sum and _count. help has no backslash and no line feed. docs/metrics.md has the same table. */
#define METRICS_LIST(X) \
    X(connections_accepted, COUNTER, none, none, none, "TCP connections accepted on the DICOM ports") \
    X(connections_refused, COUNTER, none, none, none, "TCP connections closed at once: too many, or another schema") \
    X(connections_proxied, COUNTER, none, none, none, "connections whose client a PROXY header has named") \
    X(associations_accepted, COUNTER, none, none, none, "associations accepted") \
    X(associations_rejected, COUNTER, reject, none, none, "associations rejected, by reason") \
    X(associations_aborted, COUNTER, side, none, none, "associations ended by an abort, by who sent it") \
    X(associations_open, GAUGE, none, none, none, "associations that peers have opened and not ended") \
    X(destination_associations_open, GAUGE, none, none, none, "associations to move destinations, open now") \
    X(drain_released, COUNTER, none, none, none, "associations asked to release because this server stops") \
    X(drain_aborted, COUNTER, none, none, none, "associations aborted because this server could not wait longer") \
    X(config_reloads, COUNTER, none, none, none, "settings read again on SIGHUP, and in force") \
    X(config_rejected, COUNTER, none, none, none, "the same, but refused: all stayed as it was") \
    X(contexts_denied, COUNTER, none, none, none, "presentation contexts refused because an AE lacks the right") \
    X(protocol_errors, COUNTER, none, none, none, "PDUs or messages that broke PS3.7 or PS3.8") \
    X(tls_handshakes, COUNTER, none, none, none, "TLS handshakes done, as server and as client") \
    X(tls_handshakes_failed, COUNTER, none, none, none, "TLS handshakes that failed") \
    X(tls_certificate_end_seconds, GAUGE, none, none, none, "Unix time at which our TLS certificate ends; 0: there is none") \
    X(tls_trust_end_seconds, GAUGE, none, none, none, "the same of the first of the trusted certificates to end") \
    X(operations, COUNTER, service, status, class, "operations ended, by service, final status (none: the association ended first) and class of the peer") \
    X(operations_running, GAUGE, service, none, none, "operations that run or wait now") \
    X(operation_duration_seconds, SECONDS, service, none, none, "time from the request to the final response") \
    X(find_first_response_seconds, SECONDS, none, none, none, "time from a C-FIND request to its first pending response") \
    X(find_matches, COUNTER, none, none, none, "pending C-FIND responses sent") \
    X(suboperations, COUNTER, retrieve, outcome, none, "C-STORE sub-operations, by outcome") \
    X(dicom_bytes, COUNTER, direction, none, none, "octets received and sent on associations") \
    X(dataset_bytes, COUNTER, way, none, none, "octets of data sets that were stored, and sent by C-GET and C-MOVE") \
    X(database_up, GAUGE, none, none, none, "1 while the database answers and lets this server work") \
    X(database_read_only, GAUGE, none, none, none, "1 while the database takes no objects") \
    X(database_away, GAUGE, none, none, none, "threads that have no database connection and cannot make one") \
    X(database_connections, GAUGE, none, none, none, "database connections open now") \
    X(database_connections_in_use, GAUGE, none, none, none, "database connections that an operation has now") \
    X(database_connections_max, GAUGE, none, none, none, "database connections that this server may open") \
    X(database_waiting, GAUGE, none, none, none, "operations waiting for a database connection") \
    X(database_waiting_max, GAUGE, none, none, none, "how many may wait, of all threads together") \
    X(database_wait_seconds, SECONDS, none, none, none, "time an operation waited for a database connection") \
    X(database_statement_seconds, SECONDS, none, none, none, "time from sending a statement to its last row") \
    X(database_probe_seconds, SECONDS, none, none, none, "time that a simple question took, asked every two seconds on a connection of its own") \
    X(database_rows, COUNTER, none, none, none, "rows received from the database") \
    X(database_errors, COUNTER, none, none, none, "statements or connections that failed") \
    X(reads, COUNTER, place, none, none, "connections taken to find and fetch objects, by the database that was read") \
    X(standby_fallbacks, COUNTER, fallback, none, none, "reads that went to the primary because of the standby: it was behind (stale), gone (away), or cancelled them (conflict)") \
    X(standby_resting, GAUGE, none, none, none, "threads that leave the standby alone for now") \
    X(schema_version, GAUGE, none, none, none, "last migration of the database; 0: not known yet") \
    X(audit_rows, COUNTER, none, none, none, "audit rows of queries, retrievals and refusals written") \
    X(audit_dropped, COUNTER, none, none, none, "audit rows that could not be written, or not in time") \
    X(audit_waiting, GAUGE, none, none, none, "audit rows that wait to be written") \
    X(audit_waiting_max, GAUGE, none, none, none, "how many may wait, of all threads together") \
    X(moves_waiting, GAUGE, none, none, none, "C-MOVE operations waiting for their destination") \
    X(jobs_waiting, GAUGE, pool, none, none, "jobs waiting for a thread: large data sets, look-ups of names") \
    X(jobs_waiting_max, GAUGE, pool, none, none, "how many may wait") \
    X(ready, GAUGE, none, none, none, "1 while /readyz says 200") \
    X(unready, GAUGE, unready, none, none, "1 while this is a reason for /readyz to say 503") \
    X(loops, GAUGE, none, none, none, "event loops: threads that serve associations or send") \
    X(loops_stuck, GAUGE, none, none, none, "event loops that have not turned for 5 s") \
    X(loop_lag_seconds, SECONDS, none, none, none, "how late event loops come to a timer, each once a second")
/* clang-format on */

enum metric {
#define X(id, kind, a, b, c, help) METRIC_##id,
    METRICS_LIST(X)
#undef X
        METRIC_COUNT
};

enum metric_label {
#define X(id, key, values, room) LABEL_##id,
    LABELS_LIST(X)
#undef X
        LABEL_COUNT
};

#define X(id, value) SERVICE_##id,
enum service_value { SERVICE_VALUES(X) SERVICE_COUNT };
#undef X
#define X(id, value) RETRIEVE_##id,
enum retrieve_value { RETRIEVE_VALUES(X) RETRIEVE_COUNT };
#undef X
#define X(id, value) OUTCOME_##id,
enum outcome_value { OUTCOME_VALUES(X) OUTCOME_COUNT };
#undef X
#define X(id, value) DIRECTION_##id,
enum direction_value { DIRECTION_VALUES(X) DIRECTION_COUNT };
#undef X
#define X(id, value) WAY_##id,
enum way_value { WAY_VALUES(X) WAY_COUNT };
#undef X
#define X(id, value) SIDE_##id,
enum side_value { SIDE_VALUES(X) SIDE_COUNT };
#undef X
#define X(id, value) REASON_##id,
enum reject_value { REJECT_VALUES(X) REASON_COUNT };
#undef X
#define X(id, value) PLACE_##id,
enum place_value { PLACE_VALUES(X) PLACE_COUNT };
#undef X
#define X(id, value) FALLBACK_##id,
enum fallback_value { FALLBACK_VALUES(X) FALLBACK_COUNT };
#undef X
#define X(id, value) UNREADY_##id,
enum unready_value { UNREADY_VALUES(X) UNREADY_COUNT };
#undef X

/* Which sample of a metric: the values of its labels, 0 where it has none. A value beyond its set is a mistake. */
struct metric_at {
    unsigned a, b, c;
};

void metric_add(enum metric m, int64_t n); /* of one without labels */
void metric_add_at(enum metric m, struct metric_at at, int64_t n);
void metric_observe(enum metric m, unsigned a, int64_t us); /* SECONDS; a: its label, else 0 */
/* What only one place knows; what threads have added counts beside it. */
void metric_set(enum metric m, int64_t value);
void metric_set_at(enum metric m, struct metric_at at, int64_t value);

/* All samples together; of a histogram how many were observed. */
int64_t metric_get(enum metric m);
int64_t metric_get_at(enum metric m, struct metric_at at);

/* The value of this name, which is made when there is none yet and room; else "other". Any thread; copies. name: small
 * letters, digits, _ and -. */
unsigned metric_label_of(enum metric_label l, const char *name);
/* Print it even while it is 0. Without labels that are named at run time all are printed. */
void metric_show(enum metric m, struct metric_at at);

/* The database's schema that this build is made for: in dppr_build_info. */
void metrics_set_schema(int version);

/* All of them as Prometheus text (exposition format 0.0.4): dppr_build_info; the table above; how often each limit and
 * deadline of core/limits.h has struck, dppr_limits_hit_total{limit="max-depth"} and
 * dppr_timeouts_total{deadline="idle-timeout"}; connections that did not speak DICOM; the process, as Prometheus
 * names it, and its heap (core/process.h). */
void metrics_print(struct buf *out);

/* ---- wrong talk ---- */

/* What came where an A-ASSOCIATE-RQ is due: dppr_wrong_talk_total{talk="http"}. X(id, name, in words) */
#define TALK_LIST(X)                                                      \
    X(http, "http", "an HTTP request")                                    \
    X(http2, "http2", "an HTTP/2 connection")                             \
    X(tls, "tls", "a TLS hello")                                          \
    X(plain, "plain", "an association request without TLS")               \
    X(handshake, "handshake", "a TLS handshake that failed")              \
    X(ssh, "ssh", "an SSH client")                                        \
    X(proxy, "proxy", "a PROXY protocol header")                          \
    X(unproxied, "unproxied", "no PROXY protocol header")                 \
    X(smtp, "smtp", "an SMTP client")                                     \
    X(hl7, "hl7", "an HL7 message")                                       \
    X(noise, "noise", "no DICOM")                                         \
    X(half, "half", "a connection closed in the middle of its first PDU") \
    X(silent, "silent", "a connection closed without a word")             \
    X(probe, "probe", "the same from a declared probe or balancer")

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

#endif
