/* SPDX-License-Identifier: Apache-2.0
 *
 * core/limits: every limit and every deadline, once. The name is that of the setting, and it is the same in a log
 * line (limit=max-depth), in /metrics (dppr_limits_hit_total{limit="max-depth"}), in an Error Comment and in
 * docs/operations.md, whose table is made from this list.
 *
 * Whoever finds that one has struck says so with err_set_limit (core/err.h), or with limit_struck where nobody
 * is told in words; both count. Whoever handles the err logs it with log_ctx.limit.
 */
#ifndef CORE_LIMITS_H
#define CORE_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

/* X(id, kind, name, when it strikes, what the peer sees).
 * kind: LIMIT or DEADLINE, bounded by the setting of that name; FIXED_LIMIT or FIXED_DEADLINE: no setting. */
/* clang-format off */
#define LIMITS_LIST(X) \
    X(max_connections, LIMIT, "max-connections", \
      "one TCP connection more on the DICOM port", "the connection is closed") \
    X(tls_answers, FIXED_LIMIT, "tls-answers", \
      "a peer makes TLS answer (new keys, say) more than 1 MiB that it does not read", \
      "the connection is closed") \
    X(proxy_header, FIXED_LIMIT, "proxy-header", \
      "a balancer announces a PROXY header of more than 4096 octets", "the connection is closed") \
    X(max_associations, LIMIT, "max-associations", \
      "one association more on this server", "rejected, 2/3/2") \
    X(max_associations_per_ae, LIMIT, "max-associations-per-ae", \
      "one association more of a calling AE title on this server", "rejected, 2/3/2") \
    X(max_contexts, LIMIT, "max-contexts", \
      "a request for an association has more presentation contexts", "rejected, 1/3/2") \
    X(max_associate, LIMIT, "max-associate", \
      "an associate PDU announces more octets", "A-ABORT") \
    X(max_pdu, LIMIT, "max-pdu", \
      "a P-DATA-TF announces more octets than we offered to take", "A-ABORT") \
    X(max_command, LIMIT, "max-command", \
      "a command set has more octets", "A-ABORT") \
    X(max_dataset, LIMIT, "max-dataset", \
      "a data set has more octets, deflated or inflated", "A700") \
    X(max_depth, LIMIT, "max-depth", \
      "sequences are nested deeper", "A700; C-GET and C-MOVE: A701") \
    X(max_elements, LIMIT, "max-elements", \
      "a data set has more elements and items", "A700") \
    X(max_operations, LIMIT, "max-operations", \
      "one operation more at once on one association", "A700; C-GET and C-MOVE: A701") \
    X(max_operations_per_ae, LIMIT, "max-operations-per-ae", \
      "one operation more at once of a calling AE title on this server", \
      "A700; C-GET and C-MOVE: A701") \
    X(max_identifier, LIMIT, "max-identifier", \
      "an identifier has more octets, deflated or inflated", "A700; C-GET and C-MOVE: A701") \
    X(max_query_keys, LIMIT, "max-query-keys", \
      "an identifier has more attributes, nested ones included", "A700; C-GET and C-MOVE: A701") \
    X(query_values, FIXED_LIMIT, "query-values", \
      "a key that is no list of UIDs has more than 64 values", "A700") \
    X(max_query_uids, LIMIT, "max-query-uids", \
      "a list of UIDs in a C-FIND has more values", "A700") \
    X(max_retrieve_uids, LIMIT, "max-retrieve-uids", \
      "the list of UIDs of a C-GET or C-MOVE has more values", "A701") \
    X(max_matches, LIMIT, "max-matches", \
      "a C-FIND has more matches", "so many matches, then A700") \
    X(max_suboperations, LIMIT, "max-suboperations", \
      "a C-GET or C-MOVE means more instances", "C-GET: C413; C-MOVE: C513") \
    X(max_waiting_jobs, LIMIT, "max-waiting-jobs", \
      "one large data set more waits to be taken apart or converted", \
      "C-STORE: A700; else the sub-operation fails") \
    X(database_max_waiting, LIMIT, "database-max-waiting", \
      "one operation more of a worker waits for a database connection", \
      "A700; C-GET and C-MOVE: A701; a new association: rejected, 2/3/1") \
    X(destination_max_waiting, LIMIT, "destination-max-waiting", \
      "one C-MOVE more waits for a destination", "A702") \
    X(audit_max_waiting, LIMIT, "audit-max-waiting", \
      "one audit row more of a thread waits to be written", "nothing: the row is dropped") \
    X(http_connections, FIXED_LIMIT, "http-connections", \
      "one connection more than 256 on the HTTP port", \
      "the connection whose last whole request is longest ago is closed") \
    X(open_files, FIXED_LIMIT, "open-files", \
      "the system gives no more descriptors (ulimit -n)", "has to wait: accepting pauses for half a second") \
    X(memory, FIXED_LIMIT, "memory", \
      "a message would need far more memory than messages of its size do", "A700; C-GET and C-MOVE: A701") \
    X(artim_timeout, DEADLINE, "artim-timeout", \
      "a peer does not ask for an association, its TLS handshake included, or does not close when all is said", \
      "the connection is closed") \
    X(negotiation_timeout, DEADLINE, "negotiation-timeout", \
      "a request for an association, or for its release, is not answered, or a destination's part in a TLS handshake lacks", \
      "A-ABORT; C-MOVE when a destination does not answer: A702") \
    X(idle_timeout, DEADLINE, "idle-timeout", \
      "an association has no operation in progress", "A-ABORT") \
    X(message_timeout, DEADLINE, "message-timeout", \
      "an unfinished message makes no progress", "A-ABORT") \
    X(message_time_limit, DEADLINE, "message-time-limit", \
      "a message is not complete, however steadily it comes", "A-ABORT") \
    X(write_timeout, DEADLINE, "write-timeout", \
      "a peer takes nothing of what waits for it", "the connection is closed") \
    X(operation_time_limit, DEADLINE, "operation-time-limit", \
      "an operation has not ended, however steadily it goes on", \
      "A700; C-GET and C-MOVE: what is left fails, B000 or A702") \
    X(connect_timeout, DEADLINE, "connect-timeout", \
      "a move destination cannot be connected to, or its host name not be looked up", "C-MOVE: A702") \
    X(suboperation_timeout, DEADLINE, "suboperation-timeout", \
      "a C-STORE that we sent is not answered", "what is left fails: B000 or A702") \
    X(cancel_grace, FIXED_DEADLINE, "cancel-grace", \
      "a C-STORE is not answered when the retrieve was cancelled: 5 s for a C-GET, 1 s for a C-MOVE", \
      "FE00; the sub-operation counts as failed") \
    X(destination_wait, DEADLINE, "destination-wait", \
      "a C-MOVE waits for its turn at a destination that is busy", "C-MOVE: A702") \
    X(database_wait, DEADLINE, "database-wait", \
      "an operation waits for a database connection", \
      "A700; C-GET and C-MOVE: A701; a new association: rejected, 2/3/1") \
    X(database_connect_timeout, DEADLINE, "database-connect-timeout", \
      "the database cannot be connected to", "A700; C-GET and C-MOVE: A701") \
    X(database_statement_timeout, DEADLINE, "database-statement-timeout", \
      "a statement makes no progress", "A700; C-GET and C-MOVE: A701") \
    X(http_request, FIXED_DEADLINE, "http-request", \
      "a request on the HTTP port is not whole after 10 s", "the connection is closed") \
    X(shutdown_grace, DEADLINE, "shutdown-grace", \
      "operations still run after SIGTERM", "A-ABORT")
/* clang-format on */

enum limit {
    LIMIT_NONE,
#define X(id, kind, name, strikes, seen) LIMIT_##id,
    LIMITS_LIST(X)
#undef X
        LIMIT_COUNT
};

enum limit_kind { LIMIT_KIND_LIMIT, LIMIT_KIND_DEADLINE };

struct limit_row {
    const char *name; /* "max-depth" */
    enum limit_kind kind;
    bool is_fixed; /* no setting has this name */
    const char *strikes, *seen;
};
const struct limit_row *limit_of(enum limit l); /* not of LIMIT_NONE */
/* "limit" or "deadline": the key beside the name, in log lines and in /metrics. */
const char *limit_kind_name(enum limit_kind kind);

/* Count it. Any thread; LIMIT_NONE is legal. */
void limit_struck(enum limit l);
int64_t limit_count(enum limit l); /* how often it has */

#endif
