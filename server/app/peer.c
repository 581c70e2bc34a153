/* SPDX-License-Identifier: Apache-2.0
 *
 * What the client commands (echo, store, find, get, move) share: the peer's options, statuses in words,
 * and Ctrl-C, which asks for C-CANCEL at first and ends the process the second time.
 */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "app_internal.h"
#include "dcm/dict.h"
#include "service/status.h"

/* Atomic: the threads of dppr import ask, and a signal comes to whichever of them. */
static atomic_int interrupts;

static void on_sigint(int number)
{
    static const char text[] = "\ncancelling; once more to stop at once\n";
    int interrupted = errno;

    (void)number;
    if (atomic_fetch_add(&interrupts, 1) > 0)
        _exit(STATUS_INTERRUPTED);
    ssize_t written = write(STDERR_FILENO, text, sizeof(text) - 1);
    (void)written; /* nothing to be done about it here */
    errno = interrupted;
}

void interrupt_install(void)
{
    struct sigaction sa = {.sa_handler = on_sigint};

    sigemptyset(&sa.sa_mask);
    sigaction(SIGINT, &sa, NULL);
}

bool interrupt_requested(void)
{
    return atomic_load(&interrupts) > 0;
}

/* An option of TLS alone would leave the connection plain without a word. */
static enum rc take_tls(struct peer_args *p, struct err *err)
{
    struct tls_options o = {.role = TLS_CLIENT,
                            .certificate = p->tls_certificate,
                            .key = p->tls_key,
                            .trust = p->tls_trust,
                            .trusts_anybody = p->tls_insecure};
    bool has_more =
        p->tls_trust || p->tls_name || p->tls_certificate || p->tls_key || p->tls_insecure;

    if (!p->has_tls)
        return has_more ? err_set(err, RC_INVALID, "options of TLS need --tls") : RC_OK;
    if (p->tls_trust && p->tls_insecure)
        return err_set(err, RC_INVALID, "--tls-trust and --tls-insecure exclude each other");
    if (!p->tls_trust && !p->tls_insecure)
        return err_set(err, RC_INVALID,
                       "--tls needs --tls-trust FILE, to tell whose certificates are good");
    enum rc rc = tls_new(&o, &p->tls, err);
    return rc == RC_OK ? tls_check_dates(p->tls, (int64_t)time(NULL), err) : rc;
}

void peer_finish(struct peer_args *p)
{
    tls_unref(p->tls);
    p->tls = NULL;
}

enum rc peer_prepare(struct peer_args *p, struct err *err)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    const char *bad = !aet_is_valid(p->aet) ? p->aet : !aet_is_valid(p->aec) ? p->aec : NULL;

    if (bad)
        return err_set(err, RC_INVALID, "'%.64s' is no AE title: 1 to 16 ASCII characters", bad);
    sigaction(SIGPIPE, &ignore, NULL);
    log_configure(p->is_verbose ? LOG_DEBUG : LOG_ERROR, LOG_LOGFMT);
    interrupt_install();
    enum rc rc = take_tls(p, err);
    return rc == RC_OK ? dcm_init(err) : rc;
}

struct scu_options peer_scu_options(const struct peer_args *p)
{
    return (struct scu_options){.host = p->host,
                                .port = (uint16_t)p->port,
                                .calling_aet = p->aet,
                                .called_aet = p->aec,
                                .timeout_ms = p->timeout_s * 1000,
                                .tls = p->tls,
                                .tls_name = p->tls_name};
}

void status_describe(const struct dimse_command *rsp, struct buf *out)
{
    buf_printf(out, "%04X %s", rsp->status, status_text(rsp->status));
    if (rsp->has & CMD_HAS_COMMENT && rsp->comment[0]) {
        buf_add_str(out, " (");
        show_text(out, span_str(rsp->comment));
        buf_add_str(out, ")");
    }
    if (rsp->has & CMD_HAS_OFFENDING && rsp->offending)
        buf_printf(out, ", offending element (%04X,%04X)", (unsigned)(rsp->offending >> 16),
                   (unsigned)(rsp->offending & 0xFFFF));
}

enum rc peer_echo(const struct peer_args *peer, struct err *err)
{
    static const char *const classes[] = {UID_VERIFICATION, NULL};
    struct scu_options options = peer_scu_options(peer);
    struct dimse_command rsp = {0};
    struct scu *scu = NULL;
    enum rc rc = scu_open(&options, classes, &scu, err);

    if (rc == RC_OK)
        rc = scu_echo(scu, &rsp, err);
    if (rc == RC_OK && rsp.status != STATUS_SUCCESS) {
        struct buf text = {0};
        status_describe(&rsp, &text);
        rc = err_set(err, RC_DENIED, "the peer answers %.200s", buf_cstr(&text));
        buf_fini(&text);
    }
    scu_close(scu);
    return rc;
}
