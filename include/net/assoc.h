/* SPDX-License-Identifier: Apache-2.0
 *
 * net/assoc: one DICOM association, acceptor or requestor: Upper Layer over a stream, DIMSE messages on
 * top.
 *
 * Owns the stream, the state machine, the ARTIM timer, the assembly of incoming messages and the
 * fragmentation of outgoing ones. Loop thread only. Every open association ends with exactly one
 * on_closed; the association frees itself after that callback has returned (deferred), so the owner must
 * drop its pointer there. All other callbacks come from the loop, never from inside a call of the owner.
 *
 *   acceptor:  assoc_accept_fd -> on_request -> assoc_answer_accept | assoc_answer_reject (may be later)
 *              -> on_message ... -> on_release -> assoc_answer_release -> on_closed
 *   requestor: assoc_request -> on_established | on_rejected, on_closed
 *              -> assoc_send ... on_message ... -> assoc_release -> on_closed
 */
#ifndef NET_ASSOC_H
#define NET_ASSOC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "core/arena.h"
#include "core/bytes.h"
#include "core/log.h"
#include "core/loop.h"
#include "core/network.h"
#include "core/tls.h"
#include "net/command.h"
#include "net/pdu.h"

struct assoc;

/* One negotiated presentation context. Valid as long as the association. */
struct assoc_context {
    uint8_t id;
    bool accepted;
    const char *abstract_syntax;
    const char *transfer_syntax; /* "" unless accepted */
    bool local_scu;              /* we may send requests on it */
    bool local_scp;              /* the peer may send requests on it */
};

/* A whole incoming message. Owned by the receiver of on_message: dimse_message_free. */
struct dimse_message {
    struct dimse_command command;
    enum rc command_rc; /* what command_decode said: not RC_OK = refuse with 0212 */
    struct err command_err;
    const struct assoc_context *context;
    struct buf dataset;   /* empty unless command.has_dataset */
    bool dataset_too_big; /* larger than max_dataset_bytes: content dropped, refuse it */
};
void dimse_message_free(struct dimse_message *m); /* NULL is legal */

struct assoc_callbacks {
    /* Acceptor: an acceptable A-ASSOCIATE-RQ came (protocol version and application context are
     * checked already). rq lives until the answer, or until on_closed where the peer goes first. */
    void (*on_request)(struct assoc *a, const struct pdu_associate *rq, void *arg);
    /* Requestor: accepted. The contexts are settled; see assoc_find_context. */
    void (*on_established)(struct assoc *a, void *arg);
    /* Requestor: rejected; on_closed follows. */
    void (*on_rejected)(struct assoc *a, const struct pdu_reject *rj, void *arg);
    void (*on_message)(struct assoc *a, struct dimse_message *m, void *arg);
    /* Output has drained after assoc_is_full. */
    void (*on_drained)(struct assoc *a, void *arg);
    /* The peer asks for release. Finish or drop the work, then assoc_answer_release. Not called when we
     * have asked as well: the association settles such a collision by itself. */
    void (*on_release)(struct assoc *a, void *arg);
    /* The peer broke the protocol and was sent an A-ABORT (PS3.8 AA-8, A-P-ABORT indication): nothing can be sent
     * any more, so stop the work; on_closed follows when the transport is closed. May be NULL. */
    void (*on_abort)(struct assoc *a, void *arg);
    /* The end, when the transport is closed: after an abort of ours that is when the peer has closed or
     * ARTIM has expired; assoc_send says RC_INVALID in between. why->code RC_OK = released in order or
     * refused before; RC_CANCELED = we aborted; RC_IO = transport or peer's abort; RC_INVALID = protocol
     * error; RC_LIMIT, RC_TIMEOUT: why->limit says which; text says what. */
    void (*on_closed)(struct assoc *a, const struct err *why, void *arg);
};

struct assoc_options {
    uint32_t max_pdu_bytes;       /* offered to the peer, 0 = unlimited; default 131072 */
    uint32_t max_associate_bytes; /* of an A-ASSOCIATE PDU, checked in advance; default 1 MiB */
    unsigned max_contexts; /* presentation contexts of a request; default 128, which is the most */
    size_t max_command_bytes; /* default 64 KiB */
    size_t max_dataset_bytes; /* of one incoming message; default 64 MiB */
    size_t high_water_bytes;  /* output; default 256 KiB */
    int64_t artim_ms;         /* PS3.8 9.1.4; default 30 s */
    int64_t negotiation_ms;   /* any answer of the Upper Layer but by ARTIM: AC or RJ, the owner's
                                     to on_request, the peer's to a release; default 30 s */
    int64_t connect_ms;       /* default 10 s */
    int64_t idle_ms;          /* no operation in progress; 0 = never; see assoc_set_busy */
    int64_t message_stall_ms; /* an unfinished message makes no progress; default 60 s */
    int64_t message_ms;       /* a message from its first octet to its last; default 10 min */
    int64_t write_stall_ms;   /* default 60 s */
    int send_buffer_bytes;
    /* Acceptor: who connected, as accept(2) said, since a peer that has reset the connection has no address any
     * more; NULL = ask the socket. Borrowed for the call. */
    const struct sockaddr *peer;
    /* Who may connect and close without a word and without a line in the log. Borrowed. */
    const struct network *probes;
    unsigned probe_count;
    /* Balancers: who connects from there begins with a PROXY header (core/proxy.h), others must not. Likewise. */
    const struct network *proxies;
    unsigned proxy_count;
    uint16_t http_port; /* to be named to HTTP clients in the log; 0 = none */
    uint16_t tls_port;  /* likewise to those of TLS */
    /* NULL = plain. An acceptor's, whose handshake ARTIM bounds; a requestor's, with the name that the peer's
     * certificate must have (NULL = any). Borrowed for the call. */
    struct tls *tls;
    const char *tls_name;
};
struct assoc_options assoc_options_default(void);

/* Acceptor: takes fd (owned). returned; never NULL. */
struct assoc *assoc_accept_fd(struct loop *l, int fd, const struct assoc_options *options,
                              const struct assoc_callbacks *callbacks, void *arg);
/* Requestor: connects and sends rq, which is copied; protocol version, application context, maximum
 * length and, where absent, the implementation identifiers are filled in. returned; never NULL. */
struct assoc *assoc_request(struct loop *l, const struct sockaddr *addr, socklen_t addr_len,
                            const struct pdu_associate *rq, const struct assoc_options *options,
                            const struct assoc_callbacks *callbacks, void *arg);

/* Answers to on_request. ac: contexts with results, roles, extended negotiation and async window as
 * net/negotiate made them; AE titles, maximum length and implementation identifiers are filled in. */
void assoc_answer_accept(struct assoc *a, const struct pdu_associate *ac);
/* why: for the one line of the log at this level; borrowed for the call. */
void assoc_answer_reject(struct assoc *a, const struct pdu_reject *rj, enum log_level level,
                         const struct err *why);
void assoc_answer_release(struct assoc *a); /* after on_release; also flushes queued responses */
void assoc_release(struct assoc *a);        /* ask for release; on_closed follows */
void assoc_abort(struct assoc *a, uint8_t source, uint8_t reason,
                 const char *why); /* why: for the log */

/* At once, for the end of a worker: an established peer gets an A-ABORT if it can be sent without
 * waiting, no callback comes any more, the memory goes by deferred work. NULL is legal; so are callbacks
 * of the association as the place to call it from. */
void assoc_free(struct assoc *a);

/* Queue one message (command and, when data is not NULL, its data set, which is copied). The command's
 * has_dataset is set accordingly. Fragmented to the peer's maximum PDU. RC_INVALID when the association
 * is not in data transfer or the context is not accepted; nothing is sent then. */
MUST_CHECK enum rc assoc_send(struct assoc *a, const struct assoc_context *ctx,
                              const struct dimse_command *cmd, const struct span *data);
/* Stop producing until on_drained. While the output is full at most 64 further messages are taken, so that
 * a peer that asks and never reads cannot fill our memory; then reading waits for on_drained. */
bool assoc_is_full(const struct assoc *a);
/* Operations in progress suspend the idle timer: call with +1 and -1. It counts from the last message
 * or the end of the last operation. */
void assoc_set_busy(struct assoc *a, int delta);
/* Whether a message, or a PDU, has come in part. */
bool assoc_is_receiving(const struct assoc *a);
uint16_t assoc_next_message_id(struct assoc *a); /* for requests we send; never 0 */

const struct assoc_context *assoc_context_by_id(const struct assoc *a, uint8_t id);
/* The accepted context for this SOP class on which we may be SCU, with this transfer syntax, or with
 * any when transfer_syntax is NULL; NULL = none. */
const struct assoc_context *assoc_find_context(const struct assoc *a, const char *abstract_syntax,
                                               const char *transfer_syntax);
/* The other side's extended negotiation for a class: the RQ's for an acceptor, the AC's for a requestor. */
bool assoc_peer_extended(const struct assoc *a, const char *sop_class, struct span *info);
/* Negotiated asynchronous window: how many requests we may have outstanding, and the peer. 0 = unlimited. */
void assoc_async_window(const struct assoc *a, uint16_t *we_invoke, uint16_t *peer_invokes);
const char *assoc_calling_aet(const struct assoc *a);
const char *assoc_peer_address(const struct assoc *a); /* "192.0.2.1" */
/* As stream_check_binding. */
MUST_CHECK enum rc assoc_check_binding(const struct assoc *a, const char *entries, struct err *err);
uint64_t assoc_number(const struct assoc *a); /* unique in the process, for logs */
const struct log_ctx *assoc_log(const struct assoc *a);
struct arena *assoc_arena(struct assoc *a); /* lifetime of the association */
struct loop *assoc_loop(const struct assoc *a);

#endif
