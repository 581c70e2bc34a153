/* SPDX-License-Identifier: Apache-2.0
 *
 * A loop, a clock, a log and streams without a kernel, for associations that must behave the same every time.
 *
 * net_fake.c defines the functions of core/loop, core/clock, core/stream and core/log that net uses; the linker takes
 * those before it looks into the library. Time stands still until fake_advance; octets come by fake_offer; what is written
 * is kept and handed out.
 */
#ifndef TESTS_FUZZ_NET_FAKE_H
#define TESTS_FUZZ_NET_FAKE_H

#include "core/loop.h"
#include "core/stream.h"

struct loop *fake_loop_new(void);
void fake_loop_free(struct loop *l); /* checks that nothing is left of timers and streams */
void fake_run_deferred(struct loop *l);
void fake_advance(struct loop *l, int64_t ms); /* fires what falls due, in order */

/* The stream made last on this loop; NULL when it has been freed. */
struct stream *fake_stream(struct loop *l);
/* The peer's side of it. All end with the loop's deferred work. */
void fake_connected(struct loop *l);
void fake_offer(struct loop *l, struct span octets);
void fake_read_all(struct loop *l); /* the peer takes what waits for it */
void fake_peer_closes(struct loop *l);
/* Whatever has been written so far, valid until the next write. */
struct span fake_written(const struct loop *l);

#endif
