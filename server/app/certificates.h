/* SPDX-License-Identifier: Apache-2.0
 *
 * The certificates of a running server: read at its start and whenever it is told to, kept as snapshots for the
 * listener and for moves to destinations, watched for their end. Main thread.
 */
#ifndef APP_CERTIFICATES_H
#define APP_CERTIFICATES_H

#include "app/config.h"
#include "core/loop.h"

/* What the settings name. Either may be NULL: no port with TLS; nothing to verify destinations with. */
struct certificates_read {
    struct tls *server, *client;
};
MUST_CHECK enum rc certificates_read(const struct config *c, struct certificates_read *out,
                                     struct err *err);
/* That for connections to peers alone. */
MUST_CHECK enum rc certificates_read_client(const struct config *c, struct certificates_read *out,
                                            struct err *err);
void certificates_read_free(struct certificates_read *r);

struct certificates;
/* Reads them; an own certificate that has expired is said, and used. */
MUST_CHECK enum rc certificates_new(struct loop *l, const struct config *c,
                                    struct certificates **out, struct err *err);
void certificates_free(struct certificates *x); /* NULL is legal */
/* Reads them again, for what begins from now on. What is wrong, or has expired, is said in the log, and all stay as they
 * are: false. */
bool certificates_reload(struct certificates *x, const struct config *c);
/* Of the port with TLS, as it is now; borrowed until the next reload. NULL = there is none. */
struct tls *certificates_server(const struct certificates *x);
struct tls_holder *certificates_client(const struct certificates *x); /* borrowed */

/* Whole days until then, negative once that is past, and whether that is so soon that people should be told. */
enum { CERTIFICATE_WARN_DAYS = 30 };
int certificate_days_left(int64_t end, int64_t now);
/* From now to the end, or since, in the largest unit of which it has a whole one: "12 days", "1 hour". */
enum { CERTIFICATE_SPAN_SIZE = 32 };
const char *certificate_span(int64_t end, int64_t now, char out[CERTIFICATE_SPAN_SIZE]);

#endif
